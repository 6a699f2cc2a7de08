#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
# processors: 2
#
# Where the fast path ends and what it knows: a full table, a tenant without a
# bridge, idle connections, what ss knows of TCP, and what nobody has measured.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd jq nstat
modprobe -qa sch_netem
defer topo_down

topo_load conn_max=16 || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "red"

# a tenant that netlink alone tells where its addresses are
topo_remote green 300 || bail "green's far end"
topo_port green 10.0.0.1 || bail "green's port"
chamctl tenant add green vni 300 || bail "green"
chamctl port set green0 tenant green || bail "green0"
near=$(on green cat /sys/class/net/eth0/address)
far=$(far green cat /sys/class/net/eth0/address)
on green ip neigh replace 10.0.0.2 lladdr "$far" dev eth0
far green ip neigh replace 10.0.0.1 lladdr "$near" dev eth0
topo_attach || bail "attach"
check "without a bridge: blocked, visibly" busywait 5 port_blocked green0 no-fdb
check "its own address" chamctl fdb add tenant green mac "$near" port green0
check "the far one" chamctl fdb add tenant green mac "$far" remote 192.0.2.2
check "free" busywait 5 port_free green0
fast_now() { [ "$(fast_moved green)" -ge 4 ]; }
check "fast, both ways, and nothing but the fast path carries it" busywait 15 fast_now

# what ss knows: the far end sends, its network loses and delays
check "a bad network" far red tc qdisc add dev eth0 root netem delay 25ms loss 2%
busywait 10 ping1 on red 10.0.0.2
blob 1500000
sent() { far red nstat -asz TcpRetransSegs | awk '/Retrans/ { print $2 }'; }
before=$(sent)
check "1.5 MB over a bad network" transfer b-red t-red 10.0.0.1 7001
again=$(($(sent) - before))
check_num "it has lost some" $again -ge 4
conn=$(chamctl -j conn show tenant red dport 7001 | jq '.[0]')
diag "$(jq -c . <<<"$conn")"
seen=$(jq '.forward.retrans + .reverse.retrans' <<<"$conn")
check_num "segments sent again: $again, seen: $seen" "$seen" -ge $((again * 3 / 4 - 2))
check_num "and hardly more" "$seen" -le $((again * 5 / 4 + 2))
check_eq "bytes: every one once, or again" true \
	"$(jq '[.forward.bytes, .reverse.bytes] | max >= 1500000' <<<"$conn")"
far red tc qdisc replace dev eth0 root netem delay 25ms
head -c 300000 /dev/urandom >/tmp/blob
check "300 KB to it" transfer t-red b-red 10.0.0.2 7002
check_num "the round trip is from here to who answers, in us" \
	"$(chamctl -j conn show tenant red dport 7002 | jq '.[0]."srtt-us"')" -ge 20000
far red tc qdisc del dev eth0 root
# 10 s and a turn of the wheel
gone() { [ "$(chamctl -j conn show tenant red dport 7001 | jq length)" = 0 ]; }
check "closed and idle it goes" busywait 30 gone

# 16 connections are all there is room for: 200 more conversations
background far red "$O/selftests/ask" -e "" 9000
wait_port b-red udp 9000
answers() { on red "$O/selftests/ask" -c "$1" -p -w 10 10.0.0.2 9000 6869 | grep -o 6869 | wc -l; }
check_eq "a full table refuses nobody: 200 questions, as many answers" 200 "$(answers 200)"
# what was there before may expire between a question and the look
filled() { [ "$(answers 20)" = 20 ] && [ "$(chamctl -j conn show | jq length)" = 16 ]; }
check "it is full to the last place" busywait 20 filled
check_num "no connection more than there may be" "$(chamctl -j conn show | jq length)" -le 16
check_num "the others are slow by name" "$(stat_of red table-full)" -ge 200
check_eq "no drop" 0 "$(stat_of red drops)"

# time that nobody has stamped is told, not guessed
received=$(chamctl -j uplink show | jq '.[0]."rx-packets"')
check_num "unobserved are the uplink's packets" \
	"$(chamctl -j stat show | jq '.[] | select(."tenant-id" == 0).unobserved')" -ge "$received"
check_match "as text, too" "unobserved +packets [0-9]+ +in no class" "$(chamctl stat)"
check_eq "a tenant has none" null "$(chamctl -j stat show tenant red | jq '.[0].unobserved')"
chamctl conn flush
before=$(stat_of red fast-packets)
background ip netns exec t-red ping -q -i0.1 10.0.0.2 >/dev/null
under_way() { [ "$(stat_of red fast-packets)" -gt $((before + 4)) ]; }
check "a ping that goes on is fast" busywait 10 under_way
check_match "rates, twice" "red:.* fast [1-9][0-9]* pkt/s .*red:.* fast [1-9][0-9]* pkt/s" \
	"$(chamctl stat watch 1 count 2 | tr '\n' ' ')"
# an entry that goes with its port makes room for another
chamctl tenant set green max-fdb 2
third() { chamctl fdb add tenant green mac 02:00:00:00:00:03 remote 192.0.2.2; }
check_match "static entries: no third one" "max-fdb of 2" "$(third 2>&1)"
check "the port of one goes" vdpa dev del green0
check "then there is room" third
# as many far ends as there can be, and one more
remotes() { [ "$(chamctl -j uplink show | jq '.[0].remotes')" = "$1" ]; }
python3 -c '
for i in range(16384):
    print(f"fdb add 02:01:00:00:{i >> 8:02x}:{i & 255:02x} dev vx-red dst 198.18.{i >> 8}.{i & 255} self static")
' >/tmp/far
check "16,384 far ends" bridge -batch /tmp/far
check "there is room for 16,383" busywait 10 remotes 16383
fourth() { chamctl fdb add tenant green mac 02:00:00:00:00:04 remote 192.0.2.4; }
chamctl tenant set green max-fdb 3
check_match "not for one more" "no room for another remote, 16383 at most" "$(fourth 2>&1)"
check "one goes" bridge fdb del 02:01:00:00:00:07 dev vx-red dst 198.18.0.7 self
check "then there is room" fourth
check "for one" remotes 16383
check "everything comes down" topo_down
finish
