// SPDX-License-Identifier: GPL-2.0
/*
 * The cache must never know better than Linux. What Linux would do to a
 * frame beyond "bridge it" and "put it in the tunnel" cannot be represented
 * in a connection, so any sign of it switches caching off for the port, or
 * for the tenant's way to the wire, until the sign is gone.
 *
 * Bridge and device changes come by notifier. Filters have none, and some of what a
 * bridge learns has none, so a kernel netlink socket listens to the same broadcasts
 * that `tc monitor`, `bridge monitor` and `nft monitor` print, and a slow periodic
 * look catches what has no broadcast (tcx links).
 */
#include <linux/if_bridge.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <linux/workqueue.h>
#include <net/addrconf.h>
#include <net/pkt_sched.h>
#include <net/sch_generic.h>
#include <net/vxlan.h>

#include "fdb.h"
#include "netlink.h"
#include "policy.h"
#include "port.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

static void cham_policy_look(struct work_struct *work);

/* Guests can make us look again: so often a second, at most. */
#define CHAM_LOOKS_MAX	20

static bool cham_look_due;		/* sooner than the periodic one */
static unsigned long cham_looked;	/* jiffies */
/* Ready before the room is open: others start earlier, and end later. */
static DECLARE_DELAYED_WORK(cham_policy_work, cham_policy_look);
static struct socket *cham_policy_socks[2];

static void cham_policy_look_soon(void)
{
	unsigned long due = READ_ONCE(cham_looked) + HZ / CHAM_LOOKS_MAX, now = jiffies;

	/* Not again for each change: that would put it off for ever. */
	if (!xchg(&cham_look_due, true))
		mod_delayed_work(system_wq, &cham_policy_work,
				 time_before(now, due) ? due - now : 0);
}

static void cham_policy_mark(struct cham_tenant *t)
{
	atomic_inc(&t->marks);
	cham_tenant_invalidate(t);
}

void cham_policy_dirty(struct cham_tenant *t)
{
	cham_policy_mark(t);
	cham_policy_look_soon();
}

void cham_policy_dirty_all(void)
{
	cham_tenant_walk_rcu(cham_policy_mark, 0);
	cham_policy_look_soon();
}

void cham_policy_dirty_domain(u32 ifindex)
{
	cham_tenant_walk_rcu(cham_policy_mark, ifindex);
	cham_policy_look_soon();
}

void cham_policy_dirty_dev(const struct net_device *dev)
{
	const struct cham_port *port = cham_port_from_dev(dev);
	const struct cham_uplink *up;
	struct cham_tenant *t = NULL;

	rcu_read_lock();
	up = cham_uplink_rcu();
	if (port) {
		t = cham_port_tenant_rcu(port);
	} else if (!net_eq(dev_net(dev), &init_net)) {
		/* tenants have bridges and tunnels of their own, in there */
		goto out;
	} else if (up && up->dev == dev) {
		cham_tenant_walk_rcu(cham_policy_mark, 0);
	} else if (netif_is_vxlan(dev) || netif_is_bridge_master(dev)) {
		const struct vxlan_dev *vx = netdev_priv(dev);

		cham_tenant_walk_rcu(cham_policy_mark, dev->ifindex);
		/* one that it is about to have */
		if (netif_is_vxlan(dev))
			t = cham_tenant_by_vni_rcu(be32_to_cpu(vx->cfg.vni));
	} else {
		goto out;
	}
	if (t)
		cham_policy_mark(t);
	cham_policy_look_soon();
out:
	rcu_read_unlock();
}

/* Queueing disciplines that neither police, shape nor classify. */
static bool cham_qdisc_plain(struct Qdisc *q)
{
	static const char * const plain[] = {
		"noop", "noqueue", "mq", "pfifo_fast", "fq_codel", "fq", "pfifo",
		"mqprio",
	};
	const struct Qdisc_class_ops *cl;
	struct tcf_block *block;

	if (!q || !q->ops)
		return true;
	if (match_string(plain, ARRAY_SIZE(plain), q->ops->id) < 0)
		return false;
	/* fq_codel takes filters, whose actions do anything */
	cl = q->ops->cl_ops;
	block = cl && cl->tcf_block ? cl->tcf_block(q, 0, NULL) : NULL;
	return !block || list_empty(&block->chain_list);
}

/* What mq has below it does the work. */
static bool cham_qdiscs_plain(const struct net_device *dev)
{
	struct Qdisc *root = rtnl_dereference(dev->qdisc), *q;
	unsigned int i;

	for (i = 0; i < dev->num_tx_queues; i++) {
		q = rtnl_dereference(netdev_get_tx_queue(dev, i)->qdisc_sleeping);
		if (q != root && !cham_qdisc_plain(q))
			return false;
	}
	return cham_qdisc_plain(root);
}

static u32 cham_policy_filters(const struct net_device *dev)
{
	u32 blocked = 0;

	if (rcu_access_pointer(dev->tcx_ingress) ||
	    rcu_access_pointer(dev->tcx_egress) ||
	    !cham_qdiscs_plain(dev))
		blocked |= BIT(CHAM_BLOCK_TC);
	if (rcu_access_pointer(dev->nf_hooks_ingress) ||
	    rcu_access_pointer(dev->nf_hooks_egress))
		blocked |= BIT(CHAM_BLOCK_NFT);
	return blocked;
}

/*
 * Hooks that LSMs register whether or not anything is labelled are no rules:
 * they sit at two priorities nothing else may use. Conntrack, nft, iptables
 * and br_netfilter count.
 */
static bool cham_policy_hooked(struct nf_hook_entries __rcu *const *head)
{
	struct nf_hook_ops **ops;
	struct nf_hook_entries *e;
	bool found = false;
	unsigned int i;

	rcu_read_lock();
	e = rcu_dereference(*(struct nf_hook_entries __rcu **)head);
	ops = e ? nf_hook_entries_get_hook_ops(e) : NULL;
	for (i = 0; e && i < e->num_hook_entries && !found; i++) {
		int priority = READ_ONCE(ops[i])->priority;

		found = priority != NF_IP_PRI_SELINUX_FIRST &&
			priority != NF_IP_PRI_SELINUX_LAST;
	}
	rcu_read_unlock();
	return found;
}

/* ebtables, nft family bridge and br_netfilter all hook here. */
static bool cham_policy_bridge_hooks(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(init_net.nf.hooks_bridge); i++)
		if (cham_policy_hooked(&init_net.nf.hooks_bridge[i]))
			return true;
	return false;
}

static bool cham_policy_ip_hooks(const struct cham_uplink *up)
{
	static const u8 way[] = { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN,
				  NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(way); i++) {
		if (up->local4 && cham_policy_hooked(&init_net.nf.hooks_ipv4[way[i]]))
			return true;
		if (!ipv6_addr_any(&up->local6) &&
		    cham_policy_hooked(&init_net.nf.hooks_ipv6[way[i]]))
			return true;
	}
	return false;
}

/* One member of a bridge: what would the bridge not do with its frames? */
static u32 cham_policy_brport(struct net_device *dev, struct net_device *br)
{
	u32 blocked = cham_policy_filters(dev) | cham_policy_filters(br);

	/* A VLAN device on the way takes its frames before the bridge does. */
	if (br_vlan_enabled(br) || vlan_uses_dev(dev))
		blocked |= BIT(CHAM_BLOCK_VLAN);
	if (br_port_get_stp_state(dev) != BR_STATE_FORWARDING)
		blocked |= BIT(CHAM_BLOCK_STP);
	if (br_port_flag_is_set(dev, BR_ISOLATED))
		blocked |= BIT(CHAM_BLOCK_ISOLATED);
	if (br_port_flag_is_set(dev, BR_PORT_LOCKED))
		blocked |= BIT(CHAM_BLOCK_LOCKED);
	if (!netif_running(dev) || !netif_running(br))
		blocked |= BIT(CHAM_BLOCK_DOWN);
	if (cham_policy_bridge_hooks())
		blocked |= BIT(CHAM_BLOCK_NFT);
	return blocked;
}

/* Without a tunnel the first port's bridge is the tenant's. */
static int cham_policy_find_bridge(struct cham_port *port, void *unused)
{
	struct net_device *br = netdev_master_upper_dev_get(cham_port_dev(port));
	struct cham_tenant *t = cham_port_tenant_rcu(port);

	if (t && !t->vxlan_dev && !t->bridge_dev && br && netif_is_bridge_master(br))
		t->bridge_dev = br;
	return 0;
}

/* Each tenant's devices, in one walk however many tenants there are. */
static void cham_policy_find_devs(void)
{
	struct net_device *dev;
	struct cham_tenant *t;

	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		t->vxlan_dev = NULL;
		t->bridge_dev = NULL;
	}
	rcu_read_lock();
	for_each_netdev(&init_net, dev) {
		const struct vxlan_dev *vx = netdev_priv(dev);

		if (!netif_is_vxlan(dev))
			continue;
		t = cham_tenant_by_vni_rcu(be32_to_cpu(vx->cfg.vni));
		if (t && !t->vxlan_dev)
			t->vxlan_dev = dev;
	}
	rcu_read_unlock();
	cham_port_for_each(cham_policy_find_bridge, NULL);
}

/* Whether the datapath can stand in for a vxlan device. */
static bool cham_policy_vxlan_fits(const struct cham_tenant *t,
				   const struct net_device *dev,
				   const struct cham_uplink *up)
{
	const u32 cannot = VXLAN_F_COLLECT_METADATA | VXLAN_F_GBP | VXLAN_F_GPE |
			   VXLAN_F_REMCSUM_TX | VXLAN_F_VNIFILTER | VXLAN_F_MDB |
			   VXLAN_F_RSC | VXLAN_F_PROXY | VXLAN_F_TTL_INHERIT;
	const struct vxlan_dev *vx = netdev_priv(dev);
	const struct vxlan_config *cfg = &vx->cfg;

	/* One that was made elsewhere sends from there. */
	if (!net_eq(vx->net, &init_net))
		return false;
	if (!up || cfg->dst_port != up->udp_port || cfg->flags & cannot)
		return false;
	if (cfg->remote_ifindex && cfg->remote_ifindex != up->ifindex)
		return false;
	if (cfg->ttl || cfg->df != VXLAN_DF_UNSET || cfg->label)
		return false;
	/* tos 1 is "inherit": uniform. */
	if ((cfg->tos && cfg->tos != 1) || cfg->tos == t->cfg.dscp_pipe)
		return false;
	if (cfg->saddr.sa.sa_family == AF_INET6)
		return ipv6_addr_any(&cfg->saddr.sin6.sin6_addr) ||
		       ipv6_addr_equal(&cfg->saddr.sin6.sin6_addr, &up->local6);
	return cfg->saddr.sa.sa_family != AF_INET ||
	       !cfg->saddr.sin.sin_addr.s_addr ||
	       cfg->saddr.sin.sin_addr.s_addr == up->local4;
}

static u32 cham_policy_uplink(const struct cham_uplink *up)
{
	u32 blocked = cham_policy_filters(up->dev);

	if (!netif_running(up->dev) || !netif_carrier_ok(up->dev))
		blocked |= BIT(CHAM_BLOCK_DOWN);
	if (netdev_master_upper_dev_get(up->dev))
		blocked |= BIT(CHAM_BLOCK_FOREIGN);
	if (!cham_uplink_has_addrs(up))
		blocked |= BIT(CHAM_BLOCK_NO_ADDRESS);
	if (up->ignore_filter)
		blocked &= ~BIT(CHAM_BLOCK_NFT);
	else if (cham_policy_ip_hooks(up))
		blocked |= BIT(CHAM_BLOCK_NFT);
	return blocked;
}

/* What shuts a tenant's way to the wire is shown at its ports. */
static int cham_policy_tell(struct cham_port *port, void *tenant)
{
	if (cham_port_tenant_rcu(port) == tenant)
		cham_nl_port_event(CHAM_CMD_PORT_NTF, port);
	return 0;
}

static void cham_policy_tenant(struct cham_tenant *t, struct cham_uplink *up)
{
	u32 blocked = up ? up->blocked : BIT(CHAM_BLOCK_DOWN);
	struct net_device *vx = t->vxlan_dev, *br = t->bridge_dev;
	u32 vxlan = 0, bridge = 0, was = t->blocked;

	if (vx) {
		vxlan = vx->ifindex;
		if (!cham_policy_vxlan_fits(t, vx, up))
			blocked |= BIT(CHAM_BLOCK_TUNNEL);
		br = netdev_master_upper_dev_get(vx);
		if (br && netif_is_bridge_master(br)) {
			bridge = br->ifindex;
			blocked |= cham_policy_brport(vx, br);
		} else {
			blocked |= BIT(br ? CHAM_BLOCK_FOREIGN : CHAM_BLOCK_NO_FDB);
		}
	} else if (br) {
		bridge = br->ifindex;
	}
	t->changed = vxlan != t->vxlan || bridge != t->bridge || blocked != was;
	WRITE_ONCE(t->blocked, blocked);
	cham_tenant_set_domains(t, bridge, vxlan);
	if (blocked != was) {
		cham_tenant_invalidate(t);
		cham_port_for_each(cham_policy_tell, t);
	}
}

static int cham_policy_port(struct cham_port *port, void *unused)
{
	struct cham_tenant *t = cham_port_tenant_rcu(port);
	struct net_device *dev = cham_port_dev(port), *br;
	u32 blocked;

	br = netdev_master_upper_dev_get(dev);
	if (!t) {
		blocked = BIT(CHAM_BLOCK_NO_TENANT);
	} else if (br && netif_is_bridge_master(br)) {
		blocked = cham_policy_brport(dev, br);
		/* It speaks for its tenant's guests, and must not be taken for one. */
		if (cham_tenant_is_slow(t, cham_port_slot(port)) &&
		    br_port_flag_is_set(dev, BR_LEARNING))
			blocked |= BIT(CHAM_BLOCK_LEARNING);
		if (t->bridge != br->ifindex)
			blocked |= BIT(CHAM_BLOCK_FOREIGN);
	} else if (br) {
		blocked = BIT(CHAM_BLOCK_FOREIGN);
	} else {
		blocked = cham_policy_filters(dev);
		if (!atomic_read(&t->fdbs))
			blocked |= BIT(CHAM_BLOCK_NO_FDB);
		if (!netif_running(dev))
			blocked |= BIT(CHAM_BLOCK_DOWN);
	}
	if (!net_eq(dev_net(dev), &init_net))
		blocked |= BIT(CHAM_BLOCK_FOREIGN);
	if (blocked != cham_port_blocked(port)) {
		cham_port_set_blocked(port, blocked);
		/* Who hears of it finds nothing left of what was cached. */
		if (t) {
			cham_tenant_invalidate(t);
			t->changed = true;
		}
		cham_nl_port_event(CHAM_CMD_PORT_NTF, port);
	}
	return 0;
}

/* Where a broadcast did not reach a socket, for want of memory, that gets no more of them
 * until it is read as by a process. Nothing is there to be read.
 */
static void cham_policy_unstop(void)
{
	struct msghdr msg = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cham_policy_socks); i++)
		if (cham_policy_socks[i] &&
		    kernel_recvmsg(cham_policy_socks[i], &msg, NULL, 0, 0,
				   MSG_DONTWAIT) != -EAGAIN)
			cham_policy_dirty_all();
}

/* How long what Linux learned lives without traffic: bridge or vxlan device. */
static unsigned long cham_policy_ageing(const struct cham_tenant *t)
{
	struct net_device *br = __dev_get_by_index(&init_net, t->bridge);
	struct net_device *vx = __dev_get_by_index(&init_net, t->vxlan);
	unsigned long ageing = 300 * HZ;

	if (br)
		ageing = clock_t_to_jiffies(br_get_ageing_time(br));
	if (vx && ((struct vxlan_dev *)netdev_priv(vx))->cfg.age_interval)
		ageing = min(ageing,
			     ((struct vxlan_dev *)netdev_priv(vx))->cfg.age_interval * HZ);
	return max_t(unsigned long, ageing, HZ);
}

/* Asks the devices of those that have changed what they know. */
static void cham_policy_replay(void)
{
	struct cham_tenant *t;

	cham_fdb_replay_begin();
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		cham_fdb_replay_domain(t->vxlan, t->cfg.vni, t->changed);
		cham_fdb_replay_domain(t->bridge, t->cfg.vni, t->changed);
	}
	cham_fdb_replay_end();
}

static void cham_policy_look(struct work_struct *work)
{
	static unsigned int tenants;
	struct cham_tenant *t;
	struct cham_uplink *up;
	unsigned int n = 0;
	bool replay = false;

	cham_policy_unstop();
	rtnl_lock();
	/* What is said from here on makes the next look. */
	xchg(&cham_look_due, false);
	up = cham_uplink_rcu();
	if (up)
		WRITE_ONCE(up->blocked, cham_policy_uplink(up));
	cham_policy_find_devs();
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		/* Marked after a change: what is read from here on has it. */
		t->looks = atomic_read_acquire(&t->marks);
		cham_policy_tenant(t, up);
		t->changed |= t->looks != t->looked;
	}
	cham_port_for_each(cham_policy_port, NULL);
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t), n++)
		replay |= t->changed;
	/* One that went leaves its devices' addresses. */
	replay |= n != tenants;
	tenants = n;
	if (replay)
		cham_policy_replay();
	for (t = cham_tenant_next(NULL); t; t = cham_tenant_next(t)) {
		t->ageing = cham_policy_ageing(t);
		if (t->changed) {
			/* Its ports have been judged, too. */
			smp_store_release(&t->looked, t->looks);
			cham_tenant_invalidate(t);
		}
		/* What this is for, cham_decide() says. */
		if (time_after_eq(jiffies, t->epoch_began + t->ageing / 4)) {
			WRITE_ONCE(t->epoch, t->epoch + 1);
			t->epoch_began = jiffies;
		}
	}
	WRITE_ONCE(cham_looked, jiffies);
	rtnl_unlock();
	/* Nothing, if it is due sooner. */
	queue_delayed_work(system_wq, &cham_policy_work, HZ);
}

static int cham_policy_netdev(struct notifier_block *nb, unsigned long event,
			      void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct cham_uplink *up = cham_uplink_rcu();

	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEUPPER:
	case NETDEV_CHANGEADDR:
	case NETDEV_CHANGEMTU:
	case NETDEV_UNREGISTER:
		cham_policy_dirty_dev(dev);
		break;
	}
	/* what the outer headers were made of */
	if (up && up->dev == dev &&
	    (event == NETDEV_CHANGEADDR || event == NETDEV_CHANGEMTU ||
	     event == NETDEV_DOWN || event == NETDEV_FEAT_CHANGE))
		cham_remote_invalidate_all();
	return NOTIFY_DONE;
}

static struct notifier_block cham_policy_nb = {
	.notifier_call = cham_policy_netdev,
};

/* Atomic for IPv6. */
static void cham_policy_addr_of(const struct net_device *dev)
{
	const struct cham_uplink *up;

	rcu_read_lock();
	up = cham_uplink_rcu();
	if (up && up->dev == dev)
		cham_policy_dirty_all();
	rcu_read_unlock();
}

static int cham_policy_addr(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	const struct in_ifaddr *ifa = ptr;

	cham_policy_addr_of(ifa->ifa_dev->dev);
	return NOTIFY_DONE;
}

static int cham_policy_addr6(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	const struct inet6_ifaddr *ifa = ptr;

	cham_policy_addr_of(ifa->idev->dev);
	return NOTIFY_DONE;
}

static struct notifier_block cham_policy_addr_nb = {
	.notifier_call = cham_policy_addr,
};

static struct notifier_block cham_policy_addr6_nb = {
	.notifier_call = cham_policy_addr6,
};

/* tc says of which device; a block of filters may be at any. Of neighbours those that
 * a bridge tells are heard.
 */
static bool cham_policy_heard_of(const struct sock *sk, const struct sk_buff *skb)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(skb);
	const struct tcmsg *tcm;
	struct net_device *dev;

	if (sk->sk_protocol != NETLINK_ROUTE || !nlmsg_ok(nlh, skb->len))
		return false;
	if (nlh->nlmsg_type == RTM_NEWNEIGH || nlh->nlmsg_type == RTM_DELNEIGH) {
		cham_fdb_heard(nlh);
		return true;
	}
	if (nlmsg_len(nlh) < sizeof(*tcm))
		return false;
	tcm = nlmsg_data(nlh);
	if (tcm->tcm_ifindex <= 0)
		return false;
	rcu_read_lock();
	dev = dev_get_by_index_rcu(&init_net, tcm->tcm_ifindex);
	if (dev)
		cham_policy_dirty_dev(dev);
	rcu_read_unlock();
	return dev;
}

/* Broadcasts arrived: what they say is read from the devices themselves. */
static void cham_policy_heard(struct sock *sk)
{
	struct sk_buff *skb;
	bool all = false;

	while ((skb = skb_dequeue(&sk->sk_receive_queue))) {
		all |= !cham_policy_heard_of(sk, skb);
		kfree_skb(skb);
	}
	if (all || sk->sk_err) {
		sk->sk_err = 0;
		cham_policy_dirty_all();
	}
}

/* @groups: a bit for each, the first is 1 */
static int cham_policy_listen(struct socket **sock, int protocol, u32 groups)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = groups >> 1 };
	int err;

	err = sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, protocol, sock);
	if (err)
		return err;
	write_lock_bh(&(*sock)->sk->sk_callback_lock);
	(*sock)->sk->sk_data_ready = cham_policy_heard;
	write_unlock_bh(&(*sock)->sk->sk_callback_lock);
	err = kernel_bind(*sock, (void *)&addr, sizeof(addr));
	if (err) {
		sock_release(*sock);
		*sock = NULL;
	}
	return err;
}

int cham_policy_init(void)
{
	int err;

	err = register_netdevice_notifier(&cham_policy_nb);
	if (err)
		goto err_work;
	err = register_inetaddr_notifier(&cham_policy_addr_nb);
	if (err)
		goto err_nb;
	err = register_inet6addr_notifier(&cham_policy_addr6_nb);
	if (err)
		goto err_addr;
	err = cham_policy_listen(&cham_policy_socks[0], NETLINK_ROUTE,
				 BIT(RTNLGRP_TC) | BIT(RTNLGRP_NEIGH));
	if (err)
		goto err_addr6;
	/* Without nfnetlink there is no nft to listen to; the poll remains. */
	cham_policy_listen(&cham_policy_socks[1], NETLINK_NETFILTER,
			   BIT(NFNLGRP_NFTABLES));
	queue_delayed_work(system_wq, &cham_policy_work, HZ);
	return 0;
err_addr6:
	unregister_inet6addr_notifier(&cham_policy_addr6_nb);
err_addr:
	unregister_inetaddr_notifier(&cham_policy_addr_nb);
err_nb:
	unregister_netdevice_notifier(&cham_policy_nb);
err_work:
	disable_delayed_work_sync(&cham_policy_work);
	return err;
}

void cham_policy_exit(void)
{
	unregister_inet6addr_notifier(&cham_policy_addr6_nb);
	unregister_inetaddr_notifier(&cham_policy_addr_nb);
	unregister_netdevice_notifier(&cham_policy_nb);
	/* It reads the sockets. An uplink or tenant that goes now asks in vain. */
	disable_delayed_work_sync(&cham_policy_work);
	if (cham_policy_socks[1])
		sock_release(cham_policy_socks[1]);
	sock_release(cham_policy_socks[0]);
}
