#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
#
# What handlers are told of a packet is so: from the wire, a guest, a neighbour and the
# host, over IPv4 and IPv6, with a tag and without, and of super-packets.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_module 8021q
require_cmd jq socat
defer topo_down

ask_bed
heard=/tmp/described
declare -A number=([rx]=0 [tx]=1)
IPV6=1 VLAN=2 LOCAL=4 REVERSE=8 HOST=16
check "red loads a program that tells what it is told" \
	prog load "$CHAM_BUILD/selftests/describes.bpf.o" tenant red
: >$heard
chamctl -j monitor handler >>$heard 2>/dev/null &
defer kill $!
sleep 1

# told HOOK: the descriptions by that hook, a line each, as
# "l2 l3 l4 payload payload_len len gso_size proto flags hook vlan seen tcp_flags direction now",
# flags without direction
told() {
	jq -r "select(.hook == \"$1\") | .area" $heard | while read -r a; do
		le() { local i n=; for ((i = $1 + $2 - 1; i >= $1; i--)); do n+=${a:i * 2:2}; done; echo -n "$((16#$n)) "; }
		le 0 2; le 2 2; le 4 2; le 6 2; le 8 4; le 12 4; le 16 2; le 18 1
		echo -n "$((16#${a:40:2} & ~REVERSE)) "
		le 21 1; le 22 2; le 24 1; le 19 1
		echo -n "$((16#${a:40:2} & REVERSE)) "
		le 32 4; echo
	done
}
# tells NAME HOOK LINE: that hook was told that
tells() {
	busywait 5 grep -q "\"hook\":\"$2\"" $heard
	check_eq "$1: $2" "$3" "$(told "$2" | head -n 1 | cut -d " " -f -12)"
}
forget() { : >$heard; }
# of a datagram with 100 bytes: description L3 FAMILY FLAGS HOOK VLAN
datagram() {
	local l4=$(($1 + ($2 == 6 ? 40 : 20)))
	echo "0 $1 $l4 $((l4 + 8)) 100 $((l4 + 108)) 0 17 $3 ${number[$4]} $5 7"
}
data=$(printf 'D%.0s' {1..100} | od -An -v -tx1 | tr -d ' \n')

# both_ways NAME FAMILY GUEST FAR L3 FLAGS VLAN: from the wire and to it
both_ways() {
	forget
	asks b-red -n 0 "$3" 9300 "$data"
	tells "$1, from the wire" rx "$(datagram "$5" "$2" "$6" rx "$7")"
	forget
	asks t-red -n 0 "$4" 9300 "$data"
	tells "$1, to the wire" tx "$(datagram "$5" "$2" "$6" tx "$7")"
}

for to in "4 10.0.0.1 10.0.0.2" "6 fd00::1 fd00::2"; do
	read -r family guest far <<<"$to"
	flags=$((family == 6 ? IPV6 : 0))
	both_ways "IPv$family" "$family" "$guest" "$far" 14 $flags 0
	forget
	asks t-red1 -n 0 "$guest" 9300 "$data"
	tells "IPv$family, from a neighbour" tx "$(datagram 14 "$family" $flags tx 0)"
	tells "IPv$family, for it" rx "$(datagram 14 "$family" $((flags | LOCAL)) rx 0)"
done
forget
asks host -n 0 10.0.0.1 9300 "$data"
tells "from the host" rx "$(datagram 14 4 $HOST rx 0)"

# of one conversation: which direction, and when
for way in "rx b-red 10.0.0.1" "tx t-red 10.0.0.2" "rx b-red 10.0.0.1"; do
	read -r hook ns to <<<"$way"
	forget
	asks "$ns" -s 9300 -n 0 "$to" 9300 "$data"
	busywait 5 grep -q "\"hook\":\"$hook\"" $heard
	told "$hook" | head -n 1 | cut -d " " -f 14,15
	sleep 1
done >/tmp/described.ways
read -r -d "" there at back _ there_too since </tmp/described.ways || :
check_eq "its directions are told apart" $REVERSE $((there + back))
check_eq "and stay" "$there" "$there_too"
passed=$(((since - at) & 0xffffffff)) # it wraps, and does so five minutes after boot
check_num "it is told when: that was two seconds ago, and more" $passed -ge 2000
check_num "and not much more, in milliseconds" $passed -le 20000

# a tag of the tenant's own
for ns in t b; do
	ip -n $ns-red link add link eth0 name v77 type vlan id 77
	ip -n $ns-red addr add "10.7.0.$([ $ns = t ] && echo 1 || echo 2)/24" dev v77
	ip -n $ns-red addr add "fd07::$([ $ns = t ] && echo 1 || echo 2)/64" dev v77 nodad
	ip -n $ns-red link set v77 up
done
check "VLAN 77 works" busywait 5 ping1 on red 10.7.0.2
busywait 5 ping1 on red fd07::2
for to in "4 10.7.0.1 10.7.0.2" "6 fd07::1 fd07::2"; do
	read -r family guest far <<<"$to"
	flags=$((VLAN | (family == 6 ? IPV6 : 0)))
	both_ways "IPv$family with a tag" "$family" "$guest" "$far" 18 $flags 77
done

# super-packets: all of it is counted, and into how many bytes it will be cut
ip netns exec t-red timeout 20 socat -u TCP-LISTEN:9300,reuseaddr /dev/null &
wait_port t-red tcp 9300
ip netns exec b-red timeout 20 socat -u TCP-LISTEN:9300,reuseaddr /dev/null &
wait_port b-red tcp 9300
head -c 3000000 /dev/zero | tr '\0' D >/tmp/described.data
forget
check "3 MB to the wire" on red timeout 10 socat -u OPEN:/tmp/described.data TCP:10.0.0.2:9300
# supers HOOK: those of which all is right, of those that there are
supers() {
	told "$1" | awk '$7 > 0 { n++
		if ($2 == 14 && $3 == 34 && $4 == 66 && $5 > $7 && $6 == $4 + $5 && $7 > 1000 && $7 < 1450 &&
		    $8 == 6 && $12 == 7 && $13 ~ /^(16|17|24|25)$/) right++ }
		END { print right + 0, n + 0 }'
}
read -r right all <<<"$(supers tx)"
check_num "to the wire: super-packets" "$all" -ge 5
check_eq "all of them as they are" "$all" "$right"
forget
check "3 MB to a neighbour" ip netns exec t-red1 timeout 10 socat -u OPEN:/tmp/described.data TCP:10.0.0.1:9300
for hook in tx rx; do
	read -r right all <<<"$(supers $hook)"
	check_num "to a neighbour, $hook: super-packets" "$all" -ge 5
	check_eq "all of them as they are" "$all" "$right"
done
check_eq "nobody is at fault" "[]" "$(chamctl -j prog show | jq -c 'map(select(has("fault")))')"
check "everything comes down" topo_down
finish
