/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose answer is it? A connection is followed as long as it is simple: from its SYN,
 * in order, one whole command a segment, and none before the last one's answer. Of one
 * that is not, any answer may be a write's.
 */
#ifndef CHAM_KV_TCP_H
#define CHAM_KV_TCP_H

#include "kv_text.h"

enum kv_mode {
	KV_DOUBT,		/* not followed */
	KV_QUIET,		/* no answer is due */
	KV_READS,
	KV_WRITES,
};

struct kv_tcp {
	__u32	mode;		/* enum kv_mode: what the next answer is for */
	__u32	rx_next, tx_next;
	__u32	closing;	/* the client has ended it */
};

/* What a command is, if it is all of the segment; KV_WRITES: of the slot of t->hash, or,
 * if *@any, of any.
 */
static __always_inline __u32 kv_command(struct xdp_md *ctx, struct cham_pkt *pkt,
					struct kv_text *t, int *any)
{
	__u64 *p = cham_at(ctx, pkt->payload, 8), blank;
	__u32 line = kv_one_line(ctx, pkt, t), end = pkt->payload + pkt->payload_len, n, off;
	__u32 exptime, bytes;
	__u16 *tail;

	*any = 1;
	if (!p)
		return line ? KV_WRITES : KV_DOUBT;
	/* The key is behind the first blank. */
	blank = kv_upto(*p ^ 0x2020202020202020, 0);
	blank = ((blank & -blank) >> 7) - 1;
	n = ((blank & 0x0101010101010101) * 0x0101010101010101) >> 56;
	off = pkt->payload + n + 1;
	n = n < 8 ? kv_key_at(ctx, pkt, t, off) : 0;
	off += n;
	if (n && ((__u32)*p == KV_GET || (__u32)*p == KV_GETS))
		return line && off + 2 == end ? KV_READS : KV_DOUBT;
	*any = !n;
	if (line)
		return KV_WRITES;
	off = n ? kv_numbers(ctx, pkt, t, off + 1, &exptime, &bytes) : 0;
	tail = cham_at(ctx, end - 2, 2);
	return off && off + bytes + 2 == end && tail && *tail == KV_CRLF ? KV_WRITES : KV_DOUBT;
}

/* Whether a segment is all that the server has to say to a "get". */
static __always_inline int kv_answer(struct xdp_md *ctx, struct cham_pkt *pkt, struct kv_text *t)
{
	__u32 *p = cham_at(ctx, pkt->payload, 4), off = pkt->payload + 6, n, bytes, unique;

	if (!p || *p != KV_VALUE)
		return kv_one_line(ctx, pkt, t);
	n = kv_key_at(ctx, pkt, t, off);
	off = n ? kv_numbers(ctx, pkt, t, off + n + 1, &bytes, &unique) : 0;
	return off && off + bytes + sizeof("\r\nEND\r\n") - 1 == pkt->payload + pkt->payload_len;
}

/**
 * kv_from_client() - follow a client's segment
 * @ctx: the handler's
 * @pkt: the handler's
 * @c:   the connection
 * @t:   where a write's key goes
 * @any: 1: a write may be of any key
 *
 * Return: whether a write may have come.
 */
static __always_inline int kv_from_client(struct xdp_md *ctx, struct cham_pkt *pkt,
					  struct kv_tcp *c, struct kv_text *t, int *any)
{
	struct tcphdr *tcp = cham_at(ctx, pkt->l4, sizeof(*tcp));
	__u32 n = pkt->payload_len, seq, again;

	*any = 1;
	if (!tcp)
		return 0;
	seq = bpf_ntohl(tcp->seq);
	if (tcp->syn && !n && !c->rx_next)
		c->rx_next = seq + 1;
	c->closing |= tcp->fin | tcp->rst;
	again = c->mode && (int)(seq + n - c->rx_next) <= 0;
	/* What is repeated after it was answered was seen when it came first. */
	if (!n || (again && c->mode == KV_QUIET))
		return 0;
	/* Before, the first one may have been damaged, and something else. */
	c->mode = c->mode == KV_QUIET && seq == c->rx_next ?
		  kv_command(ctx, pkt, t, any) : KV_DOUBT;
	c->rx_next = seq + n;
	return c->mode != KV_READS;
}

/**
 * kv_from_server() - follow a server's segment
 * @ctx: the handler's
 * @pkt: the handler's
 * @c:   the connection
 * @t:   scratch
 *
 * Return: KV_WRITES: answers the write that kv_from_client() has seen; KV_DOUBT: it may
 * answer any; KV_QUIET: none.
 */
static __always_inline __u32 kv_from_server(struct xdp_md *ctx, struct cham_pkt *pkt,
					    struct kv_tcp *c, struct kv_text *t)
{
	struct tcphdr *tcp = cham_at(ctx, pkt->l4, sizeof(*tcp));
	__u32 n = pkt->payload_len, mode = c->mode, seq;

	if (!tcp)
		return KV_DOUBT;
	seq = bpf_ntohl(tcp->seq);
	if (tcp->syn && c->rx_next && !c->tx_next) {
		c->tx_next = seq + 1;
		c->mode = KV_QUIET;
	}
	if ((tcp->fin | tcp->rst) && !c->closing) {
		c->mode = KV_DOUBT;
		return KV_DOUBT;
	}
	if (!n || (mode && (int)(seq + n - c->tx_next) <= 0))
		return KV_QUIET;
	c->mode = mode >= KV_READS && seq == c->tx_next && kv_answer(ctx, pkt, t) ?
		  KV_QUIET : KV_DOUBT;
	c->tx_next = seq + n;
	return c->mode == KV_DOUBT ? KV_DOUBT : mode == KV_WRITES ? KV_WRITES : KV_QUIET;
}

#endif
