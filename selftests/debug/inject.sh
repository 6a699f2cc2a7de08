#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# A test of selftests/vm with failing allocations. What it then says of the
# module does not count; that the kernel has nothing to report, that all comes
# down and that nothing is lost, does (run.sh looks at the log and for leaks).
#
# usage: inject.sh TEST
#   FAULT_EVERY=N  every Nth allocation below the module fails (default 53)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=fault.sh
. "$(dirname "$0")/fault.sh"
require_vm
require_root
[ -e $fault_dir/failslab ] || skip_all "the kernel has no fault injection"
tap_tmpdir

FAULT_EVERY=${FAULT_EVERY:-53} timeout -k 10 $((60 * ${TIMESCALE:-1})) "selftests/vm/$1.sh" \
	>"$tap_tmp/out" 2>&1
rc=$?
fault_off
failed=$(fault_count)
good=$(grep -c '^ok' "$tap_tmp/out")
bad=$(grep -c '^not ok' "$tap_tmp/out")
diag "$1: exit status $rc, $good passed, $bad failed, $failed allocations failed"
check_num "$1: allocations failed" "$failed" -gt 0

# The test was stopped or stumbled: put away what it left.
# shellcheck disable=SC2317 # called by busywait
down() {
	local d
	for d in $(vdpa -j dev show 2>/dev/null | jq -r '.dev|keys[]?'); do
		vdpa dev del "$d"
	done
	for d in $(basename -a /sys/class/net/* | grep -E '^(br|vx|hv)'); do
		ip link del "$d" 2>/dev/null
	done
	topo_down
	[ ! -d /sys/module/chamelio ]
}
rm -rf /sys/fs/bpf/t
echo 1 >/sys/bus/vdpa/drivers_autoprobe
check "$1: all comes down, the module unloads" busywait 30 down
finish
