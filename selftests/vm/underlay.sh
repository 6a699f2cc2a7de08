#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What an underlay can be and cannot: the devices that are no uplink, each
# refused with what would be one; what happens to an uplink later on; several
# ways to one remote.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd jq
modprobe -qa bonding team 8021q macvlan dummy geneve tun
[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; }
defer topo_down

topo_load || bail "module loads"
topo_wire

# refused NAME PATTERN COMMAND...: exit status 2 and a text that matches
refused() {
	local out rc
	out=$("${@:3}" 2>&1)
	rc=$?
	if [ $rc = 2 ] && grep -qE "$2" <<<"$out"; then
		pass "$1"
	else
		fail "$1" "exit status $rc: $out"
	fi
}

# device NAME PATTERN [ARGUMENT OF ip link add...]: no uplink, and why
device() {
	[ $# = 2 ] || ip link add name x0 "${@:3}" || fail "$1 cannot be made"
	ip addr add 198.51.100.1/24 dev x0 2>/dev/null
	ip link set x0 up
	refused "$1" "$2" chamctl uplink add x0 local 198.51.100.1
	ip link del x0
}

device "a VLAN device" "x0 .*give the plain NIC below" link up0 type vlan id 7
device "a macvlan" "x0 .*give the plain NIC below" link up0 type macvlan mode bridge
device "a vxlan device" "x0 .*give the plain NIC below" type vxlan id 9 dstport 4790
device "a geneve device" "x0 .*give the plain NIC below" type geneve id 9 remote 192.0.2.2
device "a bond" "x0 .*give a plain NIC" type bond
device "a bridge" "x0 .*give a plain NIC" type bridge
device "a team" "x0 .*give a plain NIC" type team
ip tuntap add mode tun name x0
device "a tun device" "x0 is not an Ethernet NIC"
refused "the loopback device" "lo is not an Ethernet NIC" chamctl uplink add lo local 127.0.0.1
for kind in bridge bond team; do
	ip link add m0 type $kind
	ip link add x0 type veth peer name x1
	ip link set x0 master m0
	device "a member of a $kind" "x0 is, or is part of, a .*give a plain NIC"
	ip link del m0
done
# whether a driver has native XDP only its answer tells
ip link add x0 type dummy
ip addr add 198.51.100.1/24 dev x0
ip link set x0 up
check "a dummy is an uplink" chamctl uplink add x0 local 198.51.100.1
refused "but takes no datapath" "x0: .* does not take a native XDP program.*generic mode" topo_attach
check "no program stays behind" sh -c '! ls /sys/fs/bpf/chamelio 2>/dev/null | grep -q .'
ip link del x0

check "a plain NIC" chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1
ip link add x0 type veth peer name x1
ip addr add 198.51.100.1/24 dev x0
refused "a second one" "up0 is the uplink already; one uplink is supported" \
	chamctl uplink add x0 local 198.51.100.1
ip link del x0

topo_tenant red 100 || bail "red"
TOPO_MTU=1430 topo_tenant blue 200 6 || bail "blue"
topo_attach || bail "attach"
fast_now() { local n; n=$(fast_moved "$1") && [ "$n" -ge 4 ]; }
is_fast() { busywait 15 fast_now "$1"; }
check "red is fast" is_fast red || finish
check "blue is fast" is_fast blue || finish
blocked() { chamctl -j uplink show up0 | jq -e ".[0].blocked | index(\"$1\")" >/dev/null; }
free() { chamctl -j uplink show up0 | jq -e '.[0].blocked == []' >/dev/null; }

# What Linux no longer takes from the wire the guest must not get: echo requests
# that it counts, after five were sent
asked() {
	local before
	before=$(on "$1" nstat -asz IcmpInEchos | awk '/InEchos/ { print $2 }')
	far "$1" ping -qc5 -i0.1 -W1 10.0.0.1 >/dev/null
	echo $(($(on "$1" nstat -asz IcmpInEchos | awk '/InEchos/ { print $2 }') - before))
}

check_eq "five echoes arrive" 5 "$(asked red)"
ip addr del 192.0.2.1/24 dev up0
check "the tunnel's address goes: seen" busywait 5 blocked no-address
check_eq "Linux would drop what comes for it, and so do we" 0 "$(asked red)"
ip addr add 192.0.2.1/24 dev up0
check "it is back" busywait 5 free
check "red is fast again" is_fast red
ip addr del 2001:db8::1/64 dev up0
check "the IPv6 address goes: seen" busywait 5 blocked no-address
check_eq "and nothing arrives" 0 "$(asked blue)"
ip addr add 2001:db8::1/64 dev up0 nodad
check "it is back" busywait 5 free
check "blue is fast again" is_fast blue

# An uplink that is put into a bridge: its frames are the bridge's first
ip link add m0 type bridge
ip link set m0 up
ip link set up0 master m0
check "a bridge takes the uplink: seen" busywait 5 blocked foreign-master
fast=$(stat_of red fast-packets)
asked red >/dev/null
check_eq "what becomes of its frames Linux says" "$fast" "$(stat_of red fast-packets)"
ip link set up0 nomaster
ip link del m0
check "given back: seen" busywait 5 free
check "and fast again" is_fast red

# Several ways to a remote: Linux' business, both families
ip link add up1 mtu 1550 type veth peer name b1 mtu 1550 netns hostb
ip addr add 198.51.100.1/24 dev up1
ip addr add 2001:db8:1::1/64 dev up1 nodad
ip link set up1 up
ip -n hostb addr add 198.51.100.2/24 dev b1
ip -n hostb addr add 2001:db8:1::2/64 dev b1 nodad
ip -n hostb link set b1 up
mac=$(ip -n hostb -j link show b0 | jq -r '.[0].address')
ip neigh add 192.0.2.3 lladdr "$mac" dev up0 nud permanent
ip -6 neigh add 2001:db8::3 lladdr "$mac" dev up0 nud permanent
slow=$(stat_of red no-route)
slow6=$(stat_of blue no-route)
ip route add 192.0.2.2/32 src 192.0.2.1 nexthop via 192.0.2.3 dev up0 nexthop via 198.51.100.2 dev up1
ip -6 route add 2001:db8::2/128 src 2001:db8::1 nexthop via 2001:db8::3 dev up0 \
	nexthop via 2001:db8:1::2 dev up1
sleep 0.5
check "two ways over IPv4: arrives" ping1 on red 10.0.0.2
check_num "and was slow, by name" "$(stat_of red no-route)" -gt "$slow"
check "two ways over IPv6: arrives" ping1 on blue 10.0.0.2
check_num "and was slow, by name" "$(stat_of blue no-route)" -gt "$slow6"
ip route del 192.0.2.2/32
ip -6 route del 2001:db8::2/128
ip link del up1
check "one way again: red is fast" is_fast red
check "one way again: blue is fast" is_fast blue
for t in red blue; do
	check_eq "$t: nothing was dropped on the way" 0 "$(stat_of $t drops)"
done
check "everything comes down, the module unloads" topo_down
finish
