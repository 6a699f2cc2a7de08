// SPDX-License-Identifier: GPL-2.0
/*
 * Several datapaths beside each other, when one program cannot hold all tenants'
 * handlers: each is a whole one with the handlers of some. A port runs its tenant's;
 * on the uplink this program comes first and hands every packet on by its VNI. What is
 * not of a tenant with handlers may go to any of them, so that nothing needs to be
 * checked here: the datapath looks again.
 */
#include <linux/if_ether.h>
#include "kfunc.h"

char LICENSE[] SEC("license") = "GPL";

/* Each one's program for the uplink; the first always is. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CHAM_PARTITIONS);
	__type(key, __u32);
	__type(value, __u32);
} cham_uplinks SEC(".maps");

struct cham_by_vni {
	__u8	number[CHAM_VNI_MAX + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cham_by_vni);
} cham_by_vni SEC(".maps");

/* Where a tunnelled frame has its VNI, VXLAN or not. */
static __always_inline __u32 cham_number(struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct cham_by_vni *by;
	__u32 vni, zero = 0;

	if (data + CHAM_OUTER4 > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		vni = *(const __be32 *)(data + CHAM_OUTER4 - sizeof(vni));
	else if (data + CHAM_OUTER6 <= end)
		vni = *(const __be32 *)(data + CHAM_OUTER6 - sizeof(vni));
	else
		return 0;
	by = bpf_map_lookup_elem(&cham_by_vni, &zero);
	return by ? by->number[bpf_ntohl(vni) >> 8] : 0;
}

SEC("xdp.frags")
int cham_dispatch(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &cham_uplinks, cham_number(ctx));
	/* It has gone meanwhile. */
	bpf_tail_call(ctx, &cham_uplinks, 0);
	return XDP_PASS;
}
