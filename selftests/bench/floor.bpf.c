// SPDX-License-Identifier: GPL-2.0
/* The least a datapath can do: drop, pass, or send it on as it is. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

const volatile struct {
	__u32 target;		/* ifindex */
	__u32 number_at;	/* offset in the frame */
} told = {};

__u32 number;

SEC("xdp.frags")
int bench_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int bench_redirect(struct xdp_md *ctx)
{
	return bpf_redirect(told.target, 0);
}

/* The same with a number in each, which grows from one run to the next, too. */
SEC("xdp.frags")
int bench_number(struct xdp_md *ctx)
{
	__be32 *at = (void *)(long)ctx->data + (told.number_at & 0xff);

	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (!number)
		number = bpf_ktime_get_ns() >> 12;
	*at = bpf_htonl(number++);
	return bpf_redirect(told.target, 0);
}
