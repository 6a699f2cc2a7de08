#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a guest's driver asks of the control queue: addresses, receive filters,
# announcements; and what no driver asks.

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd vdpa ip ethtool jq python3 tcpdump
# virtio_vdpa first: it is to have the ports
require_module virtio_vdpa virtio_net vhost_vdpa macvlan 8021q
defer topo_down
tap_tmpdir

topo_load || bail "module loads"
topo_wire
check "an uplink" chamctl uplink add up0 local 192.0.2.1
check "a tenant" topo_tenant red 100
check "datapath attaches" topo_attach

rep_stat() { ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'; }

# The address.
mac_is() { [ "$(chamctl -j port show "$1" | jq -r ".[0].mac")" = "$2" ]; }
before=$(on red cat /sys/class/net/eth0/address)
check "the guest takes another address" on red ip link set eth0 address 52:54:00:aa:bb:cc
check "the port says so" mac_is red0 52:54:00:aa:bb:cc
check "ping" busywait 10 ping1 on red 10.0.0.2
check "and back" on red ip link set eth0 address "$before"
vdpa dev add name fixed mgmtdev chamelio mac 52:54:00:00:00:99
dev=$(topo_netdev fixed)
ip link set fixed up
ip link set "$dev" up
check_fails "an address that the provider chose stays" ip link set "$dev" address 52:54:00:aa:bb:cd
check "the port says so" mac_is fixed 52:54:00:00:00:99
check_num "the refusal is counted" "$(rep_stat fixed ctrl_refused)" -ge 1

# Filters, as the driver of the guest sets them.
cat >"$tap_tmp/send.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for _ in range(10):
    s.send(bytes.fromhex(sys.argv[2].replace(":", "") + "525400000077" + sys.argv[3] + "88b5") + bytes(46))
P
# passes MAC [TAG]: whether frames for it get past the port's filter
passes() {
	local n
	n=$(rep_stat red0 tx_filtered)
	python3 "$tap_tmp/send.py" red0 "$1" "${2:+8100$2}"
	[ $(($(rep_stat red0 tx_filtered) - n)) -lt 10 ]
}
stopped() { ! passes "$@"; }
own=$(on red cat /sys/class/net/eth0/address)
other=52:54:00:12:34:56
group=01:00:5e:01:02:03
check "a frame for the guest passes" passes "$own"
check "one for others is stopped" busywait 5 stopped $other
check "so is multicast it has not joined" stopped $group
check "broadcast passes" passes ff:ff:ff:ff:ff:ff
on red ip link set eth0 promisc on
check "promiscuous: for others" busywait 5 passes $other
check "promiscuous: multicast" passes $group
check "promiscuous: any VLAN" passes "$own" 0009
on red ip link set eth0 promisc off
check "not any more" busywait 5 stopped $other
on red ip link set eth0 allmulticast on
check "all multicast" busywait 5 passes $group
check "is no unicast" stopped $other
on red ip link set eth0 allmulticast off
check "not any more" busywait 5 stopped $group
on red ip maddr add $group dev eth0
check "a group it joins" busywait 5 passes $group
check "is no other" stopped 01:00:5e:01:02:04
on red ip maddr del $group dev eth0
check "and leaves" busywait 5 stopped $group
on red ip link add link eth0 name mv0 address $other type macvlan mode bridge
on red ip link set mv0 up
check "a macvlan's address" busywait 5 passes $other
on red ip link del mv0
check "and without it" busywait 5 stopped $other
check "a VLAN the guest has not" stopped "$own" 0007
on red ip link add link eth0 name eth0.7 type vlan id 7
check "a VLAN it has" busywait 5 passes "$own" 0007
check "is no other" stopped "$own" 0008
on red ip link del eth0.7
check "and without it" busywait 5 stopped "$own" 0007

# The datapath, too: Linux is told of an address that the guest has not.
check "an entry" chamctl fdb add tenant red mac $other port red0
far red ip neigh replace 10.0.0.77 lladdr $other dev eth0 nud permanent
ask_other() { far red ping -qc3 -i0.2 -W1 10.0.0.77 >/dev/null; :; }
n=$(stat_of red filtered)
ask_other
check_num "a connection that the filter refuses is not made" "$(stat_of red filtered)" -gt "$n"
on red ip link set eth0 promisc on
check "promiscuous" busywait 5 passes $other
fast=$(stat_of red fast-packets)
n=$(stat_of red filtered)
ask_other
ask_other
check_eq "one that it lets pass" "$n" "$(stat_of red filtered)"
check_num "is fast" "$(stat_of red fast-packets)" -gt "$fast"
on red ip link set eth0 promisc off
check "not any more" busywait 5 stopped $other
ask_other
check_num "and ends with it" "$(stat_of red filtered)" -gt "$n"

# Offloads: what the guest does not want, it does not get.
takes_large() { ethtool -k red0 | grep -q "tx-tcp-segmentation: $1"; }
check "a guest takes large segments" takes_large on
check "until it does not" on red ethtool -K eth0 rx-gro-hw off
check "the representor's follow" busywait 5 takes_large off
check "and again" on red ethtool -K eth0 rx-gro-hw on
check "they are back" busywait 5 takes_large on

# Announcements.
announced() { # COMMAND...
	: >"$tap_tmp/err"
	timeout 30 tcpdump -c1 -lnni red0 arp and ether src "$own" >"$tap_tmp/arp" 2>"$tap_tmp/err" &
	local pid=$!
	busywait 20 grep -q listening "$tap_tmp/err"
	"$@" || return
	wait "$pid"
	grep "10.0.0.1" "$tap_tmp/arp" || { cat "$tap_tmp/err"; return 1; }
}
n=$(rep_stat red0 ctrl_commands)
check "the guest announces itself when asked" announced chamctl port announce red0
acked() { [ "$(rep_stat red0 ctrl_commands)" -gt "$n" ]; }
check "and has said so" busywait 5 acked
check_fails "that is no request any more" sh -c 'vdpa dev config show red0 | grep -q "link_announce true"'
echo fixed >/sys/bus/vdpa/drivers/virtio_vdpa/unbind
check_match "nobody there to ask" "fixed has no driver" "$(chamctl port announce fixed 2>&1)"
check_eq "one pair is what a port without a driver has" 1 \
	"$(chamctl -j port show fixed | jq '.[0]."active-pairs"')"

# A process as the owner, by hand.
check "a port for a process" topo_vhost pv vdpa dev add name pv mgmtdev chamelio max_vqp 4
sysctl -qw net.ipv6.conf.pv.disable_ipv6=1
ip link set pv up
vhost=$(topo_chardev pv)
relay vhost "$(dirname "$0")/ctrl_vhost.py" "$vhost" pv
check "other ports did not notice" ping1 on red 10.0.0.2
check "everything comes down" topo_down
finish
