/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * What chamelio.ko and the XDP datapath share. The includer provides the
 * __u8 … __be32 types (linux/types.h in C, vmlinux-free in BPF).
 *
 * A packet event goes begin -> lookup -> deliver or encap, on one CPU, with
 * softirqs off; struct cham_event is that CPU's and is valid until the
 * program returns.
 */
#ifndef _UAPI_CHAMELIO_KFUNC_H
#define _UAPI_CHAMELIO_KFUNC_H

#include <linux/types.h>
#include "chamelio.h"

/* Ethernet, IP, UDP and VXLAN header of a tunnelled frame, bytes */
#define CHAM_OUTER4	50
#define CHAM_OUTER6	70

/* As seen in the packet, not canonical. IPv4 uses the first four bytes. */
struct cham_tuple {
	__u8	saddr[16];
	__u8	daddr[16];
	__be16	sport;		/* ICMP echo: identifier in both */
	__be16	dport;
	__u32	proto : 8;	/* IPPROTO_* */
	__u32	ipv6 : 1;
	__u32	vlan : 12;	/* VID of the tenant's own tag; 0: none, or priority */
	__u32	tenant : 11;	/* 0: the module writes it */
};

/* What the program knows of the packet and the lookup needs. */
struct cham_query {
	struct cham_tuple tuple;
	__u8	macs[12];	/* destination, source */
	__u32	vni;		/* uplink only */
	__u32	outer_src;	/* IPv4 address, or 32-bit fold of an IPv6 one */
	__u32	seq;		/* TCP, host order */
	__u32	ack;
	__u16	window;		/* host order, unscaled */
	__u8	tcp_flags;	/* the 13th byte of the TCP header */
	__u8	wscale;		/* 0xff: option absent */
	__u32	payload;	/* bytes of TCP/UDP payload (of the super-packet) */
	__u32	len;		/* inner frame, bytes from the Ethernet header on */
};

enum cham_event_act {
	CHAM_ACT_SLOW,		/* give the packet to Linux; reason is counted */
	CHAM_ACT_DELIVER,	/* bpf_cham_deliver() it */
	CHAM_ACT_ENCAP,		/* bpf_cham_encap() it */
	CHAM_ACT_LINUX,		/* as SLOW, but handlers see it first */
	CHAM_ACT_HOST,		/* Linux brings it to a port; its handler sees it first */
	CHAM_ACT_TIMER,		/* no packet yet: the timer's handler may make it one */
	CHAM_ACT_OPEN,		/* no connection yet: the handler for that decides */
	CHAM_ACT_SEND,		/* bpf_cham_encap() is done: XDP_TX */
	CHAM_ACT_END,		/* XDP_DROP; the reason is counted */
};

/*
 * The lookup's answer: an act in the low byte; above it, when the tenant has a
 * program, the cell of its handlers in the composition and a bit for each
 * enum cham_hook that it has taken.
 */
#define CHAM_PROG_ACT_MASK	0xff
#define CHAM_PROG_CELL_SHIFT	8
#define CHAM_PROG_CELL_MASK	0xff
#define CHAM_PROG_HOOKS_SHIFT	16
#define CHAM_PROG_WORD_HOOK(n)	(1 << (CHAM_PROG_HOOKS_SHIFT + (n)))
#define CHAM_PROG_WORD_SERIAL	0x1000000

/*
 * What one of the datapaths beside each other holds: handlers of the cells from
 * @first on. It has 0 for the layout of a cell that is empty.
 */
struct cham_composition {
	__u32	first;
	__u32	layouts[CHAM_CELLS];	/* of each cell's areas */
};

/* A VNI as a little-endian processor loads it: a table by this needs no swap. */
static inline __u32 cham_vni_index(__u32 vni)
{
	return __builtin_bswap32(vni) >> 8;
}

/* One per CPU; the program reads it. */
struct cham_event {
	/* after begin */
	__be32	local4;		/* uplink: tunnel end point, 0 none */
	__u8	local6[16];
	__u8	mac[6];		/* uplink: its own address */
	__be16	udp_port;
	__u16	gso_size;	/* port: 0, or the guest's segment size */
	__u32	more;		/* bytes of the frame behind the linear part */
	__u32	redirect;	/* uplink: ifindex to redirect answers to; 0: XDP_TX */
	/* after lookup */
	__u32	act;		/* enum cham_event_act */
	__u32	reason;		/* enum cham_reason when act is SLOW */
	__u32	len;		/* bytes of the frame, as the handler before has left it */
	__u32	host;		/* Linux or a timer brings it */
	/* after enter */
	__u32	now;		/* milliseconds */
	__u32	unseen;		/* of the tenant's packets, by handlers */
	__u32	reverse;	/* direction: 0, or 1 for CHAM_PKT_REVERSE */
};

#endif
