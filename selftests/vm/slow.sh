#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# processors: 2
#
# A tenant's slow path: a port whose netdev lives in the tenant's namespace, gets what
# handlers hand over, and speaks for the tenant's guests.
#
#   ns t-red  10.0.0.1 ── red0 ─┐
#   ns t-red1 10.0.0.3 ── red1 ─┼ br-red ── vxlan ── host B, ns b-red 10.0.0.2
#   ns s-red  10.0.0.1 ── reds ─┘

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd tcpdump jq vdpa bridge
defer topo_down

role_is() { [ "$(chamctl -j port show "$1" | jq -r '.[0].role')" = "$2" ]; }
in_slow() { ip netns exec s-red "$@"; }
# slow_up NS: reds' netdev there gets the guest's addresses
slow_up() {
	ip -n "$1" link set eth0 address "$guest" &&
	ip -n "$1" addr add 10.0.0.1/24 dev eth0 &&
	ip -n "$1" link set eth0 up &&
	ip -n "$1" neigh replace 10.0.0.2 lladdr "$far" dev eth0 nud permanent &&
	ip -n "$1" neigh replace 10.0.0.3 lladdr "$near" dev eth0 nud permanent
}
# slow_netdev: it goes into the tenant's namespace
slow_netdev() {
	ip link set "$(topo_netdev reds)" netns s-red name eth0 && slow_up s-red
}
# serve NS: a socket with the guest's address, which says "slow" and what it got
serve() {
	ip netns exec "$1" "$CHAM_BUILD/selftests/ask" -e "$slow_says" 9000 &
	server=$!
	wait_port "$1" udp 9000
}
# watch FILTER: what comes to the slow path, into /tmp/slow.seen
watch() {
	: >/tmp/slow.seen
	: >/tmp/slow.err
	ip netns exec s-red tcpdump -lnni eth0 "$1" >/tmp/slow.seen 2>/tmp/slow.err &
	watcher=$!
	busywait 10 grep -q listening /tmp/slow.err
}
unwatch() { kill $watcher; wait $watcher; } 2>/dev/null
seen() { grep -q "$1" /tmp/slow.seen; }

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_neighbour red || bail "red's second port"
guest=$(on red cat /sys/class/net/eth0/address)
near=$(ip netns exec t-red1 cat /sys/class/net/eth0/address)
far=$(far red cat /sys/class/net/eth0/address)
topo_attach || bail "attach"
check "red loads a program" prog load "$verdicts" tenant red
busywait 10 ping1 far red 10.0.0.1

# without one
before=$(stat_of red no-slow-port)
answers "handed over, and nobody is there" nothing b-red 10.0.0.1 9000 "$(word 6 0)"
check_num "counted" $(($(stat_of red no-slow-port) - before)) -ge 1

# made
topo_vdpa reds || bail "a port"
ip netns add s-red
check "its netdev moves to the tenant's namespace" slow_netdev
ip link set reds up
check_match "of no tenant: refused" "reds belongs to no tenant; bind it first" \
	"$(chamctl port set reds role slow 2>&1)"
check "red's slow port" chamctl port set reds tenant red role slow
check "is shown" role_is reds slow
check "the others are guests'" role_is red0 guest
check_match "in words" "tenant red role slow state up" "$(chamctl port show reds)"
check_match "nor a port that comes with it, which is red's then" "the port is the tenant's now, but not in that role: .*red has a slow port" \
	"$(chamctl port set red1 tenant red role slow 2>&1)"
check_match "a second one: refused" "tenant red has a slow port, reds; make that a guest's first" \
	"$(chamctl port set red1 role slow 2>&1)"
check_match "neither of them" 'role takes guest\|slow, not "fast"' \
	"$(chamctl port set red1 role fast 2>&1)"
ip link set reds master br-red
check "a bridge that learns there is in the way" busywait 5 port_blocked reds learning
bridge link set dev reds learning off flood off mcast_flood off bcast_flood off
check "and no longer" busywait 5 port_free reds

# what handlers hand over
watch "udp port 9000 or udp port 9001 or icmp[icmptype] = icmp-echo"
answers "from the wire: its stack says no" ECONNREFUSED b-red 10.0.0.1 9000 "$(word 6 1)"
check "the slow path has it" busywait 5 seen "10.0.0.2.* > 10.0.0.1.9000"
answers "from the guest" nothing t-red 10.0.0.2 9001 "$(word 6 2)"
check "the slow path has it, too" busywait 5 seen "10.0.0.1.* > 10.0.0.2.9001"
answers "from a neighbour" ECONNREFUSED t-red1 10.0.0.1 9000 "$(word 6 3)"
check "and that" busywait 5 seen "10.0.0.3.* > 10.0.0.1.9000"
answers "resized" ECONNREFUSED b-red 10.0.0.1 9003 "$(word 6 9)"
check "what passes" ping1 far red 10.0.0.1
answers "and then what does not" ECONNREFUSED b-red 10.0.0.1 9000 "$(word 6 4)"
two_seen() { [ "$(grep -c "10.0.0.2.* > 10.0.0.1.9000" /tmp/slow.seen)" -ge 2 ]; }
check "the slow path has that" busywait 5 two_seen
check_eq "and not the other" 0 "$(grep -c "ICMP echo request" /tmp/slow.seen)"
unwatch

# a plain socket with the guest's address, and that no handler sees what it sends
slow_says=$(printf slow | od -An -tx1 | tr -d ' ')
serve s-red
answers "a socket there answers the wire" "$slow_says$(word 6 0)" b-red 10.0.0.1 9000 "$(word 6 0)"
answers "and a neighbour" "$slow_says$(word 6 0)" t-red1 10.0.0.1 9000 "$(word 6 0)"
fast=$(stat_of red fast-packets)
answers "again" "$slow_says$(word 6 0)" b-red 10.0.0.1 9000 "$(word 6 0)"
check_num "its answers take the fast path" $(($(stat_of red fast-packets) - fast)) -ge 2
for way in "b-red 10.0.0.2 9001" "t-red1 10.0.0.3 9000"; do
	read -r ns to port <<<"$way"
	listen "$ns" "$port"
	asks s-red -n 0 "$to" "$port" "$(word 3 0)"
	wait $listener
	check_eq "what it sends to $to passes no handler" "$(word 3 0)" "$(cat /tmp/ask.got)"
done
check_match "the guest is where it was" "$guest dev red0 master br-red" "$(bridge fdb show br br-red)"
check_fails "and nowhere else" grep -q "$guest dev reds" <(bridge fdb show br br-red)
check "it is reached" ping1 far red 10.0.0.1

# kept
check "saved" chamctl save to /tmp/slow.json
check "an end point again" chamctl port set reds role guest
check "shown" role_is reds guest
before=$(stat_of red no-slow-port)
answers "nobody is there" nothing b-red 10.0.0.1 9000 "$(word 6 0)"
check_num "counted" $(($(stat_of red no-slow-port) - before)) -ge 1
check "restored" chamctl restore from /tmp/slow.json
check "it is the slow path" role_is reds slow
answers "and answers" "$slow_says$(word 6 0)" b-red 10.0.0.1 9000 "$(word 6 0)"

# what a tenant may do to it: the module gives packets to the port, not to a netdev
check_fails "its netdev cannot be deleted" ip -n s-red link del eth0
check "the tenant renames it" ip -n s-red link set eth0 name mine
answers "it answers as before" "$slow_says$(word 6 0)" b-red 10.0.0.1 9000 "$(word 6 0)"
ip -n s-red link set mine name eth0
kill $server
ip netns add s-red2
check "the tenant moves it to another namespace" ip -n s-red link set eth0 netns s-red2
answers "where nobody listens yet" nothing b-red 10.0.0.1 9000 "$(word 6 0)"
check "it has the addresses there" slow_up s-red2
serve s-red2
answers "and answers from there" "$slow_says$(word 6 0)" b-red 10.0.0.1 9000 "$(word 6 0)"
kill $server
check "and back" ip -n s-red2 link set eth0 netns s-red
ip netns del s-red2
check "the tenant takes it down" ip -n s-red link set eth0 down
answers "nobody hears" nothing b-red 10.0.0.1 9000 "$(word 6 0)"
check "and its namespace goes" ip netns del s-red
answers "nobody hears" nothing b-red 10.0.0.1 9000 "$(word 6 0)"
check "the guest does not mind" ping1 far red 10.0.0.1
ip netns add s-red
back() { topo_netdev reds >/tmp/slow.dev; }
check "its netdev has come back to the host" busywait 10 back
check "and moves again" slow_netdev
watch "udp port 9000"
answers "handed over" ECONNREFUSED b-red 10.0.0.1 9000 "$(word 6 0)"
check "it is there" busywait 5 seen "10.0.0.2.* > 10.0.0.1.9000"
unwatch
check "the port itself goes" vdpa dev del reds
before=$(stat_of red no-slow-port)
answers "handed over, and nobody is there" nothing b-red 10.0.0.1 9000 "$(word 6 0)"
check_num "counted" $(($(stat_of red no-slow-port) - before)) -ge 1
check "the guest does not mind, either" ping1 far red 10.0.0.1
check "everything comes down" topo_down
finish
