// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What a tenant's instructions promise, taken from them one by one: see normalise.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chamelio_handler.h"
#include "normalise.h"

bool is_plain(LLVMTypeRef t)
{
	switch (LLVMGetTypeKind(t)) {
	case LLVMVoidTypeKind:
		return true;
	case LLVMIntegerTypeKind:
		return LLVMGetIntTypeWidth(t) <= 64;
	case LLVMPointerTypeKind:
		return !LLVMGetPointerAddressSpace(t);
	default:
		return false;
	}
}

/* Whatever it is, it is one value from here on; what is poison anyhow is zero. */
static void freeze(LLVMValueRef in, unsigned int operand)
{
	LLVMValueRef v = LLVMGetOperand(in, operand);

	/* Of a constant's parts some may be poison. */
	if (!is_plain(LLVMTypeOf(v)) && LLVMIsConstant(v) && !LLVMIsUndef(v) && !LLVMIsNull(v))
		no("a constant is neither number nor pointer");
	if (LLVMIsUndef(v)) {
		LLVMSetOperand(in, operand, LLVMConstNull(LLVMTypeOf(v)));
		return;
	}
	if (LLVMIsConstant(v) || LLVMIsAFreezeInst(v))
		return;
	LLVMPositionBuilderBefore(builder, in);
	LLVMSetOperand(in, operand, LLVMBuildFreeze(builder, v, ""));
}

/* What is undefined where it is written down may be anything each time that it is asked
 * for: what leads around a loop would be a register that nobody has written.
 */
static void define_operands(LLVMValueRef in)
{
	unsigned int n = LLVMGetNumOperands(in), i;

	for (i = 0; i < n; i++) {
		LLVMValueRef v = LLVMGetOperand(in, i);

		if (LLVMIsUndef(v))
			LLVMSetOperand(in, i, LLVMConstNull(LLVMTypeOf(v)));
	}
}

/* As BPF has it: what is shifted by is less than the width, or counts by its lower bits. */
static void shift(LLVMValueRef in)
{
	LLVMValueRef by = LLVMGetOperand(in, 1), most;
	LLVMTypeRef t = LLVMTypeOf(in);
	unsigned int width = LLVMGetIntTypeWidth(t);

	if (LLVMIsAConstantInt(by) && LLVMConstIntGetZExtValue(by) < width)
		return;
	LLVMPositionBuilderBefore(builder, in);
	if (width & (width - 1)) {
		/* There is none such in C, nor in BPF. */
		freeze(in, 1);
		by = LLVMGetOperand(in, 1);
		most = LLVMConstInt(t, width - 1, 0);
		LLVMPositionBuilderBefore(builder, in);
		by = LLVMBuildSelect(builder, LLVMBuildICmp(builder, LLVMIntULE, by, most, ""),
				     by, most, "");
	} else {
		by = LLVMBuildAnd(builder, by, LLVMConstInt(t, width - 1, 0), "");
	}
	LLVMSetOperand(in, 1, by);
}

/*
 * Where a value comes from that may be poison for a compiler: frozen there, what is
 * made of it provably is none, and freezing it again where something depends on it
 * costs nothing, nor hides from the code generator what a condition is made of.
 */
static void freeze_result(LLVMValueRef in)
{
	LLVMValueRef frozen;

	if (!is_plain(LLVMTypeOf(in)) || !LLVMGetFirstUse(in))
		return;
	LLVMPositionBuilderBefore(builder, LLVMGetNextInstruction(in));
	frozen = LLVMBuildFreeze(builder, in, "");
	LLVMReplaceAllUsesWith(in, frozen);
	LLVMSetOperand(frozen, 0, in);
}

/* As BPF has it: 0, or for a rest the dividend. */
static void divide(LLVMValueRef in, bool rest)
{
	LLVMValueRef n = LLVMGetOperand(in, 0), d, zero, is_zero, safe, result, next;
	LLVMTypeRef t = LLVMTypeOf(in);

	if (LLVMIsAConstantInt(LLVMGetOperand(in, 1)) && !LLVMIsNull(LLVMGetOperand(in, 1)))
		return;
	freeze(in, 1);
	d = LLVMGetOperand(in, 1);
	zero = LLVMConstNull(t);
	LLVMPositionBuilderBefore(builder, in);
	is_zero = LLVMBuildICmp(builder, LLVMIntEQ, d, zero, "");
	safe = LLVMBuildSelect(builder, is_zero, LLVMConstInt(t, 1, 0), d, "");
	next = LLVMGetNextInstruction(in);
	LLVMPositionBuilderBefore(builder, next);
	result = LLVMBuildSelect(builder, is_zero, rest ? n : zero, in, "");
	LLVMReplaceAllUsesWith(in, result);
	/* Its own operand was replaced as well. */
	LLVMSetOperand(result, 2, in);
	LLVMSetOperand(in, 1, safe);
}

/* But for the alignment of what is copied or set, which is to the machine what that of a
 * load is, and is kept as that is: without, it goes byte by byte.
 */
static void strip_call(LLVMValueRef in, bool memory)
{
	unsigned int align = LLVMGetEnumAttributeKindForName("align", 5);
	unsigned int n = LLVMGetNumArgOperands(in), i, k, count;
	LLVMAttributeRef a[64];

	for (i = 0; i <= n + 1; i++) {
		LLVMAttributeIndex at = i <= n ? i : (unsigned int)LLVMAttributeFunctionIndex;

		count = LLVMGetCallSiteAttributeCount(in, at);
		if (count > 64)
			no("a call with %u attributes", count);
		LLVMGetCallSiteAttributes(in, at, a);
		for (k = 0; k < count; k++) {
			unsigned int len;

			if (LLVMIsStringAttribute(a[k])) {
				const char *s = LLVMGetStringAttributeKind(a[k], &len);

				LLVMRemoveCallSiteStringAttribute(in, at, s, len);
			} else if (!memory || LLVMGetEnumAttributeKind(a[k]) != align) {
				LLVMRemoveCallSiteEnumAttribute(in, at,
								LLVMGetEnumAttributeKind(a[k]));
			}
		}
	}
}

static LLVMValueRef comparison(LLVMValueRef in)
{
	LLVMValueRef how = LLVMGetOperand(in, 0);
	unsigned long long predicate;

	predicate = LLVMIsAConstantInt(how) ? LLVMConstIntGetZExtValue(how) : 0;
	if (predicate < LLVMIntEQ || predicate > LLVMIntSLE)
		no("compares in a way that there is not");
	LLVMPositionBuilderBefore(builder, in);
	return LLVMBuildICmp(builder, (LLVMIntPredicate)predicate, LLVMGetOperand(in, 1),
			     LLVMGetOperand(in, 2), "");
}

static bool becomes(LLVMValueRef in, LLVMValueRef v)
{
	LLVMReplaceAllUsesWith(in, v);
	LLVMInstructionEraseFromParent(in);
	return true;
}

/* Return: the call is gone. */
static bool intrinsic(LLVMValueRef in, const char *name)
{
	static const char *const gone[] = {
		"llvm.assume", "llvm.lifetime.", "llvm.experimental.noalias.", "llvm.trap",
		"llvm.debugtrap", "llvm.ubsantrap", "llvm.sideeffect", "llvm.dbg.",
		"llvm.donothing",
	};
	static const char *const kept[] = {
		"llvm.memcpy.", "llvm.memmove.", "llvm.memset.", "llvm.bswap.", "llvm.ctpop.",
		"llvm.bitreverse.", "llvm.smax.", "llvm.smin.", "llvm.umax.", "llvm.umin.",
		"llvm.fshl.", "llvm.fshr.", "llvm.uadd.", "llvm.usub.", "llvm.umul.",
		"llvm.sadd.", "llvm.ssub.", "llvm.smul.",
	};
	unsigned int i;

	for (i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (starts(name, gone[i])) {
			LLVMInstructionEraseFromParent(in);
			return true;
		}
	/* So BPF's optimiser hides a value and a comparison from the others. */
	if (starts(name, "llvm.bpf.passthrough."))
		return becomes(in, LLVMGetOperand(in, 1));
	if (starts(name, "llvm.bpf.compare."))
		return becomes(in, comparison(in));
	if (starts(name, "llvm.expect."))
		return becomes(in, LLVMGetOperand(in, 0));
	if (starts(name, "llvm.ctlz.") || starts(name, "llvm.cttz.") || starts(name, "llvm.abs.")) {
		/* Of zero, or of the least number, they give something. */
		LLVMSetOperand(in, 1, LLVMConstInt(LLVMInt1TypeInContext(ctx), 0, 0));
		return false;
	}
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (starts(name, kept[i]))
			return false;
	no("%s is not for handlers that are to be inlined", name);
}

/* On BPF there is one way to call; the compiler marks what no other file can. */
bool is_common(unsigned int convention)
{
	return convention == LLVMCCallConv || convention == LLVMFastCallConv;
}

/* Return: the call is gone. */
static bool call(LLVMValueRef in)
{
	LLVMValueRef f = LLVMGetCalledValue(in);
	unsigned int i;

	if (LLVMIsAInlineAsm(f))
		no("inline assembly, of which nobody knows what it does; accepted: C, and helpers");
	if (LLVMGetNumOperandBundles(in) || !is_common(LLVMGetInstructionCallConv(in)))
		no("a call of a kind that handlers have not");
	LLVMSetInstructionCallConv(in, LLVMCCallConv);
	strip_call(in, LLVMIsAMemIntrinsic(in));
	if (LLVMIsAFunction(f) && LLVMGetIntrinsicID(f))
		return intrinsic(in, name_of(f));
	if (LLVMIsAFunction(f)) {
		if (LLVMIsDeclaration(f))
			foreign(f);
		if (LLVMGlobalGetValueType(f) != LLVMGetCalledFunctionType(in))
			no("\"%s\" is called as what it is not", name_of(f));
	} else if (!LLVMIsAConstantExpr(f) || LLVMGetConstOpcode(f) != LLVMIntToPtr) {
		no("a function is called by its address");
	}
	LLVMSetTailCallKind(in, LLVMTailCallKindNone);
	for (i = 0; i < LLVMGetNumArgOperands(in); i++)
		freeze(in, i);
	if (LLVMGetTypeKind(LLVMTypeOf(in)) != LLVMVoidTypeKind)
		freeze_result(in);
	return false;
}

/* Whose name does not say that it brings the place in the source, too. */
static void strip_metadata(LLVMValueRef in)
{
	unsigned int dbg = LLVMGetMDKindIDInContext(ctx, "dbg", 3), i;
	LLVMValueMetadataEntry *e;
	size_t n;

	e = LLVMInstructionGetAllMetadataOtherThanDebugLoc(in, &n);
	for (i = 0; i < n; i++)
		if (LLVMValueMetadataEntriesGetKind(e, i) != dbg)
			LLVMSetMetadata(in, LLVMValueMetadataEntriesGetKind(e, i), NULL);
	LLVMDisposeValueMetadataEntries(e);
}

/* A verdict that is none: whoever gets here is at fault. */
static void give_up(LLVMValueRef in, LLVMValueRef f)
{
	LLVMTypeRef t = LLVMGetReturnType(LLVMGlobalGetValueType(f));

	LLVMPositionBuilderBefore(builder, in);
	if (LLVMGetTypeKind(t) == LLVMVoidTypeKind)
		LLVMBuildRetVoid(builder);
	else if (LLVMGetTypeKind(t) == LLVMIntegerTypeKind)
		LLVMBuildRet(builder, LLVMConstInt(t, CHAM_VERDICT_MASK, 0));
	else
		LLVMBuildRet(builder, LLVMConstNull(t));
	LLVMInstructionEraseFromParent(in);
}

void instruction(LLVMValueRef in, LLVMValueRef f)
{
	LLVMOpcode op = LLVMGetInstructionOpcode(in);

	/* Compare and swap gives two values in one, which the optimiser freezes as one. */
	if (!is_plain(LLVMTypeOf(in)) && op != LLVMCall && op != LLVMInsertValue &&
	    op != LLVMAtomicCmpXchg && op != LLVMFreeze)
		no("%s() has a value that is neither number nor pointer", name_of(f));
	strip_metadata(in);
	define_operands(in);
	switch (op) {
	case LLVMAdd:
	case LLVMSub:
	case LLVMMul:
	case LLVMTrunc:
		LLVMSetNSW(in, 0);
		LLVMSetNUW(in, 0);
		break;
	case LLVMShl:
		LLVMSetNSW(in, 0);
		LLVMSetNUW(in, 0);
		shift(in);
		break;
	case LLVMLShr:
	case LLVMAShr:
		LLVMSetExact(in, 0);
		shift(in);
		break;
	case LLVMUDiv:
		LLVMSetExact(in, 0);
		divide(in, false);
		break;
	case LLVMURem:
		divide(in, true);
		break;
	case LLVMOr:
		LLVMSetIsDisjoint(in, 0);
		break;
	case LLVMZExt:
		LLVMSetNNeg(in, 0);
		break;
	case LLVMGetElementPtr:
		LLVMGEPSetNoWrapFlags(in, 0);
		break;
	case LLVMBr:
		if (LLVMIsConditional(in))
			freeze(in, 0);
		break;
	case LLVMSwitch:
		freeze(in, 0);
		break;
	case LLVMLoad:
		freeze(in, 0);
		freeze_result(in);
		break;
	case LLVMRet:
		if (LLVMGetNumOperands(in))
			freeze(in, 0);
		break;
	case LLVMStore:
	case LLVMAtomicRMW:
		freeze(in, 0);
		freeze(in, 1);
		break;
	case LLVMAtomicCmpXchg:
		freeze(in, 0);
		freeze(in, 1);
		freeze(in, 2);
		break;
	case LLVMUnreachable:
		give_up(in, f);
		break;
	case LLVMCall:
		call(in);
		break;
	case LLVMAlloca:	/* asked about later */
	case LLVMAnd:
	case LLVMXor:
	case LLVMICmp:
	case LLVMPHI:
	case LLVMSelect:
	case LLVMSExt:
	case LLVMPtrToInt:
	case LLVMIntToPtr:
	case LLVMBitCast:
	case LLVMFence:
	case LLVMFreeze:
	case LLVMExtractValue:
	case LLVMInsertValue:
		break;
	default:
		no("%s() has an instruction (%d) that is not for handlers that are to be inlined",
		   name_of(f), op);
	}
}
