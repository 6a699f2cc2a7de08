#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One fuzz target: the inputs that are kept, then new ones for a while, always
# the same seed.
#
# usage: selftests/fuzz/run.sh NAME
#        selftests/fuzz/run.sh NAME SECONDS|0   open-ended: what is new stays below O,
#                                               another seed each time, 0 never ends
#
#   FUZZ_TIME=S  seconds for new inputs in the first form (default 6)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$tap_top" || exit 1
name=${1:-}
target=$O/selftests/fuzz_$name
corpus=selftests/fuzz/corpus/$name
if [ ! -x "$target" ]; then
	known=$(printf '%s\n' selftests/fuzz/*_fuzz.c | sed 's|.*/||; s|_fuzz.c$||' | xargs)
	bail "no target '$name' is built: make tests, then one of: $known"
fi
# symbols cost seconds and are wanted only once something is found
export ASAN_OPTIONS=symbolize=0
common=(-timeout=20 -rss_limit_mb=4096)

# try NAME ARGUMENT...: a run of the target; where it stops an input is left behind
try() {
	local what=$1 log=$O/selftests/fuzz_$name.log bad=$O/selftests/fuzz_$name-
	shift
	rm -f "$bad"*
	if "$target" "${common[@]}" -artifact_prefix="$bad" "$@" >"$log" 2>&1; then
		pass "$what$(sed -n 's/^Done \([0-9]* runs\) in .*/, \1/p' "$log")"
		return
	fi
	for bad in "$bad"*; do
		[ ! -e "$bad" ] || ASAN_OPTIONS='' "$target" "$bad" >>"$log" 2>&1
	done
	fail "$what" "$(grep -E "not so|ERROR: |runtime error|^SUMMARY|^ +#[0-9]+ .*(kmod|xdp|selftests)/" \
		"$log" | head -n 40)" "again: $target $bad"
}

if [ $# -gt 1 ]; then
	found=$O/selftests/fuzz-$name
	mkdir -p "$found"
	echo "fuzz: $name, new inputs go to $found" >&2
	exec "$target" "${common[@]}" -artifact_prefix="$O/selftests/fuzz_$name-" \
		-max_total_time="$2" -use_value_profile=1 "$found" "$corpus"
fi

tap_tmpdir
inputs=("$corpus"/*)
try "the $(printf '%s\n' "${inputs[@]}" | wc -l) inputs that are kept" -runs=0 "$corpus"
try "and new ones, seed 1" -seed=1 -max_total_time="${FUZZ_TIME:-6}" \
	"$tap_tmp" "$corpus"
finish
