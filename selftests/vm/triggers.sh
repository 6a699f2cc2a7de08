#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# What an administrator looks at, and the triggers policy.sh does not pull:
# tcx, shaping, netdev filters, nexthop groups, ageing, and
# the underlay's other ways.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd python3 tcpdump bpftool nft
modprobe -qa sch_tbf macvlan
defer topo_down

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant"
ping1 on red 10.0.0.2
topo_attach || bail "attach"

fast_now() { [ "$(fast_moved red)" -ge 4 ]; }
is_fast() { busywait 15 fast_now; }
# two echoes arrive, and none of their four packets is fast
is_slow() { [ "$(fast_moved red && echo arrived)" = 0$'\n'arrived ]; }
# the same, but what comes from the wire is fast
is_slow_out() { [ "$(fast_moved red && echo arrived)" = 2$'\n'arrived ]; }
check "fast to begin with" is_fast || finish
far=$(far red cat /sys/class/net/eth0/address)
near=$(on red cat /sys/class/net/eth0/address)

# What an administrator looks at
check_match "ip -d link: the kind" "chamelio" "$(ip -d link show red0)"
check_match "bpftool net: the representor's program" "red0\([0-9]+\) driver" "$(bpftool net)"
check_match "bpftool net: the uplink's" "up0\([0-9]+\) driver" "$(bpftool net)"
check_match "bridge fdb: the guest" "$near dev red0 master br-red" "$(bridge fdb show br br-red)"
check_match "bridge fdb: its far end, with the remote" "$far dev vx-red dst 192.0.2.2 self" \
	"$(bridge fdb show br br-red)"
guest_sent() { ethtool -S red0 | awk '$1 == "rx_packets:" { print $2 }'; }
vstat() { vdpa -j dev vstats show red0 qidx "$1" | jq '.. | .completed_desc? // empty'; }
counters() { echo "$(guest_sent) $(vstat 0) $(vstat 1) $(cat /sys/class/net/red0/statistics/rx_packets)"; }
read -r sent in out dev < <(counters)
on red ping -qc5 -i0.2 10.0.0.2 >/dev/null
read -r sent2 in2 out2 dev2 < <(counters)
check_num "ethtool -S counts fast packets" $((sent2 - sent)) -ge 5
check_num "vdpa dev vstats: the guest's receive queue" $((in2 - in)) -ge 5
check_num "vdpa dev vstats: its transmit queue" $((out2 - out)) -ge 5
check_num "ip -s link counts them, too" $((dev2 - dev)) -ge 5
timeout 10 tcpdump -lnc 1 -i red0 "arp[7] = 1 and src host 10.0.0.1" >/tmp/dump 2>/tmp/dump.err &
pid=$!
busywait 5 grep -q listening /tmp/dump.err
on red ip neigh flush dev eth0
ping1 on red 10.0.0.2
wait $pid
check_match "tcpdump on a representor sees what is slow" "who-has 10.0.0.2 tell 10.0.0.1" \
	"$(cat /tmp/dump)"

# gone NAME: the trigger was removed
gone() {
	check "$1 gone: free" busywait 5 port_free red0
	check "$1 gone: fast again" is_fast
}

# tcx: no broadcast tells of a link, it is found within a second
for way in ingress egress; do
	: >/tmp/tcx
	"$(dirname "$0")/tcx_drop.py" red0 $way >/tmp/tcx 2>&1 &
	pid=$!
	busywait 10 grep -q attached /tmp/tcx || diag "$(cat /tmp/tcx)"
	check "a tcx program, $way: seen" busywait 2 port_blocked red0 tc
	check_fails "a tcx program, $way: drops" ping1 on red 10.0.0.2
	kill $pid
	wait $pid 2>/dev/null
done
gone "tcx"

tc qdisc add dev red0 root tbf rate 1mbit burst 5k limit 20k
check "a shaper: seen" busywait 5 port_blocked red0 tc
check "a shaper: slow" is_slow
far red timeout 20 bash -c 'for i in {1..100}; do printf %01400d 0; done 2>/dev/null >/dev/udp/10.0.0.1/9'
check_num "a shaper: shapes" \
	"$(tc -j -s qdisc show dev red0 | jq '[.[] | select(.kind == "tbf")][0] | .drops + .overlimits')" -gt 0
tc qdisc del dev red0 root
gone "shaper"

nft -f - <<'N'
table netdev t {
	chain c {
		type filter hook ingress device "red0" priority 0;
		ip daddr 10.0.0.2 drop
	}
}
N
check "nft in the netdev family: seen" busywait 5 port_blocked red0 nft
check_fails "nft in the netdev family: drops" ping1 on red 10.0.0.2
nft delete table netdev t
gone "nft"

# A nexthop group: Linux chooses the remote packet by packet
ip link set vx-red type vxlan nolearning
ip nexthop add id 1 via 192.0.2.2 fdb
ip nexthop add id 100 group 1 fdb
bridge fdb del "$far" dev vx-red self
slow=$(stat_of red no-fdb)
check "an address behind a nexthop group" bridge fdb add "$far" dev vx-red nhid 100 self
sleep 1.2
check "is slow" is_slow
check_num "counted by name" "$(stat_of red no-fdb)" -gt "$slow"
bridge fdb del "$far" dev vx-red self
ip nexthop del id 100
ip nexthop del id 1
check "a plain remote again" bridge fdb add "$far" dev vx-red dst 192.0.2.2 self
check "fast again" is_fast
bridge fdb del "$far" dev vx-red self
ip link set vx-red type vxlan learning
check "learned again, fast again" is_fast

# An entry that the bridge keeps from drivers: it tells none of them, only those who
# listen to its broadcasts
in_mirror() {
	chamctl -j fdb show tenant red |
		jq -e "any(.[]; .mac == \"$far\" and .ifindex == $(cat "/sys/class/net/$1/ifindex"))" >/dev/null
}
check "an address behind the tunnel, learned" in_mirror vx-red
check "moved, of which drivers are not told" bridge fdb replace "$far" dev red0 master dynamic sticky
check_fails "moved, untold: the mirror does not say the tunnel" in_mirror vx-red
sleep 1.2
check_fails "nor after the bridge was asked" in_mirror vx-red
check_fails "moved, untold: Linux' way, which is none" ping1 on red 10.0.0.2
check "untold, deleted" bridge fdb del "$far" dev red0 master
check "untold, deleted: fast again" is_fast

# The underlay: another gateway, two ways, another device, nobody there
for m in m0 m1; do
	ip -n hostb link add $m link b0 type macvlan mode bridge
	ip -n hostb link set $m up
done
gateway=$(ip -n hostb -j link show m0 | jq -r '.[0].address')
another=$(ip -n hostb -j link show m1 | jq -r '.[0].address')
# frames_to WHAT MAC: what red sends is fast, and goes there
frames_to() {
	local pid
	: >/tmp/dump.err
	in_ns hostb timeout 10 tcpdump -elnc 2 -i b0 udp dst port 4789 and ether src \
		"$(cat /sys/class/net/up0/address)" >/tmp/dump 2>/tmp/dump.err &
	pid=$!
	busywait 5 grep -q listening /tmp/dump.err
	check "$1: arrives" fast_now
	wait $pid
	check_eq "$1: every frame has its address" 2 "$(grep -c "> $2," /tmp/dump)"
}
ip neigh add 192.0.2.3 lladdr "$gateway" dev up0 nud permanent
ip route add 192.0.2.2/32 via 192.0.2.3 dev up0 src 192.0.2.1
check "through a gateway: fast" is_fast
frames_to "through a gateway" "$gateway"
# what a route shares with others, of which no route is told
ip neigh add 192.0.2.4 lladdr "$another" dev up0 nud permanent
ip nexthop add id 5 via 192.0.2.3 dev up0
ip route replace 192.0.2.2/32 nhid 5 src 192.0.2.1
check "by a next hop of its own: fast" is_fast
ip nexthop replace id 5 via 192.0.2.4 dev up0
sleep 0.3
frames_to "the next hop is another" "$another"
ip neigh add fe80::99 lladdr "$gateway" dev up0 nud permanent
ip route replace 192.0.2.2/32 via inet6 fe80::99 dev up0 src 192.0.2.1
check "through an IPv6 gateway: fast" is_fast
ip neigh replace fe80::99 lladdr "$another" dev up0 nud permanent
sleep 0.3
frames_to "an IPv6 gateway has another address" "$another"
ip nexthop del id 5
ip link add up1 mtu 1550 type veth peer name b1 mtu 1550 netns hostb
ip addr add 198.51.100.1/24 dev up1
ip link set up1 up
ip -n hostb addr add 198.51.100.2/24 dev b1
ip -n hostb link set b1 up
slow=$(stat_of red no-route)
ip route replace 192.0.2.2/32 src 192.0.2.1 nexthop via 192.0.2.3 dev up0 nexthop via 198.51.100.2 dev up1
sleep 0.5
check "two ways: the way out is slow" is_slow_out
check_num "two ways: counted by name" "$(stat_of red no-route)" -gt "$slow"
slow=$(stat_of red no-route)
ip route replace 192.0.2.2/32 via 198.51.100.2 dev up1 src 192.0.2.1
sleep 0.5
check "another device: the way out is slow" is_slow_out
check_num "another device: counted by name" "$(stat_of red no-route)" -gt "$slow"
ip route del 192.0.2.2/32
ip link del up1
ip -n hostb link del m0
ip -n hostb link del m1
check "back: fast again" is_fast

slow=$(stat_of red no-route)
ip -n hostb link set b0 arp off
ip neigh replace 192.0.2.2 dev up0 nud failed
check_fails "a neighbour that failed: nothing arrives" on red ping -qc3 -i0.2 -W1 10.0.0.2
check_num "a neighbour that failed: counted by name" "$(stat_of red no-route)" -gt "$slow"
ip -n hostb link set b0 arp on
check "the neighbour is back: fast again" is_fast

# Traffic that Linux does not see keeps what Linux has learned: the bridge and the
# vxlan device forget after 10 s, the latter looks every 10 s
ip link set vx-red type vxlan ageing 10
ip link set br-red type bridge ageing_time 1000
sleep 1.2
check "fast with an ageing time of 10 s" is_fast
on red ping -q -i0.25 -c104 10.0.0.2 >/tmp/ping &
pid=$!
sleep 4		# a connection is some time old when it first shows Linux a packet
unknown=$(stat_of red no-fdb)
samples=$(stat_of red refresh)
fast=$(stat_of red fast-packets)
wait $pid
check_match "22 s with an ageing time of 10 s: nothing lost" ' 0% packet loss' "$(cat /tmp/ping)"
check_match "the vxlan device has not forgotten" "$far .*dst 192.0.2.2" \
	"$(bridge fdb show dev vx-red)"
check_match "nor has the bridge: the far end" "$far dev vx-red master br-red" "$(bridge fdb show br br-red)"
check_match "nor the near one" "$near dev red0 master br-red" "$(bridge fdb show br br-red)"
check_eq "and no packet found it so" "$unknown" "$(stat_of red no-fdb)"
check_num "samples for them are counted" "$(stat_of red refresh)" -gt "$samples"
check_num "nearly all were fast" $(($(stat_of red fast-packets) - fast)) -ge 150
finish
