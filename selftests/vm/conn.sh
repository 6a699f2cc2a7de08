#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
# processors: 2
#
# chamctl conn: what it prints of live connections, and the kernel's filters.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"
require_root
defer topo_down

# conns WANTED FILTER...: how many connections match
conns() {
	local got
	got=$(chamctl -j conn show "${@:2}" | jq length)
	[ "$got" = "$1" ] && return
	echo "wanted $1, got $got: ${*:2}"
	return 1
}

# refused NAME CODE TEXT ARGUMENT...
refused() {
	local out rc
	out=$(chamctl conn show "${@:4}" 2>&1)
	rc=$?
	if [ $rc = "$2" ] && [[ $out == *$3* ]]; then
		pass "$1"
	else
		fail "$1" "exit status $rc: $out"
	fi
}

topo_load || { fail "module loads"; finish; }
topo_wire
chamctl uplink add up0 local 192.0.2.1 || fail "uplink"
check "tenant red is set up" topo_tenant red 100
check "tenant blue is set up" topo_tenant blue 200
check "datapath attaches" topo_attach
for t in red blue; do ping1 on $t fd00::2; done

# one connection that stays, and one that is over
background far red socat TCP-LISTEN:80,reuseaddr PIPE
background far red socat TCP6-LISTEN:81,reuseaddr PIPE
wait_port b-red tcp 80
wait_port b-red tcp 81
background on red socat TCP:10.0.0.2:80,sourceport=40000 PIPE
background on red socat "TCP6:[fd00::2]:81,sourceport=40001" PIPE
established() { chamctl conn show tenant red dport "$1" state established | grep -q .; }
busywait 5 established 80
busywait 5 established 81
sleep 0.5
chamctl conn show details

line=$(chamctl conn show tenant red dport 80)
diag "$line"
check_match "one line, both ways out, no device that is not there" \
	'^tenant red tcp 10\.0\.0\.1:40000 -> 10\.0\.0\.2:80 established idle [0-9]+ms.* forward via 192\.0\.2\.2 dev up0 reverse dev red0$' "$line"
check_match "IPv6 in brackets" 'tcp \[fd00::1\]:40001 -> \[fd00::2\]:81 ' \
	"$(chamctl conn show dport 81)"
check_eq "details are two more lines" 3 "$(chamctl conn show tenant red dport 80 details | wc -l)"
# shellcheck disable=SC2016 # jq expands
check "JSON: the way out of both directions" jq -e \
	--argjson up "$(cat /sys/class/net/up0/ifindex)" --argjson red "$(cat /sys/class/net/red0/ifindex)" \
	'.[0] | .forward.ifindex == $up and .forward.remote == "192.0.2.2" and
	 .reverse.ifindex == $red and .flags == []' <<< "$(chamctl -j conn show dport 80)"

check "all of it together" conns 1 tenant red dst 10.0.0.2 dport 80 state established proto tcp
check "the other tenant has none" conns 0 tenant blue dst 10.0.0.2 dport 80 state established proto tcp
check "by source" conns 1 src 10.0.0.1 proto tcp
check "by IPv6 source" conns 1 src fd00::1 proto tcp
check "by source port" conns 1 sport 40000
check "by another source port" conns 0 sport 40002
check "by prefix" conns 1 src 10.0.0.0/31 proto tcp
check "of odd length" conns 1 dst 10.0.0.3/30 src 10.0.0.1/32 proto tcp
check "by another prefix" conns 0 src 10.0.0.2/31 proto tcp
check "IPv6 is none of an IPv4 prefix" conns 1 src 0.0.0.0/0 proto tcp
check "by IPv6 prefix" conns 1 src fd00::/64 proto tcp
check "by a range of ports" conns 2 proto tcp sport 40000-40001
check "not outside" conns 0 proto tcp sport 40002-65535
check "both ends of it" conns 2 proto tcp dport 80-81
check "source is not destination" conns 0 src 10.0.0.2
check "by state" conns 0 tenant red state syn-sent
check "TCP states find nothing but TCP" conns 2 state established
for t in red blue; do ping1 on $t 10.0.0.2; done
check "ICMP of both tenants" conns 2 proto icmp
check "ICMP of one" conns 1 proto icmp tenant blue
check "without a VLAN are all" conns "$(chamctl -j conn show | jq length)" vlan 0
check "in VLAN 10 is none" conns 0 vlan 10
refused "VLAN 4095" 2 "attribute vlan-id, accepted 0..4094" vlan 4095
refused "a tenant that is not there" 2 "no tenant is called" tenant green
refused "a state that is none" 1 "established, syn-sent" state open

# more than one message's worth, every one of them exactly once
on red python3 -c '
import socket
for p in range(5000, 5400):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x", ("10.0.0.2", p))'
sleep 0.5
n=$(chamctl -j conn show tenant red proto udp | jq '[.[].dport] | unique | length')
m=$(chamctl -j conn show tenant red proto udp | jq length)
diag "$n different ones of $m"
check "a dump of many messages has each once" test "$n" = "$m"
check_num "and most of the 400" "$n" -gt 300
check "a filter finds one of them" conns 1 proto udp dport 5100

check "flags: a closed connection says who finished" sh -c '
	ip netns exec b-red timeout 5 socat -u TCP-LISTEN:90,reuseaddr OPEN:/dev/null & sleep 1
	echo x | ip netns exec t-red timeout 5 socat -u - TCP:10.0.0.2:90; sleep 0.5
	chamctl -j conn show dport 90 | jq -e ".[0].flags | index(\"fin-forward\") != null"'

# addresses that a sum of their words does not tell apart: a bucket has eight places
related() {
	local i
	for i in {1..24}; do
		chamctl conn add tenant red proto udp src "fd01:0:0:$i:0:0:0:$i" dst "$1" \
			sport 7 dport 7 || return
	done
}
check "no bucket is filled by related addresses" related fd01:0:0:ffff::1
check "nor from the other side" related fd00::1

# many flushes at once, of a tenant's own namespace: one is under way, others are told
ip netns add own-red
defer ip netns del own-red
key=(tenant red proto udp src 10.0.0.1 dst 10.0.0.2 sport 7 dport)
check "red has a namespace" chamctl tenant set red netns own-red
cat >/tmp/flushes.py <<'P'
import sys, threading
sys.path.insert(0, sys.argv[1])
import netlink
said, lock = {}, threading.Lock()
def flush(family):
    for _ in range(int(sys.argv[3])):
        try:
            family.send("conn-flush", netlink.ACK)
            family.answers()
            why = "flushed"
        except netlink.Refused as refused:
            why = f"{refused.code} {refused.text}"
        with lock:
            said[why] = said.get(why, 0) + 1
threads = [threading.Thread(target=flush, args=(netlink.Family(),)) for _ in range(int(sys.argv[2]))]
for t in threads:
    t.start()
for t in threads:
    t.join()
for why, n in said.items():
    print(n, why)
P
# flushes SOCKETS TIMES [COMMAND...]: asked of each; what was said, and how often
flushes() { "${@:3}" python3 /tmp/flushes.py "$(dirname "$0")" "$1" "$2"; }
busy="16 another flush is going on: try again"
refused_some() {
	local i
	for i in 1 2 3; do chamctl conn add "${key[@]}" "$i" 2>/dev/null; done
	flushes 20 5 ip netns exec own-red >/tmp/flushes
	diag "$(cat /tmp/flushes)"
	! grep -vqE "^[0-9]+ (flushed|$busy)\$" /tmp/flushes || touch /tmp/flush-failed
	grep -q "$busy" /tmp/flushes && grep -q flushed /tmp/flushes
}
check "of many at once some are told to try again" busywait 60 refused_some
check_fails "and none anything else" test -e /tmp/flush-failed
check_match "nothing stays under way" "^1 flushed\$" "$(flushes 1 1 ip netns exec own-red)"
check_eq "the provider's all come to pass" "100 flushed" "$(flushes 20 5)"
# what else wants RTNL is answered meanwhile
background ip netns exec own-red python3 /tmp/flushes.py "$(dirname "$0")" 20 100000 >/dev/null
reds=$bg_pid
background python3 /tmp/flushes.py "$(dirname "$0")" 20 100000 >/dev/null
all=$bg_pid
gone() { ! chamctl conn get "${key[@]}" "$1" >/dev/null 2>&1; }
for i in {1..5}; do
	check "tenant $i is added meanwhile" timeout 20 chamctl tenant add "more$i" vni $((1000 + i))
	check "a connection is made" timeout 20 chamctl conn add "${key[@]}" "$i"
	check "and gone" busywait 20 gone "$i"
	check_match "which deleting finds, too" "no such connection" \
		"$(timeout 20 ip netns exec own-red chamctl conn del "${key[@]}" "$i" 2>&1)"
	check "and the tenant removed" timeout 20 chamctl tenant del "more$i"
done
check "they are at it still" kill "$reds" "$all"
wait "$reds" "$all" 2>/dev/null
check "everything comes down" topo_down
finish
