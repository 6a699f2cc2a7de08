/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CHAM_SHIM_IP6_CHECKSUM_H
#define CHAM_SHIM_IP6_CHECKSUM_H

#include "checksum.h"

static inline __sum16 csum_ipv6_magic(const struct in6_addr *from,
				      const struct in6_addr *to, uint32_t len,
				      uint8_t proto, __wsum sum)
{
	sum = csum_partial(from, 16, sum);
	sum = csum_partial(to, 16, sum);
	return csum_fold(csum_add(csum_add(sum, htonl(len)), htonl(proto)));
}

#endif
