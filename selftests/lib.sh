# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Helpers for tests in bash. A test sources this file, makes assertions, each a
# line of TAP, and ends with "finish":
#
#	. "$(dirname "$0")/../lib.sh"
#	require_root
#	require_cmd ip ping
#	netns_add a
#	netns_add b
#	veth_pair a va 10.9.0.1/24 b vb 10.9.0.2/24
#	check "a reaches b" in_ns a ping -qc1 10.9.0.2
#	finish
#
# Exit status: 0 all passed, 1 something failed, 4 skipped as a whole.

KSFT_PASS=0
KSFT_FAIL=1
KSFT_SKIP=4

tap_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tap_name=$(basename "$0" .sh)
tap_count=0
tap_failed=0
tap_cleanups=()
tap_tmp=

# where the build is: O= of make
O=${O:-$tap_top/build}
[ "${O#/}" != "$O" ] || O=$tap_top/$O
export O

# diag TEXT...: a line or many for the reader
diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# pass NAME / fail NAME [DETAILS] / skip NAME REASON: one assertion each
pass() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	[ $# -lt 2 ] || diag "${@:2}"
	return 1
}

# relay WHO COMMAND...: it says "ok NAME" and "not ok NAME", and "# TEXT"; all else is a
# failure, and so is that it fails or says nothing
relay() {
	local line who=$1 had=$tap_count
	shift
	while read -r line; do
		case $line in
		"ok "*)		pass "$who: ${line#ok }" ;;
		"not ok "*)	fail "$who: ${line#not ok }" ;;
		"#"*)		diag "${line#\# }" ;;
		*)		fail "$who" "$line" ;;
		esac
	done < <("$@" 2>&1 || echo "exit status $?")
	[ "$tap_count" -gt "$had" ] || fail "$who: says something"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# check NAME COMMAND...: passes when the command does; its output is shown when not
check() {
	local name=$1 out rc
	shift
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc = 0 ]; then
		pass "$name"
	else
		fail "$name" "exit status $rc: $*"$'\n'"$out"
	fi
}

# check_fails NAME COMMAND...: the command must fail (but not crash)
check_fails() {
	local name=$1 out rc
	shift
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc != 0 ] && [ $rc -lt 128 ]; then
		pass "$name"
	else
		fail "$name" "exit status $rc: $*"$'\n'"$out"
	fi
}

# check_eq NAME WANTED GOT, check_match NAME REGEX TEXT
check_eq() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "wanted: $2"$'\n'"got:    $3"
	fi
}

check_match() {
	if [[ $3 =~ $2 ]]; then
		pass "$1"
	else
		fail "$1" "wanted: $2"$'\n'"got:    $3"
	fi
}

# check_num NAME A OPERATOR B: as in check_num "rate" 12 -ge 10
check_num() {
	if test "$2" "$3" "$4" 2>/dev/null; then
		pass "$1"
	else
		fail "$1" "not so: $2 $3 $4"
	fi
}

# defer COMMAND...: run it at the end, last one first, whatever happens
defer() {
	local quoted
	printf -v quoted '%q ' "$@"
	tap_cleanups+=("$quoted")
}

tap_run_cleanups() {
	local i
	for ((i = ${#tap_cleanups[@]} - 1; i >= 0; i--)); do
		eval "${tap_cleanups[i]}" >/dev/null 2>&1
	done
	tap_cleanups=()
}

tap_on_exit() {
	local rc=$?
	trap - EXIT
	tap_run_cleanups
	exit $rc
}
trap tap_on_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# finish: the plan and the exit status; the last thing a test does
finish() {
	echo "1..$tap_count"
	[ $tap_failed = 0 ] || exit $KSFT_FAIL
	[ $tap_count -gt 0 ] || exit $KSFT_FAIL
	exit $KSFT_PASS
}

# skip_all REASON: nothing here can be tested
skip_all() {
	skip "$tap_name" "$*"
	echo "1..$tap_count"
	[ $tap_failed = 0 ] || exit $KSFT_FAIL
	exit $KSFT_SKIP
}

# bail REASON: going on makes no sense, and that is a failure
bail() {
	fail "$tap_name: $1" "${@:2}"
	finish
}

# require_cmd COMMAND..., require_root, require_module MODULE...: or skip all
require_cmd() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip_all "no $c"
	done
}

require_root() {
	[ "$(id -u)" = 0 ] || skip_all "needs root"
}

require_module() {
	local m
	for m in "$@"; do
		modprobe -q "$m" || [ -d "/sys/module/${m//-/_}" ] ||
			skip_all "no module $m"
	done
}

# require_vm: this machine must be the guest of scripts/vm
require_vm() {
	[ "${CHAM_VM:-}" = 1 ] || skip_all "runs in the VM only"
}

# nap SECONDS: sleep without a process, which would take longer than a short one
exec {tap_silence}<> <(:)
nap() {
	read -rt "$1" -u "$tap_silence" || :
}

# busywait SECONDS COMMAND...: until it succeeds; fails when it never does.
# TIMESCALE says how much slower than usual this machine is.
busywait() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * ${TIMESCALE:-1} * 1000000))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/[.,]/}" -lt $end ] || return 1
		nap 0.05
	done
}

# mb N: how many of N megabytes to move; fewer where that takes minutes
mb() {
	echo $((${TIMESCALE:-1} < 4 ? $1 : $1 < 32 ? 1 : $1 / 16))
}

# tap_tmpdir: sets tap_tmp to a directory that goes away at the end
tap_tmpdir() {
	[ -z "$tap_tmp" ] || return 0
	tap_tmp=$(mktemp -d) || bail "no temporary directory"
	defer rm -rf "$tap_tmp"
}

# background COMMAND...: start it, set bg_pid, end it at the end
background() {
	"$@" &
	bg_pid=$!
	defer kill "$bg_pid"
}

# netns_add NAME: a namespace with lo up, gone at the end with what runs in it
netns_add() {
	ip netns add "$1" || return
	defer netns_del "$1"
	ip -n "$1" link set lo up
}

netns_del() {
	local pids
	pids=$(ip netns pids "$1" 2>/dev/null)
	# shellcheck disable=SC2086 # one word per process
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	ip netns del "$1"
}

# in_ns NAME COMMAND...
in_ns() {
	ip netns exec "$@"
}

# veth_pair NS DEV ADDRESS NS DEV ADDRESS: up, with addresses ("-": none)
veth_pair() {
	ip link add "$2" netns "$1" type veth peer name "$5" netns "$4" || return
	[ "$3" = - ] || ip -n "$1" addr add "$3" dev "$2"
	[ "$6" = - ] || ip -n "$4" addr add "$6" dev "$5"
	ip -n "$1" link set "$2" up
	ip -n "$4" link set "$5" up
}

# wait_port NS tcp|udp PORT [SECONDS]: until something listens there
wait_port() {
	busywait "${4:-10}" tap_listens "$1" "$2" "$3"
}

tap_listens() {
	in_ns "$1" ss -Hln "--$2" "sport = :$3" | grep -q .
}

# module_load [PARAMETER...]: chamelio.ko of the build, after what it depends on
module_load() {
	local dep
	[ -e "$O/chamelio.ko" ] || return 1
	for dep in $(modinfo -F depends "$O/chamelio.ko" | tr ',' ' '); do
		modprobe "$dep" || return
	done
	insmod "$O/chamelio.ko" "$@"
}

# handler_program OUT SOURCE [OPTION...]: a tenant's program, OUT.bc and OUT.o; for
# --outside, because the compiler is slow in the VM
handler_program() {
	clang-19 -target bpf -mcpu=v3 -O2 -g -std=gnu11 -I"$tap_top/uapi" -I"$tap_top/bpf" \
		-I"/usr/include/$(gcc -print-multiarch)" "${@:3}" -emit-llvm -c -o "$1.bc" "$2" &&
		llc-19 -mtriple=bpfel -mcpu=v3 -O2 -filetype=obj -o "$1.o" "$1.bc"
}
