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
 * that holds ctl takes RTNL: offloads follow by way of a work item. The control
 * queue is worked on under ctl, too: a driver in this kernel waits for it with
 * RTNL held.
 *
 * A ring runs while cham_ring.mem is set. The control path sets it under ctl
 * (a receive ring's also under its lock); whoever finds the ring broken
 * clears it. It is freed after a grace period: every user has BH off.
 */
#ifndef CHAM_PORT_PRIV_H
#define CHAM_PORT_PRIV_H

#include <linux/if_vlan.h>
#include <linux/mutex.h>
#include <linux/seqlock.h>
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
				 BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |	\
				 BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |	\
				 CHAM_FEATURES_CTRL |			\
				 CHAM_FEATURES_ASKED)

/* Offered only by a port whose device_features name it. */
#define CHAM_FEATURES_ASKED	BIT_ULL(VIRTIO_F_RING_PACKED)

/* What needs the control queue. */
#define CHAM_FEATURES_CTRL	(BIT_ULL(VIRTIO_NET_F_CTRL_RX) |	\
				 BIT_ULL(VIRTIO_NET_F_CTRL_RX_EXTRA) |	\
				 BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) |	\
				 BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |	\
				 BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE) |	\
				 BIT_ULL(VIRTIO_NET_F_MQ))

/* What a driver that has negotiated it may switch off and on again. */
#define CHAM_FEATURES_OFFLOADS	(BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |	\
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |	\
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |	\
				 BIT_ULL(VIRTIO_NET_F_GUEST_ECN))

/* What QEMU's shadow virtqueues lack (10.0), or say themselves. */
#define CHAM_FEATURES_NOT_SHADOWED	(BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |	\
					 BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE))

/* Virtqueues in groups, groups in address spaces: whoever migrates a guest puts
 * itself between the guest and the control queue.
 */
enum cham_group {
	CHAM_GROUP_DATA,
	CHAM_GROUP_CTRL,
	CHAM_GROUPS,
};

#define CHAM_SPACES		2

#define CHAM_PORT_FLOWS		1024

#define CHAM_FILTER_MACS	64

/* Unicast and multicast addresses. */
struct cham_filter_table {
	bool over[2];		/* more than there is room for: all of that kind */
	u8 n[2];
	u8 mac[2][CHAM_FILTER_MACS][ETH_ALEN];
};

/**
 * struct cham_filter - what the guest wants to receive
 * @lock:     readers are softirqs on the slow path; VLANs are bits apart
 * @promisc:  everything; so it is until the driver has spoken
 * @mode:     bitmap of VIRTIO_NET_CTRL_RX_*, the others
 * @any_vlan: the driver does not filter VLANs
 * @own:      the guest's address
 * @table:    what it has besides
 * @vlan:     VLANs with a tag that the guest takes
 */
struct cham_filter {
	seqlock_t lock;
	bool promisc;
	u8 mode;
	bool any_vlan;
	u8 own[ETH_ALEN];
	struct cham_filter_table table;
	DECLARE_BITMAP(vlan, VLAN_N_VID);
};

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
 * @stranger: the last @prog that opened no event for what Linux brought
 * @features: negotiated, 0 before FEATURES_OK
 * @accepts:  @features without the offloads that the guest has switched off
 * @blocked:  bitmap of enum cham_block
 * @frame_max: longest frame that is not a super-packet
 * @slot:     the port's number
 * @admin_up: the representor is up
 * @gso_ok:   bitmap of VIRTIO_NET_HDR_GSO_* types the guest takes
 * @active:   queue pairs that carry traffic
 * @broken:   why the rings are quarantined, or %NULL
 * @rx:       guest's receive rings
 * @tx:       guest's transmit rings
 * @ctrl:     the control queue
 * @filter:   what the guest wants to receive
 * @flows:    queue pair of each flow, see port_steer.c; %NULL with one pair
 * @vdpa:     the other half of the port
 * @ctl:      see DOC: Locking of a port
 * @map:      the device's address spaces
 * @user_map: @map came from set_map
 * @space:    address space of each group of virtqueues
 * @suspended: between suspend and resume
 * @moved:    rings continue where another device stopped
 * @announce: the guest is asked to announce itself
 * @mac_fixed: @mac_own is the provider's choice
 * @status:   virtio device status
 * @pairs:    queue pairs that exist
 * @pairs_on: queue pairs that the driver asked for
 * @ctrl_index: the control queue's number, which depends on @features
 * @offered_fixed: @offered is the provider's choice
 * @offered:  features offered
 * @mac:      guest's address
 * @mac_own:  the same after a reset
 * @mtu:      guest's MTU
 * @generation: of the configuration space
 * @cfg_lock: guards @cfg_cb
 * @cfg_cb:   how to tell the driver that the configuration changed
 * @offload_work: makes the representor's offloads follow @accepts
 * @ctrl_work: carries out what is in the control queue
 * @break_work: tells a driver in this kernel that @broken is set
 * @list:     in cham_ports, under RTNL
 */
struct cham_port {
	struct cham_tenant __rcu *tenant;
	struct net_device *dev;
	struct bpf_prog __rcu *prog;
	u64 features;
	u64 accepts;
	u32 blocked;
	u32 frame_max;
	u32 slot;
	bool admin_up;
	u8 gso_ok;
	u8 active;
	const char *broken;

	struct cham_ring rx[CHAM_PORT_QPAIRS_MAX];
	struct cham_ring tx[CHAM_PORT_QPAIRS_MAX];
	struct cham_ring ctrl;
	struct cham_filter filter;
	u16 *flows;
	const struct bpf_prog *stranger;

	struct cham_vdpa *vdpa;
	struct mutex ctl;		/* what the owner configured */
	struct cham_map *map[CHAM_SPACES];
	bool user_map[CHAM_SPACES];
	u8 space[CHAM_GROUPS];
	bool suspended;
	bool moved;
	bool announce;
	bool mac_fixed;
	bool offered_fixed;
	u8 status;
	u16 pairs;
	u16 pairs_on;
	u16 ctrl_index;
	u64 offered;
	u8 mac[ETH_ALEN];
	u8 mac_own[ETH_ALEN];
	u16 mtu;
	u32 generation;
	spinlock_t cfg_lock;		/* cfg_cb */
	struct vdpa_callback cfg_cb;
	struct work_struct offload_work;
	struct work_struct ctrl_work;
	struct work_struct break_work;
	struct list_head list;
};

static_assert(offsetof(struct cham_port, broken) < 64);

extern const struct vdpa_config_ops cham_vdpa_ops;
extern struct device *cham_port_parent;

/* Pairs that carry traffic: one, until the driver asks for more. */
static inline unsigned int cham_port_pairs_active(const struct cham_port *port)
{
	return READ_ONCE(port->active);
}

/* All rings in a row: those of the pairs, then the control queue. */
static inline unsigned int cham_port_rings(const struct cham_port *port)
{
	return port->pairs * 2 + 1;
}

static inline struct cham_ring *cham_port_ring(struct cham_port *port, u16 index)
{
	u32 i = array_index_nospec(index / 2, CHAM_PORT_QPAIRS_MAX);

	if (index == port->pairs * 2)
		return &port->ctrl;
	return index & 1 ? &port->tx[i] : &port->rx[i];
}

/* port_vdpa.c */
void cham_port_break(struct cham_port *port, const char *why);
void cham_vdpa_config_changed(struct cham_port *port);
void cham_vdpa_setup(struct cham_port *port);
void cham_vdpa_teardown(struct cham_port *port);
void cham_vdpa_set_offloads(struct cham_port *port, u64 offloads);
int cham_vdpa_set_pairs(struct cham_port *port, u16 pairs);
void cham_vdpa_announce(struct cham_port *port);

/* port_ctrl.c: the control queue and what it sets */
void cham_ctrl_init(struct cham_port *port);
void cham_ctrl_exit(struct cham_port *port);
void cham_ctrl_reset(struct cham_port *port);
void cham_ctrl_kick(struct cham_port *port);
void cham_ctrl_set_mac(struct cham_port *port, const u8 *mac);
bool cham_ctrl_takes(struct cham_port *port, const u8 *frame, u32 len);

/* port_steer.c: which queue pair */
u16 cham_steer_select(struct net_device *dev, struct sk_buff *skb,
		      struct net_device *sb_dev);
void cham_steer_learn(struct cham_port *port, const struct sk_buff *skb, u16 queue);
u32 cham_steer_flow(const struct cham_port *port, unsigned long flow);

/* port_io.c: what the guest sends */
int cham_io_complete_csum(const struct kvec *vec, unsigned int n,
			  const struct virtio_net_hdr *vnet);
int cham_io_poll(struct napi_struct *napi, int budget);

/* port_deliver.c: what the guest receives */
netdev_tx_t cham_io_xmit(struct sk_buff *skb, struct net_device *dev);
void cham_io_push_skb(struct cham_port *port, struct cham_ring *r, struct sk_buff *skb);
int cham_io_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames,
		     u32 flags);
int cham_io_flush_poll(struct napi_struct *napi, int budget);

/* host.c: what Linux brings, and a tenant's handler sees first */
bool cham_host_took(struct cham_port *port, struct sk_buff *skb);
int cham_host_event(struct cham_port *port, struct cham_tenant *t, struct sk_buff *skb,
		    bool timer);
void cham_host_inject(struct cham_port *port, const struct cham_tenant *t,
		      struct sk_buff *skb);

/* port_rep.c */
int cham_rep_create(struct cham_port **portp, u16 pairs);
void cham_rep_destroy(struct cham_port *port);
int cham_rep_link_init(void);
void cham_rep_link_exit(void);
u64 cham_rep_sum(const struct cham_port *port, bool guest_tx,
		 enum cham_ring_stat stat);
u64 cham_rep_dropped(const struct cham_port *port, bool guest_tx);

#endif
