// SPDX-License-Identifier: GPL-2.0
/* The tenants' programs for freplace.bpf.c. */
#include "tax.h"

char LICENSE[] SEC("license") = "GPL";

#define X(n)								\
SEC("freplace")								\
int tax_##n(struct xdp_md *ctx, struct cham_pkt *pkt __cham_nonnull,	\
	    struct cham_area *area __cham_nonnull)			\
{									\
	return tax_rx(ctx, pkt, area, n);				\
}

TAX_LIST(X)
