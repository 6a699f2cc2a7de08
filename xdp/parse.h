/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tenant's frame, from the Ethernet header on, into a struct cham_query.
 *
 * What is not plain (options, extension headers, fragments, other protocols)
 * is named and left to Linux.
 */
#ifndef CHAM_XDP_PARSE_H
#define CHAM_XDP_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "kfunc.h"

#define CHAM_ICMP_ECHO_REPLY	0
#define CHAM_ICMP_ECHO		8
#define CHAM_ICMP6_ECHO		128
#define CHAM_ICMP6_ECHO_REPLY	129

struct cham_echo {
	__u8	type;
	__u8	code;
	__be16	check;
	__be16	id;
	__be16	seq;
};

/* Packed headers are read a byte at a time, and a copy between buffers of
 * unknown alignment is one of bytes: say what x86 and arm64 can do anyway.
 */
static __always_inline __u16 cham_load16(const void *p)
{
	return *(const __u16 *)p;
}

static __always_inline __u32 cham_load32(const void *p)
{
	return *(const __u32 *)p;
}

static __always_inline __u64 cham_load64(const void *p)
{
	return *(const __u64 *)p;
}

/* @len is a constant. */
static __always_inline void cham_copy(void *to, const void *from, __u32 len)
{
	__u32 i;

#pragma unroll
	for (i = 0; i + 8 <= len; i += 8)
		*(__u64 *)(to + i) = cham_load64(from + i);
	if (len & 4) {
		*(__u32 *)(to + i) = cham_load32(from + i);
		i += 4;
	}
	if (len & 2)
		*(__u16 *)(to + i) = cham_load16(from + i);
}

struct cham_tag {
	__be16	tci;
	__be16	kind;
};

/* What actions need beyond the query. */
struct cham_inner {
	__u8	tos;
	__u16	l3;		/* where IP starts in the frame: 14, or 18 with a tag */
	__u16	l3_len;		/* IP packet, bytes */
};

struct cham_options {
	struct xdp_md *ctx;
	__u32	at;		/* offset of the option from the frame's start */
	__u32	end;		/* of the options */
	__u32	wscale;
};

static long cham_option(__u32 index, struct cham_options *o)
{
	const __u8 *end = (const void *)(long)o->ctx->data_end;
	const __u8 *p = (const void *)(long)o->ctx->data;
	__u32 at = o->at & 0x1ff;

	if (at >= o->end)
		return 1;
	p += at;
	if (p + 3 > end || *p == 0)
		return 1;
	if (*p == 1) {
		o->at = at + 1;
		return 0;
	}
	if (*p == 3) {
		if (p[1] == 3 && at + 3 <= o->end)
			o->wscale = p[2] > 14 ? 14 : p[2];
		return 1;
	}
	if (p[1] < 2)
		return 1;
	o->at = at + p[1];
	return 0;
}

/* Window scale of a SYN, 0xff for none. A call and not inline: one SYN in a
 * connection is no reason to carry the walk in every packet's code.
 */
__attribute__((noinline))
int cham_parse_wscale(struct xdp_md *ctx, __u32 at, __u32 end)
{
	struct cham_options o = { ctx, at, end, 0xff };

	bpf_loop(20, cham_option, &o, 0);
	return o.wscale;
}

static __always_inline int cham_is_echo(__u8 proto, __u8 type, int ipv6)
{
	if (ipv6)
		return proto == IPPROTO_ICMPV6 &&
		       (type == CHAM_ICMP6_ECHO || type == CHAM_ICMP6_ECHO_REPLY);
	return proto == IPPROTO_ICMP &&
	       (type == CHAM_ICMP_ECHO || type == CHAM_ICMP_ECHO_REPLY);
}

/* The frame has the bytes that its IP header speaks of. */
static __always_inline int cham_parse_fits(const void *eth, const void *end,
					   __u32 more, __u32 len)
{
	return eth + len <= end || len - (__u32)(end - eth) <= more;
}

static __always_inline int cham_parse_l4(struct xdp_md *ctx, struct cham_query *q,
					 struct cham_inner *in, const void *l4,
					 const void *end, const __u32 l3_hdr,
					 __u8 proto, const int ipv6)
{
	__u32 at = l4 - (const void *)(long)ctx->data;
	const struct tcphdr *tcp = l4;
	const struct udphdr *udp = l4;
	const struct cham_echo *echo = l4;
	__u32 hdr;

	q->tuple.proto = proto;
	switch (proto) {
	case IPPROTO_TCP:
		if ((const void *)(tcp + 1) > end)
			return CHAM_REASON_TRUNCATED;
		hdr = tcp->doff * 4;
		if (hdr < sizeof(*tcp))
			return CHAM_REASON_MALFORMED;
		q->tuple.sport = tcp->source;
		q->tuple.dport = tcp->dest;
		q->seq = bpf_ntohl(tcp->seq);
		q->ack = bpf_ntohl(tcp->ack_seq);
		q->window = bpf_ntohs(tcp->window);
		q->tcp_flags = ((const __u8 *)tcp)[13];
		if (tcp->syn)
			q->wscale = cham_parse_wscale(ctx, at + sizeof(*tcp), at + hdr);
		break;
	case IPPROTO_UDP:
		if ((const void *)(udp + 1) > end)
			return CHAM_REASON_TRUNCATED;
		hdr = sizeof(*udp);
		q->tuple.sport = udp->source;
		q->tuple.dport = udp->dest;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((const void *)(echo + 1) > end)
			return CHAM_REASON_TRUNCATED;
		if (!cham_is_echo(proto, echo->type, ipv6))
			return CHAM_REASON_PROTO;
		hdr = sizeof(*echo);
		q->tuple.sport = echo->id;
		q->tuple.dport = echo->id;
		break;
	default:
		return CHAM_REASON_PROTO;
	}
	if (l3_hdr + hdr > in->l3_len)
		return CHAM_REASON_MALFORMED;
	q->payload = in->l3_len - l3_hdr - hdr;
	return CHAM_REASON_NONE;
}

static __always_inline int cham_parse_l3(struct xdp_md *ctx, const struct ethhdr *eth,
					 const void *end, struct cham_query *q,
					 struct cham_inner *in, __u32 more,
					 __be16 kind, const __u32 at)
{
	const void *l3 = (const void *)eth + at;
	const struct ipv6hdr *ip6 = l3;
	const struct iphdr *ip = l3;

	in->l3 = at;
	if (kind == bpf_htons(ETH_P_IP)) {
		if ((const void *)(ip + 1) > end)
			return CHAM_REASON_TRUNCATED;
		if (*(const __u8 *)ip != 0x45)
			return ip->version != 4 ? CHAM_REASON_MALFORMED :
						  CHAM_REASON_IP_OPTION;
		if (ip->frag_off & bpf_htons(0x3fff))
			return CHAM_REASON_FRAGMENT;
		in->l3_len = bpf_ntohs(ip->tot_len);
		in->tos = ip->tos;
		/* A word at a time: the other twelve bytes are zero. */
		((__u64 *)q->tuple.saddr)[0] = ip->saddr;
		((__u64 *)q->tuple.saddr)[1] = 0;
		((__u64 *)q->tuple.daddr)[0] = ip->daddr;
		((__u64 *)q->tuple.daddr)[1] = 0;
		q->len = at + in->l3_len;
		if (!cham_parse_fits(eth, end, more, q->len))
			return CHAM_REASON_MALFORMED;
		return cham_parse_l4(ctx, q, in, ip + 1, end, sizeof(*ip),
				     ip->protocol, 0);
	}
	if (kind == bpf_htons(ETH_P_IPV6)) {
		if ((const void *)(ip6 + 1) > end)
			return CHAM_REASON_TRUNCATED;
		if (ip6->version != 6)
			return CHAM_REASON_MALFORMED;
		in->l3_len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
		in->tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
		q->tuple.ipv6 = 1;
		cham_copy(q->tuple.saddr, &ip6->saddr, 32);
		q->len = at + in->l3_len;
		if (!cham_parse_fits(eth, end, more, q->len))
			return CHAM_REASON_MALFORMED;
		if (ip6->nexthdr != IPPROTO_TCP && ip6->nexthdr != IPPROTO_UDP &&
		    ip6->nexthdr != IPPROTO_ICMPV6)
			return CHAM_REASON_IP_OPTION;
		return cham_parse_l4(ctx, q, in, ip6 + 1, end, sizeof(*ip6),
				     ip6->nexthdr, 1);
	}
	return kind == bpf_htons(ETH_P_8021Q) || kind == bpf_htons(ETH_P_8021AD) ?
	       CHAM_REASON_VLAN : CHAM_REASON_NOT_IP;
}

/* What not every packet says. The rest is written by the parser, or the packet
 * is not looked up.
 */
static __always_inline void cham_query_init(struct cham_query *q)
{
	*(__u64 *)&q->tuple.sport = 0;
	*(__u64 *)&q->vni = 0;
	*(__u64 *)&q->seq = 0;
	q->window = 0;
	q->tcp_flags = 0;
	q->wscale = 0xff;
}

/**
 * cham_parse_inner() - parse a tenant's frame
 * @ctx:  program context
 * @eth:  its Ethernet header
 * @end:  of the linear part
 * @more: bytes behind that
 * @q:    cham_query_init()ed; receives the description
 * @in:   receives the rest
 *
 * The code exists for each family with and without a tag: offsets are constants.
 *
 * Return: CHAM_REASON_NONE, or why it is Linux' business.
 */
static __always_inline int cham_parse_inner(struct xdp_md *ctx,
					    const struct ethhdr *eth,
					    const void *end, __u32 more,
					    struct cham_query *q,
					    struct cham_inner *in)
{
	const struct cham_tag *tag = (const void *)(eth + 1);
	__be16 kind;

	if ((const void *)(eth + 1) > end)
		return CHAM_REASON_TRUNCATED;
	if (eth->h_dest[0] & 1)
		return CHAM_REASON_MULTICAST;
	cham_copy(q->macs, eth, sizeof(q->macs));
	kind = cham_load16(&eth->h_proto);
	if (kind != bpf_htons(ETH_P_8021Q))
		return cham_parse_l3(ctx, eth, end, q, in, more, kind, sizeof(*eth));
	if ((const void *)(tag + 1) > end)
		return CHAM_REASON_TRUNCATED;
	q->tuple.vlan = bpf_ntohs(tag->tci) & 0xfff;
	return cham_parse_l3(ctx, eth, end, q, in, more, tag->kind,
			     sizeof(*eth) + sizeof(*tag));
}

#endif
