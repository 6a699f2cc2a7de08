// SPDX-License-Identifier: GPL-2.0
#include <linux/if_arp.h>
#include <linux/if_macvlan.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>
#include <net/geneve.h>
#include <net/vxlan.h>

#include "netlink.h"
#include "policy.h"
#include "port.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

struct cham_uplink __rcu *cham_the_uplink;
static u32 cham_uplink_serial;		/* RTNL */

/* What CPUs remember of its addresses is old. */
static void cham_uplink_renumber(struct cham_uplink *up)
{
	if (!++cham_uplink_serial)
		cham_uplink_serial++;
	WRITE_ONCE(up->serial, cham_uplink_serial);
}

static bool cham_uplink_has4(struct net_device *dev, __be32 addr)
{
	struct in_device *in_dev = __in_dev_get_rtnl(dev);
	const struct in_ifaddr *ifa;

	if (!in_dev)
		return false;
	in_dev_for_each_ifa_rtnl(ifa, in_dev)
		if (ifa->ifa_local == addr)
			return true;
	return false;
}

bool cham_uplink_has_addrs(const struct cham_uplink *up)
{
	if (up->local4 && !cham_uplink_has4(up->dev, up->local4))
		return false;
	return ipv6_addr_any(&up->local6) ||
	       ipv6_chk_addr(dev_net(up->dev), &up->local6, up->dev, 0);
}

/**
 * cham_uplink_add() - make a NIC the way to the wire
 * @dev:           the NIC
 * @local4:        tunnel end point, 0 for none
 * @local6:        tunnel end point, NULL for none
 * @udp_port:      VXLAN port, host order
 * @ignore_filter: let the fast path bypass netfilter on the underlay
 * @extack:        receives the reason of a refusal
 *
 * Context: RTNL held. Return: 0 or a negative errno.
 */
int cham_uplink_add(struct net_device *dev, __be32 local4,
		    const struct in6_addr *local6, u16 udp_port,
		    bool ignore_filter, struct netlink_ext_ack *extack)
{
	struct cham_uplink *up = rtnl_dereference(cham_the_uplink);

	ASSERT_RTNL();
	if (up) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s is the uplink already; one uplink is supported",
				   up->dev->name);
		return -EBUSY;
	}
	if (cham_port_from_dev(dev) || dev->type != ARPHRD_ETHER) {
		NL_SET_ERR_MSG_FMT(extack, "%s is not an Ethernet NIC of the host",
				   dev->name);
		return -EINVAL;
	}
	if (is_vlan_dev(dev) || netif_is_macvlan(dev) || netif_is_vxlan(dev) ||
	    netif_is_geneve(dev)) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s has no queues of its own; give the plain NIC below it",
				   dev->name);
		return -EOPNOTSUPP;
	}
	if (netif_is_bridge_master(dev) || netif_is_bond_master(dev) ||
	    netif_is_team_master(dev) || netif_is_ovs_master(dev) ||
	    netdev_master_upper_dev_get(dev)) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s is, or is part of, a bridge, bond or switch; give a plain NIC",
				   dev->name);
		return -EOPNOTSUPP;
	}
	if (!local4 && !local6) {
		NL_SET_ERR_MSG(extack, "a local tunnel address (IPv4 or IPv6) is needed");
		return -EINVAL;
	}
	if (local4 && !cham_uplink_has4(dev, local4)) {
		NL_SET_ERR_MSG_FMT(extack, "%pI4 is not an address of %s",
				   &local4, dev->name);
		return -EADDRNOTAVAIL;
	}
	if (local6 && !ipv6_chk_addr(dev_net(dev), local6, dev, 0)) {
		NL_SET_ERR_MSG_FMT(extack, "%pI6c is not an address of %s",
				   local6, dev->name);
		return -EADDRNOTAVAIL;
	}
	up = kzalloc(sizeof(*up), GFP_KERNEL);
	if (!up)
		return -ENOMEM;
	up->packets = __alloc_percpu(2 * sizeof(u64), sizeof(u64));
	if (!up->packets) {
		kfree(up);
		return -ENOMEM;
	}
	up->dev = dev;
	up->ifindex = dev->ifindex;
	up->local4 = local4;
	if (local6)
		up->local6 = *local6;
	up->udp_port = htons(udp_port);
	up->ignore_filter = ignore_filter;
	/* veth wakes the other end for XDP_TX only if that has a program, too. */
	up->redirect = dev->rtnl_link_ops && !strcmp(dev->rtnl_link_ops->kind, "veth");
	cham_uplink_renumber(up);
	netdev_hold(dev, &up->tracker, GFP_KERNEL);
	rcu_assign_pointer(cham_the_uplink, up);
	cham_remote_invalidate_all();
	cham_policy_dirty_all();
	return 0;
}

int cham_uplink_del(u32 ifindex, struct netlink_ext_ack *extack)
{
	struct cham_uplink *up = rtnl_dereference(cham_the_uplink);

	ASSERT_RTNL();
	if (!up || up->ifindex != ifindex) {
		NL_SET_ERR_MSG_FMT(extack, "interface %u is not an uplink", ifindex);
		return -ENOENT;
	}
	RCU_INIT_POINTER(cham_the_uplink, NULL);
	cham_remote_invalidate_all();
	cham_policy_dirty_all();
	synchronize_net();
	netdev_put(up->dev, &up->tracker);
	free_percpu(up->packets);
	kfree(up);
	return 0;
}

static int cham_uplink_netdev(struct notifier_block *nb, unsigned long event,
			      void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct cham_uplink *up = rtnl_dereference(cham_the_uplink);

	if (event == NETDEV_CHANGEADDR && up && up->dev == dev)
		cham_uplink_renumber(up);
	/* A move to another namespace is one, too. */
	if (event == NETDEV_UNREGISTER && up && up->dev == dev) {
		netdev_warn(dev, "uplink has left; once it is back: chamctl uplink add\n");
		cham_uplink_del(dev->ifindex, NULL);
	}
	return NOTIFY_DONE;
}

static struct notifier_block cham_uplink_nb = {
	.notifier_call = cham_uplink_netdev,
};

int cham_uplink_init(void)
{
	return register_netdevice_notifier(&cham_uplink_nb);
}

void cham_uplink_exit(void)
{
	struct cham_uplink *up;

	/* First: to the notifier's end belongs that all devices leave it. */
	rtnl_lock();
	up = rtnl_dereference(cham_the_uplink);
	if (up)
		cham_uplink_del(up->ifindex, NULL);
	rtnl_unlock();
	unregister_netdevice_notifier(&cham_uplink_nb);
}
