#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# processors: 2
#
# A guest with several queue pairs: how many it uses, and that answers come on
# the pair on which it sent.

# shellcheck disable=SC2317 # called by check and busywait
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
require_vm
require_cmd vdpa ip ethtool jq iperf3 python3
require_module virtio_vdpa virtio_net act_skbedit cls_flower
defer topo_down
tap_tmpdir

topo_load || bail "module loads"
topo_wire
check "an uplink" chamctl uplink add up0 local 192.0.2.1
TOPO_VQP=4 check "a tenant whose port has four queue pairs" topo_tenant red 100
check "datapath attaches" topo_attach

rep_stat() { ethtool -S "$1" | awk -v k="$2:" '$1 == k { print $2 }'; }
active() { [ "$(chamctl -j port show red0 | jq '.[0]."active-pairs"')" = "$1" ]; }

# How many.
check_eq "the configuration says four" 4 \
	"$(vdpa -j dev config show red0 | jq '.config.red0.max_vq_pairs')"
check_eq "chamctl, too" 4 "$(chamctl -j port show red0 | jq '.[0]."queue-pairs"')"
for n in 1 3 4; do
	check "the guest takes $n" on red ethtool -L eth0 combined $n
	check "the port has $n in use" active $n
	check_eq "the representor says so" $n \
		"$(ethtool -l red0 | awk '/^Combined/ { n = $2 } END { print n }')"
	check "ping" ping1 on red 10.0.0.2
done
check_fails "five are too many" on red ethtool -L eth0 combined 5

# Steering. In the guest a filter says on which queue a flow is sent.
on red tc qdisc add dev eth0 clsact
send_on() { # PORT QUEUE
	on red tc filter replace dev eth0 egress protocol ip pref "$1" handle 1 flower \
		ip_proto udp dst_port "$1" action skbedit queue_mapping "$2"
}
cat >"$tap_tmp/echo.py" <<'P'
import select, socket, sys
socks = []
for port in map(int, sys.argv[1:]):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.0.0.2", port))
    socks.append(s)
while True:
    for s in select.select(socks, [], [])[0]:
        data, peer = s.recvfrom(2000)
        s.sendto(data, peer)
P
cat >"$tap_tmp/ask.py" <<'P'
import socket, sys
got = 0
socks = {}
for i in range(int(sys.argv[1])):
    for port in map(int, sys.argv[2:]):
        s = socks.setdefault(port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        s.settimeout(2)
        if not i:
            s.bind(("10.0.0.1", 20000 + port))
        s.sendto(b"x", ("10.0.0.2", port))
        try:
            got += s.recv(100) == b"x"
        except TimeoutError:
            pass
print(got)
P
queues() { # rx|tx: packets of the four queues
	ethtool -S red0 | awk -v k="^ *$1_queue_[0-9]_packets:" '$0 ~ k { print $2 }'
}
# talk N PORT...: N exchanges each; sets sent and got to what each queue counted
talk() {
	local s0 g0 s1 g1 i
	mapfile -t s0 < <(queues rx)
	mapfile -t g0 < <(queues tx)
	answers=$(on red python3 "$tap_tmp/ask.py" "$@")
	mapfile -t s1 < <(queues rx)
	mapfile -t g1 < <(queues tx)
	sent=() got=()
	for i in 0 1 2 3; do
		sent+=($((s1[i] - s0[i])))
		got+=($((g1[i] - g0[i])))
	done
	diag "of the guest: ${sent[*]}, to the guest: ${got[*]}"
}
# on_queues N QUEUE...: each of these queues had N of a flow, both ways
on_queues() {
	local n=$1 i
	shift
	for i in "$@"; do
		[ "${sent[i]}" -ge "$n" ] && [ "${sent[i]}" -lt $((n + 20)) ] &&
		[ "${got[i]}" -ge "$n" ] && [ "${got[i]}" -lt $((n + 20)) ] || return
	done
}

background far red python3 "$tap_tmp/echo.py" 6001 6002 6003 6004 6011 6012 6013 6014
wait_port b-red udp 6001
for way in fast slow; do
	ports=(6001 6002 6003 6004)
	if [ $way = slow ]; then
		chamctl datapath detach
		ports=(6011 6012 6013 6014)
	fi
	for q in 0 1 2 3; do
		send_on "${ports[q]}" $q
	done
	talk 10 "${ports[@]}"
	fast=$(stat_of red fast-packets)
	talk 60 "${ports[@]}"
	check_eq "$way: everything is answered" 240 "$answers"
	check "$way: each flow is on its queue, both ways" on_queues 60 0 1 2 3
	if [ $way = fast ]; then
		check_num "on the fast path" $(($(stat_of red fast-packets) - fast)) -gt 440
	else
		check_eq "on the slow path" "$fast" "$(stat_of red fast-packets)"
	fi
	# flows move: answers follow
	send_on "${ports[0]}" 3
	send_on "${ports[1]}" 3
	talk 60 "${ports[@]:0:2}"
	check "$way: two move to another queue, and so do their answers" on_queues 120 3
	check "$way: the queues before have none" test "$((sent[0] + sent[1] + got[0] + got[1]))" -lt 40
	on red ethtool -L eth0 combined 2
	talk 60 "${ports[1]}"
	check_eq "$way: with two pairs everything is answered" 60 "$answers"
	check_num "$way: on those" $((got[0] + got[1])) -ge 60
	on red ethtool -L eth0 combined 4
done

# A packet socket that passes the qdisc by asks for a queue where it may be interrupted: the
# debug kernel says whether what it reads under RCU is safe there.
cat >"$tap_tmp/bypass.py" <<'P'
import socket, struct, sys, time
guest, far, port, n = sys.argv[1:]
mac = lambda m: bytes.fromhex(m.replace(":", ""))
ip = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 29, 0, 0x4000, 64, 17, 0,
                           bytes((10, 0, 0, 2)), bytes((10, 0, 0, 1))))
csum = sum(struct.unpack("!10H", ip))
ip[10:12] = struct.pack("!H", ~((csum & 0xffff) + (csum >> 16)) & 0xffff)
frame = mac(guest) + mac(far) + b"\x08\0" + ip + \
    struct.pack("!HHHH", int(port), 20000 + int(port), 9, 0) + b"x"
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS
s.bind(("red0", 0))
sent = 0
for i in range(10 * int(n)):
    try:
        s.send(frame)
        sent += 1
    except OSError:  # its ring is full
        time.sleep(0.01)
    if sent == int(n):
        break
print(sent)
P
bypass() { # PORT N
	python3 "$tap_tmp/bypass.py" "$(on red cat /sys/class/net/eth0/address)" \
		"$(far red cat /sys/class/net/eth0/address)" "$@"
}
talk 1 "${ports[1]}"
mapfile -t g0 < <(queues tx)
check_eq "past the qdisc: a hundred frames leave" 100 "$(bypass "${ports[1]}" 100)"
mapfile -t g1 < <(queues tx)
check_num "past the qdisc: on the queue on which the guest sends" $((g1[3] - g0[3])) -ge 100
topo_attach
on red tc qdisc del dev eth0 clsact

# As the driver chooses.
background far red iperf3 -s >/dev/null
wait_port b-red tcp 5201
talk 1 6001
mapfile -t s0 < <(queues rx)
mapfile -t g0 < <(queues tx)
check "four flows out" on red iperf3 -c 10.0.0.2 -P 4 -t 2
check "four flows in" on red iperf3 -c 10.0.0.2 -P 4 -t 2 -R
mapfile -t s1 < <(queues rx)
mapfile -t g1 < <(queues tx)
used=0 odd=0
for i in 0 1 2 3; do
	s=$((s1[i] - s0[i])) g=$((g1[i] - g0[i]))
	diag "queue pair $i: of the guest $s, to the guest $g packets"
	[ $s -lt 100 ] || used=$((used + 1))
	# of two frames of 64 KB there is one acknowledgement: of 88 segments
	if [ $s -gt 100 ] && [ $((g * 100)) -lt $s ] || [ $g -gt 100 ] && [ $((s * 100)) -lt $g ]; then
		odd=$((odd + 1))
	fi
done
check_num "they use several queue pairs" $used -gt 1
check_eq "each both ways" 0 $odd

# Statistics.
for i in 0 3 7; do
	check_num "vstats of queue $i" \
		"$(vdpa -j dev vstats show red0 qidx $i | jq '.. | .received_desc? // empty')" -gt 0
done
check_num "vstats of the control queue" \
	"$(vdpa -j dev vstats show red0 qidx 8 | jq '.. | .received_desc? // empty')" -gt 5
check_match "there is no queue 9" "not below 9" "$(vdpa dev vstats show red0 qidx 9 2>&1)"
check_num "commands are counted" "$(rep_stat red0 ctrl_commands)" -gt 5

check "everything comes down" topo_down
finish
