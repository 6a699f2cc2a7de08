/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol that is measured, once for every way it can come into the datapath:
 * numbered datagrams. Each has a word that says whose it is and a number; of the last
 * 64 numbers the connection knows which have come, and what comes twice is dropped. No
 * two tenants have the same: the word, where numbers begin and what else is kept depend
 * on @me.
 */
#ifndef BENCH_TAX_H
#define BENCH_TAX_H

#include "../../../bpf/handler.h"

#define TAX_WORD	0x74617800	/* and @me */

struct tax_head {
	__be32	word;
	__be32	number;
};

struct tax {
	__u64	seen;		/* bit n: number high - n has come */
	__u64	bytes;
	__u32	high;
	__u32	packets;
	__u32	gaps;
	__u32	quiet;		/* the longest pause, ms */
	__u32	last;
};

static __always_inline int tax_rx(struct xdp_md *ctx, struct cham_pkt *pkt,
				  struct cham_area *area, const __u32 me)
{
	struct tax *tax = (void *)area;
	const struct tax_head *head;
	__u32 number, ahead;

	if (pkt->proto != IPPROTO_UDP)
		return CHAM_PASS;
	head = cham_at(ctx, pkt->payload, sizeof(*head));
	if (!head || head->word != bpf_htonl(TAX_WORD + me))
		return CHAM_PASS;
	number = bpf_ntohl(head->number) - me;
	ahead = number - tax->high;
	if ((__s32)ahead > 0) {
		tax->seen = ahead < 64 ? tax->seen << ahead | 1 : 1;
		tax->gaps += ahead - 1;
		tax->high = number;
	} else {
		if (-ahead >= 64)
			return CHAM_DROP_WITH(1);
		if (tax->seen >> (-ahead & 63) & 1)
			return CHAM_DROP_WITH(0);
		tax->seen |= 1ULL << (-ahead & 63);
	}
	tax->packets++;
	if (me & 1)
		tax->bytes += pkt->payload_len;
	if (me & 2) {
		__u32 quiet = pkt->now - tax->last;

		if (quiet > tax->quiet)
			tax->quiet = quiet;
		tax->last = pkt->now;
	}
	return CHAM_PASS;
}

/* X(n) for each of so many tenants. */
#define TAX_1_LIST(X)	X(1)
#define TAX_8_LIST(X)	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define TAX_16_LIST(X)	TAX_8_LIST(X) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)
#define TAX_64_LIST(X)	TAX_16_LIST(X) \
	X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) \
	X(29) X(30) X(31) X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) \
	X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) X(50) X(51) X(52) \
	X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64)

#define TAX_LIST__(n)	TAX_##n##_LIST
#define TAX_LIST_(n)	TAX_LIST__(n)
#define TAX_LIST	TAX_LIST_(TENANTS)

#endif
