#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Requests that a generator makes of the specification: right ones and wrong ones.

usage: netlink_fuzz.py root SEED SECONDS    prints what it did; exit status 1 when
                                            a refusal came without a reason
       netlink_fuzz.py user SEED COUNT      as nobody: everything is refused
       netlink_fuzz.py listen               counts events until it is killed
"""
import errno
import faulthandler
import os
import random
import signal
import socket
import struct
import sys
import time

from netlink import (ACK, ACK_TLVS, ATTRS, DONE, DUMP, ERROR, OPS, REQUEST, SET_OF, SPEC,
                     Family, attr, attrs_of)

SETS = {s['name']: {a['name']: a for a in s['attributes']} for s in SPEC['attribute-sets']}
REQUESTS = []
for one in SPEC['operations']['list']:
    for kind in ('do', 'dump'):
        if kind in one:
            REQUESTS.append((one['name'], kind == 'dump',
                             (one[kind].get('request') or {}).get('attributes', [])))
# what the kernel's generic part refuses has no text: permissions, operations it
# does not know, messages that are no messages, memory, a socket that is full
SILENT = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOMEM, errno.ENOBUFS, errno.EBUSY}


class Fuzzer:
    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.family = Family()
        self.family.sock.settimeout(10)
        self.names = [b'red', b'blue', b'green', b'x' * 31, b'q']
        self.links = [i for i, _ in socket.if_nameindex()]
        self.ids = []               # of tenants that there are, or were
        self.made = {}              # object -> the request that last made one
        self.done = {}
        self.silent = []

    def number(self, bits, checks):
        rnd = self.rnd
        edges = [0, 1, (1 << bits) - 1, 1 << (bits - 1)]
        for key in ('min', 'max'):
            if isinstance(checks.get(key), int):
                edges += [checks[key] - 1, checks[key], checks[key] + 1]
        pick = rnd.randrange(4)
        value = rnd.choice(edges) if pick == 0 else rnd.randrange(1, 7) if pick < 3 else \
            rnd.getrandbits(bits)
        return value & (1 << bits) - 1

    def right(self, spec):
        """A payload that may well be obeyed."""
        rnd, name = self.rnd, spec['name']
        kind, checks = spec['type'], spec.get('checks', {})
        if self.ids and (name == 'tenant-id' or spec is SETS['tenant']['id']):
            return struct.pack('=I', rnd.choice(self.ids))
        if name == 'ifindex':
            return struct.pack('=I', rnd.choice(self.links))
        if name == 'local4':
            return bytes((192, 0, 2, 1))
        if name == 'proto':
            return bytes((rnd.choice((6, 17, 17)),))
        if name in ('src', 'dst'):
            return bytes((10, 0, 0, rnd.randrange(3)))
        if name == 'area':
            return bytes(127) + bytes((rnd.randrange(256),))
        if name == 'abi':
            return struct.pack('=I', 1)
        if name == 'frame':
            return b'\x02' + bytes(rnd.randrange(13, 1400))
        if kind in ('u8', 'u16', 'u32', 'u64'):
            top = checks.get('max', 9)
            value = rnd.randrange(checks.get('min', 0), min(9, top if isinstance(top, int) else 9) + 1)
            return (value + (rnd.randrange(90) if name == 'vni' else 0)).to_bytes(int(kind[1:]) // 8,
                                                                                 'little')
        if kind == 'string':
            return (rnd.choice((b'red0', b'up0')) if name == 'ifname' else rnd.choice(self.names)) + b'\0'
        if name == 'mac':
            return b'\x02' + bytes(4) + bytes([rnd.randrange(4)])
        return bytes((192, 0, 2, 2)) if kind == 'binary' else b''

    def value(self, spec):
        """A payload of the type, mostly."""
        rnd, name = self.rnd, spec['name']
        kind, checks = spec['type'], spec.get('checks', {})
        if kind in ('u8', 'u16', 'u32', 'u64'):
            bits = int(kind[1:])
            value = self.number(bits, checks)
            if name == 'ifindex' and rnd.randrange(3):
                value = rnd.choice(self.links)
            if name == 'vni' and rnd.randrange(3):
                value = rnd.randrange(100, 110)
            data = value.to_bytes(bits // 8, 'little')
            if name == 'local4':
                data = rnd.choice((bytes((192, 0, 2, 1)), data))
        elif kind == 'string':
            data = rnd.choice((rnd.choice(self.names), rnd.choice(self.names), b'red0', b'up0',
                               b'', b'\xff\xfe', b'a b', b'a/b', b'\x1b[2J', b'"\\', b'%n%s',
                               b'x' * 32, bytes(rnd.randrange(256) for _ in range(rnd.randrange(40)))))
            data += b'\0' if rnd.randrange(8) else b''
        elif kind == 'flag':
            data = b''
        elif kind == 'nest':
            data = attr(1, bytes(8)) * rnd.randrange(4)
        else:
            size = checks.get('exact-len', checks.get('min-len', rnd.choice((4, 16))))
            data = rnd.choice((bytes(size), bytes(rnd.randrange(256) for _ in range(size)),
                               b'\x02' + bytes(size - 2) + bytes([rnd.randrange(4)])))
        if not rnd.randrange(15):
            data = data[:rnd.randrange(len(data) + 1)]
        if not rnd.randrange(15):
            data += bytes(rnd.choice((1, 4, 300, 4000)))
        return data

    def payload(self, op, wanted):
        rnd = self.rnd
        known = SETS.get(SET_OF[op], {})
        # what was just made is there to be changed or removed
        made = self.made.get(op.split('-')[0])
        if made and not op.endswith('-new') and not rnd.randrange(4 if op[:4] != 'conn' else 2):
            numbers = {ATTRS[SET_OF[op]][n][0] for n in wanted}
            out = b''.join(attr(n, data) for n, data in made if n in numbers)
            if op == 'conn-set':
                out += attr(ATTRS['conn']['area'][0], self.right(known['area']))
            return out
        if rnd.randrange(2):
            every = rnd.randrange(2)
            seldom = ('layout', 'area')     # want a program, and its number
            return b''.join(attr(ATTRS[SET_OF[op]][n][0], self.right(known[n])) for n in wanted
                            if (every and n not in seldom) or rnd.randrange(2) or
                            not rnd.randrange(3))
        names = [n for n in wanted if rnd.randrange(8)]
        if not rnd.randrange(6) and known:
            names.append(rnd.choice(list(known)))
        if not rnd.randrange(10) and names:
            names.append(rnd.choice(names))
        if not rnd.randrange(6):
            rnd.shuffle(names)
        out = b''
        for name in names:
            number = ATTRS[SET_OF[op]][name][0]
            data = self.value(known[name])
            if not rnd.randrange(25):
                number |= rnd.choice((0x8000, 0x4000, 0xc000))
            if not rnd.randrange(40):
                number = rnd.choice((0, 63, 0x3fff))
            if rnd.randrange(40):
                out += attr(number, data)
            else:               # a length that is not so
                out += struct.pack('=HH', rnd.choice((0, 1, 3, 4, len(data) + 5, 0xffff)), number) + data
                out += bytes(-len(out) % 4)
        if not rnd.randrange(60):
            out += bytes(rnd.randrange(9))
        return out

    def answers(self, limit=None, bodies=None):
        """-> (error, text, messages), which BODIES gets; stops early after LIMIT receives."""
        seen = 0
        while True:
            data = self.family.sock.recv(1 << 16)
            while len(data) >= 16:
                length, kind, flags, seq = struct.unpack_from('=IHHI', data)
                body = data[16:length]
                data = data[(length + 3) & ~3:]
                if seq != self.family.seq:
                    continue
                if kind not in (ERROR, DONE):
                    seen += 1
                    if bodies is not None:
                        bodies.append(body)
                    continue
                code = -struct.unpack_from('=i', body)[0]
                skip = 4 if kind == DONE else 4 + (16 if flags & 0x100 else
                                                   struct.unpack_from('=I', body, 4)[0] + 3 & ~3)
                tlvs = dict(attrs_of(body[skip:])) if flags & ACK_TLVS else {}
                return code, tlvs.get(1, b'').rstrip(b'\0').decode(errors='replace'), seen
            if limit and seen >= limit:
                return 0, '', seen

    def one(self, hurry=False):
        """One request; in a hurry one that was never obeyed, or makes what it may want."""
        rnd = self.rnd
        never = self.never() if hurry else ()
        op, dump, wanted = rnd.choice([
            r for r in REQUESTS if not hurry or r[0] + ('-dump' if r[1] else '') in never or
            r[0].endswith('-new') or r[0] == 'prog-set' or
            # of a slow port
            r[0] == 'port-set' and 'packet-send' in never])
        cmd, flags = OPS[op], REQUEST | (DUMP if dump else ACK)
        if not rnd.randrange(40):
            cmd = rnd.choice((0, 255, len(OPS), len(OPS) + 1))
        if not rnd.randrange(25):
            flags ^= DUMP
        if not rnd.randrange(40):
            flags |= rnd.choice((0x400, 0x800, 2, 8))
        payload = self.payload(op, wanted)
        self.family.send_raw(cmd, flags, payload, rnd.choice((1, 1, 1, 0, 2, 255)))
        if not flags & (DUMP | ACK):
            return
        if dump and not rnd.randrange(8):
            # a dump that nobody reads to its end
            self.family.sock.close()
            self.family = Family()
            self.family.sock.settimeout(10)
            return
        code, text, seen = self.answers()
        key = (op + ('-dump' if dump else ''), errno.errorcode.get(code, 'ok'))
        self.done[key] = self.done.get(key, 0) + 1
        if not code and (op.endswith('-new') or op == 'prog-set') and cmd == OPS[op]:
            self.made[op[:-4]] = list(attrs_of(payload))
        if code and not text and code not in SILENT:
            self.silent.append(f'{op} dump={dump} flags {flags:#x}: {os.strerror(code)}, '
                               f'payload {payload.hex()}, {seen} messages')

    def look(self):
        """Numbers are not used again soon: which are there?"""
        number, bodies = ATTRS['tenant']['id'][0], []
        self.family.send_raw(OPS['tenant-get'], REQUEST | DUMP, b'')
        self.answers(bodies=bodies)
        self.ids = [struct.unpack('=I', data)[0] for body in bodies
                    for n, data in attrs_of(body[4:]) if n == number]

    def never(self):
        """Operations that have not been obeyed yet."""
        return {f'{op}{"-dump" if dump else ""}' for op, dump, _ in REQUESTS} - \
            {op for op, code in self.done if code == 'ok'}


def root(seed, seconds):
    faulthandler.dump_traceback_later(120, exit=True)
    fuzzer = Fuzzer(seed)
    end = time.monotonic() + seconds
    count = 0
    # on a slow machine as long as it takes, within reason
    while time.monotonic() < end or (fuzzer.never() and time.monotonic() < end + 7 * seconds):
        if count % 50 == 0:
            fuzzer.look()
        fuzzer.one(hurry=time.monotonic() > end)
        count += 1
    ok = sum(v for (_, code), v in fuzzer.done.items() if code == 'ok')
    by_code = {}
    for (_, code), v in fuzzer.done.items():
        by_code[code] = by_code.get(code, 0) + v
    print(f'{count} requests, {ok} obeyed;', ', '.join(f'{v} {k}' for k, v in sorted(by_code.items())))
    print('never obeyed:', ', '.join(sorted(fuzzer.never())) or 'none')
    for line in fuzzer.silent[:5]:
        print('refused without a reason:', line)
    return bool(fuzzer.silent) or not ok


def user(seed, count):
    fuzzer = Fuzzer(seed)
    os.setgroups([])
    os.setresuid(65534, 65534, 65534)
    fuzzer.family = Family()
    fuzzer.family.sock.settimeout(10)
    for _ in range(count):
        fuzzer.one()
    print({code: sum(v for (_, c), v in fuzzer.done.items() if c == code)
           for code in {c for _, c in fuzzer.done}})
    return any(code == 'ok' for _, code in fuzzer.done) or bool(fuzzer.silent)


def listen():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    ctrl = Family.__new__(Family)
    ctrl.sock, ctrl.number, ctrl.seq = sock, 16, 0
    ctrl.send_raw(3, REQUEST | ACK, attr(2, b'chamelio\0'), 1)
    groups = {}
    for body in ctrl.answers():
        for number, data in attrs_of(body[4:]):
            if number == 7:
                for _, group in attrs_of(data):
                    entry = dict(attrs_of(group))
                    groups[entry[1].rstrip(b'\0').decode()] = struct.unpack('=I', entry[2])[0]
    sock.setsockopt(270, 1, groups['events'])
    seen = {}

    def stop(*_):
        print(sum(seen.values()), 'events', seen, flush=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    print('listening', flush=True)
    names = {i + 1: o['name'] for i, o in enumerate(SPEC['operations']['list'])}
    while True:
        try:
            data = sock.recv(1 << 16)
        except OSError as why:
            seen[why.strerror] = seen.get(why.strerror, 0) + 1
            continue
        while len(data) >= 20:
            length = struct.unpack_from('=I', data)[0]
            name = names.get(data[16], data[16])
            seen[name] = seen.get(name, 0) + 1
            data = data[(length + 3) & ~3:]


if __name__ == '__main__':

    if sys.argv[1] == 'root':
        sys.exit(root(int(sys.argv[2]), float(sys.argv[3])))
    if sys.argv[1] == 'user':
        sys.exit(user(int(sys.argv[2]), int(sys.argv[3])))
    listen()
