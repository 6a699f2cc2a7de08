#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A port as its users see it: vdpa, ip, ethtool, traffic.
#
#   ns guest  virtio-vdpa 10.1.0.1 ── p0 (representor) ── br0 ── hv ══ eth0 10.1.0.2 ns peer

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
require_vm
require_cmd vdpa ip ethtool jq iperf3 socat clang-19 python3
require_module vdpa virtio_vdpa virtio_net bridge veth vhost_vdpa
tap_tmpdir
CHAM_KO=${CHAM_KO:-$O/chamelio.ko}

# shellcheck disable=SC2046 # a word per module
modprobe -qa $(modinfo -F depends "$CHAM_KO" | tr , " ")
check "the module loads" insmod "$CHAM_KO" || finish
defer rmmod chamelio

vdpa_add() {
	vdpa dev add name "$1" mgmtdev chamelio "${@:2}"
}

# guest_dev VDPA: the virtio_net device over it
guest_dev() {
	local d
	d=$(echo "/sys/bus/vdpa/devices/$1"/virtio*/net/*)
	[ -e "$d" ] && echo "${d##*/}"
}

rep_stat() {
	ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'
}

# The object.
check_match "mgmtdev show lists it" chamelio "$(vdpa mgmtdev show)"
check_fails "ip link add is refused" ip link add type chamelio
check_match "and says what to do" "vdpa dev add" "$(ip link add type chamelio 2>&1)"
check_fails "an MTU below 68 is refused" vdpa_add bad mtu 60
check_fails "a multicast address is refused" vdpa_add bad mac 01:00:5e:00:00:01
check_fails "five queue pairs are refused" vdpa_add bad max_vqp 5
check_eq "refusals leave nothing" "" "$(vdpa dev show)$(ip -o link show type chamelio)"

check "dev add" vdpa_add p0 mac 52:54:00:00:00:01 mtu 1500
defer vdpa dev del p0
check_eq "representor has the device's name and its kind" chamelio \
	"$(ip -j -d link show p0 | jq -r '.[0].linkinfo.info_kind')"
check_eq "representor MTU" 65535 "$(cat /sys/class/net/p0/mtu)"
check_eq "driver" chamelio "$(ethtool -i p0 | awk '/^driver/ { print $2 }')"
check_fails "ip link del is refused" ip link del p0
check_fails "the same name twice" vdpa_add p0
check "a name that is taken by a netdev" vdpa_add lo
check_eq "gets another representor" 1 "$(ip -o link show type chamelio | grep -c 'cham[0-9]')"
check "dev del" vdpa dev del lo
check_eq "representor went with it" p0 "$(basename -a /sys/class/net/*/ | grep -E '^(p0|cham)')"

# Link.
busywait 10 guest_dev p0
dev=$(guest_dev p0)
check "virtio_net has bound" test -n "$dev" || finish
check_eq "guest address" 52:54:00:00:00:01 "$(cat "/sys/class/net/$dev/address")"
check_eq "guest MTU" 1500 "$(cat "/sys/class/net/$dev/mtu")"
netns_add guest
ip link set "$dev" netns guest name eth0
ip -n guest addr add 10.1.0.1/24 dev eth0
ip -n guest link set eth0 up
guest_carrier() { in_ns guest cat /sys/class/net/eth0/carrier; }
guest_link() { [ "$(guest_carrier)" = "$1" ]; }
check "guest link is down with the representor" busywait 5 guest_link 0
ip link set p0 up
check "and comes up with it" busywait 5 guest_link 1
check_eq "representor carrier" 1 "$(cat /sys/class/net/p0/carrier)"

netns_add peer
ip link add hv type veth peer name eth0 netns peer
defer ip link del hv
ip link add br0 type bridge
defer ip link del br0
ip link set hv master br0
ip link set p0 master br0
ip link set br0 up
ip link set hv up
ip -n peer addr add 10.1.0.2/24 dev eth0
ip -n peer link set eth0 up
offloads() { ethtool -k "$1" | grep -q "tcp-segmentation-offload: on"; }
check "offloads follow the guest's features" busywait 5 offloads p0

# Traffic.
ping_peer() { in_ns guest ping -q -c "${1:-3}" -i 0.05 -W 2 "${@:2}" 10.1.0.2; }
check "ping" ping_peer 20
check "ping of the full MTU" ping_peer 5 -s 1472 -M "do"
check_fails "and not of more" ping_peer 1 -s 1473 -M "do"
check "fragments" ping_peer 5 -s 8000

# transfer FROM TO ADDRESS: a file across, compared by its sum
transfer() {
	rm -f "$tap_tmp/out"
	in_ns "$2" socat -u TCP-LISTEN:7000,reuseaddr "CREATE:$tap_tmp/out" &
	local pid=$!
	wait_port "$2" tcp 7000
	in_ns "$1" socat -u "FILE:$tap_tmp/in" "TCP:$3:7000"
	wait "$pid"
	cmp "$tap_tmp/in" "$tap_tmp/out"
}
mb=$(mb 32)
head -c "${mb}M" /dev/urandom >"$tap_tmp/in"
check "$mb MB from the guest arrive unchanged" transfer guest peer 10.1.0.2
check "$mb MB to the guest arrive unchanged" transfer peer guest 10.1.0.1

tcp_rate() {
	in_ns guest iperf3 -c 10.1.0.2 -J -t 4 "$@" |
		jq '.end.sum_received.bits_per_second / 1e6 | floor'
}
background in_ns peer iperf3 -s >/dev/null
wait_port peer tcp 5201
for way in "from -4" "to -R"; do
	rate=$(tcp_rate "${way#* }")
	if [ "${TIMESCALE:-1}" = 1 ]; then
		check_num "TCP ${way% *} the guest, $rate Mbit/s" "$rate" -gt 50
	else
		skip "TCP ${way% *} the guest, $rate Mbit/s" "rates mean nothing on a slow kernel"
	fi
done
packets=$(rep_stat p0 rx_packets) bytes=$(rep_stat p0 rx_bytes)
each=$((packets > 0 ? bytes / packets : 0))
# a slow kernel's TCP sends less at a time
check_num "super-packets cross: $each bytes a packet" $each -gt \
	$((${TIMESCALE:-1} == 1 ? 4000 : 1600))
in_ns guest ethtool -K eth0 tso off tx off gso off gro off >/dev/null
check "without the guest's offloads" transfer guest peer 10.1.0.2
in_ns guest ethtool -K eth0 tso on tx on gso on gro on >/dev/null
check "without the representor's" ethtool -K p0 tso off tx off
check "$mb MB to the guest" transfer peer guest 10.1.0.1
ethtool -K p0 tso on tx on >/dev/null
check_eq "nothing was malformed" 0 "$(rep_stat p0 rx_drop_bad_gso)"

# XDP.
cat >"$tap_tmp/x.bpf.c" <<'C'
#include <linux/bpf.h>
#define SEC(n) __attribute__((section(n), used))
static long (*adjust_head)(void *, int) = (void *)44;
SEC("xdp.frags") int pass(struct xdp_md *c) { return XDP_PASS; }
SEC("xdp.frags") int moved(struct xdp_md *c)
{
	if (adjust_head(c, -16) || adjust_head(c, 16))
		return XDP_ABORTED;
	return XDP_PASS;
}
SEC("xdp.frags") int drop(struct xdp_md *c) { return XDP_DROP; }
SEC("xdp") int linear(struct xdp_md *c) { return XDP_PASS; }
C
check "programs compile" clang-19 -target bpf -O2 -g -c -o "$tap_tmp/x.o" \
	-I/usr/include/x86_64-linux-gnu "$tap_tmp/x.bpf.c"
mkdir -p /sys/fs/bpf/t
check "and load" bpftool prog loadall "$tap_tmp/x.o" /sys/fs/bpf/t
defer rm -rf /sys/fs/bpf/t
xdp() { bpftool net attach xdpdrv pinned "/sys/fs/bpf/t/$1" dev p0 overwrite; }
check_match "a program without fragments is refused" "only programs that take fragments" \
	"$(xdp linear 2>&1)"
check "pass attaches" xdp pass
check "$mb MB through it" transfer guest peer 10.1.0.2
check_num "it saw them" "$(rep_stat p0 rx_xdp_pass)" -gt 100
check "a program that moves the head" xdp moved
check "$mb MB through it, too" transfer guest peer 10.1.0.2
in_ns guest ping -q -i 0.005 -c 400 -W 1 10.1.0.2 >"$tap_tmp/ping" &
pid=$!
for _ in $(seq 20); do xdp pass; xdp moved; done
wait "$pid"
check_match "replacing it 40 times loses nothing" "400 received" "$(cat "$tap_tmp/ping")"
check "drop attaches" xdp drop
check_fails "and drops" ping_peer 2
check_num "counted" "$(rep_stat p0 rx_xdp_drop)" -gt 0
bpftool net detach xdpdrv dev p0
check "ping without a program" busywait 10 ping_peer 1

# The representor down.
dmesg -C
ip link set p0 down
check "guest link goes down" busywait 5 guest_link 0
in_ns guest ping -q -c 5 -i 0.05 -W 1 10.1.0.2 >/dev/null 2>&1
ip link set p0 up
check "guest link comes back" busywait 5 guest_link 1
check "and traffic" busywait 10 ping_peer 1

# Statistics.
check_match "vstats of the guest's transmit queue" received_desc \
	"$(vdpa -j dev vstats show p0 qidx 1)"
check_num "completed descriptors" \
	"$(vdpa -j dev vstats show p0 qidx 1 | jq '.. | .completed_desc? // empty')" -gt 1000
check_match "vstats of a queue that is not there" "not below 3" \
	"$(vdpa dev vstats show p0 qidx 9 2>&1)"

# A second port; the guest moves packets between two ports of one bridge.
check "a second port with four queue pairs" vdpa_add p1 max_vqp 4
defer vdpa dev del p1
busywait 10 guest_dev p1
netns_add other
ip link set "$(guest_dev p1)" netns other name eth0
ip -n other addr add 10.1.0.3/24 dev eth0
ip -n other link set eth0 up
ip link set p1 master br0 up
check "ports reach each other" busywait 10 in_ns guest ping -qc 1 -W 1 10.1.0.3
check "$mb MB from port to port" transfer guest other 10.1.0.3

# XDP redirect from representor to representor: super-packets and all.
cat >"$tap_tmp/r.bpf.c" <<'C'
#include <linux/bpf.h>
#define SEC(n) __attribute__((section(n), used))
static long (*redirect)(unsigned int, unsigned long long) = (void *)23;
volatile const unsigned int target = 0;
SEC("xdp.frags") int to(struct xdp_md *c) { return redirect(TARGET, 0); }
C
redirect_to() {
	clang-19 -target bpf -O2 -g -c -o "$tap_tmp/r$1.o" -I/usr/include/x86_64-linux-gnu \
		"-DTARGET=$(cat "/sys/class/net/$2/ifindex")" "$tap_tmp/r.bpf.c" &&
	ip link set "$1" xdpdrv obj "$tap_tmp/r$1.o" sec xdp.frags
}
check "p0 redirects to p1" redirect_to p0 p1
check "p1 redirects to p0" redirect_to p1 p0
check "ping by redirect" busywait 10 in_ns guest ping -qc 1 -W 1 10.1.0.3
check "$mb MB by redirect" transfer guest other 10.1.0.3
in_ns guest ethtool -K eth0 tso off gso off
check "$mb MB by redirect without segmentation" transfer guest other 10.1.0.3
in_ns guest ethtool -K eth0 tso on gso on
ip link set p0 xdpdrv off
ip link set p1 xdpdrv off

# A process as the owner.
echo 0 >/sys/bus/vdpa/drivers_autoprobe
check "a port for a process" vdpa_add pv
defer vdpa dev del pv
echo vhost_vdpa >/sys/bus/vdpa/devices/pv/driver_override
echo pv >/sys/bus/vdpa/drivers/vhost_vdpa/bind
echo 1 >/sys/bus/vdpa/drivers_autoprobe
# no frames but the test's: a router solicitation would take its buffer
sysctl -qw net.ipv6.conf.pv.disable_ipv6=1
ip link set pv up
vhost=$(basename /sys/bus/vdpa/devices/pv/vhost-vdpa-*)
# another port meanwhile
ip netns exec guest ping -q -i 0.05 10.1.0.2 >"$tap_tmp/beside" &
beside=$!
relay vhost "$(dirname "$0")/port_vhost.py" "/dev/$vhost" pv
kill -INT $beside
wait $beside
check_match "other ports lost no ping" ' 0% packet loss' "$(cat "$tap_tmp/beside")"
check "other ports did not notice" busywait 10 ping_peer 1

# Ends.
netlink() { "$(dirname "$0")/netlink.py" "$1"; }
check "the ports have page pools" netlink pools
carrier_is() { [ "$(cat /sys/class/net/p1/carrier)" = "$1" ]; }
echo p1 >/sys/bus/vdpa/drivers/virtio_vdpa/unbind
check "without a driver the representor has no carrier" busywait 5 carrier_is 0
echo p1 >/sys/bus/vdpa/drivers/virtio_vdpa/bind
check "rebound: it has" busywait 5 carrier_is 1
in_ns guest ping -f -q 10.1.0.2 >/dev/null 2>&1 &
flood=$!
in_ns peer ping -f -q 10.1.0.1 >/dev/null 2>&1 &
flood2=$!
sleep 1
check "dev del under traffic" vdpa dev del p0
check "of both" vdpa dev del p1
kill $flood $flood2
wait $flood $flood2 2>/dev/null
check "the module unloads" busywait 10 rmmod chamelio
check "and has all its pages back" busywait 10 netlink pools_gone
check "and loads again" insmod "$CHAM_KO"
vdpa_add p2
check "a port is in the way of nothing" busywait 10 rmmod chamelio
check_eq "not even itself" "" "$(vdpa dev show)"
check_eq "no watchdog" "" "$(dmesg | grep "NETDEV WATCHDOG")"
finish
