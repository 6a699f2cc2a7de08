#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What tools say that do not run the code: one assertion each, findings below it.
# timeout: 900

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$tap_top" || exit 1
# The make that runs this has a job server that ours is no part of.
unset MAKEFLAGS MFLAGS MAKELEVEL
work=$O/static
mkdir -p "$work"

# as the repository has them, the new ones too
sources() {
	git ls-files -co --exclude-standard -- "$@" 2>/dev/null ||
		find . -path ./build -prune -o -type f -print | sed 's|^\./||'
}

existing() {
	local f
	while read -r f; do
		[ ! -f "$f" ] || echo "$f"
	done
}

c_files() {
	sources '*.c' '*.h' | grep -E '\.[ch]$' | existing
}

# report NAME FILE: passes when FILE is empty
report() {
	local lines
	lines=$(wc -l <"$2")
	if [ "$lines" = 0 ]; then
		pass "$1"
	else
		fail "$1" "$(head -n 200 "$2")"
		[ "$lines" -le 200 ] || diag "... $((lines - 200)) more lines in $2"
	fi
}

# Drops what checkpatch says of X macros: a list of calls is no expression, X()
# takes only the columns it needs and may begin with a designator; and of tracepoints,
# which are laid out as in the kernel's include/trace/events.
not_x_macros() {
	local finding file line
	while IFS= read -r finding; do
		case $finding in
		kmod/trace.h:*:OPEN_ENDED_LINE:* | kmod/trace.h:*:PARENTHESIS_ALIGNMENT:* | \
			kmod/trace.h:*:TRAILING_SEMICOLON:*)
			continue
			;;
		*:COMPLEX_MACRO:* | *:MACRO_WITH_FLOW_CONTROL:* | *:MACRO_ARG_*:* | *:BRACKET_SPACE:*)
			IFS=: read -r file line _ <<<"$finding"
			sed -n "${line}p" "$file" |
				grep -qE '^#define ([A-Z0-9_]+_LIST)?[(]?X[()]' && continue
			;;
		esac
		printf '%s\n' "$finding"
	done
}

# checkpatch.pl and kernel-doc come with Debian's kernel source
tools=$work/scripts
if [ ! -x "$tools/checkpatch.pl" ]; then
	# a tar ball of the kernel we build for, or of any
	for ball in /usr/src/linux-source-6.12.tar.xz /usr/src/linux-source-*.tar.xz; do
		[ -e "$ball" ] || continue
		dir=$(basename "$ball" .tar.xz)/scripts
		tar -xf "$ball" -C "$work" --strip-components=1 --occurrence=1 \
			"$dir/checkpatch.pl" "$dir/kernel-doc" "$dir/spelling.txt" \
			"$dir/const_structs.checkpatch" 2>/dev/null
		[ ! -x "$tools/checkpatch.pl" ] || break
	done
fi

if [ -x "$tools/checkpatch.pl" ]; then
	mapfile -t files < <(c_files)
	# Ignored: what asks for a patch; outside the kernel also what asks for
	# the kernel's own types and macros.
	patch=(--no-tree --strict --terse --show-types --no-summary)
	only=FILE_PATH_CHANGES,CONFIG_DESCRIPTION
	user=$only,PREFER_KERNEL_TYPES,ARRAY_SIZE,PREFER_DEFINED_ATTRIBUTE_MACRO
	user+=,EMBEDDED_FUNCTION_NAME,MEMORY_BARRIER,VOLATILE,AVOID_EXTERNS
	user+=,NEW_TYPEDEFS,CAMELCASE,CONSTANT_CONVERSION
	# tables made by macros: macro arguments are used twice, members of
	# structures are no expressions, and BIT() is the kernel's
	user+=,MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE,BIT_MACRO
	# these two define the kernel's types themselves, to build on the host
	host='^kmod/(seg_host|ring_walk)\.h$'
	mapfile -t mod < <(printf '%s\n' "${files[@]}" | grep -E '^(kmod|uapi)/' | grep -vE "$host")
	mapfile -t out < <(printf '%s\n' "${files[@]}" | grep -vxFf <(printf '%s\n' "${mod[@]}"))
	# the kernel's own CamelCase (struct Qdisc) is known from its headers
	for dir in /usr/src/linux-headers-*-common /lib/modules/*/source; do
		[ ! -d "$dir/include" ] || patch+=(--root="$dir")
	done
	# elsewhere than in a git tree, where checkpatch leaves a file
	{
		cd "$work" || exit 1
		[ ${#mod[@]} = 0 ] ||
			"$tools/checkpatch.pl" "${patch[@]}" --ignore "$only" -f "${mod[@]/#/$tap_top/}"
		[ ${#out[@]} = 0 ] ||
			"$tools/checkpatch.pl" "${patch[@]}" --ignore "$user" -f "${out[@]/#/$tap_top/}"
		cd "$tap_top" || exit 1
	} 2>&1 | sed -e "s|$tap_top/||" -e '/^$/d' | not_x_macros >"$work/checkpatch"
	report "checkpatch --strict" "$work/checkpatch"
else
	skip "checkpatch --strict" "no kernel source in /usr/src"
fi

kerneldoc=$tools/kernel-doc
for f in /usr/lib/linux-kbuild-*/scripts/kernel-doc; do
	[ -x "$kerneldoc" ] || kerneldoc=$f
done
if [ -x "$kerneldoc" ]; then
	mapfile -t files < <(c_files | grep -E '^(kmod|uapi|lib|xdp|bpf)/')
	"$kerneldoc" -none -Werror "${files[@]}" >"$work/kernel-doc" 2>&1
	rc=$?
	[ $rc = 0 ] || [ -s "$work/kernel-doc" ] || echo "exit status $rc" >"$work/kernel-doc"
	report "kernel-doc -Werror" "$work/kernel-doc"
else
	skip "kernel-doc -Werror" "no kernel-doc"
fi

if command -v shellcheck >/dev/null; then
	mapfile -t files < <(sources | existing | while read -r f; do
		case $f in
		*.sh | *.bash | .ci/run) echo "$f" ;;
		*.[ch] | *.py | *.md | *.yaml) ;;
		*) head -c 64 "$f" | grep -qaE '^#!.*/(env )?(ba)?sh' && echo "$f" ;;
		esac
	done)
	# SC2317: functions that only traps and "check" call
	# SC2119, SC2120: functions of lib.sh and topo.sh with optional arguments
	shellcheck -x -P SCRIPTDIR -e SC2317,SC2119,SC2120 -f gcc "${files[@]}" >"$work/shellcheck" 2>&1
	report "shellcheck" "$work/shellcheck"
else
	skip "shellcheck" "not installed"
fi

# make check has built the module at W=1 with warnings as errors; made once more with
# the same flags only sparse runs, on every file
if [ -d kmod ] && command -v sparse >/dev/null; then
	make kmod O="$O" C=2 WERROR=1 ${KREL:+KREL="$KREL"} >"$work/build" 2>&1
	rc=$?
	grep -E '(warning|error):|\*\*\*|undefined!' "$work/build" | sed "s|$O/module/||" >"$work/findings"
	[ $rc = 0 ] || [ -s "$work/findings" ] || tail -n 30 "$work/build" >"$work/findings"
	# gcc names the option of a warning or prints an error; the rest is sparse's
	grep -E '\[-W|fatal error|No such file|\*\*\*|undefined!|modpost|pahole|BTF' "$work/findings" >"$work/gcc"
	[ $rc = 0 ] || [ -s "$work/gcc" ] || cp "$work/findings" "$work/gcc"
	report "gcc W=1" "$work/gcc"
	grep -vE '\[-W|fatal error|No such file|\*\*\*|undefined!|modpost|pahole|BTF' "$work/findings" | sort -u >"$work/sparse"
	report "sparse" "$work/sparse"
else
	skip "gcc W=1" "no kmod/ or no sparse"
	skip "sparse" "no kmod/ or not installed"
fi

sources | existing | grep -E '\.(c|h|sh|bash|yaml)$|^(Makefile|Kbuild|dkms.conf|scripts/|\.ci/)' |
	while read -r f; do
		head -n 3 "$f" | grep -q SPDX-License-Identifier || echo "$f: no SPDX line"
	done >"$work/spdx"
report "SPDX lines" "$work/spdx"
wc -l bpf/*.bpf.c | awk '$1 >= 250 && $2 != "total" { print $2 ": " $1 " lines" }' >"$work/long"
report "the protocols that we ship are examples, each under 250 lines" "$work/long"
finish
