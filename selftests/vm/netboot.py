#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What a machine asks for that boots from its network: DHCP and TFTP.

usage: netboot.py DEV ADDRESS OF_GUEST DIR

Gives the guest OF_GUEST as its address, ADDRESS as its server and "script" as what
to boot, and serves the files of DIR. A line on standard output for each file that
was fetched to its end: "NAME BYTES".
"""

import os
import select
import socket
import struct
import sys

BLOCK = 512


def dhcp_answer(ask, address, guest):
    kind = ask.find(b"\x35\x01", 240)
    if len(ask) < 244 or ask[0] != 1 or kind < 0 or ask[kind + 2] not in (1, 3):
        return None
    say = 2 if ask[kind + 2] == 1 else 5
    return (struct.pack("!BBBBIHH4s4s4s4s", 2, 1, 6, 0, *struct.unpack_from("!IHH", ask, 4),
                        bytes(4), socket.inet_aton(guest), socket.inet_aton(address), bytes(4)) +
            ask[28:44] + bytes(64) + b"script".ljust(128, b"\0") + b"\x63\x82\x53\x63" +
            bytes([53, 1, say, 54, 4]) + socket.inet_aton(address) +
            bytes([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 255])).ljust(300, b"\0")


class Transfer:
    """One file on its way: a block, its acknowledgement, the next."""

    def __init__(self, address, peer, name, where, block):
        self.name = name
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 0))
        self.sock.connect(peer)
        self.done = False
        self.block = block or BLOCK
        try:
            with open(os.path.join(where, os.path.basename(name)), "rb") as f:
                self.data = f.read()
        except OSError:
            self.sock.send(struct.pack("!HH", 5, 1) + b"no such file\0")
            self.done = True
            return
        self.n = 0 if block else 1
        if block:
            self.last = struct.pack("!H", 6) + f"blksize\0{block}\0tsize\0{len(self.data)}\0".encode()
        else:
            self.last = self.piece()
        self.sock.send(self.last)

    def piece(self):
        at = (self.n - 1) * self.block
        return struct.pack("!HH", 3, self.n & 0xffff) + self.data[at:at + self.block]

    def heard(self):
        try:
            what = self.sock.recv(2048)
        except OSError:
            self.done = True
            return
        kind, n = struct.unpack_from("!HH", what)
        if kind == 5:
            self.done = True
        elif kind == 4 and n == self.n & 0xffff:
            if self.n and len(self.last) - 4 < self.block:
                print(self.name, len(self.data), flush=True)
                self.done = True
                return
            self.n += 1
            self.last = self.piece()
            self.sock.send(self.last)


def main():
    dev, address, guest, where = sys.argv[1:]
    dhcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode())
    dhcp.bind(("", 67))
    tftp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tftp.bind((address, 69))
    transfers = []
    while True:
        ready, _, _ = select.select([dhcp, tftp] + [t.sock for t in transfers], [], [], 1)
        if dhcp in ready:
            answer = dhcp_answer(dhcp.recv(2048), address, guest)
            if answer:
                dhcp.sendto(answer, ("255.255.255.255", 68))
        if tftp in ready:
            ask, peer = tftp.recvfrom(2048)
            words = ask[2:].split(b"\0")
            options = dict(zip(words[2::2], words[3::2]))
            if ask[:2] == b"\0\1":
                transfers.append(Transfer(address, peer, words[0].decode(), where,
                                          min(int(options.get(b"blksize", 0)), 1400)))
        for t in transfers:
            if t.sock in ready:
                t.heard()
        transfers = [t for t in transfers if not t.done]


if __name__ == "__main__":
    main()
