// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/genetlink.h>

#include "fdb.h"
#include "ledger.h"
#include "netlink.h"
#include "netns.h"
#include "nl.h"
#include "nl_put.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

static const struct genl_multicast_group cham_groups[] = {
	/* Who talks to whom is the provider's to know; and a tenant's, of itself, in its
	 * network namespace.
	 */
	[CHAM_GRP_EVENTS] = { .name = CHAM_MCGRP_EVENTS,
			      .flags = GENL_MCAST_CAP_NET_ADMIN },
};

/* What does not fit the 16 bits of NLA_POLICY_RANGE(). */
static const struct netlink_range_validation cham_range_vni = {
	.min = 1, .max = CHAM_VNI_MAX,
};

static const struct netlink_range_validation cham_range_conns = {
	.max = CHAM_QUOTA_CONNS_MAX,
};

static const struct netlink_range_validation cham_range_fdb = {
	.max = CHAM_QUOTA_FDB_MAX,
};

static const struct netlink_range_validation cham_range_cycles = {
	.min = 1,
	.max = CHAM_CYCLES_MAX,
};

/*
 * One policy for each request: what it does not take is refused, not ignored.
 * selftests/host/spec.sh holds them against the specification.
 */
#define CHAM_POLICY_NAME	{ .type = NLA_NUL_STRING, .len = CHAM_NAME_MAX }
#define CHAM_POLICY_IFNAME	{ .type = NLA_NUL_STRING, .len = IFNAMSIZ - 1 }
#define CHAM_POLICY_IFINDEX	NLA_POLICY_MIN(NLA_U32, 1)
#define CHAM_POLICY_MAC		NLA_POLICY_EXACT_LEN(ETH_ALEN)

static const struct nla_policy cham_tenant_get_policy[] = {
	[CHAM_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_TENANT_NAME]	= CHAM_POLICY_NAME,
};

static const struct nla_policy cham_tenant_new_policy[] = {
	[CHAM_TENANT_NAME]	= CHAM_POLICY_NAME,
	[CHAM_TENANT_VNI]	= NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_vni),
	[CHAM_TENANT_WEIGHT]	= NLA_POLICY_RANGE(NLA_U32, 1, CHAM_WEIGHT_MAX),
	[CHAM_TENANT_MAX_CONNS]	= NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_conns),
	[CHAM_TENANT_MAX_PORTS]	= NLA_POLICY_MAX(NLA_U32, CHAM_QUOTA_PORTS_MAX),
	[CHAM_TENANT_MAX_FDB]	= NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_fdb),
	[CHAM_TENANT_DSCP]	= NLA_POLICY_MAX(NLA_U8, CHAM_DSCP_PIPE),
	[CHAM_TENANT_MAX_CYCLES] = NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_cycles),
};

static const struct nla_policy cham_tenant_set_policy[] = {
	[CHAM_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_TENANT_NAME]	= CHAM_POLICY_NAME,
	[CHAM_TENANT_VNI]	= NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_vni),
	[CHAM_TENANT_WEIGHT]	= NLA_POLICY_RANGE(NLA_U32, 1, CHAM_WEIGHT_MAX),
	[CHAM_TENANT_MAX_CONNS]	= NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_conns),
	[CHAM_TENANT_MAX_PORTS]	= NLA_POLICY_MAX(NLA_U32, CHAM_QUOTA_PORTS_MAX),
	[CHAM_TENANT_MAX_FDB]	= NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_fdb),
	[CHAM_TENANT_DSCP]	= NLA_POLICY_MAX(NLA_U8, CHAM_DSCP_PIPE),
	[CHAM_TENANT_MAX_CYCLES] = NLA_POLICY_FULL_RANGE(NLA_U32, &cham_range_cycles),
	[CHAM_TENANT_NETNS_FD]	= { .type = NLA_U32 },
	[CHAM_TENANT_NO_NETNS]	= { .type = NLA_FLAG },
};

static const struct nla_policy cham_tenant_del_policy[] = {
	[CHAM_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_TENANT_NAME]	= CHAM_POLICY_NAME,
	[CHAM_TENANT_FORCE]	= { .type = NLA_FLAG },
};

static const struct nla_policy cham_port_get_policy[] = {
	[CHAM_PORT_IFINDEX]	= CHAM_POLICY_IFINDEX,
	[CHAM_PORT_IFNAME]	= CHAM_POLICY_IFNAME,
};

static const struct nla_policy cham_port_set_policy[] = {
	[CHAM_PORT_IFINDEX]	= CHAM_POLICY_IFINDEX,
	[CHAM_PORT_TENANT_ID]	= NLA_POLICY_MAX(NLA_U32, CHAM_TENANT_ID_MAX),
	[CHAM_PORT_ANNOUNCE]	= { .type = NLA_FLAG },
	[CHAM_PORT_ROLE]	= NLA_POLICY_MAX(NLA_U8, CHAM_PORT_ROLE_SLOW),
};

static const struct nla_policy cham_uplink_get_policy[] = {
	[CHAM_UPLINK_IFINDEX]	= CHAM_POLICY_IFINDEX,
	[CHAM_UPLINK_IFNAME]	= CHAM_POLICY_IFNAME,
};

static const struct nla_policy cham_uplink_new_policy[] = {
	[CHAM_UPLINK_IFINDEX]	= CHAM_POLICY_IFINDEX,
	[CHAM_UPLINK_LOCAL4]	= { .type = NLA_BE32 },
	[CHAM_UPLINK_LOCAL6]	= NLA_POLICY_EXACT_LEN(16),
	[CHAM_UPLINK_UDP_PORT]	= NLA_POLICY_MIN(NLA_U16, 1),
	[CHAM_UPLINK_IGNORE_FILTER] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct nla_policy cham_uplink_del_policy[] = {
	[CHAM_UPLINK_IFINDEX]	= CHAM_POLICY_IFINDEX,
};

static const struct nla_policy cham_fdb_dump_policy[] = {
	[CHAM_FDB_TENANT_ID]	= CHAM_POLICY_TENANT,
};

static const struct nla_policy cham_fdb_new_policy[] = {
	[CHAM_FDB_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_FDB_MAC]		= CHAM_POLICY_MAC,
	[CHAM_FDB_IFINDEX]	= CHAM_POLICY_IFINDEX,
	[CHAM_FDB_REMOTE]	= CHAM_POLICY_ADDR,
};

static const struct nla_policy cham_fdb_del_policy[] = {
	[CHAM_FDB_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_FDB_MAC]		= CHAM_POLICY_MAC,
};

static const struct nla_policy cham_prog_get_policy[] = {
	[CHAM_PROG_TENANT_ID]	= CHAM_POLICY_TENANT,
};

static const struct nla_policy cham_prog_set_policy[] = {
	[CHAM_PROG_TENANT_ID]	= CHAM_POLICY_TENANT,
	[CHAM_PROG_NAME]	= { .type = NLA_NUL_STRING, .len = CHAM_PROG_NAME_MAX },
	[CHAM_PROG_ABI]		= { .type = NLA_U32 },
	[CHAM_PROG_CELL]	= NLA_POLICY_RANGE(NLA_U32, 1, CHAM_CELL_MAX),
	[CHAM_PROG_HOOKS]	= NLA_POLICY_RANGE(NLA_U32, 1, CHAM_HOOKS_MASK),
	[CHAM_PROG_LAYOUT]	= NLA_POLICY_MIN(NLA_U32, 1),
	[CHAM_PROG_FLAGS]	= NLA_POLICY_MAX(NLA_U32, CHAM_PROG_FLAGS_MASK),
};

static const struct nla_policy cham_prog_del_policy[] = {
	[CHAM_PROG_TENANT_ID]	= CHAM_POLICY_TENANT,
};

/* Of a dump that takes none; without a policy the core would not look at all. */
static const struct nla_policy cham_no_attrs_policy[2] = {};

static_assert(BIT(__CHAM_HOOK_MAX) - 1 == CHAM_HOOKS_MASK);
static_assert(CHAM_TENANTS_MAX - 1 == CHAM_TENANT_ID_MAX);
static_assert(CHAM_PORTS_MAX - 1 == CHAM_QUOTA_PORTS_MAX);

int cham_nl_may(const struct net *net, bool tenants, struct netlink_ext_ack *extack)
{
	if (net_eq(net, &init_net))
		return 0;
	if (!tenants)
		NL_SET_ERR_MSG(extack,
			       "only the provider may, in the host's own network namespace");
	else if (!cham_netns_tenant(net))
		NL_SET_ERR_MSG(extack, "this network namespace is bound to no tenant");
	else
		return 0;
	return -EPERM;
}

/* Every doit runs under RTNL, as the objects it changes require. */
static int cham_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info)
{
	int err;

	rtnl_lock();
	err = cham_nl_may(genl_info_net(info), ops->flags & GENL_UNS_ADMIN_PERM,
			  info->extack);
	if (err)
		rtnl_unlock();
	return err;
}

static void cham_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb,
			 struct genl_info *info)
{
	rtnl_unlock();
}

struct cham_tenant *cham_nl_tenant_id(const struct nlattr *id,
				      struct netlink_ext_ack *extack)
{
	struct cham_tenant *t = cham_tenant_get(nla_get_u32(id));

	if (t)
		return t;
	NL_SET_ERR_MSG_ATTR_FMT(extack, id, "no tenant has id %u", nla_get_u32(id));
	return ERR_PTR(-ENOENT);
}

static struct cham_tenant *cham_nl_any_tenant(struct genl_info *info, int id, int name)
{
	struct cham_tenant *t;

	if (info->attrs[id])
		return cham_nl_tenant_id(info->attrs[id], info->extack);
	if (name && info->attrs[name]) {
		t = cham_tenant_by_name(nla_data(info->attrs[name]));
		if (!t) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[name],
						"no tenant is called %s",
						(char *)nla_data(info->attrs[name]));
			return ERR_PTR(-ENOENT);
		}
		return t;
	}
	NL_SET_ERR_MSG_FMT(info->extack, "a tenant's %s is needed",
			   name ? "id or name" : "id");
	return ERR_PTR(-EINVAL);
}

struct cham_tenant *cham_nl_tenant(struct genl_info *info, int id, int name)
{
	struct cham_tenant *own = cham_netns_tenant(genl_info_net(info));
	const struct nlattr *who = info->attrs[id];

	if (!who && name)
		who = info->attrs[name];
	if (!own)
		return cham_nl_any_tenant(info, id, name);
	if (!who || cham_nl_any_tenant(info, id, name) == own)
		return own;
	/* Who else there is, it is not told. */
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, who, "this network namespace is tenant %s's",
				own->name);
	return ERR_PTR(-EPERM);
}

/* @name: 0 where a device goes by its index alone. */
static struct net_device *cham_nl_dev(struct genl_info *info, int index, int name)
{
	struct net_device *dev;

	if (info->attrs[index]) {
		dev = __dev_get_by_index(&init_net, nla_get_u32(info->attrs[index]));
		if (!dev)
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[index],
						"no interface has index %u",
						nla_get_u32(info->attrs[index]));
	} else if (name && info->attrs[name]) {
		dev = __dev_get_by_name(&init_net, nla_data(info->attrs[name]));
		if (!dev)
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[name],
						"no interface is called %s",
						(char *)nla_data(info->attrs[name]));
	} else {
		NL_SET_ERR_MSG_FMT(info->extack, "an %s is needed",
				   name ? "ifindex or ifname" : "ifindex");
		return ERR_PTR(-EINVAL);
	}
	return dev ?: ERR_PTR(-ENODEV);
}

static struct cham_port *cham_nl_port(struct genl_info *info, int index, int name)
{
	struct net_device *dev = cham_nl_dev(info, index, name);
	struct cham_port *port;

	if (IS_ERR(dev))
		return ERR_CAST(dev);
	port = cham_port_from_dev(dev);
	if (!port) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[index] ?: info->attrs[name],
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
	if (a[CHAM_TENANT_MAX_CYCLES])
		cfg->max_cycles = nla_get_u32(a[CHAM_TENANT_MAX_CYCLES]);
}

struct sk_buff *cham_reply_new(struct genl_info *info, u8 cmd, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	*hdr = genlmsg_put_reply(msg, info, &cham_family, 0, cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int cham_reply_send(struct genl_info *info, struct sk_buff *msg, void *hdr, int err)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int cham_nl_tenant_new(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant_cfg cfg = { .weight = 100, .max_conns = 65536,
				       .max_ports = 64, .max_fdb = 1024,
				       .max_cycles = CHAM_CYCLES_DEFAULT,
				       .dscp_pipe = true };
	struct cham_tenant *t;
	struct sk_buff *msg;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, CHAM_TENANT_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, CHAM_TENANT_VNI)) {
		NL_SET_ERR_MSG(info->extack, "a tenant needs a name and a vni");
		return -EINVAL;
	}
	cham_nl_tenant_cfg(info, &cfg);
	/* First: what is refused has not happened. */
	msg = cham_reply_new(info, CHAM_CMD_TENANT_NEW, &hdr);
	if (!msg)
		return -ENOMEM;
	t = cham_tenant_new(nla_data(info->attrs[CHAM_TENANT_NAME]), &cfg,
			    info->extack);
	if (IS_ERR(t)) {
		nlmsg_free(msg);
		return PTR_ERR(t);
	}
	return cham_reply_send(info, msg, hdr, cham_put_tenant(msg, t));
}

static int cham_nl_tenant_netns(struct genl_info *info, struct cham_tenant *t)
{
	const struct nlattr *fd = info->attrs[CHAM_TENANT_NETNS_FD];
	struct net *net;
	int err;

	if (nla_get_flag(info->attrs[CHAM_TENANT_NO_NETNS]))
		cham_netns_unbind(t);
	if (!fd)
		return 0;
	net = get_net_ns_by_fd(nla_get_u32(fd));
	if (IS_ERR(net)) {
		NL_SET_ERR_MSG_ATTR(info->extack, fd, "not a network namespace");
		return PTR_ERR(net);
	}
	err = cham_netns_bind(t, net, info->extack);
	put_net(net);
	return err;
}

static int cham_nl_tenant_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_TENANT_ID, CHAM_TENANT_NAME);
	struct cham_tenant_cfg cfg;
	struct net *was;
	int err;

	if (IS_ERR(t))
		return PTR_ERR(t);
	cfg = t->cfg;
	cham_nl_tenant_cfg(info, &cfg);
	was = rtnl_dereference(t->net);
	err = cham_nl_tenant_netns(info, t) ?: cham_tenant_set(t, &cfg, info->extack);
	if (err) {
		/* What is refused has not happened. */
		cham_netns_unbind(t);
		if (was)
			cham_netns_bind(t, was, NULL);
	}
	return err;
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
	struct sk_buff *msg;
	void *hdr;

	if (IS_ERR(t))
		return PTR_ERR(t);
	msg = cham_reply_new(info, CHAM_CMD_TENANT_GET, &hdr);
	return msg ? cham_reply_send(info, msg, hdr, cham_put_tenant(msg, t)) : -ENOMEM;
}

static int cham_nl_port_get(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_port *port = cham_nl_port(info, CHAM_PORT_IFINDEX, CHAM_PORT_IFNAME);
	struct sk_buff *msg;
	void *hdr;

	if (IS_ERR(port))
		return PTR_ERR(port);
	msg = cham_reply_new(info, CHAM_CMD_PORT_GET, &hdr);
	return msg ? cham_reply_send(info, msg, hdr, cham_put_port(msg, port)) : -ENOMEM;
}

static int cham_nl_port_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_port *port = cham_nl_port(info, CHAM_PORT_IFINDEX, 0);
	struct cham_tenant *t;

	if (IS_ERR(port))
		return PTR_ERR(port);
	if (!!info->attrs[CHAM_PORT_ANNOUNCE] + !!info->attrs[CHAM_PORT_ROLE] +
	    !!info->attrs[CHAM_PORT_TENANT_ID] > 1) {
		NL_SET_ERR_MSG(info->extack,
			       "one change in a request: announce, role or tenant-id");
		return -EINVAL;
	}
	if (info->attrs[CHAM_PORT_ANNOUNCE])
		return cham_port_announce(port, info->extack);
	if (info->attrs[CHAM_PORT_ROLE])
		return cham_tenant_set_slow(port, nla_get_u8(info->attrs[CHAM_PORT_ROLE]),
					    info->extack);
	if (info->attrs[CHAM_PORT_TENANT_ID] &&
	    !nla_get_u32(info->attrs[CHAM_PORT_TENANT_ID])) {
		cham_tenant_unbind(port);
		return 0;
	}
	t = cham_nl_tenant(info, CHAM_PORT_TENANT_ID, 0);
	return IS_ERR(t) ? PTR_ERR(t) : cham_tenant_bind(t, port, info->extack);
}

static int cham_nl_uplink_get(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev = cham_nl_dev(info, CHAM_UPLINK_IFINDEX,
					     CHAM_UPLINK_IFNAME);
	struct cham_uplink *up = cham_uplink_rcu();
	struct sk_buff *msg;
	void *hdr;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (!up || up->dev != dev) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[CHAM_UPLINK_IFINDEX] ?:
					info->attrs[CHAM_UPLINK_IFNAME],
					"%s is not an uplink", dev->name);
		return -ENOENT;
	}
	msg = cham_reply_new(info, CHAM_CMD_UPLINK_GET, &hdr);
	return msg ? cham_reply_send(info, msg, hdr, cham_put_uplink(msg, up)) : -ENOMEM;
}

static int cham_nl_uplink_new(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev = cham_nl_dev(info, CHAM_UPLINK_IFINDEX, 0);
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
		NL_SET_ERR_MSG(info->extack, "an ifindex is needed");
		return -EINVAL;
	}
	return cham_uplink_del(nla_get_u32(info->attrs[CHAM_UPLINK_IFINDEX]),
			       info->extack);
}

int cham_nl_addr(const struct nlattr *addr, struct netlink_ext_ack *extack)
{
	if (!addr || nla_len(addr) == 4 || nla_len(addr) == 16)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, addr, "an address has 4 (IPv4) or 16 (IPv6) bytes");
	return -EINVAL;
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
	if (cham_nl_addr(remote, info->extack))
		return -EINVAL;
	if (remote) {
		nla_memcpy(addr, remote, sizeof(addr));
	} else {
		port = cham_nl_port(info, CHAM_FDB_IFINDEX, 0);
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
		NL_SET_ERR_MSG(info->extack, "a mac is needed");
		return -EINVAL;
	}
	return cham_fdb_static_del(t, nla_data(info->attrs[CHAM_FDB_MAC]),
				   info->extack);
}

static int cham_nl_prog_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_PROG_TENANT_ID, 0);
	struct cham_prog want = { 0 };
	struct nlattr **a = info->attrs;

	if (IS_ERR(t))
		return PTR_ERR(t);
	if (GENL_REQ_ATTR_CHECK(info, CHAM_PROG_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, CHAM_PROG_ABI) ||
	    GENL_REQ_ATTR_CHECK(info, CHAM_PROG_CELL) ||
	    GENL_REQ_ATTR_CHECK(info, CHAM_PROG_HOOKS) ||
	    GENL_REQ_ATTR_CHECK(info, CHAM_PROG_LAYOUT)) {
		NL_SET_ERR_MSG(info->extack,
			       "a program needs a name, an abi, a cell, hooks and a layout");
		return -EINVAL;
	}
	if (nla_get_u32(a[CHAM_PROG_ABI]) != CHAM_ABI_VERSION) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a[CHAM_PROG_ABI],
					"program is of ABI version %u, this module of %u",
					nla_get_u32(a[CHAM_PROG_ABI]), CHAM_ABI_VERSION);
		return -EPROTO;
	}
	nla_strscpy(want.name, a[CHAM_PROG_NAME], sizeof(want.name));
	want.cell = nla_get_u32(a[CHAM_PROG_CELL]);
	want.hooks = nla_get_u32(a[CHAM_PROG_HOOKS]);
	want.layout = nla_get_u32(a[CHAM_PROG_LAYOUT]);
	if (a[CHAM_PROG_FLAGS])
		want.flags = nla_get_u32(a[CHAM_PROG_FLAGS]);
	return cham_prog_set(t, &want, info->extack);
}

static struct cham_prog *cham_nl_prog(struct genl_info *info, struct cham_tenant *t)
{
	struct cham_prog *prog = rtnl_dereference(t->program);

	if (prog)
		return prog;
	NL_SET_ERR_MSG_FMT(info->extack, "tenant %s has no program", t->name);
	return ERR_PTR(-ENOENT);
}

static int cham_nl_prog_del(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_PROG_TENANT_ID, 0);
	struct cham_prog *prog;

	if (IS_ERR(t))
		return PTR_ERR(t);
	prog = cham_nl_prog(info, t);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	cham_prog_del(t);
	return 0;
}

static int cham_nl_prog_get(struct sk_buff *skb, struct genl_info *info)
{
	struct cham_tenant *t = cham_nl_tenant(info, CHAM_PROG_TENANT_ID, 0);
	struct cham_prog *prog;
	struct sk_buff *msg;
	void *hdr;

	if (IS_ERR(t))
		return PTR_ERR(t);
	prog = cham_nl_prog(info, t);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	msg = cham_reply_new(info, CHAM_CMD_PROG_GET, &hdr);
	if (!msg)
		return -ENOMEM;
	return cham_reply_send(info, msg, hdr, cham_put_prog(msg, t, prog));
}

/* ---- dumps ---- */

/*
 * A dump goes on where it stopped by counting, so a change in between may hide
 * or repeat an object: cb->seq tells the receiver (NLM_F_DUMP_INTR).
 */
struct cham_dump cham_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
				 unsigned long skip)
{
	const struct net *net = sock_net(cb->skb->sk);
	const struct cham_tenant *own = cham_netns_tenant(net);

	return (struct cham_dump){ .skb = skb, .cb = cb, .cmd = cmd, .skip = skip,
				   .provider = net_eq(net, &init_net),
				   .tenant = own ? own->id : 0 };
}

static int cham_dump_may(struct netlink_callback *cb, bool tenants)
{
	int err;

	rtnl_lock();
	err = cham_nl_may(sock_net(cb->skb->sk), tenants, cb->extack);
	rtnl_unlock();
	return err;
}

static int cham_nl_start(struct netlink_callback *cb)
{
	return cham_dump_may(cb, false);
}

static int cham_nl_tenant_start(struct netlink_callback *cb)
{
	return cham_dump_may(cb, true);
}

static int cham_nl_tenant_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d;
	struct cham_tenant *t;

	rtnl_lock();
	d = cham_dump_begin(skb, cb, CHAM_CMD_TENANT_GET, cb->args[0]);
	cb->seq = cham_dump_seq(&cham_tenant_seq);
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t))
		if (cham_dump_shows(&d, t->id) && !cham_dump_skip(&d) &&
		    CHAM_DUMP_ONE(&d, cham_put_tenant, t))
			break;
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_port_dump_one(struct cham_port *port, void *arg)
{
	struct cham_dump *d = arg;

	return cham_dump_skip(d) ? 0 : CHAM_DUMP_ONE(d, cham_put_port, port);
}

static int cham_nl_prog_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d;
	struct cham_prog *prog;
	struct cham_tenant *t;

	rtnl_lock();
	d = cham_dump_begin(skb, cb, CHAM_CMD_PROG_GET, cb->args[0]);
	cb->seq = cham_dump_seq(&cham_tenant_seq);
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		prog = rtnl_dereference(t->program);
		if (prog && cham_dump_shows(&d, t->id) && !cham_dump_skip(&d) &&
		    CHAM_DUMP_ONE(&d, cham_put_prog, t, prog))
			break;
	}
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_port_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d;

	rtnl_lock();
	d = cham_dump_begin(skb, cb, CHAM_CMD_PORT_GET, cb->args[0]);
	cb->seq = cham_dump_seq(&cham_port_seq);
	cham_port_for_each(cham_nl_port_dump_one, &d);
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_uplink_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d;
	struct cham_uplink *up;

	rtnl_lock();
	d = cham_dump_begin(skb, cb, CHAM_CMD_UPLINK_GET, cb->args[0]);
	up = cham_uplink_rcu();
	if (up && !cham_dump_skip(&d))
		CHAM_DUMP_ONE(&d, cham_put_uplink, up);
	rtnl_unlock();
	return skb->len;
}

/* In cb->args, which cham_dump_close() has the first of. */
enum { CHAM_FDB_DUMP_WALK = 1, CHAM_FDB_DUMP_TOLD };

static int cham_nl_fdb_start(struct netlink_callback *cb)
{
	const struct nlattr *id = genl_info_dump(cb)->attrs[CHAM_FDB_TENANT_ID];
	struct cham_fdb_walk *walk;
	int err;

	rtnl_lock();
	err = cham_nl_may(sock_net(cb->skb->sk), false, cb->extack);
	if (!err && id)
		err = PTR_ERR_OR_ZERO(cham_nl_tenant_id(id, cb->extack));
	rtnl_unlock();
	if (err)
		return err;
	walk = kmalloc(sizeof(*walk), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	cham_fdb_walk_begin(walk);
	cb->args[CHAM_FDB_DUMP_WALK] = (long)walk;
	return 0;
}

static int cham_nl_fdb_done(struct netlink_callback *cb)
{
	struct cham_fdb_walk *walk = (void *)cb->args[CHAM_FDB_DUMP_WALK];

	cham_fdb_walk_end(walk);
	kfree(walk);
	return 0;
}

/* Whatever changes what is told, or where in the walk it is. */
static u32 cham_nl_fdb_seq(const struct cham_fdb_walk *walk)
{
	return (cham_fdb_seq() + cham_dump_seq(&cham_tenant_seq) + walk->moved) ?: 1;
}

/* An entry is told once for each tenant of its device. */
static int cham_nl_fdb_dump_one(const struct cham_fdb *fdb, void *arg)
{
	struct cham_dump *d = arg;
	const struct nlattr *id = genl_info_dump(d->cb)->attrs[CHAM_FDB_TENANT_ID];
	const struct cham_fdb_walk *walk = (void *)d->cb->args[CHAM_FDB_DUMP_WALK];
	long *told = &d->cb->args[CHAM_FDB_DUMP_TOLD], n = 0;
	struct cham_tenant *t;
	int err;

	d->cb->seq = cham_nl_fdb_seq(walk);
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		if ((id && t->id != nla_get_u32(id)) ||
		    !cham_fdb_of_tenant(fdb, t) || n++ < *told)
			continue;
		err = CHAM_DUMP_ONE(d, cham_put_fdb, fdb, t->id);
		if (err)
			return err;
		*told = n;
	}
	*told = 0;
	return 0;
}

static int cham_nl_fdb_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_fdb_walk *walk = (void *)cb->args[CHAM_FDB_DUMP_WALK];
	struct cham_dump d;

	rtnl_lock();
	d = cham_dump_begin(skb, cb, CHAM_CMD_FDB_GET, 0);
	cham_fdb_walk_on(walk, cham_nl_fdb_dump_one, &d);
	/* What went last may have hidden others from it. */
	cb->seq = cham_nl_fdb_seq(walk);
	rtnl_unlock();
	return skb->len;
}

static int cham_nl_stat_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cham_dump d;
	struct cham_tenant *t;
	struct cham_ledger *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	int err = 0;

	if (!sum)
		return -ENOMEM;
	rtnl_lock();
	d = cham_dump_begin(skb, cb, CHAM_CMD_STAT_GET, cb->args[0]);
	cb->seq = cham_dump_seq(&cham_tenant_seq);
	if (d.provider && !cham_dump_skip(&d)) {
		cham_ledger_sum(cham_ledger_infra, sum);
		err = CHAM_DUMP_ONE(&d, cham_put_stat, 0, sum);
	}
	for (t = cham_tenant_next(NULL); !err && t; t = cham_tenant_next(t)) {
		if (!cham_dump_shows(&d, t->id) || cham_dump_skip(&d))
			continue;
		cham_ledger_sum(t->ledger, sum);
		err = CHAM_DUMP_ONE(&d, cham_put_stat, t->id, sum);
	}
	rtnl_unlock();
	kfree(sum);
	return skb->len;
}

/* The provider's, and with GENL_UNS_ADMIN_PERM a tenant's about itself: cham_nl_may() */
#define CHAM_OWN	GENL_UNS_ADMIN_PERM
#define CHAM_ALL	GENL_ADMIN_PERM

#define CHAM_DO(CMD, who, name, fn) {					\
	.cmd = CHAM_CMD_##CMD, .doit = fn, .pre_doit = cham_nl_pre,	\
	.post_doit = cham_nl_post, .policy = cham_##name##_policy,	\
	.maxattr = ARRAY_SIZE(cham_##name##_policy) - 1,		\
	.flags = (who) | GENL_CMD_CAP_DO }
#define CHAM_DUMP(CMD, who, name, begin, fn, end) {			\
	.cmd = CHAM_CMD_##CMD, .start = begin, .dumpit = fn, .done = end, \
	.policy = cham_##name##_policy,					\
	.maxattr = ARRAY_SIZE(cham_##name##_policy) - 1,		\
	.flags = (who) | GENL_CMD_CAP_DUMP }

static const struct genl_split_ops cham_ops[] = {
	CHAM_DO(TENANT_GET, CHAM_OWN, tenant_get, cham_nl_tenant_get),
	CHAM_DUMP(TENANT_GET, CHAM_OWN, no_attrs, cham_nl_tenant_start, cham_nl_tenant_dump, NULL),
	CHAM_DO(TENANT_NEW, CHAM_ALL, tenant_new, cham_nl_tenant_new),
	CHAM_DO(TENANT_SET, CHAM_ALL, tenant_set, cham_nl_tenant_set),
	CHAM_DO(TENANT_DEL, CHAM_ALL, tenant_del, cham_nl_tenant_del),
	CHAM_DO(PORT_GET, CHAM_ALL, port_get, cham_nl_port_get),
	CHAM_DUMP(PORT_GET, CHAM_ALL, no_attrs, cham_nl_start, cham_nl_port_dump, NULL),
	CHAM_DO(PORT_SET, CHAM_ALL, port_set, cham_nl_port_set),
	CHAM_DO(UPLINK_GET, CHAM_ALL, uplink_get, cham_nl_uplink_get),
	CHAM_DUMP(UPLINK_GET, CHAM_ALL, no_attrs, cham_nl_start, cham_nl_uplink_dump, NULL),
	CHAM_DO(UPLINK_NEW, CHAM_ALL, uplink_new, cham_nl_uplink_new),
	CHAM_DO(UPLINK_DEL, CHAM_ALL, uplink_del, cham_nl_uplink_del),
	CHAM_DO(CONN_GET, CHAM_OWN, conn_key, cham_nl_conn_get),
	CHAM_DUMP(CONN_GET, CHAM_OWN, conn_dump, cham_nl_conn_start, cham_nl_conn_dump, NULL),
	CHAM_DO(CONN_NEW, CHAM_OWN, conn_new, cham_nl_conn_new),
	CHAM_DO(CONN_SET, CHAM_OWN, conn_new, cham_nl_conn_set),
	CHAM_DO(CONN_DEL, CHAM_OWN, conn_key, cham_nl_conn_del),
	CHAM_DO(CONN_FLUSH, CHAM_OWN, conn_flush, cham_nl_conn_flush),
	CHAM_DUMP(FDB_GET, CHAM_ALL, fdb_dump, cham_nl_fdb_start, cham_nl_fdb_dump,
		  cham_nl_fdb_done),
	CHAM_DO(FDB_NEW, CHAM_ALL, fdb_new, cham_nl_fdb_new),
	CHAM_DO(FDB_DEL, CHAM_ALL, fdb_del, cham_nl_fdb_del),
	CHAM_DUMP(STAT_GET, CHAM_OWN, no_attrs, cham_nl_tenant_start, cham_nl_stat_dump, NULL),
	CHAM_DO(PROG_GET, CHAM_OWN, prog_get, cham_nl_prog_get),
	CHAM_DUMP(PROG_GET, CHAM_OWN, no_attrs, cham_nl_tenant_start, cham_nl_prog_dump, NULL),
	CHAM_DO(PROG_SET, CHAM_ALL, prog_set, cham_nl_prog_set),
	CHAM_DO(PROG_DEL, CHAM_ALL, prog_del, cham_nl_prog_del),
	CHAM_DO(PACKET_SEND, CHAM_OWN, packet_send, cham_nl_packet_send),
};

struct genl_family cham_family __ro_after_init = {
	.name		= CHAM_FAMILY_NAME,
	.version	= CHAM_FAMILY_VERSION,
	.module		= THIS_MODULE,
	.split_ops	= cham_ops,
	.n_split_ops	= ARRAY_SIZE(cham_ops),
	.mcgrps		= cham_groups,
	.n_mcgrps	= ARRAY_SIZE(cham_groups),
	.parallel_ops	= true,
	.netnsok	= true,
};

int cham_netlink_init(void)
{
	int err = genl_register_family(&cham_family);

	if (!err)
		cham_nl_events(true);
	return err;
}

void cham_netlink_exit(void)
{
	cham_nl_events(false);
	genl_unregister_family(&cham_family);
}
