/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that Chamelio builds for: 6.12 (early and
 * late stable ones) and later. Kbuild asks the kernel's headers and says
 * CHAM_HAS_..., because changes travel to stable kernels.
 */
#ifndef CHAM_COMPAT_H
#define CHAM_COMPAT_H

#include <linux/netdevice.h>
#include <net/xdp.h>

#ifndef CHAM_HAS_NETNS_IMMUTABLE
#define netns_immutable netns_local
#endif

/* the device that a driver inside the kernel maps its buffers for */
#ifdef CHAM_HAS_VDPA_MAP
#define cham_vdpa_alloc(type, member, parent, ops, name) \
	vdpa_alloc_device(type, member, parent, ops, NULL, CHAM_GROUPS,	\
			  CHAM_SPACES, name, false)
#define cham_vdpa_dma_dev(vdev) ((vdev)->vmap.dma_dev)
#else
#define cham_vdpa_alloc(type, member, parent, ops, name) \
	vdpa_alloc_device(type, member, parent, ops, CHAM_GROUPS,	\
			  CHAM_SPACES, name, false)
#define cham_vdpa_dma_dev(vdev) ((vdev)->dma_dev)
#endif

/* these only read */
#ifndef CHAM_HAS_XDP_CONST
#define xdp_buff_has_frags(xdp) xdp_buff_has_frags((struct xdp_buff *)(xdp))
#define xdp_get_buff_len(xdp) xdp_get_buff_len((struct xdp_buff *)(xdp))
#define xdp_get_shared_info_from_buff(xdp) \
	xdp_get_shared_info_from_buff((struct xdp_buff *)(xdp))
#endif

#ifdef CHAM_HAS_FRAME_MEM_TYPE
#define cham_frame_mem_type(frame) ((frame)->mem_type)
#define cham_frame_set_mem(frame, rxq) ((frame)->mem_type = (rxq)->mem.type)
#else
#define cham_frame_mem_type(frame) ((frame)->mem.type)
#define cham_frame_set_mem(frame, rxq) ((frame)->mem = (rxq)->mem)
#endif

/* @skb takes over the fragments of @xdp that it was built from. */
static inline void cham_skb_take_frags(struct sk_buff *skb, const struct xdp_buff *xdp,
				       u32 nr_frags, u32 size, u32 truesize)
{
#ifdef CHAM_HAS_SKB_FRAGS_INFO
	xdp_update_skb_frags_info(skb, nr_frags, size, truesize,
				  xdp_buff_get_skb_flags(xdp));
#else
	xdp_update_skb_shared_info(skb, nr_frags, size, truesize,
				   xdp_buff_is_frag_pfmemalloc((struct xdp_buff *)xdp));
#endif
}

/* Where IPv6 may be a module its functions are behind pointers. */
#ifdef CHAM_HAS_IPV6_STUB
#include <net/ipv6_stubs.h>
#define cham_ip6_route(...) ipv6_stub->ipv6_dst_lookup_flow(__VA_ARGS__)
#else
#include <net/ipv6.h>
#define cham_ip6_route(...) ip6_dst_lookup_flow(__VA_ARGS__)
#endif

#endif
