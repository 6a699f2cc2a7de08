// SPDX-License-Identifier: GPL-2.0
/*
 * What no register or byte of stack was written with, in code that goes into a joint
 * datapath: no verifier sees it by itself, and there it is what the datapath has left.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "cost.h"

#define INSNS	16

#define ALU(op, dst, n)	{ .code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (dst), .imm = (n) }
#define COPY(dst, src)	{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src) }
#define SET(dst, n)	ALU(BPF_MOV, dst, n)
#define LOAD(size, dst, from, o) \
	{ .code = BPF_LDX | BPF_MEM | (size), .dst_reg = (dst), .src_reg = (from), .off = (o) }
#define STORE(size, to, o, src) \
	{ .code = BPF_STX | BPF_MEM | (size), .dst_reg = (to), .src_reg = (src), .off = (o) }
#define ADD_TO(to, o, src) \
	{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = (to), .src_reg = (src), .off = (o) }
#define IF_0(r, o)	{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = (r), .off = (o) }
#define CALL(f)		{ .code = BPF_JMP | BPF_CALL, .imm = (f) }
#define EXIT		{ .code = BPF_JMP | BPF_EXIT }

enum { PKT = 2, AREA, R4, R5, R6, FP = 10 };

static const struct {
	const char *name, *says;	/* normalised; NULL: admitted */
	int as_it_came;			/* 0: admitted, the verifier sees it; -1: refused */
	struct bpf_insn insn[INSNS];
} cases[] = {
	{ "stored", "stores what is undefined", 0,
	  { STORE(BPF_DW, AREA, 0, R6), SET(0, 1), EXIT } },
	{ "stored, and written on one way", "stores what is undefined", 0,
	  { LOAD(BPF_DW, R4, AREA, 0), IF_0(R4, 1), SET(R6, 5), STORE(BPF_W, AREA, 8, R6),
	    SET(0, 1), EXIT } },
	{ "stored, and computed and copied before", "stores what is undefined", 0,
	  { LOAD(BPF_DW, R4, AREA, 0), IF_0(R4, 1), SET(R6, 5), ALU(BPF_ADD, R6, 1), COPY(R5, R6),
	    STORE(BPF_DW, AREA, 8, R5), SET(0, 1), EXIT } },
	{ "returned", "returns what is undefined", 0, { EXIT } },
	{ "given", "gives bpf_csum_diff() what is undefined", 0,
	  { SET(1, 0), SET(2, 0), SET(4, 8), CALL(BPF_FUNC_csum_diff), SET(0, 1), EXIT } },
	{ "left by a helper", "stores what is undefined", 0,
	  { COPY(R6, AREA), CALL(BPF_FUNC_ktime_get_ns), STORE(BPF_DW, R6, 0, 4),
	    SET(0, 1), EXIT } },
	{ "compared", "compares what is undefined", 0, { IF_0(R6, 0), SET(0, 1), EXIT } },
	{ "looked into", "looks into what is undefined", 0,
	  { LOAD(BPF_DW, R4, R6, 0), SET(0, 1), EXIT } },
	{ "written to", "writes to what is undefined", 0,
	  { SET(R4, 1), STORE(BPF_DW, R6, 0, R4), SET(0, 1), EXIT } },
	{ "added", "gives an atomic operation what is undefined", 0,
	  { ADD_TO(AREA, 0, R6), SET(0, 1), EXIT } },
	{ "kept and stored", "stores what is undefined", 0,
	  { STORE(BPF_DW, FP, -8, R6), LOAD(BPF_DW, R4, FP, -8),
	    STORE(BPF_DW, AREA, 0, R4), SET(0, 1), EXIT } },
	{ "kept, and a half of it stored", "stores what is undefined", 0,
	  { STORE(BPF_DW, FP, -8, R6), LOAD(BPF_W, R4, FP, -8), STORE(BPF_W, AREA, 0, R4),
	    SET(0, 1), EXIT } },
	{ "kept on one way, a pointer, and stored", "stores what is undefined", -1,
	  { LOAD(BPF_DW, R4, AREA, 0), IF_0(R4, 1), STORE(BPF_DW, FP, -8, PKT),
	    LOAD(BPF_DW, R5, FP, -8), STORE(BPF_DW, AREA, 0, R5), SET(0, 1), EXIT } },
	{ "kept, and nobody asks for it", NULL, 0,
	  { STORE(BPF_DW, FP, -8, R6), LOAD(BPF_DW, R4, FP, -8), SET(0, 1), EXIT } },
	{ "written on both ways", NULL, 0,
	  { LOAD(BPF_DW, R4, AREA, 0), SET(R6, 1), IF_0(R4, 1), SET(R6, 5),
	    STORE(BPF_DW, AREA, 8, R6), SET(0, 1), EXIT } },
	{ "kept, and written again", NULL, 0,
	  { STORE(BPF_DW, FP, -8, R6), SET(R6, 1), STORE(BPF_DW, FP, -8, R6),
	    LOAD(BPF_DW, R4, FP, -8), STORE(BPF_DW, AREA, 0, R4), SET(0, 1), EXIT } },
};

static int count, failed;

static int judge(unsigned int n, bool normalised, struct cham_verdict_at *at)
{
	struct cham_ref ref[INSNS] = { 0 };
	struct cham_cost cost[INSNS];
	uint32_t next[INSNS], order[INSNS], todo[2 * INSNS + 1];
	uint8_t target[INSNS + 1] = { 0 }, mark[INSNS] = { 0 };
	struct cham_func func = { .name = "rx" };
	struct cham_code c = { .insn = cases[n].insn, .normalised = normalised, .ref = ref,
			       .func = &func, .n_func = 1, .cost = cost, .next = next,
			       .target = target, .mark = mark, .order = order, .todo = todo };
	int err;

	while (cases[n].insn[func.len].code != (BPF_JMP | BPF_EXIT))
		func.len++;
	c.n = ++func.len;
	err = cham_cost_of(&c, 0, at);
	return err ? err : cham_leak_of(&c, 0, at);
}

static void ok(bool pass, unsigned int n, const char *what, const char *said)
{
	failed += !pass;
	printf("%sok %d - %s: %s\n", pass ? "" : "not ", ++count, cases[n].name, what);
	if (!pass)
		printf("# said: %s\n", said);
}

int main(void)
{
	struct cham_verdict_at at;
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&at, 0, sizeof(at));
		err = judge(i, true, &at);
		if (cases[i].says)
			ok(err && strstr(at.text, cases[i].says), i, "not joint", at.text);
		else
			ok(!err, i, "joint", at.text);
		memset(&at, 0, sizeof(at));
		err = judge(i, false, &at);
		ok(!err == !cases[i].as_it_came, i, "as it came it is the verifier's to say",
		   at.text);
	}
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
