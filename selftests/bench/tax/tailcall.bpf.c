// SPDX-License-Identifier: GPL-2.0
/*
 * Tenants as programs of their own: the datapath tail-calls one, it tail-calls back.
 * What both need to know is in a map, but for the area, which the verifier lets
 * nobody put there: the tenant's program enters itself (and learns time and direction
 * from the packet before).
 */
#include "places.h"
#define cham_handle	cham_handle_by_call
NONE(rx)
#include "../../../xdp/handler.h"
#undef cham_handle

struct tail {
	struct cham_pkt pkt;
	__u32 layout;
	__u32 strip;
	__u32 verdict;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tail);
} tails SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CHAM_CELLS + 1);
	__type(key, __u32);
	__type(value, __u32);
} tenants SEC(".maps");

static const __u32 zero;

static __always_inline int tail_handle(struct xdp_md *ctx, const struct cham_event *ev,
				       const struct cham_query *q, int act, __u32 where,
				       const __u32 hook)
{
	__u32 cell = (act >> CHAM_PROG_CELL_SHIFT & CHAM_PROG_CELL_MASK) - 1;
	struct tail *tail = bpf_map_lookup_elem(&tails, &zero);

	if (hook != CHAM_HOOK_RX || !tail || cell >= CHAM_CELLS)
		return ev->act;
	cham_describe(&tail->pkt, ev, q, where, hook);
	tail->strip = cham_where_base(where);
	tail->layout = cham_composition.layouts[cell];
	bpf_tail_call(ctx, &tenants, cell + 1);
	return ev->act;
}

#define cham_handle tail_handle
/* A subprogram may not be deep in the stack when it tail-calls. */
#undef cham_outline
#define cham_outline	__always_inline
#include "../../../xdp/datapath.bpf.c"

#define X(n)								\
SEC("xdp.frags")							\
int tax_##n(struct xdp_md *ctx)						\
{									\
	struct tail *tail = bpf_map_lookup_elem(&tails, &zero);		\
	struct cham_area *area;						\
									\
	if (!tail)							\
		return XDP_PASS;					\
	area = (void *)bpf_cham_enter(ctx, tail->layout, tail->strip, CHAM_HOOK_RX, \
				      sizeof(*area));			\
	if (!area)							\
		return XDP_PASS;					\
	tail->verdict = tax_rx(ctx, &tail->pkt, area, n);		\
	bpf_tail_call(ctx, &tenants, 0);				\
	return XDP_PASS;						\
}

TAX_LIST(X)

/* Back in the provider's. */
SEC("xdp.frags")
int tax_after(struct xdp_md *ctx)
{
	struct tail *tail = bpf_map_lookup_elem(&tails, &zero);

	if (!tail)
		return XDP_PASS;
	switch (bpf_cham_leave(ctx, tail->verdict, tail->pkt.port, tail->pkt.timer,
			       tail->pkt.event) & CHAM_PROG_ACT_MASK) {
	case CHAM_ACT_DELIVER:
		bpf_cham_deliver(ctx, tail->strip);
		return XDP_DROP;
	case CHAM_ACT_END:
		return XDP_DROP;
	}
	return XDP_PASS;
}
