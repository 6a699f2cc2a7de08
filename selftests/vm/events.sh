#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# Every event chamctl -j monitor can tell: seen once it is caused, with the
# attributes that Documentation/netlink/specs/chamelio.yaml names.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd python3 jq
python3 -c 'import yaml' || skip_all "no python3-yaml"
defer topo_down
events=/tmp/events

# The attributes of each notification, as "NAME KEY..."
PYTHONPATH=$tap_top/selftests/vm python3 - >/tmp/spec <<'PY'
from netlink import SPEC

ops = {o['name']: o for o in SPEC['operations']['list']}
for name, o in ops.items():
    if 'notify' in o:
        get = ops[o['notify']]
        keys = (get.get('dump') or get['do'])['reply']['attributes']
    elif 'event' in o:
        keys = o['event']['attributes']
    else:
        continue
    print(name, *sorted(keys))
PY

# clear: what follows is caused by what follows
clear() { : >"$events"; }
# seen EVENT CONDITION: is there such an event now
seen() { jq -se "any(.[]; .event == \"$1\" and ($2))" "$events" >/dev/null; }
# told NAME EVENT CONDITION [KEY THAT MAY BE ABSENT]...: it comes, and is complete
told() {
	local wanted got drop
	if ! busywait 10 seen "$2" "$3"; then
		fail "$1" "no $2 with $3 in:"$'\n'"$(cat "$events")"
		return
	fi
	drop=$(printf '"%s",' timestamp event "${@:4}")
	got=$(jq -rs "[.[] | select(.event == \"$2\" and ($3))][0] | keys - [${drop%,}] | .[]" "$events")
	wanted=$(sed -n "s/^$2 //p" /tmp/spec | tr ' ' '\n' |
		grep -vxF -e "$(printf '%s\n' - "${@:4}")")
	check_eq "$1" "$(sort <<<"$wanted")" "$(sort <<<"$got")"
}

check_eq "the specification names twelve notifications" 12 "$(wc -l </tmp/spec)"
topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
chamctl -j monitor >>"$events" 2>/tmp/monitor.err &
monitor=$!
defer kill $monitor
chamctl monitor >/tmp/text &
defer kill $!
listening() { grep -q . "$events" || { chamctl tenant add probe vni 999; chamctl tenant del probe; return 1; }; }
busywait 10 listening || bail "the monitor hears nothing"

clear
topo_tenant red 100 || bail "tenant"
told "tenant made" tenant-ntf '.name == "red" and .vni == 100' netns
told "port appears, without a tenant" port-ntf '.ifname == "red0" and ."tenant-id" == 0' \
	tenant-name broken-reason fixed-mac device-features
told "its driver is there" port-ntf '.ifname == "red0" and .state == "up"' \
	tenant-name broken-reason fixed-mac device-features
told "port bound" port-ntf '.vdpa == "red0" and ."tenant-name" == "red"' broken-reason fixed-mac device-features
told "and free to be cached" port-ntf '."tenant-name" == "red" and .blocked == []' broken-reason fixed-mac device-features
clear
chamctl tenant set red weight 77
told "tenant changed" tenant-ntf '.name == "red" and .weight == 77' netns
chamctl tenant set red dscp uniform
told "the tenant's way to the wire is shut" port-ntf \
	'.ifname == "red0" and (.blocked | index("tunnel"))' broken-reason fixed-mac device-features
chamctl tenant set red dscp pipe
busywait 5 seen port-ntf '.blocked == []'

ping1 on red 10.0.0.2
topo_attach || bail "attach"
busywait 10 ping1 on red 10.0.0.2
clear
blob 100K
transfer t-red b-red 10.0.0.2 7001 || bail "transfer"
told "connection made" conn-ntf \
	'.proto == "tcp" and .src == "10.0.0.1" and .dst == "10.0.0.2" and .dport == 7001' vlan-id
chamctl conn flush tenant red
told "connection forgotten, its counters are final" conn-del-ntf \
	'.dport == 7001 and .forward.bytes > 100000 and .reverse.packets > 0' vlan-id
clear
on red ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:99 dev eth0
sleep 1		# at most one a second
on red bash -c 'echo x >/dev/udp/10.0.0.9/7002'
told "a packet that made no connection" miss-ntf \
	'.proto == "udp" and .dst == "10.0.0.9" and .dport == 7002 and .reason == "no-fdb"' vlan-id

clear
chamctl prog load "$CHAM_BUILD/bpf/echo.bpf.o" tenant red object "$CHAM_BUILD/xdp/datapath.bpf.o"
told "program loaded" prog-ntf '."tenant-name" == "red" and .name == "echo"' \
	fault fault-hook fault-value fault-packet fault-area
chamctl prog unload tenant red object "$CHAM_BUILD/xdp/datapath.bpf.o"
told "program gone" prog-del-ntf '."tenant-name" == "red" and .name == "echo"' \
	fault fault-hook fault-value fault-packet fault-area

# What handlers tell. After the first number the area's counter, as a little-endian word.
check "a program that tells is loaded" prog load "$CHAM_BUILD/selftests/tells.bpf.o" tenant red
clear
asks t-red -n 0 -s 7100 10.0.0.2 9200 "$(word 7)"
handler() {	# NAME CONDITION
	told "$1" handler-ntf ".\"tenant-id\" == $red and .proto == \"udp\" and .dport == 9200 and $2" vlan-id
}
red=$(chamctl -j tenant show red | jq '.[0].id')
from='.src == "10.0.0.1" and .dst == "10.0.0.2" and .sport == 7100'
handler "open tells, and whose packet" "$from and .hook == \"open\" and .code == 7 and (.area | startswith(\"0100\"))"
handler "tx tells, with the area as it leaves it" "$from and .hook == \"tx\" and .code == 7 and
	(.area | length == 256 and startswith(\"0200\")) and .layout == $(chamctl -j prog | jq '.[0].layout')"
clear
asks b-red -n 0 -s 7101 10.0.0.1 9200 "$(word 3)"
handler "rx tells" '.src == "10.0.0.2" and .dst == "10.0.0.1" and .sport == 7101 and .hook == "rx" and .code == 3'
handler "the timer tells" '.src == "10.0.0.2" and .dst == "10.0.0.1" and .hook == "timer" and .code == 4'
clear
asks b-red -n 0 -s 7102 10.0.0.1 9200 "$(word 5)"
handler "one without a connection is told" '.sport == 7102 and .hook == "open" and .code == 5'
sleep 0.3
check_fails "once" seen handler-ntf '.sport == 7102 and .hook != "open"'
clear
asks b-red -n 0 -s 7103 10.0.0.1 9200 "$(word 0)"
sleep 0.5
check_fails "0 is no event" seen handler-ntf true
check_match "as text" "handler-ntf tenant $red udp 10.0.0.1:7100 -> 10.0.0.2:9200 tx code 7" "$(cat /tmp/text)"
counts() { chamctl -j prog | jq -r '.[0] | "\(.events) \(."events-lost")"'; }
read -r events_before lost_before <<<"$(counts)"
check_num "events are counted" "$events_before" -ge 6
check_eq "none is lost" 0 "$lost_before"
start=$EPOCHSECONDS
asks b-red -c 5000 -n 0 -s 7104 10.0.0.1 9200 "$(word 8)"
told_and_lost() { counts | { read -r told lost; [ $((told + lost - events_before)) -ge 5001 ]; }; }
check "of thousands each is told or counted as lost" busywait 10 told_and_lost
read -r events_after lost_after <<<"$(counts)"
seconds=$((EPOCHSECONDS - start + 2))	# begun, at most
diag "$((events_after - events_before)) told, $lost_after lost, in $seconds seconds"
check_num "1,000 a second are the most" $((events_after - events_before)) -le $((1000 * seconds))
check_num "some are told" "$events_after" -gt "$events_before"
check "the program that tells is unloaded" prog unload tenant red

# One that is stopped: kind, reason, and the dump
check "a program that does as it is told is loaded" prog load "$verdicts" tenant red
clear
asks b-red -n 0 -s 7105 10.0.0.1 9000 "$(word 77 0)"
told "a program is stopped: by what, at which packet, with which area" prog-ntf "
	.fault == \"verdict\" and .\"fault-hook\" == \"rx\" and .\"fault-value\" == 77 and
	(.\"fault-packet\" | length == 128 and
		startswith(\"$(on red cat /sys/class/net/eth0/address | tr -d :)\")) and
	(.\"fault-area\" | length == 256 and .[64:72] == \"4d000000\") and
	(.dropped | length == 16)"
check "it is unloaded" prog unload tenant red

clear
chamctl tenant set red max-conns 1 max-ports 1 max-fdb 1
for port in 1 2 3; do on red bash -c "echo x >/dev/udp/10.0.0.2/$port"; done
told "quota of connections" quota-ntf '.name == "red" and ."max-conns" == 1' max-ports max-fdb
check "counted, too" test "$(stat_of red quota)" -gt 0
sleep 1		# at most one a second
chamctl fdb add tenant red mac 02:00:00:00:00:01 remote 192.0.2.2
chamctl fdb add tenant red mac 02:00:00:00:00:02 remote 192.0.2.2 2>/dev/null
told "quota of FDB entries" quota-ntf '.name == "red" and ."max-fdb" == 1' max-ports max-conns
sleep 1

# a port whose owner is a process that breaks its ring
topo_vhost evil vdpa dev add name evil mgmtdev chamelio
ip link set evil up
chamctl port set evil tenant red 2>/dev/null
told "quota of ports" quota-ntf '.name == "red" and ."max-ports" == 1' max-fdb max-conns
chamctl tenant set red max-ports 2
chamctl port set evil tenant red
clear
vhost=$(topo_chardev evil)
check "a hostile owner breaks its port" "$(dirname "$0")/port_vhost.py" "$vhost" evil break
told "ring broken: by whom and why" ring-broken-ntf \
	'.ifname == "evil" and ."tenant-name" == "red" and .state == "broken" and (."broken-reason" | length > 0)' \
	fixed-mac device-features
check_fails "red's own port did not break" seen ring-broken-ntf '.ifname == "red0"'
clear
chamctl port set evil notenant
told "port unbound" port-ntf '.ifname == "evil" and ."tenant-id" == 0' tenant-name broken-reason fixed-mac device-features
vdpa dev del evil
told "port gone" port-del-ntf '.ifname == "evil"' tenant-name broken-reason fixed-mac device-features
chamctl tenant del red force
told "tenant gone" tenant-del-ntf '.name == "red"' netns

check_eq "the monitor lost nothing" "" "$(cat /tmp/monitor.err)"
check "each line of it is one object with a time" \
	jq -se 'all(.[]; .timestamp | test("^20[0-9-]+T[0-9:.]+[+-][0-9]{4}$"))' "$events"
check "as text: which quota" grep -q 'quota-ntf .*red max-fdb 1$' /tmp/text
check "as text: which ring" grep -q 'ring-broken-ntf .*evil vdpa evil tenant red state broken reason .' /tmp/text
check_match "only what was asked for" '^$' \
	"$(timeout 2 chamctl -j monitor quota & sleep 0.7; chamctl tenant add x vni 7; wait)"
finish
