// SPDX-License-Identifier: GPL-2.0
/*
 * A handler that tells: UDP to port 9200, and the first four bytes of the payload are
 * the event's number, little-endian. Then the packet passes, and the connection's area
 * has counted it; with number 3 its timer tells 4 soon after, by nobody's packet.
 */
#include "handler.h"

CHAM_PROGRAM("tells", 1, CHAM_PROG_SERIAL);

static __always_inline int tell(struct xdp_md *ctx, struct cham_pkt *pkt,
				struct cham_area *area)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	__u32 *said = cham_at(ctx, pkt->payload, 4);

	if (pkt->proto != IPPROTO_UDP || !udp || udp->dest != bpf_htons(9200) || !said)
		return CHAM_PASS;
	area->word[0]++;
	pkt->event = *said;
	if (*said == 3)
		pkt->timer = 20;
	return CHAM_PASS;
}

CHAM_HOOK(rx)
{
	return tell(ctx, pkt, area);
}

CHAM_HOOK(tx)
{
	return tell(ctx, pkt, area);
}

CHAM_HOOK(open)
{
	int verdict = tell(ctx, pkt, area);

	/* what it drops leaves no connection, and is told nevertheless */
	return pkt->event == 5 ? CHAM_DROP_WITH(1) : verdict;
}

CHAM_HOOK(timer)
{
	pkt->event = 4;
	return CHAM_CONSUME;
}
