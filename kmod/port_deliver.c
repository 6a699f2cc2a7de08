// SPDX-License-Identifier: GPL-2.0
/*
 * Packets from the host into the guest's rings: what is transmitted on the
 * representor, what other programs redirect to it, and what the datapath
 * delivers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/virtio_net.h>
#include <net/page_pool/helpers.h>

#include "compat.h"
#include "cut.h"
#include "port_priv.h"

/* Behind the virtio header. */
#define CHAM_IO_VECS		(1 + CHAM_PACKET_VECS)

static void cham_io_drop(struct cham_ring *r, enum cham_ring_stat why, u32 len)
{
	spin_lock(&r->lock);
	cham_ring_drop(r, why, len);
	spin_unlock(&r->lock);
}

/* Host order to the guest's. */
static void cham_io_put_vnet(struct virtio_net_hdr_v1 *to,
			     const struct virtio_net_hdr *from)
{
	memset(to, 0, sizeof(*to));
	to->num_buffers = __cpu_to_virtio16(true, 1);
	if (!from)
		return;
	to->flags = from->flags;
	to->gso_type = from->gso_type;
	to->hdr_len = __cpu_to_virtio16(true, (__force u16)from->hdr_len);
	to->gso_size = __cpu_to_virtio16(true, (__force u16)from->gso_size);
	to->csum_start = __cpu_to_virtio16(true, (__force u16)from->csum_start);
	to->csum_offset = __cpu_to_virtio16(true, (__force u16)from->csum_offset);
}

/* Whether the guest agreed to super-packets like this one. */
static bool cham_io_takes_gso(const struct cham_port *port, u8 gso_type)
{
	u8 ok = READ_ONCE(port->gso_ok), type = gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	/* Types are numbers, not bits, but 1 and 4 happen to be both. */
	return (type == VIRTIO_NET_HDR_GSO_TCPV4 ||
		type == VIRTIO_NET_HDR_GSO_TCPV6) && (ok & type) &&
	       (!(gso_type & VIRTIO_NET_HDR_GSO_ECN) || (ok & VIRTIO_NET_HDR_GSO_ECN));
}

static bool cham_io_mergeable(const struct cham_port *port)
{
	return READ_ONCE(port->accepts) & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
}

/* Whether the guest takes a super-packet of such frames in several buffers. */
static bool cham_io_merges(const struct cham_port *port, const struct ethhdr *eth)
{
	__be16 kind = eth->h_proto;

	if (eth_type_vlan(kind))
		kind = ((const struct vlan_ethhdr *)eth)->h_vlan_encapsulated_proto;
	return cham_io_mergeable(port) &&
	       READ_ONCE(port->gso_ok) & (kind == htons(ETH_P_IP) ?
					  VIRTIO_NET_HDR_GSO_TCPV4 :
					  VIRTIO_NET_HDR_GSO_TCPV6);
}

/* XDP packet to vector: 0 or a negative errno, and why to count it. */
static int cham_io_prepare(const struct cham_port *port, struct kvec *vec,
			   const struct xdp_buff *xdp, u32 strip,
			    const struct virtio_net_hdr *vnet,
			    const struct cham_lent *lent, u32 *total,
			    enum cham_ring_stat *why)
{
	struct virtio_net_hdr_v1 *hdr = vec[0].iov_base;
	unsigned int n;
	u32 len;

	*why = CHAM_RING_DROP_OVERSIZE;
	*total = sizeof(*hdr);
	if (unlikely(strip > xdp->data_end - xdp->data))
		return -EMSGSIZE;
	n = cham_packet_vec(vec + 1, xdp, lent, strip, &len);
	cham_io_put_vnet(hdr, vnet);
	*total = len + sizeof(*hdr);
	if (!vnet || !vnet->gso_type) {
		if (unlikely(len > port->frame_max))
			return -EMSGSIZE;
	} else if (unlikely(!cham_io_takes_gso(port, vnet->gso_type))) {
		*why = CHAM_RING_DROP_GSO;
		return -EPROTO;
	}
	if (unlikely(hdr->flags &&
		     !(READ_ONCE(port->accepts) & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)))) {
		*why = CHAM_RING_DROP_GSO;
		if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
		    cham_io_complete_csum(vec + 1, n, vnet))
			return -EPROTO;
		cham_io_put_vnet(hdr, NULL);
	}
	return 0;
}

/* What is not one plain piece. */
static noinline int cham_io_deliver_any(struct cham_port *port, struct cham_ring *r,
					const struct xdp_buff *xdp, u32 strip,
					const struct cham_xdp_buff *from)
{
	struct virtio_net_hdr_v1 hdr;
	struct kvec vec[CHAM_IO_VECS] __uninitialized;
	enum cham_ring_stat why;
	u32 total;
	int err;

	if (from && from->vnet.gso_type && !cham_io_takes_gso(port, from->vnet.gso_type))
		return cham_cut_deliver(port, r, from);
	vec[0].iov_base = &hdr;
	vec[0].iov_len = sizeof(hdr);
	err = cham_io_prepare(port, vec, xdp, strip, from ? &from->vnet : NULL,
			      from ? &from->lent : NULL, &total, &why);
	if (likely(!err))
		return cham_ring_push(r, vec, total, cham_io_mergeable(port));
	cham_ring_drop(r, why, total - sizeof(hdr));
	return err;
}

int cham_port_deliver(struct cham_port *port, struct xdp_buff *xdp, u32 strip,
		      const struct cham_xdp_buff *from, unsigned long flow,
		      bool tcp)
{
	struct cham_ring *r = port->rx;
	const void *frame = xdp->data + strip;
	u32 len = xdp->data_end - frame;
	bool schedule = false, done = false;
	int err = 0;

	if (unlikely(cham_port_pairs_active(port) > 1))
		r += cham_steer_flow(port, flow);
	if (unlikely(!READ_ONCE(port->admin_up))) {
		cham_io_drop(r, CHAM_RING_DROP_ADMIN, xdp_get_buff_len(xdp) - strip);
		return -ENOTCONN;
	}
	spin_lock(&r->lock);
	if (likely(!xdp_buff_has_frags(xdp) && len <= port->frame_max &&
		   (!from || !(from->vnet.flags | from->vnet.gso_type)))) {
		if (tcp && READ_ONCE(port->accepts) & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM))
			done = cham_ring_push_tcp(r, frame, len,
						  cham_io_merges(port, frame));
		else
			done = cham_ring_push_plain(r, frame, len);
	}
	if (unlikely(!done))
		err = cham_io_deliver_any(port, r, xdp, strip, from);
	if (likely(!err) && !r->flush_due) {
		r->flush_due = true;
		schedule = true;
	}
	spin_unlock(&r->lock);
	if (schedule)
		napi_schedule(&r->napi);
	return err;
}

int cham_io_flush_poll(struct napi_struct *napi, int budget)
{
	cham_ring_flush(container_of(napi, struct cham_ring, napi));
	napi_complete_done(napi, 0);
	return 0;
}

/**
 * cham_io_push_skb() - into the guest's ring
 * @port: port
 * @r:    receive ring of one of its queue pairs
 * @skb:  from the Ethernet header on; taken over
 *
 * Context: BH off.
 */
void cham_io_push_skb(struct cham_port *port, struct cham_ring *r, struct sk_buff *skb)
{
	struct virtio_net_hdr_v1 hdr;
	struct kvec vec[CHAM_IO_VECS] __uninitialized;
	bool more = netdev_xmit_more();
	u64 features = READ_ONCE(port->accepts);
	bool schedule = false;
	unsigned int i;
	int err;

	/* Linux does not send where it is down; a handler's timer does. */
	if (unlikely(!READ_ONCE(port->admin_up))) {
		cham_io_drop(r, CHAM_RING_DROP_ADMIN, skb->len);
		goto drop;
	}
	/* The driver may have changed since the stack looked at our features. */
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    !(features & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)) &&
	    (skb_is_gso(skb) || skb_checksum_help(skb)))
		goto bad_gso;
	if (virtio_net_hdr_from_skb(skb, (struct virtio_net_hdr *)&hdr, true,
				    features & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM), 0))
		goto bad_gso;
	if (hdr.gso_type && !cham_io_takes_gso(port, hdr.gso_type))
		goto bad_gso;
	if (!hdr.gso_type && unlikely(skb->len > port->frame_max)) {
		cham_io_drop(r, CHAM_RING_DROP_OVERSIZE, skb->len);
		goto drop;
	}
	if (unlikely(skb_has_frag_list(skb) && skb_linearize(skb))) {
		cham_io_drop(r, CHAM_RING_DROP_NOMEM, skb->len);
		goto drop;
	}
	hdr.num_buffers = __cpu_to_virtio16(true, 1);
	vec[0].iov_base = &hdr;
	vec[0].iov_len = sizeof(hdr);
	vec[1].iov_base = skb->data;
	vec[1].iov_len = skb_headlen(skb);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *f = &skb_shinfo(skb)->frags[i];

		vec[i + 2].iov_base = skb_frag_address(f);
		vec[i + 2].iov_len = skb_frag_size(f);
	}
	skb_tx_timestamp(skb);

	spin_lock(&r->lock);
	err = cham_ring_push(r, vec, skb->len + sizeof(hdr), cham_io_mergeable(port));
	/* In a softirq more is likely to follow: one notification for all. */
	if (!err && (more || in_serving_softirq()) && !r->flush_due) {
		r->flush_due = true;
		schedule = true;
	}
	more = r->flush_due;
	spin_unlock(&r->lock);
	if (schedule)
		napi_schedule(&r->napi);
	else if (!err && !more)
		cham_ring_flush(r);
	if (err)
		goto drop;
	consume_skb(skb);
	return;

bad_gso:
	cham_io_drop(r, CHAM_RING_DROP_GSO, skb->len);
drop:
	/* A full ring is the guest's affair; the queue never stops for it. */
	kfree_skb_reason(skb, SKB_DROP_REASON_FULL_RING);
}

netdev_tx_t cham_io_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct cham_port *port = netdev_priv(dev);
	u16 q = skb_get_queue_mapping(skb);
	struct cham_ring *r;

	r = &port->rx[q < cham_port_pairs_active(port) ? q : 0];
	if (unlikely(!cham_ctrl_takes(port, skb->data, skb_headlen(skb)))) {
		cham_io_drop(r, CHAM_RING_FILTERED, skb->len);
		kfree_skb_reason(skb, SKB_DROP_REASON_OTHERHOST);
		return NETDEV_TX_OK;
	}
	if (likely(!cham_host_took(port, skb)))
		cham_io_push_skb(port, r, skb);
	return NETDEV_TX_OK;
}

/* The virtio header of a frame that another representor redirected. Its page
 * comes from a pool of ours: nobody else writes to the frame's headroom.
 */
static const struct virtio_net_hdr *cham_io_frame_vnet(const struct xdp_frame *frame)
{
	const struct virtio_net_hdr *vnet = (const void *)(frame + 1);
	const struct page *page;

	if (cham_frame_mem_type(frame) != MEM_TYPE_PAGE_POOL)
		return NULL;
	page = virt_to_head_page(frame->data);
	if (page->pp->p.dev != cham_port_parent ||
	    frame->headroom < sizeof(*vnet) + frame->metasize)
		return NULL;
	return vnet->flags || vnet->gso_type ? vnet : NULL;
}

/* The caller frees them; @r's lock is held. */
static void cham_io_refuse(struct cham_ring *r, struct xdp_frame **frames, int n,
			   enum cham_ring_stat why)
{
	int i;

	for (i = 0; i < n; i++)
		cham_ring_drop(r, why, xdp_get_frame_len(frames[i]));
}

int cham_io_xdp_xmit(struct net_device *dev, int n,
		     struct xdp_frame **frames, u32 flags)
{
	struct cham_port *port = netdev_priv(dev);
	struct virtio_net_hdr_v1 hdr;
	struct kvec vec[CHAM_IO_VECS] __uninitialized;
	struct xdp_frame_bulk bulk;
	bool schedule = false;
	struct cham_ring *r;
	int i, done, err;

	if (unlikely(flags & ~XDP_XMIT_FLAGS_MASK))
		return -EINVAL;
	r = &port->rx[smp_processor_id() % cham_port_pairs_active(port)];
	vec[0].iov_base = &hdr;
	vec[0].iov_len = sizeof(hdr);

	spin_lock(&r->lock);
	if (unlikely(!READ_ONCE(port->admin_up))) {
		cham_io_refuse(r, frames, n, CHAM_RING_DROP_ADMIN);
		spin_unlock(&r->lock);
		return -ENETDOWN;
	}
	for (done = 0; done < n; done++) {
		enum cham_ring_stat why;
		struct xdp_buff xdp;
		u32 total;

		xdp_convert_frame_to_buff(frames[done], &xdp);
		if (unlikely(!cham_ctrl_takes(port, xdp.data, xdp.data_end - xdp.data))) {
			cham_ring_drop(r, CHAM_RING_FILTERED, xdp_get_buff_len(&xdp));
			continue;
		}
		err = cham_io_prepare(port, vec, &xdp, 0,
				      cham_io_frame_vnet(frames[done]), NULL,
				      &total, &why);
		if (unlikely(err)) {
			cham_ring_drop(r, why, total - sizeof(hdr));
			continue;
		}
		err = cham_ring_push(r, vec, total, cham_io_mergeable(port));
		if (unlikely(err == -ENOBUFS || err == -ENOTCONN)) {
			/* What is behind it finds the ring no better. */
			cham_io_refuse(r, frames + done + 1, n - done - 1, cham_ring_lost(err));
			break;
		}
	}
	if (done && !(flags & XDP_XMIT_FLUSH) && !r->flush_due) {
		r->flush_due = true;
		schedule = true;
	}
	spin_unlock(&r->lock);
	if (schedule)
		napi_schedule(&r->napi);
	else if (flags & XDP_XMIT_FLUSH)
		cham_ring_flush(r);

	/* Those that are left the caller frees. */
	rcu_read_lock();
	xdp_frame_bulk_init(&bulk);
	for (i = 0; i < done; i++)
		xdp_return_frame_bulk(frames[i], &bulk);
	xdp_flush_frame_bulk(&bulk);
	rcu_read_unlock();
	return done;
}
