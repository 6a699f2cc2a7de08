#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
#
# chamctl save, everything gone with the module, chamctl restore: as before.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"
. "$(dirname "$0")/../ask.sh"
require_root
defer topo_down
saved=/tmp/saved.json

# restore NAME CODE JQ-EXPRESSION [ARGUMENT...]: what became of each item
restore() {
	local out rc
	out=$(chamctl -j restore "${@:4}" object "$CHAM_BUILD/xdp/datapath.bpf.o")
	rc=$?
	if [ $rc = "$2" ] && jq -e "$3" <<< "$out" > /dev/null; then
		pass "$1"
	else
		fail "$1" "exit status $rc: $out"
	fi
}

# the guest's end of red0, as before
plug() {
	local dev
	dev=$(topo_netdev red0) || return
	ip link set "$dev" netns t-red name eth0 &&
	ip -n t-red addr add 10.0.0.1/24 dev eth0 &&
	ip -n t-red link set eth0 up
}

# everything that save and restore are about, less what the kernel numbers
state() {
	chamctl -j uplink | jq 'map(del(.ifindex, ."rx-packets", ."tx-packets", .remotes, .blocked))'
	chamctl -j tenant | jq 'map(del(.id, .conns, .generation, .fdbs))'
	chamctl -j port | jq 'map({vdpa, ifname, "fixed-mac", mtu, "queue-pairs", "tenant-name"})'
	chamctl -j fdb | jq 'map(select(.source == "static") | {mac, remote}) | sort_by(.mac)'
	chamctl -j prog | jq 'map({"tenant-name", name, hooks})'
	for d in /sys/class/net/br-red/brif/*; do echo "${d##*/}"; done
	bridge fdb show dev vx-red | grep 00:00:00:00:00:00 | sort
}

topo_load || { fail "module loads"; finish; }
topo_wire
chamctl uplink add up0 local 192.0.2.1 || fail "uplink"
topo_tenant red 100 || fail "tenant"
chamctl tenant set red weight 70 max-conns 1000 dscp uniform
chamctl tenant add blue vni 200 || fail "another tenant"
vdpa dev add name spare mgmtdev chamelio mac 52:54:00:00:00:09 mtu 1400 max_vqp 2
ip link set spare name other
chamctl fdb add tenant blue mac 02:00:00:00:00:01 remote 192.0.2.2
chamctl fdb add tenant red mac 02:00:00:00:00:02 port red0
bridge fdb append 00:00:00:00:00:00 dev vx-red dst 192.0.2.3
check "datapath attaches" topo_attach
check "red reaches its remote end" ping1 on red 10.0.0.2
check "a guest may choose its address" ip -n t-red link set eth0 address 02:00:00:00:00:77
check_eq "which the port has" 02:00:00:00:00:77 "$(chamctl -j port show red0 | jq -r '.[0].mac')"
check "red has a program, an object" prog load "$echo_o" tenant red
check "blue has one, bitcode" prog load "${echo_o%.o}.bc" tenant blue

check "save" chamctl save $saved
diag "$(jq -c '.programs[].base64 |= .[:32]' $saved)"
check "programs are what they were made from" cmp "${echo_o%.o}.bc" \
	<(jq -r '.programs[] | select(.tenant == "blue").base64' $saved | base64 -d)
check_eq "saved is the provider's choice, not the guest's" '[["red0",null],["spare","52:54:00:00:00:09"]]' \
	"$(jq -c '.ports | map([.vdpa, .mac])' $saved)"
check "only its owner reads it" test "$(stat -c %a $saved)" = 600
check "to standard output, the same" sh -c "chamctl save | cmp - $saved"
state > /tmp/before

restore "restored over itself: all is kept" 0 'length == 11 and all(.[]; .status == "kept")' $saved
check_fails "a file in a directory that is not there" chamctl save /no/such/file
for to in "" /dev/null; do
	check_match "\"$to\" is no file to save to" "no regular file; accepted: a file, or -" \
		"$(chamctl save "$to" 2>&1)"
done
check "which is what it was" test -c /dev/null
check "a configuration of some length" test "$(stat -c %s $saved)" -gt 4096
check_match "a full device is told" "standard output did not take all of it" \
	"$(chamctl save 2>&1 >/dev/full)"
jq '.datapath = "detached"' $saved > /tmp/any.json
restore "what is attached remains so" 0 \
	'any(.[]; .item == "datapath" and .name == "attached" and .status == "kept")' /tmp/any.json
ln -s $saved /tmp/linked.json
check "saved by another name" chamctl save /tmp/linked.json
check "which it keeps" test -L /tmp/linked.json

chamctl down ports > /dev/null
chamctl tenant teardown red
check "all gone, module too" rmmod chamelio
sleep 0.5
out=$(chamctl restore $saved 2>&1)
check_match "without the module: says modprobe" modprobe "$out"
check "module again" topo_load

# what must not be believed changes nothing
head -c -40 $saved > /tmp/cut.json
check_match "a file cut off: where, and nothing was changed" "cut.json, line [0-9]+: .*nothing was changed" \
	"$(chamctl restore /tmp/cut.json 2>&1)"
sed 's/"weight": 70/"weight": "x"/' $saved > /tmp/bent.json
check_match "a damaged file: which item" 'tenants\[0\]: ' "$(chamctl restore /tmp/bent.json 2>&1)"
# shellcheck disable=SC2016 # the inner shell expands
check "nothing was changed" sh -c '[ "$(chamctl -j tenant; chamctl -j uplink; chamctl -j port)" = "[]
[]
[]" ]'

restore "restored: all is made" 0 'length == 11 and all(.[]; .status == "made")' $saved
state > /tmp/after
check "as it was" diff -u /tmp/before /tmp/after
check "guest plugs in, with its address" plug
check "datapath is attached" sh -c 'chamctl datapath show | grep -q red0'
ping1 on red 10.0.0.2
sleep 0.5
ping1 on red 10.0.0.2
before=$(stat_of red fast-packets)
check "red reaches its remote end" on red ping -qc5 -i0.2 10.0.0.2
check_num "through the fast path" $(($(stat_of red fast-packets) - before)) -ge 8
answers "red's program answers" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f

# what differs is changed, what cannot be made is told, the rest is done
chamctl tenant set red weight 3
check "another program" prog load "$verdicts" tenant red
ip link set red0 nomaster
bridge fdb del 00:00:00:00:00:00 dev vx-red dst 192.0.2.3
restore "what differs is changed" 0 \
	'[.[] | select(.status == "changed") | .item] == ["tenant", "setup", "program"]' $saved
check "and is as it was" bash -c "$(declare -f state); state | diff -u /tmp/before -"

jq '.ports += [{vdpa: "new", dev: "new", mac: "01:00:5e:00:00:01", mtu: 1450, "queue-pairs": 1, up: true},
	{vdpa: "last", dev: "last", mac: "02:00:00:00:00:09", mtu: 1450, "queue-pairs": 1, up: true, tenant: "nobody"}]
	| .tenants[1].vni = 100 | .ports[0].mtu = 1300
	| .programs[1].base64 = "AAAA" | .programs += [.programs[0] + {tenant: "someone"}]' $saved > /tmp/odd.json
restore "items that cannot be made are told with the reason, the rest is done" 2 \
	'[.[] | select(.status == "failed") | .reason] | length == 6 and
	 (.[0] | contains("belongs to tenant red")) and (.[1] | contains("another MTU")) and
	 (.[2] | contains("vdpa dev add name new")) and (.[3] | contains("no tenant is called nobody")) and
	 (.[4] | contains("3 bytes are no object")) and (.[5] | contains("no tenant is called someone"))' /tmp/odd.json
answers "the program that was there goes on" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f
check "traffic goes on" ping1 on red 10.0.0.2

jq '.ports[1]."queue-pairs" = 4' $saved > /tmp/pairs.json
restore "another number of queue pairs is not kept in silence" 2 \
	'[.[] | select(.status == "failed") | .reason] | length == 1 and
	 (.[0] | contains("another number of queue pairs"))' /tmp/pairs.json

# a large file; and whose number is another's later leaves nothing to it
python3 - $saved /tmp/large.json <<'P'
import json, sys
with open(sys.argv[1], encoding="utf-8") as f:
    saved = json.load(f)
for name, vni in (("many", 900), ("others", 901)):
    saved["tenants"].append(saved["tenants"][1] | {"name": name, "vni": vni, "max-fdb": 4000})
    saved["fdb"] += [{"tenant": name, "mac": f"02:00:{vni - 900:02x}:01:{i >> 8:02x}:{i & 255:02x}",
                      "remote": "192.0.2.2"} for i in range(3000)]
with open(sys.argv[2], "w", encoding="utf-8") as f:
    json.dump(saved, f)
P
restore "6,000 entries" 0 '[.[] | select(.item == "fdb" and .status == "made")] | length == 6000' /tmp/large.json
fdbs() { chamctl -j fdb show tenant "$1" | jq length; }
check_eq "each tenant has its own" "3000 3000" "$(fdbs many) $(fdbs others)"
# while guests' addresses come and go, of which the same dump tells
churn() {
	local i
	for i in {1..200}; do
		printf 'fdb replace 02:00:00:09:00:%02x dev red0 master static\n' "$i"
		printf 'fdb del 02:00:00:09:00:%02x dev red0 master\n' "$i"
	done
}
churn >/tmp/churn
(while :; do bridge -force -batch /tmp/churn; done) >/dev/null 2>&1 &
churning=$!
for i in 1 2 3; do
	check "saved while addresses come and go: $i" chamctl save to /tmp/churned.json
	check_eq "with all that is to be saved" 6000 \
		"$(jq '[.fdb[] | select(.tenant == "many" or .tenant == "others")] | length' /tmp/churned.json)"
done
kill $churning
wait $churning 2>/dev/null
number=$(chamctl -j tenant show many | jq '.[0].id')
check "one goes" chamctl tenant del many
check "another comes" chamctl tenant add newcomer vni 902
check "with a number of its own" test "$number" != "$(chamctl -j tenant show newcomer | jq ".[0].id")"
check_eq "and none of its addresses" "0 3000" "$(fdbs newcomer) $(fdbs others)"
chamctl tenant del newcomer
chamctl tenant del others

# what was there before stays beside it
check "saved" chamctl save $saved
rm -f $saved~
check "the same again" chamctl save $saved
check "leaves nothing beside it" test ! -e $saved~
check "a port whose features the provider chose" "$(dirname "$0")/vdpa_add.py" chosen all
features=$(chamctl -j port show chosen | jq -r '.[0]."device-features"')
cp $saved /tmp/was.json
check "saved" chamctl save $saved
check "what was there before is beside it" cmp /tmp/was.json $saved~
check_eq "with them" "[\"$features\"]" "$(jq -c '.ports | map(."device-features" // empty)' $saved)"
restore "restored over itself: kept" 0 'length == 13 and all(.[]; .status == "kept")' $saved
jq 'del(.ports[]."device-features")' $saved > /tmp/any.json
restore "a choice that the file does not make" 2 \
	'[.[] | select(.status == "failed") | .reason] | length == 1 and
	 (.[0] | contains("another choice of features"))' /tmp/any.json
vdpa dev del chosen
if vdpa dev help 2>&1 | grep -q device_features; then
	restore "it is made with them" 0 '[.[] | select(.status == "made") | .name] == ["chosen"]' $saved
	check_eq "they are offered" "$features" "$(chamctl -j port show chosen | jq -r '.[0]."device-features"')"
else
	restore "vdpa does not know the word: said" 2 \
		'[.[] | select(.status == "failed") | .reason] | length == 1 and
		 (.[0] | contains("device_features"))' $saved
fi

# of another uplink: not taken away from whoever uses it
jq '.uplinks[0]."udp-port" = 4790' $saved > /tmp/port.json
restore "an uplink with other settings" 2 \
	'.[0].status == "failed" and (.[0].reason | contains("uplink del up0"))' /tmp/port.json
# the unit's own lines, stopped and started over a module that was not there meanwhile
unit=$tap_top/scripts/chamelio.service.in
# unit DIRECTIVE: its lines in order, on the build's files; the first that fails ends it
unit() {
	local line
	while read -r line; do
		line=${line//@PREFIX@\/sbin\/chamctl/chamctl}
		line=${line//\/etc\/chamelio.json/\/tmp\/unit.json}
		[[ $line != *" restore "* ]] || line+=" object $CHAM_BUILD/xdp/datapath.bpf.o"
		[[ $line != "modprobe -a "*" chamelio" ]] || line="${line% chamelio} && insmod $CHAM_KO"
		# no shell there: what it would read otherwise is a mistake
		bash -c "$line" || return
	done < <(sed -n "s/^$1=//p" "$unit")
}
check_eq "the unit has lines to start and to stop it" "1 1 2" \
	"$(for d in ExecStartPre ExecStart ExecStop; do grep -c "^$d=" "$unit"; done | paste -sd ' ')"
restore "all is as it was saved first" 0 'all(.[]; .status != "failed")' /tmp/was.json
state >/tmp/before
check "the unit stops" unit ExecStop
check_eq "what is left is ports that are nobody's" "[]|[]|0" \
	"$(for what in uplink tenant; do chamctl -j $what | tr -d '\n'; echo -n '|'; done)$(chamctl -j port |
		jq '[.[] | select(."tenant-id" != 0)] | length')"
[ ! -d /sys/module/chamelio ] || check "its module goes" busywait 10 rmmod chamelio
check "the unit starts: before" unit ExecStartPre
check "the unit starts" unit ExecStart
state >/tmp/after
check "the configuration is back" diff -u /tmp/before /tmp/after
check "guest plugs in" plug
check "red reaches its remote end" busywait 10 ping1 on red 10.0.0.2
check "everything comes down" topo_down
finish
