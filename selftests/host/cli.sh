#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# chamctl without the module: command table, man pages and completion in step,
# errors that name what would be accepted, exit codes. CHAMCTL=path tests a
# built one; otherwise it is built here, under the sanitizers.

top=$(cd "$(dirname "$0")/../.." && pwd)
man=$top/Documentation/man
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0 failed=0

check()		# check NAME COMMAND...
{
	local name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		failed=1
	fi
}

CHAMCTL=${CHAMCTL:-$top/chamctl}
if [ ! -x "$CHAMCTL" ]; then
	CHAMCTL=$tmp/chamctl
	for f in "$top"/cli/*.c; do
		[[ $f = */cli/chamd* ]] || sources+=("$f")
	done
	if ! ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -Wall -Wextra -fsanitize=address,undefined \
	     -I"$top" -I"$top/uapi" -I"$top/lib" "$top"/lib/*.c "${sources[@]}" \
	     -o "$CHAMCTL" -lmnl -lbpf -lxdp -ljansson -lz -lresolv 2>"$tmp/log"; then
		sed 's/^/# /' "$tmp/log"
		echo "not ok 1 chamctl is built"
		echo "1..1"
		exit 1
	fi
fi
CHAMCTL=$(realpath "$CHAMCTL")
export PATH="${CHAMCTL%/*}:$PATH"

fails()		# fails CODE TEXT ARGS...: exit code, and text on stderr
{
	local code=$1 text=$2 rc
	shift 2
	"$CHAMCTL" "$@" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	[ "$rc" -eq "$code" ] && grep -qF -- "$text" "$tmp/err" && return
	echo "# chamctl $*: exit $rc, want $code; want text: $text"
	sed 's/^/# /' "$tmp/err"
	return 1
}

keywords() { grep -oE '[a-z][a-z0-9-]+' | sort -u; }

documented()	# documented PAGE OBJECT COMMAND GRAMMAR
{
	local text synopsis
	[ -f "$1" ] || { echo "# no $1"; return 1; }
	text=$(sed -e 's/\\-/-/g' -e 's/\\fI//g' -e 's/\\fR//g' "$1")
	synopsis=$(awk '/^.SH SYN/{s=1;next}/^.SH/{s=0}s' <<<"$text")
	grep -qxF ".BR \"chamctl $2 $3\"" <<<"$synopsis" || {
		echo "# $1: synopsis lacks $2 $3"; return 1; }
	if [ -n "$4" ] && ! grep -qxF -- "$4" <<<"$synopsis"; then
		echo "# $1: synopsis of $3 is not: $4"
		return 1
	fi
	grep -qxF ".B $3" <<<"$text" || { echo "# $1: $3 not described"; return 1; }
}

no_more()	# no_more PAGE OBJECT: the page has no command the table lacks
{
	local cmd ret=0
	while read -r cmd; do
		grep -q "^$2	$cmd	" "$tmp/table" || {
			echo "# $1: $cmd is not in chamctl"; ret=1; }
	done < <(sed -n "s/^\.BR \"chamctl $2 \(.*\)\"/\1/p" "$1")
	return "$ret"
}

complete_words()	# complete_words WORD...: what completion offers at the end
{
	COMP_WORDS=("chamctl" "$@" "")
	COMP_CWORD=$(($# + 1))
	COMPREPLY=()
	_chamctl
	printf '%s\n' "${COMPREPLY[@]}"
}

offers()	# offers WORD ARGS...
{
	local want=$1
	shift
	complete_words "$@" | grep -qxF -- "$want" && return
	echo "# completion of \"$*\" lacks $want"
	return 1
}

"$CHAMCTL" __commands >"$tmp/table"
# shellcheck source=/dev/null
. "$top/cli/chamctl.bash"
echo "TAP version 13"

while IFS=$'\t' read -r obj cmd args; do
	first=()
	case "$args" in
	NAME*|DEV*|FILE*|'[NAME]'|'[DEV]'|'[FILE]'*)
		first=(x) ;;
	esac
	check "man page has $obj $cmd" documented "$man/chamctl-$obj.8" "$obj" "$cmd" "$args"
	check "completion has $obj $cmd" offers "$cmd" "$obj"
	check "chamctl $obj help has $cmd" \
		grep -qF "chamctl $obj $cmd" <("$CHAMCTL" "$obj" help)
	check "$obj $cmd refuses a word it does not know" \
		fails 1 "accepted: " "$obj" "$cmd" "${first[@]}" no-such-word
done <"$tmp/table"
for obj in $(cut -f1 "$tmp/table" | uniq); do
	check "man page of $obj has nothing more" no_more "$man/chamctl-$obj.8" "$obj"
	check "chamctl(8) names $obj" grep -qF "chamctl\\-$obj (8)" "$man/chamctl.8"
	check "completion has object $obj" offers "$obj"
done
# shellcheck disable=SC2016 # the inner shell expands
check "libcham(3) has every symbol of the version map" bash -c '
	ret=0
	for s in $(grep -oE "cham_*[a-z_]*__[a-z_]+" "$1/lib/libcham.map"); do
		grep -qF "$s(" "$1/Documentation/man/libcham.3" || { echo "# $s"; ret=1; }
	done
	exit $ret' - "$top"

check "no object"		fails 1 "Usage: "
check "unknown object"		fails 1 "accepted: tenant, port," nothing
check "ambiguous object"	fails 1 "is ambiguous: datapath, down, doctor" d
check "completion has TCP states" offers fin-wait-1 conn show state
check "ambiguous command"	fails 1 "is ambiguous: set, setup" tenant se
check "unknown command"		fails 1 "accepted: show, add, set, del" tenant rename
check "vni missing"		fails 1 "vni is missing" tenant add red
check "number too big"		fails 1 "takes a number 0.." tenant add red vni 4294967296
check "negative number"		fails 1 "takes a number 0.." tenant add red vni -1
check "value missing"		fails 1 "vni needs a value" tenant add red vni
check "given twice"		fails 1 "given twice" tenant add red vni 1 vni 2
check "choice of words"		fails 1 "uniform|pipe" tenant add red vni 1 dscp both
check "a MAC address with signs"	fails 1 "a MAC address looks like" fdb add tenant red mac -1:+2:+3:04:05:6f
check "name too long"		fails 1 "1 to 31 bytes" tenant add "$(printf 'x%.0s' {1..32})" vni 1
check "bad address"		fails 1 "IP address" uplink add lo local 1.2.3
check "local with IPv6"		fails 1 "local6 takes IPv6" uplink add lo local ::1
check "no address"		fails 1 "local ADDR, local6 ADDR" uplink add lo
check "bad MAC"			fails 1 "looks like" fdb add tenant red mac 1:2 port lo
check "port and remote"		fails 1 "port DEV, remote ADDR" fdb add tenant red mac 02:00:00:00:00:01 port lo remote 1.1.1.1
check "bad state"		fails 1 "established, syn-sent" conn show state open
check "bad port"		fails 1 "dport takes a number 0..65535" conn show dport http
check "bad source"		fails 1 "src takes an IP address" conn show src 10.0.0
check "bad prefix"		fails 1 "a prefix' length takes a number 0..32" conn show dst 10.0.0.0/33
check "no length"		fails 1 "a prefix' length takes a number" conn show dst 10.0.0.0/
check "bad range"		fails 1 "sport takes the lower port first" conn show sport 20-10
check "half a range"		fails 1 "dport takes a number 0..65535" conn show dport 80-
check "bad proto"		fails 1 "tcp, udp, icmp" conn show proto sctp
check "bad event"		fails 1 "accepted: tenant, port," monitor nothing
check "count without watch"	fails 1 "needs watch" stat count 3
check "setup without uplink"	fails 1 "uplink is missing" tenant setup red
check "setup name too long"	fails 1 "at most 12 bytes" tenant setup thirteen-long uplink lo
check "bad option"		fails 1 "Usage: " -x
check "version"			grep -q '^chamctl [0-9]' <("$CHAMCTL" -V)

# files that restore must not believe; what is wrong, and where
good='{"chamelio-configuration":1,"uplinks":[],"tenants":[],"ports":[],"setups":[],"fdb":[],"programs":[],"datapath":"detached"}'
refuses()	# refuses TEXT JSON
{
	printf '%s\n' "$2" >"$tmp/file"
	fails 1 "$1" restore "$tmp/file"
}
tenant='{"name":"red","vni":100,"weight":1,"max-conns":1,"max-ports":1,"max-fdb":1,"dscp":"pipe"}'
with() { echo "${good/\"$1\":\[\]/\"$1\":[$2]}"; }
check "restore: no such file"	fails 1 "No such file" restore /no/such/file
check "restore: empty file"	refuses "expected near end of file" ""
check "restore: cut off"	refuses "expected near end of file; nothing was changed" "${good%\}}"
check "restore: more after it"	refuses "end of file expected" "$good]"
check "restore: binary"		fails 1 "line 1:" restore "$CHAMCTL"
check "restore: other JSON"	refuses "not of chamctl save" '{"tenants":[]}'
check "restore: no object"	refuses "not of chamctl save" '[1]'
check "restore: newer format"	refuses "another version" "${good/:1/:2}"
check "restore: a list lacks"	refuses 'no list "ports"' "${good/\"ports\":[],/}"
check "restore: duplicate key"	refuses "duplicate" "${good/{/{\"tenants\":[],}"
check "restore: key is missing"	refuses "tenants[0]: Object item not found: vni" "$(with tenants "${tenant/\"vni\":100,/}")"
check "restore: key too many"	refuses "tenants[0]: 1 object item(s) left unpacked: colour" "$(with tenants "${tenant/\}/,\"colour\":1\}}")"
check "restore: wrong type"	refuses "tenants[1]: Expected" "$(with tenants "$tenant,${tenant/100/\"100\"}")"
check "restore: out of range"	refuses "tenants[0]: vni is out of range" "$(with tenants "${tenant/100/16777216}")"
check "restore: bad word"	refuses "neither uniform nor pipe" "$(with tenants "${tenant/pipe/tube}")"
check "restore: bad address"	refuses "no IP address" "$(with uplinks '{"dev":"eth0","local":"1.2.3","udp-port":4789,"ignore-filter":false}')"
check "restore: bad MAC"	refuses "no MAC address" "$(with fdb '{"tenant":"red","mac":"1:2","remote":"1.1.1.1"}')"
check "restore: port and remote" refuses "one is needed of port and remote" "$(with fdb '{"tenant":"red","mac":"02:00:00:00:00:01","remote":"1.1.1.1","port":"p"}')"
check "restore: bad remote"	refuses "setups[0]: \"far\" is no IP" "$(with setups '{"tenant":"red","uplink":"u","devs":[],"remotes":["far"]}')"
check "restore: bad base64"	refuses "programs[0]: base64 of a program" "$(with programs '{"tenant":"red","name":"p","base64":"%%%%"}')"
check "restore: empty program"	refuses "programs[0]: base64 of a program" "$(with programs '{"tenant":"red","name":"p","base64":""}')"
check "restore: bad mode"	refuses "datapath is neither" "${good/detached/fast}"

# the doctor works without module and privilege, and says what is missing
doctor()	# doctor EXIT-CODES JQ-EXPRESSION [ARGUMENT...]
{
	local rc codes=$1 expr=$2
	shift 2
	"$CHAMCTL" -j doctor "$@" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	[[ " $codes " == *" $rc "* ]] && jq -e "$expr" "$tmp/out" >/dev/null && return
	echo "# chamctl -j doctor $*: exit $rc, want $codes; want: $expr"
	sed 's/^/# /' "$tmp/out" "$tmp/err"
	return 1
}
if command -v jq >/dev/null; then
	check "doctor: a list of check, status, detail, fix" doctor "0 2" \
		'all(.[]; has("check") and has("detail") and (.status | IN("ok", "warn", "fail")) and
		(.status == "ok" or has("fix")))'
	check "doctor: looks at everything" doctor "0 2" \
		'[.[].check] | contains(["permission", "kernel", "config", "module", "btf", "vhost_vdpa", "virtio_vdpa", "bpffs", "memlock", "tools"])'
	check "doctor: lo has no native XDP" doctor 2 \
		'any(.[]; .check == "lo xdp" and .status == "fail" and (.fix | contains("driver")))' lo
	# shellcheck disable=SC2016 # the inner shell expands
	check "doctor: missing tools" env PATH=/no/such "$(command -v bash)" -c \
		'! out=$("$1" doctor) && [[ $out == *"FAIL  tools"*"vdpa is not in PATH"* ]]' - "$CHAMCTL"
	if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
		install -m 755 "$CHAMCTL" /tmp/chamctl-doctor.$$
		check "doctor: unprivileged" setpriv --reuid 65534 --regid 65534 --clear-groups \
			--bounding-set -all sh -c "/tmp/chamctl-doctor.$$ -j doctor lo |
			jq -e 'any(.[]; .check == \"permission\" and .status == \"warn\") and any(.[]; .check == \"lo xdp\")'"
		rm -f /tmp/chamctl-doctor.$$
	fi
fi
check "doctor: no such device"	fails 2 "no network device" doctor no-such-dev
# shellcheck disable=SC2016 # the inner shell expands
check "one version everywhere" bash -c '
	v=$(sed -n "s/^VERSION := //p" "$1/Makefile")
	grep -q "PACKAGE_VERSION=\"$v\"" "$1/dkms.conf" && grep -q "MODULE_VERSION(\"$v\")" "$1/kmod/main.c"' - "$top"
# unit NAME: systemd finds nothing to say about it
unit() {
	sed -E "s|@PREFIX@/sbin/cham(ctl\|d)|/bin/true|" "$top/scripts/$1.service.in" >"$tmp/$1.service"
	systemd-analyze verify --man=no "$tmp/$1.service" 2>&1 | grep "$1" | sed 's/^/# /' >"$tmp/unit"
	cat "$tmp/unit"
	[ ! -s "$tmp/unit" ]
}
for name in chamelio chamd; do
	if command -v systemd-analyze >/dev/null; then
		check "$name.service is a unit" unit $name
	else
		n=$((n + 1))
		echo "ok $n $name.service is a unit # SKIP no systemd-analyze"
	fi
done

if ! grep -qs "^chamelio " /proc/modules; then
	check "doctor: the module is missing" doctor 2 \
		'any(.[]; .check == "module" and .status == "fail" and (.fix | contains("modprobe chamelio")))'
	for args in tenant "tenant add red vni 1" port uplink save conn "conn flush" fdb \
		    stat "stat -w 1" monitor datapath "datapath attach" down "down ports" \
		    t "ten sh"; do
		# shellcheck disable=SC2086
		check "no module: $args" fails 2 "modprobe chamelio" $args
	done
	# shellcheck disable=SC2016 # the inner shell expands
	check "no module: JSON error" bash -c '
		"$1" -j tenant 2>/dev/null | python3 -c "
import json, sys
e = json.load(sys.stdin)
sys.exit(list(e) != [\"error\"] or \"modprobe\" not in e[\"error\"])"' - "$CHAMCTL"
else
	# shellcheck disable=SC2016 # the inner shell expands
	check "module is loaded: tenant list is JSON" bash -c \
		'"$1" -j tenant | python3 -c "import json, sys; json.load(sys.stdin)"' - "$CHAMCTL"
fi
echo "1..$n"
exit $failed
