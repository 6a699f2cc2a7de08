#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Clients of a memcached behind bpf/kv.bpf.c.

usage: kv_client.py cases|damaged|late|random|writers NS_CLIENT NS_SERVER ADDRESS [SEED ROUNDS]
       kv_client.py slot MAP KEY [NS ADDRESS]

A client in one network namespace, and one beside the server in another, whom no cache
answers: that one tells what is true, and how many questions the server has seen.
Prints a line "ok" or "not ok" for each assertion.

slot: what the cache itself has of a key, without a question or just after one by NS:
"good" or "over" by the slot's versions, whatever the clock says, or "none".
"""

import ctypes
import os
import random
import socket
import struct
import sys
import threading
import time

PORT = 11211
SYS_BPF, LOOKUP, OBJ_GET = 321, 24, 7
SLOTS, SLOT = 8192, 576    # struct kv_slot
libc = ctypes.CDLL(None, use_errno=True)


def report(good, name):
    print(("ok " if good else "not ok ") + name, flush=True)


def enter(ns):
    fd = os.open("/run/netns/" + ns, os.O_RDONLY)
    if libc.setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns " + ns)
    os.close(fd)


class Tcp:
    """One connection; what is sent goes in the segments that it is given in."""

    def __init__(self, ns, address):
        enter(ns)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(20)
        self.sock.connect((address, PORT))
        self.file = self.sock.makefile("rb")

    def send(self, *segments, pause=0.02):
        for i, data in enumerate(segments):
            if i:
                time.sleep(pause)
            self.sock.sendall(data)

    def line(self):
        return self.file.readline().rstrip(b"\r\n")

    def ask(self, *segments):
        self.send(*segments)
        return self.line()

    def set(self, key, value, exptime=0):
        return self.ask(b"set %s 0 %d %d\r\n%s\r\n" % (key, exptime, len(value), value))

    def get(self, key):
        self.send(b"get %s\r\n" % key)
        return self.got()

    def got(self):
        value = None
        while True:
            line = self.line()
            if line == b"END":
                return value
            if not line.startswith(b"VALUE "):
                raise ValueError(line)
            value = self.file.read(int(line.split(b" ")[3]) + 2)[:-2]

    def stat(self, name):
        self.send(b"stats\r\n")
        found = None
        while True:
            line = self.line().split()
            if line == [b"END"]:
                return found
            if line[1] == name:
                found = int(line[2])


class Udp:
    """Questions by UDP; an answer that does not come is asked for again."""

    def __init__(self, ns, address):
        enter(ns)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((address, PORT))
        self.id = random.randrange(60000)

    def ask(self, text, wait=1.0):
        for _ in range(20):
            self.id = (self.id + 1) & 0xffff
            self.sock.send(struct.pack(">4H", self.id, 0, 1, 0) + text)
            self.sock.settimeout(wait)
            try:
                while True:
                    data = self.sock.recv(2048)
                    if struct.unpack(">H", data[:2])[0] == self.id:
                        return data[8:]
            except (TimeoutError, ConnectionRefusedError):
                pass
        raise TimeoutError(text)

    def get(self, key, wait=1.0):
        answer = self.ask(b"get %s\r\n" % key, wait)
        if answer == b"END\r\n":
            return None
        head, rest = answer.split(b"\r\n", 1)
        word = head.split(b" ")
        if word[0] != b"VALUE" or word[1] != key or not rest.endswith(b"\r\nEND\r\n"):
            raise ValueError(answer)
        return rest[:-7]


class Bed:
    def __init__(self, client, server, address):
        self.client, self.server, self.address = client, server, address
        self.truth = Tcp(server, "127.0.0.1")
        self.udp = Udp(client, address)

    def tcp(self, address=None):
        return Tcp(self.client, address or self.address)

    def prime(self, key):
        """What is there is cached, as far as it may be."""
        self.udp.get(key)
        return self.udp.get(key)

    def cached(self, key, value, udp=None, tries=5):
        """Whether the server is not asked for what somebody has just asked for. A value
        is cached for a second, and a slow machine may need longer."""
        for _ in range(tries):
            self.udp.get(key)
            before = self.truth.stat(b"cmd_get")
            if (udp or self.udp).get(key) != value:
                return False
            if self.truth.stat(b"cmd_get") == before:
                return True
        return False

    def same(self, name, *keys):
        for key in keys:
            got, true = self.udp.get(key), self.truth.get(key)
            if got != true:
                report(False, f"{name}: {key} is {true}, and a client is told {got}")
                return
        report(True, name)


def cases(bed):
    tcp = bed.tcp()
    report(tcp.set(b"a", b"one") == b"STORED", "a value is set")
    report(bed.udp.get(b"a") == b"one", "it is read by UDP")
    report(bed.cached(b"a", b"one"), "the next time the server is not asked")
    report(not bed.cached(b"nothing", None), "of what it has not it is")
    report(tcp.get(b"a") == b"one", "by TCP, too")
    report(bed.cached(b"a", b"one", Udp(bed.client, bed.address)), "another client is answered as well")
    for value in (b"two", b"", b"x" * 300, b"END\r\n", b"three"):
        bed.prime(b"a")
        tcp.set(b"a", value)
        report(bed.udp.get(b"a") == value, f"overwritten with {len(value)} bytes it is read so")
    bed.prime(b"b")
    tcp.set(b"b", b"x" * 1000)
    report(not bed.cached(b"b", b"x" * 1000), "what is too long is the server's")
    tcp.set(b"keep", b"1")
    kept = False
    for _ in range(5):
        bed.prime(b"keep")
        before = bed.truth.stat(b"cmd_get")
        tcp.set(b"a", b"four")
        kept = kept or (bed.udp.get(b"keep") == b"1" and bed.truth.stat(b"cmd_get") == before)
    report(kept, "a write costs the others nothing")

    # whoever writes in whatever way, what was answered is so
    ways = (
        ("in two segments", [b"set a 0 0 4\r\n", b"new1\r\n"], 1),
        ("cut in its key", [b"set ", b"a 0 0 4\r\nnew2\r\n"], 1),
        ("cut in its last line", [b"set a 0 0 4\r\nnew3\r", b"\n"], 1),
        ("two in a segment", [b"set z 0 0 1\r\n1\r\nset a 0 0 4\r\nnew4\r\n"], 2),
        ("behind a question", [b"get a\r\nset a 0 0 4\r\nnew5\r\n"], None),
        ("with another before its answer", [b"set z 0 0 1\r\n1\r\n", b"set a 0 0 4\r\nnew6\r\n"], 2),
        ("with an exptime", [b"set a 0 100 4\r\nnew7\r\n"], 1),
        ("replace", [b"replace a 0 0 4\r\nnew8\r\n"], 1), ("append", [b"append a 0 0 1\r\n+\r\n"], 1),
        ("prepend", [b"prepend a 0 0 1\r\n+\r\n"], 1), ("meta set", [b"ms a 4\r\nnew9\r\n"], 1),
        ("delete", [b"delete a\r\n"], 1), ("add", [b"add a 0 0 1\r\n5\r\n"], 1),
        ("incr", [b"incr a 3\r\n"], 1), ("decr", [b"decr a 1\r\n"], 1), ("meta incr", [b"ma a\r\n"], 1),
        ("incr twice", [b"incr a 3\r\nincr a 4\r\n"], 2), ("meta delete", [b"md a\r\n"], 1),
        ("set again", [b"set a 0 0 5\r\nagain\r\n"], 1), ("gat", [b"gat 100 a\r\n"], None),
        ("flush_all", [b"flush_all\r\n"], 1), ("and set", [b"set a 0 0 2\r\nhi\r\n"], 1))
    for name, segments, answers in ways:
        for fresh in (True, False):
            one = bed.tcp() if fresh else tcp
            bed.prime(b"a")
            one.send(*segments)
            if answers is None:
                one.got()
                if segments[0].startswith(b"get"):
                    one.line()
            else:
                for _ in range(answers):
                    one.line()
            bed.same(f"{name}, on {'a new' if fresh else 'an old'} connection", b"a", b"z")
    for name, noreply in (("noreply", b"set a 0 0 3 noreply\r\nshy\r\n"), ("quiet", b"ms a 3 q\r\nsly\r\n")):
        one = bed.tcp()
        bed.prime(b"a")
        one.send(noreply)
        one.get(b"z")
        bed.same(f"{name}, and then an answer", b"a")
        bed.prime(b"a")
        one.send(noreply.replace(b"y\r\n", b"o\r\n"))
        time.sleep(0.5)
        bed.same(f"{name}, and no answer at all", b"a")
    tcp = bed.tcp()
    tcp.set(b"a", b"by TCP")
    bed.prime(b"a")
    report(Udp(bed.client, bed.address).ask(b"set a 0 0 3\r\nUDP\r\n") == b"STORED\r\n", "a write by UDP")
    bed.same("is seen", b"a")
    bed.prime(b"a")
    six = bed.tcp("fd00::1")
    six.set(b"a", b"by IPv6")
    bed.same("a write by IPv6, too", b"a")
    one = bed.tcp()
    one.set(b"brief", b"gone soon", 2)
    report(bed.cached(b"brief", b"gone soon", tries=2), "what expires is cached")
    time.sleep(3.2)
    report(bed.udp.get(b"brief") is None, "until then")
    one.set(b"a", b"before")
    for key in (b"a ", b"a\tb", b"k" * 31, b"k" * 32, b"k" * 250):
        name = key.replace(b" ", b"")
        one.set(name, b"1")
        bed.prime(name)
        one.ask(b"set %s 0 0 1\r\n2\r\n" % name)
        bed.same(f"a key of {len(key)} bytes", name)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def damaged(bed):
    """What the server drops for its checksum is no write; what comes in its place is."""
    enter(bed.client)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("eth0", 3))
    one = bed.tcp()
    for i in range(5):
        one.set(b"dmg", b"old%d" % i)
        wire.settimeout(0.2)
        frame = b""
        try:
            while True:         # our last segment with something in it
                data, where = wire.recvfrom(65536)
                if (where[2] == socket.PACKET_OUTGOING and data[12:14] == b"\x08\0" and
                        data[23] == 6 and b"set dmg" in data):
                    frame = data
        except TimeoutError:
            pass
        head, said = frame.split(b"set dmg", 1)
        length, seq = len(said) + 7, struct.unpack(">I", head[38:42])[0]
        wrong = b"set oth" + said
        ip = head[14:24] + bytes(2) + head[26:34]
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        tcp = head[34:38] + struct.pack(">I", seq + length) + head[42:50] + b"\xba\xd0" + head[52:]
        bed.prime(b"dmg")
        wire.send(head[:14] + ip + tcp + wrong)
        one.set(b"dmg", b"new%d" % i)
        if bed.udp.get(b"dmg") != b"new%d" % i:
            report(False, "behind a damaged segment a write is seen")
            return
    report(True, "behind a damaged segment a write is seen")


def late(bed):
    """The server's answers by UDP take 400 ms to leave."""
    tcp = bed.tcp()
    tcp.set(b"late", b"old")
    for name, write in (("a set", lambda: tcp.set(b"late", b"new")),
                        ("a delete", lambda: tcp.ask(b"delete late\r\n")),
                        ("flush_all", lambda: (tcp.set(b"late", b"x"), tcp.ask(b"flush_all\r\n")))):
        tcp.set(b"late", b"old")
        time.sleep(1.1)
        asker = Udp(bed.client, bed.address)
        asker.sock.send(struct.pack(">4H", 7, 0, 1, 0) + b"get late\r\n")
        time.sleep(0.1)
        write()
        asker.sock.settimeout(3)
        report(b"old" in asker.sock.recv(2048), f"an answer from before {name} comes behind it")
        before = bed.truth.stat(b"cmd_get")
        got, true = bed.udp.get(b"late", 3), bed.truth.get(b"late")
        report(got == true, f"and is told nobody else ({got})")
        report(bed.truth.stat(b"cmd_get") > before + 1, "the server was asked")


def at_random(bed, seed, rounds):
    rnd = random.Random(seed)
    keys = [b"k%d" % i for i in range(4)]
    conns = [bed.tcp() for _ in range(3)]
    hits = bed.truth.stat(b"cmd_get")
    asked = 0
    for i in range(rounds):
        one = rnd.choice(conns)
        key = rnd.choice(keys)
        if rnd.random() < 0.05:
            conns[conns.index(one)] = one = bed.tcp()
        value = b"%d" % rnd.randrange(10 ** rnd.randrange(1, 9))
        text, answers = rnd.choice((
            (b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), 1),
            (b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), 1),
            (b"incr %s %s\r\n" % (key, value), 1), (b"delete %s\r\n" % key, 1),
            (b"append %s 0 0 1\r\n7\r\n" % key, 1), (b"ms %s 2\r\n42\r\n" % key, 1),
            (b"set %s 0 0 1\r\n1\r\nincr %s 4\r\n" % (key, key), 2),
            (b"touch %s 100\r\n" % key, 1), (b"get %s\r\n" % key, 0)))
        for k in keys:
            bed.udp.get(k)
        asked += 4
        pieces, at = [], sorted(rnd.randrange(len(text)) for _ in range(rnd.choice((0, 0, 0, 1, 2))))
        for a, b in zip([0] + at, at + [len(text)]):
            if a < b:
                pieces.append(text[a:b])
        one.send(*pieces, pause=0.003)
        for _ in range(answers):
            one.line()
        if not answers:
            one.got()
        for k in keys:
            got, true = bed.udp.get(k), bed.truth.get(k)
            asked += 1
            if got != true:
                report(False, f"seed {seed}, round {i}: {text} left {k} {true}, "
                              f"and a client is told {got}")
                return
    seen = bed.truth.stat(b"cmd_get") - hits - 4 * rounds
    report(True, f"{rounds} writes in any way, and no old value (the server saw at most "
                 f"{seen} of {asked} questions)")


def writers(bed):
    tcp = bed.tcp()
    tcp.set(b"count", b"0")
    acked, stop, bad, reads = [0], threading.Event(), [], [0]

    def write():
        one = bed.tcp()
        while not stop.is_set():
            got = int(one.ask(b"incr count 1\r\n"))
            acked[0] = max(acked[0], got)

    def read():
        udp = Udp(bed.client, bed.address)
        while not stop.is_set():
            least = acked[0]
            got = int(udp.get(b"count"))
            reads[0] += 1
            if got < least:
                bad.append((least, got))

    threads = [threading.Thread(target=f) for f in (write, write, write, read, read)]
    for t in threads:
        t.start()
    time.sleep(3)
    stop.set()
    for t in threads:
        t.join()
    report(not bad and reads[0] > 20 and acked[0] > 20,
           f"three writers ({acked[0]}), two readers ({reads[0]}), and nobody reads the past {bad[:3]}")


def slot(path, key, *question):
    name = ctypes.create_string_buffer(path.encode())
    fd = libc.syscall(SYS_BPF, OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0), 16)
    if fd < 0:
        raise OSError(ctypes.get_errno(), path)
    values, keys, at = (ctypes.create_string_buffer(n) for n in (SLOTS * SLOT, SLOTS * 4, 4))
    if question:
        enter(question[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.sendto(struct.pack(">4H", 1, 0, 1, 0) + f"get {key}\r\n".encode(),
                        (question[1], PORT))
            sock.recv(2048)
    attr = struct.pack("4Q2I2Q", 0, *map(ctypes.addressof, (at, keys, values)), SLOTS, fd, 0, 0)
    if libc.syscall(SYS_BPF, LOOKUP, attr, len(attr)) and ctypes.get_errno() != 2:
        raise OSError(ctypes.get_errno(), "lookup")
    at = values.raw.find(b"VALUE " + key.encode() + b" ")
    if at < 0:
        return "none"
    version, _, of_version = struct.unpack_from("3I", values, at // SLOT * SLOT)
    return "good" if version == of_version else "over"


def main():
    if sys.argv[1] == "slot":
        print(slot(*sys.argv[2:]))
        return
    what, client, server, address = sys.argv[1:5]
    bed = Bed(client, server, address)
    if what == "random":
        at_random(bed, int(sys.argv[5]), int(sys.argv[6]))
    else:
        {"cases": cases, "damaged": damaged, "late": late, "writers": writers}[what](bed)


main()
