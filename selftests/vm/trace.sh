#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# The tracepoints: hit exactly where a packet is counted, with its tenant, its
# device and its reason by name; and the counters that ethtool shows are those of
# Documentation/reasons.md.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd jq ethtool
defer topo_down
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
trace=/sys/kernel/tracing/instances/cham
mkdir $trace || skip_all "no tracefs"
defer rmdir $trace

# listen 0|1: the three tracepoints, with nothing in the buffer
listen() { echo "$1" >$trace/events/chamelio/enable && echo >$trace/trace; }
# hits EVENT TEXT: how many there are
hits() { grep -c "$1: .*$2" $trace/trace; }
# port_stat DEV NAME: a counter of a representor
port_stat() { ethtool -S "$1" | awk -v n="$2:" '$1 == n { print $2 }'; }
tenant_id() { chamctl -j tenant show "$1" | jq '.[0].id'; }
ifindex() { cat "/sys/class/net/$1/ifindex"; }

topo_load || bail "module loads"
topo_wire 1600
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant"
topo_tenant blue 200 || bail "second tenant"
check_eq "the tracepoints are there" "cham_drop cham_port_drop cham_slow" \
	"$(cd $trace/events/chamelio && echo cham_*)"
check_eq "with every reason by its name" "$(chamctl -j stat | command jq -r '.[0].reasons | keys_unsorted[]')" \
	"$(sed -n 's/.*__print_symbolic(//p' $trace/events/chamelio/cham_slow/format |
		grep -o '{ [0-9]*, "[a-z-]*" }' | sed 's/.*"\(.*\)".*/\1/')"
# shellcheck disable=SC2016 # the quotes are Markdown's
documented=$(sed -n '/<!-- drops -->/,/<!-- end -->/p' "$tap_top/Documentation/reasons.md" |
	grep -o '`[rt]x_[a-z_]*`' | tr -d '`' | sort)
check_eq "ethtool's counters of losses are those in reasons.md" "$documented" \
	"$(ethtool -S red0 | awk -F '[ :]+' '{ print $2 }' |
		grep -E '^[rt]x_(drop_.*|filtered|xdp_drop|xdp_error)$' | sort)"

for t in red blue; do busywait 10 ping1 on $t 10.0.0.2; done
topo_attach || bail "attach"
for t in red blue; do busywait 10 fast_moved $t >/dev/null; done
red=$(tenant_id red)

# to Linux: an address that nobody has
listen 1
on red ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:99 dev eth0
before=$(stat_of red no-fdb)
for i in 1 2 3; do on red bash -c 'echo x >/dev/udp/10.0.0.9/7002'; done
counted=$(($(stat_of red no-fdb) - before))
check_num "three packets without an address in the FDB" "$counted" -ge 3
check_eq "each is traced, with tenant, port and length" "$counted" \
	"$(hits cham_slow "tenant=$red ifindex=$(ifindex red0) reason=no-fdb len=44$")"

# lost on the fast path: longer than what the port takes
far red ip link set eth0 mtu 1500
listen 1
before=$(stat_of red oversize)
dropped=$(port_stat red0 tx_drop_oversize)
far red ping -qc3 -i0.2 -W1 -M "do" -s 1472 10.0.0.1 >/dev/null
check_eq "three packets too long" 3 $(($(stat_of red oversize) - before))
check_eq "counted at the port, too" 3 $(($(port_stat red0 tx_drop_oversize) - dropped))
check_eq "traced where they came in" 3 \
	"$(hits cham_drop "tenant=$red ifindex=$(ifindex up0) reason=oversize len=1514$")"
check_eq "and at the port" 3 "$(hits cham_port_drop \
	"tenant=$red ifindex=$(ifindex red0) to-guest queue=0 reason=drop_oversize len=1514$")"

# lost at the uplink: the other end of the wire takes no XDP frames
ip netns exec hostb ethtool -K b0 gro off
listen 1
before=$(stat_of red tx-fail)
fast=$(stat_of red fast-packets)
bytes=$(stat_of red fast-bytes)
on red ping -qc3 -i0.2 -W1 10.0.0.2 >/dev/null
check_eq "three packets the uplink refused" 3 $(($(stat_of red tx-fail) - before))
check_eq "none of them is a fast one" 0 $(($(stat_of red fast-packets) - fast))
check_eq "nor are their bytes" 0 $(($(stat_of red fast-bytes) - bytes))
check_eq "traced with the uplink" 3 \
	"$(hits cham_drop "tenant=$red ifindex=$(ifindex up0) reason=tx-fail len=148$")"
ip netns exec hostb ethtool -K b0 gro on
check_eq "nothing of this is the other tenant's" 0 \
	"$(hits cham_drop "tenant=$(tenant_id blue) ")"

# the examples of reasons.md: bpftrace's fields are the records', perf's line runs as it is
fields() { sed -n 's/^\tfield:.* \([a-z_]*\)\(\[[0-9]*\]\)\?;\toffset.*/\1/p' "$trace/events/chamelio/$1/format"; }
asked=0
while read -r event field; do
	asked=$((asked + 1))
	check_match "reasons.md: bpftrace's $event has $field" " $field " " $(fields "$event" | tr '\n' ' ')"
done < <(grep '^bpftrace ' "$tap_top/Documentation/reasons.md" | while read -r line; do
	[[ $line =~ tracepoint:chamelio:([a-z_]+) ]] &&
		grep -o 'args\(->\|\.\)[a-z_]*' <<<"$line" | sed "s/.*[>.]/${BASH_REMATCH[1]} /"
done)
check_num "reasons.md: bpftrace asks for some" $asked -ge 3
line=$(grep '^perf record .*-- sleep 10; perf script$' "$tap_top/Documentation/reasons.md")
check "reasons.md: perf has its line" test -n "$line"
if command -v perf >/dev/null; then
	# while one packet goes instead of ten seconds
	line=${line/sleep 10/ip netns exec t-red bash -c \'echo x >/dev/udp/10.0.0.9/7002\'}
	# into a pipe it would write its record
	(cd /tmp && eval "$line") >/tmp/perf.out 2>&1
	check_match "reasons.md: perf shows it with its reason by name" \
		"chamelio:cham_slow: .*tenant=$red ifindex=$(ifindex red0) reason=no-fdb" "$(cat /tmp/perf.out)"
else
	skip "reasons.md: perf shows it with its reason by name" "no perf"
fi

listen 0
on red bash -c 'echo x >/dev/udp/10.0.0.9/7002'
check_eq "switched off they are silent" 0 "$(hits cham_ "")"
finish
