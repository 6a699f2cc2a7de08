#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 420
#
# A guest whose virtio driver is neither Linux' nor DPDK's: QEMU on a vhost-vdpa
# port, whose firmware (SeaBIOS, iPXE) boots from the network, for ever. Then QEMU
# is killed in the middle of that.

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd qemu-system-x86_64 python3 jq vdpa
defer topo_down
tap_tmpdir
here=$(dirname "$0")

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "red"
topo_remote blue 200
topo_vhost blue0 vdpa dev add name blue0 mgmtdev chamelio mtu 1450 || bail "blue's port"
ip link set blue0 up
chamctl tenant add blue vni 200 || bail "blue"
chamctl port set blue0 tenant blue || bail "blue's port"
chamctl tenant setup blue dev blue0 uplink up0 remote 192.0.2.2 || bail "blue's bridge"
topo_attach || bail "attach"
vhost=$(topo_chardev blue0)
mac=$(chamctl -j port show blue0 | jq -r '.[0].mac')
check "red reaches its far end" busywait 10 ping1 on red 10.0.0.2 || finish

ip netns exec t-red ping -i 0.1 10.0.0.2 >"$tap_tmp/ping" &
ping=$!

mkdir "$tap_tmp/files"
printf '#!ipxe\n:again\nimgfetch --name x big\nimgfree x\ngoto again\n' >"$tap_tmp/files/script"
head -c 200000 /dev/urandom >"$tap_tmp/files/big"
: >"$tap_tmp/out"
background ip netns exec b-blue "$here/netboot.py" eth0 10.0.0.2 10.0.0.1 "$tap_tmp/files" >"$tap_tmp/out"
# machine: begins, $qemu is its process
machine() {
	qemu-system-x86_64 -nodefaults -no-user-config -display none -accel tcg,tb-size=64 -m 64M \
		-netdev "vhost-vdpa,id=n0,vhostdev=$vhost" \
		-device "virtio-net-pci,netdev=n0,mac=$mac,mq=off,bootindex=1" >"$tap_tmp/qemu" 2>&1 &
	qemu=$!
	defer kill -9 "$qemu"
}
fetched() { [ "$(wc -l <"$tap_tmp/out")" -gt "$1" ]; }
state_is() { [ "$(chamctl -j port show blue0 | jq -r '.[0].state')" = "$1" ]; }

started=$SECONDS
machine
check "the firmware's driver takes the port" busywait 120 state_is up || bail "it does not" "$(cat "$tap_tmp/qemu")"
diag "$((SECONDS - started)) s"
check "gets an address, and a file to its end" busywait 120 fetched 1
diag "$((SECONDS - started)) s"
before=$(stat_of blue fast-packets)
check "and again" busywait 120 fetched 3
diag "$((SECONDS - started)) s"
check_num "on the fast path" $(($(stat_of blue fast-packets) - before)) -ge 100

# in the middle of a file, and of what comes unasked
ip -n b-blue neigh replace 10.0.0.1 lladdr "$mac" dev eth0 nud permanent
background ip netns exec b-blue ping -q -i 0.05 10.0.0.1 >"$tap_tmp/unasked"
sleep 1
kill -9 "$qemu"
wait "$qemu" 2>/dev/null
check "QEMU is killed: its port is down" busywait 10 state_is down
# not delivered, or left to Linux, which has forgotten where it was
counted() { stat_of blue ring-broken blocked no-fdb; }
before=$(counted)
more() { [ "$(counted)" -gt $((before + 20)) ]; }
check "what still comes for it is counted by name" busywait 10 more
n=$(wc -l <"$tap_tmp/out")
machine
check "another takes the port" busywait 120 state_is up
check "and fetches what the first did" busywait 120 fetched $((n + 1))
kill -9 "$qemu"
wait "$qemu" 2>/dev/null
vdpa dev del blue0
check_fails "the port goes, while it is sent to" ip link show blue0
pinged $ping "$tap_tmp/ping"
diag "$(tail -n 2 "$tap_tmp/ping")"
check_eq "red lost no ping all the time" "" "$lost"
check "everything comes down" topo_down
finish
