#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
# processors: 2
# outside: selftests/vm/swap.sh --outside
#
# Programs change at 80 % load: 64-byte datagrams of one tenant, iperf3 of another, at the
# same time. Each datagram is counted at both ends, says which program saw it, and how many
# its connection's area has counted: none is lost, none is seen by nobody or by another's,
# and areas survive. With another layout they begin anew, once, and no handler sees
# another layout's.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
here=$O/selftests/swap

# ---- outside: the compiler is slow in the VM
if [ "${1:-}" = --outside ]; then
	rm -rf "$here"
	mkdir -p "$here"
	set -e
	# where llc finds no source lines, as in the jail: both make the same
	for i in 1 2 3; do
		handler_program "$here/$i" "$tap_top/selftests/vm/stamp.bpf.c" \
			-fdebug-compilation-dir=/swap -DSTAMP="$i"
	done
	handler_program "$here/4" "$tap_top/selftests/vm/stamp.bpf.c" -DSTAMP=3 -DLAYOUT=2
	exit 0
fi

# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq iperf3
[ -e "$here/4.o" ] || skip_all "no programs: selftests/vm/swap.sh --outside"
[ "${CHAM_NICS:-0}" -gt 0 ] || skip_all "the VM has no pair of NICs"
defer topo_down
defer topo_unwire_nic

# flows SECONDS RATE BITS [FROM TO ADDRESS]: both, from the wire to the end points, or from
# b|t to the other, which has that address; 0: as much as goes
flows() {
	local from=${4:-b} to=${5:-t} at=${6:-10.0.0.1}

	ip netns exec "$to-red" "$CHAM_BUILD/selftests/load" recv 9100 >/tmp/swap.recv &
	receiver=$!
	wait_port "$to-red" udp 9100
	# no more on the way, of both, than a veth's ring holds
	ip netns exec "$from-blue" iperf3 -c "$at" -t "$1" -b "$3" -w 32K -J >/tmp/swap.iperf &
	iperf=$!
	ip netns exec "$from-red" "$CHAM_BUILD/selftests/load" send "$at" 9100 "$1" "$2" >/tmp/swap.send &
	sender=$!
}
flowed() { wait "$sender" "$receiver" "$iperf"; }
end_flows() {
	kill -TERM "$sender"
	kill -INT "$iperf"
	flowed
}
sent() { jq ".$1" /tmp/swap.send; }
got() { jq ".$1" /tmp/swap.recv; }
# lost: what any device, or the module, has dropped
lost() {
	local ns dev
	for dev in red0 blue0; do grep -H . "/sys/class/net/$dev/statistics/"{rx,tx}_dropped; done
	for ns in t-red t-blue hostb; do
		ip netns exec $ns sh -c 'grep -H . /sys/class/net/*/statistics/[rt]x_dropped \
			/sys/class/net/*/statistics/rx_missed_errors'
	done
	# the NICs' rings; of up0's drops those by XDP are what is delivered
	ethtool -S up0 | awk '/ rx_drops:/ { n += $2 } / rx_xdp_drops:/ { n -= $2 } /tx.*drops:/ { n += $2 }
		END { print "up0 drops", n }'
	ip netns exec hostb ethtool -S b0 | grep drops:
	chamctl -j stat | jq -c '.[] | [."tenant-id", .drops]'
}
# unhandled: what handlers ought to have seen and Linux had
unhandled() { chamctl -j stat | jq '[.[].reasons."no-area" // 0] | add'; }
# loaded NAME: in three seconds of four at least 3/4 of the rate was sent, or it was as much
# as went: where something else has the machine the sender sends less, and does not rest.
# It would rest if the pace were wrong, or if a change stopped everybody.
loaded() {
	diag "$1: $(sent "rate | floor") of $rate datagrams a second, rested $(sent rested) of the time," \
		"idle in $(sent idle) of $(sent seconds) seconds"
	check_num "$1: it was a load, for some seconds" "$(sent seconds)" -gt 0
	check_num "$1: the rate was held, or all that went" $(($(sent idle) * 4)) -le "$(sent seconds)"
}
# whole NAME: after such a load nobody has lost anything; $before, $passed: from before it
whole() {
	loaded "$1"
	# how many segments came again proves nothing: on a slow machine TCP's timer fires for
	# what is only late. That none was lost is what the devices' counters say, below.
	diag "$(sent sent) datagrams, $(jq .end.sum_sent.bytes /tmp/swap.iperf) bytes, $(jq .end.sum_sent.retransmits /tmp/swap.iperf) segments again"
	check_num "$1: none is lost" "$(got received)" -eq "$(sent sent)"
	check_eq "nor overtaken" 0 "$(got disorder)"
	check_eq "red's programs saw each, and nobody else's" "0 0" "$(jq -r '"\(.stamps[0]) \(.stamps[3:] | add)"' /tmp/swap.recv)"
	check_num "the first saw some" "$(got "stamps[1]")" -gt 0
	check_num "the second, too" "$(got "stamps[2]")" -gt 0
	check_eq "no area began anew" 0 "$(got gaps)"
	check_num "iperf3 went on" "$(jq .end.sum_sent.bytes /tmp/swap.iperf)" -gt 1000000
	check_eq "nothing was dropped, by the wire, a ring or a port" "$before" "$(lost)"
	check_eq "Linux had nothing that was a handler's" "$passed" "$(unhandled)"
}
changes=0
# change COMMAND...: under the load
change() {
	"$@" || fail "change: $*"
	changes=$((changes + 1))
	kill -0 "$sender" 2>/dev/null || late=1
}

topo_load || bail "module loads"
topo_wire_nic
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_tenant blue 200 || bail "tenant blue"
for tenant in red blue; do busywait 10 ping1 on $tenant 10.0.0.2; done
topo_attach || bail "attach"
for ns in t-blue b-blue; do
	ip netns exec $ns iperf3 -s >/dev/null &
	wait_port $ns tcp 5201
done
prog load "$here/1.o" tenant red || bail "load red"
prog load "$here/3.o" tenant blue || bail "load blue"

flows 4 0 0
flowed
rate=$(jq '.rate * 0.8 | floor' /tmp/swap.send)
bits=$(jq '.end.sum_received.bits_per_second * 0.8 | floor' /tmp/swap.iperf)
diag "80 %: $rate datagrams a second, $((bits / 1000)) kbit/s"
check_num "as many came as were sent" "$(got received)" -eq "$(sent sent)"

before=$(lost) passed=$(unhandled)
flows 300 "$rate" "$bits"
sleep 1
late=0
change prog load "$here/2.o" tenant red
change prog rollback tenant red
change prog load "$here/2.bc" tenant red
change prog load "$here/3.bc" tenant blue
change prog compose tier joint
check "red is joint" prog_is red '.tier == "joint"'
change prog load "$here/1.o" tenant red
change prog unload tenant blue
change prog load "$here/3.o" tenant blue
change prog compose tier linked
change prog load "$here/2.o" tenant red
check_eq "$changes changes, all of them under load" 0 "$late"
end_flows
whole "to the end points"

# another layout, and back
before=$(lost) passed=$(unhandled)
flows 300 "$rate" "$bits"
sleep 1
change prog load "$here/4.o" tenant red
sleep 0.5
change prog load "$here/2.o" tenant red
sleep 0.5
check_eq "another layout, under load" 0 "$late"
end_flows
loaded "another layout"
check_num "none is lost" "$(got received)" -eq "$(sent sent)"
check_eq "nothing was dropped, by the wire, a ring or a port" "$before" "$(lost)"
check_eq "areas began anew, once for each layout" 2 "$(got gaps)"
check_num "the other program saw some" "$(got "stamps[3]")" -gt 0
check_num "the one before, too" "$(got "stamps[2]")" -gt 0
check_eq "no handler saw an area of another layout" 0 "$(got "stamps[7]")"
check_num "what no handler saw Linux had, counted" "$(got "stamps[0]")" -le $(($(unhandled) - passed))

# from the end points to the wire
flows 3 0 0 t b 10.0.0.2
flowed
rate=$(jq '.rate * 0.8 | floor' /tmp/swap.send)
bits=$(jq '.end.sum_received.bits_per_second * 0.8 | floor' /tmp/swap.iperf)
diag "to the wire, 80 %: $rate datagrams a second, $((bits / 1000)) kbit/s"
before=$(lost) passed=$(unhandled)
flows 300 "$rate" "$bits" t b 10.0.0.2
sleep 1
late=0
change prog load "$here/1.o" tenant red
change prog load "$here/2.o" tenant red
change prog unload tenant blue
change prog load "$here/3.o" tenant blue
check_eq "to the wire, under load" 0 "$late"
end_flows
whole "to the wire"
check_eq "nobody is at fault" "[]" "$(chamctl -j prog show | jq -c 'map(select(has("fault")))')"
check "everything comes down" topo_down
finish
