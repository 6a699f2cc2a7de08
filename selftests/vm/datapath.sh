#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
#
# Two tenants with equal addresses through the datapath, over a veth uplink.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"
require_root
defer topo_down

topo_load || { fail "module loads"; finish; }
topo_wire
chamctl uplink add up0 local 192.0.2.1 || fail "uplink"
check "tenant red is set up" topo_tenant red 100
check "tenant blue, with the same addresses" topo_tenant blue 200

check "slow path alone: red reaches its remote end" ping1 on red 10.0.0.2
check "slow path alone: blue reaches its remote end" ping1 on blue 10.0.0.2

check "datapath attaches in native mode" topo_attach
check "both entries are attached" sh -c 'bpftool net | grep -q "up0.*driver" && bpftool net | grep -q "red0.*driver"'

check "red reaches its remote end" ping1 on red 10.0.0.2
check "red's remote end reaches red" ping1 far red 10.0.0.1
check "IPv6 inside" ping1 on red fd00::2

before=$(stat_of red fast-packets)
on red ping -qc5 -i0.2 10.0.0.2 >/dev/null
after=$(stat_of red fast-packets)
check "5 echoes and 5 replies are 10 packets of the fast path" test $((after - before)) = 10

# the wire carries other people's addresses: each tenant sees only its own
bluemac=$(far blue cat /sys/class/net/eth0/address)
redmac=$(far red cat /sys/class/net/eth0/address)
check "ends differ" test "$bluemac" != "$redmac"
check "red's neighbour is red's" sh -c "ip netns exec t-red ip neigh show 10.0.0.2 | grep -q $redmac"
check "blue's neighbour is blue's" sh -c "ip netns exec t-blue ip neigh show 10.0.0.2 | grep -q $bluemac"
ip -n t-red addr add 10.0.0.77/24 dev eth0
check_fails "an address only red has is not reachable from blue" ping1 on blue 10.0.0.77
check "and is reachable from red's side" ping1 far red 10.0.0.77

# bulk both ways, compared byte by byte
mb=$(mb 16)
blob "${mb}M"
check "$mb MB to the wire arrive as sent" transfer t-red b-red 10.0.0.2 7001
conn=$(chamctl -j conn show tenant red | jq '[.[] | select(.dport==7001)][0]')
diag "$conn"
check "the connection shows both directions, bytes and RTT" \
	jq -e ".forward.bytes >= $((mb << 20)) and .reverse.packets > 0 and .[\"srtt-us\"] > 0" <<< "$conn"
check "$mb MB from the wire arrive as sent" transfer b-red t-red 10.0.0.1 7002
check "$mb MB over IPv6 to the wire" transfer t-red b-red "[fd00::2]" 7003

fast=$(stat_of red tcp-fast)
slow=$(stat_of red tcp-slow)
diag "established TCP: $fast on the fast path, $slow not"
check "over 99 % of established TCP takes the fast path" test "$fast" -gt $((slow * 99))
check "no drop" test "$(stat_of red drops)" = 0

check "blue has no such connection" \
	test "$(chamctl -j conn show tenant blue | jq '[.[]|select(.dport==7001)]|length')" = 0

# local switching: a second port of red, unsegmented from guest to guest
topo_neighbour red
ip link set red1 up
sleep 1
ping1 on red 10.0.0.3
check "port to port of one tenant" ping1 on red 10.0.0.3
check "$mb MB from guest to guest" transfer t-red t-red1 10.0.0.3 7004
# shellcheck disable=SC2016 # jq's
check "the connection leads to a port" \
	jq -e --argjson port "$(cat /sys/class/net/red1/ifindex)" \
	'[.[]|select(.dport==7004)][0].forward.ifindex == $port' <<< "$(chamctl -j conn show tenant red)"

# a receiver that takes no super-packets, nor, the second, checksums that are missing
n=2
for lacks in 7-8-9 1-7-8-9-15; do
	TOPO_FEATURES=all-34-$lacks check "a port without the features $lacks" topo_port red 10.0.0.$((n + 2)) $n
	chamctl port set "red$n" tenant red
	ip link set "red$n" master br-red
	busywait 10 ping1 on red 10.0.0.$((n + 2))
	sent=$(ethtool -S red0 | awk '$1 == "rx_packets:" { print $2 }')
	check "$mb MB to it" transfer t-red "t-red$n" 10.0.0.$((n + 2)) 7005
	sent=$(($(ethtool -S red0 | awk '$1 == "rx_packets:" { print $2 }') - sent))
	diag "in $sent pieces"
	check_num "were sent in super-packets" $sent -lt $((mb * 400))
	check "$mb MB over IPv6" transfer t-red "t-red$n" "[fd00::$((n + 2))]" 7006
	check_eq "none was malformed" 0 \
		"$(ethtool -S "red$n" | awk '$1 == "tx_drop_bad_gso:" { print $2 }')"
	n=$((n + 1))
done
check_eq "no drop among guests" 0 "$(stat_of red bad-gso)"
fast=$(stat_of red tcp-fast)
slow=$(stat_of red tcp-slow)
diag "established TCP: $fast on the fast path, $slow not"
check "over 99 % of established TCP still is fast" test "$fast" -gt $((slow * 99))

# table empty, swapped, detached: traffic goes on
on red ping -qc60 -i0.05 -W2 10.0.0.2 > /tmp/ping &
pid=$!
sleep 0.5
chamctl conn flush
topo_attach
sleep 0.5
ip -br link show up0 > /tmp/state
chamctl datapath detach
wait $pid
diag "$(tail -n 3 /tmp/ping)"
check "flush, swap and detach lose nothing" grep -q ' 0% packet loss' /tmp/ping
check "slow path again" ping1 on red 10.0.0.2
check "carrier never moved" test "$(cat /sys/class/net/up0/carrier_changes)" -le 2

check "everything comes down, the module unloads" topo_down
check "nothing left: no representor" sh -c '! ip link show type chamelio 2>/dev/null | grep -q .'
check "nothing left: no pins" sh -c '! ls /sys/fs/bpf/chamelio 2>/dev/null | grep -q .'
finish
