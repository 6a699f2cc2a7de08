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

# a fault
answers "no verdict" nothing b-red 10.0.0.1 9100 "$(word 99 9 0 0)" 7501
check "stops the program, by its hook" prog_is red '.fault == "verdict" and ."fault-hook" == "open"'
answers "and nobody decides" ECONNREFUSED b-red 10.0.0.1 9100 "$(word 3 9 0 0)" 7502
check_eq "as without a program, it is a connection" 1 "$(conns 7502)"
check "everything comes down" topo_down
finish
