/* SPDX-License-Identifier: GPL-2.0 */
/* Frames of our own, made of a port's packet: all of it, or its segments. */
#ifndef CHAM_CUT_H
#define CHAM_CUT_H

#include <linux/uio.h>
#include "port.h"
#include "seg.h"

struct cham_port;
struct cham_ring;
struct xdp_frame;

/* How far a packet has been copied. */
struct cham_cursor {
	struct kvec vec[CHAM_PACKET_VECS];
	unsigned int i, n;
	u32 off;		/* in vec[i] */
};

/* A super-packet on its way through the knife. */
struct cham_cut {
	struct cham_cursor cursor;
	struct cham_seg seg;
	const struct xdp_buff *xdp;
	u32 index;		/* of the next segment */
	u32 off;		/* of its payload */
};

int cham_cut_begin(struct cham_cut *cut, const struct cham_xdp_buff *cx,
		   u16 outer, u8 outer_family);
struct xdp_frame *cham_cut_next(struct cham_cut *cut);
struct xdp_frame *cham_cut_whole(struct cham_xdp_buff *cx);
int cham_cut_deliver(struct cham_port *port, struct cham_ring *r,
		     const struct cham_xdp_buff *cx);

static inline bool cham_cut_more(const struct cham_cut *cut)
{
	return cut->index < cham_seg_count(&cut->seg);
}
#endif
