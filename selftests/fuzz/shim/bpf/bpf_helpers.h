/* SPDX-License-Identifier: GPL-2.0 */
/* The helpers that xdp/ calls; the fuzz target plays the kernel. */
#ifndef CHAM_FUZZ_BPF_HELPERS_H
#define CHAM_FUZZ_BPF_HELPERS_H

#include <sys/cdefs.h>

#define SEC(name) __attribute__((section(name), used))
#define __ksym
#define __uint(name, value) int name[(value) + 1]
#define __type(name, value) int name[sizeof(value)]

struct xdp_md;
struct cham_options;

long bpf_loop(__u32 n, long (*step)(__u32, struct cham_options *),
	      struct cham_options *arg, __u64 flags);
long bpf_xdp_adjust_head(struct xdp_md *ctx, int delta);
void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_tail_call(void *ctx, void *map, __u32 i);
long bpf_redirect(__u32 ifindex, __u64 flags);

#endif
