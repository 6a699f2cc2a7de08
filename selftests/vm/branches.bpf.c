// SPDX-License-Identifier: GPL-2.0
/* Cheap to run, and for the verifier 16,384 ways that never meet: n is known on each. */
#include "handler.h"

CHAM_PROGRAM("branches", 1, 0);

CHAM_HOOK(rx)
{
	const __u8 *p = cham_at(ctx, pkt->l3, 16);
	__u32 n = 1, i;

	if (!p)
		return CHAM_PASS;
#pragma unroll
	for (i = 0; i < 14; i++)
		if (p[i] > 7)
			n = n * 3 + i;
	return n == 4711 ? CHAM_DROP : CHAM_PASS;
}
