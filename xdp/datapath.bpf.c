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

/* What is behind the Ethernet header; once for each family, so that every offset
 * is a constant.
 */
static __always_inline int cham_uplink_ip(struct xdp_md *ctx, const struct cham_event *ev,
					  const __u32 outer)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct cham_inner in = {};
	struct cham_query q;
	struct ethhdr *eth;
	__u32 room;
	__u8 tos;
	int why;

	if (data + outer > end)
		return cham_slow(ctx, 0, CHAM_REASON_NOT_TUNNEL);
	cham_query_init(&q);
	why = cham_tunnel_parse(data, outer, ev, &q, &room, &tos);
	if (why)
		return cham_slow(ctx, 0, why);
	/* Linux drops what is cut off, and does not show a tenant what follows. */
	if (outer - CHAM_OUTER_L4 + room != end - data + ev->more)
		return cham_slow(ctx, q.vni, CHAM_REASON_MALFORMED);
	eth = data + outer;
	/* That it fits is asked below, by what the outer headers say. */
	why = cham_parse_inner(ctx, eth, end, ~0U, &q, &in);
	if (why)
		return cham_slow(ctx, q.vni, why);
	if (q.len + CHAM_OUTER_L4 > room)
		return cham_slow(ctx, q.vni, CHAM_REASON_MALFORMED);
	if (bpf_cham_lookup(ctx, &q, sizeof(q)) != CHAM_ACT_DELIVER)
		return XDP_PASS;
	if (tos & CHAM_ECN_MASK) {
		why = cham_tunnel_ecn((void *)eth - CHAM_OUTER_L4, (void *)eth + in.l3,
				      end, tos, in.tos, q.tuple.ipv6);
		if (why)
			return cham_slow(ctx, 0, why);
	}
	bpf_cham_deliver(ctx, outer);
	return XDP_DROP;
}

/* Wire to port. The copy into the guest's ring is the delivery; our buffer
 * goes back to the NIC.
 */
SEC("xdp.frags")
int cham_uplink(struct xdp_md *ctx)
{
	struct cham_event *ev = (void *)bpf_cham_begin(ctx, sizeof(*ev));
	const struct ethhdr *eth = (void *)(long)ctx->data;
	__be16 kind;

	if (!ev)
		return XDP_PASS;
	if ((const void *)(eth + 1) > (const void *)(long)ctx->data_end ||
	    cham_load32(eth->h_dest) != cham_load32(ev->mac) ||
	    cham_load16(eth->h_dest + 4) != cham_load16(ev->mac + 4))
		return cham_slow(ctx, 0, CHAM_REASON_NOT_TUNNEL);
	kind = cham_load16(&eth->h_proto);
	if (kind == bpf_htons(ETH_P_IP))
		return cham_uplink_ip(ctx, ev, CHAM_OUTER4);
	if (kind == bpf_htons(ETH_P_IPV6))
		return cham_uplink_ip(ctx, ev, CHAM_OUTER6);
	return cham_slow(ctx, 0, CHAM_REASON_NOT_TUNNEL);
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
