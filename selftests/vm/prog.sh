#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tenants' programs: loaded into the datapath, replaced, taken out, refused.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../topo.sh"

# prog COMMAND...: with the datapath of this build
prog() { chamctl prog "$@" object "$CHAM_BUILD/xdp/datapath.bpf.o"; }
# echoes TENANT FROM TO PORT [-6]: what comes back from TO's port, to a namespace
echoes() {
	echo "hello $1" | ip netns exec "$1" timeout 3 socat -t 1 - "UDP${4:-4}:$2:${3:-7}" 2>/dev/null
}
echo_is() { [ "$(echoes "$@")" = "hello $1" ]; }

check "the module loads" topo_load
topo_wire >/dev/null
check "uplink" chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1
check "tenant red" topo_tenant red 100
check "tenant blue" topo_tenant blue 200
check "a second port of red" topo_port red 10.0.0.3 1
chamctl port set red1 tenant red && ip link set red1 master br-red
ip netns exec b-red ping -qc2 10.0.0.1 >/dev/null
ip netns exec b-blue ping -qc2 10.0.0.1 >/dev/null

check_fails "without a datapath nothing is loaded" "no datapath is attached" \
	prog load "$CHAM_BUILD/bpf/echo.bpf.o" tenant red
check "datapath" topo_attach
check_fails "nobody echoes yet" "" echo_is b-red 10.0.0.1
check "red loads echo" prog load "$CHAM_BUILD/bpf/echo.bpf.o" tenant red
chamctl prog
check "the wire is answered" echo_is b-red 10.0.0.1
check "a neighbour is answered" echo_is t-red1 10.0.0.1
check_fails "blue has no program" "" echo_is b-blue 10.0.0.1
chamctl stat show tenant red
chamctl prog
check "everything comes down" topo_down
finish
