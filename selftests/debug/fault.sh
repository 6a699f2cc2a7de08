# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Failing allocations: only those with a caller in the module's text, so that
# nothing else on the machine is starved.

fault_dir=/sys/kernel/debug
fault_kinds="failslab fail_page_alloc"
fault_times=1000000

# fault_set FILE VALUE: of both kinds
fault_set() {
	local kind
	for kind in $fault_kinds; do
		echo "$2" >"$fault_dir/$kind/$1" || return
	done
}

# fault_range START END: where a caller of the allocation must be
fault_range() {
	fault_set probability 0 &&
	fault_set require-start "$1" &&
	fault_set require-end "$2" &&
	fault_set stacktrace-depth 32 &&
	fault_set ignore-gfp-wait N &&
	fault_set verbose "${FAULT_VERBOSE:-0}" &&
	fault_set times $fault_times &&
	echo 0 >$fault_dir/fail_page_alloc/min-order &&
	echo N >$fault_dir/fail_page_alloc/ignore-gfp-highmem
}

# fault_range_module: the module is loaded
fault_range_module() {
	local start size
	start=$(cat /sys/module/chamelio/sections/.text) || return
	size=$(size -A "${CHAM_KO:-$O/chamelio.ko}" | awk '$1 == ".text" { print $2 }')
	fault_range "$start" "$(printf '0x%x' $((start + size)))"
}

# fault_range_init: module_init() runs below do_init_module(); DEBUG says where
# that is, because reading /proc/kallsyms takes minutes on such a kernel
fault_range_init() {
	local start end
	read -r start end <<<"${DEBUG:-}"
	[ -n "$end" ] && fault_range "$start" "$end"
}

# fault_on N: every Nth such allocation fails; fault_off
fault_on() {
	fault_set interval "$1" && fault_set probability 100
}

fault_off() {
	fault_set probability 0
}

# fault_count: how many have failed since the range was set
fault_count() {
	local kind left sum=0
	for kind in $fault_kinds; do
		left=$(cat "$fault_dir/$kind/times")
		sum=$((sum + fault_times - left))
	done
	echo $sum
}

# fault_nth N COMMAND...: its Nth such allocation fails
fault_nth() {
	# shellcheck disable=SC2016 # the inner shell expands it
	sh -c 'echo "$0" >/proc/self/fail-nth && exec "$@"' "$@"
}
