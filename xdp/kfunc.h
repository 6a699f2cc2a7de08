/* SPDX-License-Identifier: GPL-2.0 */
/* What each program begins with; chamelio.ko's kfuncs are documented in kmod/kfunc.c. */
#ifndef CHAM_XDP_KFUNC_H
#define CHAM_XDP_KFUNC_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "chamelio.h"
#include "chamelio_kfunc.h"

/* Kept as it is, and not reckoned into what is made of it. */
#define cham_once(value) asm("" : "+r"(value))

extern __u8 *bpf_cham_begin(struct xdp_md *ctx,
			    int rdonly_buf_size) __ksym;
extern int bpf_cham_lookup(struct xdp_md *ctx, const void *q, __u32 q__sz) __ksym;
extern int bpf_cham_deliver(struct xdp_md *ctx, __u32 strip) __ksym;
extern int bpf_cham_encap(struct xdp_md *ctx, __u32 tos) __ksym;
extern __u8 *bpf_cham_enter(struct xdp_md *ctx, __u32 layout, __u32 strip, __u32 hook,
			    int rdwr_buf_size) __ksym;
extern int bpf_cham_leave(struct xdp_md *ctx, __u32 verdict, __u32 port,
			  __u32 timer, __u32 event) __ksym;
extern void bpf_cham_slow(struct xdp_md *ctx, __u32 vni, __u32 reason) __ksym;

#endif
