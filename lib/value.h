/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What a register may hold: leak.c's, with bounds. Pure. */
#ifndef CHAM_VALUE_H
#define CHAM_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#define UNKNOWN_LO	INT64_MIN
#define UNKNOWN_HI	INT64_MAX

/* What a value may be; none of it: nothing that can be read. */
enum {
	/* a number; beside pointers 0, what no pointer is as low as, or any */
	ZERO = 1, LOW = 2, NUMBER = 4,
	CTX = 8, PACKET = 16, STACK = 32, MEMORY = 64, MAP = 128, FUNCTION = 256,
	HALF = 512,	/* a packet pointer's lower 32 bits */
};

#define NUMBERS		(ZERO | LOW | NUMBER)
/* It is known how far these are from their beginning, or which. */
#define RANGED		(CTX | PACKET | STACK | MAP | FUNCTION | HALF)
#define LOW_MAX		UINT32_MAX

struct val {
	int64_t lo, hi;		/* of a number, or of the one kind in RANGED */
	uint16_t is;
	uint16_t frames;	/* STACK: bits, of whose */
	uint8_t unwritten;	/* or on some way what was there before, which may be anything */
};

static const struct val unknown = { UNKNOWN_LO, UNKNOWN_HI, NUMBER, 0, 0 };

static inline struct val number(int64_t lo, int64_t hi)
{
	return (struct val){ .lo = lo, .hi = hi, .is = NUMBER };
}

static inline struct val pointer(uint16_t is)
{
	return (struct val){ .is = is, .lo = is & RANGED ? 0 : UNKNOWN_LO,
			     .hi = is & RANGED ? 0 : UNKNOWN_HI };
}

static inline bool is_pointer(const struct val *v)
{
	return v->is & ~NUMBERS;
}

static inline bool only(const struct val *v, uint16_t is)
{
	return v->is && !(v->is & ~is);
}

static inline bool is_const(const struct val *v)
{
	return v->is == NUMBER && v->lo == v->hi;
}

static inline bool is_zero(const struct val *v)
{
	return is_const(v) && !v->lo;
}

static inline bool is_one_kind(uint16_t is)
{
	return is && !(is & (is - 1));
}

static inline bool same(const struct val *a, const struct val *b)
{
	return a->lo == b->lo && a->hi == b->hi && a->is == b->is && a->frames == b->frames &&
	       a->unwritten == b->unwritten;
}

/* What may be @a as well as @b; @widen: what differs a little may differ in any way. */
struct val cham_val_either(const struct val *a, const struct val *b, bool widen);
/* A number's lower 32 bits. */
struct val cham_val_lower(const struct val *v);
/* Of two numbers; @op and @off are the instruction's, @width 32 or 64. */
struct val cham_val_computed(uint8_t op, int16_t off, const struct val *d, const struct val *s,
			     unsigned int width);
/* A pointer and a number; @minus: that is taken off. */
struct val cham_val_moved(const struct val *p, const struct val *n, bool minus);
/* Of a number that is @op @n, as jumps compare. Return: false when it cannot be. */
bool cham_val_bound(struct val *v, uint8_t op, int64_t n);
/* The jump that is taken where @op is not; 0: there is none. */
uint8_t cham_val_reverse(uint8_t op);

#endif
