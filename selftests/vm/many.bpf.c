// SPDX-License-Identifier: GPL-2.0
/*
 * One of many: each of its hooks answers with NUMBER, which no other tenant's has. UDP
 * to port 7: rx and tx return it as the first byte, with the top bit of tx set. To port
 * 8: rx arms the timer for 10 ms, which leaves its mark in the area; the second byte
 * says how often it did. Each answer is counted in a map.
 */
#include "handler.h"

#ifndef NUMBER
#define NUMBER 1
#endif

CHAM_PROGRAM("many", 1, 0);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} answers SEC(".maps");

static const volatile __u32 slot = NUMBER & 1;

static __always_inline int answer(struct xdp_md *ctx, struct cham_pkt *pkt,
				  struct cham_area *area, __u8 first)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	__u64 *count;
	__u8 *said;

	if (pkt->proto != IPPROTO_UDP || !udp)
		return CHAM_PASS;
	if (udp->dest != bpf_htons(7) && udp->dest != bpf_htons(8))
		return CHAM_PASS;
	if (udp->dest == bpf_htons(8))
		pkt->timer = 10;
	said = cham_at(ctx, pkt->payload, 2);
	if (!said || cham_turn(ctx, pkt))
		return CHAM_PASS;
	said = cham_at(ctx, pkt->payload, 2);
	count = bpf_map_lookup_elem(&answers, (void *)&slot);
	if (!said || !count)
		return CHAM_PASS;
	__sync_fetch_and_add(count, 1);
	said[0] = first;
	said[1] = area->word[1] == NUMBER ? area->word[0] : 0;
	return CHAM_REPLY | CHAM_SUM;
}

CHAM_HOOK(rx)
{
	return answer(ctx, pkt, area, NUMBER);
}

CHAM_HOOK(tx)
{
	return answer(ctx, pkt, area, NUMBER | 0x80);
}

CHAM_HOOK(timer)
{
	area->word[0]++;
	area->word[1] = NUMBER;
	return CHAM_CONSUME;
}
