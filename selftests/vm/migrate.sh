#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# on request
# outside: GUEST=migrate scripts/demo-guest
#
# A guest with two queue pairs moves from one port to another, live: QEMU reads
# where the rings of the first stand, and sets those of the second.
#
#   QEMU a ── vhost-vdpa ── reda ─┐
#                                 ├─ br-red ── vxlan ── far: 10.0.0.2
#   QEMU b ── vhost-vdpa ── redb ─┘

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd vdpa ip ethtool jq python3 socat
require_module vhost_vdpa
# topo_load has a parameter for it
modprobe -rq vhost_vdpa
tap_tmpdir
here=$(dirname "$0")
export GUEST=migrate GUEST_MAC=52:54:00:00:00:0a
"$tap_top/scripts/demo-guest" --have || skip_all "no guest: GUEST=migrate scripts/demo-guest"
defer topo_down
started=$SECONDS
qemus=()

# port NAME: one that a process may have
port() {
	topo_vhost "$1" vdpa dev add name "$1" mgmtdev chamelio mtu 1450 max_vqp 2 mac "$GUEST_MAC" ||
		return
	ip link set "$1" up
}

# run a|b: QEMU on that port
run() {
	local vhost pid
	vhost=$(topo_chardev "red$1")
	mkdir "$tap_tmp/$1" && mkfifo "$tap_tmp/$1"/tty.{in,out} || return
	GUEST_RUN=$tap_tmp/$1 "$tap_top/scripts/demo-guest" --run "$vhost" \
		-qmp "unix:$tap_tmp/$1/qmp,server=on,wait=off" 2>"$tap_tmp/$1/log" >&2 7>&- 8>&- &
	pid=$!
	qemus+=("$pid")
	defer kill "$pid"
}
# console COMMAND: in the guest, by its serial line; output and status. Only where
# it began: after a migration that line may wait for an interrupt that it has had.
console() {
	local line
	printf '%s\n' "$*" >&7
	while IFS= read -r -t $((120 * ${TIMESCALE:-1})) line <&8; do
		case $line in
		@@status*)	return "${line#@@status }" ;;
		*)		printf '%s\n' "$line" ;;
		esac
	done
	return 124
}
# guest COMMAND: the same over the network
guest() {
	printf '%s\n' "$*" | timeout $((120 * ${TIMESCALE:-1})) \
		ip netns exec b-red socat -t 120 - TCP:10.0.0.1:7001
}
port_is() { [ "$(chamctl -j port show "$1" | jq -r ".[0].\"$2\"")" = "$3" ]; }
rep_stat() { ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'; }
queues() { # DEV: packets of the guest on each queue
	ethtool -S "$1" | awk '/^ *rx_queue_[0-9]_packets:/ { print $2 }'
}
# more_than NUMBERS...: each counter has brought back more lines by now
more_than() {
	local sent received
	cp "$tap_tmp/results" "$tap_tmp/now" || return
	while read -r sent received; do
		[ "$received" != bad ] && [ "$received" -gt "$1" ] || return
		shift
	done <"$tap_tmp/now"
	[ $# = 0 ]
}
tcp() { chamctl -j stat show tenant red | jq ".[0].\"tcp-$1\""; }
# all_fast: of what follows, nearly everything
all_fast() {
	local f s
	f=$(tcp fast) s=$(tcp slow)
	sleep 2
	f=$(($(tcp fast) - f)) s=$(($(tcp slow) - s))
	diag "in 2 s $f packets of TCP were fast, $s not"
	[ "$f" -gt 10 ] && [ "$s" -le $((f / 20)) ]
}
move() {
	"$here/migrate.py" move "$tap_tmp"/{a,b}/qmp "$tap_tmp/socket" >"$tap_tmp/move"
}
# both_used DEV: another connection, until each queue has seen the guest
both_used() {
	guest "true"
	! queues "$1" | grep -qx 0
}
idle() { [ "$(rep_stat reda rx_packets) $(rep_stat reda tx_packets)" = "$1" ]; }
at() { diag "$((SECONDS - started)) s: $*"; }

topo_load || bail "module loads"
topo_wire
check "an uplink" chamctl uplink add up0 local 192.0.2.1
topo_remote red 100
check "a port" port reda || bail "a port" "$(dmesg | tail -n 5)"
check "another with the same address" port redb
chamctl tenant add red vni 100
chamctl port set reda tenant red
chamctl port set redb tenant red
check "both of one tenant" chamctl tenant setup red dev reda uplink up0 remote 192.0.2.2
ip link set redb master br-red
check "datapath attaches" topo_attach
run a
GUEST_INCOMING=defer run b
at "two QEMUs begin"
exec 7<>"$tap_tmp/a/tty.in" 8<>"$tap_tmp/a/tty.out"
# the first character after the pause may get lost
check "the guest goes on" console " true"
at "the guest goes on"
check "it finds its NIC" console "echo 1 >/sys/bus/pci/rescan; cd /sys/class/net/eth0; grep $GUEST_MAC address" ||
	bail "no NIC" "$(cat "$tap_tmp/a/log")"
at "its NIC"
check "takes two queue pairs" console "ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 mtu 1450 up;" \
	"ethtool -L eth0 combined 2; nc -ll -p 7001 -e sh & nc -l -p 7000 -e cat & nc -l -p 7002 -e cat &"
check "and the port has them in use" busywait 5 port_is reda active-pairs 2
check "the far end reaches it" busywait 60 guest "true"
at "its network"
background ip netns exec b-red "$here/migrate.py" count 10.0.0.1 7000 7002 \
	"$tap_tmp/results"
counter=$bg_pid
check "two counters go to the guest and back" busywait 60 more_than 10 10
at "they count: $(tr '\n' ',' <"$tap_tmp/now")"
check "on the fast path" busywait 10 all_fast
check "and both queue pairs" busywait 60 both_used reda

mapfile -t before < <(awk '{ print $2 }' "$tap_tmp/results")
at "migration begins at ${before[*]}"
check "the guest moves" move || bail "it does not" "$(cat "$tap_tmp/a/log" "$tap_tmp/b/log")"
at "$(cat "$tap_tmp/move")"
was="$(rep_stat reda rx_packets) $(rep_stat reda tx_packets)"
check "the port it left is down" port_is reda state down
check "the one it came to is up" port_is redb state up
check "with two queue pairs" port_is redb active-pairs 2
check "both counters go on" busywait 60 more_than $((before[0] + 20)) $((before[1] + 20))
check "on the fast path" busywait 20 all_fast
at "they go on: $(tr '\n' ',' <"$tap_tmp/now")"
check "and uses them" busywait 60 both_used redb
check_eq "the bridge has followed" redb \
	"$(bridge -j fdb show br br-red | jq -r ".[] | select(.mac == \"$GUEST_MAC\" and .state != \"permanent\") | .ifname")"
check "nothing happens where it was" idle "$was"

kill "$counter"
wait "$counter"
n=0
while read -r sent received; do
	check_eq "each of the $sent lines of a counter came back, once and in order" \
		"$sent" "$received"
	n=$((n + 1))
done <"$tap_tmp/results"
check_eq "that were two" 2 $n
at "the counters end"
check_match "the guest still has two queue pairs" "Combined:.*2.*Combined:.*2" \
	"$(guest "ethtool -l eth0" | tr '\n' ' ')"
at "the end"
exec 7>&- 8>&-
kill -9 "${qemus[1]}"
check "QEMU is killed: its port is down" busywait 10 port_is redb state down
kill "${qemus[0]}"
wait "${qemus[@]}"
check "everything comes down" topo_down
finish
