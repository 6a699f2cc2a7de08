// SPDX-License-Identifier: GPL-2.0
/*
 * The walk along a descriptor chain against what virtio 1.2, sections 2.7 and
 * 2.8, says of chains: the whole chain is judged first, from a plain copy, and
 * the walk must find the same buffers and stop for a reason that is there.
 *
 * A second walk runs while the table changes between its steps, as a hostile
 * driver's does: it must end, stay in its memory and only ever report what
 * some descriptor said.
 */
#include "fuzz.h"
#include "ring_packed.h"

#define MAX	128

struct plain {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct verdict {
	unsigned int n;			/* buffers before the end or the error */
	struct plain buf[MAX];
	uint32_t errors;		/* set of 1 << enum cham_ring_err; 0: sound */
};

static uint32_t bit(enum cham_ring_err e)
{
	return 1u << e;
}

static struct cham_desc to_wire(struct plain p)
{
	return (struct cham_desc){ htole64(p.addr), htole32(p.len),
				   htole16(p.flags), htole16(p.next) };
}

/* All that is wrong with one descriptor; where several things are, any may be
 * what the walk names.
 */
static uint32_t wrong(struct plain d, uint32_t entries, uint32_t room, bool write,
		      bool indirect_ok, bool inside)
{
	unsigned __int128 end = (unsigned __int128)d.addr + d.len;
	uint32_t e = 0;

	if (d.len == 0)
		e |= bit(CHAM_RING_ERR_ZERO);
	if (end >> 64)
		e |= bit(CHAM_RING_ERR_WRAP);
	if (d.flags & 4) {
		if (!indirect_ok)
			e |= bit(CHAM_RING_ERR_NO_INDIRECT);
		if (inside)
			e |= bit(CHAM_RING_ERR_NESTED);
		if (d.flags & 1)
			e |= bit(CHAM_RING_ERR_TABLE_NEXT);
		if (d.len % 16 || d.len / 16 > room)
			e |= bit(CHAM_RING_ERR_TABLE);
	} else {
		if (!(d.flags & 2) == write)
			e |= bit(CHAM_RING_ERR_DIRECTION);
		if (d.flags & 1 && d.next >= entries)
			e |= bit(CHAM_RING_ERR_NEXT);
	}
	return e;
}

static void judge(struct verdict *v, const struct plain *table, uint32_t num,
		  uint32_t head, bool write, bool indirect_ok,
		  const struct plain *inner)
{
	const struct plain *now = table;
	uint32_t entries = num, at = head;

	v->n = 0;
	v->errors = 0;
	if (head >= num) {
		v->errors = bit(CHAM_RING_ERR_HEAD);
		return;
	}
	for (;;) {
		struct plain d = now[at];

		if (v->n == num) {
			v->errors = bit(CHAM_RING_ERR_LOOP);
			return;
		}
		v->errors = wrong(d, entries, num - v->n, write, indirect_ok,
				  now != table);
		if (v->errors)
			return;
		if (d.flags & 4) {
			now = inner;
			entries = d.len / 16;
			at = 0;
			continue;
		}
		v->buf[v->n++] = d;
		if (!(d.flags & 1))
			return;
		at = d.next;
	}
}

static struct plain from_input(struct fuzz_in *in, uint32_t num)
{
	uint8_t how = fuzz_u8(in);
	struct plain d = { .flags = how & 7 };

	/* Mostly what a driver would write, so that chains get long. */
	d.addr = how & 0x08 ? ((uint64_t)fuzz_u32(in) << 32 | fuzz_u32(in)) :
			      fuzz_u8(in) * 4096u;
	d.len = how & 0x10 ? fuzz_u32(in) : (how & 4 ? 16 * fuzz_u8(in) : fuzz_u8(in));
	d.next = fuzz_u8(in) % num;
	if (how & 0x20)			/* around the end, or anywhere */
		d.next = how & 0x40 ? fuzz_u16(in) : num - 1 + d.next % 3;
	if (how & 0x80)
		d.flags |= fuzz_u8(in) << 3;
	return d;
}

static void walk_still(const struct plain *table, uint32_t num, uint32_t head,
		       bool write, bool indirect_ok, const struct plain *inner)
{
	struct cham_desc *wire = malloc(num * sizeof(*wire)), *copy = NULL;
	struct cham_piece seg;
	struct cham_walk w;
	struct verdict v;
	unsigned int n = 0;
	int ret;

	for (uint32_t i = 0; i < num; i++)
		wire[i] = to_wire(table[i]);
	judge(&v, table, num, head, write, indirect_ok, inner);
	ret = cham_walk_start(&w, wire, num, head, write, indirect_ok);
	while (!ret) {
		ret = cham_walk_next(&w, &seg);
		if (ret == CHAM_WALK_END)
			break;
		if (ret == CHAM_WALK_TABLE) {
			must(!copy, "a second table");
			must(seg.len && seg.len <= num * 16, "table of %u bytes", seg.len);
			copy = malloc(seg.len);
			for (uint32_t i = 0; i < seg.len / 16; i++)
				copy[i] = to_wire(inner[i]);
			cham_walk_enter(&w, copy, seg.len);
			ret = 0;
		} else if (ret == CHAM_WALK_SEG) {
			must(n < v.n, "buffer %u of %u", n, v.n);
			must(seg.addr == v.buf[n].addr && seg.len == v.buf[n].len,
			     "buffer %u", n);
			n++;
			ret = 0;
		}
	}
	must(n == v.n, "%u buffers of %u, error %d", n, v.n, -ret);
	if (ret < 0)
		must(v.errors & bit(-ret), "error %d, wanted one of %#x", -ret, v.errors);
	else
		must(!v.errors, "no error, wanted one of %#x", v.errors);
	free(copy);
	free(wire);
}

/* What descriptors said at any time: the reports must be among it. */
static bool said(const struct plain *log, unsigned int n, struct cham_piece seg)
{
	while (n--)
		if (log[n].addr == seg.addr && log[n].len == seg.len)
			return true;
	return false;
}

static void walk_moving(struct fuzz_in *in, const struct plain *table, uint32_t num,
			uint32_t head, bool write, bool indirect_ok,
			const struct plain *inner)
{
	struct cham_desc *wire = malloc(num * sizeof(*wire)), *copy = NULL;
	struct plain log[4 * MAX + 4];
	struct cham_piece seg;
	struct cham_walk w;
	unsigned int n = 0, logged = 0, steps = 0;
	int ret;

	for (uint32_t i = 0; i < num; i++) {
		wire[i] = to_wire(table[i]);
		log[logged++] = table[i];
	}
	ret = cham_walk_start(&w, wire, num, head, write, indirect_ok);
	while (!ret) {
		struct plain d = from_input(in, num);

		wire[fuzz_u8(in) % num] = to_wire(d);
		log[logged++] = d;
		must(++steps <= num + 2, "%u steps in a ring of %u", steps, num);
		ret = cham_walk_next(&w, &seg);
		if (ret == CHAM_WALK_END)
			break;
		if (ret < 0) {
			must(-ret > CHAM_RING_ERR_HEAD && -ret <= CHAM_RING_ERR_TABLE_NEXT,
			     "error %d", -ret);
			break;
		}
		must(said(log, logged, seg), "nobody said %#llx, %u",
		     (unsigned long long)seg.addr, seg.len);
		must(seg.len && seg.addr + seg.len > seg.addr, "no such buffer");
		if (ret == CHAM_WALK_TABLE) {
			must(!copy && indirect_ok, "unexpected table");
			must(seg.len % 16 == 0 && seg.len / 16 <= num - n,
			     "table of %u bytes", seg.len);
			copy = malloc(seg.len);
			for (uint32_t i = 0; i < seg.len / 16; i++) {
				copy[i] = to_wire(inner[i]);
				log[logged++] = inner[i];
			}
			cham_walk_enter(&w, copy, seg.len);
		} else {
			must(++n <= num, "%u buffers in a ring of %u", n, num);
		}
		ret = 0;
	}
	free(copy);
	free(wire);
}

/* Packed rings. A descriptor's owner is the one of its place's round, unless the
 * input says otherwise; its id is what a split ring has as the next one.
 */
#define ODD_OWNER	(1 << 6)

static uint16_t owner(uint32_t pos, uint32_t num, bool used)
{
	bool counter = pos / num % 2 == 0;

	return (counter ? 1 << 7 : 0) | (counter == used ? 1 << 15 : 0);
}

static uint16_t owned(struct plain d, uint32_t pos, uint32_t num)
{
	uint16_t flags = d.flags & ~(1 << 7 | 1 << 15 | ODD_OWNER);

	if (d.flags & ODD_OWNER)
		return flags | (d.flags << 1 & 1 << 7) | (d.len & 1) << 15;
	return flags | owner(pos, num, false);
}

static struct cham_packed to_packed(struct plain p, uint16_t flags)
{
	return (struct cham_packed){ .addr = htole64(p.addr), .len = htole32(p.len),
				     .id = htole16(p.next), .flags = htole16(flags) };
}

/* A ring as a driver at @pos would leave it. */
static void turn(struct plain *table, uint32_t num, uint16_t pos)
{
	for (uint32_t i = 0; i < num; i++) {
		struct plain *d = &table[(uint16_t)(pos + i) % num];

		d->flags = owned(*d, (uint16_t)(pos + i), num);
	}
}

static struct cham_packed *packed_new(const struct plain *table, uint32_t n)
{
	struct cham_packed *ring = malloc(n * sizeof(*ring));

	for (uint32_t i = 0; i < n; i++)
		ring[i] = to_packed(table[i], table[i].flags);
	return ring;
}

/* -> what cham_packed_start() is to say, or a set of errors of the chain */
static int judge_packed(struct verdict *v, const struct plain *table, uint32_t num,
			uint16_t pos, uint32_t room, bool write, bool indirect_ok,
			const struct plain *inner, uint32_t *slots)
{
	uint32_t n = 0;

	v->n = 0;
	v->errors = 0;
	for (;;) {
		struct plain d = table[(uint16_t)(pos + n) % num];

		if ((d.flags & (1 << 7 | 1 << 15)) != owner((uint16_t)(pos + n), num, false))
			return n ? -CHAM_RING_ERR_NOT_AVAIL : 0;
		if (n == room)
			return -CHAM_RING_ERR_OVERRUN;
		n++;
		if (!(d.flags & 1))
			break;
	}
	*slots = n;
	for (uint32_t i = 0; i < n; i++) {
		struct plain d = table[(uint16_t)(pos + i) % num];

		/* What is chained on is what is not alone. */
		d.flags = (d.flags & 6) | (n > 1);
		d.next = 0;
		v->errors = wrong(d, num, num, write, indirect_ok, false);
		if (v->errors)
			return 1;
		if (!(d.flags & 4)) {
			v->buf[v->n++] = d;
			continue;
		}
		for (uint32_t k = 0; k < d.len / 16; k++) {
			struct plain t = inner[k];

			t.flags &= 6;
			v->errors = wrong(t, num, num, write, indirect_ok, true);
			if (v->errors)
				return 1;
			v->buf[v->n++] = t;
		}
	}
	return 1;
}

static void packed_still(const struct plain *table, uint32_t num, uint16_t pos, uint32_t room,
			 bool write, bool indirect_ok, const struct plain *inner)
{
	struct cham_packed *ring = packed_new(table, num), *copy = NULL;
	unsigned int n = 0, slots = 0;
	struct cham_piece seg;
	struct cham_walk w;
	struct verdict v;
	int ret, want;
	u32 head;

	want = judge_packed(&v, table, num, pos, room, write, indirect_ok, inner, &slots);
	ret = cham_packed_start(&w, ring, num, pos, room, write, indirect_ok, &head);
	must(ret == want, "start says %d, wanted %d", ret, want);
	if (ret == 1) {
		must(cham_packed_slots(head) == slots, "%u descriptors of %u",
		     cham_packed_slots(head), slots);
		must((uint16_t)head == table[(uint16_t)(pos + slots - 1) % num].next,
		     "id %u", (uint16_t)head);
	}
	while (ret == 1) {
		ret = cham_packed_next(&w, &seg);
		if (ret == CHAM_WALK_TABLE) {
			must(!copy, "a second table");
			must(seg.len && seg.len <= num * 16, "table of %u bytes", seg.len);
			copy = packed_new(inner, seg.len / 16);
			cham_packed_enter(&w, copy, seg.len);
			ret = 1;
		} else if (ret == CHAM_WALK_SEG) {
			must(n < v.n, "buffer %u of %u", n, v.n);
			must(seg.addr == v.buf[n].addr && seg.len == v.buf[n].len,
			     "buffer %u", n);
			n++;
		}
	}
	must(n == v.n, "%u buffers of %u, error %d", n, v.n, -ret);
	if (ret < 0 && want == 1)
		must(v.errors & bit(-ret), "error %d, wanted one of %#x", -ret, v.errors);
	else if (want == 1)
		must(!v.errors, "no error, wanted one of %#x", v.errors);
	free(copy);
	free(ring);
}

static void packed_moving(struct fuzz_in *in, const struct plain *table,
			  uint32_t num, uint16_t pos, bool write, bool indirect_ok,
			  const struct plain *inner)
{
	struct cham_packed *ring = packed_new(table, num), *copy = NULL;
	struct plain log[4 * MAX + 4];
	struct cham_piece seg;
	struct cham_walk w;
	unsigned int n = 0, logged = 0, steps = 0;
	int ret;
	u32 head;

	for (uint32_t i = 0; i < num; i++)
		log[logged++] = table[i];
	ret = cham_packed_start(&w, ring, num, pos, num, write, indirect_ok, &head);
	while (ret == 1) {
		struct plain d = from_input(in, num);
		uint16_t at = pos + fuzz_u8(in) % num;

		ring[at % num] = to_packed(d, owned(d, at, num));
		log[logged++] = d;
		must(++steps <= num + 2, "%u steps in a ring of %u", steps, num);
		ret = cham_packed_next(&w, &seg);
		if (ret <= 0)
			break;
		must(said(log, logged, seg), "nobody said %#llx, %u",
		     (unsigned long long)seg.addr, seg.len);
		must(seg.len && seg.addr + seg.len > seg.addr, "no such buffer");
		if (ret == CHAM_WALK_TABLE) {
			must(!copy && indirect_ok, "unexpected table");
			must(seg.len % 16 == 0 && seg.len / 16 <= num,
			     "table of %u bytes", seg.len);
			copy = packed_new(inner, seg.len / 16);
			for (uint32_t i = 0; i < seg.len / 16; i++)
				log[logged++] = inner[i];
			cham_packed_enter(&w, copy, seg.len);
			ret = 1;
		} else {
			must(++n <= num, "%u buffers in a ring of %u", n, num);
		}
	}
	must(ret >= -CHAM_RING_ERR_OVERRUN, "error %d", -ret);
	free(copy);
	free(ring);
}

/* Chains of any length are given back: the first descriptor of each becomes the
 * driver's, nothing else changes. And the driver's mark among them.
 */
static void packed_back(struct fuzz_in *in, const struct plain *table,
			uint32_t num, uint16_t pos, uint16_t mark)
{
	struct cham_packed *ring = packed_new(table, num);
	struct cham_packed *before = malloc(num * sizeof(*before));
	struct cham_used_elem *done = calloc(num, sizeof(*done));
	struct cham_notify ask = {};
	uint32_t slots[MAX], id[MAX], len[MAX];
	unsigned int n = 0, all = 0, at = 0;
	bool passed = false;

	memcpy(before, ring, num * sizeof(*ring));
	do {
		slots[n] = 1 + fuzz_u8(in) % 4;
		if (slots[n] > num - all)
			slots[n] = num - all;
		id[n] = fuzz_u16(in);
		len[n] = fuzz_u8(in) & 1 ? fuzz_u32(in) : 0;
		all += slots[n];
		done[(uint16_t)(pos + all - 1) % num] = (struct cham_used_elem) {
			htole32(cham_packed_head(id[n], slots[n])), htole32(len[n]) };
		n++;
	} while (all < num && fuzz_u8(in) % 8);
	cham_packed_publish(ring, done, num, pos, pos + all);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t place = (uint16_t)(pos + at) % num;
		uint16_t flags = owner((uint16_t)(pos + at), num, true) | (len[i] ? 2 : 0);

		must(le16toh(ring[place].flags) == flags && le16toh(ring[place].id) == id[i] &&
		     le32toh(ring[place].len) == len[i] &&
		     ring[place].addr == before[place].addr, "chain %u at %u", i, place);
		before[place] = ring[place];
		at += slots[i];
	}
	must(!memcmp(ring, before, num * sizeof(*ring)), "something else changed");

	mark %= 2 * num;
	for (uint32_t i = 0; i < all; i++)
		passed |= (uint16_t)(pos + i) % (2 * num) == mark;
	ask.at = htole16(cham_packed_wrap(mark, num));
	must(cham_packed_pos(le16toh(ask.at), num) == mark, "mark %u", mark);
	ask.flags = htole16(2);
	must(cham_packed_wants(&ask, num, pos + all, pos) == passed, "mark %u in %u..%u",
	     mark, pos, pos + all);
	free(done);
	free(before);
	free(ring);
}

static void indices(uint16_t avail, uint16_t last, uint32_t num, uint16_t mark)
{
	bool passed = false;
	uint16_t i;
	int n = 0;

	/* Count the entries one after the other. */
	while (n <= (int)num && (uint16_t)(last + n) != avail)
		n++;
	must(cham_walk_pending(avail, last, num) ==
	     (n <= (int)num ? n : -CHAM_RING_ERR_JUMP), "%u after %u", avail, last);
	for (i = last; i != avail; i++)
		passed |= i == mark;
	must(cham_walk_need_event(mark, avail, last) == passed, "mark %u in %u..%u",
	     mark, last, avail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct plain table[MAX], inner[MAX];
	uint8_t how = fuzz_u8(&in);
	uint32_t num = 1u << (how & 7), head = fuzz_u8(&in);
	bool write = how & 0x08, indirect_ok = how & 0x10;
	uint16_t avail = fuzz_u16(&in), last = fuzz_u16(&in), mark = fuzz_u16(&in);

	if (how & 0x20)
		head = how & 0x80 ? fuzz_u16(&in) : num - 1 + head % 3;
	else
		head %= num;
	indices(avail, last, num, mark);
	for (uint32_t i = 0; i < num; i++)
		table[i] = from_input(&in, num);
	for (uint32_t i = 0; i < num; i++)
		inner[i] = from_input(&in, num);
	walk_still(table, num, head, write, indirect_ok, inner);
	if (how & 0x40)
		walk_moving(&in, table, num, head, write, indirect_ok, inner);

	turn(table, num, avail);
	packed_still(table, num, avail, how & 0x80 ? head % (num + 1) : num, write,
		     indirect_ok, inner);
	if (how & 0x40)
		packed_moving(&in, table, num, avail, write, indirect_ok, inner);
	packed_back(&in, table, num, avail, mark);
	return 0;
}
