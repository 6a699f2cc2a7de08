#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# In the VM: lays each way for packets in turn, sends the same traffic over it,
# and prints a line "= CASE WAY JSON" for each figure. Arguments: the parts
# to do (default: all). Documentation/measure.md says what is counted.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
trap - EXIT
set -u
export BENCH_OBJECTS=$CHAM_BUILD/selftests/bench
BURSTS=${BURSTS:-200}
frames=() wire=veth

bench() { "$BENCH_OBJECTS/bench" "$@"; }
stop() { echo "bench: $*" >&2; exit 1; }
mac_of() { ip netns exec "$1" cat "/sys/class/net/$2/address"; }

# measure CASE WAY COMMAND...: one figure, or the reason why there is none
measure() {
	local out
	if out=$(timeout 300 "$BENCH_OBJECTS/bench" "${@:3}" 2>/tmp/bench-error); then
		echo "= $1 $2 $out"
	else
		echo "= $1 $2 {\"error\":\"$(tr '"\n' "' " </tmp/bench-error)\"}"
	fi
}

# lay WIRE: host A with an uplink, nothing forwards yet
lay() {
	topo_load conn_max=1048576 || stop "the module does not load"
	wire=$1
	if [ "$wire" = nic ]; then
		topo_wire_nic
	else
		topo_wire 1500
	fi
	# frames of the floor carry the guests' addresses
	ip link set up0 promisc on
	ip -n hostb link set b0 promisc on
	chamctl uplink add up0 local 192.0.2.1 || stop "uplink"
	ip neigh replace 192.0.2.2 lladdr "$(mac_of hostb b0)" dev up0 nud permanent
	ip -n hostb neigh replace 192.0.2.1 lladdr "$(cat /sys/class/net/up0/address)" dev b0 nud permanent
}

# frames_of TENANT: what the tenant's frames on the wire look like
frames_of() {
	frames=("omac=$(cat /sys/class/net/up0/address)" "bmac=$(mac_of hostb b0)"
		"imac=$(mac_of "t-$1" eth0)" "fmac=$(mac_of "b-$1" eth0)" "bursts=$BURSTS")
}

# known [TENANT]: every address is learned and stays, the frames are known
known() {
	local i who=${1:-red}
	for i in 1 2 3; do
		on "$who" ping -qc1 -W2 10.0.0.2 >/dev/null && break
	done
	[ "$i" -lt 3 ] || stop "$who does not reach its remote end"
	ip -n "t-$who" neigh replace 10.0.0.2 lladdr "$(mac_of "b-$who" eth0)" dev eth0 nud permanent
	ip -n "b-$who" neigh replace 10.0.0.1 lladdr "$(mac_of "t-$who" eth0)" dev eth0 nud permanent
	frames_of "$who"
	ip netns exec "t-$who" socat -u UDP-RECV:9 /dev/null &
}

# remote drop|none: host B's NIC drops, so that its stack costs nothing
remote() {
	ip netns exec hostb "$BENCH_OBJECTS/bench" xdp b0 "$1"
}

# offload A B: of the veth wire, each end on or off
offload() {
	[ "$wire" = veth ] || return 0
	ethtool -K up0 tx "$1" tso "$1" tx-udp_tnl-segmentation "$1" >/dev/null 2>&1
	ip netns exec hostb ethtool -K b0 tx "$2" tso "$2" tx-udp_tnl-segmentation "$2" >/dev/null 2>&1
}

suffix() {
	[ "$wire" = veth ] || echo ".$wire"
}

udp() {	# WAY
	remote drop
	measure "wire-to-port.udp64$(suffix)" "$1" in "${frames[@]}" vni=100
	measure "port-to-wire.udp64$(suffix)" "$1" out "bursts=$BURSTS" ns=t-red to=10.0.0.2
	remote none
}

# thrice CASE WAY COMMAND...: scripts/bench takes the middle one
thrice() {
	local _
	for _ in 1 2 3; do
		measure "$@"
	done
}

tcp() {	# WAY
	local fixed=(buffer=131072 warm=4 megabytes=16)
	local to_port=(peer=b-red ns=t-red at=10.0.0.1 "${fixed[@]}")
	local to_wire=(peer=t-red ns=b-red at=10.0.0.2 "${fixed[@]}")
	thrice tcp-bulk.wire-to-port.mtu "$1" tcp "${to_port[@]}"
	thrice tcp-bulk.port-to-wire.mtu "$1" tcp "${to_wire[@]}"
	thrice tcp-rr64 "$1" rr "${to_wire[@]}"
	# B's NIC segments before the wire, at B's expense; A's takes tunnels whole
	offload on off
	thrice tcp-bulk.wire-to-port.tso "$1" tcp "${to_port[@]}"
	thrice tcp-bulk.port-to-wire.tso "$1" tcp "${to_wire[@]}"
	if [ "$1" != chamelio ]; then
		# super-packets cross the wire: only a veth pair does that
		offload on on
		thrice tcp-bulk.wire-to-port.tso "$1.whole" tcp "${to_port[@]}"
	fi
	offload off off
}

part_ways() {
	lay "$1"
	topo_tenant red 100 || stop "tenant red"
	known
	[ "$wire" != veth ] || tcp slow-path
	udp slow-path
	topo_attach || stop "attach"
	[ "$wire" != veth ] || tcp chamelio
	udp chamelio
	chamctl datapath detach

	remote drop
	bench xdp up0 drop
	measure "wire-to-port.udp64$(suffix)" nic drop "${frames[@]}" vni=100
	bench xdp up0 none
	bench xdp up0 redirect red0
	measure "wire-to-port.udp64$(suffix)" floor in "${frames[@]}"
	bench xdp up0 none
	bench xdp up0 pass
	bench xdp red0 redirect up0
	measure "port-to-wire.udp64$(suffix)" floor out "bursts=$BURSTS" ns=t-red to=10.0.0.2
	bench xdp red0 none
	bench xdp up0 none
	[ "$wire" != nic ] || topo_unwire_nic
	topo_down
}

part_veth() { part_ways veth; }
part_nic() { part_ways nic; }

part_ports() {
	local to=(out "bursts=$BURSTS" ns=t-red to=10.0.0.3)
	lay veth
	topo_tenant red 100 || stop "tenant red"
	topo_port red 10.0.0.3 1 || stop "port red1"
	chamctl port set red1 tenant red || stop "red1's tenant"
	ip link set red1 master br-red
	ip link set red1 up
	known
	ip netns exec t-red1 socat -u UDP-RECV:9 /dev/null &
	busywait 10 ip netns exec t-red ping -qc1 -W1 10.0.0.3 || stop "red does not reach red1"
	ip -n t-red neigh replace 10.0.0.3 lladdr "$(mac_of t-red1 eth0)" dev eth0 nud permanent
	ip -n t-red1 neigh replace 10.0.0.1 lladdr "$(mac_of t-red eth0)" dev eth0 nud permanent
	measure port-to-port.udp64 slow-path "${to[@]}"
	topo_attach || stop "attach"
	measure port-to-port.udp64 chamelio "${to[@]}"
	chamctl datapath detach
	bench xdp red0 redirect red1
	measure port-to-port.udp64 floor "${to[@]}"
	bench xdp red0 none
	topo_down
}

part_ovs() {
	local db=unix:/run/ovs/db.sock case
	if ! command -v ovs-vswitchd >/dev/null; then
		echo "bench: no Open vSwitch" >&2
		for case in wire-to-port.udp64 port-to-wire.udp64 port-to-port.udp64 \
			tcp-bulk.{wire-to-port,port-to-wire}.{mtu,tso} tcp-rr64; do
			echo "= $case ovs {\"error\":\"no Open vSwitch\"}"
		done
		return
	fi
	modprobe -qa openvswitch vport_vxlan
	export OVS_RUNDIR=/run/ovs OVS_LOGDIR=/run/ovs OVS_DBDIR=/run/ovs
	mkdir -p /run/ovs
	ovsdb-tool create /run/ovs/conf.db /usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server /run/ovs/conf.db --remote=punix:/run/ovs/db.sock --pidfile=/run/ovs/db.pid \
		--detach --log-file=/run/ovs/db.log 2>/dev/null
	ovs-vsctl --db="$db" --no-wait init || stop "Open vSwitch does not start"
	ovs-vswitchd "$db" --pidfile=/run/ovs/sw.pid --detach --log-file=/run/ovs/sw.log 2>/dev/null ||
		stop "Open vSwitch does not start"
	lay veth
	topo_remote red 100 || stop "host B"
	topo_port red 10.0.0.1 || stop "port red0"
	topo_port red 10.0.0.3 1 || stop "port red1"
	ovs-vsctl --db="$db" add-br br-ovs -- add-port br-ovs red0 -- add-port br-ovs red1 -- \
		add-port br-ovs vxo -- set interface vxo type=vxlan options:remote_ip=192.0.2.2 \
		options:key=100
	busywait 10 ip netns exec t-red ping -qc1 -W1 10.0.0.2
	known
	tcp ovs
	udp ovs
	ip netns exec t-red1 socat -u UDP-RECV:9 /dev/null &
	busywait 10 ip netns exec t-red ping -qc1 -W1 10.0.0.3
	ip -n t-red neigh replace 10.0.0.3 lladdr "$(mac_of t-red1 eth0)" dev eth0 nud permanent
	measure port-to-port.udp64 ovs out "bursts=$BURSTS" ns=t-red to=10.0.0.3
	ovs-vsctl --db="$db" del-br br-ovs
	kill "$(cat /run/ovs/sw.pid)" "$(cat /run/ovs/db.pid)"
	sleep 1
	ovs-dpctl del-dp ovs-system 2>/dev/null
	topo_down
}

# the same module, built without cycle accounting
part_accounting() {
	local full=$CHAM_KO ko way
	for way in on off; do
		ko=$full
		[ "$way" = on ] || ko=$CHAM_BUILD/bench/chamelio.ko
		CHAM_KO=$ko
		lay veth
		topo_tenant red 100 || stop "tenant red"
		known
		topo_attach || stop "attach"
		remote drop
		measure accounting-cost.in "$way" in "${frames[@]}" vni=100
		measure accounting-cost.out "$way" out "bursts=$BURSTS" ns=t-red to=10.0.0.2
		topo_down
	done
	CHAM_KO=$full
}

# kilobytes NAME: of /proc/meminfo
kilobytes() { awk -v n="$1:" '$1 == n { print $2 }' /proc/meminfo; }

# left: connections; expired: none
left() { chamctl -j tenant show red | jq '.[0].conns'; }
expired() { [ "$(left)" = 0 ]; }

part_table() {
	local n name before conns table
	lay veth
	topo_tenant red 100 || stop "tenant red"
	chamctl tenant set red max-conns 1048576 || stop "quota"
	known
	topo_attach || stop "attach"
	table=$(awk '/cham_conn_init/ { sum += $2 } END { print sum - 4096 }' /proc/vmallocinfo)
	for n in 1000 1000000; do
		chamctl conn flush
		name=lookup.1k
		[ "$n" = 1000 ] || name=lookup.1m
		before=$(kilobytes Slab)
		measure "$name" chamelio lookup "count=$n" dev=up0 vni=100 "${frames[@]:2:2}"
	done
	conns=$(left)
	echo "= conn-bytes chamelio {\"conns\":$conns,\"slab-kib\":$(($(kilobytes Slab) - before)),\"table-bytes\":$table}"
	busywait 180 expired || stop "of a million connections that nobody uses $(left) do not expire"
	topo_down
}

# single lookups, for QEMU's plugin to look at
part_lines() {
	lay veth
	topo_tenant red 100 || stop "tenant red"
	chamctl tenant set red max-conns 1048576 || stop "quota"
	known
	topo_attach || stop "attach"
	cat /proc/kallsyms >"$CHAM_BUILD/bench/kallsyms"
	bench lookup count=1000000 marked=64 rounds=1 dev=up0 vni=100 "${frames[@]:2:2}" >/dev/null ||
		stop "lookups"
	topo_down
}

# kv_ways WAY: questions that come in bursts of 32, as the packets of the other parts do:
# put on the wire by host B's NIC, or, where that would go by host B's stack anyway, sent by
# a socket; there one by one, too
kv_ways() {
	local ask=(ask ns=b-red to=10.0.0.1 port=11211 "hex=$question")
	if [ "$wire" = veth ]; then
		thrice kv.get-hit "$1" "${ask[@]}" "${frames[@]}" vni=100 sum=1 burst=32 transactions=3200
		return
	fi
	thrice kv.get-hit.nic "$1" "${ask[@]}" burst=32 transactions=3200
	thrice kv.get-hit.single "$1" "${ask[@]}"
}

# kv_lay WIRE: a hit of bpf/kv.bpf.c, and the same question answered by memcached in the
# guest
kv_lay() {
	local value
	value=$(printf '%0100d' 7)
	question=0001000000010000$(printf 'get bench\r\n' | od -An -tx1 | tr -d ' \n')
	lay "$1"
	topo_tenant red 100 || stop "tenant red"
	known
	ip netns exec t-red memcached -u nobody -m 16 -t 1 -p 11211 -U 11211 &
	wait_port t-red tcp 11211
	ip netns exec t-red bash -c "exec 3<>/dev/tcp/127.0.0.1/11211
		printf 'set bench 0 0 100\r\n$value\r\n' >&3; read -r _ <&3" || stop "memcached"
	topo_attach || stop "attach"
}
kv_load() {
	chamctl prog load "$CHAM_BUILD/bpf/kv.bpf.bc" tenant red object "$CHAM_BUILD/xdp/datapath.bpf.o" ||
		stop "kv is not loaded"
}
kv_join() {
	chamctl prog compose tier joint object "$CHAM_BUILD/xdp/datapath.bpf.o" || stop "kv is not joint"
}

part_kv() {
	local question way
	command -v memcached >/dev/null || { echo "bench: no memcached" >&2; return; }
	for way in veth nic; do
		kv_lay "$way"
		kv_ways guest-memcached
		kv_load
		kv_ways linked
		kv_join
		kv_ways chamelio
		if [ "$way" = nic ]; then
			topo_unwire_nic
		else
			chamctl datapath detach
			remote drop
			bench xdp up0 drop
			measure kv.get-hit nic drop "${frames[@]}" vni=100 sum=1 "hex=$question" port=11211
			bench xdp up0 none
			remote none
		fi
		topo_down
	done
}

# load FROM TO DIRECTORY: programs of the tenants t$FROM to t$TO
load() {
	local i id
	for i in $(seq "$1" "$2"); do
		chamctl prog load "$3/$i.o" tenant "t$i" "${object[@]}" || stop "t$i's program is not loaded"
		# what it was made from: compiling it here takes the emulator seconds
		id=$(chamctl -j tenant show "t$i" | jq '.[0].id')
		cp "$3/$i.bc" "/run/chamelio/programs/$id.bc"
	done
}

# tax_measure N WAY: what a packet costs each of those that are asked
tax_measure() {
	local i
	remote drop
	for i in "${who[@]}"; do
		[ "$i" -le "$1" ] || continue
		frames_of "t$i"
		measure "tax.joint.$1" "$2" in "${frames[@]}" vni=$((100 * i)) word=$((0x74617800 + i))
	done
	remote none
}

# tax_other N WAY OBJECT: not by way of the tenants' objects
tax_other() {
	local pid layouts
	mapfile -t layouts < <(chamctl -j prog show | jq 'sort_by(.cell)[].layout')
	coproc TAX { exec "$BENCH_OBJECTS/ways" "$3" up0 "${layouts[@]}" 2>&1; }
	pid=$TAX_PID
	if read -r -t 120 said <&"${TAX[0]}" && [ "$said" = ready ]; then
		tax_measure "$1" "$2"
	else
		echo "= tax.joint.$1 $2 {\"error\":\"$(tr '"\n' "' " <<<"${said:-does not start}")\"}"
	fi
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# The same protocol, each tenant's a little different, by how it comes into the datapath
# (selftests/bench/tax): 1, 8 and 64 tenants, of whom the first, the last and one in
# the middle are sent to.
part_tax() {
	local have=0 many i said who=(1 8 32 64) of=${TAX_MANY:-1 8 64}
	local object=(object "$CHAM_BUILD/xdp/datapath.bpf.o")
	lay veth
	for i in $(seq "${of##* }"); do
		if [[ " ${who[*]} " = *" $i "* ]]; then
			topo_tenant "t$i" $((100 * i)) || stop "tenant t$i"
			known "t$i"
		else
			chamctl tenant add "t$i" vni $((100 * i)) || stop "tenant t$i"
		fi
	done
	topo_attach || stop "attach"
	tax_measure 1 no-program
	for many in $of; do
		load $((have + 1)) "$many" "$BENCH_OBJECTS/tax"
		have=$many
		tax_measure "$many" linked
		tax_other "$many" handwritten "handwritten.$many"
		tax_other "$many" freplace "freplace.$((many > 16 ? 64 : 16))"
		tax_other "$many" tailcall tailcall.64
		chamctl prog compose tier joint "${object[@]}" || stop "$many programs are not joint"
		tax_measure "$many" chamelio
		chamctl prog compose tier linked "${object[@]}" || stop "not linked again"
	done
	chamctl datapath detach
	remote drop
	bench xdp up0 drop
	for many in $of; do
		measure "tax.joint.$many" nic drop "${frames[@]}" vni=100 word=1
	done
	bench xdp up0 none
	remote none
	topo_down
}

# Making datapaths of 64 tenants' programs, three hooks and a map each. What of it can run
# without the module is measured here, too, for scripts/bench to tell how fast this is.
part_compose() {
	local many=$BENCH_OBJECTS/many of=$BENCH_OBJECTS/compose
	local object=(object "$CHAM_BUILD/xdp/datapath.bpf.o") i
	lay veth
	topo_tenant t1 100 || stop "tenant t1"
	for i in $(seq 2 64); do
		chamctl tenant add "t$i" vni $((100 * i)) || stop "tenant t$i"
	done
	topo_attach || stop "attach"
	load 1 64 "$many"
	echo "= compose.linked.64 whole $("$of" run chamctl prog compose tier linked "${object[@]}")"
	echo "= compose.joint.64 whole $("$of" join "${object[1]}")"
	echo "= recompose.linked.1-of-64 whole $("$of" run chamctl prog load "$many/64.o" tenant t64 "${object[@]}")"
	load 64 64 "$many"
	echo "= recompose.joint.1-of-64 whole $("$of" join "${object[1]}")"
	echo "= compose.linked.64 here $("$of" linked "${object[1]}" "$many" 1 64)"
	echo "= compose.joint.64 here $("$of" joint "${object[1]}" "$many" 49 64)"
	topo_down
}

# what handlers' helpers take, beside what a bound is made of
part_helpers() {
	"$BENCH_OBJECTS/helpers" || stop "helpers"
}

# part_profile CASE WAY: send for as long as scripts/bench looks on
part_profile() {
	local to=(out ns=t-red to=10.0.0.2) question
	if [ "$1" = kv.get-hit ]; then
		kv_lay veth
		kv_load
		kv_join
		cat /proc/kallsyms >"$CHAM_BUILD/bench/kallsyms"
		bench ask ns=b-red to=10.0.0.1 port=11211 "hex=$question" "${frames[@]}" vni=100 sum=1 \
			burst=32 transactions=320000 &
		sleep 0.6
		echo "bench: sending"
		wait $!
		return
	fi
	lay veth
	topo_tenant red 100 || stop "tenant red"
	known
	[ "$2" = slow-path ] || topo_attach || stop "attach"
	cat /proc/kallsyms >"$CHAM_BUILD/bench/kallsyms"
	remote drop
	[ "$1" != wire-to-port.udp64 ] || to=(in "${frames[@]}" vni=100)
	bench "${to[0]}" bursts=4096 "${to[@]:1}" &
	# well into its bursts
	sleep 0.6
	echo "bench: sending"
	wait $!
}

if [ "${1:-}" = profile ]; then
	part_profile "$2" "$3"
	exit
fi
[ $# -gt 0 ] || set -- veth ports ovs accounting table lines nic kv tax compose helpers
for part; do
	echo "# $part"
	"part_$part"
done
exit 0
