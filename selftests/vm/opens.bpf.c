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

/* Return: whether the headers say it now */
static __always_inline int cut(struct xdp_md *ctx, struct cham_pkt *pkt, __u32 bytes)
{
	__u32 len = pkt->payload - pkt->l2 + (bytes & 0x3ff);
	struct udphdr *udp;

	if (cham_resize(ctx, pkt, len))
		return 0;
	udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	if (!udp)
		return 0;
	udp->len = bpf_htons(sizeof(*udp) + pkt->payload_len);
	if (pkt->flags & CHAM_PKT_IPV6) {
		struct ipv6hdr *ip6 = cham_at(ctx, pkt->l3, sizeof(*ip6));

		if (!ip6)
			return 0;
		ip6->payload_len = udp->len;
	} else {
		struct iphdr *ip = cham_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return 0;
		ip->tot_len = bpf_htons(len - (pkt->l3 - pkt->l2));
	}
	return 1;
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
		return cut(ctx, pkt, size) ? CHAM_PASS | CHAM_SUM : CHAM_DROP_WITH(4);
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
		return cut(ctx, pkt, 16) ? CHAM_PASS | CHAM_SUM : CHAM_DROP_WITH(5);
	/* To 10.0.0.2, which is not here. */
	if (port != 9100 || !ip || pkt->flags & CHAM_PKT_IPV6 || ip->daddr != bpf_htonl(0x0a000002))
		return CHAM_PASS;
	area->word[SEEN]++;
	return answer(ctx, pkt, area);
}
