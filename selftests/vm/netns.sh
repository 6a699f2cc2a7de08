#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A tenant's network namespace: who administers it sees and drives that tenant, and
# nobody else.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq python3 setpriv unshare
defer topo_down

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
for tenant in "red 100" "blue 200"; do
	# shellcheck disable=SC2086 # two words
	topo_tenant $tenant || bail "tenant $tenant"
done
topo_attach || bail "attach"
for tenant in red blue; do
	busywait 10 ping1 on $tenant 10.0.0.2
	ip netns add own-$tenant
done
red() { ip netns exec own-red "$@"; }
blue() { ip netns exec own-blue "$@"; }
# refused NAME TEXT COMMAND...
refused() {
	local out rc
	out=$("${@:3}" 2>&1)
	rc=$?
	check_match "$1" "$2" "$out"
	[ $rc != 0 ] || fail "$1: exit status" "0: $out"
}
provider="only the provider may, in the host's own network namespace"

refused "a namespace of nobody sees nothing" "bound to no tenant" red chamctl conn show
refused "and does nothing" "bound to no tenant" red chamctl conn flush
check "bound, by name" chamctl tenant set red netns own-red
check_match "shown" "red: .* netns own-red" "$(chamctl tenant show red | tr '\n' ' ')"
check "again is the same" chamctl tenant set red netns own-red
refused "not to a second tenant" "is tenant red's" chamctl tenant set blue netns own-red
refused "not the host's own" "is the provider's" chamctl tenant set blue netns /proc/1/ns/net
refused "what is no network namespace" "not a network namespace" chamctl tenant set blue netns /proc/1/ns/mnt
refused "what is not there" "netns takes a name of ip-netns" chamctl tenant set blue netns nowhere
refused "what is refused has not happened" "belongs to tenant blue" chamctl tenant set red nonetns vni 200
refused "nor half of it" "not a network namespace" chamctl tenant set red nonetns netns /proc/1/ns/mnt
check_match "still bound" "netns own-red" "$(chamctl tenant show red)"
check "blue has its own, by path" chamctl tenant set blue netns /run/netns/own-blue

check_eq "red sees itself" red "$(red chamctl -j tenant show | jq -r '.[].name')"
check_eq "blue, too" blue "$(blue chamctl -j tenant show | jq -r '.[].name')"
refused "by name not others" "this network namespace is tenant red's" red chamctl tenant show blue
refused "nor whether they are" "this network namespace is tenant red's" red chamctl tenant show nobody
for tenant in red blue; do ping1 on $tenant 10.0.0.2; done
ids=$(chamctl -j tenant show | jq -r '.[] | "\(.name)=\(.id)"')
for tenant in red blue; do
	check_eq "$tenant sees its own connections" "$(sed -n "s/$tenant=//p" <<<"$ids")" \
		"$($tenant chamctl -j conn show | jq -r '[.[]."tenant-id"] | unique | .[]')"
done
check_eq "without the underlay" 0 "$(red chamctl -j conn show | grep -cE '192.0.2|"remote":|"ifindex')"
check_match "which the provider sees" "192.0.2.2" "$(chamctl -j conn show)"
check_eq "its own statistics" 1 "$(red chamctl -j stat show | jq length)"
refused "not others' connections" "is tenant red's" red chamctl conn show tenant blue
for what in "port show" "uplink show" "fdb show" "tenant add green vni 7" "tenant set red vni 7" \
	"tenant del red" "uplink del up0" "port set red0 notenant"; do
	# shellcheck disable=SC2086 # words
	refused "not a tenant's: $what" "$provider|no network device" red chamctl $what
done
check "for who speaks netlink neither" red python3 selftests/vm/netlink.py tenants_request

check "nor is a frame sent that cannot be" red python3 selftests/vm/netlink.py packets_refused

# what it drives
key=(proto udp src 10.0.0.1 dst 10.0.0.2 sport 4000 dport 4001)
check "red makes a connection" red chamctl conn add tenant red "${key[@]}"
check "which is red's" chamctl conn get tenant red "${key[@]}"
refused "and not blue's" "no such connection" chamctl conn get tenant blue "${key[@]}"
refused "none for blue" "is tenant red's" red chamctl conn add tenant blue "${key[@]}"
check "blue makes the same" blue chamctl conn add tenant blue "${key[@]}"
check "red forgets its own" red chamctl conn flush
refused "gone" "no such connection" chamctl conn get tenant red "${key[@]}"
check "blue's is there" blue chamctl conn get tenant blue "${key[@]}"

# what it hears
check "red has a program" prog load "$CHAM_BUILD/selftests/tells.bpf.o" tenant red
check_eq "which it sees" tells "$(red chamctl -j prog show | jq -r '.[].name')"
check_eq "and blue does not" 0 "$(blue chamctl -j prog show | jq length)"
for tenant in red blue; do
	ip netns exec own-$tenant chamctl -j monitor >/tmp/heard.$tenant 2>&1 &
	defer kill $!
done
hears() {
	[ ! -s /tmp/heard.red ] || [ ! -s /tmp/heard.blue ] || return 0
	for tenant in red blue; do ping1 on "$tenant" 10.0.0.2; done
	chamctl conn flush
	return 1
}
busywait 20 hears
asks t-red -n 0 -s 4100 10.0.0.2 9200 "$(word 7)"
asks t-blue -n 0 -s 4200 10.0.0.2 9200 "$(word 7)"
heard() { jq -se "any(.[]; $2)" "/tmp/heard.$1" >/dev/null; }
check "red hears of its connection" busywait 10 heard red '.event == "conn-ntf" and .sport == 4100'
check "and of its handler" busywait 10 heard red '.event == "handler-ntf" and .code == 7 and .sport == 4100'
check "blue hears of its connection" busywait 10 heard blue '.event == "conn-ntf" and .sport == 4200'
check_eq "neither hears the other, nor of the underlay" "" \
	"$(grep -hE '"sport":4200|192\.0\.2|"ifindex"' /tmp/heard.red; grep -hE '"sport":4100|handler-ntf|192\.0\.2|"ifindex"' /tmp/heard.blue)"

# what becomes of its program
check "red has one that does as it is told" prog load "$verdicts" tenant red
check "red hears of it" busywait 10 heard red '.event == "prog-ntf" and .name == "verdicts"'
asks b-red -n 0 -s 4300 10.0.0.1 9000 "$(word 99 0)"
check "it is stopped" busywait 10 prog_is red '.fault == "verdict"'
check "red hears that, and why" busywait 10 heard red \
	'.event == "prog-ntf" and .name == "verdicts" and .fault == "verdict"'
check "the program goes" prog unload tenant red
check "red hears that, too" busywait 10 heard red '.event == "prog-del-ntf" and .name == "verdicts"'
# what blue would have been told came before this
asks t-blue -n 0 -s 4201 10.0.0.2 9200 "$(word 7)"
check "blue hears of its next connection" busywait 10 heard blue '.event == "conn-ntf" and .sport == 4201'
check_eq "and of no program" "" "$(grep prog- /tmp/heard.blue)"

# who may
refused "without CAP_NET_ADMIN nobody may" "not permitted|privilege|CAP_NET_ADMIN" \
	red setpriv --bounding-set=-net_admin --inh-caps=-net_admin chamctl conn show
# one with a user namespace of its own: root there, nobody here
unshare -Urn sleep 300 &
unprivileged=$!
defer kill $unprivileged
there() { [ "$(readlink "/proc/$unprivileged/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
busywait 5 there
check "bound by process, the namespace before is nobody's" chamctl tenant set red netns $unprivileged
refused "so" "bound to no tenant" red chamctl conn show
ip netns add "$unprivileged"
check "a namespace of that name comes first" chamctl tenant set red netns "$unprivileged"
check_match "it is that" "bound to no tenant" \
	"$(nsenter -U -n -t "$unprivileged" --preserve-credentials chamctl conn show 2>&1)"
ip netns del "$unprivileged"
check "and then the process" chamctl tenant set red netns "$unprivileged"
inside_it() { nsenter -U -n -t "$unprivileged" --preserve-credentials "$@"; }
check_eq "root of a user namespace sees its tenant" red "$(inside_it chamctl -j tenant show | jq -r '.[].name')"
check "makes connections" inside_it chamctl conn add tenant red "${key[@]}"
check "and forgets them" inside_it chamctl conn del tenant red "${key[@]}"
refused "and is no provider" "not permitted|privilege|CAP_NET_ADMIN|$provider" inside_it chamctl port show

# it ends with either
kill $unprivileged
unbound() { ! chamctl tenant show "$1" | grep -q netns; }
check "the namespace ends: the tenant is bound to none" busywait 10 unbound red
check "and may be again" chamctl tenant set red netns own-red
check "until the provider says so" chamctl tenant set red nonetns
check "bound to none" unbound red
check "red's namespace is free for blue" chamctl tenant set blue netns own-red
check_eq "which sees itself there" blue "$(red chamctl -j tenant show | jq -r '.[].name')"
refused "and not where it was" "bound to no tenant" blue chamctl tenant show
check "blue goes" chamctl tenant del blue force
refused "its namespace is nobody's" "bound to no tenant" red chamctl tenant show
chamctl tenant set red netns own-blue
check "everything comes down, a namespace bound" topo_down
finish
