#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# processors: 2
#
# A hostile guest: hostile.py is tenant evil's driver. First its port breaks while
# segments are put together in its memory, then it does whatever comes to its mind;
# tenant red works beside it.
#
#   SEED=N       which nonsense (default 1)
#   FUZZ_TIME=N  seconds of it (default 5)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd python3 jq socat
require_module sch_plug
defer topo_down
tap_tmpdir
seed=${SEED:-1}
seconds=${FUZZ_TIME:-5}

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "red"

# evil's port is a process'
topo_remote evil 300
topo_vhost evil0 vdpa dev add name evil0 mgmtdev chamelio mtu 1450 || bail "evil's port"
sysctl -qw net.ipv6.conf.evil0.disable_ipv6=1
ip link set evil0 up
chamctl tenant add evil vni 300 || bail "evil"
chamctl port set evil0 tenant evil || bail "evil's port"
chamctl tenant setup evil dev evil0 uplink up0 remote 192.0.2.2 || bail "evil's bridge"
topo_attach || bail "attach"
vhost=$(topo_chardev evil0)
far=$(far evil cat /sys/class/net/eth0/address)
mac=$(chamctl -j port show evil0 | jq -r '.[0].mac')
# Linux knows both ends, so that what makes sense is fast
bridge fdb replace "$far" dev vx-evil dst 192.0.2.2 self
bridge fdb replace "$far" dev vx-evil master static
bridge fdb replace "$mac" dev evil0 master static
check "red reaches its far end" busywait 10 ping1 on red 10.0.0.2 || finish
dmesg -C

# red in the meantime
blob 512K
wire_lost() {
	{ ip -s -j link show up0 && in_ns hostb ip -s -j link show b0; } |
		jq -s '[.[][].stats64 | .rx.dropped + .tx.dropped] | add'
}
before=$(wire_lost)
ip netns exec t-red ping -i 0.1 10.0.0.2 >"$tap_tmp/ping" &
ping=$!
transfers() {
	while [ ! -e "$tap_tmp/stop" ]; do
		transfer t-red b-red 10.0.0.2 7001 && transfer b-red t-red 10.0.0.1 7002 ||
			echo "not as sent" >>"$tap_tmp/wrong"
		sleep 0.5
		echo >>"$tap_tmp/moved"
	done
}
transfers 2>"$tap_tmp/err" &
busy=$!
# driver SECONDS WHAT [ARGUMENT...]
driver() {
	timeout $(($1 * ${TIMESCALE:-1})) "$(dirname "$0")/hostile.py" "$2" "$vhost" evil0 "$far" "${@:3}"
}
drivers() { driver 100 stale b-evil 5 && driver 150 fuzz "$seed" "$seconds"; }
diag "seed $seed"
relay evil drivers
moved() { [ "$(wc -l <"$tap_tmp/moved")" -ge "$1" ]; }
check "red moves its file both ways, more than once" busywait 60 moved 2
: >"$tap_tmp/stop"
wait $busy
pinged $ping "$tap_tmp/ping"
diag "$(tail -n 2 "$tap_tmp/ping")" "red moved its file $(wc -l <"$tap_tmp/moved") times both ways"
# a slow machine's wire is full of the files
if [ "${TIMESCALE:-1}" = 1 ]; then
	check_eq "red lost no ping" "" "$lost"
else
	check_num "red lost no ping that the wire had room for: $lost" "$(wc -w <<<"$lost")" -le \
		$(($(wire_lost) - before))
fi
check "and its files arrived as sent" test ! -e "$tap_tmp/wrong"

diag "evil: $(chamctl -j stat show tenant evil |
	jq -c '.[0] | {fast: ."fast-packets", slow: ."slow-packets", drops} + (.reasons | with_entries(select(.value > 0)))')"
diag "evil0: $(ethtool -S evil0 | awk '$2 > 0 { printf "%s %s; ", $1, $2 }')"
check_num "some of it was fast" "$(stat_of evil fast-packets)" -gt 0
check_num "some of it was refused by name" "$(ethtool -S evil0 |
	awk '/rx_drop/ { n += $2 } END { print n }')" -gt 0
check_eq "red dropped nothing" 0 "$(stat_of red drops)"
slow=$(stat_of red slow-packets) fast=$(stat_of red fast-packets)
diag "red: $fast packets fast, $slow slow"
# connections begin there, and samples end there
check_num "and went on by the fast path" "$slow" -le $((fast / 20))
check_eq "the kernel has nothing to say but what broke" "" \
	"$(dmesg | grep -E 'WARN|BUG|Oops|stall|hung|chamelio|refcount|leak|NETDEV WATCHDOG|red0|up0')"
check_match "and that it says" "evil0: broken until its driver resets it: " "$(dmesg)"
check "the port goes away" vdpa dev del evil0
check_eq "with all of it" "" "$(vdpa dev show evil0 2>/dev/null; ip -br link show evil0 2>/dev/null)"
check "red does not mind" ping1 on red 10.0.0.2
check "everything comes down, the module unloads" topo_down
finish
