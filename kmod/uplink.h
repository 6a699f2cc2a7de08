/* SPDX-License-Identifier: GPL-2.0 */
/* The NIC that carries the datapath and the host's tunnel end point. */
#ifndef CHAM_UPLINK_H
#define CHAM_UPLINK_H

#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

struct netlink_ext_ack;

struct cham_uplink {
	struct net_device *dev;
	u32		ifindex;
	__be32		local4;		/* 0: none */
	struct in6_addr	local6;		/* any: none */
	__be16		udp_port;
	bool		ignore_filter;	/* netfilter on the underlay is not asked */
	bool		redirect;	/* handlers' answers leave by redirect, not XDP_TX */
	u32		blocked;	/* BIT(CHAM_BLOCK_*) */
	u32		serial;		/* of its addresses, MAC included; never 0 */
	u64 __percpu	*packets;	/* [0] received, [1] sent */
	netdevice_tracker tracker;
};

extern struct cham_uplink __rcu *cham_the_uplink;

/* RCU read side or RTNL. NULL: none configured. */
static inline struct cham_uplink *cham_uplink_rcu(void)
{
	return rcu_dereference_rtnl(cham_the_uplink);
}

int cham_uplink_add(struct net_device *dev, __be32 local4,
		    const struct in6_addr *local6, u16 udp_port,
		    bool ignore_filter, struct netlink_ext_ack *extack);
int cham_uplink_del(u32 ifindex, struct netlink_ext_ack *extack);
/* RTNL. Linux takes a tunnel's packets only while the address is its own. */
bool cham_uplink_has_addrs(const struct cham_uplink *up);
int cham_uplink_init(void);
void cham_uplink_exit(void);
#endif
