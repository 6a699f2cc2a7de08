#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The machine is what the other tests expect, and the module comes and goes.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
require_vm

release=$(uname -r)
check "the kernel has its modules" test -d "/lib/modules/$release/kernel"
check_eq "the command runs as root" 0 "$(id -u)"
check_eq "it runs in the project's directory" "$tap_top" "$PWD"
check_eq "bpffs" bpf "$(stat -f -c %T /sys/fs/bpf | sed s/bpf_fs/bpf/)"
check_eq "cgroup2" cgroup2fs "$(stat -f -c %T /sys/fs/cgroup)"
check "tracefs" test -e /sys/kernel/tracing/trace
check "debugfs" test -d /sys/kernel/debug/bdi
check "BTF of the kernel" test -r /sys/kernel/btf/vmlinux
check "lo is up" ping -qc1 -W5 127.0.0.1
check_fails "the host's files are read-only" touch "/etc/chamelio.$$"
check "the build directory is writable" touch "$O/selftests/written"
rm -f "$O/selftests/written"

if [ "${CHAM_NICS:-0}" -gt 0 ]; then
	netns_add peer
	ip link set nic0b netns peer
	defer ip -n peer link set nic0b netns 1
	ip addr add 10.99.0.1/24 dev nic0a
	defer ip addr flush dev nic0a
	ip link set nic0a up
	ip -n peer addr add 10.99.0.2/24 dev nic0b
	ip -n peer link set nic0b up
	check "the two NICs are back to back" busywait 10 ping -qc1 -W1 10.99.0.2
	printf '%s\n' '#include <linux/bpf.h>' \
		'__attribute__((section("xdp"), used)) int p(struct xdp_md *c) { return XDP_PASS; }' \
		>/tmp/pass.bpf.c
	if clang-19 -target bpf -O2 -c -o /tmp/pass.bpf.o -I/usr/include/x86_64-linux-gnu \
		/tmp/pass.bpf.c; then
		check "native XDP on a NIC" ip link set nic0a xdpdrv obj /tmp/pass.bpf.o sec xdp
		check "traffic passes it" busywait 10 ping -qc1 -W1 10.99.0.2
		ip link set nic0a xdpdrv off
	else
		skip "native XDP on a NIC" "no clang-19"
	fi
else
	skip "the two NICs are back to back" "no NICs"
fi

if [ -e "$O/chamelio.ko" ]; then
	for round in 1 2; do
		check "chamelio.ko loads ($round)" module_load
		check "its BTF is there ($round)" test -s /sys/kernel/btf/chamelio
		check "it unloads ($round)" rmmod chamelio
		check_fails "it is gone ($round)" test -d /sys/module/chamelio
	done
	# what is left to do for an uplink is done, or never
	module_load
	ip link add gone type dummy
	defer ip link del gone
	ip addr add 192.0.2.9/24 dev gone
	check "an uplink is declared" "$O/cli/chamctl" uplink add gone local 192.0.2.9
	check "the module unloads over it" rmmod chamelio
	check "and nothing of it runs later" sleep 3
else
	skip "chamelio.ko loads" "not built"
fi
finish
