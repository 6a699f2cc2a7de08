/* SPDX-License-Identifier: GPL-2.0 */
/* VXLAN (RFC 7348) over IPv4 and IPv6, with ECN by RFC 6040. */
#ifndef CHAM_XDP_TUNNEL_H
#define CHAM_XDP_TUNNEL_H

#include "parse.h"

#define CHAM_ECN_MASK	3
#define CHAM_ECN_CE	3
#define CHAM_ECN_ECT1	1
#define CHAM_OUTER_L4	(sizeof(struct udphdr) + sizeof(struct cham_vxlan))

struct cham_vxlan {
	__be32	flags;
	__be32	vni;
};

/* The sum of a header without options (RFC 1071: wider words, folded, give the
 * same), 0xffff when it is right; at most 17 bits.
 */
static __always_inline __u32 cham_ip_sum(const struct iphdr *ip)
{
	const __u32 *w = (const __u32 *)ip;
	__u64 sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];

	sum = (__u32)sum + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u16 cham_ip_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline int cham_tunnel_ip4(const struct iphdr *ip,
					   const struct cham_event *ev,
					   struct cham_query *q, __u32 *len, __u8 *tos)
{
	if (ip->protocol != IPPROTO_UDP || ip->daddr != ev->local4 ||
	    *(const __u8 *)ip != 0x45 ||
	    ip->frag_off & bpf_htons(0x3fff) || !ip->ttl)
		return CHAM_REASON_NOT_TUNNEL;
	if (cham_ip_sum(ip) != 0xffff)
		return CHAM_REASON_MALFORMED;
	q->outer_src = ip->saddr;
	*len = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	*tos = ip->tos;
	return CHAM_REASON_NONE;
}

static __always_inline int cham_tunnel_ip6(const struct ipv6hdr *ip6,
					   const struct cham_event *ev,
					   struct cham_query *q, __u32 *len, __u8 *tos)
{
	const __u64 *a = (const __u64 *)&ip6->daddr;
	const __u64 *b = (const __u64 *)ev->local6;
	const __u32 *s = (const __u32 *)&ip6->saddr;

	if (ip6->version != 6 || ip6->nexthdr != IPPROTO_UDP ||
	    a[0] != b[0] || a[1] != b[1] || !ip6->hop_limit)
		return CHAM_REASON_NOT_TUNNEL;
	q->outer_src = s[0] ^ s[1] ^ s[2] ^ s[3];
	*len = bpf_ntohs(ip6->payload_len);
	*tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
	return CHAM_REASON_NONE;
}

/**
 * cham_tunnel_parse() - is it a tunnelled packet for us
 * @eth:   the frame, with room for the headers
 * @outer: CHAM_OUTER4 or CHAM_OUTER6, a constant
 * @ev:    the event: our addresses and port
 * @q:     receives VNI and outer source
 * @room:  receives the bytes that the outer headers give the inner frame and
 *         the UDP and VXLAN header
 * @tos:   receives the outer traffic class
 *
 * Return: CHAM_REASON_NONE, or why not.
 */
static __always_inline int cham_tunnel_parse(const struct ethhdr *eth,
					     const __u32 outer,
					     const struct cham_event *ev,
					     struct cham_query *q, __u32 *room,
					     __u8 *tos)
{
	const struct udphdr *udp = (const void *)eth + outer - CHAM_OUTER_L4;
	const struct cham_vxlan *vx = (const void *)(udp + 1);
	__u32 len;
	int why;

	if (outer == CHAM_OUTER4)
		why = cham_tunnel_ip4((const void *)(eth + 1), ev, q, &len, tos);
	else
		why = cham_tunnel_ip6((const void *)(eth + 1), ev, q, &len, tos);
	if (why)
		return why;
	*room = bpf_ntohs(udp->len);
	if (*room != len)
		return CHAM_REASON_MALFORMED;
	if (udp->dest != ev->udp_port)
		return CHAM_REASON_NOT_TUNNEL;
	/* Whether IPv6 may go without, Linux' vxlan device says. */
	if (outer == CHAM_OUTER6 && !udp->check)
		return CHAM_REASON_NOT_TUNNEL;
	/* Exactly the I flag: anything else is another protocol's extension. */
	if (vx->flags != bpf_htonl(0x08000000) || vx->vni & bpf_htonl(0xff))
		return CHAM_REASON_MALFORMED;
	q->vni = bpf_ntohl(vx->vni) >> 8;
	return CHAM_REASON_NONE;
}

/**
 * cham_tunnel_ecn() - RFC 6040 section 4.2, at the end of the tunnel
 * @udp:   outer UDP header; its checksum follows what is written inside
 * @l3:    inner IP header; may be written
 * @end:   of the linear part
 * @outer: traffic class of the outer header
 * @inner: of the inner
 * @v6:    inner is IPv6
 *
 * Return: CHAM_REASON_NONE, or CHAM_REASON_ECN for what Linux shall judge.
 */
static __always_inline int cham_tunnel_ecn(struct udphdr *udp, void *l3,
					   const void *end, __u8 outer,
					   __u8 inner, int v6)
{
	outer &= CHAM_ECN_MASK;
	inner &= CHAM_ECN_MASK;
	if (outer == inner || (outer != CHAM_ECN_CE && outer != CHAM_ECN_ECT1))
		return CHAM_REASON_NONE;
	if (outer == CHAM_ECN_ECT1 && inner != 2)
		return CHAM_REASON_NONE;
	if (outer == CHAM_ECN_ECT1 || !inner)
		return CHAM_REASON_ECN;
	if (v6) {
		struct ipv6hdr *ip6 = l3;
		__u16 *word = l3;
		__u32 sum;

		if ((const void *)(ip6 + 1) > end)
			return CHAM_REASON_TRUNCATED;
		/* RFC 1624: IPv6 has no checksum of its own to make up for it */
		sum = (__u16)~udp->check + (__u16)~*word;
		ip6->flow_lbl[0] |= CHAM_ECN_CE << 4;
		sum += *word;
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
		if (udp->check)
			udp->check = sum ? sum : 0xffff;
	} else {
		struct iphdr *ip = l3;

		if ((const void *)(ip + 1) > end)
			return CHAM_REASON_TRUNCATED;
		ip->tos |= CHAM_ECN_CE;
		ip->check = 0;
		ip->check = ~cham_ip_fold(cham_ip_sum(ip));
	}
	return CHAM_REASON_NONE;
}

#endif
