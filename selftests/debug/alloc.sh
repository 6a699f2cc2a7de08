#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# Each of the first thirty allocations of an operation below the module fails once, and
# some of those behind them: the operation fails as a whole, or bears it, and the next
# one succeeds.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=fault.sh
. "$(dirname "$0")/fault.sh"
require_vm
require_root
[ -e $fault_dir/failslab ] || skip_all "the kernel has no fault injection"
defer topo_down

most=150

# each NAME UNDO COMMAND...: fail its first allocation, its second and so on. An
# operation may bear a failure and succeed: then UNDO it and go on, until no
# allocation was left to fail.
each() {
	local name=$1 undo=$2 n step=1 refused=0 borne=0 before
	shift 2
	for ((n = 1; n < most; n += step)); do
		before=$(fault_count)
		if fault_nth $n "$@" >/tmp/each 2>&1; then
			$undo >/dev/null 2>&1 || {
				fail "$name" "cannot be undone after failure $n"
				return
			}
			[ "$(fault_count)" != "$before" ] || break
			borne=$((borne + 1))
		else
			[ "$(fault_count)" != "$before" ] || {
				fail "$name" "failed without a reason: $(cat /tmp/each)"
				return
			}
			refused=$((refused + 1))
		fi
		# far in, most of them are one helper's
		[ $n -lt 30 ] || step=$((n / 4))
	done
	diag "$name: $((n - 1)) allocations, $refused refusals, $borne borne"
	check "$name: after $refused refusals" "$@"
}

modprobe -qa virtio_net vdpa virtio_vdpa vhost_vdpa vhost_iotlb bridge vxlan veth nfnetlink
fault_range_init || bail "DEBUG does not say where do_init_module() is"
each "module load" "/sbin/rmmod chamelio" /sbin/insmod "$CHAM_KO"
fault_range_module || bail "no range of the module"

topo_wire 1550
each "tenant add" "chamctl tenant del red" chamctl tenant add red vni 100
each "uplink add" "chamctl uplink del up0" chamctl uplink add up0 local 192.0.2.1
each "vdpa dev add" "vdpa dev del red0" vdpa dev add name red0 mgmtdev chamelio mtu 1450
each "port set" "chamctl port set red0 notenant" chamctl port set red0 tenant red
each "fdb add" "chamctl fdb del tenant red mac 02:00:00:00:00:01" \
	chamctl fdb add tenant red mac 02:00:00:00:00:01 remote 192.0.2.2
each "tenant set" true chamctl tenant set red weight 70
each "stat show" true chamctl -j stat show
each "port show" true chamctl -j port show
each "conn show" true chamctl -j conn show
each "representor up" "ip link set red0 down" ip link set red0 up
each "datapath attach" "chamctl datapath detach" \
	chamctl datapath attach object "$CHAM_BUILD/xdp/datapath.bpf.o"
each "prog load" "chamctl prog unload red" chamctl prog load "$CHAM_BUILD/bpf/echo.bpf.o" tenant red
each "conn add" "chamctl conn flush" chamctl conn add tenant red proto udp \
	src 10.0.0.1 sport 7000 dst 10.0.0.2 dport 7001 area 01
check "down, and the module unloads" topo_down
finish
