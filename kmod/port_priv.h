/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The inside of a port, for the port_*.c files and ring.c only.
 *
 * DOC: Locking of a port
 *
 * vdpa_dev_lock (core)   one dev_add/dev_del at a time
 *  └ RTNL                the list of ports, tenant, program, admin state
 *     └ cham_port.ctl    what the driver configured: status, features, ring
 *        │               addresses, the map, which ring memory is owned
 *        └ cham_ring.lock  a receive ring's consumer; every ring's callback
 *           cham_port.cfg_lock  the configuration callback (a leaf)
 *
 * vdpa operations come with or without RTNL, so ctl is inside it and nothing
 * that holds ctl takes RTNL: offloads follow by way of a work item.
 *
 * A ring runs while cham_ring.mem is set. The control path sets it under ctl
 * (a receive ring's also under its lock); whoever finds the ring broken
 * clears it. It is freed after a grace period: every user has BH off.
 */
#ifndef CHAM_PORT_PRIV_H
#define CHAM_PORT_PRIV_H

#include <linux/if_vlan.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_net.h>
#include <uapi/linux/virtio_ring.h>

#include "port.h"
#include "ring.h"

struct bpf_prog;

#define CHAM_PORT_MTU_MIN	ETH_MIN_MTU
#define CHAM_PORT_MTU_MAX	ETH_MAX_MTU
/* A super-packet is never longer than an IP packet and two VLAN tags. */
#define CHAM_FRAME_MAX		(ETH_MAX_MTU + ETH_HLEN + 2 * VLAN_HLEN)

/* A driver that does not know these cannot use a port. */
#define CHAM_FEATURES_NEEDED	(BIT_ULL(VIRTIO_F_VERSION_1) |		\
				 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))

#define CHAM_FEATURES		(CHAM_FEATURES_NEEDED |			\
				 BIT_ULL(VIRTIO_F_ANY_LAYOUT) |		\
				 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |	\
				 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |	\
				 BIT_ULL(VIRTIO_NET_F_CSUM) |		\
				 BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |	\
				 BIT_ULL(VIRTIO_NET_F_MAC) |		\
				 BIT_ULL(VIRTIO_NET_F_MTU) |		\
				 BIT_ULL(VIRTIO_NET_F_STATUS) |		\
				 BIT_ULL(VIRTIO_NET_F_SPEED_DUPLEX) |	\
				 BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |	\
				 BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |	\
				 BIT_ULL(VIRTIO_NET_F_HOST_ECN) |	\
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |	\
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |	\
				 BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |	\
				 BIT_ULL(VIRTIO_NET_F_MRG_RXBUF))

/* The vDPA device; its memory belongs to the driver core. */
struct cham_vdpa {
	struct vdpa_device vdev;	/* must be first */
	struct cham_port *port;
};

/**
 * struct cham_port - netdev_priv() of a representor
 * @tenant:   RCU; written under RTNL
 * @dev:      the representor
 * @prog:     RCU; the XDP program
 * @features: negotiated, 0 before FEATURES_OK
 * @blocked:  bitmap of enum cham_block
 * @frame_max: longest frame that is not a super-packet
 * @slot:     the port's number
 * @admin_up: the representor is up
 * @gso_ok:   bitmap of VIRTIO_NET_HDR_GSO_* types the guest takes
 * @broken:   why the rings are quarantined, or %NULL
 * @rx:       guest's receive rings
 * @tx:       guest's transmit rings
 * @vdpa:     the other half of the port
 * @ctl:      see DOC: Locking of a port
 * @map:      the device's address space
 * @user_map: @map came from set_map
 * @status:   virtio device status
 * @suspended: between suspend and resume
 * @pairs:    queue pairs that exist
 * @offered:  features offered
 * @mac:      guest's address
 * @mtu:      guest's MTU
 * @generation: of the configuration space
 * @cfg_lock: guards @cfg_cb
 * @cfg_cb:   how to tell the driver that the configuration changed
 * @offload_work: makes the representor's offloads follow @features
 * @list:     in cham_ports, under RTNL
 */
struct cham_port {
	struct cham_tenant __rcu *tenant;
	struct net_device *dev;
	struct bpf_prog __rcu *prog;
	u64 features;
	u32 blocked;
	u32 frame_max;
	u32 slot;
	bool admin_up;
	u8 gso_ok;
	const char *broken;

	struct cham_ring rx[CHAM_PORT_QPAIRS_MAX];
	struct cham_ring tx[CHAM_PORT_QPAIRS_MAX];

	struct cham_vdpa *vdpa;
	struct mutex ctl;		/* what the owner configured */
	struct cham_map *map;
	bool user_map;
	bool suspended;
	u8 status;
	u16 pairs;
	u64 offered;
	u8 mac[ETH_ALEN];
	u16 mtu;
	u32 generation;
	spinlock_t cfg_lock;		/* cfg_cb */
	struct vdpa_callback cfg_cb;
	struct work_struct offload_work;
	struct list_head list;
};

static_assert(offsetof(struct cham_port, broken) < 64);

extern const struct vdpa_config_ops cham_vdpa_ops;
extern struct device *cham_port_parent;

/* Pairs that carry traffic. Without a control queue a driver uses the first;
 * VIRTIO_NET_F_MQ will make this depend on what it asked for.
 */
static inline unsigned int cham_port_pairs_active(const struct cham_port *port)
{
	return 1;
}

static inline struct cham_ring *cham_port_ring(struct cham_port *port, u16 index)
{
	u32 i = array_index_nospec(index / 2, CHAM_PORT_QPAIRS_MAX);

	return index & 1 ? &port->tx[i] : &port->rx[i];
}

/* port_vdpa.c */
void cham_port_break(struct cham_port *port, const char *why);
void cham_vdpa_config_changed(struct cham_port *port);
void cham_vdpa_setup(struct cham_port *port);
void cham_vdpa_teardown(struct cham_port *port);

/* port_io.c: the representor's packets */
netdev_tx_t cham_io_xmit(struct sk_buff *skb, struct net_device *dev);
int cham_io_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames,
		     u32 flags);
int cham_io_poll(struct napi_struct *napi, int budget);
int cham_io_flush_poll(struct napi_struct *napi, int budget);

/* port_rep.c */
int cham_rep_create(struct cham_port **portp, u16 pairs);
void cham_rep_destroy(struct cham_port *port);
int cham_rep_link_init(void);
void cham_rep_link_exit(void);
u64 cham_rep_sum(const struct cham_port *port, bool guest_tx,
		 enum cham_ring_stat stat);
u64 cham_rep_dropped(const struct cham_port *port, bool guest_tx);

#endif
