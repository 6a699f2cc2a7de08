// SPDX-License-Identifier: GPL-2.0
/*
 * Says in each datagram to port 9100 (load.c) which program it was that saw it, and of
 * which of the connection's it is; 7, if the area is not of its layout.
 */
#include "handler.h"

#ifndef STAMP
#define STAMP 1
#endif

#ifndef LAYOUT
#define LAYOUT 1
#endif

CHAM_PROGRAM("stamp", LAYOUT, CHAM_PROG_SERIAL);

static __always_inline int stamp(struct xdp_md *ctx, struct cham_pkt *pkt,
				 struct cham_area *area)
{
	struct udphdr *udp;
	__u32 *word;

	if (pkt->proto != IPPROTO_UDP)
		return CHAM_PASS;
	udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	if (!udp || udp->dest != bpf_htons(9100))
		return CHAM_PASS;
	word = cham_at(ctx, pkt->payload, 16);
	if (!word)
		return CHAM_PASS;
	*(__u8 *)&word[2] = area->word[1] && area->word[1] != LAYOUT ? 7 : STAMP;
	area->word[1] = LAYOUT;
	word[3] = ++area->word[0];
	return CHAM_PASS;
}

CHAM_HOOK(rx)
{
	return stamp(ctx, pkt, area);
}

CHAM_HOOK(tx)
{
	return stamp(ctx, pkt, area);
}
