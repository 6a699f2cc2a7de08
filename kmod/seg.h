/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Segmentation of a tunnelled TCP super-packet: pure arithmetic on headers,
 * so that it also builds on the host under sanitizers.
 */
#ifndef CHAM_SEG_H
#define CHAM_SEG_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include "seg_host.h"
#endif

#define CHAM_SEG_HDR_MAX	256

/* Offsets of a frame: [outer headers] Ethernet [802.1Q] IP TCP payload. */
struct cham_seg {
	u16	outer;		/* bytes of outer header, 0 without tunnel */
	u16	l3;		/* inner IP, from the start of the frame */
	u16	l4;		/* inner TCP */
	u16	hdr;		/* where the payload starts */
	u16	mss;
	u8	outer_family;	/* 4, 6 */
	u8	family;
	u32	len;		/* whole frame */
};

int cham_seg_parse(struct cham_seg *seg, const u8 *hdr, u32 linear, u32 len,
		   u16 outer, u8 outer_family, u16 mss);
void cham_seg_header(const struct cham_seg *seg, u8 *hdr, u32 index,
		     u32 offset, u32 bytes);
u16 cham_seg_l4_seed(const struct cham_seg *seg, const u8 *hdr, u32 bytes);

/* Number of segments, at least one. */
static inline u32 cham_seg_count(const struct cham_seg *seg)
{
	u32 payload = seg->len - seg->hdr;

	return payload ? (payload + seg->mss - 1) / seg->mss : 1;
}
#endif
