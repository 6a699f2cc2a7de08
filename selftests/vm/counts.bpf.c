// SPDX-License-Identifier: GPL-2.0
/*
 * Both directions of a connection and its timer count in one word of its area; the
 * directions note in another from which CPU, the timer in a fourth how often: what a
 * program says of concurrency must be so. This one is serialised; with ATOMIC it is not,
 * and uses atomic operations.
 */
#include "handler.h"

#ifdef ATOMIC
CHAM_PROGRAM("counts", 2, 0);
#define count(p, n)	__sync_fetch_and_add(p, n)
#define note(p, bits)	__sync_fetch_and_or(p, bits)
#else
CHAM_PROGRAM("counts", 1, CHAM_PROG_SERIAL);
#define count(p, n)	(*(p) += (n))
#define note(p, bits)	(*(p) |= (bits))
#endif

static __always_inline int counted(struct cham_pkt *pkt, struct cham_area *area,
				   const __u32 where)
{
	if (pkt->proto == IPPROTO_UDP) {
		note(&area->word[where], 1ULL << (bpf_get_smp_processor_id() & 63));
		/* Not so often that it is put off again before it has fired. */
		if (!(count(&area->word[0], 1) & 1023))
			pkt->timer = 1;
	}
	return CHAM_PASS;
}

CHAM_HOOK(rx)
{
	return counted(pkt, area, 1);
}

CHAM_HOOK(tx)
{
	return counted(pkt, area, 2);
}

CHAM_HOOK(timer)
{
	count(&area->word[0], 1);
	count(&area->word[3], 1);
	return CHAM_CONSUME;
}
