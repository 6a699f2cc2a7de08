#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 150
#
# Frames other than the usual: tagged ones, and jumbo ones in several pieces,
# over an IPv4 and an IPv6 underlay.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"
require_root
defer topo_down

topo_load || bail "module loads"
topo_wire 9100
check "uplink" chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1
TOPO_MTU=9000 check "jumbo tenant over IPv4" topo_tenant red 100
TOPO_MTU=9000 check "jumbo tenant over IPv6" topo_tenant blue 200 6
topo_attach

# vlan END TENANT VID ADDRESS: a VLAN device at an end point
vlan() {
	ip -n "$1-$2" link add link eth0 name "v$3" type vlan id "$3" &&
	ip -n "$1-$2" addr add "$4/24" dev "v$3" && ip -n "$1-$2" link set "v$3" up
}

# seen_short: frames as long as the packets in them
seen_short() { [ "$(grep -c "length 50:" /tmp/padded.seen)" -ge 15 ]; }

mb=$(mb 8)
blob "${mb}M"
for t in red blue; do
	check "$t: ping of 8000 bytes" on "$t" ping -qc3 -i0.1 -W2 -s 8000 -M "do" 10.0.0.2
	check "$t: $mb MB to the wire" transfer "t-$t" "b-$t" 10.0.0.2 7001
	check "$t: $mb MB from the wire" transfer "b-$t" "t-$t" 10.0.0.1 7002

	# the guest leaves the checksum of 8000 bytes, in two pieces, to us
	ip netns exec "b-$t" timeout 20 socat -u UDP-RECV:7003 OPEN:/tmp/got,creat,trunc &
	pid=$!
	wait_port "b-$t" udp 7003
	before=$(stat_of "$t" fast-packets)
	head -c 80000 /tmp/blob > /tmp/small
	on "$t" socat -b 8000 -u OPEN:/tmp/small UDP:10.0.0.2:7003
	sleep 0.5
	kill $pid 2>/dev/null
	wait $pid 2>/dev/null
	check "$t: 10 datagrams of 8000 bytes arrive as sent" cmp /tmp/small /tmp/got
	check_num "$t: and were fast" $(($(stat_of "$t" fast-packets) - before)) -ge 8
	check_eq "$t: no drop" "$(stat_of "$t" drops)" 0

	# frames longer than their packets: of those the wire has the packets
	ip netns exec "b-$t" "$CHAM_BUILD/selftests/ask" -l -w $((10 * ${TIMESCALE:-1})) -n 20 7005 >/tmp/padded.got &
	pid=$!
	wait_port "b-$t" udp 7005
	ip netns exec "b-$t" timeout $((20 * ${TIMESCALE:-1})) tcpdump -lnqi eth0 -e "udp port 7005" >/tmp/padded.seen 2>/tmp/padded.err &
	dump=$!
	busywait 10 grep -q listening /tmp/padded.err
	before=$(stat_of "$t" fast-packets)
	for bytes in 60 1500; do
		on "$t" "$(dirname "$0")/padded.py" eth0 "$(on "$t" cat /sys/class/net/eth0/address)" \
			"$(far "$t" cat /sys/class/net/eth0/address)" 10.0.0.1 10.0.0.2 7005 $bytes 10
	done
	wait $pid
	check_eq "$t: 20 datagrams in frames that are longer arrive" 20 "$(grep -o "$(printf unpadded | od -An -tx1 | tr -d " \n")" /tmp/padded.got | wc -l)"
	check_num "$t: by the fast path" $(($(stat_of "$t" fast-packets) - before)) -ge 15
	check "$t: as long as they are" busywait 5 seen_short
	kill $dump
	wait $dump 2>/dev/null
done

vlan t red 10 10.9.0.1 && vlan b red 10 10.9.0.2
vlan t red 20 10.9.1.1 && vlan b red 20 10.9.1.2
check "VLAN 10: ping" ping1 on red 10.9.0.2
check "VLAN 20: ping" ping1 on red 10.9.1.2
fast=$(stat_of red tcp-fast)
slow=$(stat_of red tcp-slow)
check "VLAN 10: $mb MB to the wire" transfer t-red b-red 10.9.0.2 7010
check "VLAN 10: $mb MB from the wire" transfer b-red t-red 10.9.0.1 7011
fast=$(($(stat_of red tcp-fast) - fast))
slow=$(($(stat_of red tcp-slow) - slow))
diag "tagged TCP: $fast fast, $slow slow"
check_num "over 99 % of tagged TCP is fast" "$fast" -gt $((slow * 99))

# the same conversation, twice: only the tag tells them apart
ip -n t-red addr flush dev v20
ip -n b-red addr flush dev v20
ip -n t-red addr add 10.9.0.1/32 dev v20
ip -n b-red addr add 10.9.0.2/32 dev v20
mac=$(far red cat /sys/class/net/v20/address)
ip -n t-red neigh replace 10.9.0.2 dev v20 lladdr "$mac" nud permanent
conns() { chamctl -j conn show tenant red | jq '[.[] | select(.dport==7020)] | length'; }
on red timeout 5 socat -u OPEN:/tmp/small,readbytes=100 UDP:10.9.0.2:7020,sourceport=7021,so-bindtodevice=v10
check_eq "one conversation in VLAN 10" "$(conns)" 1
on red timeout 5 socat -u OPEN:/tmp/small,readbytes=100 UDP:10.9.0.2:7020,sourceport=7021,so-bindtodevice=v20
check_eq "the same addresses in VLAN 20 are another" "$(conns)" 2
check_eq "and show it" \
	"$(chamctl -j conn show tenant red dport 7020 vlan 20 | jq -c 'map(."vlan-id")')" "[20]"

# an uplink that segments in tunnels gets super-packets as they are
received() { ip netns exec hostb cat /sys/class/net/b0/statistics/rx_packets; }
ethtool -K up0 tx on tso on tx-udp_tnl-segmentation on tx-udp_tnl-csum-segmentation on >/dev/null
sleep 0.5
for t in red blue; do
	before=$(received)
	check "$t: $mb MB to a wire that segments" transfer "t-$t" "b-$t" 10.0.0.2 7030
	check_num "$t: in super-packets" $(($(received) - before)) -lt 600
	check_eq "$t: no drop" "$(stat_of "$t" drops)" 0
done
before=$(received)
check "VLAN 10: $mb MB to a wire that segments" transfer t-red b-red 10.9.0.2 7031
check_num "VLAN 10: in super-packets" $(($(received) - before)) -lt 600
ethtool -K up0 tx off >/dev/null
sleep "${TIMESCALE:-1}"
before=$(received)
check "$mb MB to a wire that no longer segments" transfer t-red b-red 10.0.0.2 7032
check_num "in segments" $(($(received) - before)) -gt $((mb * 110))

blocked() { chamctl -j port show | jq -e '.[]|select(.ifname=="red0")|.blocked|index("vlan-filtering")' >/dev/null; }
wait_for() { for _ in $(seq 30); do "$@" && return 0; sleep 0.1; done; return 1; }
ip link add link red0 name red0.10 type vlan id 10
check "a VLAN device on the representor is seen" wait_for blocked
ip link set red0.10 up
check_fails "it takes the tag's frames, as without us" ping1 on red 10.9.0.2
check "other frames still pass" ping1 on red 10.0.0.2
ip link del red0.10
gone() { ! blocked; }
check "gone with it" wait_for gone
sleep 0.5
check "VLAN 10: ping again" ping1 on red 10.9.0.2
finish
