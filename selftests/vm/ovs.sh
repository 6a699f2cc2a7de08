#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
#
# Open vSwitch in the place of bridge and vxlan device: ports are ordinary
# netdevs, and what OVS decides is not cached.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_root
require_cmd ovs-vsctl ovsdb-server ovs-vswitchd
require_module openvswitch vport_vxlan

ovs_start() {
	export OVS_RUNDIR=/run/ovs OVS_LOGDIR=/run/ovs OVS_DBDIR=/run/ovs
	mkdir -p /run/ovs
	ovsdb-tool create /run/ovs/conf.db /usr/share/openvswitch/vswitch.ovsschema &&
	ovsdb-server /run/ovs/conf.db --remote=punix:/run/ovs/db.sock \
		--pidfile=/run/ovs/ovsdb.pid --detach --log-file=/run/ovs/ovsdb.log &&
	ovs-vsctl --db=unix:/run/ovs/db.sock --no-wait init &&
	ovs-vswitchd unix:/run/ovs/db.sock --pidfile=/run/ovs/vswitchd.pid --detach \
		--log-file=/run/ovs/vswitchd.log
}
ovs() { ovs-vsctl --db=unix:/run/ovs/db.sock "$@"; }
ovs_stop() {
	ovs --if-exists del-br br-ovs
	kill "$(cat /run/ovs/vswitchd.pid)" "$(cat /run/ovs/ovsdb.pid)"
	sleep 0.5
	ovs-dpctl del-dp ovs-system
}
defer topo_down
defer ovs_stop

topo_load || bail "module loads"
topo_wire
check "OVS starts" ovs_start
check "uplink" chamctl uplink add up0 local 192.0.2.1
topo_remote red 100
topo_port red || bail "port"
chamctl tenant add red vni 100
chamctl port set red0 tenant red
check "the representor joins an OVS bridge with a vxlan port" \
	ovs add-br br-ovs -- add-port br-ovs red0 -- add-port br-ovs vxo -- \
	set interface vxo type=vxlan options:remote_ip=192.0.2.2 options:key=100
check "red reaches its remote end through OVS" \
	busywait 10 ip netns exec t-red ping -qc1 -W1 10.0.0.2
topo_attach
check "with the datapath attached as well" on red ping -qc3 -i0.2 10.0.0.2
check "and says why it does not cache" sh -c \
	'chamctl -j port show | jq -e ".[0].blocked|index(\"foreign-master\")"'
check "a flow that drops is obeyed" sh -c '
	ovs-ofctl -O OpenFlow13 add-flow unix:/run/ovs/br-ovs.mgmt priority=9,icmp,actions=drop
	! ip netns exec t-red ping -qc1 -W1 10.0.0.2'
finish
