#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A foreign driver: DPDK's virtio-user on a port's vhost-vdpa device, in a process
# that answers echo requests and sends frames on, with split and with packed rings.
#
#   ns t-red virtio-vdpa 10.0.0.1 ── red0 ─┐
#                                          ├ br-red ── vxlan ── host B, ns b-red 10.0.0.2
#   testpmd  virtio-user ─────────── pmd ──┘
#
# on request

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd vdpa ip ethtool jq dpdk-testpmd
# virtio_vdpa first: it is to have the other port
require_module virtio_vdpa virtio_net vhost_vdpa
defer topo_down
tap_tmpdir

topo_load || bail "module loads"
topo_wire
check "an uplink" chamctl uplink add up0 local 192.0.2.1
check "a tenant" topo_tenant red 100
check "datapath attaches" topo_attach
echo 128 >/proc/sys/vm/nr_hugepages
mkdir -p "$tap_tmp/huge"
mount -t hugetlbfs none "$tap_tmp/huge" && defer umount "$tap_tmp/huge"

rep_stat() { ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'; }
feature() { echo $(($(chamctl -j port show "$1" | jq -r '.[0].features') >> $2 & 1)); }
state_is() { [ "$(chamctl -j port show pmd | jq -r '.[0].state')" = "$1" ]; }
up_or_gone() { state_is up || [ ! -d "/proc/$pmd" ] || grep -qai "fail" "$log"; }
log=$tap_tmp/testpmd pmd=

# holds NAME COMMAND...: as check, but in this shell
holds() {
	if "${@:2}"; then
		pass "$1"
	else
		fail "$1" "$(tr -d '\0' <"$log" | tail -n 30)"
	fi
}

# testpmd_start huge|small [DEVICE ARGUMENTS]: it reads commands from descriptor 9.
# With huge pages and the rights to see physical addresses DPDK 22.11 would map
# by these, and yet give its device virtual ones.
testpmd_start() {
	local memory=(--huge-dir "$tap_tmp/huge" -m 128)
	[ "$1" = huge ] || memory=(--no-huge -m 192)
	rm -f "$tap_tmp/say"
	mkfifo "$tap_tmp/say"
	dpdk-testpmd -l 0,1 -n 1 --no-pci --no-telemetry --iova-mode=va "${memory[@]}" \
		--vdev "net_virtio_user0,path=$vhost,mac=52:54:00:00:00:dd${2:-}" -- \
		-i --total-num-mbufs=4096 --forward-mode=icmpecho --port-topology=loop \
		<"$tap_tmp/say" >"$log" 2>&1 &
	pmd=$!
	exec 9>"$tap_tmp/say"
	echo start >&9
	busywait 60 up_or_gone && state_is up && return
	testpmd_stop
	return 1
}

testpmd_stop() {
	[ ! -d "/proc/$pmd" ] || echo quit >&9
	exec 9>&-
	busywait 20 test ! -d "/proc/$pmd" || kill -9 "$pmd"
	wait "$pmd"
}

# pings NS COUNT: all of them are answered
pings() { in_ns "$1" ping -qc "$2" -i 0.005 -W 5 10.0.0.9; }

# foreign NAME PACKED huge|small [DEVICE ARGUMENTS]
foreign() {
	local name=$1 fast before
	holds "$name: testpmd starts" testpmd_start "$3" "${4:-}" || return
	check_eq "$name: packed rings" "$2" "$(feature pmd 34)"
	check "$name: it answers an echo" busywait 20 pings t-red 1
	check "$name: and one from host B" busywait 20 pings b-red 1
	fast=$(stat_of red fast-packets)
	before=$(rep_stat pmd rx_packets)
	check "$name: 100 echoes" pings t-red 100
	check "$name: 100 from host B" pings b-red 100
	check_num "$name: it has sent them" $(($(rep_stat pmd rx_packets) - before)) -ge 200
	check_num "$name: on the fast path" $(($(stat_of red fast-packets) - fast)) -ge 300
	check "$name: more than its rings hold" in_ns t-red ping -fqc 2000 -w 60 -s 1000 10.0.0.9
	check_eq "$name: the port is well" up "$(chamctl -j port show pmd | jq -r '.[0].state')"
	holds "$name: it ends" testpmd_stop
	check "$name: and lets the port go" busywait 10 state_is down
}

# port FEATURES...: the process' port, of tenant red
port() {
	TOPO_FEATURES=$1 topo_vhost pmd topo_vdpa pmd || return
	chamctl port set pmd tenant red
	ip link set pmd master br-red up
	vhost=$(topo_chardev pmd)
}

ulimit -l unlimited
holds "a port for split rings" port ""
foreign "split" 0 huge
vdpa dev del pmd
holds "a port for packed rings" port all
foreign "packed, small pages" 1 small ,packed_vq=1

check "everything comes down" topo_down
finish
