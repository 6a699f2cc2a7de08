#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
# processors: 2
#
# The fast path never forwards what the slow path would drop, and follows
# every change.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"
require_root
defer topo_down

topo_load || { fail "module loads"; finish; }
topo_wire
chamctl uplink add up0 local 192.0.2.1
topo_tenant red 100
topo_attach

blocked() { port_blocked red0 "$1"; }
free() { port_free red0; }
fast_now() {	# does a packet take the fast path
	local a b
	a=$(stat_of red fast-packets)
	on red ping -qc2 -i0.2 -W2 10.0.0.2 >/dev/null || return 1
	b=$(stat_of red fast-packets)
	[ "$b" -gt "$a" ]
}
slow_now() {
	local a b
	a=$(stat_of red fast-packets)
	on red ping -qc2 -i0.2 -W2 10.0.0.2 >/dev/null || return 1
	b=$(stat_of red fast-packets)
	[ -n "$b" ] && [ "$b" = "$a" ]
}
busy() { for _ in $(seq 30); do "$@" && return 0; sleep 0.1; done; return 1; }

on red ping -qc2 -i0.2 10.0.0.2 >/dev/null
check "fast to begin with" busy fast_now

tc qdisc add dev red0 clsact
tc filter add dev red0 ingress protocol ip flower dst_ip 10.0.0.2 action drop
check "a tc filter on the representor is seen" busy blocked tc
check_fails "and what it drops is dropped" ping1 on red 10.0.0.2
tc qdisc del dev red0 clsact
check "gone with it" busy free
check "fast again" busy fast_now

tc qdisc replace dev red0 root fq_codel
tc filter add dev red0 parent "$(tc -j qdisc show dev red0 | jq -r '.[0].handle')" protocol ip \
	flower dst_ip 10.0.0.2 action drop
check "filters of a plain queueing discipline are seen, too" busy blocked tc
tc qdisc del dev red0 root
check "fast again" busy fast_now

tc qdisc replace dev up0 root handle 1: mq
tc qdisc replace dev up0 parent 1:1 tbf rate 10mbit burst 10k latency 50ms
check "a shaper below mq on the uplink is seen" busy blocked tc
check "and takes the slow path" slow_now
tc qdisc del dev up0 root
check "fast again" busy fast_now

tc qdisc add dev vx-red clsact
tc filter add dev vx-red egress protocol ip flower dst_ip 10.0.0.2 action drop
sleep 0.3
check_fails "a tc filter on the vxlan device drops" ping1 on red 10.0.0.2
tc qdisc del dev vx-red clsact
check "fast again" busy fast_now

if nft add table bridge t 2>/dev/null; then
	nft add chain bridge t c '{ type filter hook forward priority 0; }'
	nft add rule bridge t c ip daddr 10.0.0.2 drop
	check "an nft rule in the bridge family is seen" busy blocked nft
	check_fails "and drops" ping1 on red 10.0.0.2
	nft delete table bridge t
	check "fast again" busy fast_now
else
	skip "nft bridge family" "not in this kernel"
fi
nft add table inet t
nft add chain inet t c '{ type filter hook output priority 0; }'
nft add rule inet t c udp dport 4789 drop
sleep 0.3
check_fails "an nft rule on the underlay drops" ping1 on red 10.0.0.2
nft delete table inet t
check "fast again" busy fast_now

bridge link set dev red0 isolated on
bridge link set dev vx-red isolated on
check "an isolated bridge port is seen" busy blocked isolated
check_fails "isolated ports do not talk" ping1 on red 10.0.0.2
bridge link set dev red0 isolated off
bridge link set dev vx-red isolated off
check "fast again" busy fast_now

bridge link set dev red0 learning off locked on
bridge fdb flush dev red0 2>/dev/null
bridge fdb del "$(on red cat /sys/class/net/eth0/address)" dev red0 master 2>/dev/null
check "a locked port is seen" busy blocked locked
check_fails "a locked port drops the unknown source" ping1 on red 10.0.0.2
bridge link set dev red0 locked off learning on
check "fast again" busy fast_now

bridge link set dev red0 state 0
check "a port that STP disabled is seen" busy blocked stp-state
check_fails "and does not forward" ping1 on red 10.0.0.2
bridge link set dev red0 state 3
check "fast again" busy fast_now

ip link set br-red type bridge vlan_filtering 1
check "VLAN filtering is seen" busy blocked vlan-filtering
check "and takes the slow path" slow_now
ip link set br-red type bridge vlan_filtering 0
check "fast again" busy fast_now

# the underlay: neighbour and route
mac=$(ip netns exec hostb cat /sys/class/net/b0/address)
ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:99 dev up0 nud permanent
sleep 0.3
check_fails "a changed neighbour is followed at once" ping1 on red 10.0.0.2
ip neigh replace 192.0.2.2 lladdr "$mac" dev up0 nud reachable
check "and back" busy fast_now
ip route add blackhole 192.0.2.2/32
sleep 0.2
check_fails "a route change is followed" ping1 on red 10.0.0.2
ip route del blackhole 192.0.2.2/32
check "and back" busy fast_now

# knowledge: the FDB says another remote, then nothing
far=$(far red cat /sys/class/net/eth0/address)
# one conversation throughout: what was decided for it must not outlive what it came from
ask() { on red ping -e 77 -qc"${1:-1}" -i0.2 -W2 10.0.0.2 >/dev/null; }
known() { # nothing but the fast path carries it
	local a b
	a=$(stat_of red fast-packets)
	ask 2 || return
	b=$(stat_of red fast-packets)
	[ $((b - a)) -ge 4 ]
}
followed() { # WHERE: what its vxlan device and its bridge say, where red is now
	check "a conversation is fast$1" busy known
	bridge fdb replace "$far" dev vx-red dst 192.0.2.99 self
	sleep 0.2
	check_fails "an entry that moved is followed$1" ask
	bridge fdb replace "$far" dev vx-red dst 192.0.2.2 self
	check "and back" busy known
	# sticky: what the far end sends meanwhile moves it back else
	bridge fdb replace "$far" dev red0 master static sticky
	sleep 0.2
	check_fails "an address that moved in the bridge is followed$1" ask
	bridge fdb replace "$far" dev vx-red master static sticky
	check "and back" busy known
	bridge fdb del "$far" dev vx-red master
}
followed ""
ip link add br-else up type bridge
for br in else red; do
	ip link set red0 master br-$br
	ip link set vx-red master br-$br
	check "fast in br-$br" busywait 20 fast_now
	followed ", in br-$br"
done
ip link del br-else

# what one tenant's devices go through is nobody else's business
topo_tenant blue 200
busywait 10 ping1 on blue 10.0.0.2
restless() {
	local i
	ip netns add elsewhere
	for i in $(seq 10); do
		ip link set br-blue down && ip link set br-blue up
		bridge link set dev blue0 state 0 && bridge link set dev blue0 state 3
		tc qdisc add dev blue0 clsact && tc qdisc del dev blue0 clsact
		ethtool -K blue0 tso off && ethtool -K blue0 tso on
		bridge fdb append 02:00:00:00:00:77 dev vx-blue dst "192.0.2.$((70 + i))" self
		chamctl tenant set blue weight $((50 + i))
		# as a tenant may in its own
		ip -n elsewhere link add name br0 up type bridge
		ip -n elsewhere link add name vx0 up type vxlan id 100 dstport 4789 local 127.0.0.1
		ip -n elsewhere link del br0
		ip -n elsewhere link del vx0
	done
	ip netns del elsewhere
}
busy fast_now
slow=$(stat_of red slow-packets) fast=$(stat_of red fast-packets)
ip netns exec t-red ping -q -i 0.02 10.0.0.2 >/tmp/policy.ping &
ping=$!
restless || fail "blue's devices"
kill -INT $ping
wait $ping
slow=$(($(stat_of red slow-packets) - slow)) fast=$(($(stat_of red fast-packets) - fast))
diag "red beside a restless blue: $fast packets fast, $slow slow"
check_num "a neighbour's changes: red goes on" $fast -ge 200
# samples, by which Linux learns that addresses live, and no more
check_num "on the fast path" $slow -le $((fast / 50))
check "blue recovers" busywait 10 ping1 on blue 10.0.0.2

# quota: a full table never refuses a packet
chamctl tenant set red max-conns 2
chamctl conn flush
for p in 1 2 3 4 5 6; do on red timeout 2 bash -c "echo x > /dev/udp/10.0.0.2/700$p" 2>/dev/null; done
check "beyond the quota: the slow path" ping1 on red 10.0.0.2
check "counted" test "$(stat_of red quota)" -gt 0
check "no more connections than the quota" test "$(chamctl -j conn show tenant red | jq length)" -le 2
finish
