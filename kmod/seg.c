// SPDX-License-Identifier: GPL-2.0
#include "seg.h"
#include "seg_bytes.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#endif

#define CHAM_ETH	14
#define CHAM_TAG	4
#define CHAM_IP4	20
#define CHAM_IP6	40
#define CHAM_TCP_FIN	0x01
#define CHAM_TCP_CWR	0x80

/**
 * cham_seg_parse() - understand a super-packet
 * @seg:          receives the offsets
 * @hdr:          first bytes of the frame
 * @linear:       how many bytes @hdr holds
 * @len:          bytes of the whole frame
 * @outer:        bytes of outer header, 0 without tunnel
 * @outer_family: 4 or 6, ignored when @outer is 0
 * @mss:          payload bytes of a segment
 *
 * Takes at most one 802.1Q tag, IPv4 without options and IPv6 without
 * extension headers, as the datapath lets through; the guest can ask for
 * anything.
 *
 * Return: 0 or -EINVAL.
 */
int cham_seg_parse(struct cham_seg *seg, const u8 *hdr, u32 linear, u32 len,
		   u16 outer, u8 outer_family, u16 mss)
{
	u32 l3 = outer + CHAM_ETH, l4, doff;

	if (!mss || linear > len || linear < l3 + CHAM_TAG + CHAM_IP4)
		return -EINVAL;
	if (cham_get16(hdr + l3 - 2) == 0x8100)
		l3 += CHAM_TAG;
	switch (cham_get16(hdr + l3 - 2)) {
	case 0x0800:
		if (hdr[l3] != 0x45 || hdr[l3 + 9] != 6)
			return -EINVAL;
		seg->family = 4;
		l4 = l3 + CHAM_IP4;
		break;
	case 0x86dd:
		if (linear < l3 + CHAM_IP6 || hdr[l3] >> 4 != 6 || hdr[l3 + 6] != 6)
			return -EINVAL;
		seg->family = 6;
		l4 = l3 + CHAM_IP6;
		break;
	default:
		return -EINVAL;
	}
	if (linear < l4 + 20)
		return -EINVAL;
	doff = (hdr[l4 + 12] >> 4) * 4;
	if (doff < 20 || l4 + doff > linear || l4 + doff > CHAM_SEG_HDR_MAX)
		return -EINVAL;
	seg->outer = outer;
	seg->outer_family = outer_family;
	seg->l3 = l3;
	seg->l4 = l4;
	seg->hdr = l4 + doff;
	seg->mss = mss;
	seg->len = len;
	return 0;
}

static void cham_seg_ip4(u8 *ip, u16 len, u16 id)
{
	cham_put16(ip + 2, len);
	cham_put16(ip + 4, id);
	cham_put16(ip + 10, 0);
	cham_put16(ip + 10, ~cham_fold(cham_sum(ip, CHAM_IP4, 0)));
}

/**
 * cham_seg_header() - turn a copy of the headers into those of one segment
 * @seg:    of the super-packet
 * @hdr:    private copy of its first seg->hdr bytes
 * @index:  of the segment, from 0
 * @offset: of its payload in the super-packet's
 * @bytes:  of its payload
 *
 * Sets lengths, IP identifications, sequence number and flags; the TCP
 * checksum field becomes zero and the outer UDP checksum is left alone.
 */
void cham_seg_header(const struct cham_seg *seg, u8 *hdr, u32 index,
		     u32 offset, u32 bytes)
{
	u32 len = seg->hdr + bytes;
	u8 *tcp = hdr + seg->l4, *ip = hdr + seg->l3;
	bool last = seg->hdr + offset + bytes >= seg->len;

	if (seg->outer) {
		u8 *oip = hdr + CHAM_ETH;

		if (seg->outer_family == 4) {
			cham_seg_ip4(oip, len - CHAM_ETH, cham_get16(oip + 4) + index);
			cham_put16(oip + CHAM_IP4 + 4, len - CHAM_ETH - CHAM_IP4);
		} else {
			cham_put16(oip + 4, len - CHAM_ETH - CHAM_IP6);
			cham_put16(oip + CHAM_IP6 + 4, len - CHAM_ETH - CHAM_IP6);
		}
	}
	if (seg->family == 4)
		cham_seg_ip4(ip, len - seg->l3, cham_get16(ip + 4) + index);
	else
		cham_put16(ip + 4, len - seg->l4);
	cham_put32(tcp + 4, cham_get32(tcp + 4) + offset);
	if (index)
		tcp[13] &= ~CHAM_TCP_CWR;
	if (!last)
		tcp[13] &= ~(CHAM_TCP_FIN | CHAM_TCP_PSH);
	cham_put16(tcp + 16, 0);
}

/**
 * cham_seg_l4_seed() - checksum of pseudo header and TCP header
 * @seg:   of the super-packet
 * @hdr:   headers of one segment, TCP checksum field zero
 * @bytes: of its payload
 *
 * Return: folded one's complement sum in host order, to which the payload's
 * sum is added.
 */
u16 cham_seg_l4_seed(const struct cham_seg *seg, const u8 *hdr, u32 bytes)
{
	u32 sum = 6 + seg->hdr - seg->l4 + bytes;

	if (seg->family == 4)
		sum = cham_sum(hdr + seg->l3 + 12, 8, sum);
	else
		sum = cham_sum(hdr + seg->l3 + 8, 32, sum);
	return cham_fold(cham_sum(hdr + seg->l4, seg->hdr - seg->l4, sum));
}
