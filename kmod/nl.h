/* SPDX-License-Identifier: GPL-2.0 */
/* Between netlink.c (requests), nl_conn.c (those about connections) and nl_event.c
 * (what listeners are told).
 */
#ifndef CHAM_NL_H
#define CHAM_NL_H

#include <linux/atomic.h>
#include <net/genetlink.h>
#include "chamelio.h"

struct cham_tenant;
struct net;

enum { CHAM_GRP_EVENTS };

extern struct genl_family cham_family;

/* Moved by each event of such an object; a dump that sees it move was interrupted. */
extern atomic_t cham_tenant_seq;
extern atomic_t cham_port_seq;

void cham_nl_events(bool on);

#define CHAM_POLICY_TENANT	NLA_POLICY_RANGE(NLA_U32, 1, CHAM_TENANT_ID_MAX)
#define CHAM_POLICY_ADDR	NLA_POLICY_RANGE(NLA_BINARY, 4, 16)

/* What a request names, or an ERR_PTR() and the request's extack says why. RTNL held.
 * @name: 0 where a tenant goes by its number alone.
 */
struct cham_tenant *cham_nl_tenant_id(const struct nlattr *id,
				      struct netlink_ext_ack *extack);
struct cham_tenant *cham_nl_tenant(struct genl_info *info, int id, int name);
/* The policy says 4 to 16 bytes. Return: 0, of none, too; or -EINVAL. */
int cham_nl_addr(const struct nlattr *addr, struct netlink_ext_ack *extack);

/* An answer to a do: open, put, send. The put's result goes into send. */
struct sk_buff *cham_reply_new(struct genl_info *info, u8 cmd, void **hdr);
int cham_reply_send(struct genl_info *info, struct sk_buff *msg, void *hdr, int err);

/* Whether a request from @net is obeyed at all; @tenants: one that tenants may make.
 * RTNL held. Return: 0 or -EPERM.
 */
int cham_nl_may(const struct net *net, bool tenants, struct netlink_ext_ack *extack);

struct cham_dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	u8 cmd;
	unsigned long skip;	/* objects already sent */
	unsigned long at;
	bool provider;		/* who asks; if not: */
	u32 tenant;		/* whose namespace it is, 0 nobody's any more */
};

/* RTNL held. */
struct cham_dump cham_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
				 unsigned long skip);

static inline bool cham_dump_shows(const struct cham_dump *d, u32 tenant)
{
	return d->provider || d->tenant == tenant;
}

/* Never 0, which means "not told". */
static inline u32 cham_dump_seq(const atomic_t *seq)
{
	return (u32)atomic_read(seq) ?: 1;
}

static inline void *cham_dump_open(struct cham_dump *d)
{
	void *hdr = genlmsg_put(d->skb, NETLINK_CB(d->cb->skb).portid,
				d->cb->nlh->nlmsg_seq, &cham_family, NLM_F_MULTI,
				d->cmd);

	if (hdr)
		genl_dump_check_consistent(d->cb, hdr);
	return hdr;
}

/* Ends one object's message; a full buffer stops the walk. */
static inline int cham_dump_close(struct cham_dump *d, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(d->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(d->skb, hdr);
	d->cb->args[0]++;
	return 0;
}

static inline bool cham_dump_skip(struct cham_dump *d)
{
	return d->at++ < d->skip;
}

#define CHAM_DUMP_ONE(d, put, ...) ({					\
	struct cham_dump *__d = (d);					\
	void *__hdr = cham_dump_open(__d);				\
									\
	__hdr ? cham_dump_close(__d, __hdr, put(__d->skb, ##__VA_ARGS__)) : -EMSGSIZE; \
})

extern const struct nla_policy cham_conn_key_policy[CHAM_CONN_VLAN_ID + 1];
extern const struct nla_policy cham_conn_new_policy[CHAM_CONN_AREA + 1];
extern const struct nla_policy cham_conn_dump_policy[CHAM_CONN_VLAN_ID + 1];
extern const struct nla_policy cham_conn_flush_policy[CHAM_CONN_TENANT_ID + 1];
extern const struct nla_policy cham_packet_send_policy[CHAM_PACKET_FRAME + 1];

int cham_nl_conn_get(struct sk_buff *skb, struct genl_info *info);
int cham_nl_conn_start(struct netlink_callback *cb);
int cham_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb);
int cham_nl_conn_new(struct sk_buff *skb, struct genl_info *info);
int cham_nl_conn_set(struct sk_buff *skb, struct genl_info *info);
int cham_nl_conn_del(struct sk_buff *skb, struct genl_info *info);
int cham_nl_conn_flush(struct sk_buff *skb, struct genl_info *info);
int cham_nl_packet_send(struct sk_buff *skb, struct genl_info *info);
#endif
