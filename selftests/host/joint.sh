#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# The joint datapath, without loading it: what the normaliser refuses, and what the
# proof sees. A proof that believes everything is none: most objects here are wrong.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
require_cmd clang-19 llvm-link-19 opt-19 llc-19 llvm-objcopy-19 jq
normalise=$O/xdp/chamelio-normalise
[ -x "$normalise" ] || skip_all "built without llvm-19-dev"
[ -x "$O/selftests/prove" ] || skip_all "make tests"
tmp=$(mktemp -d)
defer rm -rf "$tmp"
cd "$tmp" || exit 1

compile() {
	clang-19 -target bpf -mcpu=v4 -O2 -g -std=gnu11 -DCHAM_JOINT -I"$tap_top/uapi" -I"$tap_top/bpf" \
		-I"/usr/include/$(gcc -print-multiarch)" -emit-llvm -c -o "$1" -x c "${2:--}"
}
# handler NAME [SED]: the source on standard input; SED changes its bitcode
handler() {
	{ printf '#include "handler.h"\nCHAM_PROGRAM("x", 1, 0);\n'; cat; } | compile "$1.bc"
	[ -z "${2:-}" ] || llvm-dis-19 -o - "$1.bc" | sed -E "$2" | llvm-as-19 -o "$1.bc"
}
own_types=$(sed -n 's/^#define OWN_TYPES[^"]*"\(.*\)"/\1/p' "$tap_top/lib/joint.c")
# joint OUT BITCODE...: as lib/joint.c makes it
joint() {
	llvm-link-19 "$own_types" -o linked.bc "${@:2}" &&
		opt-19 "$own_types" -passes='internalize,default<O2>' -o opt.bc \
			-internalize-public-api-list=cham_uplink,cham_port,cham_parse_wscale,LICENSE,cham_composition,t[0-9]*_* linked.bc &&
		llc-19 -mtriple=bpfel -mcpu=v4 -O2 -filetype=obj -o "$1" opt.bc
}
prove() { "$O/selftests/prove" "$@" 2>&1; }
# no NAME TEXT [SED]: the normaliser refuses the source on standard input
no() {
	handler "$1" "${3:-}"
	check_match "not to be inlined: $1" "$2" "$("$normalise" 7 2 "$1.bc" 2>&1 >/dev/null)"
}
datapath=$O/xdp/datapath.bpf.bc

for name in relay kv; do
	check "$name is normalised" sh -c "'$normalise' 5 1 '$O/bpf/$name.bpf.bc' >n-$name.bc"
done
joint shipped.o "$datapath" n-kv.bc || fail "joint"
check_eq "two maps are in one section" 1 "$(llvm-readelf-19 -S shipped.o | grep -c ' \.maps ')"
check "libbpf takes them, and data" sh -c "bpftool gen skeleton shipped.o name shipped >/dev/null"
check_eq "and it is proved" proved "$(prove shipped.o 0x2 0x2 0x2 t5_kv_slots t5_kv_cpus)"
check_match "not with a map that nobody judged" '"t5_kv_cpus" is in section .maps' "$(prove shipped.o 0x2 0x2 0x2 t5_kv_slots)"

# what compilers make of a function of one's own, and of compare and swap
handler static <<'C'
struct flow { __u64 n[4]; };
static __attribute__((noinline)) int count(struct cham_pkt *pkt, struct cham_area *area, int dir)
{
	struct flow *f = (void *)area;

	if (pkt->proto == IPPROTO_TCP)
		__sync_fetch_and_add(&f->n[dir], 1);
	else if (pkt->len > 1000 && dir)
		return CHAM_DROP_WITH(1);
	return CHAM_PASS;
}
CHAM_HOOK(rx) { return count(pkt, area, 0); }
CHAM_HOOK(tx) { return count(pkt, area, 1); }
C
check_match "a local function has the local way to be called" "call fastcc" "$(llvm-dis-19 -o - static.bc)"
check "and is normalised" sh -c "'$normalise' 6 1 static.bc >n-static.bc"
handler swap <<'C'
CHAM_HOOK(rx)
{
	__u64 old = area->word[0];

	return __sync_bool_compare_and_swap(&area->word[0], old, old + pkt->len) ? CHAM_PASS : CHAM_DROP_WITH(2);
}
C
check "so is compare and swap" sh -c "'$normalise' 6 2 swap.bc >n-swap.bc"
joint own.o "$datapath" n-static.bc n-swap.bc || fail "joint"
check_eq "and both are proved" proved "$(prove own.o 0x6 0x2 0x0)"

# where data lies: "#pragma clang section" says it in attributes that nobody can ask for, and
# what is zero only obeys once it has a section
said_sections() { grep -oE '"[a-z]+-section' | tr -d '"' | cut -d- -f1 | sort -u | xargs; }
for section in .data.bss.t6 .maps; do
	handler sections "s/\"data-section\"=(\"[^\"]*\")/& \"bss-section\"=\\1 \"rodata-section\"=\\1 \"relro-section\"=\\1/
		s/^attributes #[0-9]+ = \{ /&\"implicit-section-name\"=\".text.t6\" /" <<C
#pragma clang section data="$section" text=".text.t6"
__u64 zero, three = 3;
static __u64 own;
const volatile __u64 seven = 7;
static __attribute__((noinline)) int count(struct cham_pkt *pkt) { own += pkt->len; return own & 1; }
CHAM_HOOK(rx) { zero += three + seven; return count(pkt) + (zero & 1); }
C
	check_eq "there are sections in attributes" "bss data implicit relro rodata" \
		"$(llvm-dis-19 -o - sections.bc | said_sections)"
	check "normalised: data for $section" sh -c "'$normalise' 5 1 sections.bc >n-sections.bc"
	check_eq "no attribute says it" "" "$(llvm-dis-19 -o - n-sections.bc | said_sections)"
	joint sections.o "$datapath" n-sections.bc || fail "joint"
	check_eq "each is in its own" ".data.bss.t5 .data.bss.t5 .data.t5 .rodata.t5" \
		"$(llvm-readelf-19 -sS --elf-output-style=JSON sections.o | jq -r '.[0].Symbols[].Symbol |
			select(.Name.Name | startswith("t5_")) | .Section.Name' | sort | xargs)"
	check_eq "and that is proved" proved "$(prove sections.o 0x2 0 0)"
done
for change in rename-section=.data.bss.t5=.data.bss.t6 rename-section=.data.t5=.data.t56 \
	rename-section=.rodata.t5=.rodata rename-section=.data.t5=.maps \
	redefine-sym=t5_three=t6_three redefine-sym=t5_zero=zero; do
	llvm-objcopy-19 "--$change" sections.o moved.o || fail "$change"
	check_match "seen: $change" 'not proved: "[a-z0-9_]+" is in section .[a-z.0-9]+, (which is not its owner|and was not judged)' "$(prove moved.o 0x2 0 0)"
done

# two maps whose types have one name for all modules, as C++ has: each has its own
for values in 4 8; do
	handler "odr$values" '/DICompositeType\(tag: DW_TAG_structure_type, name: "shape"/s/\)$/, identifier: "one")/' <<C
struct shape { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64[$values]); };
struct shape m SEC(".maps");
__u32 zero;
CHAM_HOOK(rx) { return bpf_map_lookup_elem(&m, &zero) ? CHAM_DROP : CHAM_PASS; }
C
	"$normalise" "$values" $((values / 4)) "odr$values.bc" >"n-odr$values.bc" || fail "odr$values"
done
check_match "types say that they are one" 'identifier: "one"' "$(llvm-dis-19 -o - n-odr4.bc)"
joint odr.o "$datapath" n-odr4.bc n-odr8.bc || fail "joint"
check_eq "and are two" 2 "$(bpftool -j btf dump file odr.o |
	jq '[.types[] | select(.kind == "VAR" and (.name | test("^t[48]_m$"))).type_id] | unique | length')"

compile echo.bc "$tap_top/bpf/echo.bpf.c"
compile both.bc "$tap_top/selftests/vm/verdicts.bpf.c"
check "echo is normalised" sh -c "'$normalise' 5 1 echo.bc >n1.bc && '$normalise' 5 16 echo.bc >n16.bc"
check "a program with two hooks, too" sh -c "'$normalise' 7 2 both.bc >n2.bc"
check "what it makes is sound" opt-19 -passes=verify -o /dev/null n2.bc
check_eq "and has no promises" "" "$(llvm-dis-19 -o - n2.bc | grep -E '^(define|  )' |
	grep -oE '\b(nsw|nuw|exact|inbounds|noundef|nonnull|willreturn|mustprogress|unreachable|noreturn|llvm\.assume|!tbaa|!range|memory\()' | sort -u)"
joint joint.o "$datapath" n1.bc n2.bc n16.bc || fail "joint"
check_eq "a joint datapath is proved" proved "$(prove joint.o 0x10006 0x4 0x4)"
check_match "a handler more is missed" "not reached any more|past its handler" "$(prove joint.o 0x1000e 0x4 0x4)"
check_match "one that nobody claims, too" "not reached|past its handler" "$(prove joint.o 0x2 0x4 0x4)"
check_match "the linked one has none" "without a number" "$(prove "$O/xdp/datapath.bpf.o" 0x2 0 0)"
check_match "what is no object" "is damaged" "$(prove echo.bc 0x2 0 0)"
size=$(stat -c %s joint.o)
for part in 70 5000 $((size - 100)); do
	head -c "$part" joint.o >cut.o
	check_match "cut off after $part bytes" "is damaged" "$(prove cut.o 0x10006 0x4 0x4)"
done

# what is wrong in a datapath
# broken NAME TEXT SED: xdp/handler.h, or cells.h, changed
broken() {
	mkdir -p src
	cp "$tap_top"/xdp/*.[ch] src/
	sed -i "$3" src/handler.h src/cells.h
	! { cmp -s src/handler.h "$tap_top/xdp/handler.h" &&
		cmp -s src/cells.h "$tap_top/xdp/cells.h"; } || fail "$1: nothing was changed"
	if ! compile broken.bc src/datapath.bpf.c || ! joint broken.o broken.bc n1.bc n2.bc; then
		fail "$1: does not compile"
		return
	fi
	check_match "seen: $1" "$2" "$(prove broken.o 0x6 0x4 0x4)"
}
broken "nothing" "^proved" 's/^#endif$/&\n/'
broken "a handler of another tenant" "packets of another tenant" \
	's/^#define X(n) case n - 1: { return cham_rx_##n(ctx/#define X(n) case n - 1: { if (n == 1) return cham_rx_2(ctx, pkt, area); return cham_rx_##n(ctx/'
broken "no number is compared" "packets of another tenant" 's/^\tswitch (cell) {/\tswitch (1) {/'
broken "a wrong bound" "not reached any more|packets of another tenant" 's/cell >= CHAM_CELLS/cell > 0/'
broken "it leaves without a word" "past its handler|ends the datapath|without a number|not reached|nobody" \
	's/^\tact = bpf_cham_leave(.*/\tif (verdict == 3) return CHAM_ACT_END;\n&/'
broken "the area is not asked about" "was not asked for|past its handler" 's/^\tif (!area)/\tif (0)/'
broken "a handler before the area" "was not asked for|past its handler|asked for twice" \
	's/^\tarea = (void/\tif (q->len == 77) cham_call_rx(ctx, \&pkt, (void *)ev, cell);\n&/'

# what a handler promises: believed by the compiler, and seen; normalised, it does nothing
raw() {
	cat >raw.c
	if ! compile raw.bc raw.c || ! joint raw.o "$datapath" n1.bc raw.bc; then
		fail "$1: does not compile"
		return
	fi
	check_match "believed, it is seen: $1" "not proved" "$(prove raw.o 0x6 0 0)"
}
wrapped='#include "handler.h"
static __always_inline int body(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
__attribute__((always_inline)) int cham_rx_2(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area)
{
	int v;
	asm volatile("cham_in_rx_2_%=:" : "+r"(ctx), "+r"(area));
	v = body(ctx, pkt, area);
	asm volatile("cham_out_rx_2_%=:" : "+r"(v));
	return v;
}
static __always_inline int body(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area)'
{ echo "$wrapped"; echo '{ __builtin_unreachable(); }'; } | raw "what cannot be reached"
{ echo "${wrapped/asm volatile(\"cham_in_rx_2_%=:\"*area));/}"; echo '{ __builtin_unreachable(); }'; } |
	raw "without a barrier"
cat >raw.c <<<"$wrapped { return bpf_probe_read_kernel(area, 8, (void *)area->word[0]) ? CHAM_DROP : CHAM_PASS; }"
if compile raw.bc raw.c && joint raw.o "$datapath" n1.bc raw.bc; then
	check_match "seen: a helper that handlers may not call" "a handler calls a helper" "$(prove raw.o 0x6 0 0)"
else
	fail "a helper: does not compile"
fi
for promise in 'cannot:{ __builtin_unreachable(); }' \
	'assume:{ __builtin_assume(pkt->len == 5); return pkt->len == 5 ? CHAM_PASS : CHAM_CONSUME; }' \
	'null:{ *(volatile int *)0 = 1; return CHAM_PASS; }' 'undefined:{ int x; return x; }' \
	'zero:{ return 5 / (pkt->len - pkt->len); }' 'shift:{ return pkt->len << (pkt->vlan | 64); }' \
	'rest:{ return pkt->len % pkt->vlan; }' 'overflow:{ return (int)pkt->len + 1 > (int)pkt->len ? CHAM_PASS : CHAM_CONSUME; }'; do
	rm -f promise.bc np.bc np.o
	echo "CHAM_HOOK(rx) ${promise#*:}" | handler promise 2>/dev/null || fail "it compiles"
	check "normalised, it is nothing: ${promise%%:*}" sh -c "'$normalise' 7 2 promise.bc >np.bc"
	check "joined" joint np.o "$datapath" n1.bc np.bc
	check_eq "proved" proved "$(prove np.o 0x6 0 0)"
done

# what is undefined on one way to where it is used would be a register that nobody wrote
handler undefined 's/^  ret i32 3.*/  %w = load volatile i64, ptr %2\n  %c = icmp eq i64 %w, 0\n  br i1 %c, label %a, label %b\na:\n  store volatile i64 1, ptr %2\n  %u = shl i64 %w, 64\n  br label %e\nb:\n  %v = load volatile i64, ptr %2\n  br label %e\ne:\n  %p = phi i64 [ poison, %a ], [ %v, %b ]\n  %q = phi i64 [ %u, %a ], [ %v, %b ]\n  %s = lshr i64 %p, %w\n  %t = ashr i64 %q, 77\n  store volatile i64 %s, ptr %2\n  store volatile i64 %t, ptr %2\n  ret i32 3/' <<<'CHAM_HOOK(rx) { area->word[0] = 7; return CHAM_CONSUME; }'
check "normalised: what is undefined" sh -c "'$normalise' 7 2 undefined.bc >n-undefined.bc"
llvm-dis-19 -o - n-undefined.bc | sed -n '/^define.*@t7_rx/,/^}/p' | grep -v '#dbg' >undefined.ll
check_eq "nothing of it is left" "" "$(grep -E 'undef|poison' undefined.ll)"
check_match "shifted is by 6 bits" "and i64 .*, 63" "$(cat undefined.ll)"
check_match "by a constant, too" "ashr i64 .*, 13" "$(cat undefined.ll)"

# what stays a function of its own
no stack "on its stack" <<<'CHAM_HOOK(rx) { volatile char b[8] = {}; return b[pkt->len & 7]; }'
no key "on its stack" <<'C'
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = pkt->len; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
no callback "the address of turn" <<'C'
static long turn(__u32 i, void *p) { return 0; }
CHAM_HOOK(rx) { bpf_loop(8, turn, 0, 0); return CHAM_PASS; }
C
no beside "what is not reading or writing a member" <<<'CHAM_HOOK(rx) { return ((__u32 *)pkt)[-1]; }'
no behind "what is not reading or writing a member" <<<'CHAM_HOOK(rx) { return ((__u32 *)pkt)[sizeof(*pkt) / 4]; }'
no vectors "neither number nor pointer" <<'C'
typedef __u64 vector __attribute__((vector_size(32)));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64[4]); } m SEC(".maps");
__u32 zero;
CHAM_HOOK(rx)
{
	vector *v = bpf_map_lookup_elem(&m, &zero);

	if (v)
		*v += 1;
	return CHAM_PASS;
}
C
no index "what is not reading or writing a member" <<<'CHAM_HOOK(rx) { return ((__u8 *)pkt)[pkt->len & 7]; }'
no kept "what is not reading or writing a member" <<<'CHAM_HOOK(rx) { area->word[0] = (long)pkt; return CHAM_PASS; }'
no assembly "inline assembly" <<<'CHAM_HOOK(rx) { asm volatile("r0 = 5" ::: "r0"); return CHAM_PASS; }'
no label "inline assembly" <<<'CHAM_HOOK(rx) { asm volatile("cham_in_rx_1_9:"); return CHAM_PASS; }'
no kfunc '"bpf_cham_leave" is a kfunc' <<'C'
extern int bpf_cham_leave(struct xdp_md *ctx, __u32 v, __u32 h, __u32 p) SEC(".ksyms");
CHAM_HOOK(rx) { return bpf_cham_leave(ctx, 0, 0, 0); }
C
no other '"cham_rx_1" is somebody else.s' <<'C'
int cham_rx_1(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
CHAM_HOOK(rx) { return cham_rx_1(ctx, pkt, area); }
C
no map '"t3_seen" is a map of somebody else' <<'C'
extern struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } t3_seen SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&t3_seen, &k) ? CHAM_DROP : CHAM_PASS; }
C
no elsewhere "neither global nor static" 's/^define (.*) @f\(/define available_externally \1 @f(/' <<'C'
__attribute__((noinline)) int f(int x) { return x; }
CHAM_HOOK(rx) { return f(pkt->len); }
C
no weak "neither global nor static" <<<'__attribute__((weak)) int f(int x) { return x; } CHAM_HOOK(rx) { return f(pkt->len); }'
no alias "assembly or aliases" '/^define/i @other = alias i32 (ptr, ptr, ptr), ptr @rx' <<<'CHAM_HOOK(rx) { return CHAM_PASS; }'
no machine "not for bpf" 's/^target triple.*/target triple = "x86_64-linux-gnu"/' <<<'CHAM_HOOK(rx) { return CHAM_PASS; }'
# bitcode that no compiler makes of C for this machine
# shellcheck disable=SC2016 # sed's
for case in 'other layout:has the data layout :s/^target datalayout.*/target datalayout = "E-m:e-p:64:64"/' \
	'module flag:has a module flag PIC Level:s/!"wchar_size"/!"PIC Level"/' \
	'wchar_t:has another wchar_t:s/(!"wchar_size", i32) 4/\1 2/' \
	'metadata:has metadata called llvm.linker.options:$a !llvm.linker.options = !{}'; do
	IFS=: read -r name text change <<<"$case"
	no "$name" "$text" "$change" <<<'CHAM_HOOK(rx) { return CHAM_PASS; }'
done
no two_arguments "rx.. has not the arguments of a hook" <<<'int rx(struct xdp_md *ctx, struct cham_pkt *pkt) { return pkt->len; }'
no number "rx.. has not the arguments of a hook" <<<'int rx(struct xdp_md *ctx, long pkt, struct cham_area *area) { return pkt; }'
no two_words "rx.. has not the arguments of a hook" <<<'long rx(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area) { return pkt->len; }'
no section "is in section" <<<'int x SEC("xdp") = 1; CHAM_HOOK(rx) { return x; }'
head -c 2000 echo.bc >cut.bc
check_match "what is cut off" "skip to bit|cannot be read" "$("$normalise" 7 2 cut.bc 2>&1)"
finish
