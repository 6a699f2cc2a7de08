// SPDX-License-Identifier: GPL-2.0
/* A handler that leaves super-packets nobody can cut: TCP to port 9100 loses its version. */
#include "handler.h"

CHAM_PROGRAM("mangles", 1, 0);

CHAM_HOOK(tx)
{
	struct tcphdr *tcp = cham_at(ctx, pkt->l4, sizeof(*tcp));
	__u8 *ip = cham_at(ctx, pkt->l3, 1);

	if (pkt->proto == IPPROTO_TCP && pkt->gso_size && tcp && ip &&
	    tcp->dest == bpf_htons(9100))
		*ip = 0;
	return CHAM_PASS;
}
