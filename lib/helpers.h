/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * The helpers that handlers may call: what each takes at most, in x86 instructions
 * and estimated cycles. No include guard: the includer is a table.
 */
{ BPF_FUNC_map_lookup_elem, "bpf_map_lookup_elem", { 160, 220 } },
{ BPF_FUNC_map_update_elem, "bpf_map_update_elem", { 700, 1000 } },
{ BPF_FUNC_map_delete_elem, "bpf_map_delete_elem", { 450, 700 } },
{ BPF_FUNC_ktime_get_ns, "bpf_ktime_get_ns", { 40, 60 } },
{ BPF_FUNC_jiffies64, "bpf_jiffies64", { 4, 8 } },
{ BPF_FUNC_get_prandom_u32, "bpf_get_prandom_u32", { 50, 60 } },
{ BPF_FUNC_get_smp_processor_id, "bpf_get_smp_processor_id", { 4, 8 } },
{ BPF_FUNC_csum_diff, "bpf_csum_diff", { 400, 400 } },
{ BPF_FUNC_xdp_get_buff_len, "bpf_xdp_get_buff_len", { 20, 20 } },
{ BPF_FUNC_xdp_load_bytes, "bpf_xdp_load_bytes", { 160, 600 } },
{ BPF_FUNC_xdp_store_bytes, "bpf_xdp_store_bytes", { 160, 600 } },
{ BPF_FUNC_xdp_adjust_tail, "bpf_xdp_adjust_tail", { 160, 600 } },
{ BPF_FUNC_loop, "bpf_loop", { 20, 20 } },
{ BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve", { 120, 200 } },
{ BPF_FUNC_ringbuf_submit, "bpf_ringbuf_submit", { 120, 200 } },
{ BPF_FUNC_ringbuf_discard, "bpf_ringbuf_discard", { 120, 200 } },
