// SPDX-License-Identifier: GPL-2.0
/*
 * What helpers.bpf.c measures, beside the bound that lib/helpers.h has for as much:
 * a line for each. Instructions, where the clock counts them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cost.h"

#define CALLS	256
#define RUNS	5
#define LONG	1024
#define PACKET	61000
#define FULL	65536

#define FUNC(x)	BPF_FUNC_##x

/* What a program of helpers.bpf.c gives its helper, in bytes. */
static const struct measured {
	const char *prog;
	uint32_t helper;
	uint32_t key, data;
	unsigned int calls;	/* 0: CALLS */
	bool full;		/* of each key of the full map, and of as many that it has not */
} table[] = {
	{ .prog = "ktime_get_ns", .helper = FUNC(ktime_get_ns) },
	{ .prog = "jiffies64", .helper = FUNC(jiffies64) },
	{ .prog = "get_prandom_u32", .helper = FUNC(get_prandom_u32) },
	{ .prog = "get_smp_processor_id", .helper = FUNC(get_smp_processor_id) },
	{ .prog = "xdp_get_buff_len", .helper = FUNC(xdp_get_buff_len) },
	{ .prog = "loop", .helper = FUNC(loop), .calls = 8 },
	{ .prog = "csum_diff", .helper = FUNC(csum_diff), .data = 4 },
	{ .prog = "csum_diff_long", .helper = FUNC(csum_diff), .data = LONG / 2 },
	{ .prog = "xdp_load_bytes", .helper = FUNC(xdp_load_bytes), .data = 4 },
	{ .prog = "xdp_load_bytes_long", .helper = FUNC(xdp_load_bytes), .data = LONG },
	{ .prog = "xdp_load_bytes_far", .helper = FUNC(xdp_load_bytes), .data = 4 },
	{ .prog = "xdp_store_bytes", .helper = FUNC(xdp_store_bytes), .data = 4 },
	{ .prog = "xdp_store_bytes_long", .helper = FUNC(xdp_store_bytes), .data = LONG },
	{ .prog = "xdp_store_bytes_far", .helper = FUNC(xdp_store_bytes), .data = 4 },
	{ .prog = "xdp_adjust_tail", .helper = FUNC(xdp_adjust_tail), .calls = 1 },
	{ .prog = "xdp_adjust_tail_grow", .helper = FUNC(xdp_adjust_tail), .calls = 1 },
	{ .prog = "xdp_adjust_tail_pages", .helper = FUNC(xdp_adjust_tail), .calls = 1 },
	{ .prog = "map_lookup_elem", .helper = FUNC(map_lookup_elem), .key = 4 },
	{ .prog = "map_lookup_elem_full",
		.helper = FUNC(map_lookup_elem), .key = 4, .full = true },
	{ .prog = "map_lookup_elem_key", .helper = FUNC(map_lookup_elem), .key = LONG / 2 },
	{ .prog = "map_update_elem", .helper = FUNC(map_update_elem), .key = 4, .data = 4 },
	{ .prog = "map_update_elem_again",
		.helper = FUNC(map_update_elem), .key = 4, .data = 4 },
	{ .prog = "map_update_elem_full",
		.helper = FUNC(map_update_elem), .key = 4, .data = 4, .full = true },
	{ .prog = "map_update_elem_key",
		.helper = FUNC(map_update_elem), .key = LONG / 2, .data = 4 },
	{ .prog = "map_update_elem_value",
		.helper = FUNC(map_update_elem), .key = 4, .data = LONG },
	{ .prog = "map_update_elem_array",
		.helper = FUNC(map_update_elem), .key = 4, .data = 4 },
	{ .prog = "map_update_elem_array_value",
		.helper = FUNC(map_update_elem), .key = 4, .data = LONG },
	{ .prog = "map_update_elem_percpu",
		.helper = FUNC(map_update_elem), .key = 4, .data = 4 },
	{ .prog = "map_update_elem_percpu_value",
		.helper = FUNC(map_update_elem), .key = 4, .data = LONG },
	{ .prog = "map_delete_elem", .helper = FUNC(map_delete_elem), .key = 4 },
	{ .prog = "map_delete_elem_full",
		.helper = FUNC(map_delete_elem), .key = 4, .full = true },
	{ .prog = "map_delete_elem_key", .helper = FUNC(map_delete_elem), .key = LONG / 2 },
	{ .prog = "ringbuf_reserve", .helper = FUNC(ringbuf_reserve) },
	{ .prog = "ringbuf_submit", .helper = FUNC(ringbuf_submit) },
	{ .prog = "ringbuf_discard", .helper = FUNC(ringbuf_discard) },
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of the dearest call: a run that no interrupt came into has the least. */
static int run(struct bpf_object *o, const char *name, unsigned int calls, uint64_t *most,
	       uint64_t *middle)
{
	static char packet[PACKET], out[2 * PACKET];
	static uint64_t took[CALLS];
	struct bpf_map *map = bpf_object__find_map_by_name(o, ".data.took");
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts), .data_in = packet, .data_size_in = PACKET,
		.data_out = out, .data_size_out = sizeof(out),
	};
	const uint32_t zero = 0;
	struct bpf_program *p;
	char full[64];
	int i, err;

	snprintf(full, sizeof(full), "measure_%s", name);
	p = bpf_object__find_program_by_name(o, full);
	if (!p || !map)
		return -ENOENT;
	*most = UINT64_MAX;
	for (i = 0; i < RUNS; i++) {
		err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);
		if (err)
			return err;
		err = bpf_map_lookup_elem(bpf_map__fd(map), &zero, took);
		if (err)
			return err;
		qsort(took, calls, sizeof(*took), by_value);
		if (took[calls - 1] >= *most)
			continue;
		*most = took[calls - 1];
		*middle = took[calls / 2];
	}
	return 0;
}

/* With all it holds. */
static int fill(struct bpf_object *o)
{
	static uint32_t keys[FULL];
	uint32_t i, n = FULL;
	struct bpf_map *map = bpf_object__find_map_by_name(o, "full");

	for (i = 0; i < FULL; i++)
		keys[i] = i * 0x9e3779b1U;
	return map ? bpf_map_update_batch(bpf_map__fd(map), keys, keys, &n, NULL) : -ENOENT;
}

/* Of the dearest key, and the middle of the group that it is in. */
static int run_full(struct bpf_object *o, const char *name, uint64_t *most, uint64_t *middle)
{
	struct bpf_map *map = bpf_object__find_map_by_name(o, ".data.next");
	const uint32_t zero = 0;
	uint64_t one, half;
	uint32_t next;
	int err;

	*most = 0;
	for (next = 0; next < 2 * FULL; next += CALLS) {
		err = map ? bpf_map_update_elem(bpf_map__fd(map), &zero, &next, 0) : -ENOENT;
		if (!err)
			err = run(o, name, CALLS, &one, &half);
		if (err)
			return err;
		if (one <= *most)
			continue;
		*most = one;
		*middle = half;
	}
	return 0;
}

int main(void)
{
	const char *objects = getenv("BENCH_OBJECTS") ?: "build/selftests/bench";
	uint64_t none, most, middle;
	struct cham_cost bound;
	struct bpf_object *o;
	char path[512];
	size_t i;
	int err;

	snprintf(path, sizeof(path), "%s/helpers.bpf.o", objects);
	o = bpf_object__open(path);
	err = o ? bpf_object__load(o) : -errno;
	if (!err)
		err = fill(o);
	if (!err)
		err = run(o, "none", CALLS, &most, &none);
	if (err) {
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
		return 1;
	}
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct measured *m = &table[i];
		struct cham_sizes sizes = { .key = m->key };

		if (strstr(m->prog, "percpu"))
			sizes.copies = libbpf_num_possible_cpus();
		err = m->full ? run_full(o, m->prog, &most, &middle) :
				run(o, m->prog, m->calls ?: CALLS, &most, &middle);
		if (!err)
			err = cham_helper_bound(m->helper, &sizes, m->data, &bound);
		if (err) {
			fprintf(stderr, "%s: %s\n", m->prog, strerror(-err));
			return 1;
		}
		printf("= helper.%s chamelio {\"most\":%lld,\"middle\":%lld,\"bound\":%llu}\n",
		       m->prog, (long long)(most - none), (long long)(middle - none),
		       (unsigned long long)bound.insns);
	}
	return 0;
}
