// SPDX-License-Identifier: GPL-2.0
/*
 * Several datapaths beside each other, when one program cannot hold all tenants'
 * handlers: each is a whole one with the handlers of some. A port runs its tenant's;
 * on the uplink this program comes first and hands every packet on by its VNI. What is
 * not of a tenant with handlers may go to any of them, so that nothing needs to be
 * checked here: the datapath looks again.
 */
#include <stddef.h>
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

/* By VNI: which of them. A variable, so that its address is a constant. */
__u8 cham_by_vni[CHAM_VNI_MAX + 1];

/* Where a tunnelled frame has its VNI, VXLAN or not. */
static __always_inline __u32 cham_number(struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const __be16 *kind = data + offsetof(struct ethhdr, h_proto);
	__be32 vni;

	if (data + CHAM_OUTER4 > end)
		return 0;
	if (*kind == bpf_htons(ETH_P_IP))
		vni = *(const __be32 *)(data + CHAM_OUTER4 - sizeof(vni));
	else if (data + CHAM_OUTER6 <= end)
		vni = *(const __be32 *)(data + CHAM_OUTER6 - sizeof(vni));
	else
		return 0;
	return cham_by_vni[bpf_ntohl(vni) >> 8];
}

/* Nothing is called, so that no register needs to be kept. */
SEC("xdp.frags")
int cham_dispatch(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &cham_uplinks, cham_number(ctx));
	/* It has gone meanwhile: Linux has the packet. */
	return XDP_PASS;
}
