# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The test bed: host A is the VM itself, host B a namespace with plain Linux.
#
#   red   ns t-red  virtio-vdpa 10.0.0.1 ── red0  (representor) ─┐
#                                                                ├ up0 ══ b0 ns hostb
#   blue  ns t-blue virtio-vdpa 10.0.0.1 ── blue0 (representor) ─┘
#                                   hostb: vxlan 100 ── ns b-red  10.0.0.2
#                                          vxlan 200 ── ns b-blue 10.0.0.2
#
# Underlay 192.0.2.1 (A) and 192.0.2.2 (B), 2001:db8::1 and ::2.

CHAM_BUILD=${O:-build}
CHAM_KO=${CHAM_KO:-$CHAM_BUILD/chamelio.ko}
export CHAM_BUILD CHAM_KO
PATH=$CHAM_BUILD/cli:$CHAM_BUILD:$PATH


topo_load() {
	# whose driver comes first gets what nobody asks for
	modprobe -qa virtio_net vdpa virtio_vdpa
	# a guest's memory may come in many pieces; 2,048 are the default (6.12.117)
	modprobe -q vhost_vdpa max_iotlb_entries=65536
	modprobe -qa vhost_iotlb bridge vxlan veth nfnetlink
	insmod "$CHAM_KO" "$@"
}

# topo_underlay: addresses on both ends of the wire
topo_underlay() {
	ip addr add 192.0.2.1/24 dev up0
	ip addr add 2001:db8::1/64 dev up0 nodad
	ip -n hostb addr add 192.0.2.2/24 dev b0
	ip -n hostb addr add 2001:db8::2/64 dev b0 nodad
	ip -n hostb link set b0 up
	ip -n hostb link set lo up
	ip link set up0 up
}

# topo_wire MTU: a veth pair as the wire; a wire carries whole checksums
topo_wire() {
	local mtu=${1:-1550}
	ip netns add hostb
	ip link add up0 mtu "$mtu" type veth peer name b0 mtu "$mtu" netns hostb
	ethtool -K up0 gro on tx off >/dev/null 2>&1
	ip netns exec hostb ethtool -K b0 gro on tx off >/dev/null 2>&1
	topo_underlay
}

# topo_wire_nic: a back-to-back pair of QEMU's virtio NICs as the wire
topo_wire_nic() {
	ip netns add hostb
	ip link set nic0a name up0
	ip link set nic0b netns hostb name b0
	topo_underlay
}

# topo_unwire_nic: give the NICs back to the next test
topo_unwire_nic() {
	ip -n hostb link set b0 netns 1 name nic0b
	ip link set up0 down
	ip addr flush dev up0
	ip link set up0 name nic0a
}

# topo_remote TENANT VNI [4|6]: the tenant's end point on host B
topo_remote() {
	local local_ip=192.0.2.2 remote_ip=192.0.2.1
	[ "${3:-4}" = 6 ] && { local_ip=2001:db8::2; remote_ip=2001:db8::1; }
	ip netns add "b-$1"
	ip -n hostb link add "vx$2" mtu "${TOPO_MTU:-1450}" type vxlan id "$2" local "$local_ip" \
		remote "$remote_ip" dstport 4789
	ip -n hostb link set "vx$2" netns "b-$1" name eth0
	ip -n "b-$1" addr add 10.0.0.2/24 dev eth0
	ip -n "b-$1" addr add fd00::2/64 dev eth0 nodad
	ip -n "b-$1" link set lo up
	ip -n "b-$1" link set eth0 up
}

# topo_netdev VDPA: name of the virtio_net device over a vDPA device, by its MAC
topo_netdev() {
	local mac n
	for _ in $(seq 50); do
		[[ $(vdpa -j dev config show "$1" 2>/dev/null) =~ \"mac\":\"([0-9a-f:]+)\" ]] &&
			mac=${BASH_REMATCH[1]}
		for n in /sys/class/net/*; do
			[ -e "$n/device/driver" ] && [ "$(<"$n/address")" = "$mac" ] &&
				{ echo "${n##*/}"; return 0; }
		done
		sleep 0.1
	done
	return 1
}

# topo_vdpa NAME: a vDPA device; with TOPO_FEATURES it offers those, see vdpa_add.py
topo_vdpa() {
	local options=(mtu "${TOPO_MTU:-1450}" max_vqp "${TOPO_VQP:-1}")
	if [ -n "${TOPO_FEATURES:-}" ]; then
		"$(dirname "${BASH_SOURCE[0]}")/vm/vdpa_add.py" "$1" "$TOPO_FEATURES" "${options[@]}"
	else
		vdpa dev add name "$1" mgmtdev chamelio "${options[@]}"
	fi
}

# topo_vhost NAME COMMAND...: a vDPA device, which COMMAND makes, for a process
topo_vhost() {
	local rc
	echo 0 >/sys/bus/vdpa/drivers_autoprobe
	"${@:2}" && echo vhost_vdpa >"/sys/bus/vdpa/devices/$1/driver_override" &&
		echo "$1" >/sys/bus/vdpa/drivers/vhost_vdpa/bind
	rc=$?
	echo 1 >/sys/bus/vdpa/drivers_autoprobe
	return $rc
}

# topo_chardev NAME: what the process opens
topo_chardev() { echo "/dev/$(basename "/sys/bus/vdpa/devices/$1/vhost-vdpa-"*)"; }

# topo_port TENANT [ADDRESS [SUFFIX]]: a vDPA port, its guest end in a namespace
topo_port() {
	local vdpa=${1}${3:-0} ns=t-$1${3:-} dev
	topo_vdpa "$vdpa" || return 1
	dev=$(topo_netdev "$vdpa") || return 1
	ip netns add "$ns"
	ip link set "$dev" netns "$ns" name eth0 || return 1
	ip -n "$ns" addr add "${2:-10.0.0.1}/24" dev eth0
	ip -n "$ns" addr add "fd00::${2##*.}/64" dev eth0 nodad
	ip -n "$ns" link set lo up
	ip -n "$ns" link set eth0 up
	ip link set "$vdpa" up
}

# topo_neighbour TENANT: its second port, 10.0.0.3, on the same bridge
topo_neighbour() {
	topo_port "$1" 10.0.0.3 1 &&
	chamctl port set "${1}1" tenant "$1" &&
	ip link set "${1}1" master "br-$1"
}

# topo_tenant NAME VNI [4|6]: everything of one tenant on both hosts. Its bridge forgets
# nobody in the time of a test.
topo_tenant() {
	local far=192.0.2.2
	[ "${3:-4}" = 6 ] && far=2001:db8::2
	topo_remote "$1" "$2" "${3:-4}" && topo_port "$1" 10.0.0.1 &&
	chamctl tenant add "$1" vni "$2" max-cycles $((16384 * ${TIMESCALE:-1})) &&
	chamctl port set "${1}0" tenant "$1" &&
	chamctl tenant setup "$1" dev "${1}0" uplink up0 remote "$far" &&
	ip link set "br-$1" type bridge ageing_time 720000 &&
	ip link set "vx-$1" type vxlan ageing 7200
}

# The helpers that tests call often read chamctl's JSON by pattern, which takes no
# process. jq of Debian 12 takes 400 ms to begin in an emulated machine, gojq 50; it sorts
# keys.
if command -v gojq >/dev/null; then
	jq() { gojq "$@"; }
	export -f jq
fi

# stat_of TENANT KEY...: what chamctl -j stat says there, reasons too; the sum of several
stat_of() {
	local stat sum=0 key
	stat=$(chamctl -j stat show tenant "$1")
	for key in "${@:2}"; do
		[[ $stat =~ \"$key\":([0-9]+) ]] || return
		sum=$((sum + BASH_REMATCH[1]))
	done
	echo $sum
}

topo_down() {
	local ns d
	chamctl down >/dev/null 2>&1
	for ns in $(ip netns list | awk '{print $1}'); do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null
	done
	for d in $(vdpa dev show 2>/dev/null | sed -n 's/: type .*//p'); do
		vdpa dev del "$d"
	done
	for ns in $(ip netns list | awk '{print $1}'); do
		ip netns del "$ns"
	done
	[ -e /sys/class/net/up0/device ] || ip link del up0 2>/dev/null
	# those of the uplink go with it, later
	for d in /sys/class/net/vx-* /sys/class/net/br-*; do
		[ -e "$d" ] && ip link del "${d##*/}" 2>/dev/null
	done
	for _ in $(seq 30); do
		rmmod chamelio 2>/dev/null && return 0
		[ -d /sys/module/chamelio ] || return 0
		sleep 0.2
	done
	return 1
}

# topo_attach [ARGUMENT...]: the datapath of this build
topo_attach() {
	chamctl datapath attach object "$CHAM_BUILD/xdp/datapath.bpf.o" "$@"
}

# on TENANT COMMAND...: at the tenant's end point; far TENANT ...: on host B
on() { ip netns exec "t-$1" "${@:2}"; }
far() { ip netns exec "b-$1" "${@:2}"; }

# ping1 on|far TENANT ADDRESS: one echo
ping1() { "$1" "$2" ping -qc1 -W2 "$3" >/dev/null; }

# pinged PID FILE: end a ping that says in FILE what is answered, once one more answer is
# there; $lost has the requests before that one which had none. What is still under way
# when it ends is not lost.
pinged() {
	local had
	had=$(grep -c ' bytes from ' "$2")
	one_more() { [ "$(grep -c ' bytes from ' "$1")" -gt "$2" ]; }
	lost=
	busywait 5 one_more "$2" "$had" || lost="all from the end on "
	kill -INT "$1"
	wait "$1"
	lost+=$(sed -n 's/.* bytes from .* icmp_seq=\([0-9]*\) .*/\1/p' "$2" | sort -nu |
		awk '{ while (++n < $1) printf "%s%d", sep++ ? " " : "", n } END { if (!n) printf "each" }')
}

# blob SIZE: the file that transfer sends
blob() { head -c "$1" /dev/urandom > /tmp/blob; }

# transfer FROM_NS TO_NS ADDRESS PORT: the blob by TCP, compared byte by byte
transfer() {
	local pid family=4 limit=$((60 * ${TIMESCALE:-1}))
	# socat listens on one of the two
	[ "${3#[}" = "$3" ] || family=6
	# what an earlier one received is none of this one's
	rm -f /tmp/got
	ip netns exec "$2" timeout $limit socat -u TCP$family-LISTEN:"$4",reuseaddr \
		OPEN:/tmp/got,creat,trunc &
	pid=$!
	# who comes too early is refused, and nobody else would come
	if ! wait_port "$2" tcp "$4" ||
	   ! ip netns exec "$1" timeout $limit socat -b 262144 -u OPEN:/tmp/blob TCP:"$3":"$4"; then
		kill "$pid" 2>/dev/null
		wait "$pid"
		return 1
	fi
	wait "$pid"
	cmp -s /tmp/blob /tmp/got
}

# flood: red's traffic both ways, until calm
flood() {
	ip netns exec t-red ping -q -i 0.005 10.0.0.2 >/dev/null 2>&1 &
	floods=$!
	ip netns exec b-red ping -q -i 0.005 10.0.0.1 >/dev/null 2>&1 &
	floods="$floods $!"
	sleep 0.5
}
calm() {
	# shellcheck disable=SC2086 # a word each
	kill $floods 2>/dev/null
	# shellcheck disable=SC2086
	wait $floods 2>/dev/null
}

# port_blocked DEV REASON: the port says that its forwarding is not cached, and why
port_blocked() {
	[[ $(chamctl -j port show) =~ \"ifname\":\"$1\"[^}]*\"blocked\":\[[^]]*\"$2\" ]]
}

# port_free DEV: nothing is in the way
port_free() {
	[[ $(chamctl -j port show) =~ \"ifname\":\"$1\"[^}]*\"blocked\":\[\] ]]
}

# fast_moved TENANT: by how many packets the fast path counts two echoes; fails
# when an echo is lost
fast_moved() {
	local before rc
	before=$(stat_of "$1" fast-packets)
	on "$1" ping -qc2 -i0.2 -W2 10.0.0.2 >/dev/null
	rc=$?
	echo $(($(stat_of "$1" fast-packets) - before))
	return $rc
}
