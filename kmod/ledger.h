/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The books: cycles by class, packets by reason; per CPU and tenant.
 *
 * Written only by the CPU they belong to, in softirq context; read from
 * anywhere, each counter by itself. 64-bit only, so no seqcount is needed.
 */
#ifndef CHAM_LEDGER_H
#define CHAM_LEDGER_H

#include <linux/percpu.h>
#include <linux/timex.h>
#include <asm/msr.h>
#include "chamelio.h"

enum cham_kind { CHAM_KIND_FAST, CHAM_KIND_SLOW, CHAM_KIND_DROP, CHAM_KIND_NOTE,
		 __CHAM_KIND_MAX };

struct cham_ledger {
	/* One line for the cycles, one for the events of a normal packet. */
	u64 cycles[__CHAM_CLASS_MAX];
	u64 fast_packets;
	u64 fast_bytes;
	u64 events[__CHAM_CLASS_MAX];
	u64 tcp_fast;
	u64 tcp_slow;
	u64 reasons[__CHAM_REASON_MAX];
} ____cacheline_aligned_in_smp;

/* Books of packets that belong to no tenant. */
extern struct cham_ledger __percpu *cham_ledger_infra;
extern const char *const cham_reason_names[__CHAM_REASON_MAX];
extern const char *const cham_block_names[__CHAM_BLOCK_MAX];
extern const u8 cham_reason_kinds[__CHAM_REASON_MAX];	/* enum cham_kind */

/* Differences within a class are far below 2^32 cycles: half a register pair. */
static inline u32 cham_clock(void)
{
	return rdtsc();
}

/* In units of 1,024 cycles, for what lasts longer. */
static inline u32 cham_clock_coarse(void)
{
	return rdtsc() >> 10;
}

/* As cham_charge(), for who has this CPU's books in hand. */
static inline u32 cham_charge_here(struct cham_ledger *l, enum cham_class class,
				   u32 since)
{
	u32 now = cham_clock();

	l->cycles[class] += now - since;
	l->events[class]++;
	return now;
}

/**
 * cham_charge() - book the time since @since under @class
 * @ledger: the tenant's or the infrastructure's, per-CPU base
 * @class:  CHAM_CLASS_*
 * @since:  earlier cham_clock() of this CPU
 *
 * Context: BH off. Return: the clock now, to start the next class with, so
 * that a boundary between two classes costs one clock read.
 */
static inline u32 cham_charge(struct cham_ledger __percpu *ledger,
			      enum cham_class class, u32 since)
{
	return cham_charge_here(this_cpu_ptr(ledger), class, since);
}

static inline void cham_count(struct cham_ledger __percpu *ledger,
			      enum cham_reason reason)
{
	this_cpu_inc(ledger->reasons[reason]);
}

void cham_ledger_sum(struct cham_ledger __percpu *ledger,
		     struct cham_ledger *out);
int cham_ledger_init(void);
void cham_ledger_exit(void);
#endif
