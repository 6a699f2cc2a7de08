// SPDX-License-Identifier: GPL-2.0
/*
 * The provider's datapath: one object, one entry for the uplink and one for
 * representors. Read it top-down: parse, look up once, act.
 */
#include "handler.h"
#include "tunnel.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int cham_slow(struct xdp_md *ctx, __u32 vni, __u32 why)
{
	bpf_cham_slow(ctx, vni, why);
	return XDP_PASS;
}

/* RFC 6040 before the end point, or its handler, sees the packet. */
static __always_inline int cham_uplink_ecn(struct xdp_md *ctx, __u32 outer, __u32 l3,
					   __u8 tos, __u8 inner, int ipv6)
{
	void *eth = (void *)(long)ctx->data + outer, *end = (void *)(long)ctx->data_end;

	if (!(tos & CHAM_ECN_MASK))
		return CHAM_REASON_NONE;
	if (eth > end)
		return CHAM_REASON_TRUNCATED;
	return cham_tunnel_ecn(eth - CHAM_OUTER_L4, eth + l3, end, tos, inner, ipv6);
}

/* What is not simply delivered: Linux', or of a tenant that has a program. */
static cham_outline int cham_uplink_else(struct xdp_md *ctx, const struct cham_event *ev,
					 const struct cham_query *q, int act, __u32 where)
{
	int why, next = act & CHAM_PROG_ACT_MASK;
	__u32 outer = cham_where_base(where);

	__builtin_assume(outer != 0);
	if (next != CHAM_ACT_DELIVER && next != CHAM_ACT_OPEN)
		return XDP_PASS;
	why = cham_uplink_ecn(ctx, outer, cham_where_l3(where), cham_where_outer_tos(where),
			      cham_where_tos(where), q->tuple.ipv6);
	if (why)
		return cham_slow(ctx, 0, why);
	if (next == CHAM_ACT_OPEN)
		next = cham_handle(ctx, ev, q, act, where, CHAM_HOOK_OPEN);
	if (next == CHAM_ACT_DELIVER && act & CHAM_HAS_RX)
		next = cham_handle(ctx, ev, q, act, where, CHAM_HOOK_RX);
	next &= CHAM_PROG_ACT_MASK;
	if (__builtin_expect(next == CHAM_ACT_DELIVER, 1)) {
		bpf_cham_deliver(ctx, outer);
		return XDP_DROP;
	}
	switch (next) {
	case CHAM_ACT_ENCAP:
		/* The handler's answer takes the packet's place. */
		if (!bpf_xdp_adjust_head(ctx, outer) &&
		    !bpf_cham_encap(ctx, cham_where_tos(where)))
			return ev->redirect ? bpf_redirect(ev->redirect, 0) : XDP_TX;
		return XDP_DROP;
	case CHAM_ACT_END:
		return XDP_DROP;
	}
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
	int why, act;
	__u8 tos;

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
	act = bpf_cham_lookup(ctx, &q, sizeof(q));
	if (act != CHAM_ACT_DELIVER)
		return cham_uplink_else(ctx, ev, &q, act, cham_where(outer, &in, tos));
	why = cham_uplink_ecn(ctx, outer, in.l3, tos, in.tos, q.tuple.ipv6);
	if (why)
		return cham_slow(ctx, 0, why);
	bpf_cham_deliver(ctx, outer);
	return XDP_DROP;
}

/* Wire to port. The copy into the guest's ring is the delivery; our buffer
 * goes back to the NIC.
 */
SEC("xdp.frags")
int cham_uplink(struct xdp_md *ctx)
{
	const struct cham_event *ev = (void *)bpf_cham_begin(ctx, sizeof(*ev));
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

/* Linux', or of a tenant that has a program. */
static cham_outline int cham_port_else(struct xdp_md *ctx, const struct cham_event *ev,
				       const struct cham_query *q, int act, __u32 where)
{
	int next = act & CHAM_PROG_ACT_MASK;

	if (next == CHAM_ACT_OPEN)
		next = cham_handle(ctx, ev, q, act, where, CHAM_HOOK_OPEN);
	if (next == CHAM_ACT_TIMER && act & CHAM_HAS_TIMER)
		next = cham_handle(ctx, ev, q, act, where, CHAM_HOOK_TIMER);
	else if (next < CHAM_ACT_HOST && act & CHAM_HAS_TX)
		next = cham_handle(ctx, ev, q, act, where, CHAM_HOOK_TX);
	/* What a handler made is not its own to see again. */
	if (act & CHAM_HAS_RX && (next == CHAM_ACT_DELIVER || next == CHAM_ACT_HOST))
		next = cham_handle(ctx, ev, q, act, where, CHAM_HOOK_RX);
	switch (next & CHAM_PROG_ACT_MASK) {
	case CHAM_ACT_DELIVER:
		bpf_cham_deliver(ctx, 0);
		return XDP_DROP;
	case CHAM_ACT_ENCAP:
		return bpf_cham_encap(ctx, cham_where_tos(where)) ? XDP_PASS : XDP_TX;
	case CHAM_ACT_SEND:
		return XDP_TX;
	case CHAM_ACT_END:
		return XDP_DROP;
	}
	return XDP_PASS;
}

/* Port to port or wire. XDP_TX tells the representor to carry out what the
 * event says: checksum, segmentation, batch to the uplink.
 */
SEC("xdp.frags")
int cham_port(struct xdp_md *ctx)
{
	const struct cham_event *ev = (void *)bpf_cham_begin(ctx, sizeof(*ev));
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
	if (act != CHAM_ACT_ENCAP)
		return cham_port_else(ctx, ev, &q, act, cham_where(0, &in, 0));
	return bpf_cham_encap(ctx, in.tos) ? XDP_PASS : XDP_TX;
}
