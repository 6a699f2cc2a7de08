// SPDX-License-Identifier: GPL-2.0
/* An empty function for each tenant, which an extension of its own takes the place of. */
#include "places.h"

#define X(n)								\
__attribute__((weak))							\
int tax_place_##n(struct xdp_md *ctx, struct cham_pkt *pkt __cham_nonnull, \
		  struct cham_area *area __cham_nonnull)		\
{									\
	return CHAM_PASS;						\
}

TAX_LIST(X)
#undef X

#define X(n) case n - 1: { return tax_place_##n(ctx, pkt, area); }
TAX_CALL(rx)
#undef X

#include "../../../xdp/datapath.bpf.c"
