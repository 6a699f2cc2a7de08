// SPDX-License-Identifier: GPL-2.0
/* What the family's listeners are told. */
#include <linux/rtnetlink.h>
#include <net/genetlink.h>

#include "conn.h"
#include "kfunc.h"
#include "netlink.h"
#include "nl.h"
#include "nl_put.h"
#include "port.h"
#include "tenant.h"

atomic_t cham_tenant_seq = ATOMIC_INIT(1);
atomic_t cham_port_seq = ATOMIC_INIT(1);

static bool cham_nl_open;	/* no event before the family is there */

void cham_nl_events(bool on)
{
	/* Who sleeps while it tells holds RTNL, all others are within the grace period. */
	rtnl_lock();
	WRITE_ONCE(cham_nl_open, on);
	rtnl_unlock();
	if (!on)
		synchronize_net();
}

static struct sk_buff *cham_event_new(u8 cmd, struct net *net, void **hdr, gfp_t gfp)
{
	struct sk_buff *msg;

	if (!READ_ONCE(cham_nl_open) ||
	    !genl_has_listeners(&cham_family, net, CHAM_GRP_EVENTS))
		return NULL;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, gfp);
	if (!msg)
		return NULL;
	*hdr = genlmsg_put(msg, 0, 0, &cham_family, 0, cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* Return: 0 when somebody was told. */
static int cham_event_send(struct sk_buff *msg, struct net *net, void *hdr, int err,
			   gfp_t gfp)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_multicast_netns(&cham_family, net, msg, 0, CHAM_GRP_EVENTS, gfp);
}

/* An event to the listeners in @to; @put(msg, ...) fills it. Whether somebody was told. */
#define CHAM_TELL(to, cmd, gfp, put, ...) ({				\
	struct net *__to = (to);					\
	gfp_t __gfp = (gfp);						\
	void *__hdr;							\
	struct sk_buff *__msg = cham_event_new(cmd, __to, &__hdr, __gfp); \
									\
	__msg && !cham_event_send(__msg, __to, __hdr,			\
				  put(__msg, ##__VA_ARGS__), __gfp);	\
})

/* Whom a tenant's events are for, beginning with the provider: then the tenant itself.
 * RCU or RTNL. Return: NULL after the last.
 */
static struct net *cham_next_audience(const struct cham_tenant *t, const struct net *net)
{
	return net_eq(net, &init_net) ? rcu_dereference_rtnl(t->net) : NULL;
}

void cham_nl_tenant_event(enum cham_cmd cmd, const struct cham_tenant *t)
{
	atomic_inc(&cham_tenant_seq);
	CHAM_TELL(&init_net, cmd, GFP_KERNEL, cham_put_tenant, t);
}

void cham_nl_port_event(enum cham_cmd cmd, struct cham_port *port)
{
	atomic_inc(&cham_port_seq);
	/* Not all who tell of ports hold RTNL, see cham_nl_events(). */
	rcu_read_lock();
	CHAM_TELL(&init_net, cmd, GFP_ATOMIC, cham_put_port, port);
	rcu_read_unlock();
}

void cham_nl_conn_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_conn *conn)
{
	struct net *net;

	for (net = &init_net; net; net = cham_next_audience(t, net))
		CHAM_TELL(net, cmd, GFP_ATOMIC, cham_put_conn, conn, net_eq(net, &init_net));
}

void cham_nl_miss_event(struct cham_tenant *t, const struct cham_query *q,
			enum cham_reason why)
{
	struct net *net;

	if (time_before(jiffies, READ_ONCE(t->last_miss_ntf) + HZ))
		return;
	WRITE_ONCE(t->last_miss_ntf, jiffies);
	for (net = &init_net; net; net = cham_next_audience(t, net))
		CHAM_TELL(net, CHAM_CMD_MISS_NTF, GFP_ATOMIC, cham_put_miss, t->id, q, why);
}

static int cham_put_quota(struct sk_buff *msg, const struct cham_tenant *t,
			  enum cham_tenant_attr quota)
{
	u32 limit = quota == CHAM_TENANT_MAX_CONNS ? t->cfg.max_conns :
		    quota == CHAM_TENANT_MAX_PORTS ? t->cfg.max_ports : t->cfg.max_fdb;

	return nla_put_u32(msg, CHAM_TENANT_ID, t->id) ||
	       nla_put_string(msg, CHAM_TENANT_NAME, t->name) ||
	       nla_put_u32(msg, quota, limit) ? -EMSGSIZE : 0;
}

void cham_nl_quota_event(struct cham_tenant *t, enum cham_tenant_attr quota)
{
	struct net *net;

	if (time_before(jiffies, READ_ONCE(t->last_quota_ntf) + HZ))
		return;
	WRITE_ONCE(t->last_quota_ntf, jiffies);
	for (net = &init_net; net; net = cham_next_audience(t, net))
		CHAM_TELL(net, CHAM_CMD_QUOTA_NTF, GFP_ATOMIC, cham_put_quota, t, quota);
}

/* Ring locks may be held; RCU or RTNL keeps @port. */
void cham_nl_broken_event(struct cham_port *port)
{
	CHAM_TELL(&init_net, CHAM_CMD_RING_BROKEN_NTF, GFP_ATOMIC, cham_put_port, port);
}

void cham_nl_prog_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_prog *prog, gfp_t gfp)
{
	struct net *net;

	for (net = &init_net; net; net = cham_next_audience(t, net))
		CHAM_TELL(net, cmd, gfp, cham_put_prog, t, prog);
}

bool cham_nl_handler_event(const struct cham_cpu *cpu, const struct cham_private *priv,
			   u32 event)
{
	bool told = false;
	struct net *net;

	for (net = &init_net; net; net = cham_next_audience(cpu->tenant, net))
		told |= CHAM_TELL(net, CHAM_CMD_HANDLER_NTF, GFP_ATOMIC, cham_put_event,
				  cpu, priv, event);
	return told;
}
