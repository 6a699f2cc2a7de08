// SPDX-License-Identifier: GPL-2.0
/*
 * Coalescing in a receive ring. The super-packet grows in the guest's buffers
 * while nothing of it has been shown to the guest; its headers grow in our own
 * memory and are written at the end. What is in the guest's memory is never
 * read back.
 *
 * Every segment's checksum is verified as it is copied. One that is wrong, and
 * everything else that is not the next segment, ends the super-packet and goes
 * the ordinary way.
 */
#include <linux/virtio_net.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>

#include "port_priv.h"

/* Copies payload into this buffer and as many more as it takes, summing up. */
static bool cham_merge_copy(struct cham_ring *r, struct cham_ring_mem *m,
			    struct cham_room *room, const u8 *from, u32 len,
			    __wsum *sum)
{
	u32 done = 0, pieces = 0, n;

	while (done < len) {
		if (!room->left) {
			cham_ring_used(m, room->used - 1, room->head, room->len);
			if (++pieces > CHAM_RING_PIECES || !cham_ring_room(r, m, room, 1, true))
				return false;
			room->len = 0;
		}
		n = min(len - done, room->left);
		*sum = csum_block_add(*sum, csum_partial_copy_nocheck(from + done,
								      room->at, n),
				      done);
		room->at += n;
		room->left -= n;
		room->len += n;
		done += n;
	}
	return true;
}

/* @sum is the payload's. */
static bool cham_merge_verified(const struct cham_seg *seg, const u8 *frame,
				u32 len, __wsum sum)
{
	u32 l4len = len - seg->l4, hdr = seg->hdr - seg->l4;

	sum = csum_block_add(csum_partial(frame + seg->l4, hdr, 0), sum, hdr);
	if (seg->family == 4) {
		const __be32 *addr = (const __be32 *)(frame + seg->l3 + 12);

		return !csum_tcpudp_magic(addr[0], addr[1], l4len, IPPROTO_TCP, sum);
	}
	return !csum_ipv6_magic((const struct in6_addr *)(frame + seg->l3 + 8),
				(const struct in6_addr *)(frame + seg->l3 + 24),
				l4len, IPPROTO_TCP, sum);
}

/* What was copied is in the ring now, though not yet shown to the guest. */
static void cham_merge_commit(struct cham_ring *r, struct cham_ring_mem *m,
			      const struct cham_room *room, u32 bytes)
{
	cham_ring_used(m, room->used - 1, room->head, room->len);
	cham_ring_count(r, CHAM_RING_CHAINS, (u16)(room->used - r->used_next));
	cham_ring_count(r, CHAM_RING_PACKETS, 1);
	cham_ring_count(r, CHAM_RING_BYTES, bytes);
	r->last_avail = room->avail;
	r->used_next = room->used;
	r->room = *room;
}

static bool cham_merge_append(struct cham_ring *r, struct cham_ring_mem *m,
			      const u8 *frame, u32 len)
{
	u32 payload = len - r->merge.seg.hdr;
	struct cham_room room = r->room;
	__wsum sum = 0;

	if (!cham_merge_copy(r, m, &room, frame + r->merge.seg.hdr, payload, &sum) ||
	    !cham_merge_verified(&r->merge.seg, frame, len, sum)) {
		/* The buffer before may have been filled up meanwhile. */
		cham_ring_used(m, r->room.used - 1, r->room.head, r->room.len);
		return false;
	}
	cham_merge_add(&r->merge, frame, len);
	cham_merge_commit(r, m, &room, len);
	cham_ring_count(r, CHAM_RING_COALESCED, 1);
	return true;
}

static bool cham_merge_begin(struct cham_ring *r, struct cham_ring_mem *m,
			     const u8 *frame, u32 len)
{
	struct cham_room room = { .avail = r->last_avail, .used = r->used_next };
	struct virtio_net_hdr_mrg_rxbuf hdr = {
		.hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID,
		.num_buffers = __cpu_to_virtio16(true, 1),
	};
	u32 hlen = r->merge.seg.hdr;
	__wsum sum = 0;

	if (!cham_ring_room(r, m, &room, sizeof(hdr) + len, true))
		return false;
	r->vnet_at = room.at;
	memcpy(room.at, &hdr, sizeof(hdr));
	memcpy(room.at + sizeof(hdr), frame, hlen);
	room.at += sizeof(hdr) + hlen;
	room.left -= sizeof(hdr) + hlen;
	room.len = sizeof(hdr) + hlen;
	if (!cham_merge_copy(r, m, &room, frame + hlen, len - hlen, &sum) ||
	    !cham_merge_verified(&r->merge.seg, frame, len, sum))
		return false;
	r->first_used = r->used_next;
	cham_merge_commit(r, m, &room, len);
	return true;
}

/**
 * cham_ring_merge_end() - the super-packet is complete
 * @r: receive ring with a super-packet, its lock held
 *
 * Writes its headers; a lone segment has the right ones.
 */
void cham_ring_merge_end(struct cham_ring *r)
{
	const struct cham_seg *seg = &r->merge.seg;
	struct virtio_net_hdr_mrg_rxbuf hdr = {};

	r->merging = false;
	if (r->merge.count == 1)
		return;
	cham_merge_finish(&r->merge);
	hdr.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr.hdr.gso_type = seg->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
					      VIRTIO_NET_HDR_GSO_TCPV6;
	hdr.hdr.hdr_len = __cpu_to_virtio16(true, seg->hdr);
	hdr.hdr.gso_size = __cpu_to_virtio16(true, seg->mss);
	hdr.hdr.csum_start = __cpu_to_virtio16(true, seg->l4);
	hdr.hdr.csum_offset = __cpu_to_virtio16(true, offsetof(struct tcphdr, check));
	hdr.num_buffers = __cpu_to_virtio16(true, r->used_next - r->first_used);
	memcpy(r->vnet_at, &hdr, sizeof(hdr));
	memcpy(r->vnet_at + sizeof(hdr), r->merge.hdr, seg->hdr);
	r->merge.count = 1;
}

/**
 * cham_ring_push_tcp() - copy a TCP segment, if possible behind the one before
 * @r:     receive ring, its lock held
 * @frame: linear, from the Ethernet header on
 * @len:   its bytes
 * @open:  the guest takes super-packets over several buffers
 *
 * Context: BH off.
 * Return: true; false: not handled, not counted, cham_ring_push() is to do it.
 */
bool cham_ring_push_tcp(struct cham_ring *r, const u8 *frame, u32 len, bool open)
{
	struct cham_ring_mem *m;
	bool done;

	m = rcu_dereference_protected(r->mem, lockdep_is_held(&r->lock));
	if (unlikely(!m))
		return false;
	if (r->merging) {
		done = cham_merge_fits(&r->merge, frame, len) &&
		       cham_merge_append(r, m, frame, len);
		if (!done || !r->merge.open)
			cham_ring_merge_end(r);
		if (done)
			return true;
	}
	if (!cham_merge_start(&r->merge, frame, len))
		return false;
	done = cham_merge_begin(r, m, frame, len);
	r->merging = done && open && r->merge.open;
	return done;
}
