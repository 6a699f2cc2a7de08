# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tenants' programs in tests: load them, ask them. For use after topo.sh.

datapath=$CHAM_BUILD/xdp/datapath.bpf.o
# shellcheck disable=SC2034 # for who sources this
echo_o=$CHAM_BUILD/bpf/echo.bpf.o verdicts=$CHAM_BUILD/selftests/verdicts.bpf.o

# prog COMMAND...: with the datapath of this build
prog() { chamctl prog "$@" object "$datapath"; }
prog_is() { chamctl -j prog show tenant "$1" | jq -e ".[0] | $2" >/dev/null; }

# inside NS|host COMMAND...
inside() { if [ "$1" = host ]; then "${@:2}"; else ip netns exec "$@"; fi; }
# asks NS|host ARGUMENT...: selftests/vm/ask.c there
asks() { inside "$1" "$CHAM_BUILD/selftests/ask" "${@:2}"; }
# ask NS|host TO PORT HEX [SPORT]: what comes back within ASK_WAIT (2) seconds, as hex
ask() { asks "$1" -w "${ASK_WAIT:-2}" -s "${5:-0}" "${@:2:3}"; }
# answers NAME WANTED NS...: what ask says; that nothing comes is known sooner
answers() {
	local ASK_WAIT=${ASK_WAIT:-$([ "$2" = nothing ] && echo 0.7 || echo 2)}

	check_eq "$1" "$2" "$(ask "${@:3}")"
}
# listen NS PORT [N]: the first N datagrams that come there, as hex, into /tmp/ask.got
listen() {
	ip netns exec "$1" "$CHAM_BUILD/selftests/ask" -l -w 10 -n "${3:-1}" "$2" >/tmp/ask.got &
	# shellcheck disable=SC2034 # who listens waits for it
	listener=$!
	wait_port "$1" udp "$2"
}
# no_port: packets the guest red was given for a UDP port that nobody has open
no_port() { on red nstat -az UdpNoPorts | awk '/UdpNoPorts/ { print $2 }'; }
# word N...: numbers as little-endian words, in hex
word() {
	local n

	for n; do
		printf '%02x%02x%02x%02x' $((n & 255)) $((n >> 8 & 255)) $((n >> 16 & 255)) \
			$((n >> 24 & 255))
	done
}

# ask_bed: whom handlers' tests ask: red with two ports, and with the host in its network;
# green, tunnelled over IPv6; the datapath
ask_bed() {
	local to

	topo_load || bail "module loads"
	topo_wire
	chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
	topo_tenant red 100 || bail "tenant red"
	topo_neighbour red || bail "red's second port"
	topo_tenant green 300 6 || bail "tenant green, tunnelled over IPv6"
	for to in 10.0.0.2 10.0.0.3; do busywait 10 ping1 on red $to; done
	busywait 10 ping1 on green 10.0.0.2
	topo_attach || bail "attach"
	ip link set br-red arp on
	ip addr add 10.0.0.254/24 dev br-red
	busywait 10 ping1 far red 10.0.0.1
}
