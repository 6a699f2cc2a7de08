// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A bound on what code costs: the longest path, each instruction weighted with
 * what the x86 JIT makes of it, helpers with what they were measured to take at
 * most. For that the code must have no way round: no loops, functions do not call
 * themselves, and repetition is bpf_loop() with a constant count. One walk that
 * leaves an instruction when all behind it are known then sees each once.
 *
 * Cycles are a model: a load that hits the first-level cache, no misprediction.
 * They are for comparing handlers and for the order of magnitude; what a handler
 * took is in the ledger.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "code.h"
#include "cost.h"

/* Where it says how long its data are. */
#define CHAM_DATA_R(n)	(1U << (n))	/* in this register */
#define CHAM_DATA_VALUE	1U		/* a map's value */

static const struct helper {
	uint32_t id;
	const char *name;
	const char *takes;	/* see cham_helper_takes() */
	struct cham_cost call, key, data, copy;
	uint32_t of;
} helpers[] = {
#include "helpers.h"
};

static const struct helper *helper(uint32_t id)
{
	size_t i;

	for (i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		if (helpers[i].id == id)
			return &helpers[i];
	return NULL;
}

/* Of those that handlers may not call, too. */
static const char *any_helper(int32_t id)
{
	static const char *const names[] = {
#define NAME(x) "bpf_" #x
		__BPF_FUNC_MAPPER(NAME)
#undef NAME
	};

	return id > 0 && id < (int32_t)(sizeof(names) / sizeof(names[0])) ?
	       names[id] : "unknown";
}

const char *cham_helper_name(uint32_t id)
{
	const struct helper *h = helper(id);

	return h ? h->name : NULL;
}

const char *cham_helper_takes(uint32_t id)
{
	const struct helper *h = helper(id);

	return h ? h->takes : NULL;
}

static bool is_atomic(const struct bpf_insn *i)
{
	switch (i->imm) {
	case BPF_ADD:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
	case BPF_ADD | BPF_FETCH:
	case BPF_OR | BPF_FETCH:
	case BPF_AND | BPF_FETCH:
	case BPF_XOR | BPF_FETCH:
	case BPF_XCHG:
	case BPF_CMPXCHG:
		return BPF_SIZE(i->code) == BPF_W || BPF_SIZE(i->code) == BPF_DW;
	}
	return false;
}

/* What can be weighed. An instruction that only a later kernel has may do anything. */
static bool is_known(const struct bpf_insn *i)
{
	uint8_t op = BPF_OP(i->code), mode = BPF_MODE(i->code), class = BPF_CLASS(i->code);

	switch (class) {
	case BPF_LD:
		return is_ld64(i);
	case BPF_LDX:
		return mode == BPF_MEM || (mode == MODE_MEMSX && BPF_SIZE(i->code) != BPF_DW);
	case BPF_ST:
		return mode == BPF_MEM;
	case BPF_STX:
		return mode == BPF_MEM || (mode == BPF_ATOMIC && is_atomic(i));
	case BPF_ALU:
	case BPF_ALU64:
		return op <= BPF_END;
	}
	/* jumps */
	if (op == BPF_JA || op == BPF_CALL || op == BPF_EXIT)
		return BPF_SRC(i->code) == BPF_K && (class == BPF_JMP || op == BPF_JA);
	return op <= BPF_JSLE;
}

static struct cham_cost weight(const struct bpf_insn *i)
{
	struct cham_cost w = { 1, 1 };

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		switch (BPF_OP(i->code)) {
		case BPF_MUL:
			w = (struct cham_cost){ 2, 4 };
			break;
		case BPF_DIV:
		case BPF_MOD:
			w = (struct cham_cost){ 10, 40 };
			break;
		case BPF_LSH:
		case BPF_RSH:
		case BPF_ARSH:
			if (BPF_SRC(i->code) == BPF_X)
				w = (struct cham_cost){ 5, 5 };
			break;
		case BPF_END:
			w = (struct cham_cost){ 3, 3 };
		}
		break;
	case BPF_LDX:
		w = (struct cham_cost){ 2, 5 };
		break;
	case BPF_STX:
		/* fetch_and and the like are loops around cmpxchg */
		if (BPF_MODE(i->code) == BPF_ATOMIC)
			w = (struct cham_cost){ 9, 40 };
		break;
	case BPF_JMP:
	case BPF_JMP32:
		w = (struct cham_cost){ 2, 2 };
		break;
	}
	return w;
}

/* A function's own: prologue, five registers kept, epilogue. */
static const struct cham_cost frame_cost = { 18, 18 };
/* bpf_loop() around each call of its function. */
static const struct cham_cost turn_cost = { 12, 14 };

static void add(struct cham_cost *to, const struct cham_cost *more, uint64_t times)
{
	uint64_t insns, cycles;

	if (__builtin_mul_overflow(more->insns, times, &insns) ||
	    __builtin_add_overflow(to->insns, insns, &to->insns))
		to->insns = UINT64_MAX;
	if (__builtin_mul_overflow(more->cycles, times, &cycles) ||
	    __builtin_add_overflow(to->cycles, cycles, &to->cycles))
		to->cycles = UINT64_MAX;
}

/* Bytes in eights, beyond the first. */
static uint64_t eights(uint64_t bytes)
{
	return bytes > 8 ? (bytes - 1) / 8 : 0;
}

int cham_helper_bound(uint32_t id, const struct cham_sizes *sizes, uint64_t data,
		      struct cham_cost *cost)
{
	const struct helper *h = helper(id);

	if (!h)
		return -ENOENT;
	*cost = h->call;
	add(cost, &h->key, eights(sizes->key));
	add(cost, &h->data, eights(data));
	if (sizes->copies > 1) {
		add(cost, &h->copy, sizes->copies);
		if (h->of == CHAM_DATA_VALUE)
			add(cost, &h->data, eights(data) * (sizes->copies - 1));
	}
	return 0;
}

/* What register @reg holds before instruction @at, if that is plain to see: the
 * instruction that wrote it, with nothing that could come in between.
 */
static int64_t writer_of(const struct cham_code *c, const struct cham_func *f,
			 uint32_t at, uint8_t reg)
{
	while (at > f->start && !c->target[at]) {
		const struct bpf_insn *i = &c->insn[at - 1];

		/* The second half of a 64-bit constant looks like nothing. */
		if (at >= f->start + 2 && is_ld64(i - 1)) {
			at -= 2;
			if (c->insn[at].dst_reg == reg)
				return at;
			continue;
		}
		at--;
		/* What is behind a jump that is not taken is behind it alone. */
		if (is_call(i) || is_goto(i) || is_exit(i))
			return -1;
		if (is_jump(i))
			continue;
		if (BPF_CLASS(i->code) == BPF_ST || BPF_CLASS(i->code) == BPF_STX) {
			if (BPF_MODE(i->code) == BPF_ATOMIC && reg <= i->src_reg)
				return -1;
			continue;
		}
		if (i->dst_reg == reg)
			return at;
	}
	return -1;
}

static bool is_constant(const struct bpf_insn *i)
{
	return i->code == (BPF_ALU64 | BPF_MOV | BPF_K) || i->code == (BPF_ALU | BPF_MOV | BPF_K);
}

/* At most so many bytes: of a register that is plainly constant, or masked. */
static uint64_t length_in(const struct cham_code *c, const struct cham_func *f, uint32_t at,
			  uint8_t reg)
{
	int64_t from = writer_of(c, f, at, reg);
	const struct bpf_insn *i = from < 0 ? NULL : &c->insn[from];

	if (i && i->imm >= 0 &&
	    (is_constant(i) || i->code == (BPF_ALU64 | BPF_AND | BPF_K) ||
	     i->code == (BPF_ALU | BPF_AND | BPF_K)))
		return i->imm;
	return c->sizes.memory;
}

static int cost_of_helper(const struct cham_code *c, const struct cham_func *f, uint32_t at,
			  struct cham_cost *cost)
{
	const struct helper *h = helper(c->insn[at].imm);
	uint64_t data = 0;
	uint8_t reg;

	if (h && h->of == CHAM_DATA_VALUE)
		data = c->sizes.value;
	for (reg = 1; h && reg <= 5; reg++)
		if (h->of & CHAM_DATA_R(reg))
			data += length_in(c, f, at, reg);
	return cham_helper_bound(c->insn[at].imm, &c->sizes, data, cost);
}

static int visit(struct cham_code *c, uint32_t f, struct cham_verdict_at *at);

/* The reader of a ring buffer is woken when it waits, or never. */
static bool is_lazy(const struct cham_code *c, const struct cham_func *f, uint32_t at)
{
	int64_t from = writer_of(c, f, at, BPF_REG_2);
	const struct bpf_insn *i = from < 0 ? NULL : &c->insn[from];

	return i && is_constant(i) && (i->imm == 0 || i->imm == BPF_RB_NO_WAKEUP);
}

/* bpf_loop(count, function, ...): both must be plain to see. */
static int cost_of_loop(struct cham_code *c, struct cham_func *f, uint32_t at,
			struct cham_cost *w, struct cham_verdict_at *why)
{
	int64_t count = writer_of(c, f, at, BPF_REG_1);
	int64_t what = writer_of(c, f, at, BPF_REG_2);
	const struct bpf_insn *i;
	struct cham_cost turn;
	int err;

	i = count < 0 ? NULL : &c->insn[count];
	if (!i || !is_constant(i) || i->imm < 0)
		return refuse(why, -ELOOP, at,
			      "bpf_loop() needs a constant for a count, below 2^31: the most turns that there can be, of which the function ends some by returning 1");
	if (what < 0 || !is_ld64(&c->insn[what]) || c->ref[what].kind != CHAM_REF_FUNC)
		return refuse(why, -ELOOP, at, "bpf_loop() needs a function of the object");
	err = visit(c, c->ref[what].index, why);
	if (err)
		return err;
	turn = c->func[c->ref[what].index].cost;
	add(&turn, &turn_cost, 1);
	add(w, &turn, i->imm);
	return 0;
}

static int cost_of_call(struct cham_code *c, struct cham_func *f, uint32_t at,
			struct cham_cost *w, struct cham_verdict_at *why)
{
	const struct bpf_insn *i = &c->insn[at];
	struct cham_cost cost;
	int err;

	if (i->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return refuse(why, -EPERM, at, "calls a kfunc, which handlers may not");
	if (i->src_reg == BPF_PSEUDO_CALL) {
		if (c->ref[at].kind != CHAM_REF_FUNC || c->ref[at].index >= c->n_func)
			return refuse(why, -EINVAL, at, "calls what is no function of the object");
		err = visit(c, c->ref[at].index, why);
		if (err)
			return err;
		add(w, &c->func[c->ref[at].index].cost, 1);
		return 0;
	}
	if (i->src_reg)
		return refuse(why, -EINVAL, at, "a call of kind %u is unknown", i->src_reg);
	if (cost_of_helper(c, f, at, &cost))
		return refuse(why, -EPERM, at,
			      "calls helper %d (%s), which handlers may not; those that they may are in handlers.md, \"What is admitted\"",
			      i->imm, any_helper(i->imm));
	add(w, &cost, 1);
	if (i->imm == BPF_FUNC_loop)
		return cost_of_loop(c, f, at, w, why);
	if ((i->imm == BPF_FUNC_ringbuf_submit || i->imm == BPF_FUNC_ringbuf_discard) &&
	    !is_lazy(c, f, at))
		return refuse(why, -EPERM, at,
			      "%s() has flags that are not plainly 0 or BPF_RB_NO_WAKEUP: to wake the reader each time is dear",
			      any_helper(i->imm) + 4);
	return 0;
}

/* Every jump's target, before anything relies on there being none. */
static int mark_targets(struct cham_code *c, const struct cham_func *f,
			struct cham_verdict_at *why)
{
	uint32_t end = f->start + f->len, i;
	int64_t to;

	for (i = f->start; i < end; i++) {
		const struct bpf_insn *in = &c->insn[i];

		if (is_ld64(in)) {
			if (i + 1 >= end || c->insn[i + 1].code)
				return refuse(why, -EINVAL, i, "half a constant is missing");
			/* Of what it names only relocations say whose it is. */
			if (in->src_reg && !c->ref[i].kind)
				return refuse(why, -EPERM, i,
					      "names a map, a function or an address by a number");
			i++;
			continue;
		}
		if (BPF_CLASS(in->code) == BPF_LD)
			return refuse(why, -EPERM, i,
				      "uses BPF_LD_ABS or BPF_LD_IND: use cham_at()");
		if (in->code == (BPF_JMP | BPF_CALL | BPF_X))
			return refuse(why, -EPERM, i,
				      "calls a function by its address; compiled without -O2?");
		if (!is_known(in))
			return refuse(why, -EPERM, i,
				      "is of a kind (0x%02x) whose cost nobody knows", in->code);
		if (!is_jump(in) || is_call(in) || is_exit(in))
			continue;
		to = jump_to(in, i);
		if (to < f->start || to >= end)
			return refuse(why, -EINVAL, i, "jumps out of its function");
		c->target[to] = 1;
	}
	for (i = f->start; i < end; i += is_ld64(&c->insn[i]) ? 2 : 1)
		if (is_ld64(&c->insn[i]) && c->target[i + 1])
			return refuse(why, -EINVAL, i, "is jumped into the middle of");
	return 0;
}

static bool dearer(const struct cham_cost *a, const struct cham_cost *b)
{
	return a->cycles != b->cycles ? a->cycles > b->cycles : a->insns > b->insns;
}

/* Cost from @at to the end, given that of all that comes behind it. */
static int cost_from(struct cham_code *c, struct cham_func *f, uint32_t at,
		     struct cham_verdict_at *why)
{
	const struct bpf_insn *i = &c->insn[at];
	uint32_t end = f->start + f->len, after = at + (is_ld64(i) ? 2 : 1), to;
	struct cham_cost w = weight(i), rest = { 0, 0 };
	int err;

	c->next[at] = 0;
	if (is_call(i)) {
		err = cost_of_call(c, f, at, &w, why);
		if (err)
			return err;
	}
	if (is_exit(i)) {
		c->cost[at] = w;
		return 0;
	}
	if (!is_goto(i)) {
		if (after >= end)
			return refuse(why, -EINVAL, at, "runs on behind the end of its function");
		rest = c->cost[after];
		c->next[at] = after;
	}
	if (is_jump(i) && !is_call(i)) {
		to = jump_to(i, at);
		/* The most of each may be on different ways: both are bounds. */
		if (is_goto(i) || dearer(&c->cost[to], &rest))
			c->next[at] = to;
		if (c->cost[to].insns > rest.insns)
			rest.insns = c->cost[to].insns;
		if (c->cost[to].cycles > rest.cycles)
			rest.cycles = c->cost[to].cycles;
	}
	add(&w, &rest, 1);
	c->cost[at] = w;
	return 0;
}

enum { NEW, OPEN, DONE };

/* Where the code can go from @at: how many of @to are written. */
static int ways(const struct cham_code *c, const struct cham_func *f, uint32_t at,
		uint32_t *to)
{
	const struct bpf_insn *i = &c->insn[at];
	uint32_t after = at + (is_ld64(i) ? 2 : 1);
	int n = 0;

	if (is_exit(i))
		return 0;
	if (!is_goto(i) && after < f->start + f->len)
		to[n++] = after;
	if (is_jump(i) && !is_call(i))
		to[n++] = jump_to(i, at);
	return n;
}

/* Depth first, without recursion: what is OPEN is on the way to here. */
static int walk_code(struct cham_code *c, struct cham_func *f, struct cham_verdict_at *why)
{
	/* Those of the functions that are on the way to this one are below. */
	uint32_t bottom = c->todos, at, to[2];
	int err, k;

	c->todo[c->todos++] = f->start;
	while (c->todos > bottom) {
		at = c->todo[c->todos - 1];
		if (c->mark[at] == NEW) {
			c->mark[at] = OPEN;
			for (k = ways(c, f, at, to); k--; ) {
				if (c->mark[to[k]] == OPEN)
					return refuse(why, -ELOOP, at,
						      "goes round: unroll the loop, or use bpf_loop()");
				if (c->mark[to[k]] == NEW)
					c->todo[c->todos++] = to[k];
			}
			continue;
		}
		if (c->mark[at] == DONE) {
			c->todos--;
			continue;
		}
		err = cost_from(c, f, at, why);
		if (err)
			return err;
		c->mark[at] = DONE;
		c->order[f->start + f->reached++] = at;
		c->todos--;
	}
	return 0;
}

static int visit(struct cham_code *c, uint32_t number, struct cham_verdict_at *why)
{
	struct cham_func *f = &c->func[number];
	int err;

	if (f->state == DONE)
		return 0;
	if (f->state == OPEN)
		return refuse(why, -ELOOP, f->start, "%s() calls itself", f->name);
	if (!f->len)
		return refuse(why, -EINVAL, f->start, "%s() is empty", f->name);
	f->state = OPEN;
	err = mark_targets(c, f, why);
	if (err)
		return err;
	err = walk_code(c, f, why);
	if (err)
		return err;
	f->cost = c->cost[f->start];
	add(&f->cost, &frame_cost, 1);
	f->state = DONE;
	return 0;
}

int cham_cost_of(struct cham_code *c, uint32_t f, struct cham_verdict_at *at)
{
	at->err = 0;
	if (f >= c->n_func)
		return refuse(at, -EINVAL, 0, "has no such function");
	return visit(c, f, at);
}
