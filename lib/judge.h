/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Is a tenant's object admitted, and what does it cost? */
#ifndef CHAM_JUDGE_H
#define CHAM_JUDGE_H

#include "object.h"

/* A tenant's share of what one composition can hold. */
#define CHAM_SHARE_MAPS		3	/* of 64, less the datapath's own */
#define CHAM_SHARE_INSNS	50000	/* of a million */
#define CHAM_SHARE_FUNCS	12	/* of 256 subprograms */
#define CHAM_SHARE_STACK	256	/* of 512 bytes along a chain of calls */
#define CHAM_SHARE_MEMORY	(16 << 20)	/* bytes of maps */

/* @max_cycles: that a hook may cost */
int cham_judge(struct cham *h, const struct cham_object *o, uint32_t max_cycles,
	       struct cham_prog_report *r);

#endif
