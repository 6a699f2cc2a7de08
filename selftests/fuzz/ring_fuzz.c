// SPDX-License-Identifier: GPL-2.0
/*
 * The walk along a descriptor chain against what virtio 1.2, section 2.7,
 * says of chains: the whole chain is judged first, from a plain copy, and the
 * walk must find the same buffers and stop for a reason that is there.
 *
 * A second walk runs while the table changes between its steps, as a hostile
 * driver's does: it must end, stay in its memory and only ever report what
 * some descriptor said.
 */
#include "fuzz.h"
#include "ring_walk.h"

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
	return 0;
}
