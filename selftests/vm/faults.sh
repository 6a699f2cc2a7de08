#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Ports, tenants and programs that go away under traffic, one after the other,
# while tenant blue works on.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd python3 jq bpftool ethtool
defer topo_down

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "red"
topo_tenant blue 200 || bail "blue"
topo_attach || bail "attach"
fast_now() { local n; n=$(fast_moved red) && [ "$n" -ge 4 ]; }
is_fast() { busywait 15 fast_now; }
check "red is fast" is_fast || finish
busywait 10 ping1 on blue 10.0.0.2 || bail "blue"
dmesg -C

# blue all the time, red's traffic both ways while something happens to it
ip netns exec t-blue ping -i 0.05 10.0.0.2 >/tmp/blue &
blue=$!
by_linux() { stat_of red blocked no-fdb; }
rep_stat() { ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'; }
doctor_says() { chamctl -j doctor | jq -e "any(.[]; .check == \"$1\" and .status == \"$2\" and (.detail + (.fix // \"\") | test(\"$3\")))" >/dev/null; }

# The module while it is in use
check_match "rmmod under an attached datapath is refused" "in use" "$(rmmod chamelio 2>&1)"
check "and the doctor says by what, and how to end it" \
	doctor_says datapath ok "keeps the module loaded until chamctl datapath detach"
check_match "ip link set xdp off is refused" "XDP link" "$(ip link set up0 xdp off 2>&1)"
check "red is still fast" is_fast

# Somebody detaches the uplink's program over our heads
link=$(chamctl -j datapath show | jq '.[] | select(.ifname == "up0") | ."link-id"')
flood
check "the uplink's link is detached by somebody" bpftool link detach id "$link"
calm
check_match "chamctl datapath says so" "up0: .*detached by somebody" "$(chamctl datapath show)"
check "and the doctor" doctor_says datapath warn "not on up0.*chamctl datapath attach"
check "red goes on by Linux" ping1 on red 10.0.0.2
check "attached again" topo_attach
check "the doctor is content" doctor_says datapath ok "on 3 devices"
check "red is fast again" is_fast

# Names
flood
check "a representor is renamed" ip link set red0 name other
calm
check "the port goes by its new name" sh -c 'chamctl -j port show other | jq -e ".[0].vdpa == \"red0\""'
check "red is still fast" is_fast
check "a datapath can be attached to it" topo_attach
check_match "under that name" "other: native" "$(chamctl datapath show)"
ip link set other name x && ip link set blue0 name red0 && ip link set x name blue0
check "two representors change names, and the datapath can be attached" topo_attach
check "red is still fast" is_fast
check_eq "to each once" 3 "$(chamctl -j datapath show | jq '[.[] | select(.ifindex > 0)] | length')"
ip link set red0 name x && ip link set blue0 name red0 && ip link set x name blue0
check "and changed back" topo_attach
check_match "a representor does not leave the namespace" "immutable|Invalid argument" "$(ip link set red0 netns t-red 2>&1)"

# The representor goes down
flood
dropped=$(rep_stat red0 tx_drop_admin_down)
left=$(by_linux)
ip link set red0 down
on red ping -q -c3 -i0.1 -W1 10.0.0.2 >/dev/null 2>&1
sleep 0.5
calm
check "a representor that is down blocks its port" port_blocked red0 down
ip link set red0 up
diag "while down: $(($(rep_stat red0 tx_drop_admin_down) - dropped)) dropped at it"
check_num "what came for it was left to Linux, by name" "$(by_linux)" -ge $((left + 3))
check "up again: red is fast" is_fast

# The tenant is removed with force
flood
check "a tenant is removed under traffic" chamctl tenant del red force
check "its port is free" sh -c 'chamctl -j port show red0 | jq -e ".[0].\"tenant-id\" == 0"'
check "Linux carries on" ping1 on red 10.0.0.2
calm
check "no program is on the port of nobody" \
	sh -c '! chamctl -j datapath show | jq -e "any(.[]; .ifname == \"red0\")"'
check "made again" sh -c 'chamctl tenant add red vni 100 && chamctl port set red0 tenant red'
check "red is fast again" is_fast

# A process as a driver is killed
topo_vhost proc0 vdpa dev add name proc0 mgmtdev chamelio mtu 1450 || bail "port"
sysctl -qw net.ipv6.conf.proc0.disable_ipv6=1
ip link set proc0 up
chamctl port set proc0 tenant red
vhost=$(topo_chardev proc0)
pump() {
	: >/tmp/pump
	"$(dirname "$0")/hostile.py" pump "$vhost" proc0 >/tmp/pump 2>&1 &
	pumper=$!
	busywait 20 grep -q "^running" /tmp/pump || diag "$(cat /tmp/pump)"
}
state_is() { chamctl -j port show proc0 | jq -e ".[0].state == \"$1\"" >/dev/null; }
pump
check "a process drives a port" grep -q '^running' /tmp/pump
kill -9 $pumper
wait $pumper 2>/dev/null
check "killed in full run: the port is down" busywait 5 state_is down
pump
check "another one takes it over" grep -q '^running' /tmp/pump
# the kernel waits for the process to let go
vdpa dev del proc0 &
del=$!
sleep 1
kill -9 $pumper
wait $pumper 2>/dev/null
wait $del
check "killed while the port is being deleted: it goes, with all of it" \
	sh -c '! vdpa dev show proc0 2>/dev/null && ! ip link show proc0 2>/dev/null'

# The port goes
flood
left=$(by_linux)
check "a port is deleted under traffic" vdpa dev del red0
sleep 0.5
calm
check_num "what came for it was left to Linux, by name" "$(by_linux)" -ge $((left + 3))
check "no port, no representor, no link" \
	sh -c '! ip link show red0 2>/dev/null && ! chamctl -j datapath show | jq -e "any(.[]; .ifname == \"red0\" and .ifindex > 0)"'
check_eq "the tenant knows" 0 "$(chamctl -j tenant show red | jq '.[0].ports')"

pinged $blue /tmp/blue
diag "$(tail -n 3 /tmp/blue)"
check_eq "blue lost nothing in all this" "" "$lost"
check_eq "blue dropped nothing" 0 "$(stat_of blue drops)"
check_eq "the kernel has nothing to say" "" \
	"$(dmesg | grep -E 'WARN|BUG|Oops|stall|hung|chamelio|refcount|leak|NETDEV WATCHDOG')"
check "everything comes down, the module unloads" topo_down
finish
