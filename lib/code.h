/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What those who walk over BPF code ask of an instruction, and how they say no. */
#ifndef CHAM_CODE_H
#define CHAM_CODE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/bpf.h>

#include "cost.h"

/* Not in the headers that the oldest supported system has. */
#define OP_JA32		(BPF_JMP32 | BPF_JA)
#define MODE_MEMSX	0x80	/* since 6.6, and BPF's -mcpu=v4 */

__attribute__((format(printf, 4, 5)))
static inline int refuse(struct cham_verdict_at *at, int err, uint32_t insn, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(at->text, sizeof(at->text), fmt, ap);
	va_end(ap);
	at->err = err;
	at->insn = insn;
	return err;
}

static inline bool is_ld64(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_DW | BPF_IMM);
}

static inline bool is_jump(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_JMP || BPF_CLASS(i->code) == BPF_JMP32;
}

static inline bool is_goto(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_JA) || i->code == OP_JA32;
}

static inline bool is_call(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL);
}

static inline bool is_exit(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_EXIT);
}

/* Where a jump goes; outside of the function when it says so. */
static inline int64_t jump_to(const struct bpf_insn *i, uint32_t at)
{
	return (int64_t)at + 1 + (i->code == OP_JA32 ? i->imm : i->off);
}

#endif
