#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A process as a whole virtio driver, the well-behaved and the hostile one.

usage: port_vhost.py /dev/vhost-vdpa-N REPRESENTOR [SEED|break]

Every assertion is a line "ok NAME" or "not ok NAME"; exit status 1 when one failed.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

NUM = 64
NEXT, WRITE, INDIRECT = 1, 2, 4
F_CSUM, F_GUEST_CSUM, F_HOST_TSO4, F_MRG = 1 << 0, 1 << 1, 1 << 11, 1 << 15
F_INDIRECT, F_EVENT_IDX = 1 << 28, 1 << 29
F_BASE = 1 << 32 | 1 << 33
F_MQ, F_PACKED = 1 << 22, 1 << 34
CHAMCTL = os.path.join(os.environ.get("O") or "build", "cli/chamctl")
NEEDS_RESET = 0x40
NO_MAP = 0x7000000000
# seconds for what comes at once; a kernel that checks itself has more
PATIENCE = 2.0 * float(os.environ.get("TIMESCALE") or 1)

# why a port is broken
JUMP = "available index moved by more than the ring size"
HEAD = "chain head is outside the descriptor table"
OUTSIDE = "next descriptor is outside its table"
LOOP = "descriptor chain is longer than the ring"
ZERO = "descriptor of length zero"
WRAP = "descriptor wraps around the address space"
DIRECTION = "descriptor is for the other direction"
NO_INDIRECT = "indirect descriptor without the feature"
NESTED = "indirect table inside an indirect table"
TABLE = "indirect table has an impossible length"
TABLE_NEXT = "indirect descriptor is chained on"
UNMAPPED = "descriptor points to memory that is not mapped"
SHORT = "chain is shorter than the virtio header"
NO_ACK = "control command has no room for its answer"
NOT_AVAIL = "chain runs into a descriptor that is not available"
OVERRUN = "more descriptors are available than the ring has"
IMPOSSIBLE = "ring has an impossible size or address"

failed = []


def report(good, name):
    print(("ok " if good else "not ok ") + name, flush=True)
    if not good:
        failed.append(name)


def ioc(direction, nr, size):
    return direction << 30 | size << 16 | 0xAF << 8 | nr


def frame(n, tag):
    """A broadcast frame of our own ethertype, N bytes after the header."""
    body = bytes((tag + i) & 255 for i in range(n))
    return b"\xff" * 6 + b"\x52\x54\x00\x00\x00\x77" + b"\x88\xb5" + body


class Device:
    """Guest memory: one page a ring area, discontiguous on purpose, then buffers."""

    size = 4 << 20
    queues = 2

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        self.mapped = False
        self.mem = mmap.mmap(-1, self.size)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.mem))
        for off in range(0, self.size, 4096):
            self.mem[off] = 0
        fcntl.ioctl(self.fd, ioc(0, 1, 0))
        fcntl.ioctl(self.fd, ioc(1, 0x25, 8), struct.pack("Q", 1 << 1 | 1 << 2 | 1 << 3))
        self.calls = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(self.queues)]
        self.kicks = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(self.queues)]

    def close(self):
        os.close(self.fd)

    def status(self, value=None):
        if value is None:
            return fcntl.ioctl(self.fd, ioc(2, 0x71, 1), b"\0")[0]
        return fcntl.ioctl(self.fd, ioc(1, 0x72, 1), bytes([value]))

    def tlb(self, kind, iova=0, size=0, uaddr=0, perm=3, asid=0):
        body = struct.pack("=QQQBB", iova, size, uaddr, perm, kind)
        os.write(self.fd, struct.pack("=II", 2, asid) + body.ljust(64, b"\0"))

    def map(self):
        """IOVA = offset in our memory + 1 MB, mapped page by page backwards."""
        if self.mapped:
            return
        self.mapped = True
        self.tlb(5)
        for off in range(0, 1 << 20, 4096):
            self.tlb(2, 0x100000 + off, 4096, self.base + (1 << 20) - 4096 - off)
        self.tlb(2, 0x200000, self.size - (1 << 20), self.base + (1 << 20))
        self.tlb(6)

    def unmap(self):
        self.tlb(3, 0, 1 << 40)
        self.mapped = False

    def at(self, iova):
        off = iova - 0x100000
        if off < 1 << 20:
            off = (1 << 20) - 4096 - (off & ~4095) + (off & 4095)
        return off

    def put(self, iova, data):
        for i in range(0, len(data)):
            self.mem[self.at(iova + i)] = data[i]

    def get(self, iova, n):
        return bytes(self.mem[self.at(iova + i)] for i in range(n))

    # ring Q: descriptors, available and used area each on a page boundary of
    # their own that splits them; a third of each lies before it
    def desc(self, q):
        return 0x100000 + q * 0x10000 + 0x1000 - 336

    def avail(self, q):
        return 0x100000 + q * 0x10000 + 0x4000 - 40

    def used(self, q):
        return 0x100000 + q * 0x10000 + 0x8000 - 164

    def start(self, features=F_BASE | F_MRG | F_INDIRECT, num=NUM, move=None,
              late_map=False, base=0):
        self.status(0)
        self.mem[0:1 << 20] = bytes(1 << 20)
        if not late_map:
            self.map()
        self.features = features
        self.status(1)
        self.status(3)
        fcntl.ioctl(self.fd, ioc(1, 0, 8), struct.pack("Q", features))
        self.status(11)
        self.head = [base] * self.queues
        self.seen = [base] * self.queues
        for q in range(self.queues):
            fcntl.ioctl(self.fd, ioc(1, 0x10, 8), struct.pack("II", q, num))
            fcntl.ioctl(self.fd, ioc(1, 0x12, 8), struct.pack("II", q, base))
            self.put(self.used(q) + 2, struct.pack("H", base))
            self.put(self.avail(q) + 2, struct.pack("H", base))
            areas = {"desc": self.desc(q), "used": self.used(q), "avail": self.avail(q)}
            areas.update(move or {})
            fcntl.ioctl(self.fd, ioc(1, 0x11, 40), struct.pack(
                "IIQQQQ", q, 0, areas["desc"], areas["used"], areas["avail"], 0))
            fcntl.ioctl(self.fd, ioc(1, 0x20, 8), struct.pack("Ii", q, self.kicks[q]))
            fcntl.ioctl(self.fd, ioc(1, 0x21, 8), struct.pack("Ii", q, self.calls[q]))
            fcntl.ioctl(self.fd, ioc(1, 0x75, 8), struct.pack("II", q, 1))
        self.status(15)
        if late_map:
            self.map()

    def set_desc(self, q, i, addr, length, flags=0, nxt=0, table=None):
        self.put((table or self.desc(q)) + 16 * i,
                 struct.pack("<QIHH", addr & (1 << 64) - 1, length, flags, nxt))

    def offer(self, q, head, kick=True, jump=1):
        self.put(self.avail(q) + 4 + 2 * (self.head[q] % NUM), struct.pack("<H", head))
        self.head[q] = (self.head[q] + jump) & 0xffff
        self.put(self.avail(q) + 2, struct.pack("<H", self.head[q]))
        if kick:
            os.write(self.kicks[q], struct.pack("Q", 1))

    def done(self, q, timeout=PATIENCE):
        """The next used element, or None."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            idx = struct.unpack("<H", self.get(self.used(q) + 2, 2))[0]
            if idx != self.seen[q]:
                e = self.get(self.used(q) + 4 + 8 * (self.seen[q] % NUM), 8)
                self.seen[q] = (self.seen[q] + 1) & 0xffff
                return struct.unpack("<II", e)
            time.sleep(0.002)
        return None

    def broken(self, timeout=10 * PATIENCE):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.status() & NEEDS_RESET:
                return True
            time.sleep(0.002)
        return False


class Wire:
    """The representor, from the host. Of all protocols: a socket of one is behind
    the bridge that the representor may be a member of, and hears nothing.
    """

    def __init__(self, dev):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((dev, 3))
        self.dev = dev
        self.operstate = f"/sys/class/net/{dev}/operstate"

    def awake(self, timeout=5 * PATIENCE):
        """A reset takes the carrier, and Linux' queue sleeps until it has seen it come
        back: what is sent before is lost."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with open(self.operstate, encoding="ascii") as f:
                if f.read() == "up\n":
                    break
            time.sleep(0.02)
        time.sleep(0.02)

    def send(self, data):
        self.sock.send(data)

    def recv(self, timeout=PATIENCE):
        """The next frame of our own ethertype that came out of the guest."""
        end = time.monotonic() + timeout
        while select.select([self.sock], [], [], max(end - time.monotonic(), 0))[0]:
            data, where = self.sock.recvfrom(1 << 17)
            if data[12:14] == b"\x88\xb5" and where[2] != socket.PACKET_OUTGOING:
                return data
        return None

    def drain(self):
        while self.recv(0):
            pass


BUF = 0x280000


def send_one(dev, wire, n, tag=1, cut=None):
    """One frame out of the guest in pieces of CUT bytes."""
    data = bytes(12) + frame(n, tag)
    dev.put(BUF, data)
    cut = cut or len(data)
    pieces = [(BUF + i, min(cut, len(data) - i)) for i in range(0, len(data), cut)]
    for i, (addr, length) in enumerate(pieces):
        dev.set_desc(1, i, addr, length, NEXT if i + 1 < len(pieces) else 0, i + 1)
    dev.offer(1, 0)
    return dev.done(1) == (0, 0) and wire.recv() == data[12:]


def recv_one(dev, wire, n, tag, size, cut=None, merge=False):
    """One frame into the guest, in buffers of SIZE bytes cut into CUT."""
    data = frame(n, tag)
    count = -(-(len(data) + 12) // size) if merge else 1
    cut = cut or size
    d = 0
    heads = []
    for b in range(count):
        heads.append(d)
        for i in range(0, size, cut):
            last = i + cut >= size
            dev.set_desc(0, d, BUF + b * size + i, min(cut, size - i),
                         WRITE | (0 if last else NEXT), d + 1)
            d += 1
        dev.offer(0, heads[-1], kick=False)
    wire.send(data)
    got = b""
    for b in range(count):
        e = dev.done(0)
        if e is None or e[0] != heads[b]:
            return False
        got += dev.get(BUF + b * size, e[1])
    buffers = struct.unpack("<H", got[10:12])[0]
    return buffers == count and got[12:].ljust(60, b"\0") == data.ljust(60, b"\0")


def works(dev, wire):
    wire.awake()
    wire.drain()
    return send_one(dev, wire, 100) and recv_one(dev, wire, 100, 9, 2048)


def reason(rep):
    """Why the port is broken, as an operator is told."""
    out = subprocess.run([CHAMCTL, "-j", "port", "show", rep], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)[0].get("broken-reason")


def breaks(dev, wire, name, why, timeout=2.5 * PATIENCE):
    """The port breaks, and for that reason. It is told again: the representor's queue may
    still sleep from the reset before, and loses what is sent then."""
    end = time.monotonic() + timeout
    while not dev.broken(0.2) and time.monotonic() < end:
        wire.send(frame(60, 1))
    got = reason(wire.dev)
    report(got in why.split("|"), f"{name} breaks the port: {why}" +
           (f", not {got}" if got not in why.split("|") else ""))


def refuses(dev, features):
    """What was not offered: the driver is told, and does not get FEATURES_OK."""
    dev.status(0)
    dev.status(3)
    try:
        fcntl.ioctl(dev.fd, ioc(1, 0, 8), struct.pack("Q", features))
    except OSError as why:
        dev.status(11)
        return why.errno == errno.EINVAL and dev.status() == 3
    return False


def storm(dev):
    """Kicks without a descriptor, as fast as they go."""
    dev.start()
    for i in range(3000):
        os.write(dev.kicks[i & 1], struct.pack("Q", 1))
    return not dev.status() & NEEDS_RESET


def well_behaved(dev, wire):
    for name, features in (("", 0), ("event index, ", F_EVENT_IDX)):
        dev.start(F_BASE | F_MRG | F_INDIRECT | features)
        wire.awake()
        report(send_one(dev, wire, 46), name + "smallest frame out")
        report(send_one(dev, wire, 1400, 3), name + "frame out")
        report(send_one(dev, wire, 200, 5, cut=5), name + "frame out in pieces of 5 bytes")
        report(recv_one(dev, wire, 46, 1, 2048), name + "smallest frame in")
        report(recv_one(dev, wire, 1400, 2, 2048), name + "frame in")
        report(recv_one(dev, wire, 200, 4, 240, cut=7), name + "frame in, header cut")
        report(recv_one(dev, wire, 1400, 6, 100, merge=True), name + "frame in, merged")
        report(recv_one(dev, wire, 50, 6, 9, merge=True), name + "buffers below a header")
        wire.drain()
        report(all(send_one(dev, wire, 60 + i, i) and recv_one(dev, wire, 60 + i, i, 512)
                   for i in range(3 * NUM)), name + "around the ring three times")
    for c in dev.calls:
        report(select.select([c], [], [], 0)[0] != [], "the driver was interrupted")
        os.read(c, 8)

    dev.start(base=0xfff0)
    wire.awake()
    report(all(send_one(dev, wire, 60, i) and recv_one(dev, wire, 60, i, 512)
               for i in range(40)), "indices wrap at 65536")
    base = struct.unpack("II", fcntl.ioctl(dev.fd, ioc(3, 0x12, 8), struct.pack("II", 1, 0)))
    report(base[1] == (0xfff0 + 40) & 0xffff, "the ring's state is told")

    # a table in two halves on two pages
    dev.start()
    table = 0x300000 - 16
    data = bytes(12) + frame(100, 8)
    dev.put(BUF, data)
    dev.set_desc(1, 0, BUF, 12, NEXT, 1, table=table)
    dev.set_desc(1, 1, BUF + 12, len(data) - 12, 0, 0, table=table)
    dev.set_desc(1, 0, table, 32, INDIRECT)
    dev.offer(1, 0)
    report(dev.done(1) == (0, 0) and wire.recv() == data[12:], "indirect table")

    dev.unmap()
    dev.start(late_map=True)
    report(works(dev, wire), "rings enabled before memory is mapped")

    fcntl.ioctl(dev.fd, ioc(0, 0x7d, 0))
    dev.put(BUF, bytes(12) + frame(60, 1))
    dev.set_desc(1, 0, BUF, 86)
    dev.offer(1, 0)
    report(dev.done(1, 0.2) is None, "a suspended device does nothing")
    fcntl.ioctl(dev.fd, ioc(0, 0x7e, 0))
    report(dev.done(1) == (0, 0), "a resumed one goes on")
    wire.drain()

    dev.unmap()
    wire.send(frame(60, 1))
    report(not dev.status() & NEEDS_RESET, "unmapped memory stops the rings, that is all")
    dev.map()
    report(works(dev, wire), "and mapping it starts them")

    for name, bit in (("queue pairs", F_MQ), ("packed rings", F_PACKED),
                      ("what nobody knows", 1 << 50)):
        report(refuses(dev, F_BASE | bit), name + " that were not offered are refused")

    dev.start(F_BASE)
    wire.awake()
    report(recv_one(dev, wire, 200, 1, 512), "without mergeable buffers")
    dev.set_desc(0, 0, BUF, 100, WRITE)
    dev.offer(0, 0, kick=False)
    wire.send(frame(300, 1))
    report(dev.done(0, 0.2) is None, "too small a buffer takes nothing")
    wire.send(frame(60, 1))
    report(dev.done(0) == (0, 86), "and is still there for the next frame")

    # buffers of four bytes
    for pieces, fits in ((256, True), (257, False)):
        dev.start(F_BASE | F_MRG, num=512)
        wire.awake()
        for i in range(pieces):
            last = i + 1 == pieces
            dev.set_desc(0, i, BUF + 4 * i, 4, WRITE | (0 if last else NEXT), i + 1)
        dev.offer(0, 0, kick=False)
        data = frame(4 * pieces - 12 - 14, 1)
        wire.send(data)
        if fits:
            report(dev.done(0) == (0, 4 * pieces) and dev.get(BUF + 12, len(data)) == data,
                   "a packet fills 256 buffers")
            continue
        report(dev.done(0, 0.2) is None, "and no more")
        wire.send(frame(60, 1))
        report(dev.done(0) == (0, 86), "which breaks nothing")


def hostile(dev, wire):
    """Each breaks the port, by the driver's doing only, and a reset heals it."""
    def tx(addr=BUF, length=100, flags=0, nxt=0, head=0):
        dev.set_desc(1, 0, addr, length, flags, nxt)
        dev.offer(1, head)

    def rx(*args, **kw):
        dev.set_desc(0, 0, *args, **kw)
        dev.offer(0, 0, kick=False)
        wire.send(frame(60, 1))

    def loop():
        dev.set_desc(1, 1, BUF, 1, NEXT, 0)
        tx(flags=NEXT, nxt=1)

    def nested():
        dev.set_desc(1, 0, BUF, 16, INDIRECT, table=BUF + 64)
        tx(BUF + 64, 16, INDIRECT)

    def index(value):
        dev.head[1] = value
        dev.put(dev.avail(1) + 2, struct.pack("<H", value))
        os.write(dev.kicks[1], struct.pack("Q", 1))

    for name, why, act in (
            ("available index jumps", JUMP, lambda: index(NUM + 1)),
            ("available index goes back", JUMP, lambda: index(0xffff)),
            ("head outside", HEAD, lambda: tx(head=NUM)),
            ("head far outside", HEAD, lambda: tx(head=0xffff)),
            ("next outside", OUTSIDE, lambda: tx(flags=NEXT, nxt=NUM)),
            ("loop", LOOP, loop),
            ("zero length", ZERO, lambda: tx(length=0)),
            ("address wraps", WRAP, lambda: tx(addr=-1, length=100)),
            ("address is not mapped", UNMAPPED, lambda: tx(addr=NO_MAP)),
            ("kernel address", UNMAPPED, lambda: tx(addr=0xffff888000000000)),
            ("buffer runs off the mapping", UNMAPPED, lambda: tx(addr=0x100000 + dev.size - 50)),
            ("write buffer to send from", DIRECTION, lambda: tx(flags=WRITE)),
            ("shorter than a header", SHORT, lambda: tx(length=11)),
            ("nested indirect table", NESTED, nested),
            ("indirect table of 17 bytes", TABLE, lambda: tx(length=17, flags=INDIRECT)),
            ("indirect table of 1 GB", TABLE, lambda: tx(length=1 << 30, flags=INDIRECT)),
            ("indirect table not mapped", UNMAPPED, lambda: tx(NO_MAP, 16, INDIRECT)),
            ("receive buffer to read from", DIRECTION, lambda: rx(BUF, 2048)),
            ("receive buffer not mapped", UNMAPPED, lambda: rx(NO_MAP, 2048, WRITE)),
            ("receive buffer of length zero", ZERO, lambda: rx(BUF, 0, WRITE)),
            ("4 GB that wrap", WRAP, lambda: tx(addr=-0x1000, length=0xffffffff)),
            ("indirect table of 4 GB", TABLE, lambda: tx(length=0xfffffff0, flags=INDIRECT)),
            ("4 GB behind the mapping", UNMAPPED, lambda: tx(NO_MAP, 0xffffffff)),
            ("a receive buffer of 4 GB that is not mapped", UNMAPPED,
             lambda: rx(NO_MAP, 0xffffffff, WRITE))):
        dev.start()
        act()
        breaks(dev, wire, name, why)
        wire.send(frame(60, 1))
    # vhost-vdpa itself refuses other sizes and a misaligned used ring
    dev.start(move={"desc": 0x200008})
    breaks(dev, wire, "a misaligned table of descriptors", IMPOSSIBLE)
    dev.start()
    report(works(dev, wire), "a reset heals")

    # GSO and checksum requests that make no sense drop the frame, not the port
    dev.start(F_BASE | F_MRG | F_CSUM | F_HOST_TSO4)
    for name, hdr in (("checksum beyond the frame", struct.pack("<BBHHHHH", 1, 0, 0, 0, 90, 60, 0)),
                      ("checksum in the Ethernet header", struct.pack("<BBHHHHH", 1, 0, 0, 0, 2, 2, 0)),
                      ("GSO without checksum", struct.pack("<BBHHHHH", 0, 1, 0, 1400, 34, 16, 0)),
                      ("GSO of size zero", struct.pack("<BBHHHHH", 1, 1, 0, 0, 34, 16, 0)),
                      ("unknown GSO type", struct.pack("<BBHHHHH", 1, 0x55, 0, 9, 34, 16, 0)),
                      ("UDP GSO that was not negotiated", struct.pack("<BBHHHHH", 1, 5, 0, 9, 34, 6, 0)),
                      ("GSO of what is not IPv4", struct.pack("<BBHHHHH", 1, 1, 0, 9, 34, 16, 0))):
        wire.drain()
        dev.put(BUF, hdr + frame(60, 1))
        dev.set_desc(1, 0, BUF, 86)
        dev.offer(1, 0)
        report(dev.done(1) == (0, 0) and wire.recv(0.05) is None and
               not dev.status() & NEEDS_RESET, name + " is dropped")
    dev.put(BUF, bytes(12) + b"\xff" * 13)
    dev.set_desc(1, 0, BUF, 25)
    dev.offer(1, 0)
    report(dev.done(1) == (0, 0) and not dev.status() & NEEDS_RESET, "a runt is dropped")
    dev.set_desc(1, 0, BUF, 200000)
    dev.offer(1, 0)
    report(dev.done(1) == (0, 0) and not dev.status() & NEEDS_RESET, "a giant is dropped")
    # in one piece, and in two whose sum is small again
    for pieces in (1, 2):
        dev.set_desc(1, 0, BUF, 0xffffffff, NEXT if pieces == 2 else 0, 1)
        dev.set_desc(1, 1, BUF, 101)
        dev.offer(1, 0)
        report(dev.done(1) == (0, 0) and wire.recv(0.05) is None and
               not dev.status() & NEEDS_RESET, f"4 GB in {pieces} is dropped")
    report(works(dev, wire), "and the port works on")
    wire.drain()
    dev.set_desc(0, 0, BUF, 0xffffffff, WRITE)
    dev.offer(0, 0, kick=False)
    wire.send(frame(300, 1))
    report(dev.done(0) == (0, 326) and dev.get(BUF + 12, 314) == frame(300, 1),
           "of a receive buffer of 4 GB what is needed is taken")
    report(storm(dev) and works(dev, wire), "3,000 kicks for nothing: the port works on")


def fuzz(dev, wire, seed, rounds=150):
    rnd = random.Random(seed)
    survived = 0
    for _ in range(rounds):
        dev.start(F_BASE | F_MRG | F_INDIRECT | rnd.choice((0, F_EVENT_IDX)))
        for q in range(2):
            for i in range(NUM):
                flags = (WRITE if q == 0 else 0) | rnd.choice((0, 0, NEXT))
                if not rnd.randrange(20):
                    flags = rnd.randrange(8)
                addr = BUF + rnd.randrange(1 << 20)
                if not rnd.randrange(40):
                    addr = rnd.randrange(1 << 64)
                dev.set_desc(q, i, addr, rnd.choice((1, 12, 13, 60, 1500, 4096, 65536, 16 * rnd.randrange(9)))
                             if rnd.randrange(3) else 16 * rnd.randrange(1, 9),
                             flags, rnd.randrange(NUM + (not rnd.randrange(9))))
            for _ in range(rnd.randrange(40)):
                dev.offer(q, rnd.randrange(NUM), kick=False)
            os.write(dev.kicks[q], struct.pack("Q", 1))
        for _ in range(5):
            wire.send(frame(rnd.randrange(46, 1400), 1))
        dev.offer(1, rnd.randrange(NUM), jump=rnd.choice((1, 1, 1, 500)))
        if not rnd.randrange(10):
            dev.unmap()
        survived += not dev.status() & NEEDS_RESET
        wire.drain()
    dev.start()
    report(works(dev, wire), f"{rounds} random rings, {survived} not broken, then it works")


def main():
    path, rep = sys.argv[1:3]
    wire = Wire(rep)
    dev = Device(path)
    if sys.argv[3:] == ["break"]:
        dev.start()
        dev.set_desc(1, 0, BUF, 100)
        dev.offer(1, NUM)
        report(dev.broken(), "the port is broken")
        return len(failed)
    well_behaved(dev, wire)
    hostile(dev, wire)
    fuzz(dev, wire, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    # close with the device running and traffic on the way
    dev.start()
    for i in range(40):
        dev.set_desc(0, i, BUF + 2048 * i, 2048, WRITE)
        dev.offer(0, i, kick=False)
    for _ in range(20):
        wire.send(frame(60, 1))
    dev.close()
    for _ in range(20):
        wire.send(frame(60, 1))
    dev = Device(path)
    dev.start()
    report(works(dev, wire), "opened again after a close in full run")
    dev.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
