#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""vdpa dev add with device_features, which iproute2 of Debian 12 cannot say.

usage: vdpa_add.py NAME FEATURES [mtu N] [max_vqp N]

  FEATURES  a number, or "all" that the management device knows; "all-N": but bit N
"""
import struct
import sys

from netlink import ACK, DUMP, REQUEST, Family, attr, attrs_of

MGMTDEV_GET, DEV_NEW = 2, 3
MGMTDEV_NAME, DEV_NAME, MAX_VQP, MTU, SUPPORTED, FEATURES = 2, 4, 12, 13, 16, 20


def supported(family):
    family.send_raw(MGMTDEV_GET, REQUEST | DUMP, b'')
    for body in family.answers():
        have = dict(attrs_of(body[4:]))
        if have[MGMTDEV_NAME] == b'chamelio\0':
            return struct.unpack('=Q', have[SUPPORTED])[0]
    sys.exit('vdpa_add: there is no management device chamelio')


def main():
    name, want, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    family = Family(b'vdpa')
    if want.startswith('all'):
        features = supported(family)
        for bit in want.split('-')[1:]:
            features &= ~(1 << int(bit))
    else:
        features = int(want, 0)
    payload = attr(MGMTDEV_NAME, b'chamelio\0') + attr(DEV_NAME, name.encode() + b'\0') + \
        attr(FEATURES, struct.pack('=Q', features))
    for key, value in zip(options[::2], options[1::2]):
        payload += attr({'mtu': MTU, 'max_vqp': MAX_VQP}[key], struct.pack('=H', int(value)))
    family.send_raw(DEV_NEW, REQUEST | ACK, payload)
    family.answers()


main()
