// SPDX-License-Identifier: GPL-2.0
/*
 * For a slow port's netdev: what comes there goes to the tenant's AF_XDP socket. The
 * provider attaches it and pins the map, into which the tenant puts its sockets
 * (Documentation/handlers.md); a queue without one gives its frames to the stack.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);	/* queues */
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int cham_slowport(struct xdp_md *ctx)
{
	return bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}
