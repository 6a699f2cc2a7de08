// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Where the kernel's addresses go. The verifier lets whoever may compute with packet
 * pointers also store them, and read what others have left on the stack; a tenant may not.
 * So each hook is walked once more, with what each register and each byte of the stack may
 * hold: a number, a pointer of some kind, either, or nothing that the program wrote.
 *
 * That a pointer leads to where it says, that registers are written before they are read
 * and packets compared before they are looked into is the verifier's to see, and it does.
 *
 * There is no way back in the code (cost.c), so that each instruction is come to once in
 * a call, after all that lead to it; a function is walked anew for each call of it, and
 * bpf_loop()'s until another turn changes nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "leak.h"

/* Joint with the datapath it would be what that has left there, whom the verifier lets read
 * it; of an object as it came the verifier itself says so.
 */
static int is_written(struct leak *l, uint32_t at, const struct val *v, const char *what)
{
	if (!v->unwritten || !l->c->normalised)
		return 0;
	return refuse(l->why, -EPERM, at,
		      "%s what is undefined on some way to here; have it zero from the beginning",
		      what);
}

/* ---- instructions --------------------------------------------------------- */

static int computes(struct leak *l, uint32_t at)
{
	return refuse(l->why, -EPERM, at,
		      "makes a number of a pointer; accepted: to add a number to it or take one off, in 64 bits, and the difference of two packet pointers");
}

static int move(struct leak *l, uint32_t at, const struct bpf_insn *i, struct val *d,
		const struct val *s)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;

	if (wide && !i->off) {
		*d = *s;
		return 0;
	}
	if (is_pointer(s)) {
		/* By itself it is no more than that; the difference of two is wanted. */
		if (i->off || !only(s, PACKET | HALF))
			return computes(l, at);
		*d = *s;
		d->is = HALF;
		return 0;
	}
	*d = i->off ? unknown : cham_val_lower(s);
	return 0;
}

static int alu_pointers(struct leak *l, uint32_t at, const struct bpf_insn *i, struct val *d,
			const struct val *s)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	bool add = op == BPF_ADD;

	if (!add && op != BPF_SUB)
		return computes(l, at);
	if (is_pointer(d) && is_pointer(s)) {
		if (add || !only(d, wide ? PACKET : PACKET | HALF) ||
		    !only(s, wide ? PACKET : PACKET | HALF))
			return computes(l, at);
		*d = wide ? unknown : number(0, UINT32_MAX);
		return 0;
	}
	if (!is_pointer(d) && !add)
		return computes(l, at);
	if (!wide && !only(is_pointer(d) ? d : s, PACKET | HALF))
		return computes(l, at);
	*d = is_pointer(d) ? cham_val_moved(d, s, !add) : cham_val_moved(s, d, false);
	if (!wide)
		*d = (struct val){ .is = HALF, .lo = UNKNOWN_LO, .hi = UNKNOWN_HI };
	return 0;
}

static int compute(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	struct val *d = &st->reg[i->dst_reg], s, v;

	s = BPF_SRC(i->code) == BPF_X ? reg(st, i->src_reg) : number(i->imm, i->imm);
	if (op == BPF_MOV)
		return move(l, at, i, d, &s);
	*d = reg(st, i->dst_reg);
	if (op == BPF_NEG || op == BPF_END) {
		if (is_pointer(d))
			return computes(l, at);
		*d = op == BPF_END && i->imm == 16 ? number(0, UINT16_MAX) :
		     wide ? unknown : number(0, UINT32_MAX);
		if (op == BPF_END && i->imm == 64)
			*d = unknown;
		return 0;
	}
	if (is_pointer(d) || is_pointer(&s))
		return alu_pointers(l, at, i, d, &s);
	if (!wide) {
		*d = cham_val_lower(d);
		s = cham_val_lower(&s);
	}
	v = cham_val_computed(op, i->off, d, &s, wide ? 64 : 32);
	*d = wide ? v : cham_val_lower(&v);
	return 0;
}

/* Of what is undefined comes what is undefined. */
static int alu(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	bool unwritten = BPF_OP(i->code) != BPF_MOV && reg(st, i->dst_reg).unwritten;
	int err;

	if (BPF_SRC(i->code) == BPF_X && BPF_OP(i->code) != BPF_END)
		unwritten |= reg(st, i->src_reg).unwritten;
	err = compute(l, st, at);
	st->reg[i->dst_reg].unwritten = unwritten;
	return err;
}

static uint32_t size_of(const struct bpf_insn *i)
{
	switch (BPF_SIZE(i->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	}
	return 8;
}

/* What is loaded that is no pointer. */
static struct val bytes_of(const struct bpf_insn *i)
{
	uint32_t size = size_of(i);

	return BPF_MODE(i->code) != BPF_MEM || size == 8 ? unknown :
	       number(0, (1LL << size * 8) - 1);
}

/* In ctx the kernel puts addresses where 32 bits of them seem to be; what else is there is
 * the host's: other programs' notes, queues and interfaces.
 */
static bool loads_packet(const struct val *p, int64_t off, uint32_t size)
{
	int64_t lo, hi;

	return !__builtin_add_overflow(p->lo, off, &lo) &&
	       !__builtin_add_overflow(p->hi, off + size, &hi) && lo >= 0 &&
	       hi <= (int64_t)offsetof(struct xdp_md, data_meta);
}

static int load(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	struct val p = reg(st, i->src_reg), v = { 0 }, more;
	uint32_t size = size_of(i);
	uint8_t unwritten;
	int err;

	err = is_written(l, at, &p, "looks into");
	if (err)
		return err;
	if (p.is & (MAP | FUNCTION))
		return refuse(l->why, -EPERM, at,
			      "looks into the kernel's own memory of a map; accepted: what bpf_map_lookup_elem() gives");
	if (p.is & STACK) {
		err = cham_leak__load_stack(l, st, at, &p, i->off, size, &v);
		if (err)
			return err;
		unwritten = v.unwritten;
		if (size < 4 || (size < 8 && v.lo < 0) || BPF_MODE(i->code) != BPF_MEM)
			v = bytes_of(i);
		v.unwritten = unwritten;
	}
	if (p.is & CTX) {
		if (!loads_packet(&p, i->off, size))
			return refuse(l->why, -EPERM, at,
				      "reads what is the host's in ctx; accepted: ctx->data and ctx->data_end");
		more = pointer(PACKET);
		v = v.is ? cham_val_either(&v, &more, false) : more;
	}
	if (p.is & ~(STACK | CTX) || !v.is) {
		more = bytes_of(i);
		v = v.is ? cham_val_either(&v, &more, false) : more;
	}
	st->reg[i->dst_reg] = v;
	return 0;
}

static int atomic(struct leak *l, struct state *st, uint32_t at, const struct val *p)
{
	const struct bpf_insn *i = &l->c->insn[at];
	struct val s = reg(st, i->src_reg), r0 = reg(st, BPF_REG_0);
	int err;

	if (is_pointer(&s) || (i->imm == BPF_CMPXCHG && is_pointer(&r0)))
		return refuse(l->why, -EPERM, at,
			      "gives an atomic operation a pointer; accepted: a number");
	err = is_written(l, at, &s, "gives an atomic operation");
	if (!err && i->imm == BPF_CMPXCHG)
		err = is_written(l, at, &r0, "gives an atomic operation");
	if (err)
		return err;
	if (p->is & STACK) {
		err = cham_leak__read_numbers(l, st, at, p, i->off, size_of(i), "reads", NULL);
		if (err)
			return err;
	}
	cham_leak__write_at(l, st, p, i->off, size_of(i));
	if (i->imm == BPF_CMPXCHG)
		st->reg[BPF_REG_0] = unknown;
	else if (i->imm & BPF_FETCH)
		st->reg[i->src_reg] = unknown;
	return 0;
}

static int write_insn(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	struct val p = reg(st, i->dst_reg), v = number(i->imm, i->imm);
	int err = is_written(l, at, &p, "writes to");

	if (err)
		return err;
	if (BPF_CLASS(i->code) == BPF_STX) {
		if (BPF_MODE(i->code) == BPF_ATOMIC)
			return atomic(l, st, at, &p);
		v = reg(st, i->src_reg);
	}
	/* Of registers the compiler keeps for later some nobody asks for. */
	err = only(&p, STACK) ? 0 : is_written(l, at, &v, "stores");
	if (err)
		return err;
	return cham_leak__store(l, st, at, &p, i->off, size_of(i), &v);
}

static void constant(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	const struct cham_ref *r = &l->c->ref[at];
	struct val *d = &st->reg[i->dst_reg];
	int64_t n = (uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm;

	switch (r->kind) {
	case CHAM_REF_NONE:
		*d = number(n, n);
		return;
	case CHAM_REF_DATA:
		*d = pointer(MEMORY);
		return;
	}
	*d = pointer(r->kind == CHAM_REF_MAP ? MAP : FUNCTION);
	d->lo = r->index;
	d->hi = r->index;
}

/* ---- branches ------------------------------------------------------------- */

static bool has_sign(uint8_t op)
{
	return op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT || op == BPF_JSLE;
}

/* As below, of 32 bits. */
static bool learn_lower(struct val *d, uint8_t op, int64_t n)
{
	struct val v = cham_val_lower(d);

	if (has_sign(op)) {
		if (v.lo > INT32_MAX) {
			v.lo -= 1LL << 32;
			v.hi -= 1LL << 32;
		}
		if (v.hi > INT32_MAX)
			return true;
		n = (int32_t)n;
	} else {
		n = (uint32_t)n;
	}
	if (!cham_val_bound(&v, op, n))
		return false;
	if (d->lo >= 0 && d->hi <= (has_sign(op) ? INT32_MAX : UINT32_MAX))
		*d = v;
	return true;
}

/* What is known where @op holds. Return: false when it cannot. */
static bool learn(struct state *st, const struct bpf_insn *i, uint8_t op, const struct val *s)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;
	struct val *d = &st->reg[i->dst_reg];
	int64_t n = s->lo;

	if (!d->is || !is_const(s))
		return true;
	if (is_pointer(d)) {
		if (n || !wide)
			return true;
		if (op == BPF_JEQ && !(d->is & NUMBERS))
			return false;
		if (op == BPF_JEQ)
			*d = number(0, 0);
		else if (op == BPF_JNE)
			d->is &= ~ZERO;
		return true;
	}
	return wide ? cham_val_bound(d, op, n) : learn_lower(d, op, n);
}

static int compare(struct leak *l, struct state *st, uint32_t at, const struct val *s)
{
	const struct bpf_insn *i = &l->c->insn[at];
	struct val d = reg(st, i->dst_reg);
	uint8_t op = BPF_OP(i->code);
	int err = is_written(l, at, &d, "compares");

	if (!err)
		err = is_written(l, at, s, "compares with");
	if (err)
		return err;
	if (!is_pointer(&d) && !is_pointer(s))
		return 0;
	/* C has 32 bits of ctx->data, and asks whether they are 0. They are not, and that would
	 * tell of the rest only if another number could be tried each time.
	 */
	if (BPF_CLASS(i->code) == BPF_JMP32 && (op == BPF_JEQ || op == BPF_JNE) && is_zero(s) &&
	    only(&d, PACKET | HALF | ZERO | LOW) && !d.lo && !d.hi)
		return 0;
	if (BPF_CLASS(i->code) == BPF_JMP) {
		if ((op == BPF_JEQ || op == BPF_JNE) && (is_zero(&d) || is_zero(s)) &&
		    !((d.is | s->is) & HALF))
			return 0;
		if ((op == BPF_JEQ || op == BPF_JNE || op == BPF_JGT || op == BPF_JGE ||
		     op == BPF_JLT || op == BPF_JLE) && only(&d, PACKET | ZERO | LOW) &&
		    only(s, PACKET | ZERO | LOW))
			return 0;
	}
	return refuse(l->why, -EPERM, at,
		      "compares a pointer with what tells of its address; accepted: with 0 (equal or not), and packet pointers with each other");
}

static void go_to(struct leak *l, uint32_t to, struct state *st)
{
	cham_leak__forget_dead(l, st, &l->live[to]);
	cham_leak__come_to(l, &l->at[to], st);
}

/* ---- calls ---------------------------------------------------------------- */

static int run(struct leak *l, uint32_t f, struct state *st, bool gives_number,
	       struct state **end);

/* @f with what is in registers 1 to 5: what it leaves comes to @end. */
static int enter(struct leak *l, const struct state *st, uint32_t at, uint32_t f,
		 bool gives_number, struct state **end)
{
	struct state *in;

	*end = NULL;
	if (f >= l->c->n_func || !l->c->func[f].reached || st->depth >= FRAMES ||
	    l->busy & 1U << f)
		return refuse(l->why, -EINVAL, at, "calls what was not judged");
	in = cham_leak__new_state(l, st->depth + 1);
	if (!in)
		return cham_leak__too_many(l, at);
	memset(in->reg, 0, sizeof(in->reg));
	memcpy(&in->reg[BPF_REG_1], &st->reg[BPF_REG_1], 5 * sizeof(in->reg[0]));
	cham_leak__copy_frames(l, in, st);
	memset(in->slot[st->depth], 0, sizeof(in->slot[0]));
	in->reg[BPF_REG_10] = pointer(STACK);
	in->reg[BPF_REG_10].frames = 1U << st->depth;
	return run(l, f, in, gives_number, end);
}

/* Behind the call at @at, with @r0. */
static void come_behind(struct leak *l, struct state *st, uint32_t at, struct val r0)
{
	st->reg[BPF_REG_0] = r0;
	memset(&st->reg[BPF_REG_1], 0, 5 * sizeof(st->reg[0]));
	go_to(l, at + 1, st);
}

static int enter_own(struct leak *l, struct state *st, uint32_t at)
{
	struct state *end, *next, *back;
	int err = enter(l, st, at, l->c->ref[at].index, false, &end);

	for (; !err && end; end = next) {
		next = end->next;
		back = cham_leak__copy_of(l, st);
		if (!back)
			return cham_leak__too_many(l, at);
		cham_leak__copy_frames(l, back, end);
		come_behind(l, back, at, end->reg[BPF_REG_0]);
		cham_leak__idle(l, end);
	}
	cham_leak__idle(l, st);
	return err;
}

/* bpf_loop(): any number of turns, each behind any other. */
static int enter_loop(struct leak *l, struct state *st, uint32_t at)
{
	struct val turns = reg(st, BPF_REG_1), what = reg(st, BPF_REG_2);
	struct state *end, *next;
	bool more = true;
	int err;

	if (what.is != FUNCTION || what.lo != what.hi)
		return refuse(l->why, -EINVAL, at, "bpf_loop() needs a function of the object");
	st->reg[BPF_REG_1] = turns.lo >= 0 && turns.hi > 0 ? number(0, turns.hi - 1) : unknown;
	st->reg[BPF_REG_2] = reg(st, BPF_REG_3);
	while (more) {
		more = false;
		err = enter(l, st, at, what.lo, true, &end);
		if (err)
			return err;
		for (; end; end = next) {
			next = end->next;
			more |= cham_leak__join_frames(l, st, end, true);
			cham_leak__idle(l, end);
		}
		if (l->work > WORK_MAX)
			return cham_leak__too_many(l, at);
	}
	come_behind(l, st, at, unknown);
	return 0;
}

/* How much of an argument a helper reads or writes at most. */
static int64_t length_of(const struct leak *l, const struct state *st, char kind, unsigned int r)
{
	struct val map = reg(st, BPF_REG_1), len;
	const struct cham_map_size *size = NULL;

	if (kind == 'r' || kind == 'w') {
		len = reg(st, r + 1);
		return len.lo < 0 || len.hi > CHAM_STACK_MAX ? CHAM_STACK_MAX : len.hi;
	}
	if (map.is == MAP && map.lo == map.hi && map.lo < l->c->n_map)
		size = &l->c->map[map.lo];
	if (kind == 'k')
		return size && size->key ? size->key : l->c->sizes.key;
	return size && size->value ? size->value : l->c->sizes.value;
}

/* *@writes, *@bytes: what is written if the helper gives 0. */
static int argument(struct leak *l, struct state *st, uint32_t at, char kind, unsigned int r,
		    struct val *writes, int64_t *bytes)
{
	const char *helper = cham_helper_name(l->c->insn[at].imm);
	struct val v = reg(st, r), len;
	char who[64];
	int64_t n;
	int err;

	snprintf(who, sizeof(who), "gives %s()", helper);
	err = is_written(l, at, &v, who);
	if (err)
		return err;
	if (kind == 'n' && is_pointer(&v))
		return refuse(l->why, -EPERM, at,
			      "gives %s() a pointer as argument %u; accepted: a number", helper, r);
	if (!strchr("kvrw", kind) || !(v.is & STACK))
		return 0;
	n = length_of(l, st, kind, r);
	if (kind != 'w') {
		snprintf(who, sizeof(who), "%s() reads", helper);
		return n ? cham_leak__read_numbers(l, st, at, &v, 0, n, who, NULL) : 0;
	}
	/* It may as well write nothing. */
	len = reg(st, r + 1);
	if (cham_leak__is_exact(&v, 0, n) && is_const(&len) && n) {
		*writes = v;
		*bytes = n;
	}
	v.is |= MEMORY;
	cham_leak__write_at(l, st, &v, 0, n);
	return 0;
}

static int call(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	struct val writes = { 0 }, r0 = unknown;
	struct state *done;
	const char *takes;
	int64_t bytes = 0;
	unsigned int r;
	int err;

	if (i->src_reg == BPF_PSEUDO_CALL)
		return enter_own(l, st, at);
	takes = cham_helper_takes(i->imm);
	if (!takes)
		return refuse(l->why, -EPERM, at, "calls what was not judged");
	for (r = 1; takes[r]; r++) {
		err = argument(l, st, at, takes[r], r, &writes, &bytes);
		if (err)
			return err;
	}
	if (i->imm == BPF_FUNC_loop)
		return enter_loop(l, st, at);
	if (*takes == 'p')
		r0 = pointer(MEMORY | ZERO);
	if (bytes) {
		done = cham_leak__copy_of(l, st);
		if (!done)
			return cham_leak__too_many(l, at);
		cham_leak__write_at(l, done, &writes, 0, bytes);
		come_behind(l, done, at, number(0, 0));
		r0 = number(INT32_MIN, -1);
	}
	come_behind(l, st, at, r0);
	return 0;
}

/* ---- the walk ------------------------------------------------------------- */

static int leave(struct leak *l, struct state *st, uint32_t at, bool gives_number,
		 struct state **end)
{
	struct val r0 = reg(st, BPF_REG_0);
	int err = gives_number ? is_written(l, at, &r0, "returns") : 0;

	if (err)
		return err;
	if (is_pointer(&r0) && gives_number)
		return refuse(l->why, -EPERM, at,
			      "returns a pointer; accepted from a hook: a number, of enum cham_verdict");
	if (r0.frames & 1U << (st->depth - 1))
		return refuse(l->why, -EPERM, at, "returns the address of its own variable");
	memset(st->slot[st->depth - 1], 0, sizeof(st->slot[0]));
	cham_leak__come_to(l, end, st);
	return 0;
}

static int jump(struct leak *l, struct state *st, uint32_t at)
{
	const struct bpf_insn *i = &l->c->insn[at];
	uint32_t to = jump_to(i, at);
	struct state *other;
	struct val s;
	int err;

	if (is_goto(i)) {
		go_to(l, to, st);
		return 0;
	}
	s = BPF_SRC(i->code) == BPF_X ? reg(st, i->src_reg) : number(i->imm, i->imm);
	err = compare(l, st, at, &s);
	if (err)
		return err;
	other = cham_leak__copy_of(l, st);
	if (!other)
		return cham_leak__too_many(l, at);
	if (learn(other, i, BPF_OP(i->code), &s))
		go_to(l, to, other);
	else
		cham_leak__idle(l, other);
	if (learn(st, i, cham_val_reverse(BPF_OP(i->code)), &s))
		go_to(l, at + 1, st);
	else
		cham_leak__idle(l, st);
	return 0;
}

static int step(struct leak *l, struct state *st, uint32_t at, bool gives_number,
		struct state **end)
{
	const struct bpf_insn *i = &l->c->insn[at];
	int err = 0;

	if (++l->work > WORK_MAX)
		return cham_leak__too_many(l, at);
	if (i->dst_reg >= REGS || i->src_reg >= REGS)
		return refuse(l->why, -EINVAL, at, "names a register that there is none of");
	if (is_exit(i))
		return leave(l, st, at, gives_number, end);
	if (is_jump(i) && !is_call(i))
		return jump(l, st, at);
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		constant(l, st, at);
		at++;
		break;
	case BPF_LDX:
		err = load(l, st, at);
		break;
	case BPF_ST:
	case BPF_STX:
		err = write_insn(l, st, at);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		err = alu(l, st, at);
		break;
	default:
		return call(l, st, at);
	}
	if (!err && l->c->target[at + 1])
		go_to(l, at + 1, st);
	else if (!err)
		cham_leak__come_to(l, &l->at[at + 1], st);
	return err;
}

static int run(struct leak *l, uint32_t f, struct state *st, bool gives_number,
	       struct state **end)
{
	const struct cham_func *fn = &l->c->func[f];
	struct state *next;
	uint32_t k, at;
	int err = 0;

	l->busy |= 1U << f;
	l->frame[st->depth - 1] = f;
	st->next = NULL;
	l->at[fn->start] = st;
	for (k = fn->reached; k-- && !err; ) {
		at = l->c->order[fn->start + k];
		st = l->at[at];
		l->at[at] = NULL;
		for (; st && !err; st = next) {
			next = st->next;
			err = step(l, st, at, gives_number, end);
		}
	}
	l->busy &= ~(1U << f);
	return err;
}

static void merge_live(struct live *to, const struct live *more)
{
	to->half[0] |= more->half[0];
	to->half[1] |= more->half[1];
}

/* Does @i make an address of the frame's? *@lowest: from where on, if that is plain. */
static void takes_address(const struct cham_code *c, uint32_t at, int32_t *lowest)
{
	const struct bpf_insn *i = &c->insn[at], *next = i + 1;

	if (i->src_reg != BPF_REG_10 || BPF_CLASS(i->code) == BPF_LDX)
		return;
	if (i->code == (BPF_ALU64 | BPF_MOV | BPF_X) && at + 1 < c->n && next->imm < 0 &&
	    next->code == (BPF_ALU64 | BPF_ADD | BPF_K) && next->dst_reg == i->dst_reg &&
	    !c->target[at + 1])
		*lowest = next->imm < *lowest ? next->imm : *lowest;
	else if (BPF_SRC(i->code) == BPF_X || BPF_CLASS(i->code) == BPF_STX)
		*lowest = -CHAM_STACK_MAX;
}

/* What the compiler keeps on the stack for itself is below the program's own variables, and
 * read by frame pointer alone. That it is so is nothing to rely on: what is taken for dead
 * counts as not written.
 */
static void find_live(struct leak *l, const struct cham_func *fn)
{
	const uint32_t *order = &l->c->order[fn->start];
	int32_t lowest = 0, b;
	struct live always = { { 0, 0 } }, live;
	uint32_t k, at, i;

	for (k = 0; k < fn->reached; k++)
		takes_address(l->c, order[k], &lowest);
	for (i = 0; i < SLOTS; i++)
		if ((int32_t)(i * 8 + 8) - CHAM_STACK_MAX > lowest)
			always.half[0] |= 1ULL << i;
	always.half[1] = always.half[0];
	for (k = 0; k < fn->reached; k++) {
		const struct bpf_insn *in = &l->c->insn[order[k]];
		uint8_t class = BPF_CLASS(in->code);

		at = order[k];
		live = always;
		if (!is_exit(in) && !is_goto(in))
			merge_live(&live, &l->live[at + (is_ld64(in) ? 2 : 1)]);
		if (is_jump(in) && !is_call(in) && !is_exit(in))
			merge_live(&live, &l->live[jump_to(in, at)]);
		b = in->off + CHAM_STACK_MAX;
		if (b >= 0 && b < CHAM_STACK_MAX && class == BPF_LDX &&
		    in->src_reg == BPF_REG_10) {
			live.half[b / 4 % 2] |= 1ULL << b / 8;
			if (b % 4 + size_of(in) > 4)
				live.half[1] |= 1ULL << b / 8;
			if (b % 8 + size_of(in) > 8)
				live = (struct live){ { UINT64_MAX, UINT64_MAX } };
		} else if (b >= 0 && b < CHAM_STACK_MAX && (class == BPF_STX || class == BPF_ST) &&
			   in->dst_reg == BPF_REG_10 && size_of(in) >= 4 && !(b % 4) &&
			   BPF_MODE(in->code) == BPF_MEM) {
			live.half[b / 4 % 2] &= ~(1ULL << b / 8) | always.half[0];
			if (size_of(in) == 8)
				live.half[1] &= ~(1ULL << b / 8) | always.half[0];
		}
		l->live[at] = live;
	}
}

static int walk_hook(struct leak *l, uint32_t f)
{
	struct state *st = cham_leak__new_state(l, 1), *end = NULL;

	if (!st)
		return -ENOMEM;
	st->reg[BPF_REG_1] = pointer(CTX);
	st->reg[BPF_REG_2] = pointer(MEMORY);
	st->reg[BPF_REG_3] = pointer(MEMORY);
	st->reg[BPF_REG_10] = pointer(STACK);
	st->reg[BPF_REG_10].frames = 1;
	return run(l, f, st, true, &end);
}

/* Of a function with what it calls. Return: whether it is more than was known. */
static bool deepen(const struct cham_code *c, struct cham_func *f)
{
	uint32_t below = 0, own = f->frame ? (f->frame + 31) / 32 * 32 : 32, k;

	for (k = 0; k < f->reached; k++) {
		const struct cham_ref *to = &c->ref[c->order[f->start + k]];

		if (to->kind == CHAM_REF_FUNC && c->func[to->index].stack > below)
			below = c->func[to->index].stack;
	}
	if (f->stack == below + own)
		return false;
	f->stack = below + own;
	return true;
}

/* As the kernel counts: frames of a multiple of 32 bytes, and 32 at least. */
static void add_up_stack(const struct cham_code *c)
{
	uint32_t turn, i;
	bool more = true;

	/* No chain of calls is longer than there are functions. */
	for (turn = 0; more && turn < c->n_func; turn++)
		for (i = 0, more = false; i < c->n_func; i++)
			more |= deepen(c, &c->func[i]);
}

int cham_leak_of(struct cham_code *c, uint32_t f, struct cham_verdict_at *at)
{
	struct leak l = { .c = c, .why = at };
	struct state *next;
	uint32_t i;
	int err;

	at->err = 0;
	if (f >= c->n_func || !c->func[f].reached || c->n_func > 32)
		return refuse(at, -EINVAL, 0, "has no such function");
	l.at = calloc(c->n + 1, sizeof(struct state *));
	l.live = calloc(c->n + 1, sizeof(*l.live));
	for (i = 0; l.live && i < c->n_func; i++)
		find_live(&l, &c->func[i]);
	err = l.at && l.live ? walk_hook(&l, f) : -ENOMEM;
	add_up_stack(c);
	for (; l.all; l.all = next) {
		next = l.all->all;
		free(l.all);
	}
	free(l.live);
	free(l.at);
	return err;
}
