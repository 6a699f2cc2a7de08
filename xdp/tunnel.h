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

/**
 * cham_tunnel_parse() - is it a tunnelled packet for us
 * @ctx: program context
 * @ev:  the event: our addresses and port
 * @q:   receives VNI and outer source
 * @in:  receives the room inside
 * @tos: receives the outer traffic class
 *
 * Return: bytes of outer header, or minus the reason.
 */
static __always_inline int cham_tunnel_parse(struct xdp_md *ctx,
					     const struct cham_event *ev,
					     struct cham_query *q,
					     struct cham_inner *in, __u8 *tos)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct cham_vxlan *vx;
	const struct udphdr *udp;
	__be16 kind;
	int len;

	if (data + CHAM_OUTER4 > end)
		return -CHAM_REASON_NOT_TUNNEL;
	if (cham_load32(eth->h_dest) != cham_load32(ev->mac) ||
	    cham_load16(eth->h_dest + 4) != cham_load16(ev->mac + 4))
		return -CHAM_REASON_NOT_TUNNEL;
	kind = cham_load16(&eth->h_proto);
	if (kind == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = (const void *)(eth + 1);

		if (ip->protocol != IPPROTO_UDP || ip->daddr != ev->local4 ||
		    *(const __u8 *)ip != 0x45 ||
		    ip->frag_off & bpf_htons(0x3fff) || !ip->ttl)
			return -CHAM_REASON_NOT_TUNNEL;
		if (cham_ip_sum(ip) != 0xffff)
			return -CHAM_REASON_MALFORMED;
		q->outer_src = ip->saddr;
		*tos = ip->tos;
		udp = (const void *)(ip + 1);
		in->room = bpf_ntohs(udp->len);
		if (bpf_ntohs(ip->tot_len) != in->room + sizeof(*ip))
			return -CHAM_REASON_MALFORMED;
		len = CHAM_OUTER4;
	} else if (kind == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6 = (const void *)(eth + 1);
		const __u64 *a, *b;
		const __u32 *s;

		if (data + CHAM_OUTER6 > end)
			return -CHAM_REASON_NOT_TUNNEL;
		a = (const __u64 *)&ip6->daddr;
		b = (const __u64 *)ev->local6;
		s = (const __u32 *)&ip6->saddr;
		if (ip6->version != 6 || ip6->nexthdr != IPPROTO_UDP ||
		    a[0] != b[0] || a[1] != b[1] || !ip6->hop_limit)
			return -CHAM_REASON_NOT_TUNNEL;
		q->outer_src = s[0] ^ s[1] ^ s[2] ^ s[3];
		*tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
		udp = (const void *)(ip6 + 1);
		in->room = bpf_ntohs(udp->len);
		if (udp->len != ip6->payload_len)
			return -CHAM_REASON_MALFORMED;
		len = CHAM_OUTER6;
	} else {
		return -CHAM_REASON_NOT_TUNNEL;
	}
	if (udp->dest != ev->udp_port)
		return -CHAM_REASON_NOT_TUNNEL;
	/* Whether IPv6 may go without, Linux' vxlan device says. */
	if (!udp->check && len == CHAM_OUTER6)
		return -CHAM_REASON_NOT_TUNNEL;
	vx = (const void *)(udp + 1);
	/* Exactly the I flag: anything else is another protocol's extension. */
	if (vx->flags != bpf_htonl(0x08000000) || vx->vni & bpf_htonl(0xff))
		return -CHAM_REASON_MALFORMED;
	q->vni = bpf_ntohl(vx->vni) >> 8;
	return len;
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
