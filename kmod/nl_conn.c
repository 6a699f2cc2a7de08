// SPDX-License-Identifier: GPL-2.0
/* What a tenant's slow path drives, and who looks: connections; and what it sends. */
#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "conn.h"
#include "netlink.h"
#include "netns.h"
#include "nl.h"
#include "nl_put.h"
#include "port.h"
#include "prog.h"
#include "tenant.h"

const struct nla_policy cham_conn_key_policy[CHAM_CONN_VLAN_ID + 1] = {
	[CHAM_CONN_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_CONN_PROTO]	= { .type = NLA_U8 },
	[CHAM_CONN_SRC]		= CHAM_POLICY_ADDR,
	[CHAM_CONN_DST]		= CHAM_POLICY_ADDR,
	[CHAM_CONN_SPORT]	= { .type = NLA_U16 },
	[CHAM_CONN_DPORT]	= { .type = NLA_U16 },
	[CHAM_CONN_VLAN_ID]	= NLA_POLICY_MAX(NLA_U16, 4094),
};

const struct nla_policy cham_conn_new_policy[CHAM_CONN_AREA + 1] = {
	[CHAM_CONN_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_CONN_PROTO]	= { .type = NLA_U8 },
	[CHAM_CONN_SRC]		= CHAM_POLICY_ADDR,
	[CHAM_CONN_DST]		= CHAM_POLICY_ADDR,
	[CHAM_CONN_SPORT]	= { .type = NLA_U16 },
	[CHAM_CONN_DPORT]	= { .type = NLA_U16 },
	[CHAM_CONN_VLAN_ID]	= NLA_POLICY_MAX(NLA_U16, 4094),
	[CHAM_CONN_LAYOUT]	= { .type = NLA_U32 },
	[CHAM_CONN_AREA]	= NLA_POLICY_EXACT_LEN(CHAM_AREA_SIZE),
};

const struct nla_policy cham_conn_dump_policy[CHAM_CONN_VLAN_ID + 1] = {
	[CHAM_CONN_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_CONN_PROTO]	= { .type = NLA_U8 },
	[CHAM_CONN_SRC]		= CHAM_POLICY_ADDR,
	[CHAM_CONN_DST]		= CHAM_POLICY_ADDR,
	[CHAM_CONN_SPORT]	= { .type = NLA_U16 },
	[CHAM_CONN_DPORT]	= { .type = NLA_U16 },
	[CHAM_CONN_VLAN_ID]	= NLA_POLICY_MAX(NLA_U16, 4094),
	[CHAM_CONN_TCP_STATE]	= NLA_POLICY_RANGE(NLA_U8, 1, TCP_CLOSING),
};

const struct nla_policy cham_conn_flush_policy[CHAM_CONN_TENANT_ID + 1] = {
	[CHAM_CONN_TENANT_ID]	= CHAM_POLICY_TENANT,
};

const struct nla_policy cham_packet_send_policy[CHAM_PACKET_FRAME + 1] = {
	[CHAM_PACKET_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_PACKET_FRAME]	= NLA_POLICY_RANGE(NLA_BINARY, ETH_HLEN, CHAM_SEND_MAX),
};

/* The one connection that a request is about. */
struct cham_conn_ref {
	struct cham_tenant *tenant;
	struct cham_key key;
	unsigned int dir;	/* of src to dst */
};

static int cham_nl_conn_proto(const struct genl_info *info, bool ipv6)
{
	u8 proto = nla_get_u8(info->attrs[CHAM_CONN_PROTO]);

	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP ||
	    proto == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return 0;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[CHAM_CONN_PROTO],
				"protocol %u makes no connection over IPv%u; TCP, UDP and ICMP echo do",
				proto, ipv6 ? 6 : 4);
	return -EINVAL;
}

static int cham_nl_conn_ref(struct genl_info *info, struct cham_conn_ref *ref)
{
	struct cham_tuple tuple = {};
	struct nlattr **a = info->attrs;

	ref->tenant = cham_nl_tenant(info, CHAM_CONN_TENANT_ID, 0);
	if (IS_ERR(ref->tenant))
		return PTR_ERR(ref->tenant);
	if (!a[CHAM_CONN_PROTO] || !a[CHAM_CONN_SRC] || !a[CHAM_CONN_DST] ||
	    !a[CHAM_CONN_SPORT] || !a[CHAM_CONN_DPORT]) {
		NL_SET_ERR_MSG(info->extack,
			       "a connection is named by proto, src, dst, sport and dport");
		return -EINVAL;
	}
	if (cham_nl_addr(a[CHAM_CONN_SRC], info->extack) ||
	    cham_nl_addr(a[CHAM_CONN_DST], info->extack))
		return -EINVAL;
	if (nla_len(a[CHAM_CONN_SRC]) != nla_len(a[CHAM_CONN_DST])) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[CHAM_CONN_DST],
				    "src and dst are of two address families");
		return -EINVAL;
	}
	tuple.ipv6 = nla_len(a[CHAM_CONN_SRC]) == 16;
	if (cham_nl_conn_proto(info, tuple.ipv6))
		return -EINVAL;
	nla_memcpy(tuple.saddr, a[CHAM_CONN_SRC], sizeof(tuple.saddr));
	nla_memcpy(tuple.daddr, a[CHAM_CONN_DST], sizeof(tuple.daddr));
	tuple.sport = htons(nla_get_u16(a[CHAM_CONN_SPORT]));
	tuple.dport = htons(nla_get_u16(a[CHAM_CONN_DPORT]));
	tuple.proto = nla_get_u8(a[CHAM_CONN_PROTO]);
	if (tuple.proto != IPPROTO_TCP && tuple.proto != IPPROTO_UDP &&
	    tuple.sport != tuple.dport) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[CHAM_CONN_DPORT],
				    "sport and dport of ICMP echo are both its identifier");
		return -EINVAL;
	}
	if (a[CHAM_CONN_VLAN_ID])
		tuple.vlan = nla_get_u16(a[CHAM_CONN_VLAN_ID]);
	ref->key = cham_conn_key(&tuple, ref->tenant->key, &ref->dir);
	return 0;
}

/* Layout and area of a request. Return: 0 with *@draft to be freed, NULL without an
 * area; or a negative errno.
 */
static int cham_nl_conn_area(struct genl_info *info, const struct cham_tenant *t,
			     struct cham_private **draft)
{
	const struct cham_prog *prog = rtnl_dereference(t->program);
	const struct nlattr *area = info->attrs[CHAM_CONN_AREA];
	const struct nlattr *layout = info->attrs[CHAM_CONN_LAYOUT];

	*draft = NULL;
	if (!area && !layout)
		return 0;
	if (!prog) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, area ?: layout,
					"tenant %s has no program that an area would be for",
					t->name);
		return -EINVAL;
	}
	if (layout && nla_get_u32(layout) != prog->layout) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, layout,
					"areas of tenant %s are of layout 0x%x",
					t->name, prog->layout);
		return -EINVAL;
	}
	if (!area)
		return 0;
	*draft = kzalloc(sizeof(**draft), GFP_KERNEL);
	if (!*draft)
		return -ENOMEM;
	(*draft)->layout = prog->layout;
	nla_memcpy(&(*draft)->area, area, sizeof((*draft)->area));
	return 0;
}

static int cham_nl_conn_gone(struct genl_info *info)
{
	NL_SET_ERR_MSG(info->extack, "there is no such connection");
	return -ENOENT;
}

static int cham_nl_conn_full(struct genl_info *info, const struct cham_tenant *t,
			     enum cham_reason why)
{
	switch (why) {
	case CHAM_REASON_QUOTA:
		NL_SET_ERR_MSG_FMT(info->extack, "tenant %s may have %u connections",
				   t->name, t->cfg.max_conns);
		return -EDQUOT;
	case CHAM_REASON_TABLE_FULL:
		NL_SET_ERR_MSG(info->extack, "the connection table or its bucket is full");
		return -ENOSPC;
	default:
		return -ENOMEM;
	}
}

static int cham_nl_conn_insert(struct genl_info *info, const struct cham_conn_ref *ref,
			       const struct cham_private *draft)
{
	enum cham_reason why;
	struct cham_conn *conn;
	bool fresh = false;

	local_bh_disable();
	rcu_read_lock();
	conn = cham_conn_insert(ref->tenant, &ref->key, ref->dir, draft, &fresh, &why);
	if (fresh)
		cham_nl_conn_event(CHAM_CMD_CONN_NTF, ref->tenant, conn);
	rcu_read_unlock();
	local_bh_enable();
	if (!conn)
		return cham_nl_conn_full(info, ref->tenant, why);
	if (fresh)
		return 0;
	NL_SET_ERR_MSG(info->extack, "the connection exists already");
	return -EEXIST;
}

/* A connection as if its first packet had come: where its packets go, the first ones
 * find out. It expires as others do.
 */
int cham_nl_conn_new(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_private *draft;
	struct cham_conn_ref ref;
	int err;

	err = cham_nl_conn_ref(info, &ref);
	if (!err)
		err = cham_nl_conn_area(info, ref.tenant, &draft);
	if (err)
		return err;
	err = cham_nl_conn_insert(info, &ref, draft);
	kfree(draft);
	return err;
}

/* A handler that runs at the same time sees all of it or nothing if its program is
 * serialised, and whole words otherwise.
 */
static int cham_nl_conn_write(struct cham_conn *conn, const struct cham_tenant *t,
			      const struct cham_private *draft)
{
	struct cham_private *priv = cham_private_get(t, conn, draft->layout);
	unsigned int i;

	if (!priv)
		return -ENOMEM;
	spin_lock(&priv->lock);
	for (i = 0; i < ARRAY_SIZE(priv->area.word); i++)
		WRITE_ONCE(priv->area.word[i], draft->area.word[i]);
	spin_unlock(&priv->lock);
	return 0;
}

int cham_nl_conn_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_private *draft;
	struct cham_conn_ref ref;
	struct cham_conn *conn;
	int err;

	err = cham_nl_conn_ref(info, &ref);
	if (!err)
		err = cham_nl_conn_area(info, ref.tenant, &draft);
	if (err)
		return err;
	if (!draft) {
		NL_SET_ERR_MSG(info->extack, "an area is needed");
		return -EINVAL;
	}
	local_bh_disable();
	rcu_read_lock();
	conn = cham_conn_lookup_rcu(&ref.key, cham_conn_hash(&ref.key));
	err = !conn ? cham_nl_conn_gone(info) :
		      cham_nl_conn_write(conn, ref.tenant, draft);
	rcu_read_unlock();
	local_bh_enable();
	kfree(draft);
	return err;
}

/* Waits for a flush, perhaps, and a tenant may ask for it: not with RTNL, which everybody
 * waits for. cham_nl_post() has it back. Of the tenant there is only the number, in the key.
 */
int cham_nl_conn_del(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_conn_ref ref;
	int err;

	err = cham_nl_conn_ref(info, &ref);
	if (err)
		return err;
	rtnl_unlock();
	err = cham_conn_del(&ref.key);
	rtnl_lock();
	return err ? cham_nl_conn_gone(info) : 0;
}

int cham_nl_conn_get(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_conn_ref ref;
	struct cham_conn *conn;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = cham_nl_conn_ref(info, &ref);
	if (err)
		return err;
	msg = cham_reply_new(info, CHAM_CMD_CONN_GET, &hdr);
	if (!msg)
		return -ENOMEM;
	local_bh_disable();
	rcu_read_lock();
	conn = cham_conn_lookup_rcu(&ref.key, cham_conn_hash(&ref.key));
	err = !conn ? cham_nl_conn_gone(info) :
		      cham_put_conn(msg, conn, net_eq(genl_info_net(info), &init_net)) ?:
		      cham_put_area(msg, conn);
	rcu_read_unlock();
	local_bh_enable();
	return cham_reply_send(info, msg, hdr, err);
}

/* Who removes a tenant waits for the wheel's mutex with RTNL held: of all flushes that are
 * asked for, one at a time does, too.
 */
static DEFINE_MUTEX(cham_flush_mutex);

/* Tenants that are flushing, by number: no tenant makes the others wait for more than one. */
static DECLARE_BITMAP(cham_flushing, CHAM_TENANTS_MAX);

/* All tenants' connections are looked at, which takes its time. Context: without RTNL. */
static int cham_nl_conn_flush_one(u32 id)
{
	int err = mutex_lock_killable(&cham_flush_mutex);

	if (err)
		return err;
	cham_conn_flush(id);
	mutex_unlock(&cham_flush_mutex);
	return 0;
}

int cham_nl_conn_flush(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_netns_tenant(genl_info_net(info));
	bool own = t;	/* the provider's is not refused because a tenant's is going on */
	int err;
	u32 id;

	if (info->attrs[CHAM_CONN_TENANT_ID]) {
		t = cham_nl_tenant(info, CHAM_CONN_TENANT_ID, 0);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	id = t ? t->id : 0;
	if (own && test_and_set_bit(id, cham_flushing)) {
		NL_SET_ERR_MSG(info->extack, "another flush is going on: try again");
		return -EBUSY;
	}
	/* Nobody else waits for it: cham_nl_post() has it back. */
	rtnl_unlock();
	err = cham_nl_conn_flush_one(id);
	if (own)
		clear_bit(id, cham_flushing);
	rtnl_lock();
	return err;
}

int cham_nl_conn_start(struct netlink_callback *cb)
{
	struct nlattr **a = genl_info_dump(cb)->attrs;
	int err;

	if (cham_nl_addr(a[CHAM_CONN_SRC], cb->extack) ||
	    cham_nl_addr(a[CHAM_CONN_DST], cb->extack))
		return -EINVAL;
	rtnl_lock();
	err = cham_nl_may(sock_net(cb->skb->sk), true, cb->extack);
	/* A tenant that asks for another's sees none. */
	if (!err && a[CHAM_CONN_TENANT_ID] && net_eq(sock_net(cb->skb->sk), &init_net))
		err = PTR_ERR_OR_ZERO(cham_nl_tenant_id(a[CHAM_CONN_TENANT_ID],
							cb->extack));
	rtnl_unlock();
	return err;
}

/*
 * Connections come and go all the time and most of it is harmless: the table
 * never moves one to another bucket. What counts is the bucket that a message
 * ended in. args[1] is that bucket, args[2] how many of it are sent, args[3]
 * the sum of their addresses: another sum, other connections.
 */
struct cham_conn_dump {
	struct cham_dump d;
	unsigned long *bucket;
	unsigned long in;	/* the bucket that at and sum are about */
	unsigned long sum;
};

static int cham_nl_conn_dump_one(const struct cham_conn *conn, void *arg)
{
	struct cham_conn_dump *c = arg;
	struct netlink_callback *cb = c->d.cb;
	int err;

	if (!cham_dump_shows(&c->d, conn->key.tenant) ||
	    !cham_conn_match(conn, genl_info_dump(cb)->attrs))
		return 0;
	if (*c->bucket != c->in) {
		/* Fewer than were sent: something went away. */
		if (c->d.at < c->d.skip)
			cb->seq++;
		c->in = *c->bucket;
		c->d.skip = 0;
		c->d.at = 0;
		c->sum = 0;
	}
	if (c->d.at < c->d.skip) {
		c->d.at++;
		c->sum += (unsigned long)conn;
		if (c->d.at == c->d.skip && c->sum != cb->args[3])
			cb->seq++;
		return 0;
	}
	err = CHAM_DUMP_ONE(&c->d, cham_put_conn, conn, c->d.provider);
	if (!err) {
		c->d.at++;
		c->d.skip++;
		c->sum += (unsigned long)conn;
	}
	return err;
}

int cham_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long bucket = cb->args[1];
	struct cham_conn_dump c = {
		.bucket = &bucket, .in = bucket,
	};

	rtnl_lock();
	c.d = cham_dump_begin(skb, cb, CHAM_CMD_CONN_GET, cb->args[2]);
	rtnl_unlock();
	cb->seq = cb->prev_seq ?: 1;
	cham_conn_walk(&bucket, cham_nl_conn_dump_one, &c);
	if (c.d.at < c.d.skip)
		cb->seq++;
	/* Between buckets nothing can be lost. */
	cb->args[2] = bucket == c.in ? c.d.skip : 0;
	cb->args[3] = bucket == c.in ? c.sum : 0;
	cb->args[1] = bucket;
	return skb->len;
}

int cham_nl_packet_send(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *frame = info->attrs[CHAM_PACKET_FRAME];
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_PACKET_TENANT_ID, 0);
	struct cham_port *port;

	if (IS_ERR(t))
		return PTR_ERR(t);
	if (GENL_REQ_ATTR_CHECK(info, CHAM_PACKET_FRAME)) {
		NL_SET_ERR_MSG(info->extack, "there is no frame to be sent");
		return -EINVAL;
	}
	port = cham_port_by_slot_rcu(t->slow);
	if (!port) {
		NL_SET_ERR_MSG_FMT(info->extack,
				   "tenant %s has no slow port that a frame could come from",
				   t->name);
		return -ENOLINK;
	}
	return cham_port_inject(port, nla_data(frame), nla_len(frame), info->extack);
}
