// SPDX-License-Identifier: GPL-2.0
/*
 * A handler that does what the packet says. UDP to port 9000 (rx) or 9001 (tx):
 * the first four bytes of the payload are what it returns, the next four the port,
 * both little-endian. UDP to port 9002: three packets of a conversation pass, the
 * others are dropped with reason 5. VERSION is the layout of that counter.
 */
#include "handler.h"

#ifndef VERSION
#define VERSION 1
#endif

CHAM_PROGRAM("verdicts", VERSION, CHAM_PROG_SERIAL);

static __always_inline int obey(struct xdp_md *ctx, struct cham_pkt *pkt,
				struct cham_area *area, __u16 port)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	__u32 *said;

	if (pkt->proto != IPPROTO_UDP || !udp)
		return CHAM_PASS;
	if (pkt->hook == CHAM_HOOK_RX && udp->dest == bpf_htons(9002))
		return area->word[0]++ < 3 ? CHAM_PASS : CHAM_DROP_WITH(5);
	if (udp->dest != bpf_htons(port))
		return CHAM_PASS;
	said = cham_at(ctx, pkt->payload, 8);
	if (!said)
		return CHAM_PASS;
	pkt->port = said[1];
	if (said[0] == CHAM_REPLY && cham_turn(ctx, pkt))
		return CHAM_PASS;
	return said[0];
}

CHAM_HOOK(rx)
{
	return obey(ctx, pkt, area, 9000);
}

CHAM_HOOK(tx)
{
	return obey(ctx, pkt, area, 9001);
}
