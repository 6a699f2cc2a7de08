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
require_vm
require_cmd jq socat python3
defer topo_down
datapath=$CHAM_BUILD/xdp/datapath.bpf.o
echo_o=$CHAM_BUILD/bpf/echo.bpf.o
verdicts=$CHAM_BUILD/selftests/verdicts.bpf.o

# prog COMMAND...: with the datapath of this build
prog() { chamctl prog "$@" object "$datapath"; }
prog_is() { chamctl -j prog show tenant "$1" | jq -e ".[0] | $2" >/dev/null; }
# ask NS|host TO PORT HEX [SPORT]: what comes back within 2 s, as hex
ask() {
	local in=(ip netns exec "$1")
	[ "$1" != host ] || in=()
	${in[@]+"${in[@]}"} python3 - "$2" "$3" "$4" "${5:-0}" <<'PY'
import socket, sys
to, port, data, sport = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM)
if sport:
    s.bind(('', sport))
s.connect((to, port))
s.settimeout(2)
s.send(data)
try:
    print(s.recv(65536).hex())
except OSError as e:
    print(type(e).__name__)
PY
}
# answers NAME WANTED NS...: what ask says
answers() { check_eq "$1" "$2" "$(ask "${@:3}")"; }
# no_port: packets the guest red was given for a UDP port that nobody has open
no_port() { on red nstat -az UdpNoPorts | awk '/UdpNoPorts/ { print $2 }'; }
# word N...: numbers as little-endian words, in hex
word() { printf '%08x' "$@" | sed -E 's/(..)(..)(..)(..)/\4\3\2\1/g'; }

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_tenant blue 200 || bail "tenant blue"
topo_port red 10.0.0.3 1 || bail "red's second port"
chamctl port set red1 tenant red
ip link set red1 master br-red
for to in 10.0.0.2 10.0.0.3; do busywait 10 ping1 on red $to; done
ping1 on blue 10.0.0.2

check_fails "without a datapath nothing is loaded" prog load "$echo_o" tenant red
check_match "and why" "no datapath is attached" "$(prog load "$echo_o" tenant red 2>&1)"
topo_attach || bail "attach"
busywait 10 ping1 far red 10.0.0.1

# echo
data=$(head -c 1000 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
answers "nobody echoes yet" ConnectionRefusedError b-red 10.0.0.1 7 00
check "red loads echo" prog load "$echo_o" tenant red
check "it is shown" prog_is red '.name == "echo" and .version == 1 and .hooks == ["rx"] and (has("fault") | not)'
before=$(no_port)
answers "the wire has its 1,000 bytes back" "$data" b-red 10.0.0.1 7 "$data"
answers "over IPv6, too" "$data" b-red fd00::1 7 "$data"
answers "a neighbour, too" "$data" t-red1 10.0.0.1 7 "$data"
check_eq "the guest knows nothing of it" "$before" "$(no_port)"
answers "echo does not answer echo" TimeoutError b-red 10.0.0.1 7 00 7
check "dropped, by a reason of its own" prog_is red '.dropped[0] == 1'
check "and by name in the books" test "$(reason_of red handler-drop)" = 1
answers "blue has no program" ConnectionRefusedError b-blue 10.0.0.1 7 00
check_num "its cycles are red's" "$(chamctl -j stat show tenant red | jq '.[0].classes.handler')" -gt 0

# verdicts
check_match "what is no object is refused" "not a BPF object" "$(prog load "$0" tenant red 2>&1)"
answers "and echo runs on" 00 b-red 10.0.0.1 7 00
check "red loads another" prog load "$verdicts" tenant red
check "it is shown" prog_is red '.name == "verdicts" and .version == 2 and .flags == 1'
answers "echo is gone" ConnectionRefusedError b-red 10.0.0.1 7 00
answers "rx, pass: the guest has it" ConnectionRefusedError b-red 10.0.0.1 9000 "$(word 0 0)"
answers "rx, reply" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
answers "tx, reply: it never leaves" "$(word 1 0)" t-red 10.0.0.2 9001 "$(word 1 0)"
answers "rx, consume" TimeoutError b-red 10.0.0.1 9000 "$(word 3 0)"
check "counted" test "$(reason_of red consumed)" -gt 0
answers "tx, drop with reason 15" TimeoutError t-red 10.0.0.2 9001 "$(word $((4 + (15 << 8))) 0)"
check "counted" prog_is red '.dropped[15] == 1'
: >/tmp/prog.seen
ip netns exec t-red1 tcpdump -lnni eth0 "udp port 9000" >/tmp/prog.seen 2>/dev/null &
defer kill $!
sleep 2
answers "rx, forward" TimeoutError b-red 10.0.0.1 9000 "$(word 2 "$(cat /sys/class/net/red1/ifindex)")"
check "the other port has it" busywait 5 grep -q "10.0.0.1.9000" /tmp/prog.seen

# the private area
# passed SPORT: how many of five packets of one conversation the guest was given
passed() {
	local before
	before=$(no_port)
	ip netns exec b-red python3 - "$1" <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', int(sys.argv[1])))
for _ in range(5):
    s.sendto(b'\0', ('10.0.0.1', 9002))
    time.sleep(0.05)
PY
	sleep 1
	echo $(($(no_port) - before))
}
check_eq "three packets of a conversation pass" 3 "$(passed 5001)"
check_eq "of another one, too" 3 "$(passed 5002)"
check "replaced by the same" prog load "$verdicts" tenant red
check_eq "its connections remember" 0 "$(passed 5001)"
check "replaced by one of another layout" prog load "$CHAM_BUILD/selftests/verdicts2.bpf.o" tenant red
check_eq "they begin anew" 3 "$(passed 5001)"

# resized
ip link set br-red arp on
ip addr add 10.0.0.254/24 dev br-red
check "verdicts again" prog load "$verdicts" tenant red
listen() { # NS PORT: the first datagram that comes there, as hex
	ip netns exec "$1" python3 - "$2" <<'PY' >/tmp/prog.got &
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('', int(sys.argv[1])))
s.settimeout(10)
print(s.recv(65536).hex())
PY
	listener=$!
	wait_port "$1" udp "$2"
}
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
	"$(reason_of red handler-linux)" -ge 1
answers "shorter" 0100 b-red 10.0.0.1 9003 "$(word 1 2)ff"
for way in "t-red b-red 10.0.0.1 9003 9" "t-red b-red fd00::1 9003 700" \
	"b-red t-red 10.0.0.2 9004 700" "b-red t-red fd00::2 9004 9"; do
	read -r at from to port len <<<"$way"
	listen "$at" "$port"
	ask "$from" "$to" "$port" "$(word 0 "$len")" >/dev/null
	wait $listener
	check_eq "$from to $to, resized to $len on its way" "$(said "$(word 0 "$len")" "$len")" \
		"$(cat /tmp/prog.got)"
done
before=$(reason_of red no-reply)
answers "an answer that does not fit" TimeoutError b-red 10.0.0.1 9003 "$(word 1 1500)"
check "is counted" test "$(reason_of red no-reply)" -gt "$before"
answers "a length that no header knows" TimeoutError b-red 10.0.0.1 9003 "$(word 1 0x80000064)"
check "is a fault" prog_is red '.fault == "length" and ."fault-hook" == "rx"'

# what Linux brings passes rx, too, and what it is given has passed tx
check "verdicts again" prog load "$verdicts" tenant red
answers "the host's own, pass" ConnectionRefusedError host 10.0.0.1 9000 "$(word 0 0)"
answers "reply" "$(word 1 0)" host 10.0.0.1 9000 "$(word 1 0)"
answers "consume" TimeoutError host 10.0.0.1 9000 "$(word 3 0)"
answers "forward" TimeoutError host 10.0.0.1 9000 "$(word 2 "$(cat /sys/class/net/red1/ifindex)")"
check "the other port has it" busywait 5 grep -q "10.0.0.254.*10.0.0.1.9000" /tmp/prog.seen
tc qdisc add dev red0 clsact
for way in ingress egress; do tc filter add dev red0 $way matchall action ok; done
check "a filter switches caching off" busywait 5 port_blocked red0 tc
before=$(stat_of red slow-packets)
answers "from the wire, by Linux: pass" ConnectionRefusedError b-red 10.0.0.1 9000 "$(word 0 0)"
answers "reply" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
answers "consume" TimeoutError b-red 10.0.0.1 9000 "$(word 3 0)"
answers "to the wire, by Linux: tx replies" "$(word 1 0)" t-red 10.0.0.2 9001 "$(word 1 0)"
answers "a neighbour is not answered past the filter" TimeoutError t-red1 10.0.0.1 9000 "$(word 1 0)"
check "counted" test "$(reason_of red no-reply)" -gt 0
check_num "all of that was Linux'" $(($(stat_of red slow-packets) - before)) -ge 5
tc qdisc del dev red0 clsact
check "free again" busywait 5 port_free red0
before=$(reason_of red unseen)
check "fragments arrive" far red ping -qc1 -W3 -s 3000 10.0.0.1
check_num "and are counted, for no handler saw them" $(($(reason_of red unseen) - before)) -ge 2
# Samples keep addresses alive; of such a consumed stream none may get through.
ip link set br-red type bridge ageing_time 400
before=$(no_port)
samples=$(reason_of red refresh)
ip netns exec b-red python3 - "$(word 3 0)" <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(50):
    s.sendto(bytes.fromhex(sys.argv[1]), ('10.0.0.1', 9000))
    time.sleep(0.1)
PY
check_num "samples went by Linux" $(($(reason_of red refresh) - samples)) -ge 1
check_eq "and were consumed as all others" "$before" "$(no_port)"
ip link set br-red type bridge ageing_time 30000

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
answers "red does not" ConnectionRefusedError b-red 10.0.0.1 7 00

# a handler that does what none may
chamctl -j monitor prog >/tmp/prog.events 2>/dev/null &
defer kill $!
sleep 1
answers "nonsense is not sent on" TimeoutError b-red 10.0.0.1 9000 "$(word 77 0)"
check "the program is stopped, and why" prog_is red \
	'.fault == "verdict" and ."fault-hook" == "rx" and ."fault-value" == 77'
check "with the tenant's packet, not the tunnel's" prog_is red \
	".\"fault-packet\" | startswith(\"$(on red cat /sys/class/net/eth0/address | tr -d :)\")"
check "it is an event" busywait 5 grep -q '"fault":"verdict"' /tmp/prog.events
check "red's traffic goes on" ping1 far red 10.0.0.1
answers "without the handler" ConnectionRefusedError b-red 10.0.0.1 9000 "$(word 1 0)"
answers "blue did not notice" 00 b-blue 10.0.0.1 7 00
check "loading starts it again" prog load "$verdicts" tenant red
answers "so" "$(word 1 0)" b-red 10.0.0.1 9000 "$(word 1 0)"
answers "a port of another tenant's" TimeoutError b-red 10.0.0.1 9000 \
	"$(word 2 "$(cat /sys/class/net/blue0/ifindex)")"
check "is none for red" prog_is red '.fault == "port"'
check "in words" grep -q "forwarded to what is no port of the tenant" <(chamctl prog show tenant red)

# places, and the end
check "red unloads" prog unload tenant red
check_match "what is not there is not unloaded" "tenant red has no program" "$(prog unload tenant red 2>&1)"
answers "blue's echo was not disturbed" 00 b-blue 10.0.0.1 7 00
check "detached" chamctl datapath detach
answers "without a datapath Linux has it" ConnectionRefusedError b-blue 10.0.0.1 7 00
check "attached again" topo_attach
check "with its programs" busywait 5 sh -c "[ \"\$(echo x | ip netns exec b-blue timeout 3 socat -t 1 - UDP4:10.0.0.1:7)\" = x ]"
check "a tenant goes with its program" chamctl tenant del blue force
check_eq "nothing is left of it" "[]" "$(chamctl -j prog)"
check "everything comes down" topo_down
finish
