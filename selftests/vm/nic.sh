#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
#
# The datapath over real drivers: a pair of virtio NICs back to back, with an
# IPv4 and an IPv6 underlay.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
[ "${CHAM_NICS:-0}" -gt 0 ] || skip_all "the VM has no pair of NICs"
defer topo_down
defer topo_unwire_nic

topo_load || bail "module loads"
topo_wire_nic

mb=$(mb 8)
blob "${mb}M"

check "uplink is a virtio NIC" sh -c 'ethtool -i up0 | grep -q virtio_net'
check "uplink with both addresses" \
	chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1
TOPO_MTU=1450 check "tenant over IPv4" topo_tenant red 100
TOPO_MTU=1430 check "tenant over IPv6" topo_tenant blue 200 6
check "datapath attaches in native mode" topo_attach
for t in red blue; do
	on $t ping -qc2 -i0.2 10.0.0.2 >/dev/null
	a=$(stat_of $t fast-packets)
	check "$t: ping" ping1 on $t 10.0.0.2
	check_num "$t: on the fast path" "$(stat_of $t fast-packets)" -gt "$a"
	check "$t: largest packet" on $t ping -qc1 -W2 -M "do" \
		-s $(($(on $t cat /sys/class/net/eth0/mtu) - 28)) 10.0.0.2
	check "$t: $mb MB to the wire" transfer "t-$t" "b-$t" 10.0.0.2 7001
	check "$t: $mb MB from the wire" transfer "b-$t" "t-$t" 10.0.0.1 7002
	joined=$(ethtool -S "${t}0" | awk '/coalesced/ { n += $2 } END { print n }')
	check_num "$t: segments from the wire are coalesced" "$joined" -gt $((mb * 125))
	fast=$(stat_of $t tcp-fast)
	diag "$t: established TCP $fast fast, $(stat_of $t tcp-slow) slow"
	check_num "$t: over 99 % of established TCP is fast" "$fast" -gt \
		$(($(stat_of $t tcp-slow) * 99))
done

# a segment that was damaged on its way must not be vouched for
modprobe -q sch_netem
check "the remote end damages 2 % of its packets" \
	far red tc qdisc add dev eth0 root netem corrupt 2%
# of 8 MB that is a handful of super-packets, and some are lost for another header's sake
damage() { on red nstat -asz TcpInCsumErrors | awk '/InCsumErrors/ { print $2 }'; }
for _ in 1 2 3 4 5 6; do
	check "$mb MB from the wire arrive as sent" transfer b-red t-red 10.0.0.1 7003
	[ "$(damage)" = 0 ] || break
done
check_num "the guest saw the damage" "$(damage)" -gt 0
far red tc qdisc del dev eth0 root

chamctl datapath detach
check "detached: red" ping1 on red 10.0.0.2
check "detached: blue" ping1 on blue 10.0.0.2
finish
