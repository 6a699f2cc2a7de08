#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
#
# A cache for memcached in the datapath, bpf/kv.bpf.c: questions by UDP are answered
# without the server, and never with what was written over.

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq memcached memcaslap memccat memccp memcrm python3 bpftool
[ "${CHAM_NICS:-0}" -gt 0 ] || skip_all "the VM has no pair of NICs"
defer topo_down
defer topo_unwire_nic

client() { relay "$1" "$(dirname "$0")/kv_client.py" "$1" b-red t-red 10.0.0.1 "${@:2}"; }
serve() {
	ip netns exec t-red memcached -u nobody -m 16 -p 11211 -U 11211 &
	server=$!
	wait_port t-red tcp 11211
}
# counted NAME: of all processors
counted() {
	local id
	id=$(bpftool -j map | jq 'map(select(.name != null and (.name | endswith("kv_cpus")))) | last.id')
	bpftool -j map dump id "$id" | jq "[.[].formatted.values[].value.$1] | add"
}

topo_load || bail "module loads"
topo_wire_nic
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_attach || bail "attach"
busywait 10 ping1 far red 10.0.0.1
serve
check "red loads it" prog load "$CHAM_BUILD/bpf/kv.bpf.o" tenant red

client cases
check_num "answers came from here" "$(counted hits)" -gt 50
client damaged
client writers
diag "$(counted hits) hits, $(counted misses) misses, $(counted fills) fills, $(counted flushes) flushes"

# real clients
echo "from memccp" >/tmp/kv.file
check "memccp stores" far red memccp --servers=10.0.0.1 --set /tmp/kv.file
check_eq "it is read by UDP" "$(printf 'VALUE kv.file 0 12\r\nfrom memccp\n\r\nEND\r\n' | od -An -tx1 | tr -d ' \n')" \
	"$(ask b-red 10.0.0.1 11211 "0001000000010000$(printf 'get kv.file\r\n' | od -An -tx1 | tr -d ' \n')" | cut -c17-)"
check_eq "memccat reads" "from memccp" "$(far red memccat --servers=10.0.0.1 kv.file)"
check "memcrm forgets" far red memcrm --servers=10.0.0.1 kv.file
check_eq "and it is not there" "$(printf 'END\r\n' | od -An -tx1 | tr -d ' \n')" \
	"$(ask b-red 10.0.0.1 11211 "0001000000010000$(printf 'get kv.file\r\n' | od -An -tx1 | tr -d ' \n')" | cut -c17-)"

# A value's time is over: who asks next sees it by the clock, and before that the timer
# has taken it, without a question.
echo "for a second" >/tmp/kv.timer
far red memccp --servers=10.0.0.1 --set /tmp/kv.timer
slot_is() {
	[ "$("$(dirname "$0")/kv_client.py" slot /sys/fs/bpf/chamelio/maps/*/kv_slots kv.timer "${@:2}")" = "$1" ]
}
check "a value is in its slot" busywait 20 slot_is good b-red 10.0.0.1
check "after a second the timer takes it, without a question" busywait 10 slot_is over

# The one of them that reads by UDP compares what it reads with what it wrote. Its keys
# have bytes that the protocol says no key has: all of it is the server's.
printf 'key\n16 31 1\nvalue\n32 64 1\ncmd\n0 0.2\n1 0.8\n' >/tmp/kv.workload
far red timeout 60 memcaslap -s 10.0.0.1:11211 -U -F /tmp/kv.workload -T 1 -c 4 -x 1000 -v 1 >/tmp/kv.memcaslap
diag "$(grep -E '^(cmd_|get_misses|verify|udp_timeout)' /tmp/kv.memcaslap | tr '\n' ' ')"
check "memcaslap has asked" grep -qx "cmd_get: 800" /tmp/kv.memcaslap
for what in get_misses verify_misses verify_failed udp_timeout; do
	check "$what: 0" grep -qx "$what: 0" /tmp/kv.memcaslap
done

# ROUNDS=N SEED=N: more of them
client random "${SEED:-1}" "${ROUNDS:-40}"

# the same as one with the datapath
check "as bitcode" prog load "$CHAM_BUILD/bpf/kv.bpf.bc" tenant red
check "made one with the datapath" prog compose tier joint
check "red is joint" prog_is red '.tier == "joint"'
client cases
check_num "answers came from here" "$(counted hits)" -gt 50
client writers

# a bad wire: segments lost, twice, out of order
modprobe -q sch_netem
check "a bad wire" far red tc qdisc add dev eth0 root netem delay 3ms loss 3% duplicate 3% reorder 10%
check "both ways" on red tc qdisc add dev eth0 root netem delay 3ms loss 3% duplicate 3% reorder 10%
client random "${SEED:-2}" "${ROUNDS:-20}"
far red tc qdisc del dev eth0 root
on red tc qdisc del dev eth0 root

# what the server has answered comes late
on red tc qdisc add dev eth0 root handle 1: prio
on red tc qdisc add dev eth0 parent 1:3 netem delay 400ms
on red tc filter add dev eth0 parent 1: protocol ip u32 match ip protocol 17 0xff \
	match ip sport 11211 0xffff flowid 1:3
client late
on red tc qdisc del dev eth0 root

# the server goes, with what it knew
key=$(printf 'get a\r\n' | od -An -tx1 | tr -d ' \n')
read_a() { ask b-red 10.0.0.1 11211 "0001000000010000$key" | cut -c17-; }
far red bash -c 'exec 3<>/dev/tcp/10.0.0.1/11211; printf "set a 0 0 1\r\n1\r\n" >&3; read -r _ <&3; sleep 30' &
holder=$!
has_a() { [[ $(read_a) == 56414c5545* ]]; }
check "a value, and a client that stays" busywait 5 has_a
read_a >/dev/null
kill $server
wait $server 2>/dev/null
serve
check_eq "a new server knows nothing, nor is anybody told" "$(printf 'END\r\n' | od -An -tx1 | tr -d ' \n')" "$(read_a)"
kill $holder

# a write on a connection that there is no room for: neither it nor its answer is seen
said() { printf "set a 0 0 2\r\n%s\r\n" "$1" | far red socat -t 5 - TCP:10.0.0.1:11211 | tr -d '\r\n'; }
read_by() { ask b-red 10.0.0.1 11211 "0001000000010000$key" 5555 | cut -c17-; }
hit() {
	local before
	read_by >/dev/null
	before=$(counted hits)
	[[ $(read_by) == "$1" && $(counted hits) -gt $before ]]
}
value() { printf 'VALUE a 0 2\r\n%s\r\nEND\r\n' "$1" | od -An -v -tx1 | tr -d ' \n'; }
stale=0 written=0
for i in 1 2 3 4 5; do
	[ "$(said "o$i")" = STORED ] || fail "not stored"
	busywait 20 hit "$(value "o$i")" || fail "not cached"
	chamctl tenant set red max-conns "$(chamctl -j tenant show red | jq '.[0].conns')"
	read_by >/dev/null
	[ "$(said "n$i")" != STORED ] || written=$((written + 1))
	[ "$(read_by)" = "$(value "n$i")" ] || stale=$((stale + 1))
	chamctl tenant set red max-conns 65536
done
check_eq "writes without a connection" 5 "$written"
check_eq "are seen all the same" 0 "$stale"
kill "$server"
check "nobody is at fault" prog_is red 'has("fault") | not'
finish
