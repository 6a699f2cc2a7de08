// SPDX-License-Identifier: GPL-2.0
/*
 * The pure half of the virtqueues under ASan and UBSan: every refusal has its
 * case, and a seeded generator looks for what nobody thought of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring_packed.h"

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

/* The packed ring. */

#define A	0x0800		/* available in the round of its place */
#define U	CHAM_PACKED_F_USED
#define ANY	0x3000		/* flags that nobody has a meaning for */

/* @row: next is the id. */
static struct cham_packed *packed_new(const struct row *row, u32 n, u16 pos)
{
	struct cham_packed *t = calloc(n, sizeof(*t));

	for (u32 i = 0; i < n; i++) {
		u16 at = pos + ((i - pos) & (n - 1)), flags = row[i].flags;

		if (flags & A)
			flags = (flags & ~A) | cham_packed_avail(at, n);
		t[i].addr = htole64(row[i].addr);
		t[i].len = htole32(row[i].len);
		t[i].id = htole16(row[i].next);
		t[i].flags = htole16(flags);
	}
	return t;
}

struct packed_result {
	int got;		/* of cham_packed_start() */
	u32 head;
	struct result res;
};

static struct packed_result walk_packed(const struct cham_packed *ring, u32 num,
					u16 pos, u32 room, bool write,
					bool indirect_ok,
					const struct cham_packed *inner)
{
	struct cham_packed *copy = NULL;
	struct packed_result p = {};
	struct cham_piece seg;
	struct cham_walk w;
	int ret;

	p.got = cham_packed_start(&w, ring, num, pos, room, write, indirect_ok,
				  &p.head);
	if (p.got != 1) {
		p.res.err = -p.got;
		return p;
	}
	for (;;) {
		ret = cham_packed_next(&w, &seg);
		if (ret == CHAM_WALK_SEG) {
			p.res.pieces++;
			p.res.bytes += seg.len;
			if (p.res.pieces > num) {
				ret = -99;
				break;
			}
		} else if (ret == CHAM_WALK_TABLE) {
			if (copy) {
				ret = -98;
				break;
			}
			copy = malloc(seg.len);
			memcpy(copy, inner, seg.len);
			cham_packed_enter(&w, copy, seg.len);
		} else {
			break;
		}
	}
	free(copy);
	p.res.err = -ret;
	return p;
}

static const struct packed_case {
	const char *name;
	int err;
	u16 pos;
	bool write;
	bool no_indirect;
	bool none;		/* nothing is available */
	u32 room;		/* 0: the whole ring */
	u32 slots;
	u16 id;
	u32 pieces;
	u64 bytes;
	struct row row[NUM];
	struct row inner[NUM];
} packed_cases[] = {
	{ "one buffer", .slots = 1, .id = 5, .pieces = 1, .bytes = 64,
	  .row = { { BUF, 64, A, 5 } } },
	{ "an id is the driver's affair", .slots = 1, .id = 0xffff, .pieces = 1, .bytes = 1,
	  .row = { { BUF, 1, A, 0xffff } } },
	{ "in the second round", .pos = NUM, .slots = 1, .pieces = 1, .bytes = 1,
	  .row = { { BUF, 1, A, 0 } } },
	{ "the id of the last descriptor", .slots = 3, .id = 3, .pieces = 3, .bytes = 6,
	  .row = { { BUF, 1, A | N, 1 }, { BUF, 2, A | N, 2 }, { BUF, 3, A, 3 } } },
	{ "around the ring's end", .pos = 6, .slots = 4, .id = 9, .pieces = 4, .bytes = 10,
	  .row = { [6] = { BUF, 1, A | N, 0 }, [7] = { BUF, 2, A | N, 0 },
		   [0] = { BUF, 3, A | N, 0 }, [1] = { BUF, 4, A, 9 } } },
	{ "around the end of the second round", .pos = 2 * NUM - 1, .slots = 2, .id = 1,
	  .pieces = 2, .bytes = 3,
	  .row = { [7] = { BUF, 1, A | N, 0 }, [0] = { BUF, 2, A, 1 } } },
	{ "a chain as long as the ring", .pos = 3, .slots = 8, .id = 4, .pieces = 8, .bytes = 8,
	  .row = { { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 }, { BUF, 1, A, 4 },
		   { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 },
		   { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 } } },
	{ "buffers to write to", .write = true, .slots = 2, .id = 1, .pieces = 2, .bytes = 3,
	  .row = { { BUF, 1, A | N | W, 0 }, { BUF, 2, A | W, 1 } } },
	{ "unknown flags are not looked at", .slots = 1, .pieces = 1, .bytes = 1,
	  .row = { { BUF, 1, A | ANY, 0 } } },
	{ "indirect table", .slots = 1, .id = 7, .pieces = 2, .bytes = 3,
	  .row = { { BUF, 32, A | I, 7 } }, .inner = { { BUF, 1, 0, 0 }, { BUF, 2, 0, 0 } } },
	{ "flags of a table's entries but one mean nothing", .slots = 1, .pieces = 3, .bytes = 6,
	  .row = { { BUF, 48, A | I, 0 } },
	  .inner = { { BUF, 1, ANY, 9 }, { BUF, 2, N | U, 9 }, { BUF, 3, N, 9 } } },
	{ "indirect table of ring size", .slots = 1, .pieces = 8, .bytes = 8,
	  .row = { { BUF, 16 * NUM, A | I, 0 } },
	  .inner = { { BUF, 1, 0, 0 }, { BUF, 1, 0, 0 }, { BUF, 1, 0, 0 }, { BUF, 1, 0, 0 },
		     { BUF, 1, 0, 0 }, { BUF, 1, 0, 0 }, { BUF, 1, 0, 0 }, { BUF, 1, 0, 0 } } },

	{ "nothing is available", .none = true, .row = { { BUF, 1, 0, 0 } } },
	{ "used, and not yet available again", .none = true, .pos = NUM,
	  .row = { { BUF, 1, CHAM_PACKED_F_OWNER, 0 } } },
	{ "available in the round before", .none = true, .pos = NUM,
	  .row = { { BUF, 1, CHAM_PACKED_F_AVAIL, 0 } } },
	{ "available in the round behind", .none = true, .row = { { BUF, 1, U, 0 } } },

	{ "a chain that is not all available", CHAM_RING_ERR_NOT_AVAIL,
	  .row = { { BUF, 1, A | N, 0 }, { BUF, 1, 0, 0 } } },
	{ "a chain into what was used", CHAM_RING_ERR_NOT_AVAIL,
	  .row = { { BUF, 1, A | N, 0 }, { BUF, 1, U, 0 } } },
	{ "a wrap counter that was not changed", CHAM_RING_ERR_NOT_AVAIL, .pos = 7,
	  .row = { [7] = { BUF, 1, A | N, 0 }, [0] = { BUF, 1, CHAM_PACKED_F_AVAIL, 0 } } },
	{ "a chain around the whole ring", CHAM_RING_ERR_NOT_AVAIL,
	  .row = { { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 },
		   { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 },
		   { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 } } },
	{ "a chain into what was not given back", CHAM_RING_ERR_OVERRUN, .room = 2,
	  .row = { { BUF, 1, A | N, 0 }, { BUF, 1, A | N, 0 }, { BUF, 1, A, 0 } } },
	{ "zero length", CHAM_RING_ERR_ZERO, .slots = 1, .row = { { BUF, 0, A, 0 } } },
	{ "zero length in the middle", CHAM_RING_ERR_ZERO, .slots = 2, .pieces = 1, .bytes = 1,
	  .row = { { BUF, 1, A | N, 0 }, { BUF, 0, A, 0 } } },
	{ "wraps by one", CHAM_RING_ERR_WRAP, .slots = 1, .row = { { ~0ULL, 1, A, 0 } } },
	{ "write buffer in a read chain", CHAM_RING_ERR_DIRECTION, .slots = 1,
	  .row = { { BUF, 1, A | W, 0 } } },
	{ "read buffer in a write chain", CHAM_RING_ERR_DIRECTION, .slots = 1, .write = true,
	  .row = { { BUF, 1, A, 0 } } },
	{ "write buffer in a table", CHAM_RING_ERR_DIRECTION, .slots = 1,
	  .row = { { BUF, 16, A | I, 0 } }, .inner = { { BUF, 1, W, 0 } } },
	{ "indirect was not negotiated", CHAM_RING_ERR_NO_INDIRECT, .slots = 1,
	  .no_indirect = true, .row = { { BUF, 16, A | I, 0 } } },
	{ "nested indirect", CHAM_RING_ERR_NESTED, .slots = 1,
	  .row = { { BUF, 16, A | I, 0 } }, .inner = { { BUF, 16, I, 0 } } },
	{ "indirect table of 17 bytes", CHAM_RING_ERR_TABLE, .slots = 1,
	  .row = { { BUF, 17, A | I, 0 } } },
	{ "indirect table larger than the ring", CHAM_RING_ERR_TABLE, .slots = 1,
	  .row = { { BUF, 16 * (NUM + 1), A | I, 0 } } },
	{ "indirect table of 4 GB", CHAM_RING_ERR_TABLE, .slots = 1,
	  .row = { { BUF, 0xfffffff0, A | I, 0 } } },
	{ "indirect with next", CHAM_RING_ERR_TABLE_NEXT, .slots = 2,
	  .row = { { BUF, 16, A | I | N, 0 }, { BUF, 1, A, 0 } } },
	{ "buffer, then indirect table", CHAM_RING_ERR_TABLE_NEXT, .slots = 2, .pieces = 1,
	  .bytes = 1, .row = { { BUF, 1, A | N, 0 }, { BUF, 16, A | I, 0 } } },
};

static void test_packed_cases(void)
{
	for (size_t i = 0; i < sizeof(packed_cases) / sizeof(packed_cases[0]); i++) {
		const struct packed_case *c = &packed_cases[i];
		struct cham_packed *ring = packed_new(c->row, NUM, c->pos);
		struct cham_packed *inner = packed_new(c->inner, NUM, 0);
		struct packed_result p;
		int good;

		p = walk_packed(ring, NUM, c->pos, c->room ?: NUM, c->write,
				!c->no_indirect, inner);
		good = p.res.err == c->err && p.res.pieces == c->pieces &&
		       p.res.bytes == c->bytes && !p.got == c->none;
		if (c->slots)
			good = good && p.got == 1 && cham_packed_slots(p.head) == c->slots &&
			       (c->err || (u16)p.head == c->id);
		printf("%sok %d - packed: %s\n", good ? "" : "not ", ++count, c->name);
		failed += !good;
		if (p.res.err != c->err)
			printf("# error %d, wanted %d\n", p.res.err, c->err);
		free(ring);
		free(inner);
	}
}

/* A driver and a device that follow the book, chain by chain. */
static void test_packed_rounds(void)
{
	struct cham_packed ring[NUM] = {};
	struct cham_used_elem done[NUM];
	u16 pos = 0xffe0, taken = pos, back = pos, id = 0;
	int good = 1, order = 1;

	for (u32 round = 0; good && round < 2000; round++) {
		u16 first = pos;
		u32 batch = 1 + round % NUM, n;

		/* The driver: chains of one to three, as many as fit. */
		for (n = 0; n < batch;) {
			u32 slots = 1 + (round + n) % 3;

			if (n + slots > NUM)
				break;
			for (u32 i = 0; i < slots; i++) {
				struct cham_packed *d = &ring[(pos + i) & (NUM - 1)];
				u16 flags = cham_packed_avail(pos + i, NUM);

				d->addr = htole64(BUF);
				d->len = htole32(slots);
				d->id = htole16(id + i);
				d->flags = htole16(flags | (i + 1 < slots ? N : 0));
			}
			pos += slots;
			id += slots;
			n += slots;
		}
		/* The device. */
		while (good) {
			struct packed_result p;

			p = walk_packed(ring, NUM, taken, NUM - (u16)(taken - back),
					false, true, NULL);
			if (!p.got)
				break;
			good = p.got == 1 && p.res.pieces == cham_packed_slots(p.head) &&
			       p.res.bytes == (u64)p.res.pieces * p.res.pieces;
			taken += cham_packed_slots(p.head);
			done[(taken - 1) & (NUM - 1)] = (struct cham_used_elem) {
				htole32(p.head), htole32(round & 1 ? taken : 0) };
			order &= !cham_packed_pending(ring, NUM, taken) || taken != pos;
		}
		good = good && taken == pos;
		cham_packed_publish(ring, done, NUM, back, taken);
		/* The driver finds all of them, one behind the other. */
		for (u16 at = first; good && at != pos; ) {
			struct cham_packed *d = &ring[at & (NUM - 1)];
			u16 flags = le16toh(d->flags), slots;

			good = (flags & CHAM_PACKED_F_OWNER) == cham_packed_used(at, NUM);
			slots = 1 + (round + (u16)(at - first)) % 3;
			good = good && le16toh(d->id) == (u16)(id - (pos - at) + slots - 1) &&
			       !(flags & W) == !(round & 1) &&
			       le32toh(d->len) == (round & 1 ? (u16)(at + slots) : 0u);
			at += slots;
		}
		back = taken;
	}
	ok(good, "packed: 2000 batches to and fro, around every wrap");
	ok(order, "packed: nothing is available behind the last");
}

static void test_packed_indices(void)
{
	const u32 disable = CHAM_NOTIFY_DISABLE, at = CHAM_NOTIFY_AT;
	struct cham_notify e = {};
	int good = 1;

	ok(cham_packed_wrap(0, 8) == 0x8000 && cham_packed_wrap(7, 8) == 0x8007 &&
	   cham_packed_wrap(8, 8) == 0 && cham_packed_wrap(15, 8) == 7 &&
	   cham_packed_wrap(16, 8) == 0x8000, "packed: the wrap counter begins with 1");
	for (u32 pos = 0; pos < 0x10000; pos++)
		good &= cham_packed_pos(cham_packed_wrap(pos, 256), 256) == (pos & 511);
	ok(good, "packed: there and back");
	ok(cham_packed_avail(3, 8) == CHAM_PACKED_F_AVAIL && cham_packed_avail(11, 8) == U &&
	   cham_packed_used(3, 8) == CHAM_PACKED_F_OWNER && cham_packed_used(11, 8) == 0,
	   "packed: whose a descriptor is");
	ok(cham_packed_wants(&e, 8, 1, 0), "packed: an interrupt for everything");
	e.flags = htole16(disable);
	ok(!cham_packed_wants(&e, 8, 1, 0), "packed: for nothing");
	e.flags = htole16(3);
	ok(cham_packed_wants(&e, 8, 1, 0), "packed: flags that are reserved");

	/* Against the definition, entry by entry. */
	e.flags = htole16(at);
	good = 1;
	for (u32 old = 0xfff0; old < 0x10020; old++)
		for (u32 batch = 1; batch <= NUM; batch++)
			for (u32 mark = 0; mark < 2 * NUM; mark++) {
				bool want = false;

				for (u32 p = old; p != old + batch; p++)
					want |= (p & (2 * NUM - 1)) == mark;
				e.at = htole16(cham_packed_wrap(mark, NUM));
				good &= cham_packed_wants(&e, NUM, old + batch, old) == want;
			}
	ok(good, "packed: every mark around every wrap");
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

/* The same bytes as a packed ring: flags where ids are, and the other way round. */
static void test_packed_random(void)
{
	u32 seen[__CHAM_RING_ERR_MAX] = {}, bad = 0;

	for (u32 round = 0; round < 200000; round++) {
		u32 num = 1u << (1 + rnd(6)), room = rnd(9) ? num : rnd(num);
		struct cham_packed *ring = malloc(num * sizeof(*ring));
		struct cham_packed *inner = malloc(num * sizeof(*inner));
		struct packed_result p;
		u16 pos = rnd(0x10000);

		damage((struct cham_desc *)ring, num);
		damage((struct cham_desc *)inner, num);
		for (u32 i = 0; i < num; i++) {
			u16 flags = ((struct cham_desc *)ring)[i].flags;
			u16 at = pos + ((i - pos) & (num - 1));

			ring[i].id = rnd(0x10000);
			ring[i].flags = flags | htole16(cham_packed_avail(at, num) ^
						       (rnd(20) ? 0 : U));
			inner[i].flags = ((struct cham_desc *)inner)[i].flags;
		}
		p = walk_packed(ring, num, pos, room, false, rnd(10), inner);
		if (p.res.err < 0 || p.res.err >= __CHAM_RING_ERR_MAX ||
		    p.res.pieces > num ||
		    (p.got == 1 && (!cham_packed_slots(p.head) ||
				    cham_packed_slots(p.head) > room)))
			bad++;
		else
			seen[p.res.err]++;
		free(ring);
		free(inner);
	}
	ok(!bad, "packed: 200000 random rings end in bounds");
	ok(seen[CHAM_RING_OK] > 10000, "packed: many of them are sound");
	for (int e = CHAM_RING_ERR_ZERO; e <= CHAM_RING_ERR_TABLE_NEXT; e++)
		if (!seen[e])
			printf("# error %d never came up\n", e), bad++;
	bad += !seen[CHAM_RING_ERR_NOT_AVAIL] + !seen[CHAM_RING_ERR_OVERRUN];
	ok(!bad, "packed: and every refusal of the walk came up");
}

int main(void)
{
	test_cases();
	test_indices();
	test_random();
	test_packed_cases();
	test_packed_rounds();
	test_packed_indices();
	test_packed_random();
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
