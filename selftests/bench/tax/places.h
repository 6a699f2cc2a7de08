/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In the place of xdp/cells.h: as many cells as there are TENANTS, each one's
 * number that which the module gave, and what is in them is up to who includes
 * this: cham_call_rx().
 */
#ifndef CHAM_XDP_CELLS_H
#define CHAM_XDP_CELLS_H

#include "chamelio_handler.h"
#include "../../../xdp/kfunc.h"
#include "tax.h"

#undef CHAM_CELLS
#define CHAM_CELLS	64

const volatile struct {
	__u32 first;
	__u32 layouts[CHAM_CELLS];
} cham_composition SEC(".rodata.places") = {};

#define NONE(hook)							\
static __always_inline int cham_call_##hook(struct xdp_md *ctx, struct cham_pkt *pkt, \
					    struct cham_area *area, __u32 cell)	\
{									\
	return CHAM_PASS;						\
}

/* X(n) is what is done for tenant n. */
#define TAX_CALL(hook)							\
static __always_inline int cham_call_##hook(struct xdp_md *ctx, struct cham_pkt *pkt, \
					    struct cham_area *area, __u32 cell)	\
{									\
	switch (cell) {							\
	TAX_LIST(X)							\
	}								\
	return CHAM_PASS;						\
}

NONE(tx)
NONE(timer)
NONE(open)

#endif
