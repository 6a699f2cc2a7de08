/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The places of tenants' functions in a composition, and the call of one: an empty
 * function for each hook of each cell, which lib/compose.c puts a tenant's over.
 */
#ifndef CHAM_XDP_CELLS_H
#define CHAM_XDP_CELLS_H

#include "chamelio_handler.h"
#include "kfunc.h"

#ifndef CHAM_CELL_LIST
#define CHAM_CELL_LIST(X) \
	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) \
	X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)
#endif

#define __cham_nonnull	__attribute__((btf_decl_tag("arg:nonnull")))

/* Written before the kernel freezes it. */
const volatile struct cham_composition cham_composition = {};

#define CHAM_CELL(hook, n)						\
__attribute__((weak))							\
int cham_##hook##_##n(struct xdp_md *ctx, struct cham_pkt *pkt __cham_nonnull, \
		      struct cham_area *area __cham_nonnull)		\
{									\
	return CHAM_PASS;						\
}

#define X(n) CHAM_CELL(rx, n) CHAM_CELL(tx, n) CHAM_CELL(timer, n) CHAM_CELL(open, n)
CHAM_CELL_LIST(X)
#undef X

/* @cell counts from 0 here, so that all of four bits are cells and no comparison is
 * for what is none.
 */
#define CHAM_CALL(hook)							\
static __always_inline int cham_call_##hook(struct xdp_md *ctx, struct cham_pkt *pkt, \
					    struct cham_area *area, __u32 cell)	\
{									\
	switch (cell) {							\
	CHAM_CELL_LIST(X)						\
	}								\
	return CHAM_PASS;						\
}

#define X(n) case n - 1: { return cham_rx_##n(ctx, pkt, area); }
CHAM_CALL(rx)
#undef X

#define X(n) case n - 1: { return cham_tx_##n(ctx, pkt, area); }
CHAM_CALL(tx)
#undef X

#define X(n) case n - 1: { return cham_timer_##n(ctx, pkt, area); }
CHAM_CALL(timer)
#undef X

#define X(n) case n - 1: { return cham_open_##n(ctx, pkt, area); }
CHAM_CALL(open)
#undef X

#endif
