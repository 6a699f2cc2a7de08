/* SPDX-License-Identifier: GPL-2.0 */
/* Writing the outer header of a tunnelled frame. Also built on the host. */
#ifndef CHAM_ENCAP_H
#define CHAM_ENCAP_H

#include "chamelio_kfunc.h"
#include "seg_bytes.h"

/**
 * cham_encap() - put the outer header before a frame
 * @frame:  the inner frame; as many bytes as the header has are free before it
 * @hdr:    template: lengths, traffic class, identification and source port are
 *          zero, an IPv4 checksum is the folded sum of the rest
 * @family: 4 or 6
 * @len:    bytes of the inner frame; of a super-packet those of the whole
 * @tos:    traffic class
 * @id:     IPv4 identification
 * @sport:  UDP source port
 *
 * Return: the outer frame.
 */
static __always_inline u8 *cham_encap(u8 *frame, const u8 *hdr, u8 family, u32 len,
				      u8 tos, u16 id, u16 sport)
{
	u8 *ip, *udp;

	len += 8 + 8;
	if (family == 4) {
		frame -= CHAM_OUTER4;
		memcpy(frame, hdr, CHAM_OUTER4);
		ip = frame + 14;
		udp = ip + 20;
		ip[1] = tos;
		cham_put16(ip + 2, len + 20);
		cham_put16(ip + 4, id);
		/* RFC 1071: of what the template lacks, in any order */
		cham_put16(ip + 10, ~cham_fold(cham_get16(hdr + 24) + tos +
					       (u16)(len + 20) + id));
	} else {
		frame -= CHAM_OUTER6;
		memcpy(frame, hdr, CHAM_OUTER6);
		ip = frame + 14;
		udp = ip + 40;
		cham_put16(ip, 0x6000 | tos << 4);
		cham_put16(ip + 4, len);
	}
	cham_put16(udp, sport);
	cham_put16(udp + 4, len);
	return frame;
}

#endif
