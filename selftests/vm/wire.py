#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Frames that a generator makes, from the wire and from a guest, with and without
the datapath; every payload says whose it is.

usage: wire.py SEED COUNT XDP-OBJECT

Tenants red (VNI 100) and blue (200) have the same addresses. A frame belongs to
whom its outer VNI, or the guest it comes from, belongs to. Every assertion is a
line "ok NAME" or "not ok NAME".
"""

import ctypes
import json
import os
import random
import re
import select
import socket
import struct
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
VNI = {"red": 100, "blue": 200, "nobody": 300}
MARK = re.compile(rb"<(red|blue|nobody):(\d+)>")


def report(good, name):
    print(("ok " if good else "not ok ") + name, flush=True)


def sh(*args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE).stdout


def link(dev, ns=None):
    return json.loads(sh("ip", *(["-n", ns] if ns else []), "-j", "link", "show", dev))[0]


def mac_of(dev, ns=None):
    return bytes.fromhex(link(dev, ns)["address"].replace(":", ""))


def packet_socket(ns, dev, protocol):
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + ns, os.O_RDONLY)
    LIBC.setns(there, 0)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    sock.bind((dev, protocol))
    sock.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)     # SO_RCVBUFFORCE
    LIBC.setns(here, 0)
    os.close(here)
    os.close(there)
    return sock


def ones(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def ip4(src, dst, proto, body, tos=0, ttl=64, frag=0):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, tos, 20 + len(body), 7, frag, ttl, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", ones(head) ^ 0xffff) + head[12:] + body


def ip6(src, dst, proto, body):
    return struct.pack(">IHBB16s16s", 6 << 28, len(body), proto, 64,
                       socket.inet_pton(socket.AF_INET6, src),
                       socket.inet_pton(socket.AF_INET6, dst)) + body


def udp(sport, dport, body, check=0):
    return struct.pack(">HHHH", sport, dport, 8 + len(body), check) + body


class Bed:
    """Who is where, and what each end has heard."""

    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.guest = {t: mac_of("eth0", "t-" + t) for t in ("red", "blue")}
        self.far = {t: mac_of("eth0", "b-" + t) for t in ("red", "blue")}
        self.guest["nobody"], self.far["nobody"] = self.guest["red"], self.far["red"]
        self.up, self.wire = mac_of("up0"), mac_of("b0", "hostb")
        self.red_index = link("red0")["ifindex"]
        self.ears = {f"{side}-{t}": packet_socket(f"{side}-{t}", "eth0", 3)
                     for side in "tb" for t in ("red", "blue")}
        self.out = packet_socket("hostb", "b0", 0)
        self.mouth = {t: packet_socket("t-" + t, "eth0", 0) for t in ("red", "blue")}
        self.heard = {}
        self.number = 0
        self.sent = 0

    def mark(self, whose, size=0):
        self.number += 1
        return b"<%s:%d>" % (whose.encode(), self.number) + b"." * size

    def listen(self, seconds=0.0):
        """{number: {(end, tenant it names): frame}} of all that came."""
        end = time.monotonic() + seconds
        while True:
            ready = select.select(list(self.ears.values()), [], [], max(0, end - time.monotonic()))[0]
            if not ready:
                return
            for name, sock in self.ears.items():
                if sock not in ready:
                    continue
                data, where = sock.recvfrom(1 << 17)
                if where[2] == 4:       # what goes out there
                    continue
                for whose, number in MARK.findall(data):
                    self.heard.setdefault(int(number), {})[(name, whose.decode())] = data

    # what a tenant's peer sends
    def inner(self, t):
        rnd = self.rnd
        size = rnd.choice((0, 20, 20, 100, 1000, 1400))
        mark = self.mark(t, size)
        kind = rnd.randrange(8)
        if kind < 4:
            l3 = ip4("10.0.0.2", "10.0.0.1", 17, udp(9, rnd.randrange(1, 5), mark),
                     rnd.choice((0, 0, 1, 2, 3)))
        elif kind < 6:
            tcp = struct.pack(">HHIIBBHHH", 80, rnd.randrange(1, 4), rnd.getrandbits(32), 1, 0x50,
                              rnd.choice((0x10, 0x18, 2, 1, 4)), 1000, 0, 0) + mark
            l3 = ip4("10.0.0.2", "10.0.0.1", 6, tcp)
        elif kind == 6:
            icmp = struct.pack(">BBHHH", 8, 0, 0, 3, 1) + mark
            l3 = ip4("10.0.0.2", "10.0.0.1", 1, icmp)
        else:
            l3 = ip6("fd00::2", "fd00::1", 17, udp(9, 9, mark))
            return self.guest[t] + self.far[t] + b"\x86\xdd" + l3
        return self.guest[t] + self.far[t] + b"\x08\0" + l3

    def odd_inner(self, t):
        """One of the inner frame's ways to be wrong."""
        rnd, good = self.rnd, self.inner(t)
        what = rnd.randrange(11)
        if what == 0:           # flipped bits, headers mostly
            data = bytearray(good)
            for _ in range(rnd.randrange(1, 4)):
                data[rnd.randrange(min(len(data), 60))] ^= 1 << rnd.randrange(8)
            # but never who it says it is
            return bytes(data) if MARK.search(data) else good
        if what == 1:
            return good[:rnd.randrange(14, len(good))]
        if what == 2:
            return good + bytes(rnd.choice((1, 6, 46, 300)))
        if what == 3:
            return good[:12] + b"\x81\0\0\x05" + good[12:]
        if what == 4:
            return good[:12] + b"\x88\xa8\0\x05\x81\0\0\x06" + good[12:]
        if what == 5:
            return rnd.choice((b"\xff" * 6, b"\1\x80\xc2\0\0\0", b"\x02\0\0\0\0\x55", self.far[t],
                               bytes(6))) + good[6:]
        if what == 6:
            return good[:6] + rnd.choice((b"\xff" * 6, bytes(6), self.guest[t],
                                          b"\x02\0\0\0\0\x66")) + good[12:]
        if what == 7:           # a tunnel in the tunnel, to the other tenant by name
            other = rnd.choice((100, 200, 300))
            nested = struct.pack(">II", 0x08000000, other << 8) + good
            l3 = ip4(rnd.choice(("10.0.0.2", "192.0.2.2")), rnd.choice(("10.0.0.1", "192.0.2.1")),
                     17, udp(50000, 4789, nested))
            return self.guest[t] + self.far[t] + b"\x08\0" + l3
        if what == 8:
            return good[:14] + rnd.choice((b"\x46", b"\x4f", b"\x40", b"\x65", b"\x05")) + good[15:]
        if what == 9:           # lengths
            return good[:16] + struct.pack(">H", rnd.choice((0, 19, 20, 28, 0xffff))) + good[18:]
        return good[:20] + struct.pack(">H", rnd.choice((0x2000, 0x1fff, 0x4000, 5))) + good[22:]

    def outer(self, t, inner, src="192.0.2.2", dst="192.0.2.1", vni=None):
        """The tunnel around it; now and then that is what is wrong."""
        rnd = self.rnd
        vni = VNI[t] if vni is None else vni
        flags, low, port, tos, ttl, frag, check = 0x08000000, 0, 4789, 0, 64, 0, 0
        mac = self.up
        odd = rnd.randrange(40)
        if odd == 0:
            flags = rnd.choice((0, 0x08000001, 0x0c000000, 0xffffffff))
        elif odd == 1:
            low = rnd.randrange(1, 256)
        elif odd == 2:
            port = rnd.choice((4790, 8472, 0))
        elif odd == 3:
            tos = rnd.choice((1, 2, 3, 0xff))
        elif odd == 4:
            ttl = rnd.choice((0, 1))
        elif odd == 5:
            frag = rnd.choice((0x2000, 0x1fff, 0x2003))
        elif odd == 6:
            check = rnd.randrange(1, 0xffff)
        elif odd == 7:
            mac = rnd.choice((b"\xff" * 6, b"\x02\0\0\0\0\x77"))
        elif odd == 8:
            dst = rnd.choice(("192.0.2.9", "192.0.2.255", "224.0.0.1", "127.0.0.1"))
        elif odd == 9:
            src = rnd.choice(("192.0.2.77", "0.0.0.0", "127.0.0.1", "255.255.255.255", "192.0.2.1"))
        body = udp(50000 + rnd.randrange(9), port, struct.pack(">II", flags, vni << 8 | low) + inner,
                   check)
        if odd == 10:
            body = body[:4] + struct.pack(">H", rnd.choice((0, 8, 15, len(body) - 1, 0xffff))) + body[6:]
        l3 = ip4(src, dst, 17 if odd != 11 else 47, body, tos, ttl, frag)
        if odd == 12:
            l3 = l3[:10] + struct.pack(">H", rnd.getrandbits(16)) + l3[12:]
        elif odd == 13:
            l3 = l3[:2] + struct.pack(">H", rnd.choice((0, 20, len(l3) - 3, len(l3) + 3))) + l3[4:]
        frame = mac + self.wire + b"\x08\0" + l3
        if odd == 14:
            frame = frame[:rnd.randrange(14, len(frame))]
        elif odd in (15, 16):           # what is behind the packet is nobody's
            frame += self.mark(t) + bytes(rnd.choice((1, 100)))
        elif odd == 17:
            frame = frame[:12] + b"\x81\0\0\5" + frame[12:]
        return frame

    def forged_ingress(self):
        """From the wire what the guest itself sends, the outer source being the
        number of the guest's representor.
        """
        src = socket.inet_ntoa(struct.pack("<I", self.red_index))
        return [self.up + self.wire + b"\x08\0" + ip4(src, "192.0.2.1", 17, udp(
            50000, 4789, struct.pack(">II", 0x08000000, 100 << 8) + self.far["red"] + self.guest["red"] +
            b"\x08\0" + ip4("10.0.0.1", "10.0.0.2", 17, udp(9, 9, self.mark("red"))))) for _ in range(10)]

    def from_wire(self, count):
        frames = []
        for _ in range(count):
            t = self.rnd.choice(("red", "red", "blue", "nobody"))
            inner = self.inner(t) if self.rnd.randrange(3) else self.odd_inner(t)
            frames.append((t, self.outer(t, inner)[:1564]))
        return frames

    def from_guest(self, count):
        """What red's guest may try to be taken for somebody else."""
        rnd, frames = self.rnd, []
        for _ in range(count):
            mark = self.mark("red")
            good = ip4("10.0.0.1", "10.0.0.2", 17, udp(9, 9, mark))
            event = struct.pack("<IIII16s6sHI", rnd.randrange(4), 1, VNI["blue"], rnd.randrange(99),
                                bytes(16), self.guest["blue"], 4789, 1) + mark
            nested = struct.pack(">II", 0x08000000, VNI["blue"] << 8) + self.guest["blue"] + \
                self.far["blue"] + b"\x08\0" + good
            tunnel = ip4(rnd.choice(("192.0.2.2", "10.0.0.1")), "192.0.2.1", 17, udp(50000, 4789, nested))
            src = rnd.choice((self.guest["red"], self.guest["red"], self.guest["blue"],
                              self.far["blue"], self.far["red"]))
            dst = rnd.choice((self.far["red"], self.far["blue"], self.guest["blue"], self.up,
                              self.wire, b"\xff" * 6))
            frames.append(rnd.choice((
                dst + src + b"\x08\0" + good, dst + src + b"\x08\0" + tunnel,
                event + mark, dst + src + b"\x88\xb5" + event,
                dst + src + b"\x81\0" + struct.pack(">H", rnd.randrange(4096)) + b"\x08\0" + good,
                dst + src + bytes(rnd.randrange(256) for _ in range(30)) + mark,
                (dst + src + b"\x08\0" + good)[:rnd.randrange(15, 60)])))
        return frames

    def send(self, sock, frames):
        for i, frame in enumerate(frames):
            try:
                sock.send(frame)
                self.sent += 1
            except OSError as why:
                if why.errno not in (90, 22):    # longer than the device takes, or too short
                    raise
            if i % 16 == 15:
                self.listen()
        self.listen(0.5)

    def strangers(self):
        """Frames that somebody got who is not whose they are."""
        return [(number, end, whose) for number, ends in self.heard.items()
                for end, whose in ends if not end.endswith("-" + whose)]


def books():
    """What came in, and what became of it."""
    total = {"in": 0, "fast": 0, "slow": 0, "drops": 0}
    for entry in json.loads(sh("chamctl", "-j", "stat", "show")):
        total["fast"] += entry["fast-packets"]
        total["slow"] += entry["slow-packets"]
        total["drops"] += entry["drops"]
    total["in"] = json.loads(sh("chamctl", "-j", "uplink", "show"))[0]["rx-packets"]
    for port in json.loads(sh("chamctl", "-j", "port", "show")):
        total["in"] += port["rx-packets"]
    return total


def settled():
    """The books when nothing moves any more."""
    now, then = books(), None
    for _ in range(20):
        then, now = now, books()
        if then == now:
            break
        time.sleep(0.1)
    return now


def balance(before, what, fast=1):
    after = settled()
    moved = {k: after[k] - before[k] for k in after}
    report(moved["in"] == moved["fast"] + moved["slow"] + moved["drops"] and moved["fast"] >= fast,
           f"{what}: {moved['in']} came in, {moved['fast']} fast + {moved['slow']} slow + "
           f"{moved['drops']} dropped")


def pin(t):
    """Linux and the datapath know where red and blue are, whatever frames say."""
    macs = {e: ":".join(f"{b:02x}" for b in mac_of("eth0", f"{e}-{t}")) for e in "tb"}
    sh("bridge", "fdb", "replace", macs["t"], "dev", t + "0", "master", "static", "sticky")
    sh("bridge", "fdb", "replace", macs["b"], "dev", "vx-" + t, "master", "static", "sticky")
    sh("bridge", "fdb", "replace", macs["b"], "dev", "vx-" + t, "dst", "192.0.2.2", "self", "static")


def detached(bed, frames):
    """What Linux alone makes of the same frames."""
    sh("chamctl", "datapath", "detach")
    was, bed.heard = bed.heard, {}
    bed.send(bed.out, frames)
    linux, bed.heard = bed.heard, was
    return linux


def metadata(bed, obj):
    """Another program in front of the wire puts an event before the frame."""
    sh("ip", "-n", "hostb", "link", "add", "x0", "type", "veth", "peer", "name", "x1")
    for dev in ("x0", "x1"):
        sh("ip", "-n", "hostb", "link", "set", dev, "up")
    sh("ip", "-n", "hostb", "link", "set", "x0", "xdpdrv", "obj", obj, "sec", "xdp.frags")
    sock = packet_socket("hostb", "x1", 0)
    time.sleep(0.3)
    before, bed.sent = settled(), 0
    good = [bed.up + bed.wire + b"\x08\0" + ip4("192.0.2.2", "192.0.2.1", 17, udp(
        50000, 4789, struct.pack(">II", 0x08000000, VNI[t] << 8) + bed.guest["red"] + bed.far["red"] +
        b"\x08\0" + ip4("10.0.0.2", "10.0.0.1", 17, udp(9, 2, bed.mark(t)))))
        for t in ("red", "nobody") * 10]
    first = bed.number - len(good) + 1
    bed.send(sock, good)
    got = [n for n in range(first, bed.number + 1) if n in bed.heard]
    report(got == list(range(first, bed.number + 1, 2)),
           f"a forged event before the frame: {len(got)} of red's 10 arrive, none of nobody's")
    balance(before, "a forged event before the frame")


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    bed = Bed(seed)
    for t in ("red", "blue"):
        pin(t)
    time.sleep(1.5)
    # a conversation of red's, so that there is something to be taken for
    bed.send(bed.mouth["red"], [bed.far["red"] + bed.guest["red"] + b"\x08\0" + ip4(
        "10.0.0.1", "10.0.0.2", 17, udp(9, 9, bed.mark("red"))) for _ in range(3)])

    before = settled()
    bed.send(bed.out, bed.forged_ingress())
    report(not bed.strangers(), "what has the number of a representor as its source is nobody's")
    balance(before, "and is accounted for", 0)

    frames = [f for _, f in bed.from_wire(count)]
    before, bed.sent = settled(), 0
    bed.send(bed.out, frames)
    balance(before, f"{bed.sent} frames from the wire")
    report(not bed.strangers(), "none came to another tenant" + told(bed.strangers()))
    fast = {n: dict(e) for n, e in bed.heard.items()}

    before, bed.sent = settled(), 0
    bed.send(bed.mouth["red"], bed.from_guest(count // 2))
    balance(before, f"{bed.sent} frames from red's guest")
    report(not bed.strangers(), "none came to another tenant" + told(bed.strangers()))

    metadata(bed, sys.argv[3])
    report(not bed.strangers(), "none of all that came to another tenant" + told(bed.strangers()))

    linux = detached(bed, frames)
    numbers = {int(n) for f in frames for _, n in MARK.findall(f)}
    # what guests got; their answers are limited in rate
    for heard in (fast, linux):
        for n, ends in list(heard.items()):
            heard[n] = {key: data for key, data in ends.items() if key[0].startswith("t-")}
    more = [(n, key) for n in sorted(numbers) for key in fast.get(n, {}) if key not in linux.get(n, {})]
    less = [(n, key) for n in sorted(numbers) for key in linux.get(n, {}) if key not in fast.get(n, {})]
    other = [n for n in sorted(numbers) for key, data in fast.get(n, {}).items()
             if linux.get(n, {}).get(key, data) != data]
    print(f"# {len(numbers)} payloads: {sum(bool(fast.get(n)) for n in numbers)} came to a guest with "
          f"the datapath, {sum(bool(linux.get(n)) for n in numbers)} by Linux", flush=True)
    report(not more, "what Linux drops the fast path does not deliver" + told(more))
    report(not less, "what Linux delivers the fast path does" + told(less))
    report(not other, "and delivers the same bytes" + told(other))
    if other:
        n = other[0]
        for key, data in fast[n].items():
            print("#", key, data.hex()[:200], len(data), "Linux:", linux[n][key].hex()[:200],
                  len(linux[n][key]))


def told(what):
    return f" ({len(what)}, as {what[:3]})" if what else ""


if __name__ == "__main__":
    main()
