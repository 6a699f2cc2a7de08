/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The handler ABI: what a tenant's protocol and the datapath agree on. Tenants
 * include bpf/handler.h, which adds what is convenient; Documentation/handlers.md
 * is the guide.
 *
 * A handler is up to one function for each hook, by these names:
 *
 *	int rx(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
 *	int tx(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
 *	int timer(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
 *	int open(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
 *
 * rx sees what is about to be delivered to an end point of the tenant, tx what
 * one has sent; what goes from one end point to another passes tx, then rx. timer
 * sees a packet without payload, of the direction whose handler armed it: it may be
 * filled and go on, or back, or be consumed. open sees a packet that there is no
 * connection for: CHAM_PASS makes one, which begins with the area as open leaves it,
 * and the packet goes on through rx or tx; any other verdict makes none. Without open
 * each packet makes one.
 */
#ifndef _UAPI_CHAMELIO_HANDLER_H
#define _UAPI_CHAMELIO_HANDLER_H

#include <linux/types.h>

#define CHAM_ABI_VERSION	1
#define CHAM_AREA_SIZE		128	/* bytes of a connection's private area */
#define CHAM_DROP_REASONS	16	/* that a handler tells apart */

/* Private to the tenant's handlers; zero when the connection is new. */
struct cham_area {
	__u64	word[CHAM_AREA_SIZE / 8];
};

#define CHAM_HOOK_LIST(X)						\
	X(RX,	"rx",	"what is about to be delivered to an end point")	\
	X(TX,	"tx",	"what an end point has sent")			\
	X(TIMER, "timer", "an empty packet, when a connection's timer fires") \
	X(OPEN, "open",	"a packet of no connection, which it may begin")

enum cham_hook {
#define X(id, name, text) CHAM_HOOK_##id,
	CHAM_HOOK_LIST(X)
#undef X
	__CHAM_HOOK_MAX,
};

/* What a handler may return, in the low byte. */
#define CHAM_VERDICT_LIST(X)						\
	X(PASS,		"pass",		"goes on as if there were no handler") \
	X(REPLY,	"reply",	"goes back to where it came from")	\
	X(FORWARD,	"forward",	"goes to the tenant's port pkt->port") \
	X(CONSUME,	"consume",	"ends here")				\
	X(DROP,		"drop",		"is dropped, with a reason of the handler's own") \
	X(LINUX,	"linux",	"goes by Linux; rx sees it again, with room to grow") \
	X(SLOW,		"slow",		"goes to the tenant's slow path, by its slow port")

enum cham_verdict {
#define X(id, name, text) CHAM_##id,
	CHAM_VERDICT_LIST(X)
#undef X
	__CHAM_VERDICT_MAX,
};

#define CHAM_VERDICT_MASK	0xff
/* With CHAM_DROP: which of 0..CHAM_DROP_REASONS-1. */
#define CHAM_DROP_WITH(n)	(CHAM_DROP | (n) << 8)
#define CHAM_DROP_MASK		((CHAM_DROP_REASONS - 1) << 8)
/* With a packet that goes on: write the checksums of IPv4 and of the transport. */
#define CHAM_SUM		0x10000

enum cham_pkt_flag {
	CHAM_PKT_IPV6		= 1,
	CHAM_PKT_VLAN		= 2,	/* the frame has a tag of the tenant's own */
	CHAM_PKT_LOCAL		= 4,	/* rx: from another end point of this host */
	CHAM_PKT_REVERSE	= 8,	/* tells a connection's two directions apart; which
					 * of them has it stays so, and says nothing else
					 */
	CHAM_PKT_HOST		= 16,	/* rx, open: Linux brings it, wherever it is from */
	CHAM_PKT_SENT		= 32,	/* open: an end point has sent it */
};

/* The packet, parsed. Offsets count from ctx->data. */
struct cham_pkt {
	__u16	l2;		/* the tenant's Ethernet header: 0 */
	__u16	l3;
	__u16	l4;
	__u16	payload;	/* behind the TCP or UDP header */
	__u32	payload_len;	/* bytes, of a super-packet all of it; not all need be
				 * before ctx->data_end
				 */
	__u32	len;		/* bytes of the frame */
	__u16	gso_size;	/* of a super-packet: bytes in a segment; else 0 */
	__u8	proto;		/* IPPROTO_* */
	__u8	tcp_flags;	/* 13th byte of the TCP header */
	__u8	flags;		/* enum cham_pkt_flag */
	__u8	hook;		/* enum cham_hook */
	__u16	vlan;		/* VID */
	__u32	now;		/* milliseconds, since some time ago; wraps around */
	__u32	unseen;		/* another number than before: packets of the tenant have
				 * passed an end point, either way, and no handler
				 */
	__u32	port;		/* 0; CHAM_FORWARD: the handler writes the representor's
				 * ifindex
				 */
	__u32	timer;		/* 0; the handler writes after how many milliseconds the
				 * connection's timer shall fire, or CHAM_TIMER_OFF
				 */
	__u32	event;		/* 0; the handler writes a number of its own, and the
				 * tenant's slow path is told: it, the packet's
				 * addresses, and the area as the handler leaves it
				 */
};

#define CHAM_TIMER_MAX	3600000
#define CHAM_TIMER_OFF	0xffffffff
#define CHAM_EVENT_RATE	1000	/* events a second and tenant; more are counted, not told */

/* How a program runs. */
enum cham_prog_flag {
	CHAM_PROG_SERIAL	= 1,	/* never twice at once for one connection */
};

/* What an object says of itself, in section CHAM_META_SECTION. */
struct cham_meta {
	__u32	abi;		/* CHAM_ABI_VERSION */
	__u32	layout;		/* of the area: another number, other areas */
	__u32	flags;		/* enum cham_prog_flag */
	char	name[32];
};

#define CHAM_META_SECTION	".cham.meta"

/* Why a program was stopped. */
#define CHAM_FAULT_LIST(X)						\
	X(NONE,		"none",		"runs")				\
	X(VERDICT,	"verdict",	"returned what is no verdict")	\
	X(PORT,		"port",		"forwarded to what is no port of the tenant") \
	X(LENGTH,	"length",	"left a packet that its headers do not fit") \
	X(OVERRUN,	"overrun",	"took many times max-cycles, most times it ran")

/* A run is an overrun that takes so many times the tenant's max-cycles; at so many of
 * them, at least half of the runs since the first, the program is stopped.
 */
#define CHAM_OVERRUN		16
#define CHAM_OVERRUNS		256

enum cham_fault {
#define X(id, name, text) CHAM_FAULT_##id,
	CHAM_FAULT_LIST(X)
#undef X
	__CHAM_FAULT_MAX,
};

#endif
