// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A tenant's bitcode, made fit to be optimised together with the datapath.
 *
 *	chamelio-normalise TENANT CELL FILE >OUT
 *	chamelio-normalise - - FILE >OUT	by itself, and its names stay, to be judged
 *
 * What a compiler may conclude from a program is what the program promises, and a
 * tenant's promises must not be believed about the provider's code around it. So:
 *
 * - what cannot be reached or traps returns a verdict that is none, a fault;
 * - assumptions, flags that make poison, attributes and metadata are gone, null is
 *   an address as others, a division by zero gives what BPF's gives;
 * - a value that may be poison is frozen before anything depends on it;
 * - names are the tenant's, everything is inlined into one function for each hook,
 *   and what enters and leaves that goes through a barrier, which is also a label:
 *   the proof on the finished object finds the handler by it (lib/prove.c);
 * - what could not be judged so is refused by its name, and the tenant's handlers
 *   stay functions of their own: memory on the stack, addresses of functions, the
 *   packet's description used as anything but a structure, foreign instructions.
 *
 * It runs as the compiler does (lib/jail.c).
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Comdat.h>
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include "chamelio_handler.h"
#include "foreign.h"
#include "normalise.h"

#define LAYOUT	"e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
#define PASSES \
	"always-inline,function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg),globaldce"

LLVMContextRef ctx;
LLVMBuilderRef builder;
static LLVMModuleRef mod;
static LLVMTargetDataRef layout;
static const char *tenant, *cell;
static bool alone;

static const char *const hooks[] = {
#define X(id, name, text) name,
	CHAM_HOOK_LIST(X)
#undef X
};

#define N_HOOKS (sizeof(hooks) / sizeof(hooks[0]))

void no(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

const char *name_of(LLVMValueRef v)
{
	size_t n;

	return LLVMGetValueName2(v, &n);
}

/* What is used and not in the module. */
void foreign(LLVMValueRef v)
{
	no("\"%s\" %s", name_of(v), cham_foreign(name_of(v), LLVMGetSection(v) ?: ""));
}

static int hook_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < N_HOOKS; i++)
		if (!strcmp(name, hooks[i]))
			return i;
	return -1;
}

static void rename_value(LLVMValueRef v, const char *name)
{
	LLVMSetValueName2(v, name, strlen(name));
}

static unsigned int kind_of(const char *attribute)
{
	return LLVMGetEnumAttributeKindForName(attribute, strlen(attribute));
}

static void add_attribute(LLVMValueRef f, const char *name)
{
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
				LLVMCreateEnumAttribute(ctx, kind_of(name), 0));
}

/* ---- variables ------------------------------------------------------------- */

/* The same variable without attributes, of which some say more of its section than its
 * section does ("#pragma clang section") and none can be asked for or taken away.
 */
static LLVMValueRef anew(LLVMValueRef old)
{
	LLVMTypeRef type = LLVMGlobalGetValueType(old);
	unsigned int dbg = LLVMGetMDKindIDInContext(ctx, "dbg", 3), i;
	LLVMValueRef g = LLVMAddGlobal(mod, type, "");
	LLVMValueMetadataEntry *e;
	char *name;
	size_t n;

	LLVMSetInitializer(g, LLVMGetInitializer(old));
	LLVMSetGlobalConstant(g, LLVMIsGlobalConstant(old));
	LLVMSetAlignment(g, LLVMGetAlignment(old));
	LLVMSetLinkage(g, LLVMGetLinkage(old));
	LLVMSetVisibility(g, LLVMGetVisibility(old));
	LLVMSetUnnamedAddress(g, LLVMGetUnnamedAddress(old));
	LLVMSetSection(g, LLVMGetSection(old) ?: "");
	/* Of several the first is what it is to the debugger, and in BTF. */
	e = LLVMGlobalCopyAllMetadata(old, &n);
	for (i = 0; i < n; i++) {
		if (LLVMValueMetadataEntriesGetKind(e, i) != dbg)
			continue;
		LLVMGlobalSetMetadata(g, dbg, LLVMValueMetadataEntriesGetMetadata(e, i));
		break;
	}
	LLVMDisposeValueMetadataEntries(e);
	name = strdup(name_of(old));
	if (!name)
		no("no memory");
	LLVMReplaceAllUsesWith(old, g);
	LLVMDeleteGlobal(old);
	rename_value(g, name);
	free(name);
	return g;
}

/* Each tenant's data is a section, and with that a map, of its own. Return: the variable,
 * which is another.
 */
static LLVMValueRef place_variable(LLVMValueRef g)
{
	LLVMLinkage linkage = LLVMGetLinkage(g);
	const char *section;
	char text[512];

	if (linkage != LLVMExternalLinkage && linkage != LLVMInternalLinkage &&
	    linkage != LLVMPrivateLinkage)
		no("variable \"%s\" is neither global nor static", name_of(g));
	if (LLVMIsThreadLocal(g) || LLVMGetComdat(g) || LLVMIsExternallyInitialized(g) ||
	    LLVMGetPointerAddressSpace(LLVMTypeOf(g)))
		no("variable \"%s\" is of a kind that handlers have not", name_of(g));
	g = anew(g);
	section = LLVMGetSection(g);
	/* libbpf knows one .bss, and any number of .data; what is apart in the linked tier
	 * stays so, so that it is the same map (lib/maps.c).
	 */
	if (!section || !*section || starts(section, ".bss"))
		section = LLVMIsGlobalConstant(g) ? ".rodata" :
			  LLVMIsNull(LLVMGetInitializer(g)) ? ".data.bss" : ".data";
	if (starts(section, ".rodata") || starts(section, ".data")) {
		snprintf(text, sizeof(text), "%s.t%s", section, tenant);
		if (!alone)
			LLVMSetSection(g, text);
	} else if (strcmp(section, ".maps")) {
		no("variable \"%s\" is in section %s", name_of(g), section);
	}
	if (alone)
		return g;
	snprintf(text, sizeof(text), "t%s_%s", tenant, name_of(g));
	rename_value(g, text);
	LLVMSetLinkage(g, LLVMExternalLinkage);
	LLVMSetVisibility(g, LLVMDefaultVisibility);
	LLVMSetUnnamedAddress(g, LLVMNoUnnamedAddr);
	return g;
}

static void variables(void)
{
	static const char *const gone[] = { "llvm.used", "llvm.compiler.used" };
	LLVMValueRef g, next, last, maps[64];
	unsigned int i, n = 0;
	bool said;

	for (i = 0; i < 2; i++) {
		g = LLVMGetNamedGlobal(mod, gone[i]);
		if (g)
			LLVMDeleteGlobal(g);
	}
	last = LLVMGetLastGlobal(mod);	/* of those that were there */
	for (g = last ? LLVMGetFirstGlobal(mod) : NULL; g; g = next) {
		const char *section = LLVMGetSection(g);

		next = g == last ? NULL : LLVMGetNextGlobal(g);
		/* The datapath has a licence already: without a use these go. */
		said = section && (!strcmp(section, "license") ||
				   !strcmp(section, CHAM_META_SECTION));
		if (said && alone)
			continue;
		if (said)
			LLVMSetSection(g, "");
		if (!LLVMGetInitializer(g)) {
			if (LLVMGetFirstUse(g))
				foreign(g);
			LLVMDeleteGlobal(g);
			continue;
		}
		if (starts(name_of(g), "llvm."))
			no("\"%s\" is no variable of a handler's", name_of(g));
		g = place_variable(g);
		if (said)
			LLVMSetLinkage(g, LLVMInternalLinkage);
		section = LLVMGetSection(g);
		if (section && !strcmp(section, ".maps")) {
			if (n == 64)
				no("too many maps");
			maps[n++] = g;
		}
	}
	if (!n)
		return;
	/* The compiler's list: of the linker's each map would get a section of its own. */
	g = LLVMAddGlobal(mod, LLVMArrayType2(LLVMPointerTypeInContext(ctx, 0), n), gone[1]);
	LLVMSetInitializer(g, LLVMConstArray2(LLVMPointerTypeInContext(ctx, 0), maps, n));
	LLVMSetLinkage(g, LLVMAppendingLinkage);
	LLVMSetSection(g, "llvm.metadata");
}

/* ---- functions ------------------------------------------------------------- */

static void strip_function(LLVMValueRef f)
{
	unsigned int n = LLVMCountParams(f), i, k, count, len;
	LLVMAttributeRef a[64];

	for (i = 0; i <= n + 1; i++) {
		LLVMAttributeIndex at = i <= n ? i : (unsigned int)LLVMAttributeFunctionIndex;

		count = LLVMGetAttributeCountAtIndex(f, at);
		if (count > 64)
			no("%s() has %u attributes", name_of(f), count);
		LLVMGetAttributesAtIndex(f, at, a);
		for (k = 0; k < count; k++) {
			if (LLVMIsStringAttribute(a[k])) {
				const char *s = LLVMGetStringAttributeKind(a[k], &len);

				LLVMRemoveStringAttributeAtIndex(f, at, s, len);
			} else {
				LLVMRemoveEnumAttributeAtIndex(f, at,
							       LLVMGetEnumAttributeKind(a[k]));
			}
		}
	}
	LLVMAddTargetDependentFunctionAttr(f, "target-cpu", "v3");
	add_attribute(f, "null_pointer_is_valid");
	add_attribute(f, "alwaysinline");
	/* Nothing to unwind, then, which the judge has no place for. */
	if (alone)
		add_attribute(f, "nounwind");
	else
		LLVMSetSection(f, "");
}

static void function(LLVMValueRef f)
{
	LLVMLinkage linkage = LLVMGetLinkage(f);
	LLVMBasicBlockRef bb;
	LLVMValueRef in, next;
	LLVMUseRef use;
	unsigned int i;

	if (linkage != LLVMExternalLinkage && linkage != LLVMInternalLinkage &&
	    linkage != LLVMPrivateLinkage)
		no("%s() is neither global nor static", name_of(f));
	if (LLVMHasPersonalityFn(f) || LLVMGetComdat(f) || LLVMGetGC(f) ||
	    LLVMHasPrefixData(f) || LLVMHasPrologueData(f) ||
	    !is_common(LLVMGetFunctionCallConv(f)) ||
	    LLVMIsFunctionVarArg(LLVMGlobalGetValueType(f)))
		no("%s() is of a kind that handlers have not", name_of(f));
	for (use = LLVMGetFirstUse(f); use; use = LLVMGetNextUse(use)) {
		LLVMValueRef user = LLVMGetUser(use);

		if (!LLVMIsACallInst(user) || LLVMGetCalledValue(user) != f)
			no("the address of %s() is taken, as for bpf_loop()", name_of(f));
		for (i = 0; i < LLVMGetNumArgOperands(user); i++)
			if (LLVMGetOperand(user, i) == f)
				no("the address of %s() is taken, as for bpf_loop()", name_of(f));
	}
	for (i = 0; i < LLVMCountParams(f); i++)
		if (!is_plain(LLVMTypeOf(LLVMGetParam(f, i))))
			no("%s() has a parameter that is neither number nor pointer", name_of(f));
	LLVMSetFunctionCallConv(f, LLVMCCallConv);
	strip_function(f);
	for (bb = LLVMGetFirstBasicBlock(f); bb; bb = LLVMGetNextBasicBlock(bb))
		for (in = LLVMGetFirstInstruction(bb); in; in = next) {
			next = LLVMGetNextInstruction(in);
			instruction(in, f);
		}
	if (hook_of(name_of(f)) < 0)
		LLVMSetLinkage(f, LLVMInternalLinkage);
}

static void functions(void)
{
	LLVMValueRef f, next;

	for (f = LLVMGetFirstFunction(mod); f; f = next) {
		next = LLVMGetNextFunction(f);
		if (!LLVMIsDeclaration(f))
			function(f);
		else if (!LLVMGetFirstUse(f))
			LLVMDeleteFunction(f);
	}
}

/* ---- what is left ---------------------------------------------------------- */

/* Where in the hook's source @v is used, as far as the bitcode says. */
static const char *used_at(LLVMValueRef v)
{
	LLVMMetadataRef at = NULL, file, outer;
	static char text[256];
	LLVMUseRef use;
	unsigned int n = 0;

	for (use = LLVMGetFirstUse(v); use && !at; use = LLVMGetNextUse(use))
		if (LLVMIsAInstruction(LLVMGetUser(use)))
			at = LLVMInstructionGetDebugLoc(LLVMGetUser(use));
	while (at && (outer = LLVMDILocationGetInlinedAt(at)))
		at = outer;
	file = at ? LLVMDIScopeGetFile(LLVMDILocationGetScope(at)) : NULL;
	text[0] = '\0';
	if (file) {
		const char *name = LLVMDIFileGetFilename(file, &n);

		snprintf(text, sizeof(text), ": %.*s:%u", n < 200 ? (int)n : 200, name,
			 LLVMDILocationGetLine(at));
	}
	return text;
}

/* The packet's description is the datapath's: read and written as what it is, so
 * that it ends up in registers, and nobody can reach what is beside it.
 */
static void judge_pkt(LLVMValueRef p, uint64_t off, const char *hook)
{
	LLVMUseRef use;

	for (use = LLVMGetFirstUse(p); use; use = LLVMGetNextUse(use)) {
		LLVMValueRef user = LLVMGetUser(use);
		LLVMTypeRef t = NULL;

		if (LLVMIsALoadInst(user)) {
			t = LLVMTypeOf(user);
		} else if (LLVMIsAStoreInst(user) && LLVMGetOperand(user, 0) != p) {
			t = LLVMTypeOf(LLVMGetOperand(user, 0));
		} else if (LLVMIsAFreezeInst(user)) {
			judge_pkt(user, off, hook);
			continue;
		} else if (LLVMIsAGetElementPtrInst(user) && LLVMGetNumOperands(user) == 2 &&
			   LLVMGetOperand(user, 0) == p &&
			   LLVMIsAConstantInt(LLVMGetOperand(user, 1)) &&
			   LLVMABISizeOfType(layout, LLVMGetGEPSourceElementType(user)) == 1) {
			judge_pkt(user, off + LLVMConstIntGetSExtValue(LLVMGetOperand(user, 1)),
				  hook);
			continue;
		}
		if (!t || off > sizeof(struct cham_pkt) ||
		    LLVMABISizeOfType(layout, t) > sizeof(struct cham_pkt) - off)
			no("%s() does with pkt what is not reading or writing a member%s", hook,
			   used_at(p));
	}
}

static void judge_stack(LLVMValueRef f, const char *hook)
{
	LLVMBasicBlockRef bb;
	LLVMValueRef in;

	for (bb = LLVMGetFirstBasicBlock(f); bb; bb = LLVMGetNextBasicBlock(bb))
		for (in = LLVMGetFirstInstruction(bb); in; in = LLVMGetNextInstruction(in))
			if (LLVMIsAAllocaInst(in))
				no("%s() keeps something in memory on its stack%s", hook,
				   used_at(in));
}

/* asm volatile: the label, and @n values that nothing is known of any more */
static LLVMValueRef barrier(const char *label, LLVMValueRef *v, unsigned int n)
{
	static const char *const constraints[] = { "", "=r,0", "=r,=r,0,1" };
	LLVMTypeRef types[2], t;
	char text[128];
	unsigned int i;

	for (i = 0; i < n; i++)
		types[i] = LLVMTypeOf(v[i]);
	t = n == 1 ? types[0] : LLVMStructTypeInContext(ctx, types, n, 0);
	t = LLVMFunctionType(t, types, n, 0);
	snprintf(text, sizeof(text), "%s_${:uid}:", label);
	return LLVMBuildCall2(builder, t,
			      LLVMGetInlineAsm(t, text, strlen(text), constraints[n],
					       strlen(constraints[n]), 1, 0,
					       LLVMInlineAsmDialectATT, 0), v, n, "");
}

/* ctx->data is 32 bits wide in C and a pointer for the verifier: arithmetic on the
 * narrow one, which the optimiser likes, makes a number of it. Once widened it is
 * something of its own.
 */
static void widen(LLVMValueRef wide)
{
	LLVMTypeRef t = LLVMTypeOf(wide);
	LLVMValueRef own;

	t = LLVMFunctionType(t, &t, 1, 0);
	LLVMPositionBuilderBefore(builder, LLVMGetNextInstruction(wide));
	own = LLVMBuildCall2(builder, t, LLVMGetInlineAsm(t, "", 0, "=r,0", 4, 0, 0,
							  LLVMInlineAsmDialectATT, 0),
			     &wide, 1, "");
	LLVMReplaceAllUsesWith(wide, own);
	LLVMSetOperand(own, 0, wide);
}

static bool becomes_pointer(LLVMValueRef v)
{
	LLVMUseRef use;

	for (use = LLVMGetFirstUse(v); use; use = LLVMGetNextUse(use))
		if (LLVMIsAIntToPtrInst(LLVMGetUser(use)))
			return true;
	return false;
}

static void packet_pointers(LLVMValueRef f)
{
	LLVMBasicBlockRef bb;
	LLVMValueRef in;

	for (bb = LLVMGetFirstBasicBlock(f); bb; bb = LLVMGetNextBasicBlock(bb))
		for (in = LLVMGetFirstInstruction(bb); in; in = LLVMGetNextInstruction(in))
			if (LLVMIsAZExtInst(in) && becomes_pointer(in))
				widen(in);
}

/* The function that takes the place of the datapath's empty one. */
static void wrap(LLVMValueRef f, const char *hook)
{
	LLVMTypeRef t = LLVMGlobalGetValueType(f);
	LLVMValueRef w, args[3], in[2], both, verdict;
	char text[128];

	snprintf(text, sizeof(text), "t%s_%s", tenant, hook);
	rename_value(f, text);
	LLVMSetLinkage(f, LLVMInternalLinkage);
	snprintf(text, sizeof(text), "cham_%s_%s", hook, cell);
	w = LLVMAddFunction(mod, text, t);
	LLVMAddTargetDependentFunctionAttr(w, "target-cpu", "v3");
	add_attribute(w, "null_pointer_is_valid");
	add_attribute(w, "alwaysinline");
	LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(ctx, w, ""));
	LLVMSetCurrentDebugLocation2(builder, NULL);	/* that of another function */
	in[0] = LLVMGetParam(w, 0);
	in[1] = LLVMGetParam(w, 2);
	snprintf(text, sizeof(text), "cham_in_%s_%s", hook, cell);
	both = barrier(text, in, 2);
	args[0] = LLVMBuildExtractValue(builder, both, 0, "");
	args[1] = LLVMGetParam(w, 1);
	args[2] = LLVMBuildExtractValue(builder, both, 1, "");
	verdict = LLVMBuildCall2(builder, t, f, args, 3, "");
	snprintf(text, sizeof(text), "cham_out_%s_%s", hook, cell);
	LLVMBuildRet(builder, barrier(text, &verdict, 1));
}

static void judge_hook(const char *hook)
{
	LLVMValueRef f = LLVMGetNamedFunction(mod, hook);
	LLVMTypeRef t, p[3];
	unsigned int i;

	if (!f || LLVMIsDeclaration(f))
		return;
	t = LLVMGlobalGetValueType(f);
	if (LLVMCountParamTypes(t) != 3 ||
	    LLVMGetReturnType(t) != LLVMInt32TypeInContext(ctx))
		no("%s() has not the arguments of a hook", hook);
	LLVMGetParamTypes(t, p);
	for (i = 0; i < 3; i++)
		if (LLVMGetTypeKind(p[i]) != LLVMPointerTypeKind)
			no("%s() has not the arguments of a hook", hook);
	if (LLVMGetFirstUse(f))
		no("%s() is called by the program itself", hook);
	judge_stack(f, hook);
	judge_pkt(LLVMGetParam(f, 1), 0, hook);
	packet_pointers(f);
	if (!alone)
		wrap(f, hook);
}

static void sound(const char *when)
{
	char *why = NULL;

	if (LLVMVerifyModule(mod, LLVMReturnStatusAction, &why))
		no("the bitcode is not sound %s: %s", when, why);
	LLVMDisposeMessage(why);
}

/* What is said of the whole is said of the datapath, too, when both are linked. */
static void judge_module(void)
{
	static const char *const flags[] = { "wchar_size", "Dwarf Version", "Debug Info Version",
					     "frame-pointer",
					     "debug-info-assignment-tracking" };
	static const char *const named[] = { "llvm.dbg.cu", "llvm.module.flags", "llvm.ident" };
	LLVMModuleFlagEntry *e;
	LLVMNamedMDNodeRef md;
	LLVMValueRef value;
	const char *name;
	unsigned int k;
	size_t n, i, len;

	if (strcmp(LLVMGetTarget(mod), "bpf") && strcmp(LLVMGetTarget(mod), "bpfel"))
		no("is for %s, not for bpf", LLVMGetTarget(mod));
	if (strcmp(LLVMGetDataLayoutStr(mod), LAYOUT))
		no("has the data layout %s, not " LAYOUT, LLVMGetDataLayoutStr(mod));
	LLVMSetTarget(mod, "bpf");
	e = LLVMCopyModuleFlagsMetadata(mod, &n);
	for (i = 0; i < n; i++) {
		name = LLVMModuleFlagEntriesGetKey(e, i, &len);
		for (k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
			if (len == strlen(flags[k]) && !memcmp(name, flags[k], len))
				break;
		if (k == sizeof(flags) / sizeof(flags[0]))
			no("has a module flag %.*s", (int)len, name);
		value = LLVMMetadataAsValue(ctx, LLVMModuleFlagEntriesGetMetadata(e, i));
		value = LLVMGetNumOperands(value) > 0 ? LLVMGetOperand(value, 0) : value;
		if (!k && LLVMIsAConstantInt(value) && LLVMConstIntGetZExtValue(value) != 4)
			no("has another wchar_t than BPF");
	}
	LLVMDisposeModuleFlagsMetadata(e);
	for (md = LLVMGetFirstNamedMetadata(mod); md; md = LLVMGetNextNamedMetadata(md)) {
		name = LLVMGetNamedMetadataName(md, &len);
		for (k = 0; k < sizeof(named) / sizeof(named[0]); k++)
			if (len == strlen(named[k]) && !memcmp(name, named[k], len))
				break;
		if (k == sizeof(named) / sizeof(named[0]))
			no("has metadata called %.*s", (int)len, name);
	}
}

int main(int argc, char **argv)
{
	LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
	LLVMMemoryBufferRef buffer, out;
	LLVMErrorRef err;
	LLVMValueRef f;
	char *why = NULL;
	unsigned int i;
	size_t n;

	if (argc != 4)
		no("usage: chamelio-normalise TENANT CELL FILE, or - - FILE");
	tenant = argv[1];
	cell = argv[2];
	alone = !strcmp(tenant, "-");
	ctx = LLVMContextCreate();
	if (LLVMCreateMemoryBufferWithContentsOfFile(argv[3], &buffer, &why))
		no("%s", why);
	if (LLVMParseBitcodeInContext2(ctx, buffer, &mod))
		no("the bitcode cannot be read");
	sound("as it came");
	builder = LLVMCreateBuilderInContext(ctx);
	layout = LLVMGetModuleDataLayout(mod);
	judge_module();
	LLVMGetModuleInlineAsm(mod, &n);
	if (n || LLVMGetFirstGlobalAlias(mod) || LLVMGetFirstGlobalIFunc(mod))
		no("has assembly or aliases");
	variables();
	functions();
	err = LLVMRunPasses(mod, PASSES, NULL, options);
	if (err)
		no("%s", LLVMGetErrorMessage(err));
	/* What the passes concluded is about the tenant alone; once more without it. */
	functions();
	for (f = LLVMGetFirstFunction(mod); f; f = LLVMGetNextFunction(f))
		if (!LLVMIsDeclaration(f) && hook_of(name_of(f)) < 0)
			no("%s() cannot be inlined", name_of(f));
	for (i = 0; i < N_HOOKS; i++)
		judge_hook(hooks[i]);
	sound("any more");
	out = LLVMWriteBitcodeToMemoryBuffer(mod);
	n = LLVMGetBufferSize(out);
	return fwrite(LLVMGetBufferStart(out), 1, n, stdout) != n || fflush(stdout);
}
