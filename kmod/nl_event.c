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
	WRITE_ONCE(cham_nl_open, on);
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

/* Whom a tenant's events are for, beginning with the provider: then the tenant itself.
 * RCU or RTNL. Return: NULL after the last.
 */
static struct net *cham_next_audience(const struct cham_tenant *t, const struct net *net)
{
	return net_eq(net, &init_net) ? rcu_dereference_rtnl(t->net) : NULL;
}

void cham_nl_tenant_event(enum cham_cmd cmd, const struct cham_tenant *t)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(cmd, &init_net, &hdr, GFP_KERNEL);

	atomic_inc(&cham_tenant_seq);
	if (msg)
		cham_event_send(msg, &init_net, hdr, cham_put_tenant(msg, t), GFP_KERNEL);
}

void cham_nl_port_event(enum cham_cmd cmd, struct cham_port *port)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(cmd, &init_net, &hdr, GFP_KERNEL);

	atomic_inc(&cham_port_seq);
	if (msg)
		cham_event_send(msg, &init_net, hdr, cham_put_port(msg, port), GFP_KERNEL);
}

void cham_nl_conn_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_conn *conn)
{
	struct sk_buff *msg;
	struct net *net;
	void *hdr;

	for (net = &init_net; net; net = cham_next_audience(t, net)) {
		msg = cham_event_new(cmd, net, &hdr, GFP_ATOMIC);
		if (msg)
			cham_event_send(msg, net, hdr,
					cham_put_conn(msg, conn, net_eq(net, &init_net)),
					GFP_ATOMIC);
	}
}

void cham_nl_miss_event(struct cham_tenant *t, const struct cham_query *q,
			enum cham_reason why)
{
	struct sk_buff *msg;
	struct net *net;
	void *hdr;

	if (time_before(jiffies, READ_ONCE(t->last_miss_ntf) + HZ))
		return;
	WRITE_ONCE(t->last_miss_ntf, jiffies);
	for (net = &init_net; net; net = cham_next_audience(t, net)) {
		msg = cham_event_new(CHAM_CMD_MISS_NTF, net, &hdr, GFP_ATOMIC);
		if (msg)
			cham_event_send(msg, net, hdr, cham_put_miss(msg, t->id, q, why),
					GFP_ATOMIC);
	}
}

void cham_nl_quota_event(struct cham_tenant *t, enum cham_tenant_attr quota)
{
	struct sk_buff *msg;
	struct net *net;
	u32 limit;
	void *hdr;

	if (time_before(jiffies, READ_ONCE(t->last_quota_ntf) + HZ))
		return;
	WRITE_ONCE(t->last_quota_ntf, jiffies);
	limit = quota == CHAM_TENANT_MAX_CONNS ? t->cfg.max_conns :
		quota == CHAM_TENANT_MAX_PORTS ? t->cfg.max_ports : t->cfg.max_fdb;
	for (net = &init_net; net; net = cham_next_audience(t, net)) {
		msg = cham_event_new(CHAM_CMD_QUOTA_NTF, net, &hdr, GFP_ATOMIC);
		if (msg)
			cham_event_send(msg, net, hdr,
					nla_put_u32(msg, CHAM_TENANT_ID, t->id) ||
					nla_put_string(msg, CHAM_TENANT_NAME, t->name) ||
					nla_put_u32(msg, quota, limit), GFP_ATOMIC);
	}
}

/* Ring locks may be held; RCU or RTNL keeps @port. */
void cham_nl_broken_event(struct cham_port *port)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(CHAM_CMD_RING_BROKEN_NTF, &init_net, &hdr,
					     GFP_ATOMIC);

	if (msg)
		cham_event_send(msg, &init_net, hdr, cham_put_port(msg, port), GFP_ATOMIC);
}

void cham_nl_prog_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_prog *prog, gfp_t gfp)
{
	struct sk_buff *msg;
	struct net *net;
	void *hdr;

	for (net = &init_net; net; net = cham_next_audience(t, net)) {
		msg = cham_event_new(cmd, net, &hdr, gfp);
		if (msg)
			cham_event_send(msg, net, hdr, cham_put_prog(msg, t, prog), gfp);
	}
}

bool cham_nl_handler_event(const struct cham_cpu *cpu, const struct cham_private *priv,
			   u32 event)
{
	struct sk_buff *msg;
	bool told = false;
	struct net *net;
	void *hdr;

	for (net = &init_net; net; net = cham_next_audience(cpu->tenant, net)) {
		msg = cham_event_new(CHAM_CMD_HANDLER_NTF, net, &hdr, GFP_ATOMIC);
		if (msg && !cham_event_send(msg, net, hdr,
					    cham_put_event(msg, cpu, priv, event), GFP_ATOMIC))
			told = true;
	}
	return told;
}
