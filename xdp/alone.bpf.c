// SPDX-License-Identifier: GPL-2.0
/*
 * One tenant's handlers and nothing else, never attached: what the verifier says of them,
 * and how long it takes to, is theirs alone. In a composition its patience is shared.
 */
#include <linux/bpf.h>

#define CHAM_CELL_LIST(X)	X(1)
#include "cells.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cham_area);
} cham_alone_area SEC(".maps");

SEC("xdp.frags")
int cham_alone(struct xdp_md *ctx)
{
	struct cham_pkt pkt = {};
	struct cham_area *area;
	__u32 zero = 0;

	area = bpf_map_lookup_elem(&cham_alone_area, &zero);
	if (!area)
		return XDP_PASS;
	return cham_call_rx(ctx, &pkt, area, 0) + cham_call_tx(ctx, &pkt, area, 0) +
	       cham_call_timer(ctx, &pkt, area, 0) + cham_call_open(ctx, &pkt, area, 0) +
	       cham_composition.first;
}
