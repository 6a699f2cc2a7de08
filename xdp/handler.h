/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tenants' handlers in the datapath: a composition gives each tenant that has a
 * program a cell (cells.h); which one a packet's tenant has, the lookup says.
 */
#ifndef CHAM_XDP_HANDLER_H
#define CHAM_XDP_HANDLER_H

#include <stddef.h>
#include "parse.h"

/* A bench comes with places of its own. */
#ifndef CHAM_XDP_CELLS_H
#include "cells.h"
#endif

/* What only tenants with a program need is not in the way of the others. */
#define cham_outline	__attribute__((noinline))

#define CHAM_HAS_RX	CHAM_PROG_WORD_HOOK(CHAM_HOOK_RX)
#define CHAM_HAS_TX	CHAM_PROG_WORD_HOOK(CHAM_HOOK_TX)
#define CHAM_HAS_TIMER	CHAM_PROG_WORD_HOOK(CHAM_HOOK_TIMER)

/* Beside an act: a handler has decided, and not only passed it on. */
#define CHAM_HANDLED	0x100

/* Nothing that a handler does says anything about which one it is: for a compiler
 * that sees both (the joint tier) the number comes from nowhere. By the label, which
 * names the register, lib/prove.c finds it in what was compiled.
 */
#ifdef CHAM_JOINT
#define cham_label(name, value) ({ asm volatile(name "_%=_%0:" : "+r"(value)); })
#define cham_opaque(value)	cham_once(value)
#else
#define cham_label(name, value) ((void)(name), (void)(value))
#define cham_opaque(value)	((void)(value))
#endif

/* What else is known of the packet, in one argument: where its Ethernet header is
 * and IP in that, and both traffic classes.
 */
static __always_inline __u32 cham_where(const __u32 base, const struct cham_inner *in,
					__u8 outer_tos)
{
	return base | in->l3 << 8 | in->tos << 16 | (__u32)outer_tos << 24;
}

static __always_inline __u8 cham_where_base(__u32 where)
{
	return where;
}

static __always_inline __u8 cham_where_l3(__u32 where)
{
	return where >> 8;
}

static __always_inline __u8 cham_where_tos(__u32 where)
{
	return where >> 16;
}

static __always_inline __u8 cham_where_outer_tos(__u32 where)
{
	return where >> 24;
}

/* Members of struct cham_pkt that are neighbours, in one store: l2 and l3, of which l2 is
 * 0 because the packet begins with the frame; flags, hook and VLAN.
 */
static __always_inline void cham_describe_place(struct cham_pkt *pkt, __u32 l3, __u32 l4,
						__u32 flags)
{
	__u32 place = l3 << 16;

	__builtin_memcpy(&pkt->l2, &place, sizeof(pkt->l2) + sizeof(pkt->l3));
	pkt->l4 = l4;
	__builtin_memcpy(&pkt->flags, &flags,
			 sizeof(pkt->flags) + sizeof(pkt->hook) + sizeof(pkt->vlan));
}

/* One load and one store. */
_Static_assert(!(offsetof(struct cham_event, now) % 8 || offsetof(struct cham_pkt, now) % 8),
	       "not aligned");

/* What a handler is told of the packet. */
static __always_inline void cham_describe(struct cham_pkt *pkt, const struct cham_event *ev,
					  const struct cham_query *q, __u32 where,
					  const __u32 hook)
{
	__u32 base = cham_where_base(where), l3 = cham_where_l3(where);
	__u32 headers = q->len - q->payload, ipv6 = q->tuple.ipv6, flags;

	/* Or it is all worked out anew for each member. */
	cham_once(l3);
	cham_once(headers);
	cham_once(ipv6);
	pkt->len = ev->len;
	/* The handler before may have resized it. */
	pkt->payload_len = ev->len - headers;
	pkt->payload = headers;
	/* What the wire brings is no super-packet. */
	pkt->gso_size = base ? 0 : ev->gso_size;
	pkt->proto = q->tuple.proto;
	pkt->tcp_flags = q->tcp_flags;
	flags = hook << 8 | ev->reverse * CHAM_PKT_REVERSE |
		(base || hook == CHAM_HOOK_TX || hook == CHAM_HOOK_TIMER ? 0 :
		 ev->host ? CHAM_PKT_HOST :
		 hook == CHAM_HOOK_RX ? CHAM_PKT_LOCAL : CHAM_PKT_SENT);
	/* Most frames have neither a tag nor IPv6: what is said of those is constant. */
	if (l3 == sizeof(struct ethhdr) && !ipv6) {
		cham_describe_place(pkt, sizeof(struct ethhdr),
				    sizeof(struct ethhdr) + sizeof(struct iphdr), flags);
	} else {
		cham_describe_place(pkt, l3, l3 + sizeof(struct iphdr) +
				    ipv6 * (sizeof(struct ipv6hdr) - sizeof(struct iphdr)),
				    flags | ipv6 * CHAM_PKT_IPV6 |
				    (__u32)q->tuple.vlan << 16 |
				    (l3 - (__u32)sizeof(struct ethhdr)) /
					(sizeof(struct cham_tag) / CHAM_PKT_VLAN));
	}
	__builtin_memcpy(__builtin_assume_aligned(&pkt->now, 8),
			 __builtin_assume_aligned(&ev->now, 8),
			 sizeof(pkt->now) + sizeof(pkt->unseen));
	__builtin_memset(&pkt->port, 0, sizeof(pkt->port) + sizeof(pkt->timer) +
			 sizeof(pkt->event));
}

/**
 * cham_handle() - run the tenant's handler
 * @ctx:   program context
 * @ev:    the event, after the lookup
 * @q:     the packet
 * @act:   what the lookup returned
 * @where: cham_where() of the packet
 * @hook:  enum cham_hook, a constant
 *
 * Pointers into the packet are of no use afterwards.
 *
 * Return: enum cham_event_act, with CHAM_HANDLED if it is the handler's decision.
 */
static __always_inline int cham_handle(struct xdp_md *ctx, const struct cham_event *ev,
				       const struct cham_query *q, int act, __u32 where,
				       const __u32 hook)
{
	__u32 cell = (act >> CHAM_PROG_CELL_SHIFT & CHAM_PROG_CELL_MASK) -
		     cham_composition.first;
	struct cham_pkt pkt __attribute__((aligned(8)));
	struct cham_area *area;
	int verdict;

	if (hook == CHAM_HOOK_RX)
		cham_label("cham_cell_rx", cell);
	else if (hook == CHAM_HOOK_TX)
		cham_label("cham_cell_tx", cell);
	else if (hook == CHAM_HOOK_TIMER)
		cham_label("cham_cell_timer", cell);
	else
		cham_label("cham_cell_open", cell);
	if (cell >= CHAM_CELLS) {
		/* Of another composition, while they are changed one after the other. */
		bpf_cham_slow(ctx, 0, CHAM_REASON_NO_AREA);
		return CHAM_ACT_SLOW;
	}
	/* Who knows that these are all, and which are empty, subtracts where a comparison
	 * is to be proved.
	 */
	cham_opaque(cell);
	area = (void *)bpf_cham_enter(ctx, cham_composition.layouts[cell],
				      cham_where_base(where), hook, sizeof(*area));
	if (!area)
		return ev->act;
	cham_describe(&pkt, ev, q, where, hook);
	verdict = hook == CHAM_HOOK_RX ? cham_call_rx(ctx, &pkt, area, cell) :
		  hook == CHAM_HOOK_TX ? cham_call_tx(ctx, &pkt, area, cell) :
		  hook == CHAM_HOOK_TIMER ? cham_call_timer(ctx, &pkt, area, cell) :
					    cham_call_open(ctx, &pkt, area, cell);
	act = bpf_cham_leave(ctx, verdict, pkt.port, pkt.timer, pkt.event);
	return (verdict & CHAM_VERDICT_MASK) == CHAM_PASS ? act : act | CHAM_HANDLED;
}

#endif
