#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What becomes of a connection's first packet, by a tenant's handler (opens.bpf.c).

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq
defer topo_down
opens=$CHAM_BUILD/selftests/opens.bpf.o

# conns PORT: connections that use it
conns() { chamctl -j conn show | jq "[.[] | select(.sport == $1 or .dport == $1)] | length"; }
# opened NAME SAID FLAGS NS TO: a connection, the port of its first packet in n. A sample
# for Linux' tables comes by Linux, and is none the next time.
opened() {
	local got
	for _ in 1 2 3; do
		n=$((n + 1))
		got=$(ask "$4" "$5" 9100 "$(word 0 "$2" 0 0)" $n)
		[ "$got" != "$(word "$2" 1 "$3" 16)" ] || break
	done
	check_eq "$1" "$(word "$2" 1 "$3" 16)" "$got"
}

ask_bed
check "red loads a program" prog load "$opens" tenant red
check "green, too" prog load "$opens" tenant green
check "it has the hook" prog_is red '.hooks | index("open") != null'

n=7000
while read -r name ns to flags; do
	opened "$name: begins with what open has left" 77 "$flags" "$ns" "$to"
	answers "$name: goes on, and open is not asked again" "$(word 77 2 "$flags" 16)" \
		"$ns" "$to" 9100 "$(word 3 88 0 0)" $n
	check_eq "$name: is a connection" 1 "$(conns $n)"
	n=$((n + 1))
	answers "$name: open replies" "$(word 0xffffffff 5 0 0)" "$ns" "$to" 9100 "$(word 1 5 0 0)" $n
	answers "$name: consumes" nothing "$ns" "$to" 9100 "$(word 3 5 0 0)" $n
	check_eq "$name: none of it is a connection" 0 "$(conns $n)"
done <<'T'
wire b-red 10.0.0.1 0
wire6 b-red fd00::1 0
green b-green 10.0.0.1 0
guest t-red 10.0.0.2 32
neighbour t-red1 10.0.0.1 32
Linux host 10.0.0.1 16
T
answers "dropped" nothing b-red 10.0.0.1 9100 "$(word 0x704 5 0 0)" 7100
answers "from the guest, too" nothing t-red 10.0.0.2 9100 "$(word 0x704 5 0 0)" 7100
check "drops are counted by their own reason" prog_is red '.dropped[7] == 2'
before=$(stat_of red no-slow-port)
answers "handed over, and nobody is there" nothing b-red 10.0.0.1 9100 "$(word 6 5 0 0)" 7200
check_num "counted" $(($(stat_of red no-slow-port) - before)) -ge 1
check_eq "no connection" 0 "$(conns 7200)"
answers "by Linux, past the handler" ECONNREFUSED b-red 10.0.0.1 9100 "$(word 5 5 0 0)" 7201
before=$(chamctl -j tenant show red | jq '.[0].conns')
asks b-red -c 300 -p -s 20000 -n 0 10.0.0.1 9100 "$(word 3 0 0 0)"
check_num "300 that are consumed leave no connection" \
	"$(chamctl -j tenant show red | jq '.[0].conns')" -lt $((before + 50))

# the handler after one that has cut the packet sees it so
answers "open cuts, rx sees it" "$(word 9 1 0 20 0)" b-red 10.0.0.1 9100 "$(word 0 9 20 0 0 0)" 7301
answers "tx cuts, rx sees it" "$(word 0 1 0 16)" t-red1 10.0.0.1 9101 "$(word 0 0 0 0 0 0)" 7302

# no room
chamctl tenant set red max-conns 0
before=$(stat_of red quota)
answers "beyond the quota it goes by Linux, past rx" ECONNREFUSED b-red 10.0.0.1 9100 \
	"$(word 0 9 0 0)" 7401
check_num "counted" $(($(stat_of red quota) - before)) -ge 1
chamctl tenant set red max-conns 65536

# what the tenant's slow path drives: connections that are there before their packets
read -ra conn <<<"tenant red proto udp src 10.0.0.2 dst 10.0.0.1 sport 7600 dport 9100"
read -ra back <<<"tenant red proto udp src 10.0.0.1 dst 10.0.0.2 sport 9100 dport 7600"
conn() { chamctl conn "$@"; }
# refused NAME TEXT ARGUMENT...
refused() { check_match "$1" "$2" "$(conn "${@:3}" 2>&1)"; }
check "made before its packet" conn add "${conn[@]}" area "$(word 123 0)"
refused "twice" "exists already" add "${conn[@]}"
refused "from the other end, too" "exists already" add "${back[@]}"
answers "its packet finds the area, and open is not asked" "$(word 123 1 0 16)" \
	b-red 10.0.0.1 9100 "$(word 3 88 0 0)" 7600
check_match "shown as who opened it, with the area" \
	"udp 10.0.0.2:7600 -> 10.0.0.1:9100 .*layout 0x[0-9a-f]{8} +area 0000 +7b 00 00 00 00 00 00 00 01 00 " \
	"$(conn get "${conn[@]}" | tr '\n' ' ')"
check_eq "in JSON, from the other end" "$(word 123 0 1 0 0 0)" \
	"$(chamctl -j conn get "${back[@]}" | jq -r '.[0].area[:48]')"
check "written" conn set "${back[@]}" area "$(word 200 0)"
answers "the next packet finds it" "$(word 200 1 0 16)" b-red 10.0.0.1 9100 "$(word 3 88 0 0)" 7600
check "forgotten" conn del "${conn[@]}"
refused "gone" "no such connection" get "${conn[@]}"
refused "not twice" "no such connection" del "${conn[@]}"
refused "nor written" "no such connection" set "${conn[@]}" area 00
answers "and open is asked again" nothing b-red 10.0.0.1 9100 "$(word 3 88 0 0)" 7600
check "made without an area" conn add "${conn[@]}"
answers "which is zero then" "$(word 0 1 0 16)" b-red 10.0.0.1 9100 "$(word 3 88 0 0)" 7600
check "forgotten" conn del "${conn[@]}"
refused "hex has two digits a byte" "up to 128 bytes in hex, not \"123\"" set "${conn[@]}" area 123
refused "what is missing" "sport is missing" get "${conn[@]:0:8}"
refused "two families" "two address families" \
	add tenant red proto udp src 10.0.0.2 dst fd00::1 sport 1 dport 2
refused "ICMP over IPv6" "protocol 1 makes no connection over IPv6" \
	add tenant red proto icmp src fd00::2 dst fd00::1 sport 1 dport 1
refused "an echo has one identifier" "both its identifier" \
	add tenant red proto icmp src 10.0.0.2 dst 10.0.0.1 sport 1 dport 2
chamctl tenant add void vni 999
refused "no program, no area" "void has no program that an area would be for" \
	add tenant void proto udp src 10.0.0.2 dst 10.0.0.1 sport 1 dport 2 area 00
check "but a connection" conn add tenant void proto udp src 10.0.0.2 dst 10.0.0.1 sport 1 dport 2
chamctl tenant del void
chamctl conn flush tenant red
chamctl tenant set red max-conns 2
churn() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		conn add "${conn[@]:0:8}" sport "$i" dport 9100 || return
		conn del "${conn[@]:0:8}" sport "$i" dport 9100 || return
	done
}
check_match "who makes and forgets has no more than its quota" "red may have 2 connections" "$(churn 2>&1)"
chamctl conn flush tenant red
check_eq "flushed, its place is free" 0 "$(chamctl -j tenant show red | jq '.[0].conns')"
chamctl tenant set red max-conns 65536

# a fault
answers "no verdict" nothing b-red 10.0.0.1 9100 "$(word 99 9 0 0)" 7501
check "stops the program, by its hook" prog_is red '.fault == "verdict" and ."fault-hook" == "open"'
answers "and nobody decides" ECONNREFUSED b-red 10.0.0.1 9100 "$(word 3 9 0 0)" 7502
check_eq "as without a program, it is a connection" 1 "$(conns 7502)"
check "everything comes down" topo_down
finish
