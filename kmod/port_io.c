// SPDX-License-Identifier: GPL-2.0
/*
 * Packets out of the guest's rings: what the guest sends the representor
 * receives, in native XDP. The other way is port_deliver.c.
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
#include "port_priv.h"

#define CHAM_IO_LINEAR		(PAGE_SIZE - XDP_PACKET_HEADROOM -	\
				 SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))
/* What a program sees of a super-packet whose rest is lent: every header. */
#define CHAM_IO_HEADERS		256
#define CHAM_IO_MSS_MIN		64
/* Segments that are worth a packet of a poll's budget; of what is not lent are no more. */
#define CHAM_IO_SEGS		64
static_assert(CHAM_IO_LINEAR / CHAM_IO_MSS_MIN <= CHAM_IO_SEGS);

static_assert(CHAM_IO_LINEAR + MAX_SKB_FRAGS * PAGE_SIZE >= CHAM_FRAME_MAX);
/* The virtio header crosses a redirect behind the frame's own. */
static_assert(sizeof(struct xdp_frame) + sizeof(struct virtio_net_hdr) <=
	      XDP_PACKET_HEADROOM);

/* The checksum that @vnet leaves open, where nobody behind will complete it. */
int cham_io_complete_csum(const struct kvec *vec, unsigned int n,
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

/* What is asked of a super-packet; its checksum has been judged. */
static noinline int cham_io_check_gso(const struct cham_port *port, u8 kind, u32 size,
				      const struct xdp_buff *xdp, u32 len,
				      struct virtio_net_hdr *vnet)
{
	u32 start = (__force u16)vnet->csum_start, need = ETH_HLEN;
	u32 linear = xdp->data_end - xdp->data;
	u64 features = READ_ONCE(port->features);
	__be16 proto, found;

	switch (kind & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		if (!(features & BIT_ULL(VIRTIO_NET_F_HOST_TSO4)))
			return -EINVAL;
		proto = htons(ETH_P_IP);
		need += sizeof(struct iphdr);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (!(features & BIT_ULL(VIRTIO_NET_F_HOST_TSO6)))
			return -EINVAL;
		proto = htons(ETH_P_IPV6);
		need += sizeof(struct ipv6hdr);
		break;
	default:
		return -EINVAL;
	}
	if (kind & VIRTIO_NET_HDR_GSO_ECN && !(features & BIT_ULL(VIRTIO_NET_F_HOST_ECN)))
		return -EINVAL;
	if (!size || size == GSO_BY_FRAGS || start < need ||
	    start + sizeof(struct tcphdr) > linear ||
	    (__force u16)vnet->csum_offset != offsetof(struct tcphdr, check))
		return -EINVAL;
	/* Nobody's is so small, and we shall not cut that fine. */
	size = max_t(u32, size, CHAM_IO_MSS_MIN);
	found = ((struct ethhdr *)xdp->data)->h_proto;
	if (found != proto && !eth_type_vlan(found))
		return -EINVAL;
	/* One segment is no super-packet. */
	if (len <= start + sizeof(struct tcphdr) + size && len <= port->frame_max)
		return 0;
	vnet->gso_type = kind;
	vnet->gso_size = (__force __virtio16)size;
	vnet->hdr_len = (__force __virtio16)min_t(u32, linear,
						  start + sizeof(struct tcphdr));
	return 0;
}

/* Judges what the guest asks for; the answer is in host order. */
static __always_inline int
cham_io_check_vnet(const struct cham_port *port, const struct virtio_net_hdr_v1 *raw,
		   const struct xdp_buff *xdp, u32 len, struct virtio_net_hdr *vnet)
{
	u32 linear = xdp->data_end - xdp->data, start, offset;

	memset(vnet, 0, sizeof(*vnet));
	if (likely(!(raw->flags | raw->gso_type)))
		return 0;
	/* DATA_VALID and the like mean nothing in this direction. */
	if (!(raw->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return raw->gso_type ? -EINVAL : 0;
	if (!(READ_ONCE(port->features) & BIT_ULL(VIRTIO_NET_F_CSUM)))
		return -EINVAL;
	start = __virtio16_to_cpu(true, raw->csum_start);
	offset = __virtio16_to_cpu(true, raw->csum_offset);
	if (start < ETH_HLEN || start + offset + sizeof(__sum16) > linear)
		return -EINVAL;
	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->csum_start = (__force __virtio16)start;
	vnet->csum_offset = (__force __virtio16)offset;
	return likely(!raw->gso_type) ? 0 :
	       cham_io_check_gso(port, raw->gso_type, __virtio16_to_cpu(true, raw->gso_size),
				 xdp, len, vnet);
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
 * Return: 0, or -ENOMEM: it has some copies, and lends as before.
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
static __always_inline int cham_io_pull_few(const struct cham_port *port,
					    struct cham_ring *r, struct cham_ring_mem *m,
					    struct cham_xdp_buff *cx, u32 *head,
					    const bool packed)
{
	struct cham_plain p __uninitialized;
	u32 len, n, total = 0;
	union {
		struct virtio_net_hdr_v1 hdr;
		struct {
			u64 first;
			u32 rest;
		} __packed;
	} raw __uninitialized;
	u8 *from;

	if (unlikely(!READ_ONCE(port->admin_up) ||
		     !(packed ? cham_ring_plain_packed(r, m, &p, head) :
				cham_ring_plain(r, m, &p, head)) ||
		     !(packed ? cham_plain_piece_packed(&p, &from, &len) :
				cham_plain_piece(&p, &from, &len)) ||
		     len < sizeof(raw)))
		return -1;
	/* Read once; and not copied to an address: that would cost a canary. */
	static_assert(sizeof(raw) == 12);
	raw.first = READ_ONCE(*(const u64 *)from);
	raw.rest = READ_ONCE(*(const u32 *)(from + sizeof(raw.first)));
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
		if (unlikely(!(packed ? cham_plain_piece_packed(&p, &from, &len) :
					cham_plain_piece(&p, &from, &len))))
			goto odd;
	}
	cx->xdp.data_end += total;
	return cham_io_judge(port, r, &raw.hdr, cx, total);
odd:
	xdp_return_buff(&cx->xdp);
	return -1;
}

static noinline int cham_io_pull_packed(const struct cham_port *port, struct cham_ring *r,
					struct cham_ring_mem *m, struct cham_xdp_buff *cx,
					u32 *head)
{
	return cham_io_pull_few(port, r, m, cx, head, true);
}

static noinline int cham_io_pull_plain(const struct cham_port *port, struct cham_ring *r,
				       struct cham_ring_mem *m, struct cham_xdp_buff *cx,
				       u32 *head)
{
	if (cham_ring_is_packed(m))
		return cham_io_pull_packed(port, r, m, cx, head);
	return cham_io_pull_few(port, r, m, cx, head, false);
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
static __always_inline bool cham_io_run_xdp(struct cham_port *port, struct cham_ring *r,
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

/* A chain has been taken; of what was in it @got is 1, or 0 for what was dropped. */
static __always_inline void cham_io_rx(struct cham_port *port, struct cham_ring *r,
				       struct cham_ring_mem *m, struct bpf_prog *prog,
				       struct cham_xdp_buff *cx, u32 head, int got,
				       bool *redirected)
{
	cham_ring_used(m, r->used_next++, head, 0);
	r->last_avail++;
	cham_ring_count(r, CHAM_RING_CHAINS, 1);
	if (unlikely(!got))
		return;
	if (!prog || cham_io_run_xdp(port, r, prog, cx, redirected))
		cham_io_rx_skb(port, r, cx);
}

/* A chain of any kind. Return: 0 if there is none; negative: broken; or what it is of a
 * poll's budget, by what will be cut of it.
 */
static noinline int cham_io_rx_any(struct cham_port *port, struct cham_ring *r,
				   struct cham_ring_mem *m, struct bpf_prog *prog,
				   bool *redirected)
{
	struct cham_xdp_buff cx __uninitialized;
	struct cham_chain c __uninitialized;
	int ret, got = 0, work = 1;

	ret = cham_ring_chain_begin(r, m, &c, r->last_avail);
	if (ret <= 0)
		return ret;
	if (likely(READ_ONCE(port->admin_up))) {
		got = cham_io_pull(port, r, m, &c, &cx, prog && r->lends_to == prog);
		if (unlikely(got < 0))
			return got;
	} else {
		/* Drained, so that the guest's watchdog has nothing to say. */
		cham_ring_drop(r, CHAM_RING_DROP_ADMIN, 0);
	}
	/* All but the last, which is the rule. */
	r->last_avail += c.slots - 1;
	r->used_next += c.slots - 1;
	if (got && cx.vnet.gso_type)
		work += (xdp_get_buff_len(&cx.xdp) + cx.lent.bytes) /
			(__force u16)cx.vnet.gso_size / CHAM_IO_SEGS;
	cham_io_rx(port, r, m, prog, &cx, c.head, got, redirected);
	return work;
}

/* Takes one chain. Return: as cham_io_rx_any(). */
static int cham_io_rx_one(struct cham_port *port, struct cham_ring *r,
			  struct cham_ring_mem *m, struct bpf_prog *prog,
			   bool *redirected)
{
	struct cham_xdp_buff cx __uninitialized;
	u32 head __uninitialized;
	int got;

	got = cham_io_pull_plain(port, r, m, &cx, &head);
	if (unlikely(got < 0))
		return cham_io_rx_any(port, r, m, prog, redirected);
	cham_io_rx(port, r, m, prog, &cx, head, got, redirected);
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
		work += ret;
	}
	work = min(work, budget);
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
