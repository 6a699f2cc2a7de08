// SPDX-License-Identifier: GPL-2.0
#include "merge.h"
#include "seg_bytes.h"

#define CHAM_TCP_ACK	0x10
#define CHAM_TCP_ECE	0x40
#define CHAM_IP_DF	0x4000
#define CHAM_IP_MAX	0xffff

static bool cham_same(const u8 *a, const u8 *b, u32 len)
{
	return !memcmp(a, b, len);
}

/* The IP packet is right, fills the frame and is no fragment. */
static bool cham_merge_whole(const struct cham_seg *seg, const u8 *frame, u32 len)
{
	const u8 *ip = frame + seg->l3;

	if (seg->family == 4)
		return cham_get16(ip + 2) == len - seg->l3 &&
		       !(cham_get16(ip + 6) & ~CHAM_IP_DF) && cham_ip_ok(ip);
	return cham_get16(ip + 4) == len - seg->l4;
}

/**
 * cham_merge_start() - begin with a segment
 * @m:     receives what later segments are compared with
 * @frame: linear, from the Ethernet header on
 * @len:   its bytes
 *
 * Return: whether it is a plain data segment; @m->open says whether another
 * one may follow it.
 */
bool cham_merge_start(struct cham_merge *m, const u8 *frame, u32 len)
{
	u8 flags;

	m->open = false;
	if (cham_seg_parse(&m->seg, frame, len, len, 0, 0, 1) ||
	    m->seg.hdr >= len || !cham_merge_whole(&m->seg, frame, len))
		return false;
	flags = frame[m->seg.l4 + 13];
	if ((flags & ~(CHAM_TCP_PSH | CHAM_TCP_ECE)) != CHAM_TCP_ACK)
		return false;
	memcpy(m->hdr, frame, m->seg.hdr);
	m->seg.mss = len - m->seg.hdr;
	m->next = cham_get32(frame + m->seg.l4 + 4) + m->seg.mss;
	m->count = 1;
	m->open = !(flags & CHAM_TCP_PSH);
	return true;
}

/**
 * cham_merge_fits() - does a segment continue the super-packet
 * @m:     open super-packet
 * @frame: linear, from the Ethernet header on
 * @len:   its bytes
 */
bool cham_merge_fits(const struct cham_merge *m, const u8 *frame, u32 len)
{
	const struct cham_seg *seg = &m->seg;
	const u8 *ip = frame + seg->l3, *ip0 = m->hdr + seg->l3;
	const u8 *tcp = frame + seg->l4, *tcp0 = m->hdr + seg->l4;

	if (len <= seg->hdr || len - seg->hdr > seg->mss ||
	    seg->len - seg->l3 + len - seg->hdr > CHAM_IP_MAX)
		return false;
	/* Sequence first: what differs, differs here. */
	if (cham_get32(tcp + 4) != m->next || !cham_same(tcp, tcp0, 4) ||
	    !cham_same(frame, m->hdr, seg->l3) ||
	    !cham_merge_whole(seg, frame, len))
		return false;
	if (seg->family == 4) {
		u16 id = cham_get16(ip0 + 4) + m->count;

		/* Version, header length and TOS; TTL and protocol; addresses. */
		if (!cham_same(ip, ip0, 2) || !cham_same(ip + 6, ip0 + 6, 4) ||
		    !cham_same(ip + 12, ip0 + 12, 8) ||
		    (cham_get16(ip + 4) != id && !(cham_get16(ip + 6) & CHAM_IP_DF)))
			return false;
	} else if (!cham_same(ip, ip0, 4) || !cham_same(ip + 6, ip0 + 6, 34)) {
		return false;
	}
	/* Acknowledgment, header length; flags; window; urgent pointer, options. */
	return cham_same(tcp + 8, tcp0 + 8, 5) &&
	       !((tcp[13] ^ tcp0[13]) & ~CHAM_TCP_PSH) &&
	       cham_same(tcp + 14, tcp0 + 14, 2) &&
	       cham_same(tcp + 18, tcp0 + 18, seg->hdr - seg->l4 - 18);
}

/**
 * cham_merge_add() - take a segment in
 * @m:     open super-packet
 * @frame: for which cham_merge_fits() was true
 * @len:   its bytes
 *
 * A short one or PSH is the last: @m->open becomes false.
 */
void cham_merge_add(struct cham_merge *m, const u8 *frame, u32 len)
{
	u32 payload = len - m->seg.hdr;
	u8 psh = frame[m->seg.l4 + 13] & CHAM_TCP_PSH;

	m->seg.len += payload;
	m->next += payload;
	m->count++;
	m->hdr[m->seg.l4 + 13] |= psh;
	m->open = payload == m->seg.mss && !psh;
}

/**
 * cham_merge_finish() - make @m->hdr the header of the whole
 * @m: super-packet
 *
 * The TCP checksum becomes the sum of the pseudo header, as who completes or
 * skips it expects.
 */
void cham_merge_finish(struct cham_merge *m)
{
	const struct cham_seg *seg = &m->seg;
	u8 *ip = m->hdr + seg->l3, *tcp = m->hdr + seg->l4;
	u32 sum = 6 + seg->len - seg->l4;

	if (seg->family == 4) {
		cham_put16(ip + 2, seg->len - seg->l3);
		cham_put16(ip + 10, 0);
		cham_put16(ip + 10, ~cham_fold(cham_sum(ip, 20, 0)));
		sum = cham_sum(ip + 12, 8, sum);
	} else {
		cham_put16(ip + 4, seg->len - seg->l4);
		sum = cham_sum(ip + 8, 32, sum);
	}
	cham_put16(tcp + 16, cham_fold(sum));
}
