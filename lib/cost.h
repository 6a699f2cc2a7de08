/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * What BPF code can cost at most, and whether it keeps addresses to itself. Pure: no
 * kernel, no file; also built into the fuzzer.
 */
#ifndef CHAM_COST_H
#define CHAM_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#define CHAM_STACK_MAX	512	/* bytes of a frame that the kernel lets be */

struct cham_cost {
	uint64_t insns;		/* x86 instructions */
	uint64_t cycles;	/* an estimate, see cost.c */
};

/* How much a helper can be given: of the object's maps the most of each. */
struct cham_sizes {
	uint32_t key;		/* bytes of a map's key */
	uint32_t value;		/* bytes of a map's value */
	uint32_t copies;	/* CPUs that an update writes a value for */
	uint32_t memory;	/* bytes of one piece, when no constant says less */
};

/* What an instruction refers to, as the object's relocations say. */
enum cham_ref_kind { CHAM_REF_NONE, CHAM_REF_FUNC, CHAM_REF_MAP, CHAM_REF_DATA };

struct cham_ref {
	uint8_t kind;
	uint32_t index;		/* FUNC: of the function; MAP: of its size */
};

struct cham_func {
	uint32_t start;		/* first instruction */
	uint32_t len;
	const char *name;
	uint32_t type;			/* of its BTF */
	bool global;
	/* results */
	struct cham_cost cost;	/* with all that it calls */
	uint32_t frame;		/* bytes of its stack that are read or written, by whom ever */
	uint32_t stack;		/* along the deepest chain of calls; both by cham_leak_of() */
	uint32_t reached;	/* of its instructions */
	uint8_t state;
};

struct cham_map_size {
	uint32_t key, value;	/* 0: nobody said */
};

struct cham_code {
	const struct bpf_insn *insn;
	bool normalised;		/* see cham_leak_of() */
	uint32_t n;
	const struct cham_ref *ref;	/* n of them */
	struct cham_func *func;
	uint32_t n_func;
	struct cham_sizes sizes;
	const struct cham_map_size *map;	/* n_map of them */
	uint32_t n_map;
	/* work space, n of each */
	struct cham_cost *cost;		/* from here to the end of the function */
	uint32_t *next;			/* on the costliest way; 0: the end */
	uint8_t *target;		/* is jumped to */
	uint8_t *mark;
	uint32_t *order;		/* from a function's start: those reached, last first */
	uint32_t *todo;			/* 2 * n + n_func of them */
	uint32_t todos;
};

/* Why code is not admitted, and where. */
struct cham_verdict_at {
	int err;		/* 0, or -EINVAL, -ELOOP, -EPERM */
	uint32_t insn;
	char text[200];
};

/**
 * cham_cost_of() - bound a function and what it calls
 * @c:  code; its results and work space are written
 * @f:  number of the function
 * @at: receives why not
 *
 * Return: 0, or @at->err.
 */
int cham_cost_of(struct cham_code *c, uint32_t f, struct cham_verdict_at *at);

/**
 * cham_helper_bound() - what a call of a helper takes at most
 * @id:    enum bpf_func_id
 * @sizes: what it can be given
 * @data:  bytes of its data
 * @cost:  the bound
 *
 * Return: 0, or -ENOENT when handlers may not call it.
 */
int cham_helper_bound(uint32_t id, const struct cham_sizes *sizes, uint64_t data,
		      struct cham_cost *cost);
const char *cham_helper_name(uint32_t id);

/**
 * cham_helper_takes() - what a helper gives and is given, a letter each
 * @id: enum bpf_func_id
 *
 * First what it gives: n a number, p memory or NULL. Then its arguments: n a number, c
 * ctx, m a map, k a key of it, v a value of it, r memory that is read, w memory that is
 * written if 0 is given, both as long as the next says, b a ringbuf's record, f a function,
 * a what that is given.
 *
 * Return: letters, or NULL when handlers may not call it.
 */
const char *cham_helper_takes(uint32_t id);

/**
 * cham_leak_of() - does a function keep the kernel's addresses to itself?
 * @c:  code, of which cham_cost_of() has taken all functions; its results are written
 * @f:  number of a hook's function
 * @at: receives why not
 *
 * In @c->normalised code stack may be read that nobody has written: the compiler does so
 * with what is undefined. No verifier sees such code by itself: neither that nor a register
 * that nobody has written may be stored but on the stack, compared, given away or returned.
 *
 * Return: 0, @at->err, or -ENOMEM.
 */
int cham_leak_of(struct cham_code *c, uint32_t f, struct cham_verdict_at *at);

#endif
