#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packed rings: a guest's driver accepts them from a port that offers them, and a
# process drives them by the book and against it.

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd vdpa ip ethtool jq socat python3
# virtio_vdpa first: it is to have the ports
require_module virtio_vdpa virtio_net vhost_vdpa
defer topo_down
tap_tmpdir

topo_load || bail "module loads"
topo_wire
check "an uplink" chamctl uplink add up0 local 192.0.2.1

PACKED=34 INDIRECT=28 EVENT_IDX=29
rep_stat() { ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'; }
# has PORT BIT: 1 or 0, what driver and port agreed on
has() { echo $(($(chamctl -j port show "$1" | jq -r '.[0].features') >> $2 & 1)); }
mb=$(mb 4)
blob "${mb}M"
port=7000
# moves WAY FROM TO ADDRESS: the blob arrives unchanged
moves() {
	port=$((port + 1))
	check "$1" transfer "$2" "$3" "$4" $port
}

# Each kind of driver that Linux has: with and without indirect tables, with and
# without an event index.
TOPO_FEATURES=all TOPO_VQP=4 check "a tenant whose port offers packed rings" topo_tenant red 100
check_eq "its guest takes them" 1 "$(has red0 $PACKED)"
TOPO_FEATURES=all-$INDIRECT check "one without tables" topo_port red 10.0.0.3 1
TOPO_FEATURES=all-$INDIRECT-$EVENT_IDX check "one without an event index, too" topo_port red 10.0.0.4 2
check "one with split rings" topo_port red 10.0.0.5 3
for n in 1 2 3; do
	chamctl port set red$n tenant red
	ip link set red$n master br-red up
	[ $n = 3 ] || check_eq "packed rings" 1 "$(has red$n $PACKED)"
done
check_eq "nobody asked for packed rings" 0 "$(has red3 $PACKED)"
check_eq "tables are left out" 0 "$(has red1 $INDIRECT)"
check_eq "the event index is left out" 0 "$(has red2 $EVENT_IDX)"

# guests WAY ADDRESS...: red0's guest and host B, and other guests
guests() {
	local way=$1 a
	check "$way: ping" busywait 10 ping1 on red 10.0.0.2
	moves "$way: $mb MB out" t-red b-red 10.0.0.2
	moves "$way: $mb MB in" b-red t-red 10.0.0.1
	for a in "${@:2}"; do
		check "$way: ping 10.0.0.$a" busywait 10 ping1 on red "10.0.0.$a"
		moves "$way: $mb MB to 10.0.0.$a" t-red t-red$((a - 2)) "10.0.0.$a"
		moves "$way: $mb MB from 10.0.0.$a" t-red$((a - 2)) t-red 10.0.0.1
	done
}
guests slow
check "datapath attaches" topo_attach
fast=$(stat_of red fast-packets)
guests fast 3 4 5
check_num "on the fast path" $(($(stat_of red fast-packets) - fast)) -gt $((mb * 100))
check_num "segments are put together" "$(rep_stat red0 tx_coalesced)" -gt $((mb * 100))
on red ethtool -K eth0 tso off tx off gso off >/dev/null
moves "$mb MB out without the guest's offloads" t-red b-red 10.0.0.2
on red ethtool -K eth0 tso on tx on gso on >/dev/null
check "fragments" on red ping -qc5 -i0.1 -W2 -s 8000 10.0.0.2
check "the guest takes four queue pairs" on red ethtool -L eth0 combined 4
moves "$mb MB out" t-red b-red 10.0.0.2
moves "$mb MB in" b-red t-red 10.0.0.1
own=$(on red cat /sys/class/net/eth0/address)
for _ in $(seq 100); do
	echo "link set eth0 address 52:54:00:aa:bb:cc"
	echo "link set eth0 address $own"
done >"$tap_tmp/often"
check "200 commands" on red ip -batch "$tap_tmp/often"
check_num "are counted" "$(rep_stat red0 ctrl_commands)" -ge 200
check_eq "nothing was malformed" 0 "$(rep_stat red0 rx_drop_bad_gso)"
check "the driver anew" sh -c \
	"echo red1 >/sys/bus/vdpa/drivers/virtio_vdpa/unbind && echo red1 >/sys/bus/vdpa/drivers/virtio_vdpa/bind"
check_eq "takes packed rings again" 1 "$(has red1 $PACKED)"
on red ping -fq 10.0.0.4 >/dev/null 2>&1 &
flood=$!
sleep 0.5
check "dev del under traffic" vdpa dev del red2
kill $flood
wait $flood 2>/dev/null
check "the others did not notice" ping1 on red 10.0.0.2

# A process.
check_fails "features that nobody knows are refused" \
	"$(dirname "$0")/vdpa_add.py" bad 0x8000000000000000
check "a port for a process" topo_vhost pv "$(dirname "$0")/vdpa_add.py" pv all
# no frames but the test's: a router solicitation would take its buffer
sysctl -qw net.ipv6.conf.pv.disable_ipv6=1
ip link set pv up
vhost=$(topo_chardev pv)
# another port meanwhile
ip netns exec t-red ping -i 0.05 10.0.0.2 >"$tap_tmp/beside" &
beside=$!
relay vhost "$(dirname "$0")/packed_vhost.py" "$vhost" pv
pinged $beside "$tap_tmp/beside"
check_eq "other ports lost no ping" "" "$lost"
check "other ports did not notice" ping1 on red 10.0.0.2

check "everything comes down" topo_down
finish
