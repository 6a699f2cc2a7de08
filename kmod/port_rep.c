// SPDX-License-Identifier: GPL-2.0
/*
 * The representor as a netdev: life, offloads, programs, statistics. Packets
 * are in port_io.c and port_deliver.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bpf.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <net/page_pool/types.h>
#include <net/rtnetlink.h>

#include "compat.h"
#include "port_priv.h"

#define CHAM_REP_POOL_PAGES	512

#define CHAM_REP_OFFLOADS	(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | \
				 NETIF_F_TSO6 | NETIF_F_TSO_ECN)

static const struct net_device_ops cham_rep_ops;
static struct rtnl_link_ops cham_rep_link_ops;

struct cham_port *cham_port_from_dev(const struct net_device *dev)
{
	return dev->netdev_ops == &cham_rep_ops ? netdev_priv(dev) : NULL;
}

/* The netdev. */

static int cham_rep_set_up(struct net_device *dev, bool up)
{
	struct cham_port *port = netdev_priv(dev);

	WRITE_ONCE(port->admin_up, up);
	WRITE_ONCE(port->generation, port->generation + 1);
	/* The guest's link is up while the representor is. */
	cham_vdpa_config_changed(port);
	return 0;
}

static int cham_rep_open(struct net_device *dev)
{
	netif_tx_start_all_queues(dev);
	return cham_rep_set_up(dev, true);
}

static int cham_rep_stop(struct net_device *dev)
{
	netif_tx_stop_all_queues(dev);
	return cham_rep_set_up(dev, false);
}

u64 cham_rep_sum(const struct cham_port *port, bool guest_tx,
		 enum cham_ring_stat stat)
{
	const struct cham_ring *r = guest_tx ? port->tx : port->rx;
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < port->pairs; i++)
		sum += u64_stats_read(&r[i].stats[stat]);
	return sum;
}

u64 cham_rep_dropped(const struct cham_port *port, bool guest_tx)
{
	unsigned int i;
	u64 sum = 0;

	for (i = CHAM_RING_DROP_FULL; i <= CHAM_RING_DROP_ADMIN; i++)
		sum += cham_rep_sum(port, guest_tx, i);
	return sum;
}

static void cham_rep_get_stats64(struct net_device *dev,
				 struct rtnl_link_stats64 *s)
{
	const struct cham_port *port = netdev_priv(dev);

	s->rx_packets = cham_rep_sum(port, true, CHAM_RING_PACKETS);
	s->rx_bytes = cham_rep_sum(port, true, CHAM_RING_BYTES);
	s->rx_dropped = cham_rep_dropped(port, true);
	s->tx_packets = cham_rep_sum(port, false, CHAM_RING_PACKETS);
	s->tx_bytes = cham_rep_sum(port, false, CHAM_RING_BYTES);
	s->tx_dropped = cham_rep_dropped(port, false);
}

static netdev_features_t cham_rep_fix_features(struct net_device *dev,
					       netdev_features_t features)
{
	const struct cham_port *port = netdev_priv(dev);
	u64 f = READ_ONCE(port->accepts);

	if (!(f & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)))
		features &= ~NETIF_F_HW_CSUM;
	if (!(f & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4)))
		features &= ~NETIF_F_TSO;
	if (!(f & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6)))
		features &= ~NETIF_F_TSO6;
	if (!(f & BIT_ULL(VIRTIO_NET_F_GUEST_ECN)))
		features &= ~NETIF_F_TSO_ECN;
	return features;
}

static void cham_rep_offload_work(struct work_struct *work)
{
	struct cham_port *port = container_of(work, struct cham_port, offload_work);

	rtnl_lock();
	if (port->dev->reg_state == NETREG_REGISTERED)
		netdev_update_features(port->dev);
	rtnl_unlock();
}

int cham_port_inject(struct cham_port *port, const void *frame, u32 len,
		     struct netlink_ext_ack *extack)
{
	struct net_device *dev = port->dev;
	struct sk_buff *skb;

	if (!netif_running(dev)) {
		NL_SET_ERR_MSG_FMT(extack, "%s is down", dev->name);
		return -ENETDOWN;
	}
	if (len > port->frame_max) {
		NL_SET_ERR_MSG_FMT(extack, "a frame of %u bytes; %s takes %u", len, dev->name,
				   port->frame_max);
		return -EMSGSIZE;
	}
	skb = __netdev_alloc_skb_ip_align(dev, len, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	skb_put_data(skb, frame, len);
	skb->protocol = eth_type_trans(skb, dev);
	return netif_rx(skb) == NET_RX_SUCCESS ? 0 : -ENOBUFS;
}

static int cham_rep_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	struct cham_port *port = netdev_priv(dev);
	struct bpf_prog *old;

	if (bpf->command != XDP_SETUP_PROG)
		return -EINVAL;
	if (bpf->prog && !bpf->prog->aux->xdp_has_frags) {
		NL_SET_ERR_MSG_MOD(bpf->extack,
				   "guests send super-packets: only programs that take fragments (section \"xdp.frags\") can be attached");
		return -EOPNOTSUPP;
	}
	/* A burst in flight ends with the old program; nothing stops. */
	old = rtnl_dereference(port->prog);
	rcu_assign_pointer(port->prog, bpf->prog);
	WRITE_ONCE(port->stranger, NULL);
	if (old)
		bpf_prog_put(old);
	return 0;
}

static const struct net_device_ops cham_rep_ops = {
	.ndo_open		= cham_rep_open,
	.ndo_stop		= cham_rep_stop,
	.ndo_start_xmit		= cham_io_xmit,
	.ndo_select_queue	= cham_steer_select,
	.ndo_get_stats64	= cham_rep_get_stats64,
	.ndo_fix_features	= cham_rep_fix_features,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
	.ndo_features_check	= passthru_features_check,
	.ndo_bpf		= cham_rep_bpf,
	.ndo_xdp_xmit		= cham_io_xdp_xmit,
};

/* ethtool */

struct cham_rep_stat {
	bool guest_tx;
	enum cham_ring_stat stat;
	char name[ETH_GSTRING_LEN];
};

static const struct cham_rep_stat cham_rep_stats[] = {
#define X(id, name) { true, CHAM_RING_##id, "rx_" name },
	CHAM_RING_STAT_LIST(X)
#undef X
#define X(id, name) { false, CHAM_RING_##id, "tx_" name },
	CHAM_RING_STAT_LIST(X)
#undef X
};

/* What a ring cannot count is not shown. */
static bool cham_rep_stat_shown(const struct cham_rep_stat *s)
{
	switch (s->stat) {
	case CHAM_RING_REFUSED:
		return false;
	case CHAM_RING_FILTERED:
	case CHAM_RING_DROP_FULL:
	case CHAM_RING_DROP_DOWN:
		return !s->guest_tx;
	case CHAM_RING_DROP_RUNT:
		return s->guest_tx;
	default:
		return s->guest_tx || s->stat < CHAM_RING_XDP_PASS;
	}
}

/* The rest of what a queue counts is in "vdpa dev vstats". */
static const enum cham_ring_stat cham_rep_queue_stats[] = {
	CHAM_RING_PACKETS, CHAM_RING_BYTES, CHAM_RING_CHAINS, CHAM_RING_SIGNALS,
};

static void cham_rep_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct cham_port *port = netdev_priv(dev);

	strscpy(info->driver, KBUILD_MODNAME);
	strscpy(info->bus_info, dev_name(&port->vdpa->vdev.dev));
}

static int cham_rep_get_sset_count(struct net_device *dev, int sset)
{
	const struct cham_port *port = netdev_priv(dev);
	unsigned int i;
	int n = 0;

	if (sset != ETH_SS_STATS)
		return -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(cham_rep_stats); i++)
		n += cham_rep_stat_shown(&cham_rep_stats[i]);
	return n + 2 + port->pairs * 2 * ARRAY_SIZE(cham_rep_queue_stats);
}

static void cham_rep_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	/* In the order of enum cham_ring_stat. */
	static const char * const names[] = {
#define X(id, name) name,
		CHAM_RING_STAT_LIST(X)
#undef X
	};
	const struct cham_port *port = netdev_priv(dev);
	unsigned int i, k;

	if (sset != ETH_SS_STATS)
		return;
	for (i = 0; i < ARRAY_SIZE(cham_rep_stats); i++)
		if (cham_rep_stat_shown(&cham_rep_stats[i]))
			ethtool_puts(&data, cham_rep_stats[i].name);
	ethtool_puts(&data, "ctrl_commands");
	ethtool_puts(&data, "ctrl_refused");
	for (i = 0; i < port->pairs * 2; i++)
		for (k = 0; k < ARRAY_SIZE(cham_rep_queue_stats); k++)
			ethtool_sprintf(&data, "%s_queue_%u_%s", i & 1 ? "rx" : "tx",
					i / 2, names[cham_rep_queue_stats[k]]);
}

static void cham_rep_get_ethtool_stats(struct net_device *dev,
				       struct ethtool_stats *stats, u64 *data)
{
	struct cham_port *port = netdev_priv(dev);
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(cham_rep_stats); i++) {
		const struct cham_rep_stat *s = &cham_rep_stats[i];

		if (cham_rep_stat_shown(s))
			*data++ = cham_rep_sum(port, s->guest_tx, s->stat);
	}
	*data++ = u64_stats_read(&port->ctrl.stats[CHAM_RING_CHAINS]);
	*data++ = u64_stats_read(&port->ctrl.stats[CHAM_RING_REFUSED]);
	for (i = 0; i < port->pairs * 2; i++) {
		const u64_stats_t *of = cham_port_ring(port, i)->stats;

		for (k = 0; k < ARRAY_SIZE(cham_rep_queue_stats); k++)
			*data++ = u64_stats_read(&of[cham_rep_queue_stats[k]]);
	}
}

/* What there is, and what the guest's driver uses; it decides. */
static void cham_rep_get_channels(struct net_device *dev, struct ethtool_channels *ch)
{
	const struct cham_port *port = netdev_priv(dev);

	ch->max_combined = port->pairs;
	ch->combined_count = cham_port_pairs_active(port);
}

static int cham_rep_get_link_ksettings(struct net_device *dev,
				       struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED_10000;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static const struct ethtool_ops cham_rep_ethtool_ops = {
	.get_drvinfo		= cham_rep_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= cham_rep_get_link_ksettings,
	.get_channels		= cham_rep_get_channels,
	.get_sset_count		= cham_rep_get_sset_count,
	.get_strings		= cham_rep_get_strings,
	.get_ethtool_stats	= cham_rep_get_ethtool_stats,
	.get_ts_info		= ethtool_op_get_ts_info,
};

static void cham_rep_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &cham_rep_ops;
	dev->ethtool_ops = &cham_rep_ethtool_ops;
	dev->rtnl_link_ops = &cham_rep_link_ops;
	/* The ring has a lock of its own, and a queue in front only delays. */
	dev->lltx = true;
	dev->netns_immutable = true;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->hw_features = CHAM_REP_OFFLOADS;
	dev->features = CHAM_REP_OFFLOADS | NETIF_F_HIGHDMA | NETIF_F_RXCSUM;
	dev->vlan_features = CHAM_REP_OFFLOADS | NETIF_F_HIGHDMA;
	/* devmap refuses what is longer than the target's MTU, super-packets
	 * included. The guest's MTU is the port's, not this one.
	 */
	dev->min_mtu = CHAM_PORT_MTU_MIN;
	dev->max_mtu = CHAM_PORT_MTU_MAX;
	dev->mtu = CHAM_PORT_MTU_MAX;
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT | NETDEV_XDP_ACT_RX_SG |
			    NETDEV_XDP_ACT_NDO_XMIT_SG;
	eth_hw_addr_random(dev);
}

static int cham_rep_init_tx(struct cham_port *port, unsigned int i)
{
	struct cham_ring *r = &port->tx[i];
	struct page_pool_params params = {
		.pool_size = CHAM_REP_POOL_PAGES,
		.nid = NUMA_NO_NODE,
		/* Marks pages as ours, see cham_io_frame_vnet(). */
		.dev = cham_port_parent,
		.napi = &r->napi,
		.netdev = port->dev,
	};
	int err;

	r->pool = page_pool_create(&params);
	if (IS_ERR(r->pool)) {
		err = PTR_ERR(r->pool);
		r->pool = NULL;
		return err;
	}
	err = __xdp_rxq_info_reg(&r->rxq, port->dev, i, r->napi.napi_id, PAGE_SIZE);
	if (err)
		return err;
	return xdp_rxq_info_reg_mem_model(&r->rxq, MEM_TYPE_PAGE_POOL, r->pool);
}

/**
 * cham_rep_create() - a representor and with it the memory of a port
 * @portp: the port, its vDPA half still empty
 * @pairs: queue pairs
 *
 * Context: process; register_netdevice() is the caller's.
 * Return: 0 or a negative errno.
 */
int cham_rep_create(struct cham_port **portp, u16 pairs)
{
	struct cham_port *port;
	struct net_device *dev;
	unsigned int i;
	int err = 0;

	dev = alloc_netdev_mqs(sizeof(*port), "cham%d", NET_NAME_USER,
			       cham_rep_setup, pairs, pairs);
	if (!dev)
		return -ENOMEM;
	port = netdev_priv(dev);
	port->dev = dev;
	port->pairs = pairs;
	port->pairs_on = 1;
	port->active = 1;
	mutex_init(&port->ctl);
	spin_lock_init(&port->cfg_lock);
	INIT_LIST_HEAD(&port->list);
	INIT_WORK(&port->offload_work, cham_rep_offload_work);
	netif_carrier_off(dev);
	for (i = 0; i < cham_port_rings(port); i++) {
		struct cham_ring *r = cham_port_ring(port, i);

		spin_lock_init(&r->lock);
		r->port = port;
		r->index = i;
	}
	for (i = 0; i < pairs; i++) {
		netif_napi_add_tx(dev, &port->rx[i].napi, cham_io_flush_poll);
		netif_napi_add(dev, &port->tx[i].napi, cham_io_poll);
		napi_enable(&port->rx[i].napi);
		napi_enable(&port->tx[i].napi);
	}
	if (pairs > 1) {
		port->flows = kcalloc(CHAM_PORT_FLOWS, sizeof(*port->flows), GFP_KERNEL);
		err = port->flows ? 0 : -ENOMEM;
	}
	for (i = 0; !err && i < pairs; i++)
		err = cham_rep_init_tx(port, i);
	if (err) {
		cham_rep_destroy(port);
		return err;
	}
	*portp = port;
	return 0;
}

/**
 * cham_rep_destroy() - free a port
 * @port: port whose netdev is not registered any more and whose rings stand
 */
void cham_rep_destroy(struct cham_port *port)
{
	unsigned int i;

	cancel_work_sync(&port->offload_work);
	for (i = 0; i < port->pairs; i++) {
		struct cham_ring *r = &port->tx[i];

		napi_disable(&port->rx[i].napi);
		napi_disable(&r->napi);
		if (xdp_rxq_info_is_reg(&r->rxq))
			xdp_rxq_info_unreg(&r->rxq);
		if (r->pool)
			page_pool_destroy(r->pool);
		netif_napi_del(&port->rx[i].napi);
		netif_napi_del(&r->napi);
	}
	kfree(port->flows);
	mutex_destroy(&port->ctl);
	free_netdev(port->dev);
}

/* Half a port is no port: "ip link" neither makes nor removes one. */
static int cham_rep_validate(struct nlattr *tb[], struct nlattr *data[],
			     struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG_MOD(extack,
			   "a representor comes with its port: vdpa dev add name NAME mgmtdev chamelio");
	return -EOPNOTSUPP;
}

/* Without alloc and setup there is no dellink either, and RTM_DELLINK is
 * refused with EOPNOTSUPP; it has no way to say more.
 */
static struct rtnl_link_ops cham_rep_link_ops = {
	.kind		= KBUILD_MODNAME,
	.netns_refund	= true,
	.validate	= cham_rep_validate,
};

int cham_rep_link_init(void)
{
	return rtnl_link_register(&cham_rep_link_ops);
}

void cham_rep_link_exit(void)
{
	rtnl_link_unregister(&cham_rep_link_ops);
}

MODULE_ALIAS_RTNL_LINK(KBUILD_MODNAME);
