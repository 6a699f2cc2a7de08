#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An uplink without native XDP: refused, and on request in generic mode. Its driver
# (gretap, over a veth pair) has no ndo_xdp_xmit either.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd jq bpftool ethtool
modprobe -qa ip_gre
defer topo_down

topo_load || bail "module loads"
ip netns add hostb
ip link add w0 mtu 1700 type veth peer name w1 mtu 1700 netns hostb
defer ip link del w0
ip addr add 198.51.100.1/24 dev w0
ip -n hostb addr add 198.51.100.2/24 dev w1
# generic XDP comes behind GRO
ethtool -K w0 gro off tx off >/dev/null 2>&1
in_ns hostb ethtool -K w1 gro off tx off >/dev/null 2>&1
ip link set w0 up
ip -n hostb link set w1 up
ip link add up0 mtu 1550 type gretap local 198.51.100.1 remote 198.51.100.2
ip -n hostb link add b0 mtu 1550 type gretap local 198.51.100.2 remote 198.51.100.1
ethtool -K up0 gro off >/dev/null 2>&1
topo_underlay
chamctl uplink add up0 local 192.0.2.1 || bail "uplink"
topo_tenant red 100 || bail "tenant"
ping1 on red 10.0.0.2

check_match "native mode is refused" "up0: .*does not take a native XDP program" "$(topo_attach 2>&1)"
check "generic mode on request" topo_attach generic || finish
mode() { chamctl -j datapath show | jq -r ".[] | select(.ifname == \"$1\") | .mode"; }
check_eq "on the uplink" generic "$(mode up0)"
check_eq "a port stays native" native "$(mode red0)"
check_eq "and is saved as generic" '"generic"' "$(chamctl save - | jq .datapath)"
busywait 10 ping1 on red 10.0.0.2
before=$(stat_of red fast-packets)
check_match "20 echoes, 20 replies" "20 received" "$(on red ping -qc20 -i0.05 -W2 10.0.0.2)"
check_num "fast, both ways" $(($(stat_of red fast-packets) - before)) -ge 38
blob 2M
check "2 MB to the wire" transfer t-red b-red 10.0.0.2 7001
check "2 MB from the wire" transfer b-red t-red 10.0.0.1 7002
check_eq "no drop" 0 "$(stat_of red drops)"
check "datapath detach" chamctl datapath detach

# somebody's own attempt: nothing but the representor's driver can send to the wire
mkdir -p /sys/fs/bpf/g
defer rm -rf /sys/fs/bpf/g
check "a port in generic mode, by hand" sh -c "bpftool prog loadall $CHAM_BUILD/xdp/datapath.bpf.o /sys/fs/bpf/g &&
	bpftool net attach xdpgeneric pinned /sys/fs/bpf/g/cham_port dev red0"
check_match "loses nothing: all of it is Linux'" "20 received" \
	"$(on red ping -qc20 -i0.05 -W2 10.0.0.2)"
bpftool net detach xdpgeneric dev red0
finish
