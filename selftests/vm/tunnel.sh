#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# The tunnel's outer header: traffic class, TTL and what does not fit, each
# beside what Linux' own vxlan device does with the datapath detached.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd python3
defer topo_down
probe=$(dirname "$0")/tunnel.py

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "tenant over IPv4"
topo_tenant blue 200 6 || bail "tenant over IPv6"

learn() {	# all ends know each other
	ping1 on red 10.0.0.2 & ping1 on red fd00::2 &
	ping1 on blue 10.0.0.2 & ping1 on blue fd00::2 &
	wait
}

# warm: until pings of both tenants, inner IPv4 and IPv6, are on the fast path
warm() { busywait 15 warm_now; }
warm_now() {
	local before
	learn
	before=$(fast_sum)
	learn
	[ $(($(fast_sum) - before)) -ge 8 ]
}
fast_sum() { chamctl -j stat show | jq 'map(."fast-packets") | add'; }

# RFC 6040, figure 4; what it does not allow is dropped
table() {
	local v
	for v in v4 v6; do
		cat <<-T
		$v Not-ECT Not-ECT: Not-ECT
		$v Not-ECT ECT(1): Not-ECT
		$v Not-ECT ECT(0): Not-ECT
		$v Not-ECT CE: dropped
		$v ECT(1) Not-ECT: ECT(1)
		$v ECT(1) ECT(1): ECT(1)
		$v ECT(1) ECT(0): ECT(1)
		$v ECT(1) CE: CE
		$v ECT(0) Not-ECT: ECT(0)
		$v ECT(0) ECT(1): ECT(1)
		$v ECT(0) ECT(0): ECT(0)
		$v ECT(0) CE: CE
		$v CE Not-ECT: CE
		$v CE ECT(1): CE
		$v CE ECT(0): CE
		$v CE CE: CE
		T
	done
}

# outer header of each traffic class: DSCP by the model, ECN copied (RFC 6040, 4.1);
# Linux still says ECT(0) for CE, as RFC 3168 did
outer() {	# fast|linux MASK
	local v tos out
	for v in v4 v6; do
		for tos in 00 01 02 03 28 29 2a 2b b8 b9 ba bb fc fd fe ff; do
			out=$(((16#$tos & 16#$2) | (16#$tos & 3)))
			[ "$1" = fast ] || [ $((out & 3)) != 3 ] || out=$((out - 1))
			printf '%s %s: %02x ttl 64\n' $v $tos $out
		done
	done
}

learn
slow_red=$("$probe" decap red)
slow_blue=$("$probe" decap blue)
check_eq "Linux over IPv4: decapsulation is RFC 6040's" "$(table)" "$slow_red"
check_eq "Linux over IPv6: decapsulation is RFC 6040's" "$(table)" "$slow_blue"
check_eq "Linux over IPv4: pipe copies ECN alone" "$(outer linux 0)" "$("$probe" encap red)"
check_eq "Linux over IPv6: pipe copies ECN alone" "$(outer linux 0)" "$("$probe" encap blue)"

topo_attach || bail "attach"
check "fast" warm
for t in red blue; do
	family=$([ $t = red ] && echo 4 || echo 6)
	fast=$(($(stat_of $t fast-packets) + $(stat_of $t refresh)))
	ecn=$(stat_of $t ecn)
	check_eq "over IPv$family: all 16 combinations, inner IPv4 and IPv6" "$(table)" \
		"$("$probe" decap $t)"
	# ECT(1) outside of ECT(0), and CE outside of Not-ECT
	check_eq "over IPv$family: two of 16 are left to Linux, by name" 4 \
		$(($(stat_of $t ecn) - ecn))
	check_eq "over IPv$family: the others were fast" 28 \
		$(($(stat_of $t fast-packets) + $(stat_of $t refresh) - fast))
	fast=$(stat_of $t fast-packets)
	check_eq "over IPv$family: pipe copies ECN alone" "$(outer fast 0)" \
		"$("$probe" encap $t)"
	check_num "over IPv$family: that was the fast path" \
		$(($(stat_of $t fast-packets) - fast)) -ge 31
done
check_eq "segments of a super-packet: pipe" "28->00" "$("$probe" tcp red 0x28 2>/dev/null)"

# the tenant's contract and the vxlan device must agree
shown() { chamctl -j port show | jq -e ".[] | select(.ifname==\"red0\") | $1" >/dev/null; }
chamctl tenant set red dscp uniform
check "uniform, but the vxlan device is not: seen" busywait 5 shown '.blocked | index("tunnel")'
ip link set vx-red type vxlan tos inherit
check "uniform on both: free" busywait 5 shown '.blocked == []'
check "fast again" warm
fast=$(stat_of red fast-packets)
check_eq "uniform copies DSCP and ECN" "$(outer fast fc)" "$("$probe" encap red)"
check_num "that was the fast path" $(($(stat_of red fast-packets) - fast)) -ge 31
check_eq "segments of a super-packet: uniform" "28->28" "$("$probe" tcp red 0x28 2>/dev/null)"
chamctl datapath detach
check_eq "Linux: uniform copies DSCP and ECN" "$(outer linux fc)" "$("$probe" encap red)"
ip link set vx-red type vxlan tos 0
chamctl tenant set red dscp pipe

# same_ttl NAME RED BLUE: outer TTLs, with the datapath and without
same_ttl() {
	chamctl datapath detach
	check_eq "$1: Linux" "00 ttl $2, 00 ttl $3" "$("$probe" ttl)"
	topo_attach
	# as long as a worker may take to ask Linux again
	check "$1: with the datapath" busywait 20 ttl_is "$2" "$3"
}
ttl_is() {
	learn
	[ "$("$probe" ttl)" = "00 ttl $1, 00 ttl $2" ]
}
sysctl -q net.ipv4.ip_default_ttl=33 net.ipv6.conf.up0.hop_limit=34
same_ttl "sysctl's TTL and hop limit" 33 34
check "that was the fast path" warm
sysctl -q net.ipv4.ip_default_ttl=64 net.ipv6.conf.up0.hop_limit=64
ip route replace 192.0.2.2/32 dev up0 src 192.0.2.1 hoplimit 17
ip -6 route add 2001:db8::2/128 dev up0 hoplimit 18
same_ttl "the route's" 17 18
check "that was the fast path, too" warm
ip link set vx-red type vxlan ttl 7
ip link set vx-blue type vxlan ttl 8
same_ttl "the vxlan device's" 7 8
check "which the datapath leaves to Linux, visibly" shown '.blocked | index("tunnel")'
ip link set vx-red type vxlan ttl auto
ip link set vx-blue type vxlan ttl auto
ip route del 192.0.2.2/32
ip -6 route del 2001:db8::2/128
check "free again" busywait 5 shown '.blocked == []'
check "fast again" warm

# What does not fit. A route takes less than the device: Linux tells the sender.
too_big() { on red ping -c1 -W1 -M "do" -s "$1" "$2" 2>&1 | grep -o 'mtu[ =]*[0-9]*'; }
forget() { on red ip route flush cache; on red ip -6 route flush cache; }
# one that happens to be a sample for Linux' FDB is counted as that
counted() {
	[ "$(stat_of red mtu)" -gt "$mtu" ] || { forget; too_big "$@" >/dev/null; return 1; }
}
ip route add 192.0.2.2/32 dev up0 src 192.0.2.1 mtu 1400
check "fast with a smaller route" warm
forget
mtu=$(stat_of red mtu)
check_eq "IPv4, a byte too much: frag needed, with the right size" "mtu = 1350" \
	"$(too_big 1323 10.0.0.2)"
check "counted by name" busywait 5 counted 1323 10.0.0.2
mtu=$(stat_of red mtu)
check_eq "IPv6, a byte too much: too big" "mtu=1350" "$(too_big 1303 fd00::2)"
check "counted by name, too" busywait 5 counted 1303 fd00::2
forget
mtu=$(stat_of red mtu)
fast=$(stat_of red fast-packets)
check "exactly what fits: IPv4" on red ping -qc1 -W2 -M "do" -s 1322 10.0.0.2
check "exactly what fits: IPv6" on red ping -qc1 -W2 -M "do" -s 1302 fd00::2
check_eq "is no reason" "$mtu" "$(stat_of red mtu)"
check_num "and fast" $(($(stat_of red fast-packets) - fast)) -ge 3
blob 1M
check "TCP that thinks it has 1450 gets through" transfer t-red b-red 10.0.0.2 7001
chamctl datapath detach
forget
check_eq "Linux alone: the same answer" "mtu = 1350" "$(too_big 1323 10.0.0.2)"
check_eq "Linux alone: the same answer to IPv6" "mtu=1350" "$(too_big 1303 fd00::2)"

# A port larger than its tunnel is known when it is set up.
chamctl tenant teardown red
mapfile -t remotes < <(printf 'remote\n192.0.2.%d\n' {2..81})
check "80 remotes" chamctl tenant setup red dev red0 uplink up0 "${remotes[@]}"
check_eq "are there" 80 "$(bridge fdb show dev vx-red | grep -c 00:00:00:00:00:00)"
said=$(chamctl tenant teardown red && chamctl tenant setup red dev red0 uplink up0 remote 192.0.2.2 2>&1)
check_eq "a port that fits: not a word" "" "$said"
chamctl tenant teardown red
ip link set up0 mtu 1499
said=$(chamctl tenant setup red dev red0 uplink up0 remote 192.0.2.2 2>&1)
check_match "a port that does not: both numbers and what to do" \
	"red0 has MTU 1450.*up0 \(MTU 1499\) carries 1449.*mtu 1449" "$said"
finish
