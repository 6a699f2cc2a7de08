// SPDX-License-Identifier: GPL-2.0
/*
 * The provider's datapath: one object, one entry for the uplink and one for
 * representors. Read it top-down: parse, look up once, act.
 */
#include "tunnel.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int cham_slow(struct xdp_md *ctx, __u32 vni, __u32 why)
{
	bpf_cham_slow(ctx, vni, why);
	return XDP_PASS;
}

/* Wire to port. The copy into the guest's ring is the delivery; our buffer
 * goes back to the NIC.
 */
SEC("xdp.frags")
int cham_uplink(struct xdp_md *ctx)
{
	struct cham_event *ev = (void *)bpf_cham_begin(ctx, sizeof(*ev));
	struct cham_inner in = {};
	struct cham_query q;
	struct ethhdr *eth;
	int len, why;
	__u32 end;
	__u8 tos;

	if (!ev)
		return XDP_PASS;
	cham_query_init(&q);
	len = cham_tunnel_parse(ctx, ev, &q, &in, &tos);
	if (len <= 0)
		return cham_slow(ctx, 0, -len);
	/* Linux drops what is cut off, and does not show a tenant what follows. */
	end = len - CHAM_OUTER_L4 + in.room;
	if (end != ctx->data_end - ctx->data + ev->more)
		return cham_slow(ctx, q.vni, CHAM_REASON_MALFORMED);
	eth = (void *)(long)ctx->data + (len == CHAM_OUTER4 ? CHAM_OUTER4 : CHAM_OUTER6);
	/* That it fits is asked below, by what the outer headers say. */
	why = cham_parse_inner(ctx, eth, (void *)(long)ctx->data_end, ~0U, &q, &in);
	if (why)
		return cham_slow(ctx, q.vni, why);
	if (q.len + CHAM_OUTER_L4 > in.room)
		return cham_slow(ctx, q.vni, CHAM_REASON_MALFORMED);
	if (bpf_cham_lookup(ctx, &q, sizeof(q)) != CHAM_ACT_DELIVER)
		return XDP_PASS;
	if (tos & CHAM_ECN_MASK) {
		why = cham_tunnel_ecn((void *)eth - CHAM_OUTER_L4, (void *)eth + in.l3,
				      (void *)(long)ctx->data_end, tos, in.tos,
				      q.tuple.ipv6);
		if (why)
			return cham_slow(ctx, 0, why);
	}
	bpf_cham_deliver(ctx, len);
	return XDP_DROP;
}

/* Port to port or wire. XDP_TX tells the representor to carry out what the
 * event says: checksum, segmentation, batch to the uplink.
 */
SEC("xdp.frags")
int cham_port(struct xdp_md *ctx)
{
	struct cham_event *ev = (void *)bpf_cham_begin(ctx, sizeof(*ev));
	struct cham_inner in = {};
	struct cham_query q;
	int why, act;

	if (!ev)
		return XDP_PASS;
	cham_query_init(&q);
	why = cham_parse_inner(ctx, (void *)(long)ctx->data,
			       (void *)(long)ctx->data_end, ev->more, &q, &in);
	if (why)
		return cham_slow(ctx, 0, why);
	act = bpf_cham_lookup(ctx, &q, sizeof(q));
	if (act == CHAM_ACT_DELIVER) {
		bpf_cham_deliver(ctx, 0);
		return XDP_DROP;
	}
	if (act != CHAM_ACT_ENCAP || bpf_cham_encap(ctx, in.tos))
		return XDP_PASS;
	return XDP_TX;
}
