// SPDX-License-Identifier: GPL-2.0
/*
 * First packets. UDP to port 9100: the first three words of the payload are what open
 * returns, what it leaves in the area, and to how many bytes it cuts the payload (0: it
 * does not). rx, for the wire's and Linux' packets and a neighbour's, and tx, for the
 * guest's own to the wire, reply with the area's word, how often the connection was
 * seen, the flags that open saw, and the bytes of payload that they see themselves; open
 * replies with 0xffffffff. UDP to port 9101: tx cuts the payload to 16 bytes; rx replies.
 */
#include "handler.h"

CHAM_PROGRAM("opens", 1, CHAM_PROG_SERIAL);

enum { SAID, SEEN, FLAGS };

static __always_inline __u16 asked(struct xdp_md *ctx, const struct cham_pkt *pkt)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));

	return udp && pkt->proto == IPPROTO_UDP ? bpf_ntohs(udp->dest) : 0;
}

static __always_inline int answer(struct xdp_md *ctx, struct cham_pkt *pkt,
				  const struct cham_area *area)
{
	__u32 *said = cham_at(ctx, pkt->payload, 16);

	if (!said)
		return CHAM_DROP_WITH(1);
	said[0] = area->word[SAID];
	said[1] = area->word[SEEN];
	said[2] = area->word[FLAGS];
	said[3] = pkt->payload_len;
	return cham_turn(ctx, pkt) ? CHAM_DROP_WITH(2) : CHAM_REPLY | CHAM_SUM;
}

CHAM_HOOK(open)
{
	__u32 *said = cham_at(ctx, pkt->payload, 16), verdict, size;

	if (asked(ctx, pkt) != 9100 || !said)
		return CHAM_PASS;
	verdict = said[0];
	size = said[2];
	area->word[SAID] = said[1];
	area->word[FLAGS] = pkt->flags & (CHAM_PKT_HOST | CHAM_PKT_SENT | CHAM_PKT_LOCAL);
	if (verdict == CHAM_REPLY) {
		said[0] = 0xffffffff;
		return cham_turn(ctx, pkt) ? CHAM_DROP_WITH(3) : CHAM_REPLY | CHAM_SUM;
	}
	if (size && verdict == CHAM_PASS)
		return cham_resize_udp(ctx, pkt, size & 0x3ff) ? CHAM_DROP_WITH(4) :
							CHAM_PASS | CHAM_SUM;
	return verdict;
}

CHAM_HOOK(rx)
{
	__u16 port = asked(ctx, pkt);

	if (port != 9100 && port != 9101)
		return CHAM_PASS;
	area->word[SEEN]++;
	return answer(ctx, pkt, area);
}

CHAM_HOOK(tx)
{
	__u16 port = asked(ctx, pkt);
	struct iphdr *ip = cham_at(ctx, pkt->l3, sizeof(*ip));

	if (port == 9101)
		return cham_resize_udp(ctx, pkt, 16) ? CHAM_DROP_WITH(5) : CHAM_PASS | CHAM_SUM;
	/* To 10.0.0.2, which is not here. */
	if (port != 9100 || !ip || pkt->flags & CHAM_PKT_IPV6 || ip->daddr != bpf_htonl(0x0a000002))
		return CHAM_PASS;
	area->word[SEEN]++;
	return answer(ctx, pkt, area);
}
