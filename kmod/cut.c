// SPDX-License-Identifier: GPL-2.0
/*
 * A port's packet copied into frames of our own. Payload is summed as it is
 * copied: what is lent the guest may still change, so it is read once.
 */
#include <linux/skbuff.h>
#include <net/checksum.h>
#include <net/xdp.h>

#include "compat.h"
#include "cut.h"
#include "port_priv.h"
#include "remote.h"

/* What a driver that makes an skb of the frame wants behind it. */
#define CHAM_FRAME_TAIL	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

/* Return: bytes of the packet. */
static u32 cham_cursor_init(struct cham_cursor *c, const struct cham_xdp_buff *cx)
{
	u32 bytes;

	c->n = cham_packet_vec(c->vec, &cx->xdp, &cx->lent, 0, &bytes);
	c->i = 0;
	c->off = 0;
	return bytes;
}

/* Leaves out @len bytes, which are in the current piece. */
static void cham_cursor_skip(struct cham_cursor *c, u32 len)
{
	c->off += len;
	if (c->off == c->vec[c->i].iov_len) {
		c->off = 0;
		c->i++;
	}
}

/* Copies and sums the next @len bytes: what is lent is read once. */
static int cham_cursor_copy(struct cham_cursor *c, void *to, u32 len, __wsum *sum)
{
	u32 done = 0, n;

	*sum = 0;
	for (; done < len && c->i < c->n; done += n) {
		const struct kvec *v = &c->vec[c->i];
		__wsum part;

		n = min_t(u32, len - done, v->iov_len - c->off);
		part = csum_partial_copy_nocheck(v->iov_base + c->off, to + done, n);
		*sum = csum_block_add(*sum, part, done);
		cham_cursor_skip(c, n);
	}
	return done == len ? 0 : -EINVAL;
}

/* An empty frame of @len bytes in memory of its own. */
static struct xdp_frame *cham_frame_new(const struct xdp_buff *xdp, u32 len)
{
	unsigned int order = get_order(XDP_PACKET_HEADROOM + len + CHAM_FRAME_TAIL);
	struct xdp_frame *frame;
	struct page *page;

	if (len > CHAM_XMIT_MAX)
		return NULL;
	/* What Linux brings to a port is of no ring, and of no NAPI that has a pool. */
	if (likely(!order && xdp->rxq->mem.type == MEM_TYPE_PAGE_POOL))
		return cham_port_frame(xdp->rxq, len);
	page = dev_alloc_pages(order);
	if (!page)
		return NULL;
	frame = page_address(page);
	memset(frame, 0, sizeof(*frame));
	frame->data = (void *)frame + XDP_PACKET_HEADROOM;
	frame->len = len;
	frame->headroom = XDP_PACKET_HEADROOM - sizeof(*frame);
	frame->frame_sz = PAGE_SIZE << order;
	cham_frame_mem_type(frame) = MEM_TYPE_PAGE_ORDER0;
	return frame;
}

/**
 * cham_cut_begin() - take a super-packet to pieces
 * @cut:          receives the state
 * @cx:           the packet, which stays the caller's
 * @outer:        bytes of outer header in front, 0 without tunnel
 * @outer_family: 4 or 6, ignored when @outer is 0
 *
 * Context: BH off; the NAPI of the packet's port, if it is of a ring.
 * Return: 0 or -%EINVAL.
 */
int cham_cut_begin(struct cham_cut *cut, const struct cham_xdp_buff *cx,
		   u16 outer, u8 outer_family)
{
	const struct xdp_buff *xdp = &cx->xdp;
	u32 bytes = cham_cursor_init(&cut->cursor, cx);
	int err;

	err = cham_seg_parse(&cut->seg, xdp->data, xdp->data_end - xdp->data, bytes,
			     outer, outer_family, (__force u16)cx->vnet.gso_size);
	if (err)
		return err;
	/* Headers are in the first piece. */
	cham_cursor_skip(&cut->cursor, cut->seg.hdr);
	cut->xdp = xdp;
	cut->index = 0;
	cut->off = 0;
	return 0;
}

/**
 * cham_cut_next() - the next segment
 * @cut: of which cham_cut_more() says that there is one
 *
 * All its checksums are right but that of an outer UDP header.
 *
 * Context: as cham_cut_begin().
 * Return: a frame, -%ENOMEM or -%EINVAL.
 */
struct xdp_frame *cham_cut_next(struct cham_cut *cut)
{
	const struct cham_seg *seg = &cut->seg;
	u32 bytes = min_t(u32, seg->mss, seg->len - seg->hdr - cut->off);
	struct xdp_frame *frame;
	__wsum sum = 0;
	u16 check;
	u8 *data;

	frame = cham_frame_new(cut->xdp, seg->hdr + bytes);
	if (!frame)
		return ERR_PTR(-ENOMEM);
	data = frame->data;
	memcpy(data, cut->xdp->data, seg->hdr);
	if (bytes && cham_cursor_copy(&cut->cursor, data + seg->hdr, bytes, &sum)) {
		xdp_return_frame(frame);
		return ERR_PTR(-EINVAL);
	}
	cham_seg_header(seg, data, cut->index, cut->off, bytes);
	check = cham_seg_l4_seed(seg, data, bytes);
	sum = csum_add(csum_block_add(0, sum, seg->hdr - seg->l4),
		       (__force __wsum)htons(check));
	*(__sum16 *)(data + seg->l4 + 16) = csum_fold(sum);
	cut->index++;
	cut->off += bytes;
	return frame;
}

/**
 * cham_cut_whole() - a packet in pieces as one
 * @cx: the packet, taken over
 *
 * Context: as cham_cut_begin().
 * Return: a frame, or %NULL.
 */
struct xdp_frame *cham_cut_whole(struct cham_xdp_buff *cx)
{
	struct cham_cursor cursor __uninitialized;
	struct xdp_frame *frame;
	__wsum unused;

	frame = cham_frame_new(&cx->xdp, cham_cursor_init(&cursor, cx));
	if (frame && cham_cursor_copy(&cursor, frame->data, frame->len, &unused)) {
		xdp_return_frame(frame);
		frame = NULL;
	}
	xdp_return_buff(&cx->xdp);
	return frame;
}

/**
 * cham_cut_deliver() - a super-packet for a guest that takes none
 * @port: the receiver
 * @r:    its ring, whose lock is held
 * @cx:   the packet of another port, which stays the caller's
 *
 * What does not fit is counted at the ring segment by segment.
 *
 * Context: BH off; the NAPI of the packet's port, if it is of a ring.
 * Return: 0, or the first error.
 */
int cham_cut_deliver(struct cham_port *port, struct cham_ring *r,
		     const struct cham_xdp_buff *cx)
{
	u64 features = READ_ONCE(port->accepts);
	struct virtio_net_hdr_v1 hdr = {
		.flags = features & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) ?
			 VIRTIO_NET_HDR_F_DATA_VALID : 0,
		.num_buffers = __cpu_to_virtio16(true, 1),
	};
	bool mergeable = features & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
	struct kvec vec[] = { { &hdr, sizeof(hdr) }, {} };
	struct cham_cut cut __uninitialized;
	struct xdp_frame *frame;
	int err;

	if (cham_cut_begin(&cut, cx, 0, 0)) {
		cham_ring_drop(r, CHAM_RING_DROP_GSO, cx->lent.bytes);
		return -EPROTO;
	}
	if (cut.seg.hdr + cut.seg.mss > port->frame_max) {
		cham_ring_drop(r, CHAM_RING_DROP_OVERSIZE, cut.seg.len);
		return -EMSGSIZE;
	}
	while (cham_cut_more(&cut)) {
		frame = cham_cut_next(&cut);
		if (IS_ERR(frame)) {
			cham_ring_drop(r, CHAM_RING_DROP_NOMEM, cut.seg.len - cut.off);
			return PTR_ERR(frame);
		}
		vec[1].iov_base = frame->data;
		vec[1].iov_len = frame->len;
		err = cham_ring_push(r, vec, sizeof(hdr) + frame->len, mergeable);
		xdp_return_frame(frame);
		/* None of the others fits, either. */
		if (err) {
			cham_ring_count(r, cham_ring_lost(err),
					cham_seg_count(&cut.seg) - cut.index);
			return err;
		}
	}
	return 0;
}
