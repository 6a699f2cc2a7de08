// SPDX-License-Identifier: GPL-2.0
/*
 * UDP echo (RFC 862), answered in the datapath: who sends to port 7 of one of the
 * tenant's end points gets its bytes back, and the end point knows nothing of it.
 */
#include "handler.h"

#define ECHO_PORT 7

CHAM_PROGRAM("echo", 1, 0);

/* Of each conversation. */
struct echo {
	__u64	packets;
	__u64	bytes;
};

CHAM_HOOK(rx)
{
	struct echo *echo = (void *)area;
	struct udphdr *udp;

	if (pkt->proto != IPPROTO_UDP)
		return CHAM_PASS;
	udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	if (!udp || udp->dest != bpf_htons(ECHO_PORT))
		return CHAM_PASS;
	/* An answer to an answer would go round for ever. */
	if (udp->source == bpf_htons(ECHO_PORT))
		return CHAM_DROP_WITH(0);
	if (cham_turn(ctx, pkt))
		return CHAM_PASS;
	__sync_fetch_and_add(&echo->packets, 1);
	__sync_fetch_and_add(&echo->bytes, pkt->payload_len);
	return CHAM_REPLY;
}
