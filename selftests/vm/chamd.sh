#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# chamd: what is linked becomes joint by itself, a tenant brings its program from its own
# network namespace, and chamd's death is nobody's business.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../topo.sh
. "$(dirname "$0")/../topo.sh"
# shellcheck source-path=SCRIPTDIR source=../ask.sh
. "$(dirname "$0")/../ask.sh"
require_vm
require_cmd jq llc-19 opt-19 llvm-link-19 unshare setpriv python3
[ -x "$CHAM_BUILD/xdp/chamelio-normalise" ] || skip_all "built without llvm-19-dev"
defer topo_down
sock=/run/chamelio/chamd.sock
echo_bc=$CHAM_BUILD/bpf/echo.bpf.bc
log=/tmp/chamd.log

daemon() {
	"$CHAM_BUILD/cli/chamd" object "$CHAM_BUILD/xdp" delay 300 "$@" >/dev/null 2>>"$log" &
	chamd=$!
	busywait 10 test -S "$sock"
}
logged() { grep -q "$1" "$log"; }
is_joint() { prog_is "$1" '.tier == "joint"'; }
children() { pgrep -P "$chamd" >/dev/null; }
# refused NAME TEXT COMMAND...
refused() { check_match "$1" "$2" "$("${@:3}" 2>&1)"; }
own() { ip netns exec "own-$1" "${@:2}"; }
submit() { chamctl prog submit "$@"; }

topo_load || bail "module loads"
topo_wire
chamctl uplink add up0 local 192.0.2.1 local6 2001:db8::1 || bail "uplink"
topo_tenant red 100 || bail "tenant red"
topo_tenant blue 200 || bail "tenant blue"
for tenant in red blue; do
	ip netns add "own-$tenant"
	busywait 10 ping1 on $tenant 10.0.0.2
done
ip netns add own-nobody
chamctl tenant set red netns own-red || bail "netns"
topo_attach || bail "attach"

refused "without chamd it says so" "does chamd run there" submit "$echo_bc" tenant red
check_fails "wrong words: refused" "$CHAM_BUILD/cli/chamd" delay soon
check_fails "no such word" "$CHAM_BUILD/cli/chamd" colour red
daemon
check "it begins" logged "ready at"

# the provider's program, and the tenant's own
check "the provider loads" prog load "$CHAM_BUILD/bpf/echo.bpf.o" tenant blue
check "red submits" own red chamctl prog submit "$echo_bc"
check "it is red's" prog_is red '.name == "echo" and .version == 1'
answers "and answers" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f
check "by itself it is joint" busywait 90 is_joint red
check "blue came as an object" prog_is blue '.tier == "linked" and (."not-joint" | test("as an object"))'
answers "and answers" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f

# who may not
refused "red is not blue" "is tenant red's, not blue's" own red chamctl prog submit "$echo_bc" tenant blue
refused "nobody's namespace" "bound to no tenant" own nobody chamctl prog submit "$echo_bc"
check_match "who listens late hears why, too" "bound to no tenant" "$(own nobody python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(bytes(44))
time.sleep(1)
print(s.recv(9999)[4:].split(b"\0")[0].decode())' "$sock" 2>&1)"
refused "blue's is not bound" "bound to no tenant" own blue chamctl prog submit "$echo_bc" tenant blue
refused "without privilege" "needs CAP_NET_ADMIN" \
	own red setpriv --reuid 1000 --clear-groups "$(command -v chamctl)" prog submit "$echo_bc"
refused "nor in a user namespace of one's own" "needs CAP_NET_ADMIN" \
	own red setpriv --reuid 1000 --clear-groups unshare -Ur "$(command -v chamctl)" prog submit "$echo_bc"
refused "the provider names the tenant" "whose program" submit "$echo_bc"
refused "one that is" "green" submit "$echo_bc" tenant green

# what is no program
printf '#include "handler.h"\nCHAM_PROGRAM("x", 1, 0);\nCHAM_HOOK(rx) { return no; }\n' >/tmp/bad.c
refused "C that is wrong, with the compiler's words" "undeclared identifier" own red chamctl prog submit /tmp/bad.c
mkfifo /tmp/fifo
exec 9<>/tmp/fifo
refused "no file" "regular file" own red chamctl prog submit /tmp/fifo
exec 9>&-
truncate -s 5M /tmp/big
refused "too large" "regular file of at most" own red chamctl prog submit /tmp/big
head -c 3000 /dev/urandom >/tmp/noise
refused "noise" "not a BPF object" own red chamctl prog submit /tmp/noise
check "red's program runs on" prog_is red '.version == 1 and (has("fault") | not)'
check "C that is right" own red chamctl prog submit "$tap_top/bpf/echo.bpf.c"
check "it is red's" prog_is red '.name == "echo" and .version == 2'
check "the provider loads C, too" prog load "$tap_top/bpf/echo.bpf.c" tenant red
check "that, too" prog_is red '.name == "echo" and .version == 3'
answers "and it answers" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f
check "nothing is left" sh -c '! ls /run/chamelio/submitted.* 2>/dev/null'

# who connects, asks, and only then becomes somebody else: chamd looks later
cp "$(command -v sleep)" /tmp/susleep
chmod 4755 /tmp/susleep
cat >/tmp/becomes.py <<'P'
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect('/run/chamelio/chamd.sock')
s.send((0x31646863).to_bytes(4, 'little') + (1).to_bytes(4, 'little') + b'red'.ljust(36, b'\0'))
os.set_inheritable(s.fileno(), True)
open('/tmp/becomes.asked', 'w').close()
os.execv('/tmp/susleep', ['susleep', '20'])
P
rm -f /tmp/becomes.asked
pkill -STOP -x chamd
: >/tmp/becomes.asked && rm /tmp/becomes.asked
chmod 1777 /tmp
setpriv --reuid 1000 --regid 1000 --clear-groups python3 /tmp/becomes.py &
becomes=$!
busywait 20 test -e /tmp/becomes.asked
sleep 1
check_match "it is root by then" "Uid:.1000.0.0.0" "$(grep ^Uid: /proc/$becomes/status)"
pkill -CONT -x chamd
sleep 2
kill $becomes
wait $becomes 2>/dev/null
check "and red's program is there as before" prog_is red '.name == "echo" and .version == 3'

# what is no request; who only waits
cat >/tmp/talk.py <<'P'
import os, socket, sys
def dial():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(15)
    s.connect('/run/chamelio/chamd.sock')
    return s
def said(s):
    r = s.recv(4096)
    return int.from_bytes(r[:4], 'little', signed=True), r[4:].split(b'\0')[0].decode()
out = []
for text in (b'x', b'x' * 44, (0x31646863).to_bytes(4, 'little') + b'\xff' * 40,
             (0x31646863).to_bytes(4, 'little') + bytes(40), b'y' * 60000):
    s = dial()
    s.send(text)
    out.append(said(s)[0])
s = dial()
socket.send_fds(s, [(0x31646863).to_bytes(4, 'little') + (1).to_bytes(4, 'little') + bytes(36)], [0, 1, 2])
out.append(said(s)[0])
waiting = [dial() for _ in range(2)]
out.append(said(dial())[0])
for s in waiting:
    s.close()
print(*out)
P
check_eq "nonsense is no request, and a namespace has two places" "-71 -71 -71 -71 -71 -71 -16" \
	"$(own red python3 /tmp/talk.py)"
check "red submits again" busywait 10 own red chamctl prog submit "$echo_bc"
check "it is the fourth" prog_is red '.version == 4'

# it dies while it works
ip netns exec b-red ping -i 0.02 10.0.0.1 >/tmp/chamd.ping &
ping=$!
check "it is at work" busywait 20 children
pkill -9 -P "$chamd"
check "its child's death is told" busywait 5 logged "ended by signal 9"
kill -9 "$chamd"
wait "$chamd" 2>/dev/null
answers "nobody minds" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f
check "linked as it was" prog_is red '.tier == "linked"'
# as if somebody had died at a change
printf '\4\0\0\0' >/run/chamelio/lock
for f in /run/chamelio/programs/*.o /run/chamelio/programs/*.bc; do cp "$f" "$f.before"; done
touch /run/chamelio/programs/4711.o /run/chamelio/programs/.1.placed
touch /run/chamelio/submitted.123456789 /run/chamelio/submitted.123456789.c
daemon
check "it begins anew" test -S "$sock"
check "and ends what it finds" busywait 90 is_joint red
check "nothing is half done" sh -c '! ls /run/chamelio/programs/*.before 2>/dev/null'
check_eq "nor there for nobody" "" \
	"$(find /run/chamelio \( -name '4711*' -o -name '.1*' -o -name 'submitted.*' \))"
check_eq "nor called so" 0 "$(stat -c %s /run/chamelio/lock)"
answers "and answers" 68656c6c6f b-red 10.0.0.1 7 68656c6c6f

# a file that takes for ever to close: TCP sockets that linger, to a peer that reads nothing;
# each in a message of its own, so that the second is there when chamd has had enough
cat >/tmp/lingers.py <<'P'
import os, socket, struct, sys, time
os.system('ip link set lo up')
os.setuid(int(sys.argv[1]))
there = socket.create_server(('127.0.0.1', 0), backlog=9)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect('/run/chamelio/chamd.sock')
for _ in range(2):
    tcp = socket.socket()
    tcp.connect(there.getsockname())
    tcp.setblocking(False)
    full = time.time() + 1
    while time.time() < full:
        try:
            tcp.send(bytes(65536))
        except BlockingIOError:
            time.sleep(.05)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 100000))
    socket.send_fds(s, [b'x'], [tcp.fileno()])
    tcp.close()
s.close()
open('/tmp/lingers.sent', 'w').close()
time.sleep(600)
P
cat >/tmp/quick.py <<'P'
import os, socket, sys
os.setuid(int(sys.argv[1]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect('/run/chamelio/chamd.sock')
s.send(b'x' * 44)
print(s.recv(4096)[4:].split(b'\0')[0].decode())
P
# lingers NAMESPACE USER TEXT: who asks behind such a one is answered, and so is red
lingers() {
	local pid
	rm -f /tmp/lingers.sent
	kill -STOP "$chamd"
	ip netns exec "own-$1" python3 /tmp/lingers.py "$2" &
	pid=$!
	busywait 60 test -e /tmp/lingers.sent
	(sleep 2 && kill -CONT "$chamd") &
	check_match "behind $1's $2, whose files linger: an answer" "$3" \
		"$(own "$1" python3 /tmp/quick.py "$2" 2>&1)"
	check_match "and for red" "no request" "$(own red python3 /tmp/quick.py 0 2>&1)"
	check "nobody is left who closes them" busywait 10 sh -c "! pgrep -P $chamd"
	kill $pid
	wait $pid 2>/dev/null
}
lingers nobody 1000 "needs CAP_NET_ADMIN"
lingers nobody 0 "bound to no tenant"

check "red withdraws" own red chamctl prog withdraw
refused "and has none" "no program" own red chamctl prog withdraw
answers "Linux answers" ECONNREFUSED b-red 10.0.0.1 7 68656c6c6f
pinged $ping /tmp/chamd.ping
check_eq "nothing was lost all the while" "" "$lost"
own red chamctl prog submit "$tap_top/bpf/echo.bpf.c" >/dev/null 2>&1 &
busywait 20 compgen -G "/run/chamelio/submitted.*" >/dev/null || fail "one is submitted"
kill "$chamd"
wait "$chamd"
check_eq "it ends when asked" 0 $?
check_eq "and what was submitted with it" "" "$(compgen -G "/run/chamelio/submitted.*")"
check "and its socket with it" test ! -e "$sock"
check "everything comes down" topo_down
diag "$(tail -n 20 $log)"
finish
