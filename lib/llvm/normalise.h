/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* A tenant's bitcode, made fit: what normalise.c and instruction.c share. */
#ifndef CHAM_NORMALISE_H
#define CHAM_NORMALISE_H

#include <stdbool.h>
#include <string.h>

#include <llvm-c/Core.h>

extern LLVMContextRef ctx;
extern LLVMBuilderRef builder;

/* Says why, and ends. */
__attribute__((format(printf, 1, 2), noreturn))
void no(const char *fmt, ...);
const char *name_of(LLVMValueRef v);
__attribute__((noreturn))
void foreign(LLVMValueRef v);

static inline bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* A value of a type that a register has, or several. */
bool is_plain(LLVMTypeRef t);
/* A calling convention that BPF has. */
bool is_common(unsigned int convention);
/* Of function @f: gone, replaced, or as BPF has it, promising nothing. */
void instruction(LLVMValueRef in, LLVMValueRef f);

#endif
