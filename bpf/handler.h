/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * What a tenant's protocol is written against. Documentation/handlers.md is the
 * guide, bpf/echo.bpf.c the smallest example.
 *
 *	chamctl prog check mine.bpf.c
 */
#ifndef CHAM_BPF_HANDLER_H
#define CHAM_BPF_HANDLER_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "chamelio_handler.h"

#define __cham_nonnull	__attribute__((btf_decl_tag("arg:nonnull")))
#define CHAM_OFF_MAX	0x3fff	/* bytes before ctx->data_end; the verifier wants to know */

/**
 * CHAM_PROGRAM() - what the object says of itself; once in each
 * @name_:   string, at most 31 bytes
 * @layout_: number of the private area's layout: change it with the layout, and
 *           connections begin anew with a zeroed area
 * @flags_:  enum cham_prog_flag
 */
#define CHAM_PROGRAM(name_, layout_, flags_)				\
const struct cham_meta cham_meta SEC(CHAM_META_SECTION)			\
	__attribute__((used)) = {					\
	.abi = CHAM_ABI_VERSION, .layout = (layout_), .flags = (flags_), \
	.name = name_,							\
};									\
char LICENSE[] SEC("license") = "GPL"

/**
 * CHAM_HOOK() - define a hook's function
 * @hook: rx, tx, timer or open
 *
 * It has ctx, pkt and area, and returns enum cham_verdict.
 */
#define CHAM_HOOK(hook)							\
int hook(struct xdp_md *ctx, struct cham_pkt *pkt __cham_nonnull,	\
	 struct cham_area *area __cham_nonnull)

/**
 * cham_at() - look into the packet
 * @ctx: the handler's
 * @off: from pkt->l2, l3, l4 or payload
 * @len: bytes that are needed, a constant
 *
 * Return: the bytes, or NULL when the packet has not that many before
 * ctx->data_end.
 */
static __always_inline void *cham_at(struct xdp_md *ctx, __u32 off, __u32 len)
{
	void *p = (void *)(long)ctx->data + (off & CHAM_OFF_MAX);

	return p + len <= (void *)(long)ctx->data_end ? p : (void *)0;
}

/* In registers: what is on the stack keeps a handler from being inlined. */
#define cham_swap(a, b) ({						\
	typeof(a) __a = (a);						\
	(a) = (b);							\
	(b) = __a;							\
})

/**
 * cham_turn() - make the packet one for whom it came from
 * @ctx: the handler's
 * @pkt: the handler's
 *
 * Swaps MAC addresses, IP addresses and TCP or UDP ports. No checksum changes by
 * that.
 *
 * Return: 0, or -1 when the headers are not there, and nothing has changed.
 */
static __always_inline int cham_turn(struct xdp_md *ctx, const struct cham_pkt *pkt)
{
	struct ethhdr *eth = cham_at(ctx, pkt->l2, sizeof(*eth));
	__u32 *port = cham_at(ctx, pkt->l4, 4);
	__u16 *mac = (void *)eth;

	if (!eth || !port)
		return -1;
	if (pkt->flags & CHAM_PKT_IPV6) {
		struct ipv6hdr *ip6 = cham_at(ctx, pkt->l3, sizeof(*ip6));
		__u32 *addr;

		if (!ip6)
			return -1;
		addr = (void *)&ip6->saddr;
		cham_swap(addr[0], addr[4]);
		cham_swap(addr[1], addr[5]);
		cham_swap(addr[2], addr[6]);
		cham_swap(addr[3], addr[7]);
	} else {
		struct iphdr *ip = cham_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return -1;
		cham_swap(ip->saddr, ip->daddr);
	}
	if (pkt->proto == IPPROTO_TCP || pkt->proto == IPPROTO_UDP)
		*port = *port << 16 | *port >> 16;
	cham_swap(mac[0], mac[3]);
	cham_swap(mac[1], mac[4]);
	cham_swap(mac[2], mac[5]);
	return 0;
}

/**
 * cham_resize() - make the packet longer or shorter at its end
 * @ctx: the handler's
 * @pkt: the handler's; follows
 * @len: bytes of the frame, from pkt->l2 on
 *
 * Pointers into the packet are of no use afterwards. The handler writes the lengths
 * in the IP and UDP header, and what is new; CHAM_SUM sees to the checksums.
 *
 * Return: 0, or -1 when there is no room, or it is a super-packet: nothing has changed.
 */
static __always_inline int cham_resize(struct xdp_md *ctx, struct cham_pkt *pkt, __u32 len)
{
	if (pkt->gso_size ||
	    bpf_xdp_adjust_tail(ctx, pkt->l2 + len - bpf_xdp_get_buff_len(ctx)))
		return -1;
	pkt->payload_len += len - pkt->len;
	pkt->len = len;
	return 0;
}

/**
 * cham_resize_udp() - give a UDP datagram a payload of another length
 * @ctx:   the handler's
 * @pkt:   the handler's; follows
 * @bytes: of payload
 *
 * As cham_resize(), and the lengths in the IP and UDP header follow.
 *
 * Return: 0, or -1 as cham_resize(), or when there is no UDP header: nothing has changed.
 */
static __always_inline int cham_resize_udp(struct xdp_md *ctx, struct cham_pkt *pkt, __u32 bytes)
{
	__u16 v6 = pkt->flags & CHAM_PKT_IPV6, *len;
	struct udphdr *udp;

	if (pkt->proto != IPPROTO_UDP ||
	    cham_resize(ctx, pkt, pkt->payload - pkt->l2 + (bytes & 0xffff)))
		return -1;
	len = cham_at(ctx, pkt->l3 + (v6 ? offsetof(struct ipv6hdr, payload_len) :
					   offsetof(struct iphdr, tot_len)), 2);
	udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	/* They are there: the verifier asks. */
	if (!len || !udp)
		return -1;
	udp->len = bpf_htons(sizeof(*udp) + pkt->payload_len);
	*len = v6 ? udp->len : bpf_htons(pkt->len - (pkt->l3 - pkt->l2));
	return 0;
}

#endif
