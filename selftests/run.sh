#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the tests in lanes side by side: those of the host here, those of the VM in
# one boot for each lane. A lane takes the next file that none has taken.
#
# A VM of one processor costs the emulator two thirds of one with two: the
# last lane has two, and takes the files with a line "# processors: 2" first, which are
# its own; the others have one. With DEBUG all run on two.
#
#   O=DIR          the build (default: build)
#   TESTS=GLOB...  only the files whose name (boot, unit_seg, fuzz_ring)
#                  matches one
#   TIMEOUT=S      for each file (default 300; a file asks for more with a line
#                  "# timeout: S" among its first 30)
#   KERNEL=RELEASE the kernel of the VM
#   VMOPTS=...     more options for scripts/vm
#   JOBS=N         lanes (default: processors + 1 and at most 4, with DEBUG 1)
#   TIMESCALE=N    all times are so many times longer
#   DEBUG="A B"    the kernel is scripts/debug-kernel's, its do_init_module() is
#                  from A to B: look for leaks after each test; then selftests/debug
#   INJECT=TEST... with DEBUG: these once more while allocations fail, and then
#                  once more while none does
#
# usage: selftests/run.sh [--vm]  --vm: not those of the host
#
# The last line says "N passed, N failed" and, when there are, ", N skipped":
# single assertions. Exit status 1 when anything failed, when a file made no
# assertion, or when the kernel complained.

set -u

# lanes: one more than processors, for a test also waits; each has a VM of 2 GB
lanes() {
	local n most
	if [ -n "${DEBUG:-}" ]; then
		echo 1
		return
	fi
	n=$(($(nproc) + 1))
	most=$(($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) / 3000000))
	[ $n -le 4 ] || n=4
	[ $n -le $most ] || n=$most
	[ $n -ge 1 ] || n=1
	echo $n
}

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
O=${O:-build}
[ "${O#/}" != "$O" ] || O=$top/$O
export O
guest=0
[ "${1:-}" != --guest ] || guest=1
scale=${TIMESCALE:-1}
jobs=${JOBS:-$(lanes)}

# each lane has its own results; a directory in "taken" is a file that a lane has
lane=${LANE:-0}
results=$O/selftests/results.$lane
taken=$O/selftests/taken
mkdir -p "$taken" || exit 1

selected() {
	local glob
	[ -n "${TESTS:-}" ] || return 0
	set -f
	for glob in $TESTS; do
		# shellcheck disable=SC2053 # a pattern it is
		if [[ $1 = $glob ]]; then
			set +f
			return 0
		fi
	done
	set +f
	return 1
}

# wanted FILE: a test script that was selected; one with a line "# on request"
# among its first 30 is only run when TESTS is set
wanted() {
	[ -x "$1" ] && selected "$(basename "$1" .sh)" &&
		{ [ -n "${TESTS:-}" ] || ! sed -n 1,30p "$1" | grep -qx '# on request'; }
}

# two FILE: what it is about happens on two processors
two() {
	sed -n 1,30p "$1" | grep -qx '# processors: 2'
}

# take KIND FILE: no other lane has it; what this one has last taken is in "now"
take() {
	local name
	name=$1-$(basename "$2" .sh)
	mkdir "$taken/$name" 2>/dev/null && echo "$name" >"$O/selftests/now.$lane"
}

# blocks: what a lane says, a test at a time; only that one begins is said at once
# (in the shell, because mawk waits for 4 KB of input)
blocks() {
	local line block=
	while IFS= read -r line || [ -n "$line" ]; do
		block+=$line$'\n'
		if [[ $line =~ ^'# '[a-z]+/[a-z_-]+$ ]]; then
			say "$line begins"$'\n'
		elif [[ $line =~ ^'# '[a-z]+/[a-z_-]+': '[0-9]+' passed' ]]; then
			say "$block"
			block=
		fi
	done
	say "$block"
}

# say TEXT: no lane in between
say() {
	printf '%s' "$1" | flock "$O/selftests/lock" cat
}

# count FILE STATUS OUTPUT: append "NAME PASSED FAILED SKIPPED REASON" to the results
count() {
	awk -v name="$1" -v rc="$2" '
	/^[ \t]*not ok/ { if (/# *(SKIP|XFAIL|TODO)/) skip++; else bad++; next }
	/^[ \t]*ok/ { if (/# *SKIP/) skip++; else good++ }
	/^1\.\.0 *# *SKIP/ { skip++ }
	/^1\.\.[0-9]/ { plan = 1 }
	# the shell then leaves out the whole command, a loop or a function
	/^[^#]*: line [0-9]+: .*(syntax error|division by 0|command not found|unbound variable)/ { shell = $0 }
	END {
		if (good + bad + skip == 0) {
			bad++; why = "no assertion"
		} else if (rc == 124 || rc == 137) {
			bad++; why = "timeout"
		} else if (shell) {
			bad++; why = shell
		} else if (!plan) {
			bad++; why = "no plan"
		} else if (rc == 4 && skip == 0) {
			bad++; why = "skipped without saying so"
		} else if (rc != 0 && rc != 4 && bad == 0) {
			bad++; why = "exit status " rc
		}
		print name, good + 0, bad + 0, skip + 0, why
	}' "$3" >>"$results"
}

# run_file KIND FILE [NAME]: one test with its time limit, shown and counted
run_file() {
	local name kind=$1 file=$2 limit rc start out=$O/selftests/output.$lane why
	name=${3:-$(basename "$file" .sh)}
	limit=$(sed -n '1,30s/^# timeout: \([0-9][0-9]*\)$/\1/p' "$file" 2>/dev/null | head -n 1)
	limit=$((${limit:-${TIMEOUT:-300}} * scale))
	[ $guest = 0 ] || out=/tmp/test-output
	echo "# $kind/$name"
	start=$SECONDS
	[ $guest = 0 ] || echo "selftests: $name begins" >/dev/kmsg
	[ $guest = 0 ] || : >/run/leak-scan-due
	timeout -k 10 "$limit" "$file" ${3:+"$3"} </dev/null 2>&1 | tee "$out"
	rc=${PIPESTATUS[0]}
	if [ $guest = 1 ] && ! splat_free "$name"; then
		echo "not ok - $name: the kernel's log is clean" >>"$out"
	fi
	if [ $guest = 1 ] && [ -n "${DEBUG:-}" ]; then
		leak_free "$name" | tee -a "$out"
	fi
	count "$kind/$name" "$rc" "$out"
	why=$(tail -n 1 "$results")
	rm -f "$out"
	show "$why" $((SECONDS - start))
}

# show RESULT SECONDS
show() {
	local name good bad skip why
	read -r name good bad skip why <<<"$1"
	echo "# $name: $good passed, $bad failed, $skip skipped, $2 s${why:+ ($why)}"
}

# What the kernel said since this test began; prints it when it complained.
splat_free() {
	local log
	log=$(dmesg | awk -v mark="selftests: $1 begins" 'index($0, mark) { n = NR; text = ""; next }
		{ text = text $0 "\n" } END { printf "%s", text }')
	grep -qE "$SPLAT_RE" <<<"$log" || return 0
	echo "not ok - $1: the kernel's log is clean"
	tail -n 120 <<<"$log" | sed 's/^/# /'
	return 1
}

# What nobody points to any more: selftests/debug/bin/rmmod looked while the
# module was there; now it is gone, and its functions have no names.
leak_free() {
	local ours='\[chamelio\]| 0x[0-9a-f]+$'
	/bin/sleep 6	# younger blocks are not reported
	if ! echo scan 2>/dev/null >/sys/kernel/debug/kmemleak; then
		echo "not ok - $1: leaks are looked for"
		return
	fi
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak >>/run/leaks
	echo clear >/sys/kernel/debug/kmemleak
	if grep -qE "$ours" /run/leaks; then
		echo "not ok - $1: nothing is lost"
		head -n 120 /run/leaks | sed 's/^/# /'
	else
		echo "ok - $1: nothing is lost"
		# not ours, but worth a line
		sed -n 's/^unreferenced.*/# & (not of the module)/p' /run/leaks
	fi
	rm -f /run/leaks
}

if [ $guest = 1 ]; then
	if [ -n "${DEBUG:-}" ]; then
		PATH=$top/selftests/debug/bin:$PATH
		echo clear >/sys/kernel/debug/kmemleak
	fi
	own=() others=()
	for file in selftests/vm/*.sh; do
		if ! wanted "$file"; then
			continue
		elif two "$file"; then
			own+=("$file")
		else
			others+=("$file")
		fi
	done
	[ "$(nproc)" -ge 2 ] || own=()
	for file in ${own[@]+"${own[@]}"} ${others[@]+"${others[@]}"}; do
		! take vm "$file" || run_file vm "$file"
	done
	[ -n "${DEBUG:-}" ] || exit 0
	if selected alloc && take debug alloc; then
		run_file debug selftests/debug/alloc.sh
	fi
	for name in ${INJECT:-}; do
		! take inject "$name" || run_file inject selftests/debug/inject.sh "$name"
	done
	for name in ${INJECT:-}; do
		! take healthy "$name" || run_file healthy "selftests/vm/$name.sh"
	done
	# a page pool that misses pages says so after a minute: scripts/vm reads it
	/bin/sleep 65
	exit 0
fi

[ "${1:-}" = --vm ] && vm_only=1 || vm_only=0
rm -rf "$taken" "$O"/selftests/results.*
mkdir "$taken"
: >"$results"

# what is to be run here: "KIND NAME"
here=()
if [ "$vm_only" = 0 ]; then
	for file in selftests/host/*.sh; do
		! wanted "$file" || here+=("host $(basename "$file" .sh)")
	done
	for file in selftests/unit/*_test.c; do
		name=unit_$(basename "$file" _test.c)
		! selected "$name" || here+=("unit $name")
	done
	for file in selftests/fuzz/*_fuzz.c; do
		name=$(basename "$file" _fuzz.c)
		! selected "fuzz_$name" || here+=("fuzz $name")
	done
fi

host_tests() {
	local kind name
	while read -r kind name <&3; do
		if [ "$kind" = host ]; then
			run_file host "selftests/host/$name.sh" 3<&-
		elif [ "$kind" = fuzz ]; then
			run_file fuzz selftests/fuzz/run.sh "$name" 3<&-
		elif [ -x "$O/selftests/$name" ]; then
			run_file unit "$O/selftests/$name" 3<&-
		else
			echo "unit/$name 0 1 0 not built" >>"$results"
			show "$(tail -n 1 "$results")" 0
		fi
	done 3< <(printf '%s\n' ${here[@]+"${here[@]}"})
}

# what guests will run, and how long that may take
names=()
total=$((120 * scale))
expect() {	# NAME FILE
	local limit
	names+=("$1")
	limit=$(sed -n '1,30s/^# timeout: \([0-9][0-9]*\)$/\1/p' "$2" | head -n 1)
	total=$((total + (${limit:-${TIMEOUT:-300}} + 15) * scale))
}

# outside FILE: what a test of the VM needs that is made out here, "# outside:
# COMMAND" among its first 30 lines. Without it the test says so and is skipped.
outside() {
	local command
	command=$(sed -n '1,30s/^# outside: //p' "$1")
	[ -n "$command" ] || return 0
	bash -c "$command" </dev/null >"$O/selftests/outside" 2>&1 && return
	echo "# $(basename "$1" .sh): outside: $command"
	sed 's/^/# /' "$O/selftests/outside"
	echo "outside/$(basename "$1" .sh) 0 1 0 $command" >>"$results"
}

for file in selftests/vm/*.sh; do
	if wanted "$file"; then
		expect "vm/$(basename "$file" .sh)" "$file"
		outside "$file"
	fi
done
if [ -n "${DEBUG:-}" ]; then
	! selected alloc || expect debug/alloc selftests/debug/alloc.sh
	for name in ${INJECT:-}; do
		expect "inject/$name" selftests/debug/inject.sh
		expect "healthy/$name" "selftests/vm/$name.sh"
	done
fi

# vm_tests LANE: one boot for what the lane will take; another one when the
# emulator lost the machine
vm_tests() {
	local vm rc now tries cpus=1 mine=$O/selftests/results.$1
	[ "$1" != "$jobs" ] && [ -z "${DEBUG:-}" ] || cpus=2
	vm=(scripts/vm --nics 1 --cpus "$cpus" --timeout "$total" --env O --env TESTS --env TIMEOUT
		--env "LANE=$1" --env TIMESCALE --env DEBUG --env INJECT --env FAULT_EVERY
		--env "SPLAT_RE=$(scripts/vm --splat-re)")
	[ -z "${KERNEL:-}" ] || vm+=(--kernel "$KERNEL")
	[ "${O#"$top"/}" != "$O" ] || vm+=(--rw "$O")
	# shellcheck disable=SC2206 # options, one word each
	vm+=(${VMOPTS:-})
	for tries in 1 2 3; do
		"${vm[@]}" -- selftests/run.sh --guest
		rc=$?
		if [ $rc != 72 ] || [ $tries = 3 ]; then
			break
		fi
		now=$(<"$O/selftests/now.$1")
		rmdir "$taken/$now"
		echo "lost/${now#*-} 0 0 1 the emulator lost the machine" >>"$mine"
		echo "# ${now/-//}: the emulator lost the machine, once more in another"
	done
	touch "$mine"
	# the kernel may complain where no test sees it: early, or when it powers off
	if [ $rc != 0 ] && ! awk '$3 > 0 { bad = 1 } END { exit !bad }' "$mine"; then
		echo "not ok - scripts/vm: exit status $rc"
		echo "vm 0 1 0 exit status $rc" >>"$mine"
	fi
}

# boots LANE: there is more to take than lanes that came to take it
boots() (
	flock 9
	[ "$(find "$taken" -mindepth 1 | wc -l)" -lt ${#names[@]} ] && mkdir "$taken/lane.$1"
) 9>"$O/selftests/boots"

# the first lane begins with the host's tests
run_lane() {
	[ "$1" != 1 ] || [ ${#here[@]} = 0 ] || host_tests
	! boots "$1" || vm_tests "$1"
}
trap 'trap - TERM; kill 0; wait; exit 130' INT TERM
for ((n = jobs; n >= 1; n--)); do
	run_lane "$n" 2>&1 | blocks &
done
wait

for name in ${names[@]+"${names[@]}"} ${here[@]+"${here[@]/ //}"}; do
	grep -qh "^$name " "$O"/selftests/results.* ||
		echo "$name 0 1 0 did not finish" | tee -a "$results" | sed 's/^/# /'
done
asked=$(grep -lx '# on request' selftests/*/*.sh | sed 's|^selftests/||; s|\.sh$||' | paste -sd ' ')
[ -n "${TESTS:-}" ] || [ -z "$asked" ] || echo "# only when TESTS names them: $asked"
awk '{ good += $2; bad += $3; skip += $4 }
$3 > 0 { name = $1; $1 = $2 = $4 = ""; printf "# failed: %s%s\n", name, ($5 == "" ? "" : " (" substr($0, 6) ")") }
END {
	if (good + bad + skip == 0) {
		print "# no test was selected"
		bad = 1
	}
	printf "%d passed, %d failed", good, bad
	if (skip)
		printf ", %d skipped", skip
	printf "\n"
	exit bad > 0
}' "$O"/selftests/results.*
