#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A process as the driver of packed rings, by the book and against it.

usage: packed_vhost.py /dev/vhost-vdpa-N REPRESENTOR [SEED]

The port has a control queue and offers packed rings. Assertions as in
port_vhost.py, whose checks of what a guest sends and gets run here, too.
"""

import fcntl
import os
import random
import select
import struct
import sys
import threading
import time

import port_vhost as base
from port_vhost import (BUF, F_BASE, F_EVENT_IDX, F_INDIRECT, F_MRG, INDIRECT, NEEDS_RESET,
                        NEXT, NO_MAP, NUM, PATIENCE, WRITE, Wire, frame, ioc, report)

F_PACKED = 1 << 34
F_CTRL_VQ, F_CTRL_RX = 1 << 17, 1 << 18
F_ALL = F_BASE | F_PACKED | F_MRG | F_INDIRECT | F_CTRL_VQ | F_CTRL_RX
AVAIL, USED = 1 << 7, 1 << 15
ENABLE, DISABLE, AT = range(3)
CTRL = 2
CMD, ACK, TABLE = 0x300000, 0x310000, 0x320000


class Device(base.Device):
    """A position counts descriptors without end, the first round has wrap
    counter 1. Where a chain begins and ends is in self.chains by its id."""

    queues = 3

    def start(self, features=F_ALL, base=0, move=None, late_map=False, used=None,
              num=NUM):
        # base: a position of driver and device; used: of the device alone
        self.status(0)
        self.mem[0:1 << 20] = bytes(1 << 20)
        if not late_map:
            self.map()
        self.features = features | F_PACKED
        self.status(1)
        self.status(3)
        fcntl.ioctl(self.fd, ioc(1, 0, 8), struct.pack("Q", self.features))
        self.status(11)
        self.pos = [base] * self.queues
        self.back = [base if used is None else used] * self.queues
        self.chains = [{} for _ in range(self.queues)]
        self.next_id = 0
        self.table = {}
        for q in range(self.queues):
            fcntl.ioctl(self.fd, ioc(1, 0x10, 8), struct.pack("II", q, num))
            state = self.wrap(self.pos[q]) | self.wrap(self.back[q]) << 16
            fcntl.ioctl(self.fd, ioc(1, 0x12, 8), struct.pack("II", q, state))
            areas = {"desc": self.desc(q), "used": self.used(q), "avail": self.avail(q)}
            areas.update(move or {})
            fcntl.ioctl(self.fd, ioc(1, 0x11, 40), struct.pack(
                "IIQQQQ", q, 0, areas["desc"], areas["used"], areas["avail"], 0))
            fcntl.ioctl(self.fd, ioc(1, 0x20, 8), struct.pack("Ii", q, self.kicks[q]))
            fcntl.ioctl(self.fd, ioc(1, 0x21, 8), struct.pack("Ii", q, self.calls[q]))
            fcntl.ioctl(self.fd, ioc(1, 0x75, 8), struct.pack("II", q, 1))
        for q in range(self.queues):
            # all of the ring is the driver's, as the last round left it
            for i in range(NUM):
                p = base + i
                self.put_flags(q, p, AVAIL | USED if self.odd(p - NUM) else 0)
        self.status(15)
        if late_map:
            self.map()

    @staticmethod
    def odd(pos):
        return not pos & NUM

    def wrap(self, pos):
        return pos % NUM | (1 << 15 if self.odd(pos) else 0)

    # flags come and go in one piece
    def put_flags(self, q, pos, flags):
        at = self.at(self.desc(q) + 16 * (pos % NUM) + 14)
        self.mem[at:at + 2] = struct.pack("<H", flags & 0xffff)

    def flags(self, q, pos):
        at = self.at(self.desc(q) + 16 * (pos % NUM) + 14)
        return struct.unpack("<H", self.mem[at:at + 2])[0]

    def owner(self, pos):
        return AVAIL if self.odd(pos) else USED

    def kick(self, q):
        os.write(self.kicks[q], struct.pack("Q", 1))

    def write_table(self, pieces, at=TABLE, flags=0):
        """PIECES: (address, length, flags)"""
        for i, (addr, length, f) in enumerate(pieces):
            self.put(at + 16 * i, struct.pack("<QIHH", addr & (1 << 64) - 1, length, 0x1234, f | flags))

    def offer(self, q, pieces, kick=True, ident=None, own=None):
        """A chain of (address, length, flags); OWN: other owner flags by piece.

        The first descriptor's flags come last."""
        if ident is None:
            ident = self.next_id = (self.next_id + 1) & 0xffff
        pos = self.pos[q]
        for i, (addr, length, flags) in reversed(list(enumerate(pieces))):
            last = i + 1 == len(pieces)
            flags |= (own or {}).get(i, self.owner(pos + i)) | (0 if last else NEXT)
            self.put(self.desc(q) + 16 * ((pos + i) % NUM),
                     struct.pack("<QIH", addr & (1 << 64) - 1, length, ident if last else 0xabcd))
            self.put_flags(q, pos + i, flags)
        self.chains[q][ident] = len(pieces)
        self.pos[q] = (pos + len(pieces)) & 0xffff
        if kick:
            self.kick(q)
        return ident

    def done(self, q, timeout=PATIENCE):
        """(id, length, flags) of the next used descriptor, or None."""
        end = time.monotonic() + timeout
        pos = self.back[q]
        want = AVAIL | USED if self.odd(pos) else 0
        while time.monotonic() < end:
            flags = self.flags(q, pos)
            if flags & (AVAIL | USED) == want:
                length, ident = struct.unpack("<IH", self.get(self.desc(q) + 16 * (pos % NUM) + 8, 6))
                self.back[q] = (pos + self.chains[q].get(ident, 1)) & 0xffff
                return ident, length, flags & ~(AVAIL | USED)
            time.sleep(0.002)
        return None

    def ask(self, q, flags, pos=0):
        """When the driver wants an interrupt."""
        self.put(self.avail(q), struct.pack("<HH", self.wrap(pos), flags))

    def asked(self, q):
        """When the device wants a kick."""
        return struct.unpack("<HH", self.get(self.used(q), 4))

    def interrupted(self, q, timeout=0.0):
        if not select.select([self.calls[q]], [], [], timeout)[0]:
            return False
        os.read(self.calls[q], 8)
        return True

    def state(self, q):
        got = struct.unpack("II", fcntl.ioctl(self.fd, ioc(3, 0x12, 8),
                                              struct.pack("II", q, 0)))[1]
        return got & 0xffff, got >> 16


def cut_up(addr, n, cut, flags=0):
    return [(addr + i, min(cut, n - i), flags) for i in range(0, n, cut)]


def send_one(dev, wire, n, tag=1, cut=None, table=None, kick=True):
    data = bytes(12) + frame(n, tag)
    dev.put(BUF, data)
    pieces = cut_up(BUF, len(data), cut or len(data))
    if table:
        dev.write_table(pieces, table, flags=NEXT | AVAIL)
        pieces = [(table, 16 * len(pieces), INDIRECT)]
    ident = dev.offer(1, pieces, kick=kick)
    return dev.done(1) == (ident, 0, 0) and wire.recv() == data[12:]


def recv_one(dev, wire, n, tag, size, cut=None, merge=False, table=None):
    """One frame into the guest, in buffers of SIZE bytes cut into CUT."""
    data = frame(n, tag)
    count = -(-(len(data) + 12) // size) if merge else 1
    idents = []
    for b in range(count):
        pieces = cut_up(BUF + b * size, size, cut or size, WRITE)
        if table:
            dev.write_table(pieces, table + 256 * b)
            pieces = [(table + 256 * b, 16 * len(pieces), INDIRECT)]
        idents.append(dev.offer(0, pieces, kick=False))
    wire.send(data)
    got = b""
    for b in range(count):
        e = dev.done(0)
        if e is None or e[0] != idents[b] or e[2] != WRITE:
            return False
        got += dev.get(BUF + b * size, e[1])
    buffers = struct.unpack("<H", got[10:12])[0]
    return buffers == count and got[12:].ljust(60, b"\0") == data.ljust(60, b"\0")


def command(dev, value=1, cut=None, indirect=False):
    dev.put(CMD, bytes([0, 0, value]))
    dev.put(ACK, b"\x77")
    pieces = cut_up(CMD, 3, cut or 3) + [(ACK, 1, WRITE)]
    if indirect:
        dev.write_table(pieces)
        pieces = [(TABLE, 16 * len(pieces), INDIRECT)]
    ident = dev.offer(CTRL, pieces)
    return dev.done(CTRL) == (ident, 1, WRITE) and dev.get(ACK, 1) == b"\0"


def works(dev, wire):
    wire.awake()
    wire.drain()
    return send_one(dev, wire, 100) and recv_one(dev, wire, 100, 9, 2048)


def well_behaved(dev, wire):
    for name, features in (("", 0), ("event index, ", F_EVENT_IDX)):
        dev.start(F_ALL | features)
        wire.awake()
        report(send_one(dev, wire, 46), name + "smallest frame out")
        report(send_one(dev, wire, 1400, 3), name + "frame out")
        report(send_one(dev, wire, 200, 5, cut=5), name + "frame out in pieces of 5 bytes")
        report(send_one(dev, wire, 200, 5, cut=60, table=TABLE), name + "frame out by a table")
        report(send_one(dev, wire, 200, 5, cut=5, table=TABLE - 40), name + "table on two pages")
        report(recv_one(dev, wire, 46, 1, 2048), name + "smallest frame in")
        report(recv_one(dev, wire, 1400, 2, 2048), name + "frame in")
        report(recv_one(dev, wire, 200, 4, 240, cut=7), name + "frame in, header cut")
        report(recv_one(dev, wire, 1400, 6, 100, merge=True), name + "frame in, merged")
        report(recv_one(dev, wire, 300, 6, 50, cut=20, merge=True), name + "merged, buffers cut")
        report(recv_one(dev, wire, 300, 6, 50, cut=20, merge=True, table=TABLE),
               name + "merged, buffers in tables")
        report(recv_one(dev, wire, 50, 6, 9, merge=True), name + "buffers below a header")
        wire.drain()
        report(all(send_one(dev, wire, 60 + i, i, cut=(None, 30)[i & 1]) and
                   recv_one(dev, wire, 60 + i, i, 512, cut=(None, 200, 30)[i % 3])
                   for i in range(2 * NUM)), name + "around the ring many times")
        report(command(dev, 0) and command(dev, 1, cut=1) and command(dev, 1, indirect=True),
               name + "commands")
        report(all(command(dev, i & 1, cut=1) for i in range(NUM)), name + "around their ring")
    ident = dev.offer(1, [(BUF, 72, 0)], ident=0xffff)
    report(dev.done(1) == (ident, 0, 0), "an id is the driver's affair")

    # what does not fit leaves what is there as it is
    dev.start()
    ident = [dev.offer(0, cut_up(BUF + i * 100, 100, 40, WRITE), kick=False) for i in range(2)]
    wire.send(frame(300, 1))
    report(dev.done(0, 0.2) is None, "too few buffers take nothing")
    wire.send(frame(120, 1))
    report([dev.done(0)[:2], dev.done(0)[:2]] == [(ident[0], 100), (ident[1], 46)],
           "and are still there for the next frame")
    # all of the ring in a burst
    dev.start()
    wire.drain()
    dev.put(BUF, bytes(12) + frame(60, 1))
    idents = [dev.offer(1, cut_up(BUF, 86, 43), kick=False) for _ in range(NUM // 2)]
    dev.kick(1)
    report([dev.done(1) for _ in idents] == [(i, 0, 0) for i in idents], "a ring full at once")

    dev.unmap()
    dev.start(late_map=True)
    report(works(dev, wire), "rings enabled before memory is mapped")
    dev.unmap()
    dev.map()
    report(works(dev, wire), "and moved while they run")


def events(dev, wire):
    def sends(want, at):
        """Frames, of which those with an "x" in WANT interrupt and the others do not."""
        got = ""
        for due, (flags, mark) in zip(want, at):
            dev.interrupted(1)
            dev.ask(1, flags, dev.back[1] + mark)
            dev.put(BUF, bytes(12) + frame(60, 1))
            dev.offer(1, cut_up(BUF, 86, 30))
            got += "!" if dev.done(1) is None else ""
            got += "x" if dev.interrupted(1, 2.0 if due == "x" else 0.03) else "."
        return got == want

    for name, features in (("", 0), ("event index, ", F_EVENT_IDX)):
        dev.start(F_ALL | features)
        report(sends("x.x", [(ENABLE, 0), (DISABLE, 0), (3, 0)]), name + "interrupts on and off")
        # three descriptors each: the mark is the first, in the middle, the next one
        report(sends("xx.." * 7, [(AT, i) for i in (0, 2, 3, -1)] * 7),
               name + "interrupts at a mark")
        report(soon(lambda: dev.asked(1) == ((dev.wrap(dev.pos[1]), AT) if features else
                                                  (dev.asked(1)[0], ENABLE))),
               name + "the device asks for a kick")
        wire.drain()


def soon(what, timeout=PATIENCE):
    end = time.monotonic() + timeout
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def states(dev, wire):
    for name, pos in (("the second round", NUM), ("the end of a round", 2 * NUM - 1),
                      ("the middle", 5), ("the end of the first", NUM - 1)):
        dev.start(base=pos)
        report(works(dev, wire) and all(recv_one(dev, wire, 60, i, 500, cut=200) for i in range(30)),
               "begun in " + name)
    dev.start()
    wire.awake()
    wire.drain()
    for i in range(25):
        send_one(dev, wire, 60, i, cut=20)      # 86 bytes: 5 descriptors each
        recv_one(dev, wire, 60, i, 512)
    command(dev)
    fcntl.ioctl(dev.fd, ioc(0, 0x7d, 0))
    want = [dev.wrap(dev.pos[q]) for q in range(3)]
    report([dev.state(q) for q in range(3)] == [(w, w) for w in want] and
           want == [25 | 1 << 15, 125 - NUM, 2 | 1 << 15], "a suspended device tells where it is")
    ident = dev.offer(1, [(BUF, 86, 0)])
    report(dev.done(1, 0.2) is None, "and does nothing")
    fcntl.ioctl(dev.fd, ioc(0, 0x7e, 0))
    report(dev.done(1) == (ident, 0, 0), "a resumed one goes on")
    wire.drain()
    # stopped, and set up anew where it was
    here = dev.pos[1]
    dev.start(base=here)
    report(works(dev, wire), "another device goes on there")
    # DPDK does not tell where the device was
    dev.start(used=NUM)
    dev.back = list(dev.pos)
    report(works(dev, wire), "who does not know what was used")
    for what in (NUM, NUM | 1 << 15, (NUM + 5) << 16 | 1 << 15):
        dev.status(0)
        dev.status(3)
        fcntl.ioctl(dev.fd, ioc(1, 0, 8), struct.pack("Q", F_ALL))
        dev.status(11)
        fcntl.ioctl(dev.fd, ioc(1, 0x10, 8), struct.pack("II", 1, NUM))
        try:
            fcntl.ioctl(dev.fd, ioc(1, 0x12, 8), struct.pack("II", 1, what))
            report(False, f"state {what:#x} outside the ring is refused")
        except OSError:
            report(True, f"state {what:#x} outside the ring is refused")


def overtake(dev):
    """Each round's flags in turn, as fast as they can be written."""
    at = dev.at(dev.desc(1) + 14)
    odd, even = struct.pack("<H", AVAIL), struct.pack("<H", USED)
    mem = dev.mem
    while dev.racing:
        mem[at:at + 2] = odd
        mem[at:at + 2] = even


def hostile(dev, wire):
    """Each breaks the port, by the driver's doing only, and a reset heals it."""
    def tx(*pieces, **kw):
        dev.offer(1, list(pieces), **kw)

    def rx(*pieces, **kw):
        dev.offer(0, list(pieces), kick=False, **kw)
        wire.send(frame(60, 1))

    def table(*pieces, n=None):
        dev.write_table(pieces)
        tx((TABLE, 16 * len(pieces) if n is None else n, INDIRECT))

    def around():
        for i in range(NUM):
            dev.put(dev.desc(1) + 16 * i, struct.pack("<QIHH", BUF, 1, i, NEXT | AVAIL))
        dev.kick(1)

    one = (BUF, 100, 0)
    for name, why, act in (
            ("a chain that is not all available", base.NOT_AVAIL, lambda: tx(one, one, own={1: 0})),
            ("a wrap counter that is wrong in the middle", base.NOT_AVAIL,
             lambda: tx(one, one, one, own={1: USED})),
            ("a chain around the whole ring", base.NOT_AVAIL, around),
            ("zero length", base.ZERO, lambda: tx((BUF, 0, 0))),
            ("zero length in the middle", base.ZERO, lambda: tx(one, (BUF, 0, 0), one)),
            ("address wraps", base.WRAP, lambda: tx((-1, 100, 0))),
            ("address is not mapped", base.UNMAPPED, lambda: tx((NO_MAP, 100, 0))),
            ("kernel address", base.UNMAPPED, lambda: tx((0xffff888000000000, 100, 0))),
            ("buffer runs off the mapping", base.UNMAPPED, lambda: tx((0x100000 + dev.size - 50, 100, 0))),
            ("write buffer to send from", base.DIRECTION, lambda: tx((BUF, 100, WRITE))),
            ("shorter than a header", base.SHORT, lambda: tx((BUF, 11, 0))),
            ("table in the middle of a chain", base.TABLE_NEXT, lambda: tx(one, (TABLE, 16, INDIRECT))),
            ("table that is chained on", base.TABLE_NEXT, lambda: tx((TABLE, 16, INDIRECT), one)),
            ("nested table", base.NESTED, lambda: table((BUF, 16, INDIRECT))),
            ("table of 17 bytes", base.TABLE, lambda: table(one, n=17)),
            ("table of 1 GB", base.TABLE, lambda: table(one, n=1 << 30)),
            ("table not mapped", base.UNMAPPED, lambda: tx((NO_MAP, 16, INDIRECT))),
            ("write buffer in a table", base.DIRECTION, lambda: table((BUF, 100, WRITE))),
            ("zero length in a table", base.ZERO, lambda: table((BUF, 50, 0), (BUF, 0, 0))),
            ("receive buffer to read from", base.DIRECTION, lambda: rx((BUF, 2048, 0))),
            ("receive buffer not mapped", base.UNMAPPED, lambda: rx((NO_MAP, 2048, WRITE))),
            ("receive buffer of length zero", base.ZERO, lambda: rx((BUF, 0, WRITE))),
            ("receive chain that is not all available", base.NOT_AVAIL,
             lambda: rx((BUF, 20, WRITE), (BUF, 2048, WRITE), own={1: 0})),
            ("4 GB that wrap", base.WRAP, lambda: tx((-0x1000, 0xffffffff, 0))),
            ("table of 4 GB", base.TABLE, lambda: table(one, n=0xfffffff0)),
            ("4 GB in a table", base.UNMAPPED, lambda: table((NO_MAP, 0xffffffff, 0))),
            ("4 GB behind the mapping", base.UNMAPPED, lambda: tx((NO_MAP, 0xffffffff, 0))),
            ("a receive buffer of 4 GB that is not mapped", base.UNMAPPED,
             lambda: rx((NO_MAP, 0xffffffff, WRITE))),
            ("a command without room for its answer", base.NO_ACK,
             lambda: dev.offer(CTRL, [(CMD, 3, 0)]))):
        dev.start()
        act()
        base.breaks(dev, wire, name, why)
        wire.send(frame(60, 1))
    dev.start(F_ALL & ~F_INDIRECT)
    tx((TABLE, 16, INDIRECT))
    base.breaks(dev, wire, "a table without the feature", base.NO_INDIRECT)
    for area, at in (("desc", 0x200008), ("avail", 0x200002)):
        try:
            dev.start(move={area: at})
            base.breaks(dev, wire, f"misaligned {area}", base.IMPOSSIBLE)
        except OSError:
            report(True, f"misaligned {area} is refused")
    # a ring of one, whose descriptor is available again before it is given back
    dev.start(num=1)
    dev.offer(1, [one], kick=False)
    dev.racing = True
    thread = threading.Thread(target=overtake, args=(dev,))
    thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and not dev.status() & NEEDS_RESET:
        dev.kick(1)
    dev.racing = False
    thread.join()
    # or it is seen first that the device has written there that nothing was received
    base.breaks(dev, wire, "a driver that overtakes the device", base.OVERRUN + "|" + base.ZERO, 0.1)
    # nothing available is no mistake, whatever the flags
    dev.start()
    dev.put_flags(1, 0, USED | NEXT)
    dev.put_flags(1, 1, 0xffff)
    dev.kick(1)
    report(dev.done(1, 0.1) is None and not dev.status() & NEEDS_RESET,
           "a descriptor of the wrong round is not available")
    dev.start()
    report(works(dev, wire) and command(dev), "a reset heals")
    wire.drain()
    for pieces in ([(BUF, 0xffffffff, 0)], [(BUF, 0xffffffff, 0), (BUF, 101, 0)]):
        ident = dev.offer(1, pieces)
        report(dev.done(1) == (ident, 0, 0) and wire.recv(0.05) is None and
               not dev.status() & NEEDS_RESET, f"4 GB in {len(pieces)} is dropped")
    ident = dev.offer(0, [(BUF, 0xffffffff, WRITE)], kick=False)
    wire.send(frame(300, 1))
    report(dev.done(0) == (ident, 326, WRITE) and dev.get(BUF + 12, 314) == frame(300, 1),
           "of a receive buffer of 4 GB what is needed is taken")
    report(base.storm(dev) and works(dev, wire), "3,000 kicks for nothing: the port works on")


def fuzz(dev, wire, seed, rounds=40):
    rnd = random.Random(seed)
    survived = 0
    for _ in range(rounds):
        dev.start(F_ALL | rnd.choice((0, F_EVENT_IDX)), base=rnd.choice((0, 0, rnd.randrange(2 * NUM))))
        dev.put(TABLE, rnd.randbytes(64))
        for q in range(3):
            while rnd.randrange(12):
                flags = {0: WRITE, 1: 0, 2: rnd.choice((0, WRITE))}[q]
                pieces = []
                for _ in range(rnd.choice((1, 1, 2, 3, 9))):
                    addr, size = BUF + rnd.randrange(1 << 20), rnd.choice((1, 12, 13, 60, 1500, 4096, 65536))
                    f = flags
                    if not rnd.randrange(40):
                        f = rnd.randrange(1 << 16) & ~(AVAIL | USED)
                    if not rnd.randrange(60):
                        addr = rnd.randrange(1 << 64)
                    pieces.append((addr, size, f))
                if not rnd.randrange(6):
                    dev.write_table(pieces)
                    pieces = [(TABLE, 16 * len(pieces), INDIRECT)]
                own = {rnd.randrange(4): rnd.choice((0, AVAIL, USED, AVAIL | USED))} \
                    if not rnd.randrange(15) else None
                dev.offer(q, pieces, kick=False, ident=rnd.randrange(1 << 16), own=own)
            dev.ask(q, rnd.randrange(4), rnd.randrange(1 << 16))
            dev.kick(q)
        for _ in range(5):
            wire.send(frame(rnd.randrange(46, 1400), 1))
            dev.put_flags(rnd.randrange(3), rnd.randrange(NUM), rnd.randrange(1 << 16))
        if not rnd.randrange(10):
            dev.unmap()
        survived += not dev.status() & NEEDS_RESET
        wire.drain()
    dev.start()
    report(works(dev, wire) and command(dev),
           f"{rounds} random rings, {survived} not broken, then it works")


def main():
    path, rep = sys.argv[1:3]
    wire = Wire(rep)
    dev = Device(path)
    well_behaved(dev, wire)
    events(dev, wire)
    states(dev, wire)
    hostile(dev, wire)
    fuzz(dev, wire, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    # close with the device running and traffic on the way
    dev.start()
    for i in range(40):
        dev.offer(0, [(BUF + 2048 * i, 2048, WRITE)], kick=False)
    for _ in range(20):
        wire.send(frame(60, 1))
    dev.close()
    for _ in range(20):
        wire.send(frame(60, 1))
    dev = base.Device(path)
    dev.start()
    report(base.works(dev, wire), "a driver of split rings is next")
    dev.close()
    return 1 if base.failed else 0


sys.exit(main())
