// SPDX-License-Identifier: GPL-2.0
/*
 * The bound on what code costs, against walks through that code: whichever way
 * the branches go, none may cost more than was promised, nor use a deeper stack,
 * and what is admitted always comes to an end. The walk for leaks goes through the same.
 */
#include "fuzz.h"
#include "../../lib/cost.c"

#define INSNS	256
#define FUNCS	4
#define STEPS	20000	/* of a walk */

static struct walk {
	const struct cham_code *c;
	struct fuzz_in in;
	unsigned int steps;
	struct cham_cost sum;
} w;

/* Goes through function @f; false when the walk became too long to go on. */
static bool walk(uint32_t f, unsigned int depth)
{
	const struct cham_func *fn = &w.c->func[f];
	uint32_t at = fn->start, seen = 0;

	must(depth <= FUNCS, "%u calls deep in %u functions", depth, FUNCS);
	add(&w.sum, &frame_cost, 1);
	while (w.steps++ < STEPS) {
		const struct bpf_insn *i = &w.c->insn[at];
		struct cham_cost own = weight(i);
		int64_t next = at + (is_ld64(i) ? 2 : 1);

		must(at >= fn->start && at < fn->start + fn->len, "instruction %u is not in %u..%u",
		     at, fn->start, fn->start + fn->len);
		add(&w.sum, &own, 1);
		if (is_exit(i))
			return true;
		if (is_call(i) && i->src_reg == BPF_PSEUDO_CALL) {
			if (!walk(w.c->ref[at].index, depth + 1))
				return false;
		} else if (is_call(i)) {
			must(!cost_of_helper(w.c, fn, at, &own), "helper %d is called", i->imm);
			add(&w.sum, &own, 1);
			if (i->imm == BPF_FUNC_loop) {
				/* The count and the function are in the two before. */
				int64_t count = writer_of(w.c, fn, at, BPF_REG_1);
				int64_t what = writer_of(w.c, fn, at, BPF_REG_2);

				for (int n = 0; n < w.c->insn[count].imm; n++) {
					add(&w.sum, &turn_cost, 1);
					if (!walk(w.c->ref[what].index, depth + 1))
						return false;
				}
			}
		} else if (is_goto(i) || (is_jump(i) && fuzz_u8(&w.in) & 1)) {
			next = jump_to(i, at);
		}
		must(seen++ < fn->len, "goes round in %s", fn->name);
		at = next;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn insn[INSNS];
	static struct cham_ref ref[INSNS];
	static struct cham_cost cost[INSNS];
	static uint32_t next[INSNS];
	static uint8_t target[INSNS + 1], mark[INSNS];
	static uint32_t order[INSNS];
	static uint32_t todo[2 * INSNS + FUNCS];
	struct cham_func func[FUNCS] = { 0 };
	struct cham_code c = { .insn = insn, .ref = ref, .func = func, .cost = cost,
			       .next = next, .target = target, .mark = mark,
			       .todo = todo, .order = order };
	struct cham_verdict_at at = { 0 };
	struct fuzz_in in = { data, size };
	uint32_t i, start = 0, tries;

	memset(target, 0, sizeof(target));
	memset(mark, 0, sizeof(mark));
	c.n_func = 1 + fuzz_u8(&in) % FUNCS;
	for (i = 0; i < c.n_func; i++) {
		uint32_t left = INSNS - start;

		func[i].start = start;
		func[i].name = "f";
		func[i].len = fuzz_u8(&in) % (left ? left : 1);
		start += func[i].len;
	}
	c.n = start;
	for (i = 0; i < c.n; i++) {
		fuzz_bytes(&in, &insn[i], sizeof(insn[i]));
		ref[i].kind = fuzz_u8(&in) & 3;
		ref[i].index = fuzz_u8(&in) % FUNCS;
		if (ref[i].index >= c.n_func)
			ref[i].index = 0;
	}
	if (cham_cost_of(&c, 0, &at)) {
		must(at.err < 0 && at.text[0], "refused without a word");
		return 0;
	}
	/* What may leak is as long, and comes to an end as well. */
	if (cham_leak_of(&c, 0, &at))
		must(at.err < 0 && at.text[0], "refused without a word");
	for (tries = 0; tries < 4; tries++) {
		w.c = &c;
		w.in = in;
		w.steps = 0;
		w.sum = (struct cham_cost){ 0, 0 };
		fuzz_bytes(&in, &i, 1);
		walk(0, 1);
		must(w.sum.insns <= func[0].cost.insns, "%llu instructions, promised were %llu",
		     (unsigned long long)w.sum.insns, (unsigned long long)func[0].cost.insns);
		must(w.sum.cycles <= func[0].cost.cycles, "%llu cycles, promised were %llu",
		     (unsigned long long)w.sum.cycles, (unsigned long long)func[0].cost.cycles);
	}
	return 0;
}
