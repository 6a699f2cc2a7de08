#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# Tenants' programs: loaded into the datapath, obeyed, replaced under traffic,
# stopped, taken out; and nobody else notices.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq socat
defer topo_down
topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_tenant blue 200 || bail "tenant blue"
topo_neighbour red || bail "red's second port"
for to in 10.0.0.2 10.0.0.3; do busywait 10 ping1 on red $to; done
ping1 on blue 10.0.0.2

check_fails "without a datapath nothing is loaded" prog load "$echo_o" tenant red
check_match "and why" "no datapath is attached" "$(prog load "$echo_o" tenant red 2>&1)"
topo_attach || bail "attach"
busywait 10 ping1 far red 10.0.0.1

# echo
data=$(head -c 1000 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
answers "nobody echoes yet" ECONNREFUSED b-red 10.0.0.1 7 00
check "red loads echo" prog load "$echo_o" tenant red
check "it is shown" prog_is red '.name == "echo" and .version == 1 and .hooks == ["rx"] and (has("fault") | not)'
check_match "there was none before it" "no program before this one is kept" \
	"$(prog rollback tenant red 2>&1)"
before=$(no_port)
answers "the wire has its 1,000 bytes back" "$data" b-red 10.0.0.1 7 "$data"
answers "over IPv6, too" "$data" b-red fd00::1 7 "$data"
answers "a neighbour, too" "$data" t-red1 10.0.0.1 7 "$data"
# echoed TO SIZE: a client that is not ours hears what it says. It goes once it has, or not.
echoed() {
	has() { [ "$(stat -c %s /tmp/echo.got)" -ge "$1" ]; }

	: >/tmp/echo.got
	head -c "$2" /dev/urandom >/tmp/echo.said
	far red socat -t 0.1 -b 4096 - "$1" >/tmp/echo.got < <(cat /tmp/echo.said; busywait 10 has "$2")
	cmp /tmp/echo.said /tmp/echo.got
}
for size in 1 18 64 511 1422; do
	check "socat has its $size bytes back" echoed UDP4:10.0.0.1:7 $size
done
for size in 2 1402; do
	check "over IPv6, $size bytes" echoed "UDP6:[fd00::1]:7" $size
done
check_eq "the guest knows nothing of it" "$before" "$(no_port)"
answers "echo does not answer echo" nothing b-red 10.0.0.1 7 00 7
check "dropped, by a reason of its own" prog_is red '.dropped[0] == 1'
check "and by name in the books" test "$(stat_of red handler-drop)" = 1
answers "blue has no program" ECONNREFUSED b-blue 10.0.0.1 7 00
check_num "its cycles are red's" "$(chamctl -j stat show tenant red | jq '.[0].classes.handler')" -gt 0

# verdicts
check_match "what is no object is refused" "not a BPF object" "$(prog load "$0" tenant red 2>&1)"
check_match "so is what takes the verifier too long" "follows [0-9]+ instructions, .* share is 50000" \
	"$(prog load "$CHAM_BUILD/selftests/branches.bpf.o" tenant red 2>&1)"
refused=$(prog load "$CHAM_BUILD/selftests/unchecked.bpf.o" tenant red 2>&1)
check_match "and what it does not see to be right" \
	"unchecked.bpf.o: the kernel's verifier refuses it: rx, unchecked.bpf.c:18: R0 invalid mem access 'map_value_or_null'" \
	"$refused"
check_match "in whose log is a map" "\(18\) r1 = 0xffffx+" "$refused"
check "but not where the kernel has it" sh -c '! grep -qE "0xffff[89a-e][0-9a-f]{3}"' <<<"$refused"
answers "and echo runs on" 00 b-red 10.0.0.1 7 00
check "red loads another" prog load "$verdicts" tenant red
check "it is shown" prog_is red '.name == "verdicts" and .version == 2 and .flags == 1'
answers "echo is gone" ECONNREFUSED b-red 10.0.0.1 7 00
check "red goes back" prog rollback tenant red
check "to echo" prog_is red '.name == "echo" and .version == 3'
answers "which echoes" 00 b-red 10.0.0.1 7 00
check "and forth" prog rollback tenant red
check "to the other" prog_is red '.name == "verdicts" and .version == 4'

# what cannot be kept is not attached
runs_verdicts() {
	answers "$1" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
	answers "and nothing else" ECONNREFUSED b-red 10.0.0.1 7 00
}
in_the_way() {
	mkdir "/sys/fs/bpf/chamelio/$1"
	check_match "$1 cannot be made: that is told" "pin .*$1.*File exists" \
		"$(prog load "$echo_o" tenant red 2>&1)"
	rmdir "/sys/fs/bpf/chamelio/$1"
	check "red has what it had" prog_is red '.name == "verdicts" and .version == 4'
	runs_verdicts "and that runs"
}
in_the_way cham_uplink-new
in_the_way cham_port-new
check_eq "nothing of it is left" "" "$(find /sys/fs/bpf/chamelio -name '*-new' -o -name '+*')"

# who loads dies: before the module knows the new one, or after; as files show it then
state=/run/chamelio/programs/$(chamctl -j prog show tenant red | jq '.[0]."tenant-id"')
mv "$state.o" "$state.o.before"
cp "$echo_o" "$state.o"
printf '\4\0\0\0' >/run/chamelio/lock
check "who loaded has died before it was known" topo_attach
runs_verdicts "red has what it had"
check_eq "nothing is half done" "0" "$(stat -c %s /run/chamelio/lock)$(find /run/chamelio/programs -name '*.before')"
rm "$state.former"
cp "$echo_o" "$state.o.before"
printf '\3\0\0\0' >/run/chamelio/lock
check "who loaded has died when it was known" topo_attach
runs_verdicts "red has the new one"
check "and goes back to the one before" prog rollback tenant red
answers "which echoes" 00 b-red 10.0.0.1 7 00
check "and forth again" prog rollback tenant red
answers "rx, pass: the guest has it" ECONNREFUSED b-red 10.0.0.1 9000 "$(word 0 0)"
answers "rx, reply" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
answers "tx, reply: it never leaves" "$(word 1 0)" t-red 10.0.0.2 9001 "$(word 1 0)"
answers "rx, consume" nothing b-red 10.0.0.1 9000 "$(word 3 0)"
check "counted" test "$(stat_of red consumed)" -gt 0
answers "tx, drop with reason 15" nothing t-red 10.0.0.2 9001 "$(word $((4 + (15 << 8))) 0)"
check "counted" prog_is red '.dropped[15] == 1'
: >/tmp/prog.seen
ip netns exec t-red1 tcpdump -lnni eth0 "udp port 9000" >/tmp/prog.seen 2>/dev/null &
defer kill $!
sleep 2
answers "rx, forward" nothing b-red 10.0.0.1 9000 "$(word 2 "$(cat /sys/class/net/red1/ifindex)")"
check "the other port has it" busywait 5 grep -q "10.0.0.1.9000" /tmp/prog.seen
: >/tmp/prog.seen
tc qdisc add dev red1 clsact
tc filter add dev red1 egress protocol ip flower ip_proto udp action drop
check "a filter on that port is seen" busywait 5 port_blocked red1 tc
answers "rx, forward past a filter" nothing b-red 10.0.0.1 9000 "$(word 2 "$(cat /sys/class/net/red1/ifindex)")"
check_fails "is not forwarded" grep -q "10.0.0.1.9000" /tmp/prog.seen
check_num "but counted" "$(stat_of red no-forward)" -ge 1
tc qdisc del dev red1 clsact
before=$(stat_of red no-forward)
answers "rx, forward to a port that is gone" nothing b-red 10.0.0.1 9000 "$(word 2 0x7ffffff0)"
check_num "is counted" "$(stat_of red no-forward)" -gt "$before"
check "and no fault" prog_is red 'has("fault") | not'
check "the filter is gone" busywait 5 port_free red1

# the private area
# passed SPORT: how many of five packets of one conversation the guest was given
passed() {
	local before
	before=$(no_port)
	asks b-red -c 5 -i 50 -n 0 -s "$1" 10.0.0.1 9002 00
	sleep 1
	echo $(($(no_port) - before))
}
check_eq "three packets of a conversation pass" 3 "$(passed 5001)"
check_eq "of another one, too" 3 "$(passed 5002)"
check "replaced by the same" prog load "$verdicts" tenant red
check_eq "its connections remember" 0 "$(passed 5001)"
check "replaced by one of another layout" prog load "$CHAM_BUILD/selftests/verdicts2.bpf.o" tenant red
check_eq "they begin anew" 3 "$(passed 5001)"

# under traffic nothing is lost
ip netns exec t-blue ping -q -i 0.02 10.0.0.2 >/tmp/prog.blue &
blue=$!
ip netns exec b-red ping -q -i 0.02 10.0.0.1 >/tmp/prog.red &
red=$!
sleep 0.5
for _ in 1 2 3 4 5; do
	prog load "$echo_o" tenant red || fail "load under traffic"
	prog load "$verdicts" tenant red || fail "load under traffic"
done
kill -INT $blue $red
wait $blue $red
check_match "replaced ten times under traffic: red lost nothing" " 0% packet loss" "$(cat /tmp/prog.red)"
check_match "nor did blue" " 0% packet loss" "$(cat /tmp/prog.blue)"
diag "$(grep loss /tmp/prog.red)"

# two programs
check "blue loads echo" prog load "$echo_o" tenant blue
answers "blue echoes" 00 b-blue 10.0.0.1 7 00
answers "red does not" ECONNREFUSED b-red 10.0.0.1 7 00

# a handler that does what none may
check_eq "three packets of a conversation" "3 0" "$(passed 5001) $(passed 5001)"
chamctl -j monitor prog >/tmp/prog.events 2>/dev/null &
defer kill $!
sleep 1
before=$(stat_of red handler-fault)
answers "nonsense is not sent on" nothing b-red 10.0.0.1 9000 "$(word 77 0)"
check_eq "but counted" 1 $(($(stat_of red handler-fault) - before))
check "the program is stopped, and why" prog_is red \
	'.fault == "verdict" and ."fault-hook" == "rx" and ."fault-value" == 77'
check "with the tenant's packet, not the tunnel's" prog_is red \
	".\"fault-packet\" | startswith(\"$(on red cat /sys/class/net/eth0/address | tr -d :)\")"
check "it is an event" busywait 5 grep -q '"fault":"verdict"' /tmp/prog.events
check "red's traffic goes on" ping1 far red 10.0.0.1
answers "without the handler" ECONNREFUSED b-red 10.0.0.1 9000 "$(word 1 0)"
answers "blue did not notice" 00 b-blue 10.0.0.1 7 00
check "loading starts it again" prog load "$verdicts" tenant red
check_eq "with nothing that it knew before" 3 "$(passed 5001)"
answers "so" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
answers "a port of another tenant's" nothing b-red 10.0.0.1 9000 \
	"$(word 2 "$(cat /sys/class/net/blue0/ifindex)")"
check "is none for red" prog_is red '.fault == "port"'
check "in words" grep -q "forwarded to what is no port of the tenant" <(chamctl prog show tenant red)

# a handler that costs more than was admitted, most times it runs
check "red has echo" prog load "$echo_o" tenant red
answers "which echoes" 00 b-red 10.0.0.1 7 00
check "what red's handlers may cost is cut" chamctl tenant set red max-cycles 1
# by one CPU: each counts for itself
flood() {
	ip netns exec b-red taskset -c 0 ping -qi0.005 -c400 -W1 10.0.0.1 >/tmp/flood
	grep -q ' 0% packet loss' /tmp/flood
}
check "red's packets get through" flood
check "its program is stopped, and why" prog_is red \
	'.fault == "overrun" and ."fault-value" > 16 and .overruns >= 256 and .overruns < 300'
answers "red does not echo" ECONNREFUSED b-red 10.0.0.1 7 00
answers "blue does" 00 b-blue 10.0.0.1 7 00
check_match "nor is it loaded again" "may take [0-9]+ cycles; max-cycles is 1\\." \
	"$(prog load "$echo_o" tenant red 2>&1)"
check "red may, again" chamctl tenant set red max-cycles 16384
check "and it is loaded" prog load "$echo_o" tenant red
check "as fast as it should be" flood
check "it runs on" prog_is red 'has("fault") | not'
answers "and echoes" 00 b-red 10.0.0.1 7 00

# a full disk
# full DIR TEXT: a load is refused, with these words, while nothing more can be written there
full() {
	mount -t tmpfs -o size=4k full "$1"
	mkdir -p /run/chamelio/programs
	head -c 4096 /dev/zero >"$1/filled"
	check_match "$1 is full: said" "$2: cannot be written: No space left on device" \
		"$(prog load "$echo_o" tenant red 2>&1)"
	umount "$1"
}
full /run/chamelio/programs "/run/chamelio/programs/[0-9]*\\.o"
full /run/chamelio "/run/chamelio/lock"
answers "red has what it had" 00 b-red 10.0.0.1 7 00
check "and loads when there is room" prog load "$echo_o" tenant red

# places, and the end
check_match "unloaded, and the datapath cannot be made: both are said" \
	"the program is gone, but the datapath .*/nowhere.* chamctl datapath attach" \
	"$(chamctl prog unload tenant red object /nowhere 2>&1)"
answers "it is gone" ECONNREFUSED b-red 10.0.0.1 7 00
check_eq "there is something to mend" 4 "$(stat -c %s /run/chamelio/lock)"
check "which attaching does" topo_attach
check_eq "and nothing is left of it" 0 "$(stat -c %s /run/chamelio/lock)$(ls "$state".* 2>/dev/null)"
check "red loads again" prog load "$echo_o" tenant red
answers "and echoes" 00 b-red 10.0.0.1 7 00
check "red unloads" prog unload tenant red
check_match "what is not there is not unloaded" "tenant red has no program" "$(prog unload tenant red 2>&1)"
answers "blue's echo was not disturbed" 00 b-blue 10.0.0.1 7 00
check "detached" chamctl datapath detach
answers "without a datapath Linux has it" ECONNREFUSED b-blue 10.0.0.1 7 00
check "attached again" topo_attach
check "with its programs" busywait 5 sh -c "[ \"\$(echo x | ip netns exec b-blue timeout 3 socat -t 1 - UDP4:10.0.0.1:7)\" = x ]"
check "a tenant goes with its program" chamctl tenant del blue force
check_eq "nothing is left of it" "[]" "$(chamctl -j prog)"
check "everything comes down" topo_down
finish
