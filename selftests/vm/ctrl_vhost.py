#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The control queue as a process drives it, by the book and against it.

usage: ctrl_vhost.py /dev/vhost-vdpa-N REPRESENTOR [SEED]

The port has four queue pairs. Assertions as in port_vhost.py.
"""

import ctypes
import fcntl
import mmap
import os
import random
import struct
import sys
import tempfile

import port_vhost as base
from port_vhost import (BUF, F_BASE, F_EVENT_IDX, F_INDIRECT, F_MRG, INDIRECT, NEEDS_RESET,
                        NEXT, NO_MAP, NUM, WRITE, Wire, frame, ioc, report)

PAIRS = 4
F_MAC, F_STATUS = 1 << 5, 1 << 16
F_CTRL_VQ, F_CTRL_RX, F_CTRL_VLAN, F_CTRL_RX_EXTRA = 1 << 17, 1 << 18, 1 << 19, 1 << 20
F_ANNOUNCE, F_MQ, F_CTRL_MAC = 1 << 21, 1 << 22, 1 << 23
F_OFFLOADS, F_CSUM, F_TSO4, F_TSO6, F_ECN = 1 << 2, 1 << 1, 1 << 7, 1 << 8, 1 << 9
F_CTRL = (F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_ANNOUNCE | F_MQ | F_CTRL_MAC |
          F_OFFLOADS)
F_ALL = F_BASE | F_MRG | F_INDIRECT | F_STATUS | F_CTRL | F_CSUM | F_TSO4
RX, MAC, VLAN, ANNOUNCE, MQ, OFFLOADS = range(6)
PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST = range(6)
TABLE_SET, ADDR_SET = range(2)
OWN = b"\x52\x54\x00\x00\x00\x11"
OTHER = b"\x52\x54\x00\x00\x00\x22"
GROUP = b"\x01\x00\x5e\x01\x02\x03"
CMD, ACK = 0x300000, 0x310000
LINK, ANNOUNCING = 1, 2


class Device(base.Device):
    queues = 2 * PAIRS + 1
    ctrl = 2 * PAIRS

    def start(self, features=F_ALL, **kw):
        super().start(features, **kw)

    def chain(self, pieces, head=0, flags=()):
        """Descriptors from HEAD on: (address, length, WRITE or 0)."""
        for i, (addr, length, write) in enumerate(pieces):
            more = i + 1 < len(pieces)
            self.set_desc(self.ctrl, head + i, addr, length,
                          write | (NEXT if more else 0), head + i + 1 if more else 0)

    def answer(self, timeout=base.PATIENCE):
        e = self.done(self.ctrl, timeout)
        if e is None:
            return None
        return self.get(ACK, 1)[0] if e == (e[0], 1) else e

    def command(self, kind, cmd, data=b"", cut=None, indirect=False, raw=None):
        """0, 1, or None: no answer."""
        body = raw if raw is not None else bytes([kind, cmd]) + data
        self.put(CMD, body)
        self.put(ACK, b"\x77")
        cut = cut or max(len(body), 1)
        pieces = [(CMD + i, min(cut, len(body) - i), 0) for i in range(0, len(body), cut)]
        pieces.append((ACK, 1, WRITE))
        if indirect:
            table = 0x320000 - 16
            for i, (addr, length, write) in enumerate(pieces):
                self.set_desc(0, i, addr, length,
                              write | (NEXT if i + 1 < len(pieces) else 0), i + 1, table=table)
            self.set_desc(self.ctrl, 0, table, 16 * len(pieces), INDIRECT)
        else:
            self.chain(pieces)
        self.offer(self.ctrl, 0)
        return self.answer()

    def config(self, offset, size):
        buf = bytearray(struct.pack("II", offset, size) + bytes(size))
        fcntl.ioctl(self.fd, ioc(2, 0x73, 8), buf)
        return bytes(buf[8:])

    def net_status(self):
        return self.config(6, 2)[0]

    def group(self, q):
        return struct.unpack("II", fcntl.ioctl(self.fd, ioc(3, 0x7b, 8),
                                               struct.pack("II", q, 0)))[1]

    def set_asid(self, group, asid):
        fcntl.ioctl(self.fd, ioc(1, 0x7c, 8), struct.pack("II", group, asid))

    def map_space(self, asid, ranges):
        self.tlb(5, asid=asid)
        for start, size in ranges:
            for iova in range(start, start + size, 4096):
                self.tlb(2, iova, 4096, self.base + self.at(iova), asid=asid)
        self.tlb(6, asid=asid)

    def unmap_space(self, asid):
        self.tlb(3, 0, 1 << 40, asid=asid)

    def vq_base(self, q):
        return struct.unpack("II", fcntl.ioctl(self.fd, ioc(3, 0x12, 8),
                                               struct.pack("II", q, 0)))[1]

    def post(self, pairs=1):
        """A buffer in the receive ring of each pair."""
        for p in range(pairs):
            for i in range(NUM):
                self.set_desc(2 * p, i, BUF + (p * NUM + i) * 2048, 2048, WRITE)
            for i in range(16):
                self.offer(2 * p, self.head[2 * p] % NUM, kick=False)


def to(mac, vlan=None):
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return mac + b"\x52\x54\x00\x00\x00\x77" + tag + b"\x88\xb5" + bytes(46)


def commands(dev):
    def macs(*counts, short=0, extra=b""):
        body = b"".join(struct.pack("<I", n) + (GROUP if i else OTHER) * n
                        for i, n in enumerate(counts))
        return body[:len(body) - short] + extra

    table = (
        ("promiscuous on", RX, PROMISC, b"\1", 0), ("promiscuous off", RX, PROMISC, b"\0", 0),
        ("promiscuous 2", RX, PROMISC, b"\2", 1), ("promiscuous without a value", RX, PROMISC, b"", 1),
        ("promiscuous with two", RX, PROMISC, b"\1\1", 1),
        ("all multicast", RX, ALLMULTI, b"\1", 0), ("all unicast", RX, ALLUNI, b"\1", 0),
        ("no multicast", RX, NOMULTI, b"\1", 0), ("no unicast", RX, NOUNI, b"\1", 0),
        ("no broadcast", RX, NOBCAST, b"\1", 0), ("unknown receive mode", RX, 6, b"\1", 1),
        ("receive mode 255", RX, 255, b"\1", 1),
        ("address", MAC, ADDR_SET, OWN, 0), ("multicast address", MAC, ADDR_SET, GROUP, 1),
        ("address zero", MAC, ADDR_SET, bytes(6), 1), ("5 bytes of address", MAC, ADDR_SET, OWN[:5], 1),
        ("7 bytes of address", MAC, ADDR_SET, OWN + b"\0", 1), ("unknown address command", MAC, 2, OWN, 1),
        ("empty table", MAC, TABLE_SET, macs(0, 0), 0), ("table", MAC, TABLE_SET, macs(2, 1), 0),
        ("full table", MAC, TABLE_SET, macs(64, 64), 0), ("larger table", MAC, TABLE_SET, macs(65, 300), 0),
        ("table cut off", MAC, TABLE_SET, macs(2, 3, short=1), 1),
        ("half a table", MAC, TABLE_SET, macs(2), 1), ("no table", MAC, TABLE_SET, b"", 1),
        ("table with more behind", MAC, TABLE_SET, macs(1, 1, extra=b"\0"), 1),
        ("table of 4 G addresses", MAC, TABLE_SET, struct.pack("<I", 0xffffffff) + OTHER * 3, 1),
        ("VLAN", VLAN, 0, struct.pack("<H", 7), 0), ("VLAN 4095", VLAN, 0, struct.pack("<H", 4095), 0),
        ("VLAN 4096", VLAN, 0, struct.pack("<H", 4096), 1), ("VLAN 65535", VLAN, 1, b"\xff\xff", 1),
        ("VLAN gone", VLAN, 1, struct.pack("<H", 7), 0), ("half a VLAN", VLAN, 0, b"\7", 1),
        ("unknown VLAN command", VLAN, 2, struct.pack("<H", 7), 1),
        ("announced", ANNOUNCE, 0, b"", 0), ("announced what", ANNOUNCE, 0, b"\0", 1),
        ("unknown announcement", ANNOUNCE, 1, b"", 1),
        ("one pair", MQ, 0, struct.pack("<H", 1), 0), ("four pairs", MQ, 0, struct.pack("<H", 4), 0),
        ("no pair", MQ, 0, struct.pack("<H", 0), 1), ("five pairs", MQ, 0, struct.pack("<H", 5), 1),
        ("65535 pairs", MQ, 0, b"\xff\xff", 1), ("RSS", MQ, 1, bytes(40), 1),
        ("no offload", OFFLOADS, 0, struct.pack("<Q", 0), 0),
        ("all offloads", OFFLOADS, 0, struct.pack("<Q", F_CSUM | F_TSO4), 0),
        ("an offload that was not negotiated", OFFLOADS, 0, struct.pack("<Q", F_CSUM | F_TSO6), 1),
        ("segments without checksums", OFFLOADS, 0, struct.pack("<Q", F_TSO4), 1),
        ("what is no offload", OFFLOADS, 0, struct.pack("<Q", F_CSUM | F_MRG), 1),
        ("every offload there could be", OFFLOADS, 0, b"\xff" * 8, 1),
        ("7 bytes of offloads", OFFLOADS, 0, bytes(7), 1),
        ("9 bytes of offloads", OFFLOADS, 0, bytes(9), 1),
        ("unknown offload command", OFFLOADS, 1, bytes(8), 1),
        ("unknown class", 9, 0, b"\1", 1), ("class 255", 255, 255, bytes(100), 1))
    for how, features, kw in (("", F_ALL, {}), ("in bytes: ", F_ALL, {"cut": 1}),
                              ("indirect: ", F_ALL | F_EVENT_IDX, {"indirect": True})):
        dev.start(features)
        for name, kind, cmd, data, want in table:
            if "cut" in kw and len(data) + 3 > NUM:
                continue
            got = dev.command(kind, cmd, data, **kw)
            report(got == want, f"{how}{name} is {'refused' if want else 'obeyed'}"
                   + ("" if got == want else f" ({got})"))
        report(not dev.status() & NEEDS_RESET, how + "the port is well")
    report(dev.config(0, 6) == OWN, "the address is in the configuration")
    report(dev.command(0, 0, raw=b"\0") == 1, "half a header is refused")
    report(dev.command(0, 0, raw=b"") == 1, "no header is refused")
    dev.start()
    report(dev.config(0, 6) != OWN, "a reset takes the address back")
    for i in range(NUM // 2):
        dev.put(CMD + 8 * i, bytes([RX, PROMISC, 1]))
        dev.chain([(CMD + 8 * i, 3, 0), (ACK, 1, WRITE)], head=2 * i)
        dev.offer(dev.ctrl, 2 * i, kick=False)
    os.write(dev.kicks[dev.ctrl], struct.pack("Q", 1))
    report(all(dev.answer() == 0 for _ in range(NUM // 2)), "a ring full of commands at once")
    dev.start(base=0xfff0)
    report(all(dev.command(RX, PROMISC, bytes([i & 1])) == 0 for i in range(40)),
           "indices wrap at 65536")
    dev.start(F_BASE | F_CTRL_VQ | F_MQ)
    report(dev.command(RX, PROMISC, b"\1") == 1 and dev.command(VLAN, 0, b"\1\0") == 1 and
           dev.command(MAC, ADDR_SET, OWN) == 1 and dev.command(ANNOUNCE, 0) == 1 and
           dev.command(OFFLOADS, 0, bytes(8)) == 1 and
           dev.command(MQ, 0, b"\2\0") == 0, "only what was negotiated")
    for bad in (F_MQ, F_CTRL_RX, F_CTRL_VLAN, F_ANNOUNCE, F_CTRL_MAC, F_OFFLOADS):
        try:
            dev.start(F_BASE | bad)
            report(False, f"feature {bad:#x} without a control queue is refused")
        except OSError:
            report(True, f"feature {bad:#x} without a control queue is refused")
    dev.ctrl = 2
    dev.start(F_ALL & ~F_MQ)
    report(dev.command(RX, PROMISC, b"\1") == 0, "without more pairs it is queue 2")
    report(dev.command(MQ, 0, b"\2\0") == 1, "and there are none")
    report(dev.group(2) == 1 and dev.group(8) == 0, "its group says so")
    dev.ctrl = 2 * PAIRS


def filters(dev, wire):
    def gets(data):
        idx = dev.get(dev.used(0) + 2, 2)
        wire.send(data)
        got = dev.done(0, 0.15) is not None
        if not got:
            return dev.get(dev.used(0) + 2, 2) != idx
        dev.offer(0, dev.head[0] % NUM, kick=False)
        return True

    def seen(*sent):
        return "".join("x" if gets(f) else "." for f in sent)

    everything = (to(OWN), to(OTHER), to(GROUP), to(b"\xff" * 6), to(OWN, 7), to(OWN, 0))
    dev.start()
    dev.post()
    wire.awake()
    wire.drain()
    dev.command(MAC, ADDR_SET, OWN)
    for name, cmds, want in (
            ("until the driver speaks", (), "xxxxxx"),
            ("not promiscuous", ((RX, PROMISC, b"\0"),), "x..x.x"),
            ("all multicast", ((RX, ALLMULTI, b"\1"),), "x.xx.x"),
            ("no multicast", ((RX, NOMULTI, b"\1"),), "x..x.x"),
            ("no broadcast", ((RX, NOMULTI, b"\0"), (RX, ALLMULTI, b"\0"), (RX, NOBCAST, b"\1")), "x....x"),
            ("no unicast", ((RX, NOBCAST, b"\0"), (RX, NOUNI, b"\1")), "...x.."),
            ("all unicast", ((RX, NOUNI, b"\0"), (RX, ALLUNI, b"\1")), "xx.x.x"),
            ("a table", ((RX, ALLUNI, b"\0"), (MAC, TABLE_SET, b"\1\0\0\0" + OTHER + b"\1\0\0\0" + GROUP)),
             "xxxx.x"),
            ("a table that is too large", ((MAC, TABLE_SET, b"\x41\0\0\0" + GROUP * 65 + bytes(4)),), "xx.x.x"),
            ("an empty one", ((MAC, TABLE_SET, bytes(8)),), "x..x.x"),
            ("a VLAN", ((VLAN, 0, b"\7\0"),), "x..xxx"),
            ("it goes", ((VLAN, 1, b"\7\0"),), "x..x.x"),
            ("another address", ((MAC, ADDR_SET, OTHER),), ".x.x.."),
            ("promiscuous again", ((RX, PROMISC, b"\1"),), "xxxxxx")):
        report(all(dev.command(*c) == 0 for c in cmds), name + ": obeyed")
        got = seen(*everything)
        report(got == want, f"{name}: filter {want}" + ("" if got == want else f", not {got}"))


def pairs(dev, wire):
    def sends(pair):
        data = bytes(12) + frame(60, pair)
        q = 2 * pair + 1
        dev.put(BUF, data)
        dev.set_desc(q, 0, BUF, len(data))
        dev.offer(q, 0)
        return dev.done(q, 0.2) is not None

    dev.start()
    wire.drain()
    report([sends(p) for p in range(4)] == [True, False, False, False], "one pair to begin with")
    dev.command(MQ, 0, b"\4\0")
    report(all(dev.done(2 * p + 1) for p in (1, 2, 3)), "what the others held is sent with four")
    report(all(sends(p) for p in range(4)), "four pairs send")
    dev.command(MQ, 0, b"\2\0")
    report([sends(p) for p in range(4)] == [True, True, False, False], "two pairs send")
    dev.command(MQ, 0, b"\3\0")
    report(dev.done(5) is not None and dev.done(7, 0.1) is None, "three pairs send")


def migrate(dev, wire):
    dev.start()
    report([dev.group(q) for q in range(9)] == [0] * 8 + [1], "the control queue's group")
    report(dev.command(MQ, 0, b"\4\0") == 0, "four pairs")
    wire.drain()
    for q in (1, 3, 5, 7):
        for i in range(q):
            data = bytes(12) + frame(60, i)
            dev.put(BUF, data)
            dev.set_desc(q, 0, BUF, len(data))
            dev.offer(q, 0)
            dev.done(q)
    report(not dev.net_status() & ANNOUNCING, "nothing to announce")
    fcntl.ioctl(dev.fd, ioc(0, 0x7d, 0))
    report([dev.vq_base(q) for q in range(9)] == [0, 1, 0, 3, 0, 5, 0, 7, 1],
           "a suspended device tells where each queue is")
    report(dev.command(RX, PROMISC, b"\1") is None, "and obeys nothing")
    fcntl.ioctl(dev.fd, ioc(0, 0x7e, 0))
    report(dev.answer() == 0, "a resumed one goes on")
    report(dev.net_status() & ANNOUNCING, "its guest is asked to announce itself")
    report(dev.command(ANNOUNCE, 0) == 0 and not dev.net_status() & ANNOUNCING, "and has done so")
    dev.set_desc(7, 0, BUF, 100)
    dev.offer(7, 0)
    report(dev.done(7) is not None, "with as many pairs as before")
    dev.start(base=5)
    report(dev.net_status() & ANNOUNCING, "one that comes from elsewhere is asked, too")
    report(dev.command(MQ, 0, b"\4\0") == 0, "its control queue goes on")
    dev.set_desc(7, 0, BUF, 100)
    dev.offer(7, 0)
    report(dev.done(7) is not None, "and so do its pairs")
    dev.start(F_ALL & ~F_ANNOUNCE, base=5)
    report(not dev.net_status() & ANNOUNCING, "who cannot announce is not asked")


def read_only(path):
    """Address of a page of a file that may only be read: a command, and then 0x77."""
    with open(path, "wb") as f:
        f.write((bytes([RX, PROMISC, 1]) + b"\x77" * 4096)[:4096])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    fd = os.open(path, os.O_RDONLY)
    at = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    os.close(fd)
    return at


def spaces(dev):
    ring = (0x100000 + dev.ctrl * 0x10000, 0x10000)
    dev.start()
    dev.map_space(1, [ring, (CMD & ~0xffff, 0x30000)])
    dev.set_asid(1, 1)
    report(dev.command(RX, PROMISC, b"\1") == 0, "the control queue in an address space of its own")
    dev.chain([(BUF, 3, 0), (ACK, 1, WRITE)])
    dev.offer(dev.ctrl, 0)
    report(dev.broken(), "where the others' memory is not")
    dev.start()
    dev.chain([(BUF, 3, 0), (ACK, 1, WRITE)])
    dev.offer(dev.ctrl, 0)
    report(dev.answer() == 0, "a reset puts it back")
    dev.set_asid(1, 1)
    dev.unmap_space(1)
    report(dev.command(RX, PROMISC, b"\1") is None and not dev.status() & NEEDS_RESET,
           "without memory it stands")
    dev.map_space(1, [ring, (CMD & ~0xffff, 0x30000)])
    report(dev.answer() == 0, "and goes on with it")
    dev.set_asid(1, 0)
    report(dev.command(RX, PROMISC, b"\1") == 0, "back in the first")
    # a command and its answer in one range, which the device may read only
    with tempfile.NamedTemporaryFile() as f:
        dev.tlb(2, 0x800000, 4096, read_only(f.name), perm=1, asid=1)
        dev.set_asid(1, 1)
        dev.chain([(0x800000, 3, 0), (0x800010, 1, WRITE)])
        dev.offer(dev.ctrl, 0)
        report(dev.broken(), "no answer goes to what is mapped for reading")
        report(f.read()[16] == 0x77, "nor into the file behind it")
    dev.start()
    report(dev.command(RX, PROMISC, b"\1") == 0, "a reset heals that")
    for group, asid in ((2, 0), (1, 2)):
        try:
            dev.set_asid(group, asid)
            report(False, f"no group {group} in address space {asid}")
        except OSError:
            report(True, f"no group {group} in address space {asid}")
    dev.unmap_space(1)


def hostile(dev, wire):
    ack = (ACK, 1, WRITE)

    def offer(*pieces, head=0):
        dev.chain(pieces)
        dev.offer(dev.ctrl, head)

    def loop():
        dev.chain([(CMD, 3, 0), ack])
        dev.set_desc(dev.ctrl, 1, CMD, 1, NEXT, 0)
        dev.offer(dev.ctrl, 0)

    def nested():
        dev.set_desc(dev.ctrl, 0, CMD, 16, INDIRECT, table=0x320000)
        dev.set_desc(dev.ctrl, 0, 0x320000, 16, INDIRECT)
        dev.offer(dev.ctrl, 0)

    def jump():
        dev.offer(dev.ctrl, 0, jump=NUM + 1)

    def late_loop():
        """Over and over, as long as a ring; then the answer."""
        for i in range(NUM):
            dev.set_desc(dev.ctrl, i, CMD, 0xffffffff, NEXT, (i + 1) % NUM)
        dev.offer(dev.ctrl, 0)

    for name, act in (
            ("no room for the answer", lambda: offer((CMD, 3, 0))),
            ("answer to nowhere", lambda: offer((CMD, 3, 0), (NO_MAP, 1, WRITE))),
            ("answer of length zero", lambda: offer((CMD, 3, 0), (ACK, 0, WRITE))),
            ("command from nowhere", lambda: offer((NO_MAP, 3, 0), ack)),
            ("command from the kernel", lambda: offer((0xffff888000000000, 3, 0), ack)),
            ("command of length zero", lambda: offer((CMD, 0, 0), ack)),
            ("command wraps", lambda: offer((-1, 3, 0), ack)),
            ("head outside", lambda: offer((CMD, 3, 0), ack, head=NUM)),
            ("index jumps", jump), ("loop", loop), ("loop of 4 GB each", late_loop),
            ("nested table", nested)):
        dev.start()
        dev.put(CMD, bytes([MAC, TABLE_SET]) + b"\xff" * 64)
        act()
        report(dev.broken(), name + " breaks the port")
    dev.start()
    dev.put(CMD, bytes([RX, PROMISC, 1]))
    dev.chain([(CMD, 3, 0), (CMD, 0xffffffff, 0), ack])
    dev.offer(dev.ctrl, 0)
    report(dev.answer() == 1, "4 GB behind a command are refused")
    dev.chain([(ACK, 0xfffffff, WRITE), (CMD, 3, 0)])
    dev.offer(dev.ctrl, 0)
    report(dev.answer() == 1, "an answer before the command is refused")
    dev.chain([(CMD, 3, 0), (ACK, 4096, WRITE), (CMD, 3, 0), (NO_MAP, 9, WRITE)])
    dev.offer(dev.ctrl, 0)
    report(dev.answer() == 0, "what follows the answer is nobody's")
    for _ in range(2000):
        os.write(dev.kicks[dev.ctrl], struct.pack("Q", 1))
    report(dev.command(RX, PROMISC, b"\1") == 0, "2,000 kicks for nothing")
    # the driver sets the ring up while it is worked on
    for i in range(100):
        dev.chain([(CMD, 3, 0), ack])
        dev.offer(dev.ctrl, 0)
        if i % 3 == 0:
            dev.set_asid(1, i & 1)
    dev.set_asid(1, 0)
    dev.start()
    report(base.works(dev, wire), "a reset heals")


def fuzz(dev, wire, seed, rounds=80):
    rnd = random.Random(seed)
    survived = 0
    for _ in range(rounds):
        dev.start(F_ALL | rnd.choice((0, F_EVENT_IDX)))
        dev.put(CMD, bytes(rnd.choice((0, 0, 0, 1, 1, 2, 3, 4, rnd.randrange(256)))
                           for _ in range(256)))
        for i in range(NUM):
            flags = rnd.choice((0, NEXT, NEXT, WRITE, WRITE | NEXT))
            if not rnd.randrange(30):
                flags = rnd.randrange(8)
            addr = CMD + rnd.randrange(200)
            if flags & WRITE:
                addr = ACK + rnd.randrange(4096)
            if not rnd.randrange(60):
                addr = rnd.randrange(1 << 64)
            dev.set_desc(dev.ctrl, i, addr,
                         rnd.choice((1, 1, 2, 3, 4, 6, 16, 32, 4096, 0xffffffff)),
                         flags, rnd.randrange(NUM + (not rnd.randrange(20))))
        for _ in range(rnd.randrange(40)):
            dev.offer(dev.ctrl, rnd.randrange(NUM), kick=False)
        os.write(dev.kicks[dev.ctrl], struct.pack("Q", 1))
        dev.done(dev.ctrl, 0.02)
        survived += not dev.status() & NEEDS_RESET
    dev.start()
    report(base.works(dev, wire) and dev.command(RX, PROMISC, b"\1") == 0,
           f"{rounds} random control queues, {survived} not broken, then it works")


def main():
    path, rep = sys.argv[1:3]
    wire = Wire(rep)
    dev = Device(path)
    commands(dev)
    filters(dev, wire)
    pairs(dev, wire)
    migrate(dev, wire)
    spaces(dev)
    hostile(dev, wire)
    fuzz(dev, wire, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    # closed in the middle of commands
    dev.start()
    for i in range(20):
        dev.chain([(CMD, 3, 0), (ACK, 1, WRITE)])
        dev.offer(dev.ctrl, 0)
    dev.close()
    dev = Device(path)
    dev.start()
    report(dev.command(RX, PROMISC, b"\1") == 0, "opened again after a close in full run")
    dev.close()
    return 1 if base.failed else 0


sys.exit(main())
