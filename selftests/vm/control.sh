#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# processors: 2
#
# Tenants, ports and uplinks: made, changed, refused, removed.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"
require_root
defer topo_down

# refused NAME PATTERN COMMAND...: exit status 2 and a text that matches
refused() {
	local out rc
	out=$("${@:3}" 2>&1)
	rc=$?
	if [ $rc = 2 ] && grep -qiE "$2" <<< "$out"; then
		pass "$1"
	else
		fail "$1" "exit status $rc: $out"
	fi
}

out=$(chamctl tenant show 2>&1)
check "without the module: says modprobe" grep -q modprobe <<< "$out"
topo_load || { fail "module loads"; finish; }
topo_wire
check "tenant is made" chamctl tenant add red vni 100 weight 50 max-ports 1
check "another" chamctl tenant add blue vni 200
refused "duplicate name" "red exists" chamctl tenant add red vni 300
refused "duplicate VNI names the owner" "belongs to tenant red" chamctl tenant add green vni 100
refused "VNI 0" "1\.\.16777215" chamctl tenant add green vni 0
refused "VNI 2^24" "1\.\.16777215" chamctl tenant add green vni 16777216
refused "weight 0" "1\.\.10000" chamctl tenant add green vni 300 weight 0
refused "weight 10001 names attribute and range" "attribute weight, accepted 1\.\.10000" chamctl tenant add green vni 300 weight 10001
refused "max-conns" "attribute max-conns, accepted 0\.\.67108864" chamctl tenant add green vni 300 max-conns 67108865
refused "max-ports" "attribute max-ports, accepted 0\.\.4095" chamctl tenant set red max-ports 4096
refused "max-fdb" "attribute max-fdb, accepted 0\.\.16777216" chamctl tenant set red max-fdb 16777217
refused "unknown tenant" "no tenant is called" chamctl tenant set nobody weight 3
check "changed" chamctl tenant set red weight 70
check "and shown" sh -c 'chamctl -j tenant show | jq -e ".[]|select(.name==\"red\").weight==70"'
refused "VNI of another" "belongs to tenant blue" chamctl tenant set red vni 200

topo_port red 10.0.0.1 0 || fail "port"
topo_port red 10.0.0.3 1 || fail "port"
check "the representor's kind" sh -c 'ip -d link show red0 | grep -q chamelio'
check "vdpa shows it" sh -c 'vdpa dev show red0 | grep -q "mgmtdev chamelio"'
check "vdpa dev vstats" vdpa dev vstats show red0 qidx 0
check "ethtool -S" sh -c 'ethtool -S red0 | grep -q drop_ring_full'
check_fails "ip link add of that kind is refused" ip link add bogus type chamelio
check_fails "a representor does not move to another namespace" ip link set red0 netns t-red0
check "bound" chamctl port set red0 tenant red
refused "port quota" "max-ports of 1" chamctl port set red1 tenant red
refused "a port of another tenant" "belongs to tenant red" chamctl port set red0 tenant blue
refused "not a representor" "not a chamelio" chamctl port set up0 tenant red
refused "tenant with a port" "say force" chamctl tenant del red
check "with force" chamctl tenant del red force
check "its port is free" sh -c 'chamctl -j port show | jq -e ".[]|select(.ifname==\"red0\")|.\"tenant-id\"==0"'

refused "address the NIC does not have" "not an address" chamctl uplink add up0 local 192.0.2.77
refused "a representor is no uplink" "not an Ethernet NIC" chamctl uplink add red0 local 192.0.2.1
check "uplink" chamctl uplink add up0 local 192.0.2.1
refused "a second uplink" "already" chamctl uplink add lo local 127.0.0.1
refused "unknown uplink" "." chamctl uplink del red0

# what chamctl does not say
raw() { check "$1" python3 selftests/vm/netlink.py "$2"; }
raw "tenant-get by id and by name" tenant_both
raw "port-get by ifindex and by ifname" port_both
raw "uplink-get by ifindex and by ifname" uplink_both
raw "a get that names nothing" nothing_named
raw "an attribute that the request does not take" foreign_attribute
raw "a filter that a dump does not have" foreign_dump_attribute
raw "an address of 5 bytes" odd_address
raw "an address of 3 bytes" short_address
raw "a filter for a tenant that is not there" no_such_tenant
refused "a port that is none" "not a chamelio" chamctl port show up0
refused "an uplink that is none" "not an uplink" chamctl uplink show lo
check "one port" sh -c 'chamctl -j port show red1 | jq -e "length==1 and .[0].vdpa==\"red1\""'
check "one uplink" sh -c 'chamctl -j uplink show up0 | jq -e "length==1"'

raw "a dump of many messages tells of a change, and only then" interrupted

check "static FDB entry" chamctl fdb add tenant blue mac 02:00:00:00:00:01 remote 192.0.2.2
refused "twice" "exists already" chamctl fdb add tenant blue mac 02:00:00:00:00:01 remote 192.0.2.2
refused "multicast address" "not a unicast" chamctl fdb add tenant blue mac 01:00:5e:00:00:01 remote 192.0.2.2
refused "another tenant's port" "does not belong" chamctl fdb add tenant blue mac 02:00:00:00:00:02 port red0
check "shown" sh -c 'chamctl -j fdb show | jq -e ".[]|select(.mac==\"02:00:00:00:00:01\")"'
check "shown for its tenant" sh -c 'chamctl -j fdb show tenant blue | jq -e "length==1"'
chamctl tenant add green vni 300
check "and not for another" sh -c 'chamctl -j fdb show tenant green | jq -e "length==0"'
chamctl tenant del green
check "removed" chamctl fdb del tenant blue mac 02:00:00:00:00:01
refused "twice" "no static entry" chamctl fdb del tenant blue mac 02:00:00:00:00:01

# the doctor: a line for each thing, 2 when one of them will not do
doctor_says() {	# NAME CODE JQ-EXPRESSION [DEV]
	local out rc
	out=$(${doctor:+$doctor} chamctl -j doctor "${@:4}")
	rc=$?
	if [ $rc = "$2" ] && jq -e "$3" <<< "$out" > /dev/null; then
		pass "$1"
	else
		fail "$1" "exit status $rc: $out"
	fi
}
chamctl port set red1 tenant blue
diag "$(chamctl doctor)"
doctor_says "a healthy host has no FAIL" 0 'all(.[]; .status != "fail")'
doctor_says "and its uplink, module, BTF and kfuncs are well" 0 \
	'[.[] | select(.status == "ok") | .check] | contains(["kernel", "config", "module", "btf", "bpffs", "up0 xdp", "up0 mtu"])'
ip link set up0 mtu 1499
doctor_says "MTU too small: a warning with the numbers" 0 \
	'any(.[]; .check == "up0 mtu" and .status == "warn" and (.detail | contains("red1")) and (.fix | contains("mtu 1500")))'
ip link set up0 mtu 1500
doctor_says "and large enough" 0 'any(.[]; .check == "up0 mtu" and .status == "ok")'
chamctl fdb add tenant blue mac 02:00:00:00:06:01 remote 2001:db8::9
doctor_says "not for a remote that has an IPv6 address" 0 \
	'any(.[]; .check == "up0 mtu" and .status == "warn" and (.fix | contains("mtu 1520")))'
chamctl fdb del tenant blue mac 02:00:00:00:06:01
ip netns exec hostb ethtool -K b0 gro off
doctor_says "nothing can be sent: no ndo_xdp_xmit" 0 'any(.[]; .check == "up0 xdp" and .status == "warn" and (.fix | contains("gro on")))'
ip netns exec hostb ethtool -K b0 gro on
ip link set up0 mtu 1550
ethtool -L up0 tx 1 rx 1
doctor_says "fewer queues than CPUs" 0 'any(.[]; .check == "up0 queues" and .status == "warn" and
	(.detail | startswith("1 for")) and (.fix | contains("ethtool -L up0")))'
ethtool -L up0 tx "$(nproc)" rx "$(nproc)"
doctor_says "and as many" 0 'any(.[]; .check == "up0 queues" and .status == "ok")'
ethtool -L up0 tx 1 rx 1
on red0 ethtool -K eth0 rx-gro-hw on
doctor="ip netns exec t-red0" doctor_says "GRO in hardware, which native XDP does not bear" 2 \
	'any(.[]; .status == "warn" and (.detail | startswith("rx-gro-hw is on")) and (.fix | contains("ethtool -K eth0 rx-gro-hw off")))' eth0
# of what there is in a machine like this a bond has LRO, if it is told
modprobe -q bonding max_bonds=0
if ip link add bond9 type bond 2>/dev/null; then
	ethtool -K bond9 lro on
	doctor_says "receive offload in hardware, too" 2 \
		'any(.[]; .status == "warn" and (.detail | startswith("rx-lro is on")) and (.fix | contains("ethtool -K bond9 lro off")))' bond9
	ip link del bond9
else
	skip "receive offload in hardware, too" "no bonding"
fi
doctor="prlimit --memlock=65536" doctor_says "a limit of locked memory" 0 \
	'any(.[]; .check == "memlock" and .status == "warn" and (.detail | startswith("64 kB")))'
doctor="setarch --uname-2.6" doctor_says "a kernel that is too old" 2 \
	'any(.[]; .check == "kernel" and .status == "fail" and (.fix | contains("6.12")))'
# instead FILE OTHER COMMAND...: who runs it sees FILE in the place of OTHER
# shellcheck disable=SC2016 # the inner shell expands it
instead() { unshare -m sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' "$@"; }
config=/boot/config-$(uname -r)
[ -e "$config" ] || config=/lib/modules/$(uname -r)/config
if [ -e "$config" ]; then
	grep -v '^CONFIG_VXLAN=' "$config" >/tmp/config
	doctor="instead /tmp/config $config" doctor_says "an option that is off" 2 \
		'any(.[]; .check == "config" and .status == "fail" and (.detail | startswith("CONFIG_VXLAN is off")))'
fi
doctor="instead /sys/kernel/btf/bridge /sys/kernel/btf/chamelio" doctor_says "kfuncs of another module" 2 \
	'any(.[]; .check == "btf" and .status == "fail" and (.detail | contains("lacks bpf_cham_begin")))'
echo 0.0.1 >/tmp/version
doctor="instead /tmp/version /sys/module/chamelio/version" doctor_says "a module of another version" 0 \
	'any(.[]; .check == "module" and .status == "warn" and (.detail | startswith("chamelio 0.0.1 is loaded")) and (.fix | contains("reload")))'
ip link add dum0 type dummy
doctor_says "a NIC without native XDP" 2 'any(.[]; .check == "dum0 xdp" and .status == "fail")' dum0
ip link del dum0
iotlb=/sys/module/vhost_vdpa/parameters/max_iotlb_entries
if [ -e $iotlb ]; then
	doctor_says "room for a guest's memory in pieces" 0 'any(.[]; .check == "iotlb" and .status == "ok")'
	rmmod vhost_vdpa
	doctor_says "no driver for virtual machines" 0 \
		'any(.[]; .check == "vhost_vdpa" and .status == "warn" and (.fix | contains("modprobe vhost_vdpa")))'
	modprobe vhost_vdpa max_iotlb_entries=2048
	doctor_says "and too little" 0 \
		'any(.[]; .check == "iotlb" and .status == "warn" and (.detail | contains("2048")) and (.fix | contains("max_iotlb_entries=65536")))'
	rmmod vhost_vdpa
	modprobe vhost_vdpa max_iotlb_entries=65536
else
	skip "room for a guest's memory in pieces" "this kernel does not count them"
fi
umount /sys/fs/bpf
doctor_says "no bpf file system" 2 'any(.[]; .check == "bpffs" and .status == "fail" and (.fix | contains("mount")))'
mount -t bpf bpffs /sys/fs/bpf
chamctl port set red1 notenant

# an event for each change
timeout 5 chamctl -j monitor > /tmp/events &
sleep 1
chamctl tenant add green vni 300
chamctl tenant del green
sleep 0.5
kill %1 2>/dev/null
diag "$(cat /tmp/events)"
check "monitor tells of the new tenant" grep -q tenant /tmp/events
check "and of its end" grep -q del /tmp/events

check_fails "no privilege, no change" setpriv --reuid 65534 --clear-groups --bounding-set -all \
	"$(command -v chamctl)" tenant add evil vni 666
check_match "nor events" "not permitted" "$(timeout 20 setpriv --reuid 65534 --clear-groups \
	--bounding-set -all "$(command -v chamctl)" monitor 2>&1)"
check "uplink goes with its device" sh -c 'ip link del up0; sleep 0.3; chamctl -j uplink show | jq -e "length==0"'
check "down, and the module unloads" topo_down
finish
