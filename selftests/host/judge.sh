#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is admitted as a tenant's program, and what is not: each rule of the contract
# has a source here that breaks it, and the words that say so. Nothing is loaded.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
build=${O:-$tap_top/build}
chamctl=$build/cli/chamctl
clang=${CLANG:-clang-19}
require_cmd "$clang" jq
tmp=$(mktemp -d)
defer rm -rf "$tmp"

# object NAME [OPTION...]: what is on standard input, behind the header, compiled
object() {
	local name=$1
	shift
	{ echo '#include "handler.h"'; cat; } >"$tmp/$name.bpf.c"
	"$clang" -target bpf -mcpu=v3 -O2 -g -std=gnu11 -I"$tap_top/uapi" -I"$tap_top/bpf" \
		-I"/usr/include/$(gcc -print-multiarch)" "$@" -c -o "$tmp/$name.o" \
		"$tmp/$name.bpf.c" 2>"$tmp/$name.err" || { diag "$(cat "$tmp/$name.err")"; return 1; }
}
# refuses NAME TEXT [OPTION...]: the source on standard input is compiled, and refused so
refuses() {
	local out
	object "$1" "${@:3}" || { fail "$1: does not compile"; return; }
	if out=$("$chamctl" prog check "$tmp/$1.o" 2>&1); then
		fail "refused: $1" "admitted: $out"
	else
		check_match "refused: $1" "$2" "$out"
	fi
}
# admits NAME [OPTION...]
admits() {
	object "$@" || { fail "$1: does not compile"; return; }
	check "admitted: $1" "$chamctl" prog check "$tmp/$1.o"
}
# What is never reached is not judged, and may be anything: it is not looked up.
object never <<'C' || fail "never: does not compile"
CHAM_PROGRAM("never", 1, 0);
CHAM_HOOK(rx) { asm volatile("r0 = 0\n exit\n call -1600000000\n call 2000000000\n"); return CHAM_PASS; }
C
"$chamctl" prog check "$tmp/never.o" >/dev/null 2>&1
check_num "calls of no helper, never reached: no crash" $? -le 1

# What each tier says of it, where its tool is there.
if [ -x "$build/xdp/chamelio-normalise" ]; then
	# tiers NAME: the source on standard input, as C
	tiers() {
		{ echo '#include "handler.h"'; echo 'CHAM_PROGRAM("c", 1, 0);'; cat; } >"$tmp/$1.c"
		"$chamctl" -j prog check "$tmp/$1.c" object "$build/xdp" 2>&1
	}
	check_eq "both tiers take it" '{"linked":true,"joint":true}' \
		"$(tiers both <<<'CHAM_HOOK(rx) { return CHAM_PASS; }' | jq -c .tiers)"
	check_match "one of them, and why" '"linked":true,"joint":false,"not-joint":.*in memory on its stack' \
		"$(tiers stack <<<'CHAM_HOOK(rx) { volatile char b[8] = {}; b[3] = pkt->len; return b[3]; }' | jq -c .tiers)"
	object plain <<<'CHAM_PROGRAM("plain", 1, 0); CHAM_HOOK(rx) { return CHAM_PASS; }'
	check_match "an object is for one" '"joint":false,"not-joint":"came as an object' \
		"$("$chamctl" -j prog check "$tmp/plain.o" object "$build/xdp" | jq -c .tiers)"
	# promised NAME TEXT SED: bitcode of the source on standard input, changed: what it
	# promises makes another object of it than what is left without
	promised() {
		object "$1" -emit-llvm
		llvm-dis-19 -o - "$tmp/$1.o" | sed -E "$3" | llvm-as-19 -o "$tmp/$1.bc"
		check_match "believed, and not inlined: $1" \
			"\"linked\":true,\"joint\":false,\"not-joint\":\".*$2" \
			"$("$chamctl" -j prog check "$tmp/$1.bc" object "$build/xdp" | jq -c .tiers)"
	}
	promised helper "calls helper 113 \(bpf_probe_read_kernel\)" \
		's/^  ret i32 3.*/  br label %h\nh:\n  %i = phi i32 [ 0, %3 ], [ %j, %e ]\n  br i1 undef, label %x, label %e\ne:\n  %s = load i64, ptr %2\n  %p = inttoptr i64 %s to ptr\n  %r = call i64 inttoptr (i64 113 to ptr)(ptr %2, i32 64, ptr %p)\n  %j = add i32 %i, 1\n  %c = icmp eq i32 %i, 0\n  br i1 %c, label %x, label %h\nx:\n  ret i32 3/' <<'C'
CHAM_PROGRAM("helper", 1, 0);
CHAM_HOOK(rx) { area->word[0] = 1; return CHAM_CONSUME; }
C
	# shellcheck disable=SC2016 # sed's
	promised length "may take [0-9]{8,} cycles" \
		's/= load volatile i32, ptr ([^,]*), align 8/= load i32, ptr \1, align 8, !range !9999, !noundef !9998/
		$a !9999 = !{i32 0, i32 8}\n!9998 = !{}' <<'C'
CHAM_PROGRAM("length", 1, 0);
struct big { __u8 b[8 << 20]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct big); } big SEC(".maps");
static const __u32 zero;
CHAM_HOOK(rx)
{
	__u32 len = *(volatile __u32 *)&area->word[15] & 0x7ffff8;
	void *p = bpf_map_lookup_elem(&big, &zero);

	if (p)
		area->word[0] = bpf_csum_diff(0, 0, p, len, 0);
	return CHAM_PASS;
}
C
	check_match "refused: inline assembly" "inline assembly" \
		"$(tiers asm <<<'CHAM_HOOK(rx) { asm volatile("r1 = r1"); return 0; }' | jq -r 'select(.admitted | not).error')"
else
	skip "what the joint tier says" "built without llvm-19-dev"
fi
check_match "without its tool: said" "not known: .*chamelio-normalise: not there" \
	"$("$chamctl" prog check "$tap_top/bpf/echo.bpf.c" object "$tmp" 2>&1)"

# judged FILE: the judge's words, without a program name
judged() { "$chamctl" prog check "$1" 2>&1; }

admits least <<'C'
CHAM_PROGRAM("least", 1, 0);
CHAM_HOOK(rx) { return CHAM_PASS; }
C
admits everything <<'C'
CHAM_PROGRAM("everything", 7, CHAM_PROG_SERIAL);
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
static const __u16 table[4] = { 1, 2, 3, 4 };
static long turn(__u32 i, __u64 *sum) { *sum += i; return 0; }
static __attribute__((noinline)) int twice(int x) { return x * 2; }
CHAM_HOOK(rx)
{
	__u32 key = pkt->len;
	__u64 *v = bpf_map_lookup_elem(&seen, &key), sum = 0;

	bpf_loop(8, turn, &sum, 0);
	if (v)
		__sync_fetch_and_add(v, table[pkt->flags & 3] + twice(sum));
	return CHAM_PASS;
}
CHAM_HOOK(tx) { return CHAM_DROP_WITH(3); }
C
report=$("$chamctl" -j prog check "$tmp/everything.o")
check "the report: what it is" jq -e '.admitted and .name == "everything" and .layout == 7 and
	.flags == 1 and [.hooks[].hook] == ["rx", "tx"]' <<<"$report"
check "the report: what it has" jq -e '.maps == 3 and ."map-bytes" > 4096 and .functions == 4 and
	(.helpers | sort) == ["bpf_loop", "bpf_map_lookup_elem"]' <<<"$report"
# shellcheck disable=SC2016 # jq's
check "the report: what it costs, by line" jq -e '.hooks[0] | .instructions > 50 and
	.cycles > .instructions and .stack > 0 and
	([.path[].cycles] | add) as $sum | $sum > .cycles * 0.8 and $sum <= .cycles' <<<"$report"
check "the report: the dearest line is the loop or the map" jq -e \
	'.hooks[0].path | max_by(.cycles).text | test("bpf_(loop|map_lookup_elem)")' <<<"$report"

# the bound grows with what is done
cost() { "$chamctl" -j prog check "$tmp/$1.o" | jq ".hooks[0].$2"; }
for n in 10 1000; do
	object "loop$n" -DN=$n <<'C'
CHAM_PROGRAM("loop", 1, 0);
static long turn(__u32 i, __u64 *sum) { *sum += i; return 0; }
CHAM_HOOK(rx) { __u64 sum = 0; bpf_loop(N, turn, &sum, 0); return sum & 1 ? CHAM_DROP : CHAM_PASS; }
C
done
check_match "a thousand turns are over the cap" "may take [0-9]+ cycles; max-cycles is 16384" \
	"$(judged "$tmp/loop1000.o")"
check "not for whom the provider allows more" "$chamctl" prog check "$tmp/loop1000.o" max-cycles 1000000
check_match "a tenth of a thousand is too much for whom it allows less" "max-cycles is 100\\." \
	"$("$chamctl" prog check "$tmp/loop10.o" max-cycles 100 2>&1)"
check_num "their bound is a hundred times that of ten, about" "$(cost loop1000 instructions)" \
	-gt $(($(cost loop10 instructions) * 30))

# with how much a helper is given: of a map's value, its key, and of a length that nothing
# says less of than memory does
for bytes in 8 4096 16384; do
	object "value$bytes" -DN=$bytes <<'C'
CHAM_PROGRAM("value", 1, 0);
struct big { __u8 bytes[N]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct big); } big SEC(".maps");
const volatile __u32 zero, one = 1;
CHAM_HOOK(rx) { void *v = bpf_map_lookup_elem(&big, (void *)&one); return v ? bpf_map_update_elem(&big, (void *)&zero, v, 0) & 1 : CHAM_PASS; }
C
done
check_num "4 KB of value take a thousand instructions more" \
	$(($(cost value4096 instructions) - $(cost value8 instructions))) -gt 1000
check_num "16 KB six thousand more" \
	$(($(cost value16384 instructions) - $(cost value4096 instructions))) -gt 6000
for n in 4 64; do
	object "key$n" -DN=$n <<'C'
CHAM_PROGRAM("key", 1, 0);
struct key { __u32 word[N]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 2); __type(key, struct key); __type(value, __u32); } map SEC(".maps");
static struct key key;
CHAM_HOOK(rx) { key.word[0] = pkt->len; return bpf_map_lookup_elem(&map, &key) ? CHAM_DROP : CHAM_PASS; }
C
done
check_num "256 bytes of key take 700 instructions more than 16" \
	$(($(cost key64 instructions) - $(cost key4 instructions))) -gt 700
for n in 16 256 pkt-\>len; do
	object "sum${n%->len}" "-DN=$n" <<'C'
CHAM_PROGRAM("sum", 1, 0);
static __u8 bytes[8192];
CHAM_HOOK(rx) { __u32 n = N; return n > 8192 ? CHAM_PASS : bpf_csum_diff(0, 0, (void *)bytes, n, 0) & 1; }
C
done
check_num "256 bytes to sum take more than 16" "$(cost sum256 instructions)" \
	-gt $(($(cost sum16 instructions) + 400))
check_num "so many as the packet says, as 8 KB" "$(cost sumpkt instructions)" -gt 16000
refuses lru "a full lru_hash evicts 128 entries" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } map SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&map, &k) ? CHAM_DROP : CHAM_PASS; }
C

# what it may call
refuses helper "helper 6 \\(bpf_[a-z_]+\\), which handlers may not" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { bpf_trace_printk("x", 2); return CHAM_PASS; }
C
refuses callx "calls a function by its address" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { asm volatile(".8byte 0x000000010000008d" ::: "r0"); return CHAM_PASS; }
C
refuses later "is of a kind \\(0xe5\\) whose cost nobody knows" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { asm volatile(".8byte 0x00000000000000e5"); return CHAM_PASS; }
C
refuses load "uses BPF_LD_ABS or BPF_LD_IND" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { asm volatile(".8byte 0x0000000e00000030" ::: "r0"); return CHAM_PASS; }
C
refuses out "jumps out of its function" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { asm volatile(".8byte 0x0000000003e80005"); return CHAM_PASS; }
C
refuses name "a name of more than 31 bytes" <<'C'
CHAM_PROGRAM("a name of more than thirty-one bytes", 1, 0);
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses redirect "helper 23 \\(bpf_[a-z_]+\\), which handlers may not" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { return bpf_redirect(1, 0); }
C
refuses kfunc '"bpf_cham_deliver" is a kfunc' <<'C'
CHAM_PROGRAM("x", 1, 0);
extern int bpf_cham_deliver(struct xdp_md *ctx, __u32 strip) SEC(".ksyms");
CHAM_HOOK(rx) { return bpf_cham_deliver(ctx, 0); }
C
refuses number "names a map, a function or an address by a number" <<'C'
CHAM_PROGRAM("x", 1, 0);
__u64 pseudo(__u64, __u64) asm("llvm.bpf.pseudo");
CHAM_HOOK(rx) { __u64 key = 0; return bpf_map_lookup_elem((void *)pseudo(1, 6), &key) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses untrusted 'tag "arg:untrusted" is not for handlers' <<'C'
CHAM_PROGRAM("x", 1, 0);
__attribute__((noinline)) __u64 peek(__u64 *p __attribute__((btf_decl_tag("arg:untrusted")))) { return *(volatile __u64 *)p; }
CHAM_HOOK(rx) { area->word[0] = peek((void *)area->word[1]); return CHAM_PASS; }
C
refuses hidden '"rx" is hidden or protected' <<'C'
CHAM_PROGRAM("x", 1, 0);
__attribute__((visibility("hidden"))) CHAM_HOOK(rx) { return ((volatile __u32 *)pkt)[-1] ? CHAM_PASS : CHAM_CONSUME; }
C
refuses filled_in "has numbers that only the kernel fills in" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct pglist_data { char c; } __attribute__((preserve_access_index));
static long turn(__u32 i, void *p) { return 0; }
CHAM_HOOK(rx) { bpf_loop(__builtin_preserve_type_info(*(struct pglist_data *)0, 1), turn, 0, 0); return CHAM_PASS; }
C
refuses map_name 'a map is called "a.b"' <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } m asm("a.b") SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_entries "map m: has no max_entries" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, __u32); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_key "map m: an array's key has 4 bytes, a __u32; this one has 8" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u64); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { __u64 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_value "map m: has no value" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { __u64 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_per_cpu "map m: a value of 40000 bytes; one of each CPU has at most 32768" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct big { char c[40000]; };
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct big); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_ring "map r: a ringbuf has neither key nor value" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(key, __u32); } r SEC(".maps");
CHAM_HOOK(rx) { void *p = bpf_ringbuf_reserve(&r, 8, 0); if (p) bpf_ringbuf_discard(p, BPF_RB_NO_WAKEUP); return CHAM_PASS; }
C
refuses map_rounded "its maps take 16777224 bytes" <<'C'
CHAM_PROGRAM("x", 1, 0);
__u64 count;
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 9 << 20); } r SEC(".maps");
CHAM_HOOK(rx) { count++; void *p = bpf_ringbuf_reserve(&r, 8, 0); if (p) bpf_ringbuf_discard(p, BPF_RB_NO_WAKEUP); return CHAM_PASS; }
C
refuses pointers "data with addresses in it" <<'C'
CHAM_PROGRAM("x", 1, 0);
static const char *const names[] = { "one", "two", "three" };
CHAM_HOOK(rx) { const char *volatile name = names[pkt->len & 1]; return name[1] == 'n' ? CHAM_PASS : CHAM_CONSUME; }
C
refuses library '"memcmp" is of the C library' <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { return __builtin_memcmp(area->word, area->word + 4, pkt->len & 15) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_const "max_entries is not what __uint\\(\\) or __type\\(\\) makes" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_HASH); int (*const max_entries)[1000]; __type(key, __u32); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses map_spare "its maps take [0-9]+ bytes" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct big { char c[1 << 20]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, __u32); __type(value, struct big); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&m, &k) ? CHAM_PASS : CHAM_CONSUME; }
C
refuses long_section "the name of section [0-9]+ is longer than 200 bytes" -DNAME="\".data.$(printf '%0200d' 0).t3\"" <<'C'
CHAM_PROGRAM("x", 1, 0);
__u64 secret SEC(NAME) = 5;
CHAM_HOOK(rx) { area->word[3] = secret; return CHAM_PASS; }
C
refuses wakeup "flags that are not plainly 0 or BPF_RB_NO_WAKEUP" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } r SEC(".maps");
CHAM_HOOK(rx) { void *p = bpf_ringbuf_reserve(&r, 8, 0); if (p) bpf_ringbuf_discard(p, BPF_RB_FORCE_WAKEUP); return CHAM_PASS; }
C
refuses large "has [0-9]+ instructions; a tenant's share" <<'C'
CHAM_PROGRAM("x", 1, 0);
#define ONE	*(volatile __u64 *)&area->word[0] = 1;
#define TEN	ONE ONE ONE ONE ONE ONE ONE ONE ONE ONE
#define HUNDRED	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
CHAM_HOOK(rx)
{
	THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND
	THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND
	THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND
	THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND
	THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND THOUSAND
	THOUSAND
	return CHAM_PASS;
}
C

# objects that no compiler makes: what is judged would not be what runs
object whole <<'C' || fail "whole: does not compile"
CHAM_PROGRAM("x", 1, 0);
static __u64 count;
static int enabled;	/* which the compiler makes a byte */
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
__attribute__((noinline)) int own(struct cham_pkt *pkt __cham_nonnull) { return pkt->len > 100 ? CHAM_DROP : CHAM_PASS; }
static __attribute__((noinline)) int other(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area)
{
	return __sync_fetch_and_add(&count, 1) + area->word[0] > 70 ? CHAM_CONSUME : CHAM_PASS;
}
CHAM_HOOK(rx)
{
	__u32 key = 0;

	if (pkt->proto == 17)
		enabled = 1;
	if (own(pkt))
		return CHAM_DROP;
	if (enabled && !bpf_map_lookup_elem(&seen, &key))
		return CHAM_CONSUME;
	return other(ctx, pkt, area);
}
C
check "a program is admitted" "$chamctl" prog check "$tmp/whole.o" object "$build/xdp"
mutated() {
	check "$1: there is one" "$tap_top/selftests/host/mutate.py" "$1" "$tmp/whole.o" "$tmp/$1.o"
	check_match "not $1" "not admitted: .*$2" "$(judged "$tmp/$1.o")"
}
mutated call "leads past its symbol"
mutated twice "a relocation is of what has none"
mutated symtab "llvm_addrsig is not what its name says"
mutated code "license is not what its name says"
mutated huge "its maps take [0-9]+ bytes"
mutated local "rx\\(\\) is a hook, and static"
mutated type "the type of rx\\(\\) is another's"
mutated map "damaged: symbol [0-9]+"
mutated mine "is a type of nothing|a map is not known by its name"
mutated shadow '"count" is a map, and static'
mutated twin "a type is of what is elsewhere"
mutated core "only the kernel fills in"
mutated overlap "section [0-9]+ is not in the file"

refuses foreign_symbol '"cham_tx_2" is somebody else.s' <<'C'
CHAM_PROGRAM("x", 1, 0);
int cham_tx_2(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area);
CHAM_HOOK(rx) { return cham_tx_2(ctx, pkt, area); }
C
refuses foreign_map '"t3_seen" is a map of somebody else' <<'C'
CHAM_PROGRAM("x", 1, 0);
extern struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } t3_seen SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&t3_seen, &k) ? CHAM_DROP : CHAM_PASS; }
C

# what it may cost
refuses loop "goes round: unroll the loop" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx)
{
	__u32 i, n = 0;

#pragma clang loop unroll(disable)
	for (i = 0; i < (pkt->len & 63); i++)
		n += *(volatile __u32 *)&pkt->now;
	return n & 1 ? CHAM_DROP : CHAM_PASS;
}
C
refuses count "needs a constant for a count" <<'C'
CHAM_PROGRAM("x", 1, 0);
static long turn(__u32 i, __u64 *sum) { *sum += i; return 0; }
CHAM_HOOK(rx) { __u64 sum = 0; bpf_loop(pkt->len, turn, &sum, 0); return sum & 1 ? CHAM_DROP : CHAM_PASS; }
C
refuses recursion "calls itself" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) int down(int n, volatile __u32 *p) { return n <= 0 ? (int)*p : down(n - 1, p) * down(n - 2, p) + 1; }
CHAM_HOOK(rx) { return down(pkt->len & 7, &pkt->now); }
C
refuses nested "may take [0-9]+ cycles" <<'C'
CHAM_PROGRAM("x", 1, 0);
static long inner(__u32 i, __u64 *sum) { *sum += i; return 0; }
static long outer(__u32 i, __u64 *sum) { bpf_loop(100, inner, sum, 0); return 0; }
CHAM_HOOK(rx) { __u64 sum = 0; bpf_loop(100, outer, &sum, 0); return sum & 1 ? CHAM_DROP : CHAM_PASS; }
C
# stack, whoever reaches into whose
refuses stack "rx\\(\\) takes 320 bytes of stack with what it calls; a tenant's share is 256" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx)
{
	volatile __u64 big[40] = {};

	big[0] = pkt->len;
	big[39] = pkt->now;
	return big[pkt->vlan & 31] & 1 ? CHAM_DROP : CHAM_PASS;
}
C
refuses stack_chain "rx\\(\\) takes 352 bytes of stack" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) int g(__u32 n) { volatile __u64 b[19] = {}; b[18] = n; return b[n & 15] & 1; }
static __attribute__((noinline)) int f(__u32 n) { volatile __u64 b[19] = {}; b[18] = n; return g(n) + (b[n & 15] & 1); }
CHAM_HOOK(rx) { return f(pkt->len) & 1; }
C
refuses stack_callers "rx\\(\\) takes 448 bytes of stack" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) int f(volatile __u64 *p) { p[-50] = 1; return 1; }
CHAM_HOOK(rx) { __u64 x = 1; return f(&x); }
C
refuses stack_helper "rx\\(\\) takes 320 bytes of stack" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) int f(struct xdp_md *c, __u8 *p) { return bpf_xdp_load_bytes(c, 0, p - 280, 16); }
CHAM_HOOK(rx) { __u64 x = 0; return f(ctx, (void *)&x) & 1; }
C
refuses stack_loop "rx\\(\\) takes 448 bytes of stack" <<'C'
CHAM_PROGRAM("x", 1, 0);
static long turn(__u64 i, void *p) { ((volatile __u64 *)p)[-50] = i; return 0; }
CHAM_HOOK(rx) { __u64 x = 1; bpf_loop(2, turn, &x, 0); return x & 1; }
C
refuses stack_unbounded "rx\\(\\) takes 5.. bytes of stack" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u8 b[16] = {}; b[area->word[0]] = 1; return b[pkt->len & 15] & 1; }
C

# the kernel's addresses, and what others have left on the stack, which its verifier lets out
refuses kept "kept.bpf.c:3: stores a pointer where others may read it; accepted: on the stack" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { area->word[0] = (__u64)ctx; return CHAM_PASS; }
C
refuses kept_packet "stores a pointer where others may read it" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 *p = cham_at(ctx, pkt->payload, 8); if (p) *p = (__u64)area; return CHAM_PASS; }
C
refuses kept_global "stores a pointer where others may read it" <<'C'
CHAM_PROGRAM("x", 1, 0);
__u64 last;
CHAM_HOOK(rx) { __u64 own = 1; asm volatile("" : "+m"(own)); last = (__u64)&own; return CHAM_PASS; }
C
refuses kept_map "stores a pointer where others may read it" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; __u64 *v = bpf_map_lookup_elem(&m, &k); if (v) *v = (__u64)&m; return CHAM_PASS; }
C
refuses kept_either "stores a pointer where others may read it" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 v = pkt->len; if (pkt->flags & 1) v = (__u64)pkt; asm volatile("" : "+r"(v)); area->word[0] = v; return CHAM_PASS; }
C
refuses kept_loop "kept_loop.bpf.c:4: stores a pointer where others may read it" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct arg { struct cham_area *area; __u64 what; };
static long turn(__u32 i, struct arg *a) { a->area->word[0] = a->what; a->what = (__u64)a->area; return 0; }
CHAM_HOOK(rx) { struct arg a = { area, 0 }; bpf_loop(2, turn, &a, 0); return CHAM_PASS; }
C
refuses kept_index "stores a pointer, or a half of one, at no fixed place" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u64 a[4] = {}; a[pkt->len & 3] = (__u64)area; return a[0] == 0; }
C
refuses exchanged "gives an atomic operation a pointer" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __sync_lock_test_and_set(&area->word[0], (__u64)ctx); return CHAM_PASS; }
C
refuses compared "gives an atomic operation a pointer" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { return __sync_val_compare_and_swap(&area->word[0], (__u64)ctx, 1) & 1; }
C
refuses added "gives an atomic operation a pointer" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __sync_fetch_and_add(&area->word[0], (__u64)ctx); return CHAM_PASS; }
C
refuses part "reads bytes of the stack that are a pointer or a part of one" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u64 p = (__u64)ctx; area->word[0] = *(volatile __u32 *)&p; return CHAM_PASS; }
C
refuses rest "reads bytes of the stack that are a pointer or a part of one" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u64 p = (__u64)ctx; *(volatile __u16 *)&p = 0; area->word[0] = p; return CHAM_PASS; }
C
refuses any_part "reads bytes of the stack that are a pointer" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u64 a[2] = { (__u64)ctx, 0 }; area->word[0] = ((volatile __u8 *)a)[pkt->len & 15]; return CHAM_PASS; }
C
# NAME: what it does to a pointer, r1, in r0
while read -r name code; do
	refuses "number_$name" "makes a number of a pointer; accepted" "-DCODE=\"$code\"" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 r; asm volatile("r0 = 7\n r1 = %1\n" CODE "\n%0 = r0" : "=r"(r) : "r"(area) : "r0", "r1"); area->word[0] = r; return CHAM_PASS; }
C
done <<'E'
lower w0 = w1
shift r1 >>= 3; r0 = r1
and r1 &= 0xfff; r0 = r1
or r0 |= r1
xor r0 ^= r1
multiplied r0 *= r1
divided r1 /= 3; r0 = r1
negated r1 = -r1; r0 = r1
swapped r1 = be64 r1; r0 = r1
added w1 += 4; r0 = r1
taken r0 -= r1
itself r1 -= r1; r0 = r1
twice r1 += r1; r0 = r1
E
refuses number_signed "makes a number of a pointer" -mcpu=v4 <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 r; asm volatile("%0 = (s32)%1" : "=r"(r) : "r"(area)); area->word[0] = r; return CHAM_PASS; }
C
refuses number_null "makes a number of a pointer" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u8 *p = cham_at(ctx, pkt->payload, 8); asm volatile("" : "+r"(p)); area->word[0] = p - (__u8 *)area; return CHAM_PASS; }
C
refuses number_half "stores a pointer where others may read it" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 r; asm volatile("r1 = *(u32 *)(%1 + 0)\n w0 = w1\n w0 += 5\n %0 = r0" : "=r"(r) : "r"(ctx) : "r0", "r1"); area->word[0] = r; return CHAM_PASS; }
C
while read -r name code; do
	refuses "tells_$name" "compares a pointer with what tells of its address; accepted" "-DCODE=\"$code\"" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx)
{
	__u64 r = area->word[1];

	asm volatile("r1 = *(u32 *)(%1 + 0)\n r2 = %2\n r3 = %0\n if " CODE " goto +1\n r3 = 1\n %0 = r3"
		     : "+r"(r) : "r"(ctx), "r"(area) : "r1", "r2", "r3");
	area->word[0] = r & 1;
	return CHAM_PASS;
}
C
done <<'E'
number r1 > r3
equal r2 == r3
sign r2 s< 0
bit r2 & 8
other r2 > r1
areas r2 == r2
half w2 == 0
lower w1 == 77
constant r1 == 77
E
refuses tells_moved "compares a pointer with what tells of its address" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx)
{
	__u64 r = area->word[1] & 0xffff;

	asm volatile("r1 = *(u32 *)(%1 + 0)\n r1 += %0\n r3 = 0\n if w1 == 0 goto +1\n r3 = 1\n %0 = r3" : "+r"(r) : "r"(ctx) : "r1", "r3");
	area->word[0] = r;
	return CHAM_PASS;
}
C
refuses returned "returns a pointer; accepted from a hook: a number" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { int r; asm volatile("r0 = %1\n exit\n %0 = r0" : "=r"(r) : "r"(ctx) : "r0"); return r; }
C
refuses returned_own "returns the address of its own variable" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) __u64 own(int n) { __u64 v; volatile __u64 a = n; asm volatile("%0 = r10" : "=r"(v)); return v + a; }
CHAM_HOOK(rx) { return own(pkt->len) == 0; }
C
refuses into_map "looks into the kernel's own memory of a map" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { area->word[0] = *(volatile __u64 *)&m; return CHAM_PASS; }
C
refuses given "gives bpf_csum_diff\\(\\) a pointer as argument 5; accepted: a number" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 r = (__u64)ctx; asm volatile("" : "+r"(r)); long (*f)(void *, long, void *, long, __u64) = (void *)BPF_FUNC_csum_diff; area->word[1] = f(0, 0, area, 8, r); return CHAM_PASS; }
C
refuses summed "bpf_csum_diff\\(\\) reads bytes of the stack that are a pointer" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u64 p[2] = { (__u64)ctx, 0 }; area->word[0] = bpf_csum_diff(0, 0, (void *)p, 16, 0); return CHAM_PASS; }
C
refuses key "bpf_map_lookup_elem\\(\\) reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct key { __u8 a; __u32 b; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, struct key); __type(value, __u64); } m SEC(".maps");
CHAM_HOOK(rx) { struct key k; k.a = 1; k.b = pkt->len; return bpf_map_lookup_elem(&m, &k) ? CHAM_DROP : CHAM_PASS; }
C
refuses value "bpf_map_update_elem\\(\\) reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct value { __u64 a[4]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } m SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; struct value v; v.a[0] = v.a[1] = v.a[3] = 1; bpf_map_update_elem(&m, &k, &v, 0); return CHAM_PASS; }
C
refuses sent "bpf_xdp_store_bytes\\(\\) reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 a[4]; asm volatile("" :: "r"(a)); bpf_xdp_store_bytes(ctx, pkt->payload, a, sizeof(a)); return CHAM_PASS; }
C
refuses sent_some "bpf_xdp_store_bytes\\(\\) reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u8 a[64]; __u32 n = pkt->len & 63; __builtin_memset(a, 0, 32); asm volatile("" :: "r"(a)); if (n) bpf_xdp_store_bytes(ctx, pkt->payload, a, n); return CHAM_PASS; }
C
refuses unread "reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 a[4]; asm volatile("" : "=m"(a)); area->word[0] = a[2]; return CHAM_PASS; }
C
refuses unread_way "reads bytes of the stack that nobody has written on some way" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { volatile __u64 a; if (pkt->flags & 1) a = 1; area->word[0] = a; return CHAM_PASS; }
C
refuses unread_failed "reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { __u64 a[4]; bpf_xdp_load_bytes(ctx, 1 << 20, a, sizeof(a)); area->word[0] = a[1]; return CHAM_PASS; }
C
refuses unread_callee "unread_callee.bpf.c:3: reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) __u64 take(volatile __u64 *a, __u32 n) { return a[0] + a[2] + n; }
CHAM_HOOK(rx) { __u64 a[4]; a[0] = 1; area->word[0] = take(a, pkt->len); return CHAM_PASS; }
C
refuses unread_loop "reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
static long turn(__u32 i, __u64 *a) { a[1] = i; return 0; }
CHAM_HOOK(rx) { __u64 a[2]; a[0] = 0; bpf_loop(4, turn, a, 0); area->word[0] = a[1]; return CHAM_PASS; }
C
refuses unread_former "unread_former.bpf.c:4: reads bytes of the stack that nobody has written" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) int first(int n) { volatile __u64 a[2]; if (n & 1) a[0] = n; else a[0] = 2; a[1] = n; return a[0] + a[1]; }
static __attribute__((noinline)) int second(int n) { volatile __u64 a[2]; if (n & 1) a[0] = n; return a[1]; }
CHAM_HOOK(rx) { return (first(pkt->len) + first(pkt->now) + second(pkt->len)) & 1; }
C
# more ways than are kept beside each other, of which one does not write
for without in 1 6 11; do
	refuses "unread_one_$without" "reads bytes of the stack that nobody has written" \
		"-DWITHOUT=$without" -mllvm -sink-common-insts=false <<'C'
CHAM_PROGRAM("x", 1, 0);
#define WAY(n) if (word & 1 << n) { a[n] = n; if (n != WITHOUT) a[0] = n; goto out; }
CHAM_HOOK(rx)
{
	volatile __u64 a[12];
	__u32 word = area->word[3];

	asm volatile("" :: "r"(a));
	WAY(1) WAY(2) WAY(3) WAY(4) WAY(5) WAY(6) WAY(7) WAY(8) WAY(9) WAY(10) WAY(11)
	a[0] = 0;
out:
	area->word[0] = a[0];
	return CHAM_PASS;
}
C
done
for what in 'data_meta' 'ingress_ifindex' 'rx_queue_index' 'egress_ifindex'; do
refuses "host_$what" "host_$what.bpf.c:4: reads what is the host's in ctx; accepted: ctx->data and ctx->data_end" <<C
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) {
	area->word[0] = ctx->$what;
	return CHAM_PASS; }
C
done
refuses ways "is on too many ways to follow where pointers go" <<'C'
CHAM_PROGRAM("x", 1, 0);
#define CASE(n, g, op) case n: p[n] = n; return g(p) op (p[n] + n);
#define NEXT(f, g) static __attribute__((noinline)) __u64 f(volatile __u64 *p) { switch (*p & 7) { \
	CASE(1, g, +) CASE(2, g, -) CASE(3, g, *) CASE(4, g, ^) CASE(5, g, |) CASE(6, g, &) CASE(7, g, <<) } \
	return g(p + 1); }
static __attribute__((noinline)) __u64 a(volatile __u64 *p) { return *p; }
NEXT(b, a) NEXT(c, b) NEXT(d, c) NEXT(e, d) NEXT(f, e) NEXT(g, f)
CHAM_HOOK(rx) { return g(area->word) & 1; }
C

# and what compilers make of handlers that do none of that
for level in -O1 -O2 -Os; do
admits "lengths$level" "$level" <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *q = cham_at(ctx, pkt->l4, 8);

	area->word[0] = ctx->data_end - ctx->data;
	area->word[1] = end - p;
	if (q)
		area->word[2] = (__u32)(q - p) + *q;
	return q && q + (q[0] & 15) + 1 <= end ? q[q[0] & 15] & 1 : CHAM_PASS;
}
C
admits "loaded$level" "$level" <<'C'
CHAM_PROGRAM("x", 1, 0);
static __attribute__((noinline)) int fetch(struct xdp_md *ctx, __u32 off, void *to) { return bpf_xdp_load_bytes(ctx, off, to, 16); }
CHAM_HOOK(rx)
{
	__u64 a[2], b[2], c[2];

	if (bpf_xdp_load_bytes(ctx, pkt->payload, a, sizeof(a)))
		return CHAM_PASS;
	if (bpf_xdp_load_bytes(ctx, pkt->payload + 16, b, sizeof(b)) < 0)
		return CHAM_PASS;
	if (fetch(ctx, pkt->payload + 32, c) != 0)
		return CHAM_DROP;
	area->word[0] = a[0] + a[1] + b[0] + b[1] + c[0] + c[1];
	return CHAM_PASS;
}
C
admits "passed$level" "$level" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct where { struct xdp_md *ctx; __u8 *p; struct cham_area *area; __u32 sum, n; };
static __attribute__((noinline)) __u8 *find(struct where *w, __u32 off) { w->p = cham_at(w->ctx, off, 4); w->n++; return w->p; }
static __attribute__((noinline)) int numbers(struct where *w, __u32 *one, __u32 *two)
{
	if (!w->p)
		return 0;
	*one = w->p[0];
	*two = w->p[1];
	return w->n;
}
static long turn(__u32 i, struct where *w) { w->sum += i; if (w->area->word[i & 15]) w->n++; return w->n > 5; }
CHAM_HOOK(rx)
{
	struct where w = { .ctx = ctx, .area = area };
	__u32 one, two;
	__u8 *p = find(&w, pkt->l4);
	int n = numbers(&w, &one, &two);

	bpf_loop(4, turn, &w, 0);
	if (p && n)
		area->word[1] += one + two + p[2] + w.sum;
	return w.p == 0 ? CHAM_DROP : CHAM_PASS;
}
C
admits "kept$level" "$level" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct key { __u8 a; __u32 b; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, struct key); __type(value, struct key); } m SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } r SEC(".maps");
CHAM_HOOK(rx)
{
	struct key k = {}, v, *old;
	__u8 text[16] = {};
	__u64 *e;

	__builtin_memset(&v, 0, sizeof(v));
	k.b = pkt->len;
	old = bpf_map_lookup_elem(&m, &k);
	if (old)
		v = *old;
	v.a++;
	bpf_map_update_elem(&m, &k, &v, 0);
	text[pkt->len & 15] = 1;
	e = bpf_ringbuf_reserve(&r, 8, 0);
	if (e) {
		*e = text[pkt->now & 15] + ctx->data_end - ctx->data;
		bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	}
	if (pkt->len <= 16 && pkt->len)
		bpf_xdp_store_bytes(ctx, pkt->payload, text, pkt->len);
	return CHAM_PASS;
}
C
done

# what it may have
refuses maps "has 4 maps" <<'C'
CHAM_PROGRAM("x", 1, 0);
#define M(n) struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } n SEC(".maps")
M(a); M(b); M(c); M(d);
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&a, &k) && bpf_map_lookup_elem(&b, &k) &&
	bpf_map_lookup_elem(&c, &k) && bpf_map_lookup_elem(&d, &k) ? CHAM_DROP : CHAM_PASS; }
C
refuses map_memory "its maps take [0-9]+ bytes" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4000000); __type(key, __u32); __type(value, __u64); } a SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&a, &k) ? CHAM_DROP : CHAM_PASS; }
C
refuses map_type "type 14 is not for handlers; accepted: hash, array" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } a SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&a, &k) ? CHAM_DROP : CHAM_PASS; }
C
refuses map_flags "flags 0x40" <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __uint(map_flags, BPF_F_ZERO_SEED); __type(key, __u32); __type(value, __u32); } a SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&a, &k) ? CHAM_DROP : CHAM_PASS; }
C
refuses map_pin '"pinning" is not for handlers' <<'C'
CHAM_PROGRAM("x", 1, 0);
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __uint(pinning, 1); __type(key, __u32); __type(value, __u32); } a SEC(".maps");
CHAM_HOOK(rx) { __u32 k = 0; return bpf_map_lookup_elem(&a, &k) ? CHAM_DROP : CHAM_PASS; }
C
{
	echo 'CHAM_PROGRAM("x", 1, 0);'
	for n in {1..12}; do
		echo "static __attribute__((noinline)) int f$n(volatile __u32 *p) { return *p + $n; }"
	done
	echo "CHAM_HOOK(rx) { return f1(&pkt->now)$(printf ' + f%d(&pkt->now)' {2..12}); }"
} | refuses functions "has 13 functions"

# what it is
refuses section 'section xdp is foreign' <<'C'
CHAM_PROGRAM("x", 1, 0);
SEC("xdp") int other(struct xdp_md *ctx) { return 2; }
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses no_hook "has none of the hooks" <<'C'
CHAM_PROGRAM("x", 1, 0);
int other(struct xdp_md *ctx) { return 2; }
C
refuses weak '"helped" is weak' <<'C'
CHAM_PROGRAM("x", 1, 0);
__attribute__((weak, noinline)) int helped(volatile __u32 *p) { return *p; }
CHAM_HOOK(rx) { return helped(&pkt->now); }
C
refuses alias 'is an alias' <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { return CHAM_PASS; }
int other(struct xdp_md *ctx, struct cham_pkt *pkt, struct cham_area *area) __attribute__((alias("rx")));
C
refuses signature 'rx\(\) must be int rx' <<'C'
CHAM_PROGRAM("x", 1, 0);
int rx(struct xdp_md *ctx, struct cham_pkt *pkt) { return CHAM_PASS; }
C
refuses wide_area 'rx\(\) must be int rx' <<'C'
CHAM_PROGRAM("x", 1, 0);
struct mine { __u64 a[32]; };
int rx(struct xdp_md *ctx, struct cham_pkt *pkt, struct mine *area) { return area->a[31]; }
C
refuses data_hook '"tx" is a hook.s name and no function' <<'C'
CHAM_PROGRAM("x", 1, 0);
int tx = 5;
CHAM_HOOK(rx) { return tx; }
C
refuses abi "version 9 of the handler ABI, this library for version 1" <<'C'
const struct cham_meta cham_meta SEC(".cham.meta") __attribute__((used)) = { .abi = 9, .layout = 1, .name = "x" };
char LICENSE[] SEC("license") = "GPL";
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses no_meta "does not say what it is" <<'C'
char LICENSE[] SEC("license") = "GPL";
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses no_licence "has no licence" <<'C'
const struct cham_meta cham_meta SEC(".cham.meta") __attribute__((used)) = { .abi = 1, .layout = 1, .name = "x" };
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses licence 'its licence is not "GPL"' <<'C'
const struct cham_meta cham_meta SEC(".cham.meta") __attribute__((used)) = { .abi = 1, .layout = 1, .name = "x" };
char LICENSE[] SEC("license") = "Proprietary";
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses flags "unknown program flags 0x80" <<'C'
CHAM_PROGRAM("x", 1, 0x81);
CHAM_HOOK(rx) { return CHAM_PASS; }
C
refuses untyped "compile it with -g" -g0 <<'C'
CHAM_PROGRAM("x", 1, 0);
CHAM_HOOK(rx) { return CHAM_PASS; }
C

# files that are no objects
check_match "no file" "No such file" "$(judged "$tmp/none.o")"
check_match "a directory" "not a regular file" "$(judged "$tmp")"
: >"$tmp/empty.o"
check_match "an empty file" "0 bytes are no object" "$(judged "$tmp/empty.o")"
head -c 4096 /dev/urandom >"$tmp/noise.o"
check_match "noise" "not a BPF object" "$(judged "$tmp/noise.o")"
check_match "a program of this machine" "not a BPF object" "$(judged "$build/lib/prog.o")"
truncate -s 5M "$tmp/long.o"
check_match "a long file" "accepted: up to 4194304" "$(judged "$tmp/long.o")"
size=$(stat -c %s "$tmp/everything.o")
for part in 64 300 $((size / 2)) $((size - 1)); do
	head -c "$part" "$tmp/everything.o" >"$tmp/cut.o"
	check_match "cut off after $part bytes" "damaged or cut off" "$(judged "$tmp/cut.o")"
done
check "the datapath's own object is no handler" \
	sh -c "! '$chamctl' prog check '$build/xdp/datapath.bpf.o' >'$tmp/own' 2>&1 && grep -q foreign '$tmp/own'"
check "what comes with it is admitted" sh -c "for o in '$build'/bpf/*.bpf.o; do '$chamctl' prog check \$o || exit 1; done"
finish
