/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Where the kernel's addresses go: what leak.c and leak_stack.c share. */
#ifndef CHAM_LEAK_H
#define CHAM_LEAK_H

#include <errno.h>

#include "cost.h"
#include "value.h"

#define FRAMES		16
#define SLOTS		(CHAM_STACK_MAX / 8)
#define WORK_MAX	(1U << 26)	/* slots looked at: a second, about */
#define STATES_MAX	(64U << 20)	/* bytes */
#define REGS		11
#define WAYS		8	/* states beside each other */

/* Eight bytes of stack. Those of @secret may be a part of a pointer. */
struct slot {
	struct val v;		/* of @len bytes from @from on: written, and kept, as one */
	uint8_t len, from;	/* 8, or 4 from 0 or 4 on that are a number; or there is none */
	uint8_t written;	/* bits, of bytes; on all ways */
	uint8_t secret;
};

struct state {
	struct state *next, *all;
	uint32_t depth;		/* frames */
	struct val reg[REGS];
	struct slot slot[][SLOTS];
};

/* Bits, of slots, that code behind here reads: by their lower and upper halves. */
struct live {
	uint64_t half[2];
};

struct leak {
	struct cham_code *c;
	struct cham_verdict_at *why;
	struct state **at;	/* those that an instruction is come to with */
	struct live *live;
	struct state *idle[FRAMES + 1], *all;
	size_t bytes;
	uint32_t work;
	uint32_t busy;		/* bits, of functions */
	uint32_t frame[FRAMES];	/* numbers of the functions that have them */
};

/* What nobody wrote the verifier lets nobody read, where it sees the code. */
static inline struct val reg(const struct state *s, unsigned int r)
{
	struct val v = s->reg[r].is ? s->reg[r] : unknown;

	v.unwritten |= !s->reg[r].is;
	return v;
}

int cham_leak__too_many(struct leak *l, uint32_t at);
struct state *cham_leak__new_state(struct leak *l, uint32_t depth);
void cham_leak__idle(struct leak *l, struct state *s);
void cham_leak__copy_frames(struct leak *l, struct state *to, const struct state *from);
struct state *cham_leak__copy_of(struct leak *l, const struct state *s);
bool cham_leak__join_frames(struct leak *l, struct state *to, const struct state *more, bool widen);
void cham_leak__forget_dead(struct leak *l, struct state *st, const struct live *live);
void cham_leak__come_to(struct leak *l, struct state **to, struct state *st);
void cham_leak__write_at(struct leak *l, struct state *s, const struct val *p, int64_t off,
			 int64_t len);
int cham_leak__read_numbers(struct leak *l, const struct state *s, uint32_t at, const struct val *p,
			    int64_t off, int64_t len, const char *who, uint8_t *unwritten);
int cham_leak__load_stack(struct leak *l, const struct state *s, uint32_t at, const struct val *p,
			  int64_t off, uint32_t size, struct val *v);
int cham_leak__store(struct leak *l, struct state *s, uint32_t at, const struct val *p, int64_t off,
		     uint32_t size, const struct val *v);
bool cham_leak__is_exact(const struct val *p, int64_t off, int64_t len);

#endif
