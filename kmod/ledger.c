// SPDX-License-Identifier: GPL-2.0
#include "ledger.h"

struct cham_ledger __percpu *cham_ledger_infra;

#define X(id, name, kind, text) [CHAM_REASON_##id] = name,
const char *const cham_reason_names[__CHAM_REASON_MAX] = {
	CHAM_REASON_LIST(X)
};

#undef X

#define X(id, name, kind, text) [CHAM_REASON_##id] = CHAM_KIND_##kind,
const u8 cham_reason_kinds[__CHAM_REASON_MAX] = {
	CHAM_REASON_LIST(X)
};

#undef X

#define X(id, name, text) [CHAM_BLOCK_##id] = name,
const char *const cham_block_names[__CHAM_BLOCK_MAX] = {
	CHAM_BLOCK_LIST(X)
};

#undef X

/**
 * cham_ledger_sum() - add up the books of all CPUs
 * @ledger: per-CPU base
 * @out:    receives the sums; every member is a u64 counter
 *
 * Context: process. Counters move on while they are read.
 */
void cham_ledger_sum(struct cham_ledger __percpu *ledger,
		     struct cham_ledger *out)
{
	unsigned int i, n = sizeof(*out) / sizeof(u64);
	u64 *sum = (u64 *)out;
	int cpu;

	memset(out, 0, sizeof(*out));
	for_each_possible_cpu(cpu) {
		const u64 *one = (const u64 *)per_cpu_ptr(ledger, cpu);

		for (i = 0; i < n; i++)
			sum[i] += READ_ONCE(one[i]);
	}
}

int cham_ledger_init(void)
{
	cham_ledger_infra = alloc_percpu(struct cham_ledger);
	return cham_ledger_infra ? 0 : -ENOMEM;
}

void cham_ledger_exit(void)
{
	free_percpu(cham_ledger_infra);
}
