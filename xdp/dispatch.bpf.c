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

/* By cham_vni_index(): which of them. A variable, so that its address is a constant. */
__u8 cham_by_vni[CHAM_VNI_MAX + 1];

/* To whom a frame is, VXLAN or not: the last word of such headers is the VNI and a byte. */
static __always_inline __u32 cham_number(const void *headers_end)
{
	const __u32 *last = headers_end - sizeof(*last);

	return cham_by_vni[*last & CHAM_VNI_MAX];
}

/*
 * Nothing is called, so that no register needs to be kept; IPv4 is not merged with the
 * others, so that its offsets are constants, and all count from the one place that is
 * compared. Where no tail call is made the composition has gone meanwhile: Linux has the
 * packet.
 */
SEC("xdp.frags")
int cham_dispatch(struct xdp_md *ctx)
{
	const void *end = (void *)(long)ctx->data_end;
	const void *inner = (void *)(long)ctx->data + CHAM_OUTER4;
	const __be16 *kind;

	cham_once(inner);
	kind = inner - CHAM_OUTER4 + offsetof(struct ethhdr, h_proto);
	if (inner > end)
		bpf_tail_call(ctx, &cham_uplinks, 0);
	else if (*kind == bpf_htons(ETH_P_IP))
		__attribute__((nomerge))
		bpf_tail_call(ctx, &cham_uplinks, cham_number(inner));
	else if (inner - CHAM_OUTER4 + CHAM_OUTER6 > end)
		bpf_tail_call(ctx, &cham_uplinks, 0);
	else
		bpf_tail_call(ctx, &cham_uplinks, cham_number(inner - CHAM_OUTER4 + CHAM_OUTER6));
	return XDP_PASS;
}
