/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port: a vDPA net device and its representor netdev, one object.
 *
 * port.c      the object, the vDPA management device, binding to a tenant
 * port_vdpa.c vdpa_config_ops: what vhost-vdpa and virtio-vdpa call
 * port_ctrl.c the control queue: receive filters, addresses, queue pairs
 * port_rep.c  the representor as a netdev: life, offloads, ethtool
 * port_io.c   what the guest sends: NAPI, XDP
 * port_deliver.c what it receives: xmit, XDP frames, the datapath's packets
 * port_steer.c which queue pair a packet for the guest goes to
 * ring.c      the virtqueues, pure walks separated from memory access
 */
#ifndef CHAM_PORT_H
#define CHAM_PORT_H

#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/netdevice.h>
#include <linux/vdpa.h>
#include <linux/virtio_net.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/xdp.h>
#include "compat.h"

struct cham_tenant;
struct netlink_ext_ack;

#define CHAM_PORT_QPAIRS_MAX	4

/* The rest of a super-packet, still in the guest's memory: the guest gets it
 * back at the end of the burst, and may write to it until then.
 */
struct cham_lent {
	u32 n;
	u32 bytes;
	struct kvec at[MAX_SKB_FRAGS];
};

/* The xdp_buff of a packet from a guest: ours first, so that kfuncs and the
 * driver find the guest's virtio header without trusting metadata.
 */
struct cham_xdp_buff {
	struct xdp_buff xdp;		/* must be first */
	struct virtio_net_hdr vnet;	/* host byte order, validated */
	struct cham_lent lent;		/* behind the linear part; or fragments */
};

/* Linear part and fragments, or what is lent. */
#define CHAM_PACKET_VECS	(MAX_SKB_FRAGS + 1)

/**
 * cham_packet_vec() - the pieces of a packet
 * @vec:   receives at most CHAM_PACKET_VECS
 * @xdp:   packet
 * @lent:  what the guest lends of it, or NULL
 * @strip: bytes to leave out at the front, within the linear part
 * @bytes: receives the sum
 *
 * Return: number of pieces.
 */
static inline unsigned int cham_packet_vec(struct kvec *vec, const struct xdp_buff *xdp,
					   const struct cham_lent *lent, u32 strip,
					   u32 *bytes)
{
	const struct skb_shared_info *si;
	unsigned int i, n = 1;

	vec[0].iov_base = xdp->data + strip;
	vec[0].iov_len = xdp->data_end - xdp->data - strip;
	*bytes = vec[0].iov_len;
	if (lent && lent->n) {
		memcpy(vec + 1, lent->at, lent->n * sizeof(*vec));
		*bytes += lent->bytes;
		return 1 + lent->n;
	}
	if (likely(!xdp_buff_has_frags(xdp)))
		return 1;
	si = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < si->nr_frags; i++, n++) {
		vec[n].iov_base = skb_frag_address(&si->frags[i]);
		vec[n].iov_len = skb_frag_size(&si->frags[i]);
		*bytes += vec[n].iov_len;
	}
	return n;
}

/**
 * cham_port_from_dev() - the port whose representor this is
 * @dev: any netdev
 *
 * Context: any. Return: NULL if @dev is not a representor.
 */
struct cham_port *cham_port_from_dev(const struct net_device *dev);

struct net_device *cham_port_dev(const struct cham_port *port);

/* Slots name ports in connections: small, dense, never 0, reused only after a
 * grace period. Assigned at creation.
 */
#define CHAM_PORTS_MAX	4096
u32 cham_port_slot(const struct cham_port *port);
extern struct cham_port __rcu *cham_port_table[CHAM_PORTS_MAX];

/* Slots come from our own connections: no speculation to fear.
 * Context: RCU read side or RTNL. Return: NULL when there is none, or it is going away.
 */
static inline struct cham_port *cham_port_by_slot_rcu(u32 slot)
{
	return likely(slot < CHAM_PORTS_MAX) ? rcu_dereference_rtnl(cham_port_table[slot]) : NULL;
}

/* Tenant under RCU or RTNL; NULL when unbound. */
struct cham_tenant *cham_port_tenant_rcu(const struct cham_port *port);
/* RTNL held. Takes/drops nothing: tenant.c counts. @tenant NULL unbinds. */
void cham_port_bind(struct cham_port *port, struct cham_tenant *tenant);

/* Bitmap of BIT(CHAM_BLOCK_*): why this port's forwarding is not cached.
 * Written by policy.c under RTNL, read locklessly on the fast path.
 */
u32 cham_port_blocked(const struct cham_port *port);
void cham_port_set_blocked(struct cham_port *port, u32 blocked);

/* Calls fn(port, arg) for each port under RTNL; stops at the first non-zero. */
int cham_port_for_each(int (*fn)(struct cham_port *port, void *arg), void *arg);

/**
 * cham_port_deliver() - copy one packet into the guest's receive ring
 * @port:  destination
 * @xdp:   the packet, linear part and frags
 * @strip: bytes to leave out at the front (outer headers)
 * @from:  the same packet when it comes from a port: its virtio header, and what
 *         is lent; NULL from the wire
 * @flow:  cham_conn_flow(), chooses the queue pair
 * @tcp:   data of an established TCP connection, from the wire: the checksum
 *         is verified, and segments in a row become a super-packet
 *
 * The used index is published and the guest notified at the end of the burst:
 * a NAPI instance of the port is scheduled on the first packet of one.
 *
 * Context: softirq, RCU read side, any CPU.
 * Return: 0, or -ENOBUFS (ring full), -ENOTCONN (ring down or broken),
 * -EMSGSIZE, -EPROTO (an offload the guest does not take); counted in the port's tx
 * drop counters by the callee.
 */
int cham_port_deliver(struct cham_port *port, struct xdp_buff *xdp, u32 strip,
		      const struct cham_xdp_buff *from, unsigned long flow,
		      bool tcp);

/**
 * cham_port_takes() - whether the guest's receive filter lets a frame pass
 * @port: destination
 * @mac:  destination address
 * @vlan: of the frame's tag, 0 without
 *
 * Context: RCU read side.
 */
bool cham_port_takes(struct cham_port *port, const u8 *mac, u16 vlan);

/**
 * cham_port_announce() - ask the guest to tell the network where it is
 * @port:   port
 * @extack: why not
 *
 * Context: process, RTNL held.
 * Return: 0, -%ENOTCONN without a driver, -%EOPNOTSUPP.
 */
int cham_port_announce(struct cham_port *port, struct netlink_ext_ack *extack);

/**
 * cham_port_inject() - Linux gets a frame as if the port's end point had sent it
 * @port:   port
 * @frame:  from the Ethernet header on, at least that
 * @len:    bytes
 * @extack: receives the reason of a refusal
 *
 * No handler sees it here, nor the port's program: it is for slow ports.
 * Context: process, RTNL held.
 * Return: 0, -%ENETDOWN, -%EMSGSIZE, -%ENOMEM, or -%ENOBUFS, which the representor counts.
 */
int cham_port_inject(struct cham_port *port, const void *frame, u32 len,
		     struct netlink_ext_ack *extack);

int cham_port_own(struct cham_xdp_buff *cx);
struct xdp_frame *cham_port_frame(const struct xdp_rxq_info *rxq, u32 len);
struct sk_buff *cham_port_skb(struct xdp_buff *xdp);

struct cham_port_info {
	char vdpa_name[32];
	u8 mac[ETH_ALEN];
	u8 fixed_mac[ETH_ALEN];		/* zero: the guest may choose */
	u32 mtu, queue_pairs, queue_pairs_active;
	u32 state;			/* enum cham_port_state */
	char broken[64];
	u64 device_features;		/* 0: not chosen by the provider */
	u64 features, rx_packets, rx_bytes, tx_packets, tx_bytes;
	u64 rx_dropped, tx_dropped;
};

void cham_port_get_info(const struct cham_port *port, struct cham_port_info *info);

int cham_port_init(void);
void cham_port_exit(void);

/* What the port room asks of the rest (implemented in kfunc.c / netlink.c). */

/* Before and after a port's ring is emptied. */
void cham_port_rx_burst_begin(struct cham_port *port, const struct xdp_rxq_info *rxq);
void cham_port_rx_burst_end(struct cham_port *port);
/* The program of a representor returned XDP_TX: the last event of this CPU
 * says where the packet goes. Takes over the packet's memory in every case.
 */
int cham_xmit_outer(struct cham_port *port, struct cham_xdp_buff *cxdp);
/* The program that just saw this packet opened its event: it takes super-packets
 * whose rest is lent.
 */
bool cham_event_is(const struct xdp_buff *xdp);
/* Events for netlink and policy. Any context. */
void cham_port_event_broken(struct cham_port *port, const char *why);
void cham_port_event_changed(struct cham_port *port);
/* RTNL held: port is about to go; forget everything that points to it. */
void cham_port_event_removing(struct cham_port *port);
#endif
