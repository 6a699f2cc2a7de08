// SPDX-License-Identifier: GPL-2.0
/*
 * A handler that does what the packet says. UDP to port 9000 (rx) or 9001 (tx): the first
 * four bytes of the payload are what it returns, the next four the port, both little-
 * endian. UDP to port 9002: three packets of a conversation pass, the others are dropped
 * with reason 5. UDP to port 9003 (rx) or 9004 (tx): gets a payload of as many bytes as
 * the next four say, and then obeys; if bit 31 of them is set, the headers do not follow.
 * UDP to port 9005 (rx) or 9006 (tx) passes and arms the timer: the first four bytes are
 * the verdict that it shall return, then milliseconds, then how often. UDP to port 9010
 * (rx) or 9011 (tx) goes back as an ICMP echo's answer, or, if the first four bytes say 1,
 * as an IP header with nothing behind it, to all. VERSION is the layout of the counter.
 * What a handler must not see: reason 9. What it was told to return is in the area, too.
 */
#include "handler.h"

#ifndef VERSION
#define VERSION 1
#endif

CHAM_PROGRAM("verdicts", VERSION, CHAM_PROG_SERIAL);

static __always_inline int resize(struct xdp_md *ctx, struct cham_pkt *pkt, __u32 verdict,
				  __u32 want)
{
	__u32 bytes = want & 0xffff;
	int lies = want >> 31;

	if (lies ? cham_resize(ctx, pkt, pkt->payload - pkt->l2 + bytes) :
		   cham_resize_udp(ctx, pkt, bytes))
		return pkt->flags & CHAM_PKT_HOST ? CHAM_DROP_WITH(2) : CHAM_LINUX;
	if (verdict == CHAM_REPLY && cham_turn(ctx, pkt))
		return CHAM_DROP_WITH(1);
	return lies ? verdict : verdict | CHAM_SUM;
}

static __always_inline int become(struct xdp_md *ctx, struct cham_pkt *pkt, __u32 bare)
{
	struct ethhdr *eth;
	struct iphdr *ip;

	if (cham_turn(ctx, pkt))
		return CHAM_DROP_WITH(1);
	eth = cham_at(ctx, pkt->l2, sizeof(*eth) + sizeof(*ip) + sizeof(struct udphdr));
	if (!eth)
		return CHAM_DROP_WITH(1);
	ip = (void *)(eth + 1);
	if (!bare) {
		ip->protocol = IPPROTO_ICMP;
		__builtin_memset(ip + 1, 0, sizeof(struct udphdr));
		return CHAM_REPLY | CHAM_SUM;
	}
	__builtin_memset(eth->h_dest, 0xff, sizeof(eth->h_dest));
	ip->protocol = 253;
	ip->tot_len = bpf_htons(sizeof(*ip));
	return cham_resize(ctx, pkt, sizeof(*eth) + sizeof(*ip)) ? CHAM_DROP_WITH(2) : CHAM_REPLY;
}

/* In the area, behind the counter. */
enum { TIMER_VERDICT = 1, TIMER_AFTER, TIMER_TIMES, TOLD };

static __always_inline int arm(struct xdp_md *ctx, struct cham_pkt *pkt,
			       struct cham_area *area)
{
	__u32 *said = cham_at(ctx, pkt->payload, 12);

	if (!said)
		return CHAM_PASS;
	area->word[TIMER_VERDICT] = said[0];
	area->word[TIMER_AFTER] = said[1];
	area->word[TIMER_TIMES] = said[2];
	pkt->timer = said[1];
	return CHAM_PASS;
}

static __always_inline int obey(struct xdp_md *ctx, struct cham_pkt *pkt,
				struct cham_area *area, __u16 port)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	__u32 *said;

	/* Of a tunnel's header nothing is to be seen. */
	if (pkt->l2 || bpf_xdp_get_buff_len(ctx) - pkt->len >= 50)
		return CHAM_DROP_WITH(9);

	if (pkt->proto != IPPROTO_UDP || !udp)
		return CHAM_PASS;
	if (pkt->hook == CHAM_HOOK_RX && udp->dest == bpf_htons(9002))
		return area->word[0]++ < 3 ? CHAM_PASS : CHAM_DROP_WITH(5);
	if (udp->dest == bpf_htons(port + 5))
		return arm(ctx, pkt, area);
	if (udp->dest != bpf_htons(port) && udp->dest != bpf_htons(port + 3) &&
	    udp->dest != bpf_htons(port + 10))
		return CHAM_PASS;
	said = cham_at(ctx, pkt->payload, 8);
	if (!said)
		return CHAM_PASS;
	if (udp->dest == bpf_htons(port + 10))
		return become(ctx, pkt, said[0]);
	if (udp->dest != bpf_htons(port))
		return resize(ctx, pkt, said[0], said[1]);
	pkt->port = said[1];
	area->word[TOLD] = said[0];
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

/* A packet with the count of those that are to come. */
CHAM_HOOK(timer)
{
	__u32 verdict = area->word[TIMER_VERDICT], left = area->word[TIMER_TIMES], *said;

	if (!left || pkt->proto != IPPROTO_UDP)
		return CHAM_CONSUME;
	area->word[TIMER_TIMES] = --left;
	if (left)
		pkt->timer = area->word[TIMER_AFTER];
	if (verdict == CHAM_CONSUME)
		return verdict;
	verdict = resize(ctx, pkt, verdict, 4);
	said = cham_at(ctx, pkt->payload, 4);
	if (!said)
		return CHAM_DROP_WITH(4);
	*said = left;
	return verdict;
}
