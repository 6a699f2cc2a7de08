/* SPDX-License-Identifier: GPL-2.0 */
/* Network byte order in plain memory, for seg.c and merge.c. */
#ifndef CHAM_SEG_BYTES_H
#define CHAM_SEG_BYTES_H

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#include <net/ip.h>
#else
#include "seg_host.h"
#endif

#define CHAM_TCP_PSH	0x08

static inline u16 cham_get16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

static inline u32 cham_get32(const u8 *p)
{
	return (u32)cham_get16(p) << 16 | cham_get16(p + 2);
}

static inline void cham_put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline void cham_put32(u8 *p, u32 v)
{
	cham_put16(p, v >> 16);
	cham_put16(p + 2, v);
}

static inline u16 cham_fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static inline u32 cham_sum(const u8 *p, u32 len, u32 sum)
{
	u32 i;

	for (i = 0; i + 1 < len; i += 2)
		sum += cham_get16(p + i);
	return sum;
}

/* Whether an IPv4 header without options has the right checksum. */
static inline bool cham_ip_ok(const u8 *ip)
{
#ifdef __KERNEL__
	return !ip_fast_csum(ip, 5);
#else
	return cham_fold(cham_sum(ip, 20, 0)) == 0xffff;
#endif
}

#endif
