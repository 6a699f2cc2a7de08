// SPDX-License-Identifier: GPL-2.0
/*
 * What helpers take that handlers may call, each called so that it has the most to do:
 * by itself, and by how many bytes it is given. lib/helpers.h has the bounds.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define CALLS	256		/* a run */
#define ENTRIES	512		/* of maps that get full */
#define LONG	1024		/* bytes */
#define FULL	65536		/* entries of a map that is full; a power of two */

__u64 took[CALLS] SEC(".data.took");
__u32 turns;
__u32 next SEC(".data.next");	/* keys of the full map, which helpers.c goes through */
__u8 bytes[2 * LONG];

struct long_key {
	__u32 n;
	__u8 rest[LONG / 2 - 4];
};

struct long_value {
	__u8 bytes[LONG];
};

#define MAP(kind, entries, of_key, of_value) struct {			\
	__uint(type, BPF_MAP_TYPE_##kind);				\
	__uint(max_entries, entries);					\
	__type(key, of_key);						\
	__type(value, of_value);					\
}

MAP(ARRAY, ENTRIES, __u32, __u32) array SEC(".maps");
MAP(ARRAY, 1, __u32, struct long_value) array_long SEC(".maps");
MAP(PERCPU_ARRAY, 1, __u32, struct long_value) percpu_array_long SEC(".maps");
MAP(HASH, 4096, __u32, __u32) hash SEC(".maps");
MAP(HASH, 4096, struct long_key, __u32) hash_key SEC(".maps");
MAP(HASH, 4096, __u32, struct long_value) hash_value SEC(".maps");
MAP(HASH, FULL, __u32, __u32) full SEC(".maps");
MAP(PERCPU_HASH, 4096, __u32, __u32) percpu SEC(".maps");
MAP(PERCPU_HASH, 4096, __u32, struct long_value) percpu_value SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

static const __u32 zero;
static struct long_key key;
static struct long_value value;

#define NOTHING	((void)0)
#define CASE(name, before, call)	CASES(name, CALLS, before, call)
#define CASES(name, calls, before, call)				\
SEC("xdp.frags")							\
int measure_##name(struct xdp_md *ctx)						\
{									\
	__u32 i, n;							\
	__u64 from;							\
									\
	for (i = 0; i < calls; i++) {					\
		/* never the same, from one run to the next either */	\
		n = turns++;						\
		key.n = n;						\
		(void)n;						\
		before;							\
		from = bpf_ktime_get_ns();				\
		call;							\
		took[i] = bpf_ktime_get_ns() - from;			\
	}								\
	return XDP_DROP;						\
}

static void set(void)
{
	bpf_map_update_elem(&hash_key, &key, &zero, 0);
}

static long nothing(__u32 index, void *arg)
{
	return 0;
}

CASE(none, NOTHING, barrier())
CASE(ktime_get_ns, NOTHING, bpf_ktime_get_ns())
CASE(jiffies64, NOTHING, bpf_jiffies64())
CASE(get_prandom_u32, NOTHING, bpf_get_prandom_u32())
CASE(get_smp_processor_id, NOTHING, bpf_get_smp_processor_id())
CASE(xdp_get_buff_len, NOTHING, bpf_xdp_get_buff_len(ctx))
CASES(loop, 8, NOTHING, bpf_loop(0, nothing, &from, 0))
CASE(csum_diff, NOTHING, bpf_csum_diff((void *)bytes, 0, (void *)bytes, 4, 0))
CASE(csum_diff_long, NOTHING, bpf_csum_diff((void *)bytes, LONG / 4, (void *)bytes, LONG / 4, 0))
CASE(xdp_load_bytes, NOTHING, bpf_xdp_load_bytes(ctx, 0, bytes, 4))
CASE(xdp_load_bytes_long, NOTHING, bpf_xdp_load_bytes(ctx, 0, bytes, LONG))
/* far behind, in the last of the packet's pages */
CASE(xdp_load_bytes_far, NOTHING, bpf_xdp_load_bytes(ctx, 60000, bytes, 4))
CASE(xdp_store_bytes, NOTHING, bpf_xdp_store_bytes(ctx, 0, bytes, 4))
CASE(xdp_store_bytes_long, NOTHING, bpf_xdp_store_bytes(ctx, 0, bytes, LONG))
CASE(xdp_store_bytes_far, NOTHING, bpf_xdp_store_bytes(ctx, 60000, bytes, 4))
CASE(map_lookup_elem, bpf_map_update_elem(&hash, &n, &n, 0), bpf_map_lookup_elem(&hash, &n))
CASE(map_lookup_elem_key, set(), bpf_map_lookup_elem(&hash_key, &key))
CASE(map_update_elem, NOTHING, bpf_map_update_elem(&hash, &n, &n, 0))
CASE(map_update_elem_again, n = 0, bpf_map_update_elem(&hash, &n, &n, 0))
CASE(map_update_elem_key, NOTHING, bpf_map_update_elem(&hash_key, &key, &n, 0))
CASE(map_update_elem_value, NOTHING, bpf_map_update_elem(&hash_value, &n, &value, 0))
CASE(map_update_elem_array, n = 0, bpf_map_update_elem(&array, &n, &n, 0))
CASE(map_update_elem_array_value, n = 0, bpf_map_update_elem(&array_long, &n, &value, 0))
CASE(map_update_elem_percpu, NOTHING, bpf_map_update_elem(&percpu, &n, &n, 0))
CASE(map_update_elem_percpu_value, NOTHING, bpf_map_update_elem(&percpu_value, &n, &value, 0))
CASE(map_delete_elem, bpf_map_update_elem(&hash, &n, &n, 0), bpf_map_delete_elem(&hash, &n))
CASE(map_delete_elem_key, set(), bpf_map_delete_elem(&hash_key, &key))

/*
 * Chains of a full map, of all lengths that chance makes: each of its keys, and as many
 * that are not in it. What is changed is as it was afterwards.
 */
#define FULL_CASE(name, call, after)					\
SEC("xdp.frags")							\
int measure_##name(struct xdp_md *ctx)					\
{									\
	__u32 i, n;							\
	__u64 from;							\
									\
	for (i = 0; i < CALLS; i++) {					\
		n = (next + i) * 0x9e3779b1;				\
		from = bpf_ktime_get_ns();				\
		call;							\
		took[i] = bpf_ktime_get_ns() - from;			\
		after;							\
	}								\
	return XDP_DROP;						\
}

static void put_back(__u32 at, __u32 n)
{
	if (at < FULL)
		bpf_map_update_elem(&full, &n, &n, 0);
}

FULL_CASE(map_lookup_elem_full, bpf_map_lookup_elem(&full, &n), NOTHING)
FULL_CASE(map_update_elem_full, bpf_map_update_elem(&full, &n, &n, 0), NOTHING)
FULL_CASE(map_delete_elem_full, bpf_map_delete_elem(&full, &n), put_back(next + i, n))

/* these free what they make, or the verifier says no */
#define RING(name, reserve, end)					\
SEC("xdp.frags")							\
int measure_##name(struct xdp_md *ctx)						\
{									\
	__u64 from, now;						\
	void *record;							\
	__u32 i;							\
									\
	for (i = 0; i < CALLS; i++) {					\
		from = bpf_ktime_get_ns();				\
		record = bpf_ringbuf_reserve(&ring, 64, 0);		\
		now = bpf_ktime_get_ns();				\
		took[i] = reserve ? now - from : 0;			\
		if (!record)						\
			break;						\
		from = bpf_ktime_get_ns();				\
		end(record, 0);						\
		now = bpf_ktime_get_ns();				\
		if (!reserve)						\
			took[i] = now - from;				\
	}								\
	return XDP_DROP;						\
}

RING(ringbuf_reserve, 1, bpf_ringbuf_discard)
RING(ringbuf_submit, 0, bpf_ringbuf_submit)
RING(ringbuf_discard, 0, bpf_ringbuf_discard)

/* once a run each */
#define TAIL(name, by)							\
SEC("xdp.frags")							\
int measure_##name(struct xdp_md *ctx)						\
{									\
	__u64 from = bpf_ktime_get_ns();				\
									\
	bpf_xdp_adjust_tail(ctx, by);					\
	took[0] = bpf_ktime_get_ns() - from;				\
	return XDP_DROP;						\
}

TAIL(xdp_adjust_tail, -4)
TAIL(xdp_adjust_tail_grow, 200)
TAIL(xdp_adjust_tail_pages, -60000)
