// SPDX-License-Identifier: GPL-2.0
/*
 * The control queue: what a driver asks of its device, and the receive filter
 * that most of it is about.
 *
 * What the guest wrote is copied once and judged then. A command that makes no
 * sense is answered with VIRTIO_NET_ERR and changes nothing; a chain that no
 * driver makes breaks the port, as it does in every other ring.
 */
#include <linux/etherdevice.h>
#include <linux/unaligned.h>
#include <linux/vhost_iotlb.h>

#include "chamelio.h"
#include "netlink.h"
#include "port_priv.h"
#include "tenant.h"

/* Commands in a turn; the rest waits for the next one. */
#define CHAM_CTRL_BATCH		32

/* Longest command without a list of addresses. */
#define CHAM_CTRL_DATA_MAX	sizeof(__le64)

/* Above everything there is a length for. */
#define CHAM_CTRL_ALL		U64_MAX

enum {
	CHAM_UNICAST,
	CHAM_MULTICAST,
};

/* Receive modes that VIRTIO_NET_F_CTRL_RX_EXTRA added. */
#define CHAM_CTRL_RX_EXTRA	(BIT(VIRTIO_NET_CTRL_RX_ALLUNI) |	\
				 BIT(VIRTIO_NET_CTRL_RX_NOMULTI) |	\
				 BIT(VIRTIO_NET_CTRL_RX_NOUNI) |	\
				 BIT(VIRTIO_NET_CTRL_RX_NOBCAST))

/* One command on its way through the ring. */
struct cham_ctrl {
	struct cham_ring_mem *m;
	struct cham_chain c;
	struct virtio_net_ctrl_hdr hdr;
	u8 data[CHAM_CTRL_DATA_MAX];
	u32 len;			/* of @data */
	bool complete;			/* all of the command was there, and no more */
	struct cham_filter_table table;
};

/* What a batch of commands leaves to be done. */
struct cham_ctrl_after {
	bool filter;
	bool mac;
	bool pairs;		/* took a grace period: let others have ctl */
};

/* The filter. */

static bool cham_filter_listed(const struct cham_filter *f, const u8 *mac, bool kind)
{
	unsigned int i;

	if (f->table.over[kind])
		return true;
	for (i = 0; i < min(f->table.n[kind], CHAM_FILTER_MACS); i++)
		if (ether_addr_equal_unaligned(f->table.mac[kind][i], mac))
			return true;
	return false;
}

static bool cham_filter_takes(const struct cham_filter *f, const u8 *mac, u16 vlan)
{
	u8 mode = f->mode;

	if (f->promisc)
		return true;
	/* VLAN 0 is a priority and no VLAN. */
	if (vlan && !f->any_vlan && !test_bit(vlan, f->vlan))
		return false;
	if (is_broadcast_ether_addr(mac))
		return !(mode & BIT(VIRTIO_NET_CTRL_RX_NOBCAST));
	if (is_multicast_ether_addr(mac))
		return !(mode & BIT(VIRTIO_NET_CTRL_RX_NOMULTI)) &&
		       (mode & BIT(VIRTIO_NET_CTRL_RX_ALLMULTI) ||
			cham_filter_listed(f, mac, CHAM_MULTICAST));
	return !(mode & BIT(VIRTIO_NET_CTRL_RX_NOUNI)) &&
	       (mode & BIT(VIRTIO_NET_CTRL_RX_ALLUNI) ||
		ether_addr_equal_unaligned(f->own, mac) ||
		cham_filter_listed(f, mac, CHAM_UNICAST));
}

bool cham_port_takes(struct cham_port *port, const u8 *mac, u16 vlan)
{
	const struct cham_filter *f = &port->filter;
	unsigned int seq;
	bool takes;

	if (READ_ONCE(f->promisc))
		return true;
	do {
		seq = read_seqbegin(&f->lock);
		takes = cham_filter_takes(f, mac, vlan);
	} while (read_seqretry(&f->lock, seq));
	return takes;
}

/**
 * cham_ctrl_takes() - cham_port_takes() for what Linux sends
 * @port:  port
 * @frame: from the Ethernet header on
 * @len:   bytes that are there
 *
 * Context: BH off.
 */
bool cham_ctrl_takes(struct cham_port *port, const u8 *frame, u32 len)
{
	const struct vlan_ethhdr *eth = (const struct vlan_ethhdr *)frame;
	u16 vlan = 0;

	if (likely(READ_ONCE(port->filter.promisc)) || len < ETH_HLEN)
		return true;
	if (eth->h_vlan_proto == htons(ETH_P_8021Q) && len >= VLAN_ETH_HLEN)
		vlan = ntohs(eth->h_vlan_TCI) & VLAN_VID_MASK;
	return cham_port_takes(port, eth->h_dest, vlan);
}

/**
 * cham_ctrl_set_mac() - the guest has another address
 * @port: port, its ctl held
 * @mac:  address
 */
void cham_ctrl_set_mac(struct cham_port *port, const u8 *mac)
{
	lockdep_assert_held(&port->ctl);
	write_seqlock_bh(&port->filter.lock);
	ether_addr_copy(port->filter.own, mac);
	write_sequnlock_bh(&port->filter.lock);
	ether_addr_copy(port->mac, mac);
	WRITE_ONCE(port->generation, port->generation + 1);
}

/**
 * cham_ctrl_reset() - what holds before the driver has spoken
 * @port: port, its ctl held, features negotiated or 0
 */
void cham_ctrl_reset(struct cham_port *port)
{
	struct cham_filter *f = &port->filter;

	lockdep_assert_held(&port->ctl);
	cham_ctrl_set_mac(port, port->mac_own);
	write_seqlock_bh(&f->lock);
	f->promisc = true;
	f->mode = 0;
	f->any_vlan = !(port->features & BIT_ULL(VIRTIO_NET_F_CTRL_VLAN));
	memset(&f->table, 0, sizeof(f->table));
	bitmap_zero(f->vlan, VLAN_N_VID);
	write_sequnlock_bh(&f->lock);
	port->announce = false;
}

/* The chain. */

/* As cham_ring_chain_more(), and 0 where the driver's half of the chain ends. */
static int cham_ctrl_more(struct cham_ctrl *x)
{
	struct cham_walk back = x->c.walk;
	int ret = cham_ring_chain_more(x->m, &x->c);

	if (ret != -CHAM_RING_ERR_DIRECTION || back.write)
		return ret;
	x->c.walk = back;
	x->c.walk.write = true;
	x->c.seg.len = 0;
	cham_ring_turn(x->m, VHOST_MAP_WO);
	return 0;
}

/* Reads, or with NULL skips, up to @len bytes. Return: how many, in *@done. */
static int cham_ctrl_read(struct cham_ctrl *x, void *to, u64 len, u64 *done)
{
	void *p;
	int ret;

	for (*done = 0; *done < len && !x->c.walk.write; *done += ret) {
		ret = cham_ctrl_more(x);
		if (ret <= 0)
			return ret;
		if (!to) {
			ret = min_t(u64, min_t(u64, len - *done, x->c.seg.len), S32_MAX);
			x->c.seg.addr += ret;
			x->c.seg.len -= ret;
			continue;
		}
		ret = cham_ring_chain_piece(x->m, &x->c, len - *done, &p);
		if (ret < 0)
			return ret;
		memcpy(to + *done, p, ret);
	}
	return 0;
}

/* Exactly @len bytes; fewer leave the command incomplete. */
static int cham_ctrl_take(struct cham_ctrl *x, void *to, u64 len)
{
	u64 done;
	int ret = cham_ctrl_read(x, to, len, &done);

	if (done != len)
		x->complete = false;
	return ret;
}

static int cham_ctrl_read_table(struct cham_ctrl *x)
{
	unsigned int kind;
	__le32 count;
	u64 bytes;
	int ret;

	for (kind = 0; kind < 2; kind++) {
		ret = cham_ctrl_take(x, &count, sizeof(count));
		if (ret || !x->complete)
			return ret;
		bytes = (u64)le32_to_cpu(count) * ETH_ALEN;
		x->table.over[kind] = le32_to_cpu(count) > CHAM_FILTER_MACS;
		x->table.n[kind] = x->table.over[kind] ? 0 : le32_to_cpu(count);
		ret = cham_ctrl_take(x, x->table.over[kind] ? NULL :
				     x->table.mac[kind], bytes);
		if (ret || !x->complete)
			return ret;
	}
	return 0;
}

/* Takes the command in. Return: 0 or a negative enum cham_ring_err. */
static int cham_ctrl_parse(struct cham_ctrl *x, u8 **ack)
{
	bool table;
	u64 done;
	void *p;
	int ret;

	x->complete = true;
	x->len = 0;
	ret = cham_ctrl_take(x, &x->hdr, sizeof(x->hdr));
	if (ret)
		return ret;
	table = x->complete && x->hdr.class == VIRTIO_NET_CTRL_MAC &&
		x->hdr.cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET;
	if (table) {
		ret = cham_ctrl_read_table(x);
	} else {
		ret = cham_ctrl_read(x, x->data, sizeof(x->data), &done);
		x->len = done;
	}
	if (ret)
		return ret;
	ret = cham_ctrl_read(x, NULL, CHAM_CTRL_ALL, &done);
	if (ret)
		return ret;
	if (done)
		x->complete = false;
	ret = cham_ctrl_more(x);
	if (ret <= 0)
		return ret ?: -CHAM_RING_ERR_NO_ACK;
	ret = cham_ring_chain_piece(x->m, &x->c, 1, &p);
	*ack = p;
	return min(ret, 0);
}

/* The commands. Each returns whether it was obeyed. */

static bool cham_ctrl_rx(struct cham_port *port, const struct cham_ctrl *x)
{
	struct cham_filter *f = &port->filter;
	u8 bit = x->hdr.cmd <= VIRTIO_NET_CTRL_RX_NOBCAST ? BIT(x->hdr.cmd) : 0;

	if (!bit || x->len != 1 || x->data[0] > 1 ||
	    !(port->features & BIT_ULL(bit & CHAM_CTRL_RX_EXTRA ?
				       VIRTIO_NET_F_CTRL_RX_EXTRA :
				       VIRTIO_NET_F_CTRL_RX)))
		return false;
	write_seqlock_bh(&f->lock);
	if (x->hdr.cmd == VIRTIO_NET_CTRL_RX_PROMISC)
		WRITE_ONCE(f->promisc, x->data[0]);
	else
		f->mode = x->data[0] ? f->mode | bit : f->mode & ~bit;
	write_sequnlock_bh(&f->lock);
	return true;
}

static bool cham_ctrl_mac(struct cham_port *port, const struct cham_ctrl *x,
			  struct cham_ctrl_after *after)
{
	struct cham_filter *f = &port->filter;

	switch (x->hdr.cmd) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		if (!(port->features & BIT_ULL(VIRTIO_NET_F_CTRL_RX)))
			return false;
		write_seqlock_bh(&f->lock);
		f->table = x->table;
		write_sequnlock_bh(&f->lock);
		return true;
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		if (!(port->features & BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR)) ||
		    x->len != ETH_ALEN || !is_valid_ether_addr(x->data))
			return false;
		if (ether_addr_equal_unaligned(x->data, port->mac))
			return true;
		/* The provider's word is the last one. */
		if (port->mac_fixed && !ether_addr_equal_unaligned(x->data, port->mac_own))
			return false;
		cham_ctrl_set_mac(port, x->data);
		after->mac = true;
		return true;
	default:
		return false;
	}
}

static bool cham_ctrl_vlan(struct cham_port *port, const struct cham_ctrl *x)
{
	u16 vlan = x->data[0] | x->data[1] << 8;

	if (!(port->features & BIT_ULL(VIRTIO_NET_F_CTRL_VLAN)) ||
	    x->len != sizeof(vlan) || vlan >= VLAN_N_VID)
		return false;
	switch (x->hdr.cmd) {
	case VIRTIO_NET_CTRL_VLAN_ADD:
		set_bit(vlan, port->filter.vlan);
		return true;
	case VIRTIO_NET_CTRL_VLAN_DEL:
		clear_bit(vlan, port->filter.vlan);
		return true;
	default:
		return false;
	}
}

static bool cham_ctrl_announce(struct cham_port *port, const struct cham_ctrl *x)
{
	if (!(port->features & BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE)) ||
	    x->hdr.cmd != VIRTIO_NET_CTRL_ANNOUNCE_ACK || x->len)
		return false;
	port->announce = false;
	WRITE_ONCE(port->generation, port->generation + 1);
	return true;
}

static bool cham_ctrl_mq(struct cham_port *port, const struct cham_ctrl *x)
{
	u16 pairs = x->data[0] | x->data[1] << 8;

	return port->features & BIT_ULL(VIRTIO_NET_F_MQ) &&
	       x->hdr.cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET &&
	       x->len == sizeof(pairs) && !cham_vdpa_set_pairs(port, pairs);
}

static bool cham_ctrl_offloads(struct cham_port *port, const struct cham_ctrl *x)
{
	const u64 segments = CHAM_FEATURES_OFFLOADS & ~BIT_ULL(VIRTIO_NET_F_GUEST_CSUM);
	u64 on = get_unaligned_le64(x->data);

	if (!(port->features & BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)) ||
	    x->hdr.cmd != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET || x->len != sizeof(on) ||
	    on & ~(port->features & CHAM_FEATURES_OFFLOADS) ||
	    (on & segments && !(on & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM))))
		return false;
	cham_vdpa_set_offloads(port, on);
	return true;
}

static bool cham_ctrl_obey(struct cham_port *port, const struct cham_ctrl *x,
			   struct cham_ctrl_after *after)
{
	bool filter;

	if (!x->complete)
		return false;
	switch (x->hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		filter = cham_ctrl_rx(port, x);
		break;
	case VIRTIO_NET_CTRL_MAC:
		filter = cham_ctrl_mac(port, x, after);
		break;
	case VIRTIO_NET_CTRL_VLAN:
		filter = cham_ctrl_vlan(port, x);
		break;
	case VIRTIO_NET_CTRL_ANNOUNCE:
		return cham_ctrl_announce(port, x);
	case VIRTIO_NET_CTRL_MQ:
		after->pairs = true;
		return cham_ctrl_mq(port, x);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return cham_ctrl_offloads(port, x);
	default:
		return false;
	}
	/* What is refused disturbs nobody. */
	after->filter |= filter;
	return filter;
}

/* The queue. */

/* What the ring runs on now: a command may have changed that. */
static struct cham_ring_mem *cham_ctrl_mem(struct cham_port *port)
{
	return rcu_dereference_protected(port->ctrl.mem, lockdep_is_held(&port->ctl));
}

/* Return: 1, 0 if there is no command, or a negative enum cham_ring_err. */
static int cham_ctrl_one(struct cham_port *port, struct cham_ring_mem *m,
			 struct cham_ctrl_after *after)
{
	struct cham_ctrl x __uninitialized;
	struct cham_ring *r = &port->ctrl;
	u8 *ack;
	int ret;

	cham_ring_turn(m, VHOST_MAP_RO);
	x.m = m;
	ret = cham_ring_chain_begin(r, m, &x.c, r->last_avail);
	if (ret <= 0)
		return ret;
	ret = cham_ctrl_parse(&x, &ack);
	if (ret)
		return ret;
	cham_ring_count(r, CHAM_RING_CHAINS, 1);
	ret = cham_ctrl_obey(port, &x, after);
	if (!ret)
		cham_ring_count(r, CHAM_RING_REFUSED, 1);
	/* The command may have broken the port; its memory is gone then. */
	if (cham_ctrl_mem(port) != m)
		return 0;
	WRITE_ONCE(*ack, ret ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
	cham_ring_give(r, m, &x.c, sizeof(*ack));
	return 1;
}

static void cham_ctrl_work(struct work_struct *work)
{
	struct cham_port *port = container_of(work, struct cham_port, ctrl_work);
	struct cham_ctrl_after after = {};
	struct cham_ring *r = &port->ctrl;
	struct cham_ring_mem *m;
	struct cham_tenant *t;
	bool again = false;
	unsigned int n = 0;
	int ret = 1;

	mutex_lock(&port->ctl);
	m = cham_ctrl_mem(port);
	if (m)
		cham_ring_disable_kicks(m);
	while (m && n < CHAM_CTRL_BATCH && !after.pairs) {
		ret = cham_ctrl_one(port, m, &after);
		m = cham_ctrl_mem(port);
		if (ret <= 0)
			break;
		n++;
	}
	if (m) {
		local_bh_disable();
		if (cham_ring_publish(r, m))
			cham_ring_signal(r);
		local_bh_enable();
	}
	if (ret < 0)
		cham_port_break(port, cham_ring_err_text(ret));
	else if (m)
		again = ret || !cham_ring_enable_kicks(r, m);
	mutex_unlock(&port->ctl);

	/* Connections were made by what the filter was. */
	rcu_read_lock();
	t = cham_port_tenant_rcu(port);
	if (t && after.filter)
		cham_tenant_invalidate(t);
	rcu_read_unlock();
	if (after.mac)
		cham_nl_port_event(CHAM_CMD_PORT_NTF, port);
	if (again)
		cham_ctrl_kick(port);
}

/**
 * cham_ctrl_kick() - there may be commands
 * @port: port
 *
 * Context: any.
 */
void cham_ctrl_kick(struct cham_port *port)
{
	queue_work(system_unbound_wq, &port->ctrl_work);
}

/**
 * cham_ctrl_init() - the control queue of a new port
 * @port: port; cham_ctrl_reset() is to follow
 */
void cham_ctrl_init(struct cham_port *port)
{
	INIT_WORK(&port->ctrl_work, cham_ctrl_work);
	seqlock_init(&port->filter.lock);
}

/**
 * cham_ctrl_exit() - no command is carried out any more
 * @port: port whose control queue stands
 */
void cham_ctrl_exit(struct cham_port *port)
{
	cancel_work_sync(&port->ctrl_work);
}
