#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A port that does not offer everything; vdpa(8) learned that after Debian 12's.

usage: vdpa_add.py NAME MTU BIT...

BIT: the virtio features that it does not have.
"""
import struct
import sys

from netlink import ACK, DUMP, REQUEST, Family, attr, attrs_of

MGMTDEV_GET, DEV_NEW = 2, 3
MGMTDEV, NAME, MTU, SUPPORTED, FEATURES = 2, 4, 13, 16, 20

family = Family(b'vdpa')
family.send_raw(MGMTDEV_GET, REQUEST | DUMP, b'')
for body in family.answers():
    have = dict(attrs_of(body[4:]))
    if have[MGMTDEV] == b'chamelio\0':
        features = struct.unpack('=Q', have[SUPPORTED])[0]
for bit in sys.argv[3:]:
    features &= ~(1 << int(bit))
family.send_raw(DEV_NEW, REQUEST | ACK,
                attr(NAME, sys.argv[1].encode() + b'\0') + attr(MGMTDEV, b'chamelio\0') +
                attr(MTU, struct.pack('=H', int(sys.argv[2]))) +
                attr(FEATURES, struct.pack('=Q', features)))
family.answers()
