#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What chamctl cannot say to the kernel; numbers come from the specification.

usage: netlink.py CASE
"""
import os
import socket
import struct
import subprocess
import sys

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
with open(TOP + '/Documentation/netlink/specs/chamelio.yaml', encoding='utf-8') as f:
    # the loader in Python takes a second in an emulated machine
    SPEC = yaml.load(f, getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
OPS = {o['name']: i + 1 for i, o in enumerate(SPEC['operations']['list'])}
SET_OF = {o['name']: o.get('attribute-set') for o in SPEC['operations']['list']}
ATTRS = {s['name']: {a['name']: (i + 1, a['type']) for i, a in enumerate(s['attributes'])}
         for s in SPEC['attribute-sets']}
REQUEST, ACK, DUMP, DUMP_INTR, ACK_TLVS = 1, 4, 0x300, 0x10, 0x200
ERROR, DONE = 2, 3
PACK = {'u8': '=B', 'u16': '=H', 'u32': '=I', 'u64': '=Q'}


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code, self.text = code, text


def attr(number, data):
    return struct.pack('=HH', len(data) + 4, number) + data + bytes(-len(data) % 4)


def attrs_of(data):
    while len(data) >= 4:
        size, number = struct.unpack_from('=HH', data)
        if size < 4:
            return
        yield number & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


class Family:
    """A socket, and the family's number."""

    def __init__(self, name=b'chamelio'):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.bind((0, 0))
        self.sock.setsockopt(270, 11, 1)    # NETLINK_EXT_ACK
        self.number, self.seq = 16, 0
        self.send_raw(3, REQUEST | ACK, attr(2, name + b'\0'), 1)
        for body in self.answers():
            self.number = dict(attrs_of(body[4:]))[1]
        self.number = struct.unpack('=H', self.number[:2])[0]

    def send_raw(self, cmd, flags, payload, version=1):
        self.seq += 1
        body = struct.pack('=BBH', cmd, version, 0) + payload
        self.sock.send(struct.pack('=IHHII', 16 + len(body), self.number, flags, self.seq, 0) + body)

    def send(self, op, flags, **values):
        payload = b''
        for name, value in values.items():
            number, kind = ATTRS[SET_OF[op]][name.replace('_', '-')]
            if isinstance(value, int):
                value = struct.pack(PACK[kind], value)
            payload += attr(number, value)
        self.send_raw(OPS[op], REQUEST | flags, payload)

    def messages(self):
        """One receive: (type, flags, body) of each message. The kernel makes a
        dump's pieces no larger than the largest buffer it was ever offered."""
        data = self.sock.recv(4096)
        while len(data) >= 16:
            length, kind, flags = struct.unpack_from('=IHH', data)
            yield kind, flags, data[16:length]
            data = data[(length + 3) & ~3:]

    def answers(self):
        """Bodies until the end; Refused with the kernel's text."""
        out = []
        while True:
            for kind, flags, body in self.messages():
                if kind not in (ERROR, DONE):
                    out.append(body)
                    continue
                code = struct.unpack_from('=i', body)[0]
                if not code:
                    return out
                skip = 4 if kind == DONE else 4 + struct.unpack_from('=I', body, 4)[0]
                tlvs = dict(attrs_of(body[skip:])) if flags & ACK_TLVS else {}
                raise Refused(-code, tlvs.get(1, b'').rstrip(b'\0').decode())

    def refused(self, text, op, flags, **values):
        """The request is refused with that text."""
        self.send(op, flags, **values)
        try:
            self.answers()
        except Refused as why:
            print(why)
            return text in why.text
        return False

    def one(self, op, **values):
        """The attributes of the answer to a do."""
        self.send(op, ACK, **values)
        names = {n: name for name, (n, _) in ATTRS[SET_OF[op]].items()}
        return {names.get(n, n): v for n, v in attrs_of(self.answers()[0][4:])}


def u32(data):
    return struct.unpack('=I', data)[0]


def interrupted(between):
    """Dump tenants in small pieces, doing something after the first."""
    family = Family()
    family.send('tenant-get', DUMP)
    first = True
    pieces, intr = 0, False
    while True:
        for kind, flags, _ in family.messages():
            intr = intr or bool(flags & DUMP_INTR)
            if kind == DONE:
                print('pieces', pieces, 'interrupted', intr)
                return pieces, intr
        pieces += 1
        if first:
            between()
        first = False


def chamctl(*args):
    subprocess.run(['chamctl', *args], check=True)


def tenants(op, **values):
    family = Family()
    for i in range(100):
        family.send(op, ACK, name=b'many%d\0' % i,
                    **{k: v + i for k, v in values.items()})
        family.answers()


def case_interrupted():
    tenants('tenant-new', vni=10000)
    quiet = interrupted(lambda: None)
    changed = interrupted(lambda: chamctl('tenant', 'add', 'intruder', 'vni', '77777'))
    count = subprocess.run(['chamctl', 'tenant', 'show'], check=True, stdout=subprocess.PIPE)
    chamctl('tenant', 'del', 'intruder')
    tenants('tenant-del')
    return quiet[0] > 2 and not quiet[1] and changed[0] > 2 and changed[1] and \
        count.stdout.count(b': vni ') == 102


def case_foreign_attribute():
    return Family().refused('Unknown attribute', 'tenant-get', ACK, weight=3) or \
        Family().refused('nsupported attribute', 'tenant-get', ACK, weight=3)


def case_foreign_dump_attribute():
    """A filter that a dump does not have must not answer with everything."""
    return all(Family().refused('nsupported attribute', op, DUMP, **first) and
               Family().refused('Unknown attribute', op, DUMP, **other)
               for op, first, other in (
                   ('tenant-get', {'id': 1}, {'name': b'red\0'}),
                   ('port-get', {'ifindex': 1}, {'ifname': b'red0\0'}),
                   ('uplink-get', {'ifindex': 1}, {'ifname': b'up0\0'}),
                   ('stat-get', {'tenant_id': 1}, {'fast_packets': bytes(8)})))


def case_odd_address():
    return Family().refused('4 (IPv4) or 16 (IPv6)', 'conn-get', DUMP, src=bytes(5))


def case_short_address():
    return Family().refused('', 'conn-get', DUMP, dst=bytes(3))


def case_no_such_tenant():
    return Family().refused('no tenant has id 2000', 'conn-get', DUMP, tenant_id=2000) and \
        Family().refused('no tenant has id 2000', 'fdb-get', DUMP, tenant_id=2000)


def case_tenant_both():
    by_name = Family().one('tenant-get', name=b'blue\0')
    by_id = Family().one('tenant-get', id=u32(by_name['id']))
    return by_id['name'] == b'blue\0' and by_name['vni'] == by_id['vni']


def case_port_both():
    by_name = Family().one('port-get', ifname=b'red0\0')
    by_index = Family().one('port-get', ifindex=socket.if_nametoindex('red0'))
    return by_index['vdpa'] == by_name['vdpa'] == b'red0\0'


def case_uplink_both():
    by_name = Family().one('uplink-get', ifname=b'up0\0')
    by_index = Family().one('uplink-get', ifindex=socket.if_nametoindex('up0'))
    return by_index['local4'] == by_name['local4'] == socket.inet_aton('192.0.2.1')


def case_nothing_named():
    return Family().refused('ifindex or ifname', 'port-get', ACK) and \
        Family().refused('ifindex or ifname', 'uplink-get', ACK) and \
        Family().refused('id or name', 'tenant-get', ACK)


def case_tenants_request():
    """From the network namespace of tenant 1: about itself, and about tenant 2."""
    ok = True
    for op in SPEC['operations']['list']:
        own = 'uns-admin-perm' in op.get('flags', [])
        sets = {s['name']: s for s in SPEC['attribute-sets']}
        attrs = {a['name'] for a in sets[op['attribute-set']]['attributes']} \
            if 'attribute-set' in op else set()
        for kind, flags in (('do', ACK), ('dump', DUMP)):
            if kind not in op:
                continue
            if not own:
                ok &= Family().refused('only the provider may', op['name'], flags)
            elif kind == 'do':
                other = {'tenant_id': 2} if 'tenant-id' in attrs else {'id': 2}
                ok &= Family().refused("is tenant red's", op['name'], flags, **other)
    # another's is none of a dump
    family = Family()
    family.send('conn-get', DUMP, tenant_id=2)
    return ok and not family.answers()


def case_packets_refused():
    """Of tenant 1, which has no slow port."""
    family = Family()
    return all(family.refused(text, 'packet-send', ACK, tenant_id=1, **frame) for text, frame in (
        ('no slow port', {'frame': bytes(60)}),
        ('no frame', {}),
        ('attribute size out of range', {'frame': bytes(13)}),
        ('', {'frame': bytes(9239)})))


def pools():
    """The page pools that the kernel lists (netdev's page-pool-get)."""
    family = Family(b'netdev')
    family.send_raw(5, REQUEST | DUMP, b'')
    return [dict(attrs_of(body[4:])) for body in family.answers()]


def case_pools():
    """There are some, and they have owners."""
    return any(6 not in pool for pool in pools())


def case_pools_gone():
    """None waits for a page (its "detach-time") after its owner went."""
    left = [pool for pool in pools() if 6 in pool]
    for pool in left:
        print('page pool %d waits for %d pages' % tuple(
            int.from_bytes(pool.get(key, b''), 'little') for key in (1, 4)))
    return not left


if __name__ == '__main__':
    sys.exit(0 if globals()['case_' + sys.argv[1]]() else 1)
