#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A process as a hostile virtio driver that makes its nonsense up.

usage: hostile.py fuzz /dev/vhost-vdpa-N REPRESENTOR FAR_MAC SEED SECONDS
       hostile.py stale /dev/vhost-vdpa-N REPRESENTOR FAR_MAC FAR_NETNS TRIES
       hostile.py pump /dev/vhost-vdpa-N REPRESENTOR    frames both ways, for ever

Rings, chains, virtio headers, mappings, statuses and vhost ioctls, right and
wrong ones mixed, while a second process scribbles over the rings. Every
assertion is a line "ok NAME" or "not ok NAME".
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

from port_vhost import (F_BASE, F_CSUM, F_EVENT_IDX, F_GUEST_CSUM, F_HOST_TSO4, F_INDIRECT,
                        F_MRG, NEEDS_RESET, PATIENCE, Device, Wire, frame, ioc, recv_one, report,
                        send_one, works)

NUM = 64
NEXT, WRITE, INDIRECT = 1, 2, 4
IOVA = 0x100000
RINGS = 2
RING = 0x8000           # bytes of a ring's areas
BUFS = 0x100000         # where buffers begin
SIZE = 8 << 20
CHUNK = 1 << 19         # what is mapped, or not, as one
OFFERED = (F_CSUM, F_GUEST_CSUM, F_HOST_TSO4, 1 << 12, 1 << 13, F_MRG, F_INDIRECT,
           F_EVENT_IDX, 1 << 3, 1 << 5, 1 << 7, 1 << 8, 1 << 9, 1 << 16, 1 << 27)
KINDS = 4               # of broken ports that there must have been
REFUSED = (errno.EINVAL, errno.EBUSY, errno.EFAULT, errno.ENXIO, errno.EOPNOTSUPP, errno.E2BIG,
           errno.EPERM, errno.ENOBUFS, errno.EEXIST, errno.EBADF, errno.ESRCH,
           errno.ENOTTY, errno.EBADFD, errno.ERANGE, errno.ENOMEM, errno.ENOENT, errno.EIO)


class Hostile(Device):
    """Memory in one piece, shared with the scribbler; nothing is checked."""

    def __init__(self, path, rnd, macs):
        # pylint: disable=super-init-not-called
        self.fd = os.open(path, os.O_RDWR)
        self.rnd, self.macs = rnd, macs
        self.tame, self.bases = 1, [0, 0]
        self.mem = mmap.mmap(-1, SIZE + 4096)
        self.base = self.address()
        self.calls = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(RINGS)]
        self.kicks = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(RINGS)]
        self.refused = 0
        self.try_ioctl(0, 1, 0, b"")
        self.try_ioctl(1, 0x25, 8, struct.pack("Q", 6))

    def address(self):
        """Of the shared memory: the mapping of that size without a file."""
        with open("/proc/self/maps", encoding="ascii") as f:
            for line in f:
                first, last = (int(x, 16) for x in line.split()[0].split("-"))
                if last - first == SIZE + 4096:
                    return first
        raise RuntimeError("no such mapping")

    def try_ioctl(self, direction, nr, size, body):
        """One vhost request; a refusal is fine, another end is not."""
        try:
            return fcntl.ioctl(self.fd, ioc(direction, nr, size), body or 0)
        except OSError as why:
            if why.errno not in REFUSED:
                raise
            self.refused += 1
        return None

    def try_tlb(self, *args):
        try:
            self.tlb(*args)
        except OSError as why:
            if why.errno not in REFUSED:
                raise
            self.refused += 1

    def odd(self, good, *bad):
        """Mostly GOOD."""
        return self.rnd.choice(bad) if self.seldom(12) else good

    def seldom(self, n):
        """Once in N times; more often in some lives than in others."""
        return not self.rnd.randrange(n * self.tame)

    def map_some(self):
        rnd = self.rnd
        self.try_tlb(3, 0, 1 << 40)
        batch = rnd.randrange(12)
        if batch:
            self.try_tlb(5)
        chunks = list(range(0, SIZE, CHUNK))
        rnd.shuffle(chunks)
        for off in chunks:
            if off and self.seldom(25):
                continue
            perm = 3 if not off or not self.seldom(10) else rnd.choice((1, 2))
            self.try_tlb(2, IOVA + off, CHUNK, self.base + off, perm)
        if not rnd.randrange(4):
            self.try_tlb(2, rnd.choice((0, 1, IOVA + 5, (1 << 64) - 4096, 1 << 40)),
                         rnd.choice((0, 1, 4096, 1 << 63, (1 << 64) - 1)), self.base,
                         rnd.randrange(8))
        if batch:
            self.try_tlb(6)

    def unmap_some(self):
        rnd = self.rnd
        for _ in range(rnd.randrange(1, 4)):
            self.try_tlb(3, *rnd.choice(((IOVA + rnd.randrange(SIZE // CHUNK) * CHUNK, CHUNK),
                                         (IOVA + rnd.randrange(SIZE), rnd.randrange(1 << 20)),
                                         (0, 1 << 40), (0, (1 << 64) - 1))))

    def header(self):
        rnd = self.rnd
        if not rnd.randrange(3):
            return bytes(12)
        return struct.pack("<BBHHHHH", rnd.choice((0, 1, 1, 1, 2, 3, 0xff)),
                           rnd.choice((0, 0, 1, 1, 1, 0x81, 3, 4, 5, rnd.randrange(256))),
                           rnd.choice((0, 54, 66, 0xffff, rnd.randrange(1 << 16))),
                           rnd.choice((0, 1, 7, 536, 1400, 1400, 0xffff)),
                           rnd.choice((0, 13, 14, 34, 34, 34, 38, 54, 0xffff)),
                           rnd.choice((16, 16, 16, 6, 0, 0xfffe, 0xffff)),
                           rnd.randrange(1 << 16))

    def packet(self):
        """More or less a TCP segment to the other end."""
        rnd = self.rnd
        size = rnd.choice((0, 1, 26, 100, 1400, 1448, 9000, 40000, 65000))
        src = self.odd(self.macs[0], b"\xff" * 6, bytes(6), self.macs[1])
        dst = self.odd(self.macs[1], b"\xff" * 6, bytes(6), self.macs[0])
        tag = b"\x81\0\0\7" if not rnd.randrange(6) else b""
        ip = struct.pack(">BBHHHBBH4s4s", self.odd(0x45, 0x40, 0x4f, 0x65, 0), 0,
                         self.odd(min(40 + size, 0xffff), 0, 19, 0xffff), 1,
                         self.odd(0, 0x2000, 0x1fff), self.odd(64, 0),
                         self.odd(6, 17, 1, 58, 0), 0, bytes((10, 0, 0, 1)),
                         bytes((10, 0, 0, 2)))
        tcp = struct.pack(">HHIIBBHHH", 7, rnd.randrange(9), rnd.randrange(1 << 32),
                          rnd.randrange(1 << 32), self.odd(0x50, 0, 0x40, 0xf0),
                          rnd.choice((0x10, 0x10, 0x18, 2, 1, 4, 0xff)), 1000, 0, 0)
        kind = struct.pack(">H", self.odd(0x800, 0x86dd, 0x806, 0x8100, 0x88a8, 0))
        return dst + src + tag + kind + ip + tcp + b"EVIL" * (size // 4)

    def scatter(self):
        """Packets all over the buffers, so that descriptors hit some."""
        for i in range(24):
            data = self.header() + self.packet()
            at = BUFS + i * 0x12000
            self.mem[at:at + len(data)] = data
        return [(IOVA + BUFS + i * 0x12000, 66 + self.rnd.choice((0, 0, 1, 100, 1400, 9000, 60000)))
                for i in range(24)]

    def chains(self, q, num, packets):
        """A descriptor table: chains of which most would do."""
        rnd = self.rnd
        table = bytearray()
        for i in range(num):
            addr, length = rnd.choice(packets)
            flags, nxt = 0, i
            if rnd.randrange(3):
                pass
            elif rnd.randrange(3):
                flags, nxt = NEXT, (i + 1) % num
                length = rnd.randrange(1, length)
            elif self.seldom(2):        # the ring's own table, or half of it
                flags, length = INDIRECT, 16 * rnd.randrange(num + 2)
                addr = IOVA + rnd.choice((0, RING)) + 16 * rnd.randrange(num)
            else:
                at = BUFS - 0x8000 + (q * num + i) * 32
                struct.pack_into("<QIHHQIHH", self.mem, at, addr, 12, NEXT | (0, WRITE)[q == 0],
                                 1, addr + 12, length, (0, WRITE)[q == 0], 0)
                flags, addr, length = INDIRECT, IOVA + at, 32
            if q == 0 and not flags & INDIRECT:
                flags ^= WRITE
            if self.seldom(30):
                flags, nxt = rnd.randrange(1 << 16), rnd.randrange(num)
            if self.seldom(30):
                nxt = rnd.choice((num, num - 1, 0xffff, i))
            if self.seldom(30):
                length = rnd.choice((0, 1, 11, 12, 13, (1 << 32) - 1, 1 << 31, 200000))
            if self.seldom(30):
                addr = rnd.choice((0, IOVA - 1, IOVA + SIZE - 20, (1 << 64) - 1, rnd.getrandbits(64),
                                   0xffff888000000000, IOVA + 0x4000))
            table += struct.pack("<QIHH", addr, length, flags, nxt)
        return table

    def set_up(self):
        rnd = self.rnd
        for q in [0, 1] + [rnd.randrange(2, 40)] * (not rnd.randrange(6)):
            num = self.odd(NUM, 0, 1, 3, 63, 128, 256, 32768, 0xffff, 1 << 31)
            at = IOVA + (q % RINGS) * RING
            base = rnd.choice((0, 0, 0xfff0, rnd.randrange(1 << 16)))
            areas = [self.odd(at + off, at + off + 1, at + off + 4, 0, (1 << 64) - 16,
                              IOVA + SIZE - 8, IOVA + BUFS) for off in (0, 0x4000, 0x2000)]
            self.try_ioctl(1, 0x10, 8, struct.pack("II", q, num))
            self.try_ioctl(1, 0x12, 8, struct.pack("II", q, self.odd(base, 0x10000, 1 << 31)))
            self.try_ioctl(1, 0x11, 40, struct.pack("IIQQQQ", q, 0, *areas, 0))
            self.try_ioctl(1, 0x20, 8, struct.pack("Ii", q, self.odd(self.kicks[q % 2], -1, 0, 9999)))
            self.try_ioctl(1, 0x21, 8, struct.pack("Ii", q, self.odd(self.calls[q % 2], -1, 0, 9999)))
            self.try_ioctl(1, 0x75, 8, struct.pack("II", q, self.odd(1, 0, 2, 1 << 31)))
            if q < RINGS:
                off = q * RING
                struct.pack_into("<HH", self.mem, off + 0x2000, rnd.randrange(2), base & 0xffff)
                struct.pack_into("<HH", self.mem, off + 0x4000, rnd.randrange(2), base & 0xffff)
                self.bases[q] = base & 0xffff

    def offer_some(self, q):
        rnd = self.rnd
        off = q * RING + 0x2000
        many = rnd.randrange(1, 40)
        for i in range(many):
            struct.pack_into("<H", self.mem, off + 4 + 2 * ((self.bases[q] + i) % NUM),
                             self.odd(rnd.randrange(NUM), NUM, 0xffff))
        self.bases[q] = (self.bases[q] + self.odd(many, NUM, NUM + 1, 0, -1, 1 << 15)) & 0xffff
        struct.pack_into("<H", self.mem, off + 2, self.bases[q])
        for _ in range(rnd.choice((1, 1, 2, 200))):
            os.write(self.kicks[q], struct.pack("Q", 1))

    def interfere(self):
        """What no driver does, while everything runs."""
        rnd = self.rnd
        what = rnd.randrange(11)
        if what == 0:
            self.unmap_some()
        elif what == 1:
            self.map_some()
        elif what == 2:
            self.try_ioctl(1, 0x72, 1, bytes([rnd.randrange(256)]))
        elif what == 3:
            self.try_ioctl(1, 0, 8, struct.pack("Q", rnd.getrandbits(64)))
        elif what == 4:
            self.set_up()
        elif what == 5:
            self.try_ioctl(0, rnd.choice((0x7d, 0x7e)), 0, b"")
        elif what == 6:
            offset, length = rnd.choice((0, 5, 11, 64, 1 << 31)), rnd.choice((0, 1, 8, 24, 64))
            self.try_ioctl(2, 0x73, 8, bytearray(struct.pack("II", offset, length) + bytes(64)))
            self.try_ioctl(1, 0x74, 8, struct.pack("II", offset, length) + bytes(64))
        elif what == 7:
            self.try_ioctl(3, 0x12, 8, bytearray(struct.pack("II", rnd.randrange(9), 0)))
            self.try_ioctl(1, 0x7c, 8, struct.pack("II", rnd.randrange(4), rnd.randrange(4)))
        elif what == 8:
            self.try_ioctl(1, 0x72, 1, b"\0")
        elif what == 9:
            self.try_ioctl(1, 0x77, 4, struct.pack("i", self.odd(self.calls[0], -1, 0)))
        else:
            self.try_ioctl(1, 0x75, 8, struct.pack("II", rnd.randrange(4), rnd.randrange(2)))

    def run(self, wire):
        """One life of a driver. Returns whether it ended broken."""
        rnd = self.rnd
        self.bases = [0, 0]
        self.tame = rnd.choice((1, 8, 100))
        self.mem[SIZE] = not rnd.randrange(4)
        if rnd.randrange(8):
            self.try_ioctl(1, 0x72, 1, b"\0")
        if rnd.randrange(4):
            self.map_some()
        features = F_BASE
        for bit in OFFERED:
            features |= bit if rnd.randrange(3) else 0
        for status in self.odd((1, 3), (15,), (3, 1), (0x80, 1)):
            self.try_ioctl(1, 0x72, 1, bytes([status]))
        self.try_ioctl(1, 0, 8, struct.pack("Q", self.odd(
            features, 0, F_BASE >> 1, (1 << 64) - 1, features | 1 << 34)))
        self.try_ioctl(1, 0x72, 1, bytes([11]))
        packets = self.scatter()
        for q in range(RINGS):
            table = self.chains(q, NUM, packets)
            self.mem[q * RING:q * RING + len(table)] = bytes(table)
        self.set_up()
        self.try_ioctl(1, 0x72, 1, bytes([self.odd(15, 4, 0x4f, 0xff)]))
        for _ in range(rnd.randrange(1, 6)):
            for q in range(RINGS):
                self.offer_some(q)
            for _ in range(3):
                wire.send(frame(rnd.randrange(46, 1400), 1))
            if not rnd.randrange(4):
                self.interfere()
        self.mem[SIZE] = 0
        return bool(self.status() & NEEDS_RESET)


def scribble(mem, seed):
    """The second process: whenever it may, something in the rings changes."""
    rnd = random.Random(seed)
    while os.getppid() != 1:
        if not mem[SIZE]:
            time.sleep(0.002)
            continue
        for _ in range(20):
            at = rnd.randrange(RINGS * RING // 2) * 2
            if at % RING >= 0x4800 or 0x400 <= at % RING < 0x2000:
                at = at % RINGS * RING + 0x2002
            struct.pack_into("<H", mem, at, rnd.choice((0, 1, 2, 4, NUM, 0xffff, rnd.getrandbits(16))))
    os._exit(0)


def port_of(rep):
    out = subprocess.run(["chamctl", "-j", "port", "show", rep], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)[0]


def fast_of(tenant):
    out = subprocess.run(["chamctl", "-j", "stat", "show", "tenant", tenant],
                         stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)[0]["fast-packets"]


def is_established():
    out = subprocess.run(["chamctl", "-j", "conn", "show", "tenant", "evil", "proto", "tcp",
                          "dport", "8", "state", "established"], stdout=subprocess.PIPE, check=True)
    return bool(json.loads(out.stdout))


def coalesced_of(rep):
    out = subprocess.run(["ethtool", "-S", rep], stdout=subprocess.PIPE, check=True)
    return int([x for x in out.stdout.decode().splitlines() if "tx_coalesced" in x][0].split()[1])


def comes_up(dev, wire):
    """Whether the device works after a reset; a frame of Linux' own, which it may flood
    meanwhile, is no answer."""
    for _ in range(10):
        dev.start()
        if works(dev, wire):
            return True
    return False


def fuzz(path, rep, far, seed, seconds):
    print(f"# seed {seed}", flush=True)
    rnd = random.Random(seed)
    wire = Wire(rep)
    guest = bytes.fromhex(port_of(rep)["mac"].replace(":", ""))
    dev = Hostile(path, rnd, (guest, bytes.fromhex(far.replace(":", ""))))
    child = os.fork()
    if not child:
        scribble(dev.mem, seed)
    lives = broken = 0
    reasons = {}
    end = time.monotonic() + seconds
    told = True
    # many ways to break in any time, on a slow machine, too
    while time.monotonic() < end or lives < 12 or len(reasons) < KINDS and lives < 150:
        lives += 1
        was = dev.run(wire)
        broken += was
        if was:
            port = port_of(rep)
            why = port.get("broken-reason")
            told = told and port["state"] == "broken" and bool(why)
            reasons[why] = reasons.get(why, 0) + 1
        wire.drain()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(f"# {lives} lives, {broken} ended broken, {dev.refused} requests refused;",
          "; ".join(f"{v} {k}" for k, v in reasons.items()), flush=True)
    report(told and broken > 0, "a broken port says why")
    report(len(reasons) >= KINDS, f"in {KINDS} ways at least")
    report(broken < lives, "and not all broke")
    dev.close()
    dev = Device(path)
    report(comes_up(dev, wire), "a reset heals")
    report(port_of(rep)["state"] == "up", "and the port says so")
    dev.close()


def tcp(sport, dport, seq, ack, flags, data, partial=False):
    """A TCP segment between 10.0.0.1 and 10.0.0.99, from the Ethernet type on."""
    src, dst = (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 99)))[::1 if sport == 7 else -1]
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1000, 0, 0)
    pseudo = src + dst + struct.pack(">HH", 6, len(head + data))
    total = ones(pseudo + (b"" if partial else head + data))
    if not partial:
        total ^= 0xffff
    head = head[:16] + struct.pack(">H", total) + head[18:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 1, 0x4000, 64, 6, 0, src, dst)
    ip = ip[:10] + struct.pack(">H", ones(ip) ^ 0xffff) + ip[12:]
    return b"\x08\0" + ip + head + data


def ones(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


class Plain(Hostile):
    """A driver that does all right, with its rings and buffers in one half."""

    def begin(self, half):
        off = half * (SIZE // 2)
        self.try_ioctl(1, 0x72, 1, b"\0")
        self.try_tlb(3, 0, 1 << 40)
        self.mem[off:off + 2 * RING] = bytes(2 * RING)
        self.try_tlb(2, IOVA, SIZE // 2, self.base + off, 3)
        for status in (1, 3):
            self.try_ioctl(1, 0x72, 1, bytes([status]))
        self.try_ioctl(1, 0, 8, struct.pack("Q", F_BASE | F_MRG | F_GUEST_CSUM | 1 << 7))
        self.try_ioctl(1, 0x72, 1, bytes([11]))
        for q in range(RINGS):
            at = IOVA + q * RING
            self.try_ioctl(1, 0x10, 8, struct.pack("II", q, NUM))
            self.try_ioctl(1, 0x12, 8, struct.pack("II", q, 0))
            self.try_ioctl(1, 0x11, 40, struct.pack("IIQQQQ", q, 0, at, at + 0x4000, at + 0x2000, 0))
            self.try_ioctl(1, 0x20, 8, struct.pack("Ii", q, self.kicks[q]))
            self.try_ioctl(1, 0x75, 8, struct.pack("II", q, 1))
        for i in range(NUM):
            struct.pack_into("<QIHH", self.mem, off + 16 * i, IOVA + BUFS + 0x1000 * i, 2048, WRITE, 0)
            struct.pack_into("<H", self.mem, off + 0x2004 + 2 * i, i)
        struct.pack_into("<H", self.mem, off + 0x2002, NUM)
        self.try_ioctl(1, 0x72, 1, b"\x0f")

    def say(self, half, index, data):
        """The frame of index INDEX out."""
        off = half * (SIZE // 2)
        self.mem[off + BUFS - 4096:off + BUFS - 4096 + 12 + len(data)] = bytes(12) + data
        struct.pack_into("<QIHH", self.mem, off + RING, IOVA + BUFS - 4096, 12 + len(data), 0, 0)
        struct.pack_into("<H", self.mem, off + RING + 0x2002, index + 1)
        os.write(self.kicks[1], struct.pack("Q", 1))
        time.sleep(0.05)

    def received(self, half):
        return struct.unpack_from("<H", self.mem, half * (SIZE // 2) + 0x4002)[0]


def alone(child, yes):
    """While the busy process has its processor to itself, what was put together stays open.
    The kernel takes the processor back for a moment after 950 ms, and for longer none
    should be without it.
    """
    os.sched_setscheduler(child, os.SCHED_FIFO if yes else os.SCHED_OTHER, os.sched_param(int(yes)))


class Plug:
    """The far end of the wire, which holds all back and lets it go at once: in one softirq,
    so that the uplink takes it in one turn, whoever else is busy.
    """

    def __init__(self, dev):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.dev = socket.if_nametoindex(dev)
        self.request(0x600, 0xffffffff, 0)      # NLM_F_CREATE | NLM_F_EXCL, TC_H_ROOT
        self.pull()

    def request(self, flags, parent, action):
        kind, opt = struct.pack("=HH8s", 9, 1, b"plug"), struct.pack("=HHiI", 12, 2, action, 1 << 20)
        body = struct.pack("=BxxxiIII", 0, self.dev, 1 << 16, parent, 0) + kind + opt
        self.sock.send(struct.pack("=IHHII", 16 + len(body), 36, 5 | flags, 1, 0) + body)
        err = -struct.unpack_from("=i", self.sock.recv(4096), 16)[0]
        if err:
            raise OSError(err, "sch_plug: " + os.strerror(err))

    def plug(self):
        self.request(0, 0, 0)       # TCQ_PLUG_BUFFER

    def pull(self):
        self.request(0, 0, 2)       # TCQ_PLUG_RELEASE_INDEFINITE


def starve(rep):
    """The thread that shows the guest a burst gets a processor that it shares with a
    busy process, which is returned: see alone().
    """
    with open(f"/sys/class/net/{rep}/threaded", "w", encoding="ascii") as f:
        f.write("1")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read().strip() != f"napi/{rep}-0":
                    continue
        except OSError:             # ended meanwhile
            continue
        os.sched_setaffinity(int(pid), {0})
        os.sched_setscheduler(int(pid), os.SCHED_IDLE, os.sched_param(0))
    child = os.fork()
    if not child:
        os.sched_setaffinity(0, {0})
        while os.getppid() != 1:
            pass
        os._exit(0)
    os.sched_setaffinity(0, {1})
    return child


def soon(what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.005)
    return what()


def told_of(rep):
    """How many packets the host has put into the guest's ring, shown or not."""
    with open(f"/sys/class/net/{rep}/statistics/tx_packets", encoding="ascii") as f:
        return int(f.read())


def forwards(rep):
    """A reset takes the carrier: wait until bridge and port have it again."""
    for _ in range(60):
        time.sleep(0.05)
        if not port_of(rep).get("blocked"):
            return


def stale(path, rep, far, name, tries):
    """A super-packet is open when the port breaks. Whatever comes later must not
    touch the memory that it was in and that is not mapped any more.
    """
    guest = bytes.fromhex(port_of(rep)["mac"].replace(":", ""))
    far = bytes.fromhex(far.replace(":", ""))
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + name, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.setns(there, 0)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", 0))
    sock.setsockopt(263, 15, 1)      # PACKET_VNET_HDR
    hostb = os.open("/run/netns/hostb", os.O_RDONLY)
    libc.setns(hostb, 0)
    wire_end = Plug("b0")
    libc.setns(here, 0)
    dev = Plain(path, random.Random(1), (guest, far))

    def wire(seq, flags, data=b"", gso=0):
        vnet = struct.pack("<BBHHHH", 1, 1, 54, gso, 34, 16) if gso else bytes(10)
        sock.send(vnet + guest + far + tcp(8, 7, seq, 1001, flags, data, bool(gso)))

    # until both directions are cached and the datapath has seen the handshake;
    # in order, however slow the machine
    dev.begin(0)
    said = 0
    while said < 4 * tries and not (fast_of("evil") >= 4 and is_established()):
        dev.say(0, said, far + guest + tcp(7, 8, 1000, 0, 2, b""))
        time.sleep(0.1)
        wire(5000, 0x12)
        time.sleep(0.1)
        dev.say(0, said + 1, far + guest + tcp(7, 8, 1001, 5001, 0x10, b""))
        time.sleep(0.1)
        said += 2
    print(f"# {said // 2} handshakes, then the datapath had seen one", flush=True)
    seq, opened, broke, touched, tried = 5001, 0, 0, 0, 0
    half = SIZE // 2
    child = starve(rep)
    while tried < tries or tried < 5 * tries and not opened:
        tried += 1
        dev.begin(0)
        forwards(rep)
        were, packets = coalesced_of(rep), told_of(rep)
        wire_end.plug()
        wire(seq, 0x10, b"y" * 20000, 1000)
        seq += 20000
        alone(child, True)
        wire_end.pull()
        soon(lambda: told_of(rep) >= packets + 20, PATIENCE / 4)
        struct.pack_into("<H", dev.mem, RING + 0x2002, 0x8000)
        os.write(dev.kicks[1], struct.pack("Q", 1))
        broken = soon(lambda: dev.status() & NEEDS_RESET)
        broke += bool(broken)
        # nothing of it was shown, and more was put behind the first segment
        shown = dev.received(0)
        alone(child, False)
        put = coalesced_of(rep) - were
        opened += broken and not shown and put > 10
        print(f"# {put} segments of 20 coalesced, {shown} buffers shown", flush=True)
        dev.begin(1)
        before = bytes(dev.mem[0:half])
        forwards(rep)
        packets = told_of(rep)
        for _ in range(2):
            wire(seq, 0x10, b"z" * 1000)
            seq += 1000
        soon(lambda: told_of(rep) >= packets + 2, 0.5)
        touched += before != dev.mem[0:half]
    print(f"# {tried} tries, {broke} broke, {opened} with an open super-packet", flush=True)
    if not opened:
        for what in (["ethtool", "-S", rep], ["ethtool", "-k", "up0"], ["chamctl", "-j", "conn"]):
            out = subprocess.run(what, stdout=subprocess.PIPE, check=True).stdout.decode()
            print("\n".join("# " + line for line in out.splitlines()), flush=True)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.sched_setaffinity(0, {0, 1})
    with open(f"/sys/class/net/{rep}/threaded", "w", encoding="ascii") as f:
        f.write("0")
    report(opened, "ports broke while segments were put together")
    report(not touched, "memory that was taken back is left alone" +
           (f", not in {touched} cases" if touched else ""))
    dev.close()


def pump(path, rep):
    """A well-behaved driver in full run: only a signal ends it."""
    wire = Wire(rep)
    dev = Device(path)
    print("running" if comes_up(dev, wire) else "not running", flush=True)
    tag = 0
    while True:
        tag += 1
        send_one(dev, wire, 100, tag & 63)
        recv_one(dev, wire, 100, tag & 63, 2048)
        # what is under way when the end comes
        for _ in range(5):
            wire.send(frame(60, 1))
        wire.drain()
        dev.start()


def main():
    if sys.argv[1] == "pump":
        pump(*sys.argv[2:4])
    if sys.argv[1] == "stale":
        stale(*sys.argv[2:6], int(sys.argv[6]))
        return
    fuzz(*sys.argv[2:5], int(sys.argv[5]), float(sys.argv[6]))


if __name__ == "__main__":
    main()
