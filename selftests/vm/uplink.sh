#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# processors: 2
#
# An uplink that goes down, is renamed, leaves or is removed under traffic: it
# is followed or reported, what is lost has a name, ports go on talking to each
# other, and chamctl restore puts everything back.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd jq
defer topo_down

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "red"
# blue needs no uplink: two ports in a bridge
chamctl tenant add blue vni 200
ip link add br-blue type bridge
ip link set br-blue up
for i in 1 2; do
	topo_port blue 10.0.0.$i $i || bail "blue"
	chamctl port set blue$i tenant blue
	ip link set blue$i master br-blue
done
topo_attach || bail "attach"
fast_now() { local n; n=$(fast_moved red) && [ "$n" -ge 4 ]; }
is_fast() { busywait 20 fast_now; }
blocked() { chamctl -j uplink show "${2:-up0}" | jq -e ".[0].blocked | index(\"$1\")" >/dev/null; }
free() { chamctl -j uplink show up0 | jq -e '.[0].blocked == []' >/dev/null; }
no_uplink() { [ "$(chamctl -j uplink show)" = "[]" ]; }
check "red is fast" is_fast || finish
busywait 10 ping1 on blue1 10.0.0.2 || bail "port to port"
check "saved" chamctl save /tmp/saved.json
restored() { chamctl restore /tmp/saved.json object "$CHAM_BUILD/xdp/datapath.bpf.o"; }
dmesg -C

ip netns exec t-blue1 ping -i 0.05 10.0.0.2 >/tmp/local &
local=$!
# red's, that the uplink cannot take: not sent, or left to Linux; with the address goes
# the route, and with that what the module knows of the way
counted() { stat_of red tx-fail blocked no-fdb; }
counted_more() { [ "$(counted)" -gt "$before" ]; }

flood
before=$(counted)
ip link set up0 down
check "the uplink is down: seen" busywait 5 blocked down
check "what does not leave is counted by name" busywait 5 counted_more
calm
ip link set up0 up
ip addr replace 192.0.2.1/24 dev up0
check "up again: free" busywait 5 free
check "and fast" is_fast
ip -n hostb link set b0 down
check "its peer is down: seen" busywait 5 blocked down
ip -n hostb link set b0 up
check "and fast again" is_fast

flood
check "the uplink is renamed" ip link set up0 name wan0
calm
check "it is followed" sh -c 'chamctl -j uplink show wan0 | jq -e "length == 1"'
check "red is fast" is_fast
check "a datapath can be attached to it" topo_attach
check_match "under its name" "wan0: native" "$(chamctl datapath show)"
ip link set wan0 name up0
check "and named back" topo_attach

# gone NAME: what everybody can see of an uplink that is not there
gone() {
	check "$1: there is no uplink any more" busywait 5 no_uplink
	check "$1: its ports say so" busywait 5 port_blocked red0 down
	check_match "$1: the kernel's log says what to do" "uplink has left.*chamctl uplink add" "$(dmesg)"
	check "$1: the doctor, too" sh -c 'chamctl -j doctor | jq -e "any(.[]; .check == \"uplink\" and .status == \"warn\")"'
	dmesg -C
}
ip netns add away
flood
ip link set up0 netns away
calm
gone "moved to another namespace"
ip -n away link set up0 netns 1
topo_underlay 2>/dev/null
check "moved back, and restored" restored
check "red is fast" is_fast

flood
ip link del up0
calm
gone "removed"
ip link add up0 mtu 1550 type veth peer name b0 mtu 1550 netns hostb
ethtool -K up0 gro on tx off >/dev/null 2>&1
in_ns hostb ethtool -K b0 gro on tx off >/dev/null 2>&1
topo_underlay 2>/dev/null
check "made again, and restored" restored
check "red is fast" is_fast

pinged $local /tmp/local
diag "$(tail -n 3 /tmp/local)"
check_eq "port to port nothing was lost in all this" "" "$lost"

# a driver that is taken away from its NIC
if [ -e /sys/class/net/nic0a/device ]; then
	chamctl uplink del up0
	ip addr add 198.51.100.1/24 dev nic0a
	ip link set nic0a up
	check "a virtio NIC as the uplink" chamctl uplink add nic0a local 198.51.100.1
	dev=$(basename "$(readlink /sys/class/net/nic0a/device)")
	echo "$dev" >/sys/bus/virtio/drivers/virtio_net/unbind
	gone "its driver unbound"
	mac=52:54:00:c0:00:00
	echo "$dev" >/sys/bus/virtio/drivers/virtio_net/bind
	for d in /sys/class/net/*; do
		[ "$(cat "$d/address" 2>/dev/null)" != $mac ] || ip link set "${d##*/}" name nic0a
	done
	ip addr add 198.51.100.1/24 dev nic0a
	ip link set nic0a up
	check "bound again, an uplink again" chamctl uplink add nic0a local 198.51.100.1
	check "with its program" sh -c 'chamctl datapath show | grep -q "nic0a: native"'
	chamctl uplink del nic0a
	ip link set nic0a down
	ip addr flush dev nic0a
else
	skip "a driver taken away" "the VM has no NICs"
fi
check_eq "the kernel has nothing to say" "" \
	"$(dmesg | grep -E 'WARN|BUG|Oops|stall|hung|refcount|leak|NETDEV WATCHDOG')"
check "everything comes down, the module unloads" topo_down
finish
