#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# processors: 2
#
# What handlers can do beyond a verdict: packets that grow and shrink, timers, and
# what Linux brings.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq socat
defer topo_down

ask_bed

# resized
check "red loads a program" prog load "$verdicts" tenant red
# said HEX BYTES: so many of it, zeroes behind
said() { printf '%s' "$1" && head -c $((2 * $2 - ${#1})) /dev/zero | tr '\0' 0; }
for len in 8 9 100 1400; do
	ask=$(word 1 $len)
	answers "rx, $len bytes back" "$(said "$ask" $len)" b-red 10.0.0.1 9003 "$ask"
	answers "over IPv6" "$(said "$ask" $len)" b-red fd00::1 9003 "$ask"
	answers "tx, $len bytes back" "$(said "$ask" $len)" t-red 10.0.0.2 9004 "$ask"
	answers "by Linux" "$(said "$ask" $len)" host 10.0.0.1 9003 "$ask"
done
check_num "a veth has no room for the long ones: they went by Linux" \
	"$(stat_of red handler-linux)" -ge 1
answers "shorter" 0100 b-red 10.0.0.1 9003 "$(word 1 2)ff"
for way in "t-red b-red 10.0.0.1 9003 9" "t-red b-red fd00::1 9003 700" \
	"b-red t-red 10.0.0.2 9004 700" "b-red t-red fd00::2 9004 9"; do
	read -r at from to port len <<<"$way"
	listen "$at" "$port"
	asks "$from" -n 0 "$to" "$port" "$(word 0 "$len")"
	wait $listener
	check_eq "$from to $to, resized to $len on its way" "$(said "$(word 0 "$len")" "$len")" \
		"$(cat /tmp/ask.got)"
done
before=$(stat_of red no-reply)
answers "an answer that does not fit" nothing b-red 10.0.0.1 9003 "$(word 1 1500)"
check "is counted" test "$(stat_of red no-reply)" -gt "$before"
answers "a length that no header knows" nothing b-red 10.0.0.1 9003 "$(word 1 0x80000064)"
check "is a fault" prog_is red '.fault == "length" and ."fault-hook" == "rx"'

# A super-packet that nobody can cut any more: whose fault that is is known
check "red mangles what is large" prog load "$CHAM_BUILD/selftests/mangles.bpf.o" tenant red
ip netns exec b-red socat -u TCP-LISTEN:9100,reuseaddr OPEN:/tmp/handlers.big,creat,trunc &
receiver=$!
wait_port b-red tcp 9100
head -c 3000000 /dev/urandom >/tmp/handlers.sent
check "3 MB are sent" on red timeout 60 socat -u OPEN:/tmp/handlers.sent TCP:10.0.0.2:9100
wait $receiver
check "red is stopped" prog_is red '.fault == "length" and ."fault-hook" == "tx"'
check "its traffic goes on" cmp /tmp/handlers.sent /tmp/handlers.big
check_eq "and none was lost as a damaged super-packet" 0 "$(stat_of red bad-gso)"

# The outer header over IPv6 has a checksum, which what a handler writes does not keep.
check "green loads it, too" prog load "$verdicts" tenant green
busywait 10 ping1 far green 10.0.0.1
for len in 9 1400; do
	ask=$(word 1 $len)
	answers "through a tunnel over IPv6, $len bytes back" "$(said "$ask" $len)" b-green 10.0.0.1 9003 "$ask"
done
check_num "by Linux, with a checksum that is right" "$(stat_of green handler-linux)" -ge 1

# timers
check "verdicts again" prog load "$verdicts" tenant red
# ticks NS VERDICT FROM|self TO PORT: what comes to NS after a packet to TO that arms
# the timer three times, from NS itself or from another namespace
ticks() {
	local i got data
	data=$(word "$2" 50 3)
	if [ "$3" = self ]; then
		got=$(asks "$1" -w 10 -n 3 "$4" "$5" "$data")
	else
		listen "$1" "$5" 4
		asks "$3" -n 0 "$4" "$5" "$data"
		wait $listener
		got=$(cut -d' ' -f2- /tmp/ask.got)
	fi
	for i in $got; do
		printf '%d ' "0x${i:6:2}${i:4:2}${i:2:2}${i:0:2}"
	done
}
for to in 10.0.0.1 fd00::1; do
	check_eq "armed by rx, comes to the guest: $to" "2 1 0 " "$(ticks t-red 0 b-red $to 9005)"
done
check_eq "armed by tx, goes to the wire" "2 1 0 " "$(ticks b-red 0 t-red 10.0.0.2 9006)"
# a listener, or nobody is there and an ICMP error comes first
for port in 9005 9006; do
	for ns in t-red b-red; do
		ip netns exec $ns socat -u UDP6-RECV:$port,ipv6only=0 /dev/null &
		listeners="${listeners:-} $!"
		wait_port $ns udp $port
	done
done
for to in 10.0.0.1 fd00::1; do
	check_eq "armed by rx, answers the wire: $to" "2 1 0 " "$(ticks b-red 1 self $to 9005)"
	check_eq "armed by rx, for a neighbour: $to" "2 1 0 " "$(ticks t-red1 1 self $to 9005)"
done
for to in 10.0.0.2 fd00::2; do
	check_eq "armed by tx, answers the guest: $to" "2 1 0 " "$(ticks t-red 1 self $to 9006)"
done
check_eq "armed for the host, answers it" "2 1 0 " "$(ticks host 1 self 10.0.0.1 9005)"
answers "armed, for later" nothing b-red 10.0.0.1 9005 "$(word 1 3000 1)" 7100
ASK_WAIT=4 answers "stopped, it does not fire" nothing b-red 10.0.0.1 9005 "$(word 1 0xffffffff 1)" 7100
# One that is armed for an hour dies with its connection; topo_down sees to that.
answers "armed for long" nothing b-red 10.0.0.1 9005 "$(word 1 3600000 1)" 7101
# shellcheck disable=SC2086 # a word each
kill $listeners

# what Linux brings passes rx, too, and what it is given has passed tx
check "verdicts again" prog load "$verdicts" tenant red
answers "the host's own, pass" ECONNREFUSED host 10.0.0.1 9000 "$(word 0 0)"
answers "reply" "$(word 1 0)" host 10.0.0.1 9000 "$(word 1 0)"
answers "consume" nothing host 10.0.0.1 9000 "$(word 3 0)"
# Who sends leaves the checksum to others, and the handler makes another packet of it:
# becomes WHERE INTERFACE FILTER NS TO PORT WORD: what tcpdump says of that
becomes() {
	local in=(ip netns exec "$1")
	[ "$1" != host ] || in=()
	"${in[@]}" timeout 20 tcpdump -vvc1 -lnni "$2" "$3" >/tmp/handlers.became 2>/tmp/handlers.err &
	busywait 5 grep -q listening /tmp/handlers.err
	asks "$4" -n 0 "$5" "$6" "$(word "$7" 0)"
	wait $!
	cat /tmp/handlers.became
}
check_match "a guest's datagram comes back as ICMP" "ICMP echo reply" \
	"$(becomes t-red eth0 icmp t-red 10.0.0.2 9011 0)"
check_fails "with a checksum of its own" grep wrong /tmp/handlers.became
check_match "the host's, too" "ICMP echo reply" "$(becomes host br-red icmp host 10.0.0.1 9010 0)"
check_fails "with a checksum of its own" grep wrong /tmp/handlers.became
ethtool -K red1 tx off
check_match "and as a header alone, where sums are to be written" "10.0.0.1 > 10.0.0.254: .*(253|exptest)" \
	"$(becomes t-red1 eth0 "ip proto 253" host 10.0.0.1 9010 1)"
ethtool -K red1 tx on
: >/tmp/handlers.seen
ip netns exec t-red1 tcpdump -lnni eth0 "udp port 9000" >/tmp/handlers.seen 2>/dev/null &
defer kill $!
sleep 2
answers "forward" nothing host 10.0.0.1 9000 "$(word 2 "$(cat /sys/class/net/red1/ifindex)")"
check "the other port has it" busywait 5 grep -q "10.0.0.254.*10.0.0.1.9000" /tmp/handlers.seen
tc qdisc add dev red0 clsact
for way in ingress egress; do tc filter add dev red0 $way matchall action ok; done
check "a filter switches caching off" busywait 5 port_blocked red0 tc
before=$(stat_of red slow-packets)
answers "from the wire, by Linux: pass" ECONNREFUSED b-red 10.0.0.1 9000 "$(word 0 0)"
answers "reply" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
answers "consume" nothing b-red 10.0.0.1 9000 "$(word 3 0)"
past=$(stat_of red no-forward)
answers "to the wire, by Linux: pass" ECONNREFUSED t-red 10.0.0.2 9001 "$(word 0 0)"
answers "tx replies not past the filter" nothing t-red 10.0.0.2 9001 "$(word 1 0)"
check_num "counted" "$(stat_of red no-forward)" -gt "$past"
answers "a neighbour is not answered past the filter" nothing t-red1 10.0.0.1 9000 "$(word 1 0)"
check "counted" test "$(stat_of red no-reply)" -gt 0
check_num "all of that was Linux'" $(($(stat_of red slow-packets) - before)) -ge 5
tc qdisc del dev red0 clsact
check "free again" busywait 5 port_free red0
before=$(stat_of red unseen)
check "fragments arrive" far red ping -qc1 -W3 -s 3000 10.0.0.1
check_num "and are counted, for no handler saw them" $(($(stat_of red unseen) - before)) -ge 2
# Samples keep addresses alive; of such a consumed stream none may get through.
ip link set br-red type bridge ageing_time 400
before=$(no_port)
samples=$(stat_of red refresh)
sampled() {
	asks b-red -c 20 -i 100 -n 0 10.0.0.1 9000 "$(word 3 0)"
	[ "$(stat_of red refresh)" -gt "$samples" ]
}
check "samples went by Linux" busywait 20 sampled
check_eq "and were consumed as all others" "$before" "$(no_port)"
ip link set br-red type bridge ageing_time 720000

# Two CPUs at once in one connection: what both count in its area is what the module
# has seen.
# both_ways N: so many packets each way, from two CPUs
both_ways() {
	local cpu ns to senders=()
	for way in "0 b-red 10.0.0.1" "1 t-red 10.0.0.2"; do
		read -r cpu ns to <<<"$way"
		ip netns exec "$ns" taskset -c "$cpu" "$CHAM_BUILD/selftests/ask" \
			-c "$1" -n 0 -s 9300 "$to" 9300 00 &
		senders+=($!)
	done
	wait "${senders[@]}"
	sleep 0.5
}
# counts: words 0 to 3 of the area, packets of the two directions, and samples, which
# handlers see; those of an address a connection does not count, its own it does
counts() {
	local i conn
	conn=$(chamctl -j conn get tenant red proto udp src 10.0.0.1 sport 9300 dst 10.0.0.2 dport 9300 |
		jq -r '.[0] | "\(.area) \(.forward.packets) \(.reverse.packets)"')
	for i in 0 16 32 48; do
		printf '%d ' "0x${conn:i+6:2}${conn:i+4:2}${conn:i+2:2}${conn:i:2}"
	done
	echo "${conn#* } $(stat_of red refresh)"
}
for how in "serialised counts" "atomic counts2"; do
	read -r name object <<<"$how"
	check "$name: loads" prog load "$CHAM_BUILD/selftests/$object.bpf.o" tenant red
	# what goes by Linux is counted elsewhere
	both_ways 3
	read -r counted _ _ fired forward reverse samples <<<"$(counts)"
	both_ways 8000
	read -r all rx tx timers f r s <<<"$(counts)"
	timers=$((timers - fired))
	diag "$name: $((f - forward)) and $((r - reverse)) packets, rx on CPUs $rx, tx on $tx, $timers timers"
	check_num "$name: thousands both ways" $((f - forward)) -gt 2000
	check_num "$name: and back" $((r - reverse)) -gt 2000
	check_num "$name: not all by one CPU" $(((rx | tx) & ((rx | tx) - 1))) -ne 0
	check_num "$name: the timer, too" $timers -gt 5
	check_num "$name: none is lost" $((all - counted)) -ge $((f - forward + r - reverse + timers))
	check_num "$name: none is counted twice" $((all - counted)) -le \
		$((f - forward + r - reverse + timers + s - samples))
done

check "everything comes down, with a timer that is armed" topo_down
finish
