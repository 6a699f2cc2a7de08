// SPDX-License-Identifier: GPL-2.0
/*
 * The pure half of the virtqueue under ASan and UBSan: every refusal has its
 * case, and a seeded generator looks for what nobody thought of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring_walk.h"

static int count, failed;

static void ok(int good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	failed += !good;
}

#define NUM	8
#define BUF	4096
#define N	CHAM_DESC_F_NEXT
#define W	CHAM_DESC_F_WRITE
#define I	CHAM_DESC_F_INDIRECT

struct row {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

/* Exactly as large as the ring, so that ASan sees a step beside it. */
static struct cham_desc *table_new(const struct row *row, u32 n)
{
	struct cham_desc *t = calloc(n, sizeof(*t));

	for (u32 i = 0; i < n; i++) {
		t[i].addr = htole64(row[i].addr);
		t[i].len = htole32(row[i].len);
		t[i].flags = htole16(row[i].flags);
		t[i].next = htole16(row[i].next);
	}
	return t;
}

struct result {
	int err;	/* 0 or enum cham_ring_err */
	u32 pieces;
	u64 bytes;
};

/* Walks as the module does; @inner is what an indirect descriptor names. */
static struct result walk(const struct cham_desc *table, u32 num, u32 head,
			  bool write, bool indirect_ok,
			  const struct cham_desc *inner)
{
	struct cham_desc *copy = NULL;
	struct result res = {};
	struct cham_piece seg;
	struct cham_walk w;
	int ret;

	ret = cham_walk_start(&w, table, num, head, write, indirect_ok);
	while (!ret) {
		ret = cham_walk_next(&w, &seg);
		if (ret == CHAM_WALK_END)
			break;
		if (ret == CHAM_WALK_SEG) {
			res.pieces++;
			res.bytes += seg.len;
			ret = 0;
		} else if (ret == CHAM_WALK_TABLE) {
			copy = malloc(seg.len);
			memcpy(copy, inner, seg.len);
			cham_walk_enter(&w, copy, seg.len);
			ret = 0;
		}
		if (res.pieces > num) {
			ret = -99;
			break;
		}
	}
	free(copy);
	res.err = -ret;
	return res;
}

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct {
	const char *name;
	int err;
	u32 head;
	bool write;
	bool no_indirect;
	u32 pieces;
	u64 bytes;
	struct row row[NUM];
	struct row inner[NUM];
} cases[] = {
	{ "one buffer", 0, 0, false, false, 1, 64, { { BUF, 64, 0, 0 } } },
	{ "last descriptor as head", 0, 7, false, false, 1, 9,
	  { [7] = { BUF, 9, 0, 0 } } },
	{ "three buffers", 0, 2, false, false, 3, 6,
	  { [2] = { BUF, 1, N, 5 }, [5] = { BUF, 2, N, 0 }, [0] = { BUF, 3, 0, 0 } } },
	{ "a chain as long as the ring", 0, 0, false, false, 8, 8,
	  { { BUF, 1, N, 1 }, { BUF, 1, N, 2 }, { BUF, 1, N, 3 }, { BUF, 1, N, 4 },
	    { BUF, 1, N, 5 }, { BUF, 1, N, 6 }, { BUF, 1, N, 7 }, { BUF, 1, 0, 0 } } },
	{ "buffers to write to", 0, 0, true, false, 2, 3,
	  { { BUF, 1, N | W, 1 }, { BUF, 2, W, 0 } } },
	{ "next without the flag is not looked at", 0, 0, false, false, 1, 1,
	  { { BUF, 1, 0, 0xffff } } },
	{ "unknown flags are not looked at", 0, 0, false, false, 1, 1,
	  { { BUF, 1, 0xfff8, 0 } } },
	{ "largest buffer", 0, 0, false, false, 1, 0xffffffff,
	  { { BUF, 0xffffffff, 0, 0 } } },
	{ "lengths that sum beyond 32 bits", 0, 0, false, false, 2, 0x1fffffffe,
	  { { BUF, 0xffffffff, N, 1 }, { BUF, 0xffffffff, 0, 0 } } },
	{ "buffer that ends just below the top", 0, 0, false, false, 1, 16,
	  { { ~0ULL - 16, 16, 0, 0 } } },
	{ "indirect table", 0, 0, false, false, 2, 3, { { BUF, 32, I, 0 } },
	  { { BUF, 1, N, 1 }, { BUF, 2, 0, 0 } } },
	{ "indirect table of ring size", 0, 0, false, false, 8, 8, { { BUF, 128, I, 0 } },
	  { { BUF, 1, N, 1 }, { BUF, 1, N, 2 }, { BUF, 1, N, 3 }, { BUF, 1, N, 4 },
	    { BUF, 1, N, 5 }, { BUF, 1, N, 6 }, { BUF, 1, N, 7 }, { BUF, 1, 0, 0 } } },
	{ "buffer, then indirect table", 0, 0, false, false, 2, 3,
	  { { BUF, 1, N, 4 }, [4] = { BUF, 16, I, 0 } }, { { BUF, 2, 0, 0 } } },
	{ "write flag of an indirect descriptor means nothing", 0, 0, false, false, 1, 2,
	  { { BUF, 16, I | W, 0 } }, { { BUF, 2, 0, 0 } } },

	{ "head equals ring size", CHAM_RING_ERR_HEAD, NUM, .row = { { BUF, 1, 0, 0 } } },
	{ "head far outside", CHAM_RING_ERR_HEAD, 0xffff, .row = { { BUF, 1, 0, 0 } } },
	{ "next equals ring size", CHAM_RING_ERR_NEXT, .row = { { BUF, 1, N, NUM } } },
	{ "next far outside", CHAM_RING_ERR_NEXT, .row = { { BUF, 1, N, 0xffff } } },
	{ "loop of one", CHAM_RING_ERR_LOOP, .pieces = 8, .bytes = 8,
	  .row = { { BUF, 1, N, 0 } } },
	{ "loop of two", CHAM_RING_ERR_LOOP, .pieces = 8, .bytes = 12,
	  .row = { { BUF, 1, N, 1 }, { BUF, 2, N, 0 } } },
	{ "loop inside an indirect table", CHAM_RING_ERR_LOOP, .pieces = 8, .bytes = 12,
	  .row = { { BUF, 32, I, 0 } },
	  .inner = { { BUF, 1, N, 1 }, { BUF, 2, N, 0 } } },
	{ "zero length", CHAM_RING_ERR_ZERO, .row = { { BUF, 0, 0, 0 } } },
	{ "zero length in the middle", CHAM_RING_ERR_ZERO, .pieces = 1, .bytes = 1,
	  .row = { { BUF, 1, N, 1 }, { BUF, 0, N, 2 }, { BUF, 1, 0, 0 } } },
	{ "zero-length indirect table", CHAM_RING_ERR_ZERO, .row = { { BUF, 0, I, 0 } } },
	{ "wraps by one", CHAM_RING_ERR_WRAP, .row = { { ~0ULL, 1, 0, 0 } } },
	{ "wraps by a lot", CHAM_RING_ERR_WRAP, .row = { { ~0ULL - 9, 0xffffffff, 0, 0 } } },
	{ "write buffer in a read chain", CHAM_RING_ERR_DIRECTION,
	  .row = { { BUF, 1, W, 0 } } },
	{ "read buffer in a write chain", CHAM_RING_ERR_DIRECTION, .write = true,
	  .row = { { BUF, 1, 0, 0 } } },
	{ "direction changes in the chain", CHAM_RING_ERR_DIRECTION, .pieces = 1,
	  .bytes = 1, .row = { { BUF, 1, N, 1 }, { BUF, 1, W, 0 } } },
	{ "indirect was not negotiated", CHAM_RING_ERR_NO_INDIRECT, .no_indirect = true,
	  .row = { { BUF, 16, I, 0 } }, .inner = { { BUF, 1, 0, 0 } } },
	{ "nested indirect", CHAM_RING_ERR_NESTED, .row = { { BUF, 16, I, 0 } },
	  .inner = { { BUF, 16, I, 0 } } },
	{ "indirect table of 17 bytes", CHAM_RING_ERR_TABLE, .row = { { BUF, 17, I, 0 } } },
	{ "indirect table of 15 bytes", CHAM_RING_ERR_TABLE, .row = { { BUF, 15, I, 0 } } },
	{ "indirect table larger than the ring", CHAM_RING_ERR_TABLE,
	  .row = { { BUF, 16 * (NUM + 1), I, 0 } } },
	{ "indirect table of 4 GB", CHAM_RING_ERR_TABLE, .row = { { BUF, 0xfffffff0, I, 0 } } },
	{ "buffers and table longer than the ring", CHAM_RING_ERR_TABLE, .pieces = 1,
	  .bytes = 1, .row = { { BUF, 1, N, 1 }, { BUF, 16 * NUM, I, 0 } } },
	{ "indirect with next", CHAM_RING_ERR_TABLE_NEXT, .row = { { BUF, 16, I | N, 1 } } },
	{ "next outside the indirect table", CHAM_RING_ERR_NEXT,
	  .row = { { BUF, 32, I, 0 } }, .inner = { { BUF, 1, N, 2 }, { BUF, 1, 0, 0 } } },
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cham_desc *table = table_new(cases[i].row, NUM);
		struct cham_desc *inner = table_new(cases[i].inner, NUM);
		struct result res;

		res = walk(table, NUM, cases[i].head, cases[i].write,
			   !cases[i].no_indirect, inner);
		ok(res.err == cases[i].err && res.pieces == cases[i].pieces &&
		   res.bytes == cases[i].bytes, cases[i].name);
		if (res.err != cases[i].err)
			printf("# error %d, wanted %d\n", res.err, cases[i].err);
		free(table);
		free(inner);
	}
}

static void test_indices(void)
{
	const int jump = -CHAM_RING_ERR_JUMP;
	int good = 1;

	ok(cham_walk_pending(5, 5, 256) == 0, "nothing available");
	ok(cham_walk_pending(261, 5, 256) == 256, "a full ring");
	ok(cham_walk_pending(262, 5, 256) == jump, "one more than the ring");
	ok(cham_walk_pending(4, 5, 256) == jump, "index moved back");
	ok(cham_walk_pending(3, 0xfffe, 256) == 5, "index wrapped");
	ok(cham_walk_pending(0x8000, 0, 0x8000) == 0x8000, "largest ring full");
	ok(cham_walk_pending(0x8001, 0, 0x8000) == jump, "largest ring overrun");

	ok(cham_walk_need_event(10, 11, 10), "mark is the entry of the batch");
	ok(!cham_walk_need_event(11, 11, 10), "mark is the next entry");
	ok(!cham_walk_need_event(9, 11, 10), "mark was passed before");
	ok(cham_walk_need_event(0xffff, 1, 0xfffe), "mark in a batch that wraps");
	ok(!cham_walk_need_event(7, 10, 10), "an empty batch passes nothing");

	/* Against the definition, entry by entry. */
	for (u32 old = 0xfff0; good && old < 0x10010; old++)
		for (u32 batch = 0; good && batch < 20; batch++)
			for (u32 mark = old - 30; good && mark != old + 30; mark++) {
				bool want = false;

				for (u32 e = old; e != old + batch; e++)
					want |= (u16)e == (u16)mark;
				good = cham_walk_need_event(mark, old + batch, old) == want;
			}
	ok(good, "every mark around every wrap");
}

static u64 seed = 0x9e3779b97f4a7c15;

static u32 rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 32) % n;
}

/* Mostly plausible descriptors with some damage. */
static void damage(struct cham_desc *t, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		t[i].addr = htole64(rnd(50) ? rnd(1 << 20) : ~0ULL - rnd(64));
		t[i].len = htole32(rnd(50) ? 1 + rnd(2000) : rnd(2) ? 0 : ~0u - rnd(9));
		t[i].flags = htole16((rnd(3) ? N : 0) | (rnd(30) ? 0 : W));
		if (!rnd(12)) {
			t[i].flags = htole16(I | (rnd(9) ? 0 : N));
			t[i].len = htole32(16 * (1 + rnd(n + 1)) + (rnd(9) ? 0 : 1));
		}
		t[i].next = htole16(rnd(30) ? rnd(n) : rnd(0x10000));
	}
}

static void test_random(void)
{
	u32 seen[__CHAM_RING_ERR_MAX] = {}, bad = 0;

	for (u32 round = 0; round < 200000; round++) {
		u32 num = 1u << (1 + rnd(6));
		struct cham_desc *table = malloc(num * sizeof(*table));
		struct cham_desc *inner = malloc(num * sizeof(*inner));
		struct result res;

		damage(table, num);
		damage(inner, num);
		res = walk(table, num, rnd(40) ? rnd(num) : rnd(0x10000), false,
			   rnd(10), inner);
		if (res.err < 0 || res.err >= __CHAM_RING_ERR_MAX || res.pieces > num)
			bad++;
		else
			seen[res.err]++;
		free(table);
		free(inner);
	}
	ok(!bad, "200000 random rings end in bounds");
	ok(seen[CHAM_RING_OK] > 10000, "many of them are sound");
	for (int e = CHAM_RING_ERR_HEAD; e <= CHAM_RING_ERR_TABLE_NEXT; e++)
		if (!seen[e])
			printf("# error %d never came up\n", e), bad++;
	ok(!bad, "and every refusal of the walk came up");
}

int main(void)
{
	test_cases();
	test_indices();
	test_random();
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
