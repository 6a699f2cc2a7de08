#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# outside: selftests/vm/many.sh --outside
#
# More tenants' programs than one composition holds: every tenant's packets are handled
# by its own, a change is made where it belongs, and what one composition is enough for
# costs nothing of the rest.
#
#   MANY=N   tenants (default 36, which takes three compositions; at least 18, at most 120)
#   ALL=1    each with an end point that is asked (default: four have, in each
#            composition)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
here=$O/selftests/many
many=${MANY:-36}

# ---- outside: the compiler is slow in the VM
if [ "${1:-}" = --outside ]; then
	rm -rf "$here"
	mkdir -p "$here"
	set -e
	for i in $(seq "$many"); do
		handler_program "$here/$i" "$tap_top/selftests/vm/many.bpf.c" -DNUMBER="$i"
	done
	exit 0
fi

# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq
[ -e "$here/$many.o" ] || skip_all "no programs: selftests/vm/many.sh --outside"
defer topo_down
# the tenants that are asked: of each composition the first two and the last two
who=()
for i in $(seq "$many"); do
	case $((i % 16)) in
	0 | 1 | 2 | 15) who+=("$i") ;;
	*) [ "$i" -le $((many - 2)) ] || who+=("$i") ;;
	esac
done
[ -z "${ALL:-}" ] || mapfile -t who < <(seq "$many")
pins=/sys/fs/bpf/chamelio

# each FROM TO: the tenants' answers, all hooks: who answers wrongly
each() {
	local i wrong=()
	for i in "${who[@]}"; do
		if [ "$i" -lt "$1" ] || [ "$i" -gt "$2" ]; then
			continue
		fi
		[ "$(ask "b-t$i" 10.0.0.1 7 ffff)" = "$(printf '%02x00' "$i")" ] || wrong+=("t$i:rx")
		[ "$(ask "t-t$i" 10.0.0.2 7 ffff)" = "$(printf '%02x00' $((i | 128)))" ] ||
			wrong+=("t$i:tx")
	done
	echo "${wrong[*]}"
}
# port_prog: number of the program on t1's port
port_prog() { chamctl -j datapath | jq '.[] | select(.ifname == "t10") | ."prog-id"'; }

start=$SECONDS
topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
for i in $(seq "$many"); do
	if [[ " ${who[*]} " = *" $i "* ]]; then
		topo_tenant "t$i" $((100 * i)) || bail "tenant t$i"
	else
		chamctl tenant add "t$i" vni $((100 * i)) || bail "tenant t$i"
	fi
done
for i in "${who[@]}"; do
	busywait 10 ping1 on "t$i" 10.0.0.2
done
topo_attach || bail "attach"
diag "$many tenants in $((SECONDS - start)) s"

start=$SECONDS
for i in $(seq 16); do
	prog load "$here/$i.o" tenant "t$i" || fail "load t$i"
done
diag "16 programs in $((SECONDS - start)) s"
check "one composition holds 16" sh -c "! ls $pins | grep -qE 'dispatch|by_vni|-1'"
check_eq "each answers for itself" "" "$(each 1 16)"

check "a 17th" prog load "$here/17.bc" tenant t17
check "is in another" prog_is t17 '.cell == 17'
check "the uplink tells them apart" ls $pins/cham_dispatch $pins/cham_by_vni $pins/cham_uplink-1 $pins/cham_port-1
check_eq "it answers for itself" "" "$(each 17 17)"
first=$(port_prog)
for i in $(seq 18 "$many"); do
	prog load "$here/$i.o" tenant "t$i" || fail "load t$i"
done
check_eq "a change is made where it belongs" "$first" "$(port_prog)"
check_eq "each answers for itself" "" "$(each 1 "$many")"
check_eq "nobody looked in the wrong one" 0 \
	"$(chamctl -j stat | jq '[.[].reasons."no-area" // 0] | add')"

# timers
for i in 1 17; do
	check_match "t$i's timer is its own" "0[1-9]$" \
		"$(asks "b-t$i" -c 2 -i 100 10.0.0.1 8 ffff | xargs)"
done

# the changes, under traffic
for i in 1 17; do
	ip netns exec "b-t$i" ping -i 0.02 10.0.0.1 >"/tmp/many.$i" &
	pids+=($!)
done
sleep 0.5
check "t18 goes" prog unload tenant t18
check "t18 comes" prog load "$here/18.o" tenant t18
check "t2 goes" prog unload tenant t2
check "and its place is given away" prog load "$here/2.o" tenant t2
check "it has it again" prog_is t2 '.cell == 2'
check "all anew" prog compose tier linked
if command -v llc-19 opt-19 llvm-link-19 >/dev/null && [ -x "$CHAM_BUILD/xdp/chamelio-normalise" ]; then
	check_match "joint: one composition cannot be" "no program can be inlined" \
		"$(prog compose tier joint 2>&1)"
	check "t1 is linked, and why" prog_is t1 \
		'.tier == "linked" and (."not-joint" | test("came as an object"))'
	check "t17 is joint" prog_is t17 '.tier == "joint"'
	check "t18 came as an object" prog_is t18 '.tier == "linked"'
	check_eq "each answers for itself" "" "$(each 1 "$many")"
	check "t18 is loaded again" prog load "$here/18.o" tenant t18
	check "t17 is linked until it is made anew" prog_is t17 '.tier == "linked"'
fi
for i in 1 17; do
	pinged "${pids[0]}" "/tmp/many.$i"
	pids=("${pids[@]:1}")
	check_eq "t$i lost nothing" "" "$lost"
	diag "$(grep loss "/tmp/many.$i")"
done
check_eq "each answers for itself" "" "$(each 1 "$many")"

# a VNI is moved: what was there is the tenant's no more
check "a VNI moves" chamctl tenant set t18 vni 4242
check "it follows" sh -c "chamctl -j tenant show t18 | jq -e '.[0].vni == 4242'"
check "and back" chamctl tenant set t18 vni 1800
check_eq "t18 answers for itself" "" "$(each 18 18)"

for i in $(seq 17 "$many"); do
	prog unload tenant "t$i" || fail "unload t$i"
done
check "one composition is enough again" sh -c "! ls $pins | grep -qE 'dispatch|by_vni|-1'"
check_eq "each answers for itself" "" "$(each 1 16)"
check_eq "who has none has Linux' answer" ECONNREFUSED "$(ask b-t17 10.0.0.1 7 ffff)"
check "everything comes down" topo_down
finish
