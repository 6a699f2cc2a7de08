#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# outside: selftests/vm/joint.sh --outside
#
# Tenants' programs optimised with the datapath as one: they answer as linked, the
# swap loses nothing, and what a handler promises the compiler is not believed.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
here=$O/selftests/joint

# ---- outside: bitcode, because the compiler is slow in the VM
bitcode() {
	clang-19 -target bpf -mcpu=v3 -O2 -g -std=gnu11 -I"$tap_top/uapi" -I"$tap_top/bpf" \
		-I"/usr/include/$(gcc -print-multiarch)" -emit-llvm -c -o "$here/$1.bc" -x c "${2:--}"
}
# promise NAME SED LINE: the source on standard input, its bitcode changed, and a line
promise() {
	{ printf '#include "handler.h"\nCHAM_PROGRAM("%s", 1, 0);\n' "$1"; cat; } | bitcode "$1"
	[ -n "$2" ] || return 0
	{ llvm-dis-19 -o - "$here/$1.bc" | sed -E "$2"; echo "$3"; } >"$here/$1.ll"
	if cmp -s "$here/$1.ll" <(llvm-dis-19 -o - "$here/$1.bc"); then
		return 1
	fi
	llvm-as-19 -o "$here/$1.bc" "$here/$1.ll"
}
if [ "${1:-}" = --outside ]; then
	rm -rf "$here"
	mkdir -p "$here"
	set -e
	bitcode echo "$tap_top/bpf/echo.bpf.c"
	# a datapath that no verifier takes: it reads past its context
	mkdir -p "$here/unsound"
	llvm-dis-19 -o - "$O/xdp/datapath.bpf.bc" | sed -E '/^define .*@cham_uplink\(/a \
		%past = getelementptr i8, ptr %0, i64 4096\
		%read = load volatile i32, ptr %past' >"$here/unsound.ll"
	llvm-as-19 -o "$here/unsound/datapath.bpf.bc" "$here/unsound.ll"
	# rx: whatever comes, this cannot happen; tx: nobody comes back from there
	promise promises '/^define .*@rx\(/a call void @llvm.assume(i1 false)
		s/(inttoptr \(i64 5 to ptr\)\(\))( #[0-9]+)?/\1 noreturn/' \
		'declare void @llvm.assume(i1)' <<'C'
CHAM_HOOK(rx) { return pkt->vlan == 4095 ? CHAM_CONSUME : CHAM_PASS; }
CHAM_HOOK(tx) { area->word[0] = bpf_ktime_get_ns(); return CHAM_PASS; }
C
	promise stack '' '' <<'C'
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
CHAM_HOOK(rx)
{
	__u32 key = pkt->len + 70000;

	return bpf_map_lookup_elem(&seen, &key) ? CHAM_CONSUME : CHAM_PASS;
}
C
	# a map of its own, and variables of both kinds
	promise data '' '' <<'C'
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } kinds SEC(".maps");
__u64 sum = 1000, zero;
CHAM_HOOK(rx)
{
	__u64 *n;

	/* keys of the area: on the stack they would keep it from joining */
	area->word[0] = pkt->proto;
	area->word[1] = 1;
	n = bpf_map_lookup_elem(&kinds, &area->word[0]);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&kinds, &area->word[0], &area->word[1], BPF_ANY);
	sum++;
	zero++;
	return CHAM_PASS;
}
C
	# more code than the joint datapath below has room for, of which little runs
	promise large '' '' <<'C'
#define CASE(n)	case n: ONE(n, 1) ONE(n, 2) ONE(n, 3) ONE(n, 4) ONE(n, 5) ONE(n, 6) ONE(n, 7) break;
#define ONE(n, i) *(volatile __u64 *)&area->word[3] = pkt->now + n * 10 + i; \
		  *(volatile __u64 *)&area->word[4] = n * 11 + i;
#define TEN(n)	CASE(n ## 0) CASE(n ## 1) CASE(n ## 2) CASE(n ## 3) CASE(n ## 4) \
		CASE(n ## 5) CASE(n ## 6) CASE(n ## 7) CASE(n ## 8) CASE(n ## 9)
#define SOME(n)	TEN(n ## 0) TEN(n ## 1) TEN(n ## 2) TEN(n ## 3) TEN(n ## 4) \
		TEN(n ## 5) TEN(n ## 6) TEN(n ## 7) TEN(n ## 8) TEN(n ## 9)
#define ALL switch (pkt->len) { SOME(1) }
CHAM_HOOK(rx) { ALL return CHAM_PASS; }
CHAM_HOOK(tx) { ALL return CHAM_PASS; }
C
	(cd "$here" && llc-19 -mtriple=bpfel -mcpu=v3 -O2 -filetype=obj -o large.o large.bc)
	promise below '' '' <<'C'
CHAM_HOOK(rx)
{
	volatile char b[16] = {};

	b[-1 - (int)(pkt->len & 7)] = 1;
	return b[pkt->len & 7] ? CHAM_CONSUME : CHAM_PASS;
}
C
	promise area '' '' <<'C'
CHAM_HOOK(rx) { return ((volatile char *)area)[-1 - (int)(pkt->len & 7)] ? CHAM_CONSUME : CHAM_PASS; }
C
	promise beside '' '' <<'C'
CHAM_HOOK(rx) { return ((volatile __u32 *)pkt)[-1] ? CHAM_CONSUME : CHAM_PASS; }
C
	promise nowhere '' '' <<'C'
CHAM_HOOK(rx) { __builtin_unreachable(); }
C
	promise traps '' '' <<'C'
CHAM_HOOK(rx) { if (pkt->vlan == 4095) __builtin_trap(); return CHAM_PASS; }
C
	# what is volatile no compiler does without: behind it is what cannot be reached,
	# and a packet gets there
	promise arrives '' '' <<'C'
CHAM_HOOK(rx)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));

	if (udp && pkt->proto == IPPROTO_UDP && udp->dest == bpf_htons(9)) {
		*(volatile __u64 *)&area->word[1] = 1;
		__builtin_unreachable();
	}
	return CHAM_PASS;
}
C
	# indexes that leave one's own variables
	promise past '' '' <<'C'
__u32 table[8] = { 1 };
CHAM_HOOK(rx) { table[pkt->len]++; return CHAM_PASS; }
C
	promise behind '' '' <<'C'
__u32 table[8];
CHAM_HOOK(rx) { ((volatile __u32 *)table)[8 + (pkt->len & 7)] = 1; return CHAM_PASS; }
C
	promise before '' '' <<'C'
__u32 table[8];
CHAM_HOOK(rx) { ((volatile __u32 *)table)[-1 - (int)(pkt->len & 7)] = 1; return CHAM_PASS; }
C
	# so that the compiler does without the comparison
	promise assumed '' '' <<'C'
__u32 table[8];
CHAM_HOOK(rx)
{
	__builtin_assume(pkt->len < 8);
	if (pkt->len < 8)
		table[pkt->len]++;
	return CHAM_PASS;
}
C
	# those that leave one variable for the next: whatever is there is one's own
	promise wild '' '' <<'C'
__u32 first[8] = { 1 }, second[8] = { 1 }, third[8], fourth[8];
CHAM_HOOK(rx)
{
	int i;

#pragma unroll
	for (i = 0; i < 16; i++) {
		((volatile __u32 *)first)[(pkt->len + i) & 15] = 0x77777777;
		((volatile __u32 *)third)[(pkt->len + i) & 15] = 0x77777777;
	}
	area->word[0] += second[pkt->len & 7] + fourth[pkt->len & 7];
	return CHAM_PASS;
}
C
	# pointers that are kept where none survives
	promise keeps '' '' <<'C'
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } own SEC(".maps");
CHAM_HOOK(rx)
{
	__u32 key = 0;

	area->word[0] = (__u64)bpf_map_lookup_elem(&own, &key);
	return CHAM_PASS;
}
CHAM_HOOK(tx) { __u64 *n = (void *)area->word[0]; return n && *n ? CHAM_CONSUME : CHAM_PASS; }
C
	promise stale '' '' <<'C'
CHAM_HOOK(rx)
{
	__u8 *p = cham_at(ctx, pkt->l2, ETH_HLEN);

	return p && !cham_resize(ctx, pkt, pkt->len + 8) && p[0] ? CHAM_CONSUME : CHAM_PASS;
}
C
	exit 0
fi

# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq llc-19 opt-19 llvm-link-19
[ -e "$here/nowhere.bc" ] || skip_all "no bitcode: selftests/vm/joint.sh --outside"
[ -x "$CHAM_BUILD/xdp/chamelio-normalise" ] || skip_all "built without llvm-19-dev"
defer topo_down

# echoes NAME NS [ADDRESS] / refuses NAME NS: what port 7 does with a line
echoes() { answers "$1" 68656c6c6f "$2" "${3:-10.0.0.1}" 7 68656c6c6f; }
refuses() { answers "$1" ECONNREFUSED "$2" 10.0.0.1 7 68656c6c6f; }

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_tenant blue 200 || bail "tenant blue"
for tenant in red blue; do
	busywait 10 ping1 on $tenant 10.0.0.2
done
topo_attach || bail "attach"
busywait 10 ping1 far red 10.0.0.1
check_match "without programs there is nothing to join" "there is none" "$(prog compose tier joint 2>&1)"

check "red loads echo, as bitcode" prog load "$here/echo.bc" tenant red
check "blue loads one with a map and variables, as bitcode" prog load "$here/data.bc" tenant blue
check "both are linked" sh -c "chamctl -j prog | jq -e 'all(.[]; .tier == \"linked\")'"
echoes "red echoes, linked" b-red

# blue's maps and variables, whatever is composed: "MAP-ID SEEN SUM ZERO"
blue_has() {
	local dir
	dir=$(echo /sys/fs/bpf/chamelio/maps/"$(chamctl -j tenant show blue | jq '.[0].id')"-*)
	{
		bpftool -j map show pinned "$dir/kinds"
		for map in kinds -data -bss; do
			[ ! -e "$dir/$map" ] || bpftool -j map dump pinned "$dir/$map"
		done
	} | jq -rs 'def var(name): [.. | objects | to_entries[] |
			select(.key | test("^(t[0-9]+_)?" + name + "$")) | .value][0];
		"\(.[0].id) \(.[1][] | .formatted | select(.key == 1) | .value) \(var("sum")) \(var("zero"))"'
}
# since(): so far; goes_on WHAT: no less than that, in the same map
since() { read -r was_id was_seen was_sum was_zero <<<"$(blue_has)"; }
goes_on() {
	local id seen sum zero
	read -r id seen sum zero <<<"$(blue_has)"
	diag "was $was_seen $was_sum $was_zero, is $seen $sum $zero"
	check_eq "$1: blue's map is the same" "$was_id" "$id"
	check "$1: so are what it counts and its variables" test "$seen" -ge "$was_seen" -a \
		"$sum" -ge "$was_sum" -a "$zero" -ge "$was_zero" -a "$was_seen" -ge 20
}

# the swap, under traffic
ip netns exec b-blue ping -q -c 30 -i 0.02 10.0.0.1 >/dev/null
since
check_eq "variables count from what they begin with" 1000 $((was_sum - was_zero))
for tenant in red blue; do
	ip netns exec b-$tenant ping -i 0.02 10.0.0.1 >/tmp/joint.$tenant &
	pids+=($!)
done
sleep 0.5
start=${EPOCHREALTIME/[.,]/}
check "joined" prog compose tier joint
diag "in $(((${EPOCHREALTIME/[.,]/} - start) / 1000)) ms"
goes_on "joint"
check "both are joint" sh -c "chamctl -j prog | jq -e 'all(.[]; .tier == \"joint\")'"
check_match "in words" "tier joint" "$(chamctl prog show tenant red)"
echoes "red echoes, joint" b-red
echoes "over IPv6, too" b-red fd00::1
check "red's area counts on" prog_is red '.version == 1 and (has("fault") | not)'
refuses "blue does not echo" b-blue
since
check "linked again" prog compose tier linked
goes_on "linked"
check "is linked" prog_is red '.tier == "linked"'
for tenant in red blue; do
	pinged "${pids[0]}" /tmp/joint.$tenant
	pids=("${pids[@]:1}")
	check_eq "swapped under traffic: $tenant lost nothing" "" "$lost"
	diag "$(grep loss /tmp/joint.$tenant)"
done

# What a handler promises. Blue has echo: a datapath that believed red would run it on
# red's packets, or forget to charge.
since
check "red loads promises" prog load "$here/promises.bc" tenant red
goes_on "a neighbour has loaded"
check "blue loads echo" prog load "$here/echo.bc" tenant blue
check_eq "what blue had is gone" "" \
	"$(find /sys/fs/bpf/chamelio/maps -path "*/$(chamctl -j tenant show blue | jq '.[0].id')-*")"
check "loading links" prog_is blue '.tier == "linked"'
check "joined" prog compose tier joint
check "red is joint" prog_is red '.tier == "joint"'
handler() { chamctl -j stat show tenant red | jq '.[0].classes.handler'; }
before=$(handler)
check "red's traffic goes its way, both ways" ping1 far red 10.0.0.1
check_num "and is charged" "$(handler)" -gt "$before"
refuses "red does not echo" b-red
echoes "blue does" b-blue
check "nobody is at fault" sh -c "chamctl -j prog | jq -e 'all(.[]; has(\"fault\") | not)'"

# What cannot be inlined stays a function of its own, beside the others; what else
# cannot is selftests/host/joint.sh's.
check "red loads one that keeps a key on its stack" prog load "$here/stack.bc" tenant red
check "the others are joined" prog compose tier joint
check "it is not, and why" prog_is red '.tier == "linked" and (."not-joint" | test("on its stack"))'
check "blue is" prog_is blue '.tier == "joint"'
check "red's traffic goes its way" ping1 far red 10.0.0.1
echoes "blue echoes" b-blue
check "an object comes without bitcode" prog load "$CHAM_BUILD/bpf/echo.bpf.o" tenant red
check "the others are joined" prog compose tier joint
check "it is not" prog_is red '.tier == "linked" and (."not-joint" | test("came as an object"))'
echoes "both echo: red" b-red
echoes "and blue" b-blue

# What is refused as ever
refused() {
	check_match "$1: refused" "$2" "$(prog load "$here/$1.bc" tenant red 2>&1)"
	echoes "$1: red's echo runs on" b-red
}
refused below "R[0-9]+ .*(stack|pointer prohibited)|makes a number of a pointer"
refused area "R[0-9]+ min value is negative"
refused beside "invalid access to memory, mem_size=[0-9]+ off=-4 "
refused traps "does not compile.*abort"
refused past "R[0-9]+ unbounded memory access"
refused behind "R[0-9]+ min value is outside of the allowed memory range"
refused before "R[0-9]+ min value is negative"
refused assumed "R[0-9]+ unbounded memory access"
refused nowhere "has no code in .text: .* undefined"
refused keeps "stores a pointer where others may read it"
refused stale "R[0-9]+ invalid mem access 'scalar'"
check_match "prog check asks the verifier" "verifier: follows [1-9][0-9]+ instructions, of 50000" \
	"$(chamctl prog check "$here/echo.bc" object "$datapath" 2>&1)"
check_match "and says the same" "not admitted: .* R[0-9]+ invalid mem access 'scalar'" \
	"$(chamctl prog check "$here/stale.bc" object "$datapath" 2>&1)"

# A program that cannot be refused, as it never says where it cannot be: inlined, its
# code runs into nobody's.
busywait 10 ping1 far red 10.0.0.1
check "red loads one that goes where nothing can be" prog load "$here/arrives.bc" tenant red
check "blue and red are joined" prog compose tier joint
for tenant in red blue; do check "$tenant is joint" prog_is $tenant '.tier == "joint"'; done
check "red's other traffic goes its way" ping1 far red 10.0.0.1
check "and its program runs" prog_is red 'has("fault") | not'
ask b-red 10.0.0.1 9 ffff >/dev/null
check "who arrives there is stopped" busywait 5 prog_is red '.fault == "verdict" and ."fault-hook" == "rx"'
check "red's traffic goes on" ping1 far red 10.0.0.1
check "blue's program is not at fault" prog_is blue 'has("fault") | not'
echoes "it answers" b-blue

# Its own variables are what it may write, each in each other's place. A neighbour's are
# in another map.
check "blue has variables again" prog load "$here/data.bc" tenant blue
check "red loads one that writes all of its own" prog load "$here/wild.bc" tenant red
check_eq "which is stopped no more" null "$(chamctl -j prog show tenant red | jq '.[0].fault')"
# goes_wild TIER: red writes, blue counts on
goes_wild() {
	local sum zero
	ip netns exec b-blue ping -q -c 20 -i 0.02 10.0.0.1 >/dev/null
	since
	for size in 10 11 12 13 14 15 16 17; do
		check "$1: red's traffic goes its way" far red ping -qc1 -W2 -s $size 10.0.0.1
	done
	check "$1: red has written everywhere" wrote_all
	ip netns exec b-blue ping -q -c 3 -i 0.02 10.0.0.1 >/dev/null
	read -r _ _ sum zero <<<"$(blue_has)"
	check_num "$1: blue has counted on" "$zero" -gt "$was_zero"
	check_eq "$1: by one each" 1000 $((sum - zero))
}
# wrote_all: all words of red's are what it writes
wrote_all() {
	local dir map
	dir=$(echo /sys/fs/bpf/chamelio/maps/"$(chamctl -j tenant show red | jq '.[0].id')"-*)
	for map in -data -bss; do
		bpftool -j map dump pinned "$dir/$map"
	done | tee /tmp/joint.wild | jq -es '[.. | numbers | select(. > 9)] | length >= 32 and all(.[]; . == 2004318071)' >/dev/null
}
goes_wild linked
check "both are joined" prog compose tier joint
for tenant in red blue; do check "$tenant is joint" prog_is $tenant '.tier == "joint"'; done
goes_wild joint
check "blue echoes again" prog load "$here/echo.bc" tenant blue
check "red, too" prog load "$here/echo.bc" tenant red

# what nobody has judged does not get there: not even its index is the verifier's affair
cp "$here/before.bc" "/run/chamelio/programs/$(chamctl -j tenant show red | jq '.[0].id').bc"
check "bitcode is not what it was: the others are joined" prog compose tier joint
check "red's program is not, and why" prog_is red \
	'.tier == "linked" and (."not-joint" | test("was not made from its bitcode"))'
echoes "both echo: red" b-red
echoes "and blue" b-blue

# the joint datapath is not made: what is there stays
mkdir /tmp/lacks
cp "$datapath" /tmp/lacks/
check "joint" prog_is blue '.tier == "joint"'
check_match "without the datapath's bitcode: said" "datapath.bpf.bc: not there" \
	"$(chamctl prog compose tier joint object /tmp/lacks 2>&1)"
check_match "without LLVM: said" "not in PATH" \
	"$(PATH=$CHAM_BUILD/cli chamctl prog compose tier joint object "$datapath" 2>&1)"
check "joint still" prog_is blue '.tier == "joint"'
echoes "and it works" b-blue
check "attached anew, all are linked" sh -c "chamctl datapath detach && chamctl datapath attach object '$datapath' &&
	chamctl -j prog | jq -e 'all(.[]; .tier == \"linked\")'"
echoes "and answer" b-blue

# the verifier takes none of it: what is there stays, and says why
cp "$datapath" "$(dirname "$datapath")/chamelio-normalise" "$here/unsound/"
check_match "a joint datapath that the verifier refuses: said" "invalid bpf_context access off=4096" \
	"$(chamctl prog compose tier joint object "$here/unsound/${datapath##*/}" 2>&1)"
check "blue stays linked, and why" prog_is blue \
	'.tier == "linked" and (."not-joint" | test("invalid bpf_context access off=4096"))'
echoes "and answers" b-blue

# a neighbour's program that there is no room for
check "red loads a large one" prog load "$here/large.o" tenant red
# what it was made from: compiling it here takes the emulator half a minute
cp "$here/large.bc" "/run/chamelio/programs/$(chamctl -j tenant show red | jq '.[0].id').bc"
compact() { CHAM_JOINT_INSNS=2000 prog compose tier joint; }
check "blue becomes joint" compact
check "so" prog_is blue '.tier == "joint"'
check "red does not, and why" prog_is red \
	'.tier == "linked" and (."not-joint" | test("no room for its [0-9]{4} instructions, of the 2000"))'
echoes "blue answers" b-blue
check "everything comes down" topo_down
finish
