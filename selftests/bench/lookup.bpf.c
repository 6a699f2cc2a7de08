// SPDX-License-Identifier: GPL-2.0
/* Many lookups of the datapath's kind in one event, each of another source. */
#include "kfunc.h"
#include "bench.h"

#define IPPROTO_UDP	17

char LICENSE[] SEC("license") = "GPL";

struct bench_lookup lookup;

struct walk {
	struct xdp_md *ctx;
	__u32 first;
	__u32 n;
};

static long one(__u32 index, struct walk *w)
{
	struct cham_query q = { .wscale = 0xff };
	__u32 source = (w->first + index) * lookup.stride & lookup.mask;

	if (index >= w->n)
		return 1;
	q.tuple.proto = IPPROTO_UDP;
	*(__u32 *)q.tuple.saddr = bpf_htonl(0x0b000000 + source);
	*(__u32 *)q.tuple.daddr = bpf_htonl(0x0a000001);
	q.tuple.sport = bpf_htons(9000);
	q.tuple.dport = bpf_htons(9);
	__builtin_memcpy(q.macs, lookup.macs, 12);
	q.vni = lookup.vni;
	q.outer_src = lookup.outer_src;
	q.payload = 64;
	q.len = 106;
	if (!lookup.live)
		return 0;
	if (bpf_cham_lookup(w->ctx, &q, sizeof(q)) == CHAM_ACT_DELIVER)
		lookup.hits++;
	else if (!bpf_cham_begin(w->ctx, sizeof(struct cham_event)))
		return 1;	/* a packet that is refused ends its event */
	return 0;
}

SEC("xdp.frags")
int bench_lookup(struct xdp_md *ctx)
{
	const __u32 *in = (const void *)(long)ctx->data;
	struct walk w = { ctx };

	if ((const void *)(in + 2) > (const void *)(long)ctx->data_end)
		return XDP_ABORTED;
	w.first = in[0];
	w.n = in[1];
	if (!bpf_cham_begin(ctx, sizeof(struct cham_event)))
		return XDP_ABORTED;
	bpf_loop(BENCH_LOOKUPS, one, &w, 0);
	if (lookup.stride == 1) {
		lookup.made += lookup.hits;
		lookup.hits = 0;
	}
	return XDP_DROP;
}
