#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A tenant's protocol with a slow path of its own: bpf/relay.bpf.c and bpf/relayd.c, in
# the tenant's network namespace.
#
#   ns t-red  10.0.0.1 ── red0 ─┐   the relay's address
#   ns t-red1 10.0.0.3 ── red1 ─┼ br-red ── vxlan ── host B, ns b-red 10.0.0.2, a client
#   ns s-red           ── reds ─┘   relayd; red1 is the server

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq vdpa bridge bpftool setpriv unshare nsenter prlimit socat
defer topo_down

# of three sessions; the second one's client is asked often, the third one's are socat's
token=0011223344556677 brief=8899aabbccddeeff plain=4242424242424242
hello=68656c6c6f
seen() { grep -q "^$1" /tmp/relayd.out; }
count() { grep -c "^$1" /tmp/relayd.out; }
# tenant CAPABILITIES COMMAND...: in a shell of its own; as the tenant would, with those of
# its namespace
tenant() {
	exec nsenter --net=/run/netns/s-red setpriv --bounding-set="-all,$1" --inh-caps=-all "${@:2}"
}
relayd() {
	tenant "$1" "$CHAM_BUILD/bpf/relayd" dev eth0 tenant red addr 10.0.0.1 \
		sessions /tmp/relay.sessions "${@:2}"
}
relayd_start() {
	relayd +net_raw,+net_admin "$@" >/tmp/relayd.out 2>/tmp/relayd.err &
	relayd=$!
	busywait 10 seen ready || diag "$(cat /tmp/relayd.err)"
}
relayd_stop() {
	kill $relayd
	wait $relayd 2>/dev/null
	[ ! -s /tmp/relayd.err ] || fail "relayd complains" "$(cat /tmp/relayd.err)"
}
# talks SPORT TOKEN PAYLOAD: what a client is told
talks() { ask b-red 10.0.0.1 9300 "$3$2" "$1"; }
conns() { chamctl -j conn show tenant red | jq "[.[] | select(.sport == $1 or .dport == $1)] | length"; }
no_conns() { [ "$(conns "$1")" = 0 ]; }
# the server has answered the farewell: that is a connection of nobody's
gone() {
	seen "gone $1" &&
		chamctl -j conn show tenant red | jq -e "all(.[]; [.sport, .dport] | sort != [9300, $2])" >/dev/null
}

# session NAME SPORT: from a client nobody knows to one that is served the short way
session() {
	check_eq "$1: the first word is for the slow path, which asks back" $token "$(talks "$2" $token $hello)"
	check "$1: admitted" seen "admitted $token from 10.0.0.2:$2"
	check_eq "$1: two connections" 2 "$(conns "$2")"
	check_eq "$1: the answer to that goes no further" nothing "$(ASK_WAIT=0.5 talks "$2" $token "")"
	check_eq "$1: what it says is served" "aa$hello$token" "$(talks "$2" $token $hello)"
	before=$(stat_of red fast-packets)
	check_eq "$1: and again" "aabb$token" "$(talks "$2" $token bb)"
	# the client's is forwarded, the server's passes
	check_num "$1: both by the fast path" $(($(stat_of red fast-packets) - before)) -ge 2
	check_eq "$1: not with another's token" nothing "$(ASK_WAIT=0.5 talks "$2" $brief $hello)"
	check_eq "$1: nor without one" nothing "$(ASK_WAIT=0.5 ask b-red 10.0.0.1 9300 aabbcc "$2")"
	check "$1: counted by their reasons" prog_is red '.dropped[0] >= 1 and .dropped[1] >= 1'
}

# bytes HEX
bytes() { printf '%b' "$(fold -w 2 <<<"$1" | sed 's/^/\\x/' | tr -d '\n')"; }
# clients NAME SPORT: a client and a server that know nothing of this project, and all that
# either says. The server sends back what it gets, which has no token; the client gets one.
clients() {
	local wanted=/tmp/relay.wanted got=/tmp/relay.got size
	# come SIZE: so many bytes, or more
	come() { [ "$(stat -c %s "$got")" -ge "$1" ]; }

	rm -f /tmp/relay.say
	mkfifo /tmp/relay.say
	: >$got
	# from a descriptor, which nobody closes between two datagrams
	ip netns exec b-red socat -b 4096 - UDP4:10.0.0.1:9300,sourceport="$2" </tmp/relay.say >$got &
	client=$!
	exec 7>/tmp/relay.say
	bytes "$hello$plain" >&7
	check "$1: socat is asked back" busywait 10 come 8
	bytes $plain >$wanted
	cat $wanted >&7
	# the server has it only once the slow path has heard the answer
	check "$1: it is admitted" busywait 10 seen "admitted $plain from 10.0.0.2:$2"
	for size in 1 2 17 64 511 1000 1392; do
		{
			head -c $size /dev/urandom
			bytes $plain
		} >/tmp/relay.block
		cat /tmp/relay.block >>$wanted
		cat /tmp/relay.block >&7
		busywait 10 come "$(stat -c %s $wanted)" || break
	done
	exec 7>&-
	kill $client
	wait $client 2>/dev/null
	check_num "$1: it has said more than a little" "$(stat -c %s $wanted)" -gt 3000
	check "$1: and hears, byte by byte, what it has said" cmp $wanted $got
}

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_neighbour red || bail "the server's port"
topo_vdpa reds || bail "the slow port"
busywait 10 ping1 on red 10.0.0.2
busywait 10 ping1 on red 10.0.0.3
topo_attach || bail "attach"
ip netns add s-red
ip link set "$(topo_netdev reds)" netns s-red name eth0
ip -n s-red link set eth0 up
ip link set reds up
chamctl port set reds tenant red role slow
ip link set reds master br-red
bridge link set dev reds learning off flood off mcast_flood off bcast_flood off
busywait 5 port_free reds
check "the tenant's namespace" chamctl tenant set red netns s-red
server="10.0.0.3 9400 $(ip netns exec t-red1 cat /sys/class/net/eth0/address) $(cat /sys/class/net/red1/ifindex)"
cat >/tmp/relay.sessions <<S
# TOKEN ADDRESS PORT MAC IFINDEX MS
$token $server 60000
$brief $server 500
$plain ${server/ 9400 / 9401 } 60000
S
ip netns exec t-red1 "$CHAM_BUILD/selftests/ask" -e aa 9400 &
defer kill $!
wait_port t-red1 udp 9400
ip netns exec t-red1 socat -b 4096 UDP4-LISTEN:9401,fork PIPE &
defer kill $!
wait_port t-red1 udp 9401
busywait 10 ping1 far red 10.0.0.1
check "red loads it" prog load "$CHAM_BUILD/bpf/relay.bpf.o" tenant red

echo "$token $server" >/tmp/relay.short
check_match "a session that lacks something: refused" 'relay.short:1: not "TOKEN ADDRESS PORT MAC IFINDEX MS"' \
	"$("$CHAM_BUILD/bpf/relayd" dev eth0 tenant red addr 10.0.0.1 sessions /tmp/relay.short 2>&1)"
check_match "no AF_XDP without the provider's map" "/tmp/nothing: " \
	"$(nsenter --net=/run/netns/s-red "$CHAM_BUILD/bpf/relayd" dev eth0 tenant red \
		addr 10.0.0.1 sessions /tmp/relay.sessions xsks /tmp/nothing 2>&1)"

relayd_start
check "relayd is ready" seen "ready: 3 sessions"
session "by a packet socket" 9901
clients "by a packet socket" 9907
check_eq "a stranger hears nothing" nothing "$(ASK_WAIT=0.7 talks 9902 ffffffffffffffff $hello)"
check "and is told of" seen "unknown ffffffffffffffff from 10.0.0.2:9902"
check_eq "and is no connection" 0 "$(conns 9902)"
check_eq "who says too little is not handed over" nothing "$(ASK_WAIT=0.5 ask b-red 10.0.0.1 9300 aa 9903)"

# timers that send: who answers stays, who does not is forgotten
# a datagram of eight bytes comes from no client: those end with the token, which goes
ip netns exec t-red1 tcpdump -lni eth0 'udp dst port 9400 and udp[4:2] = 16' >/tmp/relay.farewell 2>/dev/null &
defer kill $!
check_eq "a client that is asked often" "$brief" "$(talks 9910 $brief $hello)"
ip netns exec b-red "$CHAM_BUILD/selftests/ask" -w 8 -s 9910 -n 5 10.0.0.1 9300 "cc$brief" >/tmp/relay.asked
check_eq "is served, then asked three times, and no more" "aacc$brief $brief $brief $brief nothing" \
	"$(cat /tmp/relay.asked)"
check "then relayd is told, and forgets it" busywait 5 gone $brief 9910
check "and its server is told, as from the client" busywait 5 grep -q "10.0.0.2.9910 > 10.0.0.3.9400" /tmp/relay.farewell
check_eq "the other session is there" "aadd$token" "$(talks 9901 $token dd)"
check_eq "it may come again" "$brief" "$(talks 9910 $brief $hello)"
for _ in 1 2 3 4 5 6; do
	talks 9910 $brief ee >/tmp/relay.said
	sleep 0.4
done
check_eq "who talks is not forgotten" "1 aaee$brief" "$(count "gone $brief") $(cat /tmp/relay.said)"
check "the tenant's handler drives nobody else" prog_is red 'has("fault") | not'

# what others take away it hears of, too
check "an operator takes a client's connection" chamctl conn del tenant red proto udp \
	src 10.0.0.2 dst 10.0.0.1 sport 9901 dport 9300
check "relayd is told" busywait 5 seen "forgotten $token"
check "and takes the one behind it" busywait 5 no_conns 9901
check_eq "the client may come again" "$token" "$(talks 9901 $token $hello)"
ip -n t-red1 neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0
ip netns exec t-red1 ping -qc1 -W0.2 10.0.0.77 >/dev/null
check "of what Linux has to be asked about it hears the reason" busywait 5 seen "miss no-fdb"

relayd_stop
chamctl conn flush tenant red

# by AF_XDP: the provider's program and map; of the tenant CAP_NET_RAW in its namespace
# alone, but to drive its connections
check "from here on joint: as bitcode" prog load "$CHAM_BUILD/bpf/relay.bpf.bc" tenant red
check "made one with the datapath" prog compose tier joint
check "red is joint" prog_is red '.tier == "joint"'
mkdir -p /tmp/xsks
mount -t bpf bpf /tmp/xsks
defer umount /tmp/xsks
check "the provider's redirect" bpftool prog load "$CHAM_BUILD/xdp/slowport.bpf.o" /tmp/xsks/prog \
	type xdp pinmaps /tmp/xsks
# The tenant's own user namespace, and nobody outside: whom the kernel asks for what the
# network namespace's owner may
sysctl -qw kernel.unprivileged_userns_clone=1 2>/dev/null
setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urn sleep 600 &
owner=$!
defer kill $owner
owns() { [ "$(readlink /proc/"$owner"/ns/net)" != "$(readlink /proc/self/ns/net)" ] && grep -q '^ *0 *65534' /proc/"$owner"/uid_map; }
check "a user namespace with a network namespace" busywait 10 owns
# in_owner CAPABILITIES COMMAND...: root there, who is nobody here, with those only
in_owner() {
	exec nsenter --user --net -t $owner setpriv --bounding-set="-all,$1" --inh-caps=-all "${@:2}"
}
cp "$CHAM_BUILD/selftests/turns" /tmp/turns
ip -n s-red link set eth0 netns $owner
nsenter --net -t $owner ip link set eth0 up
check "the redirect is attached there" nsenter --net -t $owner ip link set eth0 xdpdrv pinned /tmp/xsks/prog
check "it is the tenant's" chamctl tenant set red netns $owner
busywait 5 port_free reds
check_eq "nobody here, and CAP_NET_RAW there" "65534 0000000000002000" "$(
	(in_owner +net_raw sleep 5) &
	who=$!
	nobody() { grep -q '^CapEff:.*2000$' /proc/"$who"/status; }
	busywait 5 nobody
	awk '/^Uid:/ { uid = $2 } /^CapEff:/ { print uid, $2 }' /proc/$who/status
	kill $who)"
check_match "without the provider's map no AF_XDP" "/tmp/xsks/xsks: Permission denied" \
	"$(in_owner +net_raw /tmp/turns eth0 /tmp/xsks/xsks 2>&1)"
chown 65534 /tmp/xsks/xsks
check_match "without CAP_NET_RAW neither" "AF_XDP with .*: Operation not permitted" \
	"$(in_owner +net_admin /tmp/turns eth0 /tmp/xsks/xsks 2>&1)"
check_match "nor beyond what it may lock of memory" "AF_XDP with .*: No buffer space" \
	"$(in_owner +net_raw prlimit --memlock=65536 /tmp/turns eth0 /tmp/xsks/xsks 2>&1)"
(in_owner +net_raw prlimit --memlock=1048576 /tmp/turns eth0 /tmp/xsks/xsks >/tmp/relay.turns 2>&1) &
turns=$!
check "with both, and no more, there is a slow path" busywait 5 grep -qx ready /tmp/relay.turns
check_eq "and answers who is handed over" "$hello$token" "$(talks 9919 $token $hello)"
kill $turns
wait $turns 2>/dev/null
check_eq "without complaint" ready "$(cat /tmp/relay.turns)"
# relayd is root here, which is nobody without its capabilities
chown 0 /tmp/xsks/xsks
nsenter --net -t $owner ip link set eth0 xdpdrv off
nsenter --net -t $owner ip link set eth0 netns /run/netns/s-red
ip -n s-red link set eth0 up
check "it is as it was" chamctl tenant set red netns s-red
busywait 5 port_free reds

check "the redirect is attached" nsenter --net=/run/netns/s-red ip link set eth0 xdpdrv pinned /tmp/xsks/prog
check_match "with CAP_NET_RAW alone there is a socket, and the rest is refused" "^relayd: .*events.*not permitted" \
	"$(relayd +net_raw xsks /tmp/xsks/xsks 2>&1)"
relayd_start xsks /tmp/xsks/xsks
check "relayd is ready" seen "ready: 3 sessions"
session "by AF_XDP" 9921
clients "by AF_XDP" 9927
relayd_stop
check "everything comes down" topo_down
finish
