// SPDX-License-Identifier: GPL-2.0
/*
 * The protocols as the provider would write them into its datapath: no places, no
 * barriers, one compiler's work. Area, verdict and accounting are the module's, as
 * everybody's.
 */
#include "places.h"

#define X(n) case n - 1: { return tax_rx(ctx, pkt, area, n); }
TAX_CALL(rx)
#undef X

#include "../../../xdp/datapath.bpf.c"
