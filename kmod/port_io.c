// SPDX-License-Identifier: GPL-2.0
/*
 * Packets between the guest's rings and the host: what is transmitted on the
 * representor the guest receives, what the guest sends the representor
 * receives, in native XDP.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/virtio_net.h>
#include <net/checksum.h>
#include <net/page_pool/helpers.h>

#include "compat.h"
#include "cut.h"
#include "port_priv.h"

#define CHAM_IO_LINEAR		(PAGE_SIZE - XDP_PACKET_HEADROOM -	\
				 SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))
/* What a program sees of a super-packet whose rest is lent: every header. */
#define CHAM_IO_HEADERS		256
/* Behind the virtio header. */
#define CHAM_IO_VECS		(1 + CHAM_PACKET_VECS)

static_assert(CHAM_IO_LINEAR + MAX_SKB_FRAGS * PAGE_SIZE >= CHAM_FRAME_MAX);
/* The virtio header crosses a redirect behind the frame's own. */
static_assert(sizeof(struct xdp_frame) + sizeof(struct virtio_net_hdr) <=
	      XDP_PACKET_HEADROOM);

static void cham_io_drop(struct cham_ring *r, enum cham_ring_stat why, u32 len)
{
	spin_lock(&r->lock);
	cham_ring_drop(r, why, len);
	spin_unlock(&r->lock);
}

/* Checksums that nobody behind this point will complete. */

static int cham_io_complete_csum(const struct kvec *vec, unsigned int n,
				 const struct virtio_net_hdr *vnet)
{
	u32 start = (__force u16)vnet->csum_start;
	u32 at = start + (__force u16)vnet->csum_offset;
	u32 off, done = 0;
	__wsum sum = 0;
	__sum16 check;
	unsigned int i;

	/* The field itself must be in one place; headers are linear. */
	if (at + sizeof(check) > vec[0].iov_len)
		return -EINVAL;
	for (i = 0, off = start; i < n; i++, off = 0) {
		u32 len = vec[i].iov_len - off;

		sum = csum_block_add(sum, csum_partial(vec[i].iov_base + off, len, 0),
				     done);
		done += len;
	}
	check = csum_fold(sum) ?: CSUM_MANGLED_0;
	memcpy(vec[0].iov_base + at, &check, sizeof(check));
	return 0;
}

/* From host to guest. */

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
	return READ_ONCE(port->features) & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
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
	if (unlikely(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
		     !(READ_ONCE(port->features) & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)))) {
		*why = CHAM_RING_DROP_GSO;
		if (cham_io_complete_csum(vec + 1, n, vnet))
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
		if (tcp && READ_ONCE(port->features) & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM))
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

netdev_tx_t cham_io_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct cham_port *port = netdev_priv(dev);
	u16 q = skb_get_queue_mapping(skb);
	struct virtio_net_hdr_v1 hdr;
	struct kvec vec[CHAM_IO_VECS] __uninitialized;
	bool more = netdev_xmit_more();
	u64 features = READ_ONCE(port->features);
	bool schedule = false;
	struct cham_ring *r;
	unsigned int i;
	int err;

	r = &port->rx[q < cham_port_pairs_active(port) ? q : 0];
	if (unlikely(!cham_ctrl_takes(port, skb->data, skb_headlen(skb)))) {
		cham_io_drop(r, CHAM_RING_FILTERED, skb->len);
		kfree_skb_reason(skb, SKB_DROP_REASON_OTHERHOST);
		return NETDEV_TX_OK;
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
	return NETDEV_TX_OK;

bad_gso:
	cham_io_drop(r, CHAM_RING_DROP_GSO, skb->len);
drop:
	/* A full ring is the guest's affair; the queue never stops for it. */
	kfree_skb_reason(skb, SKB_DROP_REASON_FULL_RING);
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
			cham_io_refuse(r, frames + done + 1, n - done - 1,
				       err == -ENOBUFS ? CHAM_RING_DROP_FULL :
							 CHAM_RING_DROP_DOWN);
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

/* From guest to host. */

/* Judges what the guest asks for; the answer is in host order. */
static __always_inline int
cham_io_check_vnet(const struct cham_port *port, const struct virtio_net_hdr_v1 *raw,
		   const struct xdp_buff *xdp, u32 len, struct virtio_net_hdr *vnet)
{
	u32 linear = xdp->data_end - xdp->data;
	u64 features = READ_ONCE(port->features);
	u32 start, offset, size, need;
	__be16 proto;

	memset(vnet, 0, sizeof(*vnet));
	if (likely(!(raw->flags | raw->gso_type)))
		return 0;
	/* DATA_VALID and the like mean nothing in this direction. */
	if (!(raw->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return raw->gso_type ? -EINVAL : 0;
	if (!(features & BIT_ULL(VIRTIO_NET_F_CSUM)))
		return -EINVAL;
	start = __virtio16_to_cpu(true, raw->csum_start);
	offset = __virtio16_to_cpu(true, raw->csum_offset);
	if (start < ETH_HLEN || start + offset + sizeof(__sum16) > linear)
		return -EINVAL;
	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->csum_start = (__force __virtio16)start;
	vnet->csum_offset = (__force __virtio16)offset;
	if (!raw->gso_type)
		return 0;

	switch (raw->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		if (!(features & BIT_ULL(VIRTIO_NET_F_HOST_TSO4)))
			return -EINVAL;
		proto = htons(ETH_P_IP);
		need = ETH_HLEN + sizeof(struct iphdr);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (!(features & BIT_ULL(VIRTIO_NET_F_HOST_TSO6)))
			return -EINVAL;
		proto = htons(ETH_P_IPV6);
		need = ETH_HLEN + sizeof(struct ipv6hdr);
		break;
	default:
		return -EINVAL;
	}
	if (raw->gso_type & VIRTIO_NET_HDR_GSO_ECN &&
	    !(features & BIT_ULL(VIRTIO_NET_F_HOST_ECN)))
		return -EINVAL;
	size = __virtio16_to_cpu(true, raw->gso_size);
	if (!size || start < need || start + sizeof(struct tcphdr) > linear ||
	    offset != offsetof(struct tcphdr, check))
		return -EINVAL;
	if (((struct ethhdr *)xdp->data)->h_proto != proto &&
	    !eth_type_vlan(((struct ethhdr *)xdp->data)->h_proto))
		return -EINVAL;
	/* One segment is no super-packet. */
	if (len <= start + sizeof(struct tcphdr) + size && len <= port->frame_max)
		return 0;
	vnet->gso_type = raw->gso_type;
	vnet->gso_size = (__force __virtio16)size;
	vnet->hdr_len = (__force __virtio16)min_t(u32, linear,
						  start + sizeof(struct tcphdr));
	return 0;
}

/* Room for more of the packet: a fragment of one page. */
static void *cham_io_add_frag(struct cham_ring *r, struct xdp_buff *xdp)
{
	struct skb_shared_info *si = xdp_get_shared_info_from_buff(xdp);
	struct page *page;

	if (!xdp_buff_has_frags(xdp)) {
		si->nr_frags = 0;
		si->xdp_frags_size = 0;
	}
	if (si->nr_frags == MAX_SKB_FRAGS)
		return NULL;
	page = page_pool_dev_alloc_pages(r->pool);
	if (!page)
		return NULL;
	if (page_is_pfmemalloc(page))
		xdp_buff_set_frag_pfmemalloc(xdp);
	xdp_buff_set_frags_flag(xdp);
	skb_frag_fill_page_desc(&si->frags[si->nr_frags++], page, 0, 0);
	return page_address(page);
}

/**
 * cham_port_own() - copy what a guest lends of a packet
 * @cx: packet
 *
 * For whoever keeps the packet, or does not know of lent memory.
 *
 * Return: 0, or -ENOMEM and it is as it was.
 */
int cham_port_own(struct cham_xdp_buff *cx)
{
	struct cham_ring *r = container_of(cx->xdp.rxq, struct cham_ring, rxq);
	struct cham_lent *lent = &cx->lent;
	struct skb_shared_info *si;
	u32 i, room = 0, n;
	void *to = NULL;

	for (i = 0; i < lent->n; i++) {
		const struct kvec *v = &lent->at[i];
		u32 off = 0;

		for (off = 0; off < v->iov_len; off += n, to += n, room -= n) {
			if (!room) {
				to = cham_io_add_frag(r, &cx->xdp);
				if (!to)
					return -ENOMEM;
				room = PAGE_SIZE;
			}
			n = min_t(u32, room, v->iov_len - off);
			memcpy(to, v->iov_base + off, n);
			si = xdp_get_shared_info_from_buff(&cx->xdp);
			skb_frag_size_add(&si->frags[si->nr_frags - 1], n);
			si->xdp_frags_size += n;
		}
	}
	lent->n = 0;
	lent->bytes = 0;
	return 0;
}

/**
 * cham_port_frame() - an empty frame from a ring's pool
 * @rxq: of the packet that it is made from
 * @len: bytes
 *
 * Return: %NULL when there is no page, or @len does not fit into one.
 */
struct xdp_frame *cham_port_frame(const struct xdp_rxq_info *rxq, u32 len)
{
	struct cham_ring *r = container_of(rxq, struct cham_ring, rxq);
	struct xdp_frame *frame;
	struct page *page;

	if (len > CHAM_IO_LINEAR)
		return NULL;
	page = page_pool_dev_alloc_pages(r->pool);
	if (unlikely(!page))
		return NULL;
	frame = page_address(page);
	/* With the place of a virtio header: there is none. */
	memset(frame, 0, sizeof(*frame) + sizeof(struct virtio_net_hdr));
	frame->data = (void *)frame + XDP_PACKET_HEADROOM;
	frame->len = len;
	frame->headroom = XDP_PACKET_HEADROOM - sizeof(*frame);
	frame->frame_sz = PAGE_SIZE;
	cham_frame_set_mem(frame, rxq);
	return frame;
}

/* An empty packet in a page of the ring's pool; or it is lost, and counted. */
static bool cham_io_page(struct cham_ring *r, struct cham_xdp_buff *cx)
{
	struct page *page = page_pool_dev_alloc_pages(r->pool);
	struct xdp_buff *xdp = &cx->xdp;

	if (unlikely(!page)) {
		cham_ring_drop(r, CHAM_RING_DROP_NOMEM, 0);
		return false;
	}
	xdp_init_buff(xdp, PAGE_SIZE, &r->rxq);
	xdp_prepare_buff(xdp, page_address(page), XDP_PACKET_HEADROOM, 0, true);
	cx->lent.n = 0;
	cx->lent.bytes = 0;
	return true;
}

/* @len bytes are here and can no longer change: 1, or 0 and it was dropped. */
static __always_inline int
cham_io_judge(const struct cham_port *port, struct cham_ring *r,
	      const struct virtio_net_hdr_v1 *raw, struct cham_xdp_buff *cx, u32 len)
{
	if (unlikely(len < ETH_HLEN)) {
		cham_ring_drop(r, CHAM_RING_DROP_RUNT, len);
	} else if (unlikely(cham_io_check_vnet(port, raw, &cx->xdp, len, &cx->vnet))) {
		cham_ring_drop(r, CHAM_RING_DROP_GSO, len);
	} else if (unlikely(len > (cx->vnet.gso_type ? CHAM_FRAME_MAX : port->frame_max))) {
		cham_ring_drop(r, CHAM_RING_DROP_OVERSIZE, len);
	} else {
		cham_ring_count(r, CHAM_RING_PACKETS, 1);
		cham_ring_count(r, CHAM_RING_BYTES, len);
		return 1;
	}
	xdp_return_buff(&cx->xdp);
	return 0;
}

/* A plain chain into one page: as cham_io_pull(), and -1 when it is none. */
static noinline int cham_io_pull_plain(const struct cham_port *port, struct cham_ring *r,
				       struct cham_ring_mem *m, struct cham_xdp_buff *cx,
				       u16 *head)
{
	struct virtio_net_hdr_v1 raw __uninitialized;
	struct cham_plain p __uninitialized;
	u32 len, n, total = 0;
	u8 *from;

	if (unlikely(!READ_ONCE(port->admin_up) || !cham_ring_plain(r, m, &p, head) ||
		     !cham_plain_piece(&p, &from, &len) || len < sizeof(raw)))
		return -1;
	memcpy(&raw, from, sizeof(raw));
	from += sizeof(raw);
	len -= sizeof(raw);
	if (unlikely(!cham_io_page(r, cx)))
		return 0;
	for (n = 0; ; n++) {
		if (unlikely(len > CHAM_IO_LINEAR - total || n == CHAM_PLAIN_MAX))
			goto odd;
		cham_ring_copy(cx->xdp.data + total, from, len);
		total += len;
		if (!p.desc)
			break;
		if (unlikely(!cham_plain_piece(&p, &from, &len)))
			goto odd;
	}
	cx->xdp.data_end += total;
	return cham_io_judge(port, r, &raw, cx, total);
odd:
	xdp_return_buff(&cx->xdp);
	return -1;
}

/*
 * Copies a chain out of the guest's memory: all of it, or of a super-packet the
 * headers when the program takes the rest as lent. What is copied cannot change
 * any more.
 *
 * Return: 1 with a packet; 0 without one, it was dropped and counted; or a
 * negative enum cham_ring_err, and nothing is held.
 */
static int cham_io_pull(const struct cham_port *port, struct cham_ring *r,
			struct cham_ring_mem *m, struct cham_chain *c,
			 struct cham_xdp_buff *cx, bool lends)
{
	enum cham_ring_stat why = CHAM_RING_DROP_NOMEM;
	struct virtio_net_hdr_v1 raw __uninitialized;
	struct cham_lent *lent = &cx->lent;
	struct xdp_buff *xdp = &cx->xdp;
	u32 room, done = 0;
	struct skb_shared_info *si;
	void *p, *to;
	int n;

	do {
		n = cham_ring_chain_more(m, c);
		if (unlikely(n <= 0))
			return n ?: -CHAM_RING_ERR_SHORT;
		n = cham_ring_chain_piece(m, c, sizeof(raw) - done, &p);
		if (unlikely(n < 0))
			return n;
		memcpy((u8 *)&raw + done, p, n);
		done += n;
	} while (unlikely(done < sizeof(raw)));

	if (!cham_io_page(r, cx))
		return 0;
	lends &= !!raw.gso_type;
	room = lends ? CHAM_IO_HEADERS : CHAM_IO_LINEAR;
	to = xdp->data;
	done = 0;
	while ((n = cham_ring_chain_more(m, c)) > 0) {
		if (unlikely(done >= CHAM_FRAME_MAX)) {
			why = CHAM_RING_DROP_OVERSIZE;
			goto drop;
		}
		if (!room && lends && lent->n < ARRAY_SIZE(lent->at)) {
			n = cham_ring_chain_piece(m, c, CHAM_FRAME_MAX - done, &p);
			if (unlikely(n < 0))
				break;
			lent->at[lent->n].iov_base = p;
			lent->at[lent->n++].iov_len = n;
			lent->bytes += n;
			done += n;
			continue;
		}
		if (!room) {
			/* More pieces than we remember. */
			if (lent->n && cham_port_own(cx)) {
				n = 0;
				goto drop;
			}
			lends = false;
			to = cham_io_add_frag(r, xdp);
			if (!to) {
				n = 0;
				goto drop;
			}
			room = PAGE_SIZE;
		}
		n = cham_ring_chain_piece(m, c, room, &p);
		if (unlikely(n < 0))
			break;
		memcpy(to, p, n);
		to += n;
		room -= n;
		done += n;
		if (unlikely(xdp_buff_has_frags(xdp))) {
			si = xdp_get_shared_info_from_buff(xdp);
			skb_frag_size_add(&si->frags[si->nr_frags - 1], n);
			si->xdp_frags_size += n;
		} else {
			xdp->data_end = to;
		}
	}
	if (likely(!n)) {
		if (!cham_io_judge(port, r, &raw, cx, done))
			return 0;
		/* It called itself one, but is none. */
		if (likely(!lent->n || cx->vnet.gso_type) || !cham_port_own(cx))
			return 1;
	}
drop:
	if (n >= 0)
		cham_ring_drop(r, why, done);
	xdp_return_buff(xdp);
	return min(n, 0);
}

/**
 * cham_port_skb() - a port's packet as Linux wants it
 * @xdp: packet in memory of the port's pool
 *
 * Context: softirq.
 * Return: an skb that has taken the memory over and starts at @xdp->data, or
 * %NULL and @xdp is still the caller's.
 */
struct sk_buff *cham_port_skb(struct xdp_buff *xdp)
{
	u32 meta = xdp->data - xdp->data_meta;
	struct skb_shared_info *si = NULL;
	u32 nr_frags = 0, size = 0;
	struct sk_buff *skb;

	if (unlikely(xdp_buff_has_frags(xdp))) {
		si = xdp_get_shared_info_from_buff(xdp);
		nr_frags = si->nr_frags;
		size = si->xdp_frags_size;
	}
	skb = napi_build_skb(xdp->data_hard_start, xdp->frame_sz);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, xdp->data_end - xdp->data);
	if (meta)
		skb_metadata_set(skb, meta);
	if (nr_frags)
		cham_skb_take_frags(skb, xdp, nr_frags, size, nr_frags * PAGE_SIZE);
	skb_mark_for_recycle(skb);
	return skb;
}

static void cham_io_rx_skb(struct cham_port *port, struct cham_ring *r,
			   struct cham_xdp_buff *cx)
{
	struct sk_buff *skb = cham_port_skb(&cx->xdp);

	if (unlikely(!skb)) {
		cham_ring_drop(r, CHAM_RING_DROP_NOMEM, xdp_get_buff_len(&cx->xdp));
		xdp_return_buff(&cx->xdp);
		return;
	}
	skb_record_rx_queue(skb, r->index / 2);
	/* Offsets count from the Ethernet header: before it is pulled. */
	if (virtio_net_hdr_to_skb(skb, &cx->vnet, virtio_legacy_is_little_endian())) {
		cham_ring_drop(r, CHAM_RING_DROP_GSO, skb->len);
		kfree_skb_reason(skb, SKB_DROP_REASON_DEV_HDR);
		return;
	}
	if (port->flows)
		cham_steer_learn(port, skb, r->index / 2);
	skb->protocol = eth_type_trans(skb, port->dev);
	napi_gro_receive(&r->napi, skb);
}

/* The program has moved the packet's start: offsets count from there. */
static int cham_io_move_vnet(struct virtio_net_hdr *vnet, s32 grown)
{
	s32 start = (__force u16)vnet->csum_start + grown;

	if (!grown || !vnet->flags)
		return 0;
	if (start < 0 || start > U16_MAX)
		return -EINVAL;
	vnet->csum_start = (__force __virtio16)start;
	vnet->hdr_len = (__force __virtio16)((__force u16)vnet->hdr_len + grown);
	return 0;
}

/* Whoever gets the frame next may know nothing of virtio headers: a checksum
 * is completed, and only a super-packet takes the header along.
 */
static noinline int cham_io_redirect(struct cham_port *port, struct cham_xdp_buff *cx,
				     struct bpf_prog *prog)
{
	struct virtio_net_hdr *vnet = &cx->vnet;
	struct xdp_buff *xdp = &cx->xdp;
	void *room = xdp->data_hard_start + sizeof(struct xdp_frame);
	struct kvec vec[CHAM_PACKET_VECS] __uninitialized;
	u32 len;

	if (vnet->flags && !vnet->gso_type) {
		if (cham_io_complete_csum(vec, cham_packet_vec(vec, xdp, NULL, 0, &len),
					  vnet))
			return -EINVAL;
		vnet->flags = 0;
	}
	if (room + sizeof(*vnet) <= min(xdp->data_meta, xdp->data))
		memcpy(room, vnet, sizeof(*vnet));
	else if (vnet->gso_type)
		return -EOVERFLOW;
	return xdp_do_redirect(port->dev, xdp, prog);
}

/* Runs the program. Returns whether the packet goes on to Linux. */
static bool cham_io_run_xdp(struct cham_port *port, struct cham_ring *r,
			    struct bpf_prog *prog, struct cham_xdp_buff *cx,
			     bool *redirected)
{
	struct xdp_buff *xdp = &cx->xdp;
	void *data = xdp->data;
	u32 act;

	act = bpf_prog_run_xdp(prog, xdp);
	if (cx->vnet.gso_type) {
		r->lends_to = cham_event_is(xdp) ? prog : NULL;
		if (cx->lent.n && act != XDP_TX && act != XDP_DROP &&
		    unlikely(cham_port_own(cx)))
			act = XDP_ABORTED;
	}
	switch (act) {
	case XDP_PASS:
		if (unlikely(cham_io_move_vnet(&cx->vnet, data - xdp->data)))
			break;
		cham_ring_count(r, CHAM_RING_XDP_PASS, 1);
		return true;
	case XDP_TX:
		/* Takes over the packet; knows what the program prepended. */
		cham_ring_count(r, cham_xmit_outer(port, cx) ?
				CHAM_RING_XDP_ERROR : CHAM_RING_XDP_TX, 1);
		return false;
	case XDP_REDIRECT:
		if (unlikely(cham_io_move_vnet(&cx->vnet, data - xdp->data) ||
			     cham_io_redirect(port, cx, prog)))
			break;
		*redirected = true;
		cham_ring_count(r, CHAM_RING_XDP_REDIRECT, 1);
		return false;
	case XDP_DROP:
		cham_ring_count(r, CHAM_RING_XDP_DROP, 1);
		xdp_return_buff(xdp);
		return false;
	default:
		bpf_warn_invalid_xdp_action(port->dev, prog, act);
		fallthrough;
	case XDP_ABORTED:
		break;
	}
	trace_xdp_exception(port->dev, prog, act);
	cham_ring_count(r, CHAM_RING_XDP_ERROR, 1);
	xdp_return_buff(xdp);
	return false;
}

/* A chain of any kind: as cham_io_rx_one(), with @got what cham_io_pull() said. */
static noinline int cham_io_take(struct cham_port *port, struct cham_ring *r,
				 struct cham_ring_mem *m, struct cham_xdp_buff *cx,
				 bool lends, u16 *head, int *got)
{
	struct cham_chain c __uninitialized;
	int ret;

	ret = cham_ring_chain_begin(r, m, &c, r->last_avail);
	if (ret <= 0)
		return ret;
	*head = c.head;
	if (likely(READ_ONCE(port->admin_up))) {
		*got = cham_io_pull(port, r, m, &c, cx, lends);
		return min(*got, 0) ?: 1;
	}
	/* Drained, so that the guest's watchdog has nothing to say. */
	cham_ring_drop(r, CHAM_RING_DROP_ADMIN, 0);
	*got = 0;
	return 1;
}

/* Takes one chain. Return: 1, 0 if there is none, negative: broken. */
static int cham_io_rx_one(struct cham_port *port, struct cham_ring *r,
			  struct cham_ring_mem *m, struct bpf_prog *prog,
			   bool *redirected)
{
	struct cham_xdp_buff cx __uninitialized;
	u16 head __uninitialized;
	int got;

	got = cham_io_pull_plain(port, r, m, &cx, &head);
	if (unlikely(got < 0)) {
		int any, ret;

		ret = cham_io_take(port, r, m, &cx, prog && r->lends_to == prog,
				   &head, &any);
		if (ret <= 0)
			return ret;
		got = any;
	}
	cham_ring_used(m, r->used_next++, head, 0);
	r->last_avail++;
	cham_ring_count(r, CHAM_RING_CHAINS, 1);
	if (unlikely(!got))
		return 1;
	if (!prog || cham_io_run_xdp(port, r, prog, &cx, redirected))
		cham_io_rx_skb(port, r, &cx);
	return 1;
}

int cham_io_poll(struct napi_struct *napi, int budget)
{
	struct cham_ring *r = container_of(napi, struct cham_ring, napi);
	struct cham_port *port = r->port;
	bool redirected = false, idle;
	struct cham_ring_mem *m;
	struct bpf_prog *prog;
	int work = 0, ret = 1;

	if (unlikely(!budget))
		return 0;
	m = rcu_dereference_bh(r->mem);
	if (unlikely(!m)) {
		napi_complete_done(napi, 0);
		return 0;
	}
	prog = rcu_dereference_bh(port->prog);
	cham_ring_disable_kicks(m);

	/* What a packet looks up is plain RCU's, not that of BH. */
	rcu_read_lock();
	cham_port_rx_burst_begin(port, &r->rxq);
	while (work < budget) {
		ret = cham_io_rx_one(port, r, m, prog, &redirected);
		if (ret <= 0)
			break;
		work++;
	}
	if (redirected)
		xdp_do_flush();
	cham_port_rx_burst_end(port);
	rcu_read_unlock();

	if (cham_ring_publish(r, m))
		cham_ring_signal(r);
	if (unlikely(ret < 0)) {
		cham_port_break(port, cham_ring_err_text(ret));
		napi_complete_done(napi, min(work, budget - 1));
		return min(work, budget - 1);
	}
	if (work == budget)
		return budget;
	idle = cham_ring_enable_kicks(r, m);
	if (!idle) {
		cham_ring_disable_kicks(m);
		return budget;
	}
	napi_complete_done(napi, work);
	return work;
}
