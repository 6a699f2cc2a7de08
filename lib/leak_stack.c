// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What leak.c knows of the stack, at an instruction and where ways meet. */
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "leak.h"

int cham_leak__too_many(struct leak *l, uint32_t at)
{
	return refuse(l->why, -E2BIG, at,
		      "is on too many ways to follow where pointers go: make it shorter, or call fewer functions");
}

/* ---- states --------------------------------------------------------------- */

struct state *cham_leak__new_state(struct leak *l, uint32_t depth)
{
	size_t size = sizeof(struct state) + depth * sizeof(struct slot[SLOTS]);
	struct state *s = l->idle[depth];

	if (s) {
		l->idle[depth] = s->next;
		return s;
	}
	if (l->bytes + size > STATES_MAX)
		return NULL;
	s = calloc(1, size);
	if (!s)
		return NULL;
	l->bytes += size;
	s->all = l->all;
	l->all = s;
	s->depth = depth;
	return s;
}

void cham_leak__idle(struct leak *l, struct state *s)
{
	s->next = l->idle[s->depth];
	l->idle[s->depth] = s;
}

void cham_leak__copy_frames(struct leak *l, struct state *to, const struct state *from)
{
	uint32_t n = to->depth < from->depth ? to->depth : from->depth;

	memcpy(to->slot, from->slot, n * sizeof(to->slot[0]));
	l->work += n * SLOTS;
}

struct state *cham_leak__copy_of(struct leak *l, const struct state *s)
{
	struct state *to = cham_leak__new_state(l, s->depth);

	if (!to)
		return NULL;
	memcpy(to->reg, s->reg, sizeof(to->reg));
	cham_leak__copy_frames(l, to, s);
	return to;
}

static bool join_val(struct val *to, const struct val *more, bool widen)
{
	struct val v = cham_val_either(to, more, widen);

	if (same(&v, to))
		return false;
	*to = v;
	return true;
}

static bool join_slot(struct slot *to, const struct slot *more, bool widen)
{
	uint8_t written = to->written & more->written, secret = to->secret | more->secret;
	uint8_t len = to->len == more->len && to->from == more->from ? to->len : 0;
	bool changed = written != to->written || secret != to->secret || len != to->len;

	to->written = written;
	to->secret = secret;
	to->len = len;
	return (len && join_val(&to->v, &more->v, widen)) || changed;
}

bool cham_leak__join_frames(struct leak *l, struct state *to, const struct state *more, bool widen)
{
	bool changed = false;
	uint32_t f, i;

	for (f = 0; f < to->depth; f++)
		for (i = 0; i < SLOTS; i++)
			changed |= join_slot(&to->slot[f][i], &more->slot[f][i], widen);
	l->work += to->depth * SLOTS;
	return changed;
}

static void join(struct leak *l, struct state *to, const struct state *more)
{
	unsigned int r;

	for (r = 0; r < REGS; r++)
		join_val(&to->reg[r], &more->reg[r], false);
	cham_leak__join_frames(l, to, more, false);
}

/* In how many slots there is something else to read, if it may be read. */
static uint32_t differ(struct leak *l, const struct state *a, const struct state *b)
{
	uint32_t f, i, n = 0;

	for (f = 0; f < a->depth; f++)
		for (i = 0; i < SLOTS; i++)
			n += a->slot[f][i].written != b->slot[f][i].written ||
			     a->slot[f][i].secret != b->slot[f][i].secret;
	l->work += a->depth * SLOTS;
	return n;
}

/* What nobody reads any more keeps no two states apart. */
void cham_leak__forget_dead(struct leak *l, struct state *st, const struct live *live)
{
	struct slot *k = st->slot[st->depth - 1];
	uint32_t i;

	for (i = 0; i < SLOTS; i++) {
		if (!(live->half[0] >> i & 1))
			k[i].written &= 0xf0;
		if (!(live->half[1] >> i & 1))
			k[i].written &= 0x0f;
		k[i].secret &= k[i].written;
		if (k[i].written != 0xff && k[i].len == 8)
			k[i].len = 0;
	}
	l->work += SLOTS;
}

/* @st is had by @to from now on. Which of some things were written often depends on what is
 * asked for again before they are read: a few states are kept beside each other for that.
 */
void cham_leak__come_to(struct leak *l, struct state **to, struct state *st)
{
	uint32_t n = 0, least = UINT32_MAX, d;
	struct state *s, *nearest = NULL;

	for (s = *to; s; s = s->next) {
		n++;
		d = differ(l, s, st);
		if (d >= least)
			continue;
		least = d;
		nearest = s;
	}
	if (nearest && (!least || n == WAYS)) {
		join(l, nearest, st);
		cham_leak__idle(l, st);
		return;
	}
	st->next = *to;
	*to = st;
}

/* ---- stack ---------------------------------------------------------------- */

/* Bits of the bytes from @lo on that are in slot @i, both in bytes of the frame. */
static uint8_t bytes_in(uint32_t i, int64_t lo, int64_t hi)
{
	uint8_t bits = 0;
	int64_t b;

	for (b = 0; b < 8; b++)
		if (i * 8 + b >= lo && i * 8 + b < hi)
			bits |= 1U << b;
	return bits;
}

/* From where to where in a frame @len bytes at @p + @off may be: all of it, if nobody knows. */
static void reach(const struct val *p, int64_t off, int64_t len, int64_t *lo, int64_t *hi)
{
	*lo = 0;
	*hi = CHAM_STACK_MAX;
	if (p->lo < -CHAM_STACK_MAX * 2 || p->hi > CHAM_STACK_MAX * 2)
		return;
	if (p->lo + off + CHAM_STACK_MAX > 0)
		*lo = p->lo + off + CHAM_STACK_MAX;
	if (p->hi + off + len < 0)
		*hi = p->hi + off + len + CHAM_STACK_MAX;
}

/* Does @p lead to one place in one frame? */
bool cham_leak__is_exact(const struct val *p, int64_t off, int64_t len)
{
	return p->is == STACK && p->lo == p->hi && is_one_kind(p->frames) &&
	       p->lo >= -CHAM_STACK_MAX * 2 && p->lo <= 0 &&
	       p->lo + off >= -CHAM_STACK_MAX && p->lo + off + len <= 0;
}

/* What is at @p + @off is read or written: so deep is the frame of whose it is. */
static void touch(struct leak *l, const struct val *p, int64_t off)
{
	bool known = p->lo >= -CHAM_STACK_MAX * 2 && p->lo <= CHAM_STACK_MAX * 2;
	int64_t deep = known ? -(p->lo + off) : CHAM_STACK_MAX;
	struct cham_func *fn;
	uint32_t f;

	for (f = 0; f < FRAMES; f++) {
		if (!(p->is & STACK) || !(p->frames & 1U << f))
			continue;
		fn = &l->c->func[l->frame[f]];
		if (deep > fn->frame)
			fn->frame = deep;
	}
}

static uint32_t frame_of(const struct val *p)
{
	return __builtin_ctz(p->frames);
}

/* Numbers are written, or may be, when it is not @sure. */
static void write_numbers(struct slot *s, uint8_t bits, bool sure)
{
	if (!bits)
		return;
	s->len = 0;
	if (!sure)
		return;
	s->written |= bits;
	s->secret &= ~bits;
}

static void write_range(struct leak *l, struct state *s, uint32_t frame, int64_t lo, int64_t hi,
			bool sure)
{
	uint32_t i;

	for (i = 0; i < SLOTS; i++)
		write_numbers(&s->slot[frame][i], bytes_in(i, lo, hi), sure);
	l->work += SLOTS;
}

/* @len bytes of numbers to where @p leads. */
void cham_leak__write_at(struct leak *l, struct state *s, const struct val *p, int64_t off,
			 int64_t len)
{
	bool sure = cham_leak__is_exact(p, off, len);
	int64_t lo, hi;
	uint32_t f;

	if (!(p->is & STACK))
		return;
	touch(l, p, off);
	reach(p, off, len, &lo, &hi);
	for (f = 0; f < s->depth; f++)
		if (p->frames & 1U << f)
			write_range(l, s, f, lo, hi, sure);
}

/* @len bytes of what is not known to be written. */
static void unwrite(struct leak *l, struct state *s, const struct val *p, int64_t off,
		    int64_t len)
{
	int64_t lo, hi;
	uint32_t f, i;

	reach(p, off, len, &lo, &hi);
	for (f = 0; f < s->depth; f++)
		for (i = 0; i < SLOTS && p->frames & 1U << f; i++) {
			if (!bytes_in(i, lo, hi))
				continue;
			s->slot[f][i].written &= ~bytes_in(i, lo, hi);
			s->slot[f][i].len = 0;
		}
	l->work += SLOTS;
}

#define UNBOUNDED	", with an index that has no bound"

/* May @len bytes be read, all of them numbers? *@unwritten, if not NULL: not all of them are
 * known to be written.
 */
int cham_leak__read_numbers(struct leak *l, const struct state *s, uint32_t at, const struct val *p,
			    int64_t off, int64_t len, const char *who, uint8_t *unwritten)
{
	bool known = p->lo >= -CHAM_STACK_MAX * 2 && p->hi <= CHAM_STACK_MAX * 2;
	int64_t lo, hi;
	uint32_t f, i;

	touch(l, p, off);
	reach(p, off, len, &lo, &hi);
	l->work += SLOTS;
	for (f = 0; f < s->depth; f++) {
		if (!(p->frames & 1U << f))
			continue;
		for (i = 0; i < SLOTS; i++) {
			const struct slot *k = &s->slot[f][i];
			uint8_t bits = bytes_in(i, lo, hi);

			if (bits & k->secret & k->written)
				return refuse(l->why, -EPERM, at,
					      "%s bytes of the stack that are a pointer or a part of one%s; accepted: numbers",
					      who, known ? "" : UNBOUNDED);
			/* Of bitcode without promises the compiler spills what is undefined
			 * where nothing depends on it, and loads it there: the object as
			 * the tenant gave it is asked for that.
			 */
			if (bits & ~k->written && l->c->normalised && unwritten)
				*unwritten = 1;
			else if (bits & ~k->written)
				return refuse(l->why, -EPERM, at,
					      "%s bytes of the stack that nobody has written on some way to here%s; have them zero from the beginning (= {}), padding too",
					      who, known ? "" : UNBOUNDED);
		}
	}
	return 0;
}

int cham_leak__load_stack(struct leak *l, const struct state *s, uint32_t at, const struct val *p,
			  int64_t off, uint32_t size, struct val *v)
{
	const struct slot *k;
	int64_t b;

	*v = unknown;
	touch(l, p, off);
	if (cham_leak__is_exact(p, off, size)) {
		b = p->lo + off + CHAM_STACK_MAX;
		k = &s->slot[frame_of(p)][b / 8];
		if (k->len == size && k->from == b % 8) {
			*v = k->v;
			return 0;
		}
	}
	return cham_leak__read_numbers(l, s, at, p, off, size, "reads", &v->unwritten);
}

static int store_pointer(struct leak *l, struct state *s, uint32_t at, const struct val *p,
			 int64_t off, uint32_t size, const struct val *v)
{
	struct slot *k;
	int64_t b;

	if (!only(p, STACK | NUMBERS))
		return refuse(l->why, -EPERM, at,
			      "stores a pointer where others may read it; accepted: on the stack, and numbers anywhere (where in a packet: what has been added to ctx->data)");
	if (!cham_leak__is_exact(p, off, size) || size != 8 || (p->lo + off) % 8)
		return refuse(l->why, -EPERM, at,
			      "stores a pointer, or a half of one, at no fixed place of the stack; accepted: in variables by themselves, and arrays with constant indices");
	/* There it would outlive what it leads to. */
	if (v->frames >> frame_of(p) > 1)
		return refuse(l->why, -EPERM, at,
			      "stores the address of a function's own variable in its caller's");
	touch(l, p, off);
	b = p->lo + off;
	k = &s->slot[frame_of(p)][(b + CHAM_STACK_MAX) / 8];
	*k = (struct slot){ .v = *v, .written = 0xff, .secret = 0xff, .len = 8 };
	return 0;
}

int cham_leak__store(struct leak *l, struct state *s, uint32_t at, const struct val *p, int64_t off,
		     uint32_t size, const struct val *v)
{
	struct slot *k;
	int64_t b;

	if (is_pointer(v))
		return store_pointer(l, s, at, p, off, size, v);
	cham_leak__write_at(l, s, p, off, size);
	if (v->unwritten && l->c->normalised) {
		unwrite(l, s, p, off, size);
		return 0;
	}
	if (size < 4 || !cham_leak__is_exact(p, off, size) || (p->lo + off) % size)
		return 0;
	b = p->lo + off + CHAM_STACK_MAX;
	k = &s->slot[frame_of(p)][b / 8];
	k->len = size;
	k->from = b % 8;
	k->v = size == 8 ? *v : cham_val_lower(v);
	return 0;
}
