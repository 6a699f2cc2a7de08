/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Coalescing: consecutive TCP segments of one direction become the header of
 * one super-packet. Pure arithmetic on headers, the reverse of seg.c, so that
 * it also builds on the host under sanitizers; where bytes go is ring_merge.c's.
 *
 * A segment joins only if cutting the super-packet would give exactly that
 * segment back: same headers but for length, identification, sequence number,
 * checksums and, in the last, PSH.
 */
#ifndef CHAM_MERGE_H
#define CHAM_MERGE_H

#include "seg.h"

/* Ethernet, one tag, IPv6, TCP with all its options. */
#define CHAM_MERGE_HDR_MAX	(14 + 4 + 40 + 60)

/**
 * struct cham_merge - a super-packet in the making
 * @seg:   offsets; @seg.len is the frame's length so far, @seg.mss the first
 *         segment's payload
 * @next:  sequence number that continues it
 * @count: segments
 * @open:  may go on
 * @hdr:   private copy of the first segment's headers
 */
struct cham_merge {
	struct cham_seg seg;
	u32 next;
	u16 count;
	bool open;
	u8 hdr[CHAM_MERGE_HDR_MAX];
};

bool cham_merge_start(struct cham_merge *m, const u8 *frame, u32 len);
bool cham_merge_fits(const struct cham_merge *m, const u8 *frame, u32 len);
void cham_merge_add(struct cham_merge *m, const u8 *frame, u32 len);
void cham_merge_finish(struct cham_merge *m);
#endif
