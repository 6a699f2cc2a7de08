/* SPDX-License-Identifier: GPL-2.0 */
/* What xdp/ takes from linux/bpf.h, with pointers as wide as the host's. */
#ifndef CHAM_FUZZ_LINUX_BPF_H
#define CHAM_FUZZ_LINUX_BPF_H

#include <linux/types.h>

struct xdp_md {
	unsigned long data;
	unsigned long data_end;
};

enum {
	BPF_MAP_TYPE_ARRAY,
	BPF_MAP_TYPE_PROG_ARRAY,
	BPF_F_MMAPABLE,
};

enum xdp_action {
	XDP_ABORTED,
	XDP_DROP,
	XDP_PASS,
	XDP_TX,
	XDP_REDIRECT,
};

#endif
