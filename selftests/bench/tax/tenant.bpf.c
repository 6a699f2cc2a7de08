// SPDX-License-Identifier: GPL-2.0
/* As a tenant brings it. */
#include "tax.h"

CHAM_PROGRAM("tax", 1, CHAM_PROG_SERIAL);

CHAM_HOOK(rx)
{
	return tax_rx(ctx, pkt, area, NUMBER);
}
