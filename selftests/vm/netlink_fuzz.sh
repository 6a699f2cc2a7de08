#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The netlink family against a generator that has read its specification, as
# root from two processes at once, with a listener, and as nobody.
#
#   SEED=N       which requests (default 1)
#   FUZZ_TIME=N  seconds of them (default 10)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd python3 jq
python3 -c 'import yaml' || skip_all "no python3-yaml"
defer topo_down
seed=${SEED:-1}
seconds=${FUZZ_TIME:-10}
fuzz() { "$(dirname "$0")/netlink_fuzz.py" "$@"; }

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant"
topo_attach || bail "attach"
ping1 on red 10.0.0.2
for i in {1..40}; do chamctl tenant add "many$i" vni $((5000 + i)); done
dmesg -C

"$(dirname "$0")/netlink_fuzz.py" listen >/tmp/heard 2>&1 &
listener=$!
busywait 40 grep -q listening /tmp/heard || bail "nobody listens" "$(cat /tmp/heard)"
fuzz root $((seed + 1000)) "$seconds" >/tmp/second 2>&1 &
second=$!
out=$(fuzz root "$seed" "$seconds" 2>&1)
rc=$?
wait $second
rc2=$?
diag "$out"
diag "$(cat /tmp/second)"
check_eq "each refusal has a reason, seed $seed" 0 $rc
check_eq "each refusal has a reason, seed $((seed + 1000))" 0 $rc2
check_num "hundreds of requests" "$(head -n 1 <<<"$out" | cut -d' ' -f1)" -gt 200
# what neither of the two ever got
check_eq "every operation was obeyed at least once" "" "$(comm -12 \
	<(sed -n 's/^never obeyed: //p' <<<"$out" | tr -d ' ' | tr , '\n' | grep -v none | sort) \
	<(sed -n 's/^never obeyed: //p' /tmp/second | tr -d ' ' | tr , '\n' | grep -v none | sort))"
out=$(fuzz user "$seed" 200 2>&1)
rc=$?
diag "$out"
check_eq "without privilege nothing is obeyed" 0 $rc
kill $listener
wait $listener
diag "$(cat /tmp/heard)"
check_match "the listener heard of it" "[1-9][0-9]* events" "$(cat /tmp/heard)"

# what it left behind can be shown, and goes
for what in tenant port uplink fdb conn stat; do
	check "chamctl -j $what is JSON" sh -c "chamctl -j $what show | jq -e 'type == \"array\"'"
done
check "down" chamctl down
check_eq "no tenant, no uplink, no address, no program" "[]
[]
[]
not attached" "$(chamctl -j tenant show; chamctl -j uplink show; chamctl -j fdb show; chamctl datapath show)"
check "no port has an owner" sh -c 'chamctl -j port show | jq -e "all(.[]; .\"tenant-id\" == 0)"'
check_eq "the kernel has nothing to say" "" \
	"$(dmesg | grep -E 'WARN|BUG|Oops|stall|hung|refcount|leak|netlink: [0-9]* bytes leftover' | grep -v leftover)"
check "the module unloads" topo_down
finish
