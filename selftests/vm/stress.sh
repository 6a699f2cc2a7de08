#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# processors: 2
#
# Three ports of two tenants on two CPUs, TCP both ways on each, while
# everything the fast path rests on is pulled away and put back.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd iperf3 socat jq
defer topo_down
SECS=${STRESS_SECONDS:-20}

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "red"
topo_tenant blue 200 6 || bail "blue"
topo_neighbour red || bail "red's second port"
topo_attach || bail "attach"
check_num "at least two CPUs" "$(nproc)" -ge 2
reach() { ping1 on red 10.0.0.2 && ping1 on red1 10.0.0.2 && ping1 on blue 10.0.0.2 && ping1 on red 10.0.0.3; }
check "everybody is there" busywait 20 reach || finish
dmesg -C

# a server for each flow
background in_ns b-red iperf3 -s -p 5201 >/dev/null
background in_ns b-red iperf3 -s -p 5202 >/dev/null
background in_ns b-blue iperf3 -s -p 5203 >/dev/null
background in_ns t-red iperf3 -s -p 5204 >/dev/null
wait_port b-red tcp 5201
wait_port b-red tcp 5202
wait_port b-blue tcp 5203
wait_port t-red tcp 5204

# flows: red and blue to the wire and back, red's second port to the wire and to the first
clients() {
	in_ns t-red iperf3 -c 10.0.0.2 -p 5201 -t "$SECS" --bidir -J >/tmp/flow1 &
	in_ns t-red1 iperf3 -c 10.0.0.2 -p 5202 -t "$SECS" --bidir -J >/tmp/flow2 &
	in_ns t-blue iperf3 -c 10.0.0.2 -p 5203 -t "$SECS" --bidir -J >/tmp/flow3 &
	in_ns t-red1 iperf3 -c 10.0.0.1 -p 5204 -t "$SECS" --bidir -J >/tmp/flow4 &
}
flow_bytes() { jq '[.end.streams[] | (.sender, .receiver).bytes] | min' "$1"; }
tenant_of() { chamctl -j tenant show "$1" | jq "(if type == \"array\" then .[0] else . end) | .\"$2\""; }

# one may end between the two looks
books_agree() { [ "$(chamctl -j conn show tenant "$1" | jq length)" = "$(tenant_of "$1" conns)" ]; }

far=$(far red cat /sys/class/net/eth0/address)
churn() {	# until told to stop; says how often
	local n=0
	while [ ! -e /tmp/stress.stop ]; do
		n=$((n + 1))
		echo $n >/tmp/rounds
		case $((n % 6)) in
		0) topo_attach ;;
		1) chamctl conn flush ;;
		2) bridge fdb replace "$far" dev vx-red dst 192.0.2.2 self ;;
		3) bridge fdb del "$far" dev vx-red self
		   bridge fdb flush dev br-red 2>/dev/null ;;
		4) chamctl fdb add tenant red mac 02:00:00:00:00:0$((n % 10)) remote 192.0.2.2
		   chamctl conn flush tenant blue
		   chamctl fdb del tenant red mac 02:00:00:00:00:0$((n % 10)) ;;
		5) chamctl tenant set red max-conns $((10 + n)) ;;
		esac >>/tmp/churn 2>&1 || echo "round $n failed" >>/tmp/churn
	done
}

blob 4M
clients
mapfile -t pids < <(jobs -p | tail -n 4)
churn &
churner=$!
check "a file is right in the middle of it, to the wire" transfer t-blue b-blue 10.0.0.2 7001
check "and from the wire" transfer b-red t-red 10.0.0.1 7002
for pid in "${pids[@]}"; do
	wait "$pid" || diag "iperf3 ended with $?"
done
: >/tmp/stress.stop
wait $churner
check_num "it was pulled away often: $(cat /tmp/rounds) times" "$(cat /tmp/rounds)" -ge 6
for i in 1 2 3 4; do
	bytes=$(flow_bytes /tmp/flow$i 2>/dev/null)
	check_num "flow $i ended well, both ways moved at least ${bytes:-0} bytes" "${bytes:-0}" -gt 100000 ||
		diag "$(jq -r '.error // empty' /tmp/flow$i)"
done
diag "$(sort /tmp/churn | uniq -c | sort -rn | head -n 5)"

# the books agree when the dust has settled
chamctl tenant set red max-conns 65536
check "everybody is there again" busywait 20 reach
for t in red blue; do
	check_num "$t: the fast path did most of TCP" "$(stat_of $t tcp-fast)" -gt "$(stat_of $t tcp-slow)"
	diag "$t: TCP $(stat_of $t tcp-fast) fast, $(stat_of $t tcp-slow) slow;" \
		"$(chamctl -j stat show tenant $t | jq -c '.[0].reasons | with_entries(select(.value > 0))')"
	other=$(chamctl -j stat show tenant $t |
		jq '.[0] | .drops - .reasons."ring-full" - .reasons."tx-fail"')
	check_eq "$t: no drop but of full queues" 0 "$other"
	check "$t: as many connections counted as listed" busywait 10 books_agree $t
done
chamctl conn flush
check_eq "flushed: none is left to red" 0 "$(tenant_of red conns)"
check_eq "flushed: none is left to blue" 0 "$(tenant_of blue conns)"
check_eq "red's static addresses are all gone" 0 "$(tenant_of red fdbs)"
check_eq "and its ports are two" 2 "$(tenant_of red ports)"

# Threaded NAPI: the same in a kernel thread
echo 1 >/sys/class/net/red0/threaded
check "a thread per queue" busywait 5 pgrep '^napi/red0-'
busywait 10 ping1 on red 10.0.0.2
fast=$(stat_of red tcp-fast)
while [ ! -e /tmp/swapped ]; do topo_attach; chamctl conn flush; done >/dev/null 2>&1 &
check "threaded: a file to the wire" transfer t-red b-red 10.0.0.2 7003
check "threaded: a file from the wire" transfer b-red t-red 10.0.0.1 7004
check "threaded: a file to another port" transfer t-red t-red1 10.0.0.3 7005
: >/tmp/swapped
wait $!
check_num "threaded: fast" $(($(stat_of red tcp-fast) - fast)) -gt 100
echo 0 >/sys/class/net/red0/threaded
check "and back" busywait 10 ping1 on red 10.0.0.2

check_eq "the kernel has nothing to say" "" \
	"$(dmesg | grep -E 'WARN|BUG|Oops|stall|hung|chamelio|refcount|leak|NETDEV WATCHDOG')"
check "everything comes down, the module unloads" topo_down
finish
