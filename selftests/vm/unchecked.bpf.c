// SPDX-License-Identifier: GPL-2.0
/* Does not ask whether a map has what it looks up: the verifier's log says where the map is. */
#include "handler.h"

CHAM_PROGRAM("unchecked", 1, 0);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

CHAM_HOOK(rx)
{
	__u32 key = pkt->len;

	++*(__u64 *)bpf_map_lookup_elem(&seen, &key);
	return CHAM_PASS;
}
