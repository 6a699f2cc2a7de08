// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Values with bounds. A number is taken as one with a sign, of 64 bits; it has bounds where
 * an index or a length needs them, and where they are cheap to know.
 */
#include <linux/bpf.h>

#include "value.h"

/* What is said of a number beside a pointer. */
static uint16_t beside(const struct val *v)
{
	if (v->is != NUMBER)
		return v->is;
	if (v->lo < 0 || v->hi > (int64_t)LOW_MAX)
		return NUMBER;
	return v->hi ? LOW : ZERO;
}

static void forget_range(struct val *v)
{
	v->lo = UNKNOWN_LO;
	v->hi = UNKNOWN_HI;
}

struct val cham_val_either(const struct val *a, const struct val *b, bool widen)
{
	struct val v = *a;
	uint16_t of_a, of_b;

	if (!a->is || !b->is) {
		v = a->is ? *a : *b;
		v.unwritten = !!v.is;
		return v;
	}
	v.frames |= b->frames;
	v.unwritten |= b->unwritten;
	if (is_pointer(a) || is_pointer(b)) {
		v.is = beside(a) | beside(b);
		of_a = a->is & ~NUMBERS;
		of_b = b->is & ~NUMBERS;
	} else {
		v.is = NUMBER;
		of_a = NUMBER;
		of_b = NUMBER;
	}
	if (of_a && of_b && (of_a != of_b || !is_one_kind(of_a))) {
		forget_range(&v);
	} else if (!of_a) {
		v.lo = b->lo;
		v.hi = b->hi;
	} else if (of_b && (a->lo != b->lo || a->hi != b->hi)) {
		v.lo = a->lo < b->lo ? a->lo : b->lo;
		v.hi = a->hi > b->hi ? a->hi : b->hi;
		if (widen || v.is & (MAP | FUNCTION))
			forget_range(&v);
	}
	return v;
}

struct val cham_val_lower(const struct val *v)
{
	if (v->lo >= 0 && v->hi <= UINT32_MAX)
		return number(v->lo, v->hi);
	/* All of one sign, or one number, keep their order. */
	if (v->lo == v->hi || (v->lo >= INT32_MIN && v->hi < 0))
		return number((uint32_t)v->lo, (uint32_t)v->hi);
	return number(0, UINT32_MAX);
}

/* The most that has no more bits than @n. */
static int64_t all_bits(int64_t n)
{
	return n > 0 ? (int64_t)(UINT64_MAX >> __builtin_clzll(n)) : 0;
}

static struct val shifted(uint8_t op, const struct val *d, const struct val *s, unsigned int width)
{
	bool unsigned_ = d->lo >= 0;
	int64_t by = s->lo;

	if (!is_const(s) || by < 0 || by >= width)
		return op == BPF_RSH && unsigned_ ? number(0, d->hi) : unknown;
	switch (op) {
	case BPF_LSH:
		if (unsigned_ && d->hi <= INT64_MAX >> by)
			return number(d->lo << by, d->hi << by);
		return unknown;
	case BPF_RSH:
		if (unsigned_)
			return number(d->lo >> by, d->hi >> by);
		return by ? number(0, UINT64_MAX >> by) : *d;
	}
	if (width == 32 && d->hi > INT32_MAX)
		return unknown;
	return number(d->lo >> by, d->hi >> by);
}

/* What is not bounded here has no bound. */
struct val cham_val_computed(uint8_t op, int16_t off, const struct val *d, const struct val *s,
			     unsigned int width)
{
	bool positive = d->lo >= 0 && s->lo >= 0;
	int64_t lo, hi;

	switch (op) {
	case BPF_ADD:
		if (__builtin_add_overflow(d->lo, s->lo, &lo) ||
		    __builtin_add_overflow(d->hi, s->hi, &hi))
			return unknown;
		return number(lo, hi);
	case BPF_SUB:
		if (__builtin_sub_overflow(d->lo, s->hi, &lo) ||
		    __builtin_sub_overflow(d->hi, s->lo, &hi))
			return unknown;
		return number(lo, hi);
	case BPF_AND:
		if (d->lo < 0 && s->lo < 0)
			return unknown;
		hi = d->lo < 0 || (s->lo >= 0 && s->hi < d->hi) ? s->hi : d->hi;
		return number(0, hi);
	case BPF_OR:
	case BPF_XOR:
		return positive ? number(0, all_bits(d->hi | s->hi)) : unknown;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		return shifted(op, d, s, width);
	case BPF_MUL:
		if (!positive || __builtin_mul_overflow(d->hi, s->hi, &hi))
			return unknown;
		return number(0, hi);
	case BPF_DIV:
		return positive && !off ? number(0, d->hi) : unknown;
	case BPF_MOD:
		if (off || s->lo <= 0)
			return positive && !off ? number(0, d->hi) : unknown;
		return number(0, s->hi - 1);
	}
	return unknown;
}

struct val cham_val_moved(const struct val *p, const struct val *n, bool minus)
{
	struct val v = *p, sum;

	if (v.is & NUMBERS)
		v.is = (v.is & ~NUMBERS) |
		       (!minus && !(v.is & NUMBER) && n->lo >= 0 && n->hi <= 0xffff ? LOW : NUMBER);
	if (v.is & (MAP | FUNCTION) || !(v.is & RANGED)) {
		forget_range(&v);
		return v;
	}
	sum = cham_val_computed(minus ? BPF_SUB : BPF_ADD, 0, p, n, 64);
	v.lo = sum.lo;
	v.hi = sum.hi;
	return v;
}

uint8_t cham_val_reverse(uint8_t op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JNE:
		return BPF_JEQ;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JLE:
		return BPF_JGT;
	case BPF_JGE:
		return BPF_JLT;
	case BPF_JLT:
		return BPF_JGE;
	case BPF_JSGT:
		return BPF_JSLE;
	case BPF_JSLE:
		return BPF_JSGT;
	case BPF_JSGE:
		return BPF_JSLT;
	case BPF_JSLT:
		return BPF_JSGE;
	}
	return 0;
}

bool cham_val_bound(struct val *v, uint8_t op, int64_t n)
{
	int64_t lo = v->lo, hi = v->hi;

	if (n == INT64_MIN || n == INT64_MAX)
		return true;
	switch (op) {
	case BPF_JEQ:
		lo = n > lo ? n : lo;
		hi = n < hi ? n : hi;
		break;
	case BPF_JNE:
		lo += lo == n && lo != UNKNOWN_LO;
		hi -= hi == n && hi != UNKNOWN_HI;
		break;
	case BPF_JLT:
	case BPF_JLE:
		/* As numbers without a sign, of which those with one are the largest. */
		if (n < 0)
			return true;
		lo = lo < 0 ? 0 : lo;
		hi = n - (op == BPF_JLT) < hi ? n - (op == BPF_JLT) : hi;
		break;
	case BPF_JGT:
	case BPF_JGE:
		if (n < 0 || lo < 0)
			return true;
		n += op == BPF_JGT;
		lo = n > lo ? n : lo;
		break;
	case BPF_JSLT:
	case BPF_JSLE:
		hi = n - (op == BPF_JSLT) < hi ? n - (op == BPF_JSLT) : hi;
		break;
	case BPF_JSGT:
	case BPF_JSGE:
		n += op == BPF_JSGT;
		lo = n > lo ? n : lo;
		break;
	}
	if (lo > hi)
		return false;
	v->lo = lo;
	v->hi = hi;
	return true;
}
