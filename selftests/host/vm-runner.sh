#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/vm itself: statuses, output, time, and nothing left behind.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$tap_top" || exit 1
require_root
require_cmd qemu-system-x86_64
tap_tmpdir
# our machines, not those of others: their files are here
export TMPDIR=$tap_tmp

# leftovers: processes that name our directory
leftovers() {
	grep -laF "$tap_tmp/chamelio-vm." /proc/[0-9]*/cmdline 2>/dev/null
}

no_leftovers() {
	[ -z "$(leftovers)" ]
}

# cpu: milliseconds of processors that what ran here has taken: other lanes do not count
cpu() {
	local s
	read -ra s </proc/$$/stat
	echo $(((s[15] + s[16]) * 1000 / $(getconf CLK_TCK)))
}

scripts/vm --timeout 1 -- true >/dev/null 2>&1 # finds out about KVM, once
begin=${EPOCHREALTIME/[.,]/}
used=$(cpu)
# shellcheck disable=SC2016 # the guest's shell expands it
out=$(scripts/vm --timeout 120 -- sh -c 'echo out; echo err >&2; [ "$0" = "a  b" ] && date +%s%6N' 'a  b')
rc=$?
used=$(($(cpu) - used))
check_eq "status 0" 0 $rc
check_eq "stdout and stderr arrive, arguments stay whole" "out err" "$(head -n 2 <<<"$out" | xargs)"
booted=$(sed -n 3p <<<"$out")
ms=$(((${booted:-0} - begin) / 1000))
diag "start to command: $ms ms; to the end: $used ms of processors"
check_num "boot, command and end take less than 20 s of a processor" $used -lt 20000
check_num "and not before it was started" $ms -gt 0

# what follows is no matter of how many processors there are
one() { scripts/vm --cpus 1 "$@"; }

# shellcheck disable=SC2016
one --timeout 120 -- sh -c 'kill -KILL $$' 2>/dev/null
check_eq "a signal's status" 137 $?
one --timeout 120 -- no-such-command >/dev/null 2>&1
check_eq "no such command" 127 $?
one --timeout 120 -- sh -c 'sleep 1000 & head -c 3000000 /dev/zero; exit 3' >"$tap_tmp/out"
check_eq "status 3" 3 $?
check_eq "output is complete, a process left behind does not matter" 3000000 \
	"$(stat -c %s "$tap_tmp/out")"
one --timeout 8 -- sleep 1000 2>/dev/null
check_eq "timeout" 124 $?
err=$(one --timeout 120 -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at made/up.c" >/dev/kmsg; exit 0' 2>&1 >/dev/null)
check_eq "a warning of the kernel" 70 $?
check_match "and its text" "made/up.c" "$err"
one --timeout 120 -- sh -c 'echo c >/proc/sysrq-trigger; sleep 60' >/dev/null 2>&1
check_eq "a panic" 70 $?
# oops WHERE: the breakpoint of a patch is met there
oops() {
	one --accel tcg --timeout 120 -- sh -c "printf 'Oops: int3: 0000 [#1]\\nRIP: 0010:$1\\n' | \
		while read -r l; do echo \"\$l\" >/dev/kmsg; done; echo c >/proc/sysrq-trigger; sleep 60" >/dev/null 2>&1
}
oops do_syscall_64+0x1a/0x20
check_eq "the emulator's own oops" 72 $?
oops bpf_prog_6deef7357e7b4530+0x1a/0x20
check_eq "not in the text of a BPF program" 70 $?
one --kernel 0.0.0-none -- true 2>/dev/null
check_eq "no such kernel" 125 $?
check "nothing is left" busywait 5 no_leftovers

# one machine is hit when it runs the command, the others while they boot
machine() { [ "$(leftovers | wc -l)" -ge 3 ]; }
for signal in TERM INT HUP KILL; do
	: >"$tap_tmp/out"
	# job control, or INT would be ignored in the background
	set -m
	scripts/vm --cpus 1 --timeout 120 -- sh -c 'echo ready; sleep 1000' >"$tap_tmp/out" 2>/dev/null &
	vm=$!
	set +m
	[ $signal != TERM ] || busywait 60 grep -q ready "$tap_tmp/out"
	check "SIG$signal: there is a machine" busywait 60 machine
	kill "-$signal" "$vm"
	wait "$vm" 2>/dev/null
	rc=$?
	check_eq "SIG$signal: status" $((128 + $(kill -l "$signal"))) $rc
	check "SIG$signal: nothing is left" busywait 5 no_leftovers
done
finish
