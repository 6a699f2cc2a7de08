/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's checksum arithmetic by RFC 1071, for a little-endian host. */
#ifndef CHAM_SHIM_CHECKSUM_H
#define CHAM_SHIM_CHECKSUM_H

#include <arpa/inet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/types.h>
#include <stdint.h>
#include <string.h>

static inline __wsum csum_add(__wsum a, __wsum b)
{
	uint64_t sum = (uint64_t)a + b;

	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static inline __wsum csum_partial(const void *data, int len, __wsum sum)
{
	const uint8_t *p = data;

	for (int i = 0; i < len; i++)
		sum = csum_add(sum, i & 1 ? p[i] << 8 : p[i]);
	return sum;
}

static inline __wsum csum_partial_copy_nocheck(const void *from, void *to, int len)
{
	memcpy(to, from, len);
	return csum_partial(from, len, 0);
}

static inline __wsum csum_block_add(__wsum sum, __wsum more, int offset)
{
	return csum_add(sum, offset & 1 ? more << 24 | more >> 8 : more);
}

static inline __sum16 csum_fold(__wsum sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static inline __sum16 csum_tcpudp_magic(__be32 from, __be32 to, uint32_t len,
					uint8_t proto, __wsum sum)
{
	sum = csum_add(csum_add(sum, from), to);
	return csum_fold(csum_add(sum, htonl(proto + len)));
}

#endif
