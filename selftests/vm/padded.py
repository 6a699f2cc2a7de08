#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Frames that are longer than the packet in them.

usage: padded.py DEV FROM_MAC TO_MAC FROM TO PORT BYTES COUNT

Sends COUNT UDP datagrams of 8 bytes from port PORT to port PORT in frames of BYTES, and
what is behind the packet is not zero.
"""

import socket
import struct
import sys


def total(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def main():
    dev, src_mac, dst_mac, src, dst = sys.argv[1:6]
    port, size, count = map(int, sys.argv[6:])
    data = b"unpadded"
    udp = struct.pack("!HHHH", port, port, 8 + len(data), 0) + data
    addrs = socket.inet_aton(src) + socket.inet_aton(dst)
    udp = udp[:6] + struct.pack("!H", total(addrs + struct.pack("!HH", 17, len(udp)) + udp)) + udp[8:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0x4000, 64, 17, 0) + addrs
    ip = ip[:10] + struct.pack("!H", total(ip)) + ip[12:]
    macs = bytes.fromhex((dst_mac + src_mac).replace(":", ""))
    frame = (macs + b"\x08\x00" + ip + udp).ljust(size, b"\xa5")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((dev, 0))
        for _ in range(count):
            sock.send(frame)


main()
