/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * The helpers that handlers may call, what each gives and is given (as cham_helper_takes()
 * says), and what it takes at most, in x86 instructions
 * and estimated cycles: the call; what each 8 bytes of a key and of data add, beyond the
 * first 8; where the data's length is; what each CPU's value adds. "scripts/bench helpers"
 * measures them and says MISSED where one takes more; with a margin, for another kernel.
 * No include guard: the includer is a table.
 *
 * Of hash maps: the longest chain of a full one of 65,536 entries, as chance has it.
 * bpf_xdp_adjust_tail(): of 60,000 bytes in pages, which it gives back.
 */
{ BPF_FUNC_map_lookup_elem, "bpf_map_lookup_elem", "pmk", .call = { 205, 265 }, .key = { 39, 39 } },
{ BPF_FUNC_map_update_elem, "bpf_map_update_elem", "nmkvn", .call = { 530, 750 }, .key = { 34, 34 },
	.data = { 4, 2 }, .of = CHAM_DATA_VALUE, .copy = { 75, 90 } },
{ BPF_FUNC_map_delete_elem, "bpf_map_delete_elem", "nmk", .call = { 430, 650 }, .key = { 39, 39 } },
{ BPF_FUNC_ktime_get_ns, "bpf_ktime_get_ns", "n", .call = { 55, 70 } },
{ BPF_FUNC_jiffies64, "bpf_jiffies64", "n", .call = { 4, 8 } },
{ BPF_FUNC_get_prandom_u32, "bpf_get_prandom_u32", "n", .call = { 60, 70 } },
{ BPF_FUNC_get_smp_processor_id, "bpf_get_smp_processor_id", "n", .call = { 4, 8 } },
{ BPF_FUNC_csum_diff, "bpf_csum_diff", "nrnrnn", .call = { 85, 90 }, .data = { 17, 12 },
	.of = CHAM_DATA_R(2) | CHAM_DATA_R(4) },
{ BPF_FUNC_xdp_get_buff_len, "bpf_xdp_get_buff_len", "nc", .call = { 20, 20 } },
{ BPF_FUNC_xdp_load_bytes, "bpf_xdp_load_bytes", "ncnwn", .call = { 245, 245 }, .data = { 4, 2 },
	.of = CHAM_DATA_R(4) },
{ BPF_FUNC_xdp_store_bytes, "bpf_xdp_store_bytes", "ncnrn", .call = { 245, 245 }, .data = { 4, 2 },
	.of = CHAM_DATA_R(4) },
{ BPF_FUNC_xdp_adjust_tail, "bpf_xdp_adjust_tail", "ncn", .call = { 5900, 5900 } },
{ BPF_FUNC_loop, "bpf_loop", "nnfan", .call = { 24, 24 } },
{ BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve", "pmnn", .call = { 140, 200 } },
{ BPF_FUNC_ringbuf_submit, "bpf_ringbuf_submit", "nbn", .call = { 120, 200 } },
{ BPF_FUNC_ringbuf_discard, "bpf_ringbuf_discard", "nbn", .call = { 120, 200 } },
