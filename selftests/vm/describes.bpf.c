// SPDX-License-Identifier: GPL-2.0
/*
 * Tells what it is told of packets with a payload to port 9300: the area has struct
 * cham_pkt up to the time, then a bit each for what is where it says: the IP version,
 * the port, and the payload, which begins with "D"; then the time.
 */
#include "handler.h"

CHAM_PROGRAM("describes", 1, CHAM_PROG_SERIAL);

static __always_inline int describe(struct xdp_md *ctx, struct cham_pkt *pkt,
				    struct cham_area *area)
{
	const struct udphdr *ports = cham_at(ctx, pkt->l4, sizeof(*ports));
	const __u8 *ip = cham_at(ctx, pkt->l3, 1), *payload;
	const __u64 *told = (const void *)pkt;

	if (!ports || !ip || ports->dest != bpf_htons(9300) || !pkt->payload_len)
		return CHAM_PASS;
	payload = cham_at(ctx, pkt->payload, 1);
	area->word[0] = told[0];
	area->word[1] = told[1];
	area->word[2] = told[2];
	area->word[3] = (*ip >> 4 == (pkt->flags & CHAM_PKT_IPV6 ? 6 : 4)) | 2 |
			(payload && *payload == 'D' ? 4 : 0);
	area->word[4] = pkt->now;
	pkt->event = 1;
	return CHAM_PASS;
}

CHAM_HOOK(rx)
{
	return describe(ctx, pkt, area);
}

CHAM_HOOK(tx)
{
	return describe(ctx, pkt, area);
}
