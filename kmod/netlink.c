// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/genetlink.h>
#include <net/tcp_states.h>

#include "conn.h"
#include "fdb.h"
#include "ledger.h"
#include "netlink.h"
#include "nl_put.h"
#include "port.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

static struct genl_family cham_family;

enum { CHAM_GRP_EVENTS };

static const struct genl_multicast_group cham_groups[] = {
	[CHAM_GRP_EVENTS] = { .name = CHAM_MCGRP_EVENTS },
};

static const struct nla_policy cham_tenant_policy[CHAM_TENANT_MAX + 1] = {
	[CHAM_TENANT_ID]	= NLA_POLICY_RANGE(NLA_U32, 1, CHAM_TENANTS_MAX - 1),
	[CHAM_TENANT_NAME]	= { .type = NLA_NUL_STRING, .len = CHAM_NAME_MAX },
	[CHAM_TENANT_VNI]	= { .type = NLA_U32 },
	[CHAM_TENANT_WEIGHT]	= { .type = NLA_U32 },
	[CHAM_TENANT_MAX_CONNS]	= { .type = NLA_U32 },
	[CHAM_TENANT_MAX_PORTS]	= { .type = NLA_U32 },
	[CHAM_TENANT_MAX_FDB]	= { .type = NLA_U32 },
	[CHAM_TENANT_DSCP]	= NLA_POLICY_MAX(NLA_U8, 1),
	[CHAM_TENANT_FORCE]	= { .type = NLA_FLAG },
};

static const struct nla_policy cham_port_policy[CHAM_PORT_MAX + 1] = {
	[CHAM_PORT_IFINDEX]	= NLA_POLICY_MIN(NLA_U32, 1),
	[CHAM_PORT_TENANT_ID]	= NLA_POLICY_MAX(NLA_U32, CHAM_TENANTS_MAX - 1),
};

static const struct nla_policy cham_uplink_policy[CHAM_UPLINK_MAX + 1] = {
	[CHAM_UPLINK_IFINDEX]	= NLA_POLICY_MIN(NLA_U32, 1),
	[CHAM_UPLINK_LOCAL4]	= { .type = NLA_BE32 },
	[CHAM_UPLINK_LOCAL6]	= NLA_POLICY_EXACT_LEN(16),
	[CHAM_UPLINK_UDP_PORT]	= NLA_POLICY_MIN(NLA_U16, 1),
	[CHAM_UPLINK_IGNORE_FILTER] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct nla_policy cham_conn_policy[CHAM_CONN_MAX + 1] = {
	[CHAM_CONN_TENANT_ID]	= NLA_POLICY_MAX(NLA_U32, CHAM_TENANTS_MAX - 1),
};

static const struct nla_policy cham_fdb_policy[CHAM_FDB_MAX + 1] = {
	[CHAM_FDB_TENANT_ID]	= NLA_POLICY_RANGE(NLA_U32, 1, CHAM_TENANTS_MAX - 1),
	[CHAM_FDB_MAC]		= NLA_POLICY_EXACT_LEN(ETH_ALEN),
	[CHAM_FDB_IFINDEX]	= NLA_POLICY_MIN(NLA_U32, 1),
	[CHAM_FDB_REMOTE]	= NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
};

/* Every doit runs under RTNL, as the objects it changes require. */
static int cham_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info)
{
	rtnl_lock();
	return 0;
}

static void cham_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb,
			 struct genl_info *info)
{
	rtnl_unlock();
}

static struct cham_tenant *cham_nl_tenant(struct genl_info *info, int id, int name)
{
	struct cham_tenant *t = NULL;

	if (info->attrs[id]) {
		t = cham_tenant_get(nla_get_u32(info->attrs[id]));
		if (!t) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[id],
						"no tenant has id %u",
						nla_get_u32(info->attrs[id]));
			return ERR_PTR(-ENOENT);
		}
	} else if (name && info->attrs[name]) {
		t = cham_tenant_by_name(nla_data(info->attrs[name]));
		if (!t) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[name],
						"no tenant is called %s",
						(char *)nla_data(info->attrs[name]));
			return ERR_PTR(-ENOENT);
		}
	} else {
		NL_SET_ERR_MSG(info->extack, "attribute tenant id is missing");
		return ERR_PTR(-EINVAL);
	}
	return t;
}

static struct net_device *cham_nl_dev(struct genl_info *info, int attr)
{
	struct net_device *dev;

	if (!info->attrs[attr]) {
		NL_SET_ERR_MSG(info->extack, "attribute ifindex is missing");
		return ERR_PTR(-EINVAL);
	}
	dev = __dev_get_by_index(&init_net, nla_get_u32(info->attrs[attr]));
	if (!dev) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr],
					"no interface has index %u",
					nla_get_u32(info->attrs[attr]));
		return ERR_PTR(-ENODEV);
	}
	return dev;
}

static struct cham_port *cham_nl_port(struct genl_info *info, int attr)
{
	struct net_device *dev = cham_nl_dev(info, attr);
	struct cham_port *port;

	if (IS_ERR(dev))
		return ERR_CAST(dev);
	port = cham_port_from_dev(dev);
	if (!port) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr],
					"%s is not a chamelio representor", dev->name);
		return ERR_PTR(-EINVAL);
	}
	return port;
}

static void cham_nl_tenant_cfg(struct genl_info *info, struct cham_tenant_cfg *cfg)
{
	struct nlattr **a = info->attrs;

	if (a[CHAM_TENANT_VNI])
		cfg->vni = nla_get_u32(a[CHAM_TENANT_VNI]);
	if (a[CHAM_TENANT_WEIGHT])
		cfg->weight = nla_get_u32(a[CHAM_TENANT_WEIGHT]);
	if (a[CHAM_TENANT_MAX_CONNS])
		cfg->max_conns = nla_get_u32(a[CHAM_TENANT_MAX_CONNS]);
	if (a[CHAM_TENANT_MAX_PORTS])
		cfg->max_ports = nla_get_u32(a[CHAM_TENANT_MAX_PORTS]);
	if (a[CHAM_TENANT_MAX_FDB])
		cfg->max_fdb = nla_get_u32(a[CHAM_TENANT_MAX_FDB]);
	if (a[CHAM_TENANT_DSCP])
		cfg->dscp_pipe = nla_get_u8(a[CHAM_TENANT_DSCP]);
}

static int cham_nl_reply_tenant(struct genl_info *info, const struct cham_tenant *t,
				u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &cham_family, 0, cmd);
	if (!hdr || cham_put_tenant(msg, t)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int cham_nl_tenant_new(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant_cfg cfg = { .weight = 100, .max_conns = 65536,
				       .max_ports = 64, .max_fdb = 1024,
				       .dscp_pipe = true };
	struct cham_tenant *t;

	if (GENL_REQ_ATTR_CHECK(info, CHAM_TENANT_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, CHAM_TENANT_VNI)) {
		NL_SET_ERR_MSG(info->extack, "a tenant needs a name and a vni");
		return -EINVAL;
	}
	cham_nl_tenant_cfg(info, &cfg);
	t = cham_tenant_new(nla_data(info->attrs[CHAM_TENANT_NAME]), &cfg,
			    info->extack);
	if (IS_ERR(t))
		return PTR_ERR(t);
	return cham_nl_reply_tenant(info, t, CHAM_CMD_TENANT_NEW);
}

static int cham_nl_tenant_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_TENANT_ID, CHAM_TENANT_NAME);
	struct cham_tenant_cfg cfg;

	if (IS_ERR(t))
		return PTR_ERR(t);
	cfg = t->cfg;
	cham_nl_tenant_cfg(info, &cfg);
	return cham_tenant_set(t, &cfg, info->extack);
}

static int cham_nl_tenant_del(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_TENANT_ID, CHAM_TENANT_NAME);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return cham_tenant_del(t, nla_get_flag(info->attrs[CHAM_TENANT_FORCE]),
			       info->extack);
}

static int cham_nl_tenant_get(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_TENANT_ID, CHAM_TENANT_NAME);

	return IS_ERR(t) ? PTR_ERR(t) :
			   cham_nl_reply_tenant(info, t, CHAM_CMD_TENANT_GET);
}

static int cham_nl_port_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_port *port = cham_nl_port(info, CHAM_PORT_IFINDEX);
	struct cham_tenant *t;

	if (IS_ERR(port))
		return PTR_ERR(port);
	if (info->attrs[CHAM_PORT_TENANT_ID] &&
	    !nla_get_u32(info->attrs[CHAM_PORT_TENANT_ID])) {
		cham_tenant_unbind(port);
		return 0;
	}
	t = cham_nl_tenant(info, CHAM_PORT_TENANT_ID, 0);
	return IS_ERR(t) ? PTR_ERR(t) : cham_tenant_bind(t, port, info->extack);
}

static int cham_nl_uplink_new(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev = cham_nl_dev(info, CHAM_UPLINK_IFINDEX);
	struct nlattr **a = info->attrs;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	return cham_uplink_add(dev,
			       a[CHAM_UPLINK_LOCAL4] ? nla_get_be32(a[CHAM_UPLINK_LOCAL4]) : 0,
			       a[CHAM_UPLINK_LOCAL6] ? nla_data(a[CHAM_UPLINK_LOCAL6]) : NULL,
			       a[CHAM_UPLINK_UDP_PORT] ? nla_get_u16(a[CHAM_UPLINK_UDP_PORT]) :
			       CHAM_VXLAN_PORT,
			       a[CHAM_UPLINK_IGNORE_FILTER] &&
			       nla_get_u8(a[CHAM_UPLINK_IGNORE_FILTER]),
			       info->extack);
}

static int cham_nl_uplink_del(struct sk_buff *skb, struct genl_info *info)
{
	if (!info->attrs[CHAM_UPLINK_IFINDEX]) {
		NL_SET_ERR_MSG(info->extack, "attribute ifindex is missing");
		return -EINVAL;
	}
	return cham_uplink_del(nla_get_u32(info->attrs[CHAM_UPLINK_IFINDEX]),
			       info->extack);
}

static int cham_nl_conn_flush(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = NULL;

	if (info->attrs[CHAM_CONN_TENANT_ID]) {
		t = cham_nl_tenant(info, CHAM_CONN_TENANT_ID, 0);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	cham_conn_flush(t ? t->id : 0);
	return 0;
}

static int cham_nl_fdb_new(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_FDB_TENANT_ID, 0);
	struct nlattr *remote = info->attrs[CHAM_FDB_REMOTE];
	struct cham_port *port = NULL;
	u8 addr[16] = {};

	if (IS_ERR(t))
		return PTR_ERR(t);
	if (!info->attrs[CHAM_FDB_MAC] || !remote == !info->attrs[CHAM_FDB_IFINDEX]) {
		NL_SET_ERR_MSG(info->extack, "an entry needs a mac and either a port or a remote");
		return -EINVAL;
	}
	if (remote && nla_len(remote) != 4 && nla_len(remote) != 16) {
		NL_SET_ERR_MSG_ATTR(info->extack, remote,
				    "remote must be 4 (IPv4) or 16 (IPv6) bytes");
		return -EINVAL;
	}
	if (remote) {
		nla_memcpy(addr, remote, sizeof(addr));
	} else {
		port = cham_nl_port(info, CHAM_FDB_IFINDEX);
		if (IS_ERR(port))
			return PTR_ERR(port);
	}
	return cham_fdb_static_add(t, nla_data(info->attrs[CHAM_FDB_MAC]), port, addr,
				   remote && nla_len(remote) == 16 ? 6 : 4,
				   info->extack);
}

static int cham_nl_fdb_del(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_FDB_TENANT_ID, 0);

	if (IS_ERR(t))
		return PTR_ERR(t);
	if (!info->attrs[CHAM_FDB_MAC]) {
		NL_SET_ERR_MSG(info->extack, "attribute mac is missing");
		return -EINVAL;
	}
	return cham_fdb_static_del(t, nla_data(info->attrs[CHAM_FDB_MAC]),
				   info->extack);
}

/* ---- dumps ---- */

struct cham_dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	u8 cmd;
	unsigned long skip;	/* objects already sent */
	unsigned long at;
};

static void *cham_dump_open(struct cham_dump *d)
{
	return genlmsg_put(d->skb, NETLINK_CB(d->cb->skb).portid,
			   d->cb->nlh->nlmsg_seq, &cham_family, NLM_F_MULTI, d->cmd);
}

/* Ends one object's message; a full buffer stops the walk. */
static int cham_dump_close(struct cham_dump *d, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(d->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(d->skb, hdr);
	d->cb->args[0]++;
	return 0;
}

static bool cham_dump_skip(struct cham_dump *d)
{
	return d->at++ < d->skip;
}

#define CHAM_DUMP_ONE(d, put, ...) ({					\
	struct cham_dump *__d = (d);					\
	void *__hdr = cham_dump_open(__d);				\
									\
	__hdr ? cham_dump_close(__d, __hdr, put(__d->skb, ##__VA_ARGS__)) : -EMSGSIZE; \
})

static int cham_nl_tenant_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d = { skb, cb, CHAM_CMD_TENANT_GET, cb->args[0] };
	struct cham_tenant *t;

	rtnl_lock();
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t))
		if (!cham_dump_skip(&d) && CHAM_DUMP_ONE(&d, cham_put_tenant, t))
			break;
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_port_dump_one(struct cham_port *port, void *arg)
{
	struct cham_dump *d = arg;

	return cham_dump_skip(d) ? 0 : CHAM_DUMP_ONE(d, cham_put_port, port);
}

static int cham_nl_port_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d = { skb, cb, CHAM_CMD_PORT_GET, cb->args[0] };

	rtnl_lock();
	cham_port_for_each(cham_nl_port_dump_one, &d);
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_uplink_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d = { skb, cb, CHAM_CMD_UPLINK_GET, cb->args[0] };
	struct cham_uplink *up;

	rtnl_lock();
	up = cham_uplink_rcu();
	if (up && !cham_dump_skip(&d))
		CHAM_DUMP_ONE(&d, cham_put_uplink, up);
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_fdb_dump_one(const struct cham_fdb *fdb, void *arg)
{
	struct cham_dump *d = arg;
	struct cham_tenant *t;
	int err;

	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		if (!cham_fdb_of_tenant(fdb, t) || cham_dump_skip(d))
			continue;
		err = CHAM_DUMP_ONE(d, cham_put_fdb, fdb, t->id);
		if (err)
			return err;
	}
	return 0;
}

static int cham_nl_fdb_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d = { skb, cb, CHAM_CMD_FDB_GET, cb->args[0] };

	rtnl_lock();
	cham_fdb_walk(cham_nl_fdb_dump_one, &d);
	rtnl_unlock();
	return skb->len;
}

/* A bucket is sent whole or again: args[1] is the bucket to go on with. */
static int cham_nl_conn_dump_one(const struct cham_conn *conn, void *arg)
{
	struct cham_dump *d = arg;

	return cham_dump_skip(d) ? 0 : CHAM_DUMP_ONE(d, cham_put_conn, conn);
}

static int cham_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d = { skb, cb, CHAM_CMD_CONN_GET };
	unsigned long bucket = cb->args[1];

	/* args[0] counts what is sent; within a bucket some may be sent. */
	d.skip = cb->args[2];
	cb->args[0] = 0;
	cham_conn_walk(&bucket, cham_nl_conn_dump_one, &d);
	if (bucket == cb->args[1])
		cb->args[2] += cb->args[0];
	else
		cb->args[2] = 0;
	cb->args[1] = bucket;
	return skb->len;
}

static int cham_nl_stat_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d = { skb, cb, CHAM_CMD_STAT_GET, cb->args[0] };
	struct cham_tenant *t;
	struct cham_ledger *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	int err = 0;

	if (!sum)
		return -ENOMEM;
	rtnl_lock();
	if (!cham_dump_skip(&d)) {
		cham_ledger_sum(cham_ledger_infra, sum);
		err = CHAM_DUMP_ONE(&d, cham_put_stat, 0, sum);
	}
	for (t = cham_tenant_next(NULL); !err && t; t = cham_tenant_next(t)) {
		if (cham_dump_skip(&d))
			continue;
		cham_ledger_sum(t->ledger, sum);
		err = CHAM_DUMP_ONE(&d, cham_put_stat, t->id, sum);
	}
	rtnl_unlock();
	kfree(sum);
	return skb->len;
}

#define CHAM_DO(CMD, set, fn) {						\
	.cmd = CHAM_CMD_##CMD, .doit = fn, .pre_doit = cham_nl_pre,	\
	.post_doit = cham_nl_post, .policy = cham_##set##_policy,	\
	.maxattr = ARRAY_SIZE(cham_##set##_policy) - 1,			\
	.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DO }
#define CHAM_DUMP(CMD, fn) {						\
	.cmd = CHAM_CMD_##CMD, .dumpit = fn,				\
	.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP }

static const struct genl_split_ops cham_ops[] = {
	CHAM_DO(TENANT_GET, tenant, cham_nl_tenant_get),
	CHAM_DUMP(TENANT_GET, cham_nl_tenant_dump),
	CHAM_DO(TENANT_NEW, tenant, cham_nl_tenant_new),
	CHAM_DO(TENANT_SET, tenant, cham_nl_tenant_set),
	CHAM_DO(TENANT_DEL, tenant, cham_nl_tenant_del),
	CHAM_DUMP(PORT_GET, cham_nl_port_dump),
	CHAM_DO(PORT_SET, port, cham_nl_port_set),
	CHAM_DUMP(UPLINK_GET, cham_nl_uplink_dump),
	CHAM_DO(UPLINK_NEW, uplink, cham_nl_uplink_new),
	CHAM_DO(UPLINK_DEL, uplink, cham_nl_uplink_del),
	CHAM_DUMP(CONN_GET, cham_nl_conn_dump),
	CHAM_DO(CONN_FLUSH, conn, cham_nl_conn_flush),
	CHAM_DUMP(FDB_GET, cham_nl_fdb_dump),
	CHAM_DO(FDB_NEW, fdb, cham_nl_fdb_new),
	CHAM_DO(FDB_DEL, fdb, cham_nl_fdb_del),
	CHAM_DUMP(STAT_GET, cham_nl_stat_dump),
};

static struct genl_family cham_family __ro_after_init = {
	.name		= CHAM_FAMILY_NAME,
	.version	= CHAM_FAMILY_VERSION,
	.module		= THIS_MODULE,
	.split_ops	= cham_ops,
	.n_split_ops	= ARRAY_SIZE(cham_ops),
	.mcgrps		= cham_groups,
	.n_mcgrps	= ARRAY_SIZE(cham_groups),
	.parallel_ops	= true,
};

/* ---- events ---- */

static bool cham_nl_open;	/* no event before the family is there */

static struct sk_buff *cham_event_new(u8 cmd, void **hdr, gfp_t gfp)
{
	struct sk_buff *msg;

	if (!READ_ONCE(cham_nl_open) ||
	    !genl_has_listeners(&cham_family, &init_net, CHAM_GRP_EVENTS))
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

static void cham_event_send(struct sk_buff *msg, void *hdr, int err, gfp_t gfp)
{
	if (err) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&cham_family, msg, 0, CHAM_GRP_EVENTS, gfp);
}

void cham_nl_tenant_event(enum cham_cmd cmd, const struct cham_tenant *t)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(cmd, &hdr, GFP_KERNEL);

	if (msg)
		cham_event_send(msg, hdr, cham_put_tenant(msg, t), GFP_KERNEL);
}

void cham_nl_port_event(enum cham_cmd cmd, struct cham_port *port)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(cmd, &hdr, GFP_KERNEL);

	if (msg)
		cham_event_send(msg, hdr, cham_put_port(msg, port), GFP_KERNEL);
}

void cham_nl_conn_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_conn *conn)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(cmd, &hdr, GFP_ATOMIC);

	if (msg)
		cham_event_send(msg, hdr, cham_put_conn(msg, conn), GFP_ATOMIC);
}

void cham_nl_miss_event(struct cham_tenant *t, const struct cham_query *q,
			enum cham_reason why)
{
	struct sk_buff *msg;
	void *hdr;

	if (time_before(jiffies, READ_ONCE(t->last_miss_ntf) + HZ))
		return;
	WRITE_ONCE(t->last_miss_ntf, jiffies);
	msg = cham_event_new(CHAM_CMD_MISS_NTF, &hdr, GFP_ATOMIC);
	if (msg)
		cham_event_send(msg, hdr, cham_put_miss(msg, t->id, q, why), GFP_ATOMIC);
}

void cham_nl_quota_event(struct cham_tenant *t, enum cham_tenant_attr quota)
{
	struct sk_buff *msg;
	u32 limit;
	void *hdr;

	if (time_before(jiffies, READ_ONCE(t->last_quota_ntf) + HZ))
		return;
	WRITE_ONCE(t->last_quota_ntf, jiffies);
	msg = cham_event_new(CHAM_CMD_QUOTA_NTF, &hdr, GFP_ATOMIC);
	if (!msg)
		return;
	limit = quota == CHAM_TENANT_MAX_CONNS ? t->cfg.max_conns :
		quota == CHAM_TENANT_MAX_PORTS ? t->cfg.max_ports : t->cfg.max_fdb;
	cham_event_send(msg, hdr,
			nla_put_u32(msg, CHAM_TENANT_ID, t->id) ||
			nla_put_string(msg, CHAM_TENANT_NAME, t->name) ||
			nla_put_u32(msg, quota, limit), GFP_ATOMIC);
}

/* Ring locks may be held; RCU or RTNL keeps @port. */
void cham_nl_broken_event(struct cham_port *port)
{
	void *hdr;
	struct sk_buff *msg = cham_event_new(CHAM_CMD_RING_BROKEN_NTF, &hdr, GFP_ATOMIC);

	if (msg)
		cham_event_send(msg, hdr, cham_put_port(msg, port), GFP_ATOMIC);
}

int cham_netlink_init(void)
{
	int err = genl_register_family(&cham_family);

	if (!err)
		WRITE_ONCE(cham_nl_open, true);
	return err;
}

void cham_netlink_exit(void)
{
	WRITE_ONCE(cham_nl_open, false);
	synchronize_net();
	genl_unregister_family(&cham_family);
}
