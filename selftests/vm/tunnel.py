#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The outer header's traffic class and TTL, packet by packet, both ways.

usage: tunnel.py decap TENANT
       tunnel.py encap TENANT [TOS...]
       tunnel.py ttl
       tunnel.py tcp TENANT TOS

Tenant red has an underlay of IPv4, blue of IPv6.

decap sends each of the 16 ECN combinations from host B as a raw frame and
prints for each inner family "INNER OUTER: what the tenant got"; encap sends
from the tenant and prints "family tos: outer tos, ttl"; ttl prints the outer
TTL of red and of blue; tcp sends one stream and prints the traffic classes of
its data segments, inner and outer.
"""
import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

FAR4, NEAR4, FAR6, NEAR6 = "10.0.0.2", "10.0.0.1", "fd00::2", "fd00::1"
FAMILY = {"red": 4, "blue": 6}
OUTER = {4: ("192.0.2.2", "192.0.2.1"), 6: ("2001:db8::2", "2001:db8::1")}
NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
MAGIC = b"chamelio tunnel test"
libc = ctypes.CDLL(None, use_errno=True)


def in_ns(ns, make):
    """A socket made in a namespace stays there."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + ns, os.O_RDONLY) if ns else here
    if libc.setns(there, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns " + ns)
    try:
        return make()
    finally:
        libc.setns(here, 0x40000000)
        os.close(here)


def packet_socket(ns, dev):
    def make():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.bind((dev, 0))
        return s
    return in_ns(ns, make)


def mac(dev, ns=None):
    cmd = ["ip"] + (["-n", ns] if ns else []) + ["-j", "link", "show", dev]
    text = json.loads(subprocess.check_output(cmd))[0]["address"]
    return bytes.fromhex(text.replace(":", ""))


def ones(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_udp(family, src, dst, tos, sport, dport, body, ttl=64):
    """An IP packet with a UDP checksum; (tos, addresses, body) as asked."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    a, b = socket.inet_pton(kind, src), socket.inet_pton(kind, dst)
    length = 8 + len(body)
    head = struct.pack(">HHH", sport, dport, length)
    check = ones(a + b + struct.pack(">HH", 17, length) + head + b"\0\0" + body)
    udp = head + struct.pack(">H", check or 0xffff) + body
    if family == 6:
        return struct.pack(">IHBB", 6 << 28 | tos << 20, length, 17, ttl) + a + b + udp
    ip = struct.pack(">BBHHHBBH", 0x45, tos, 20 + length, 1, 0, ttl, 17, 0) + a + b
    return ip[:10] + struct.pack(">H", ones(ip)) + ip[12:] + udp


def ip_parse(packet):
    """(tos, ttl, protocol, rest, header checksum is right)"""
    if packet[0] >> 4 == 4:
        return packet[1], packet[8], packet[9], packet[20:], not ones(packet[:20])
    tos = struct.unpack(">H", packet[:2])[0] >> 4 & 255
    return tos, packet[7], packet[6], packet[40:], True


def frames(sock, seconds):
    """What arrives until nothing has for so long."""
    while select.select([sock], [], [], seconds)[0]:
        data, where = sock.recvfrom(1 << 16)
        if where[2] != socket.PACKET_OUTGOING:
            yield data


def vni_of(tenant):
    out = json.loads(subprocess.check_output(["chamctl", "-j", "tenant", "show", tenant]))
    return (out[0] if isinstance(out, list) else out)["vni"]


def decap(tenant):
    family = FAMILY[tenant]
    wire, guest = packet_socket("hostb", "b0"), packet_socket("t-" + tenant, "eth0")
    inner_eth = mac("eth0", "t-" + tenant) + mac("eth0", "b-" + tenant)
    outer_eth = mac("up0") + mac("b0", "hostb")
    vxlan = struct.pack(">II", 0x08000000, vni_of(tenant) << 8)
    for inner in (4, 6):
        src, dst = (FAR4, NEAR4) if inner == 4 else (FAR6, NEAR6)
        for o in range(4):
            for i in range(4):
                # the upper six bits are not the tunnel's to change
                packet = ip_udp(inner, src, dst, 0xb8 | i, 9, 9, MAGIC + bytes((inner, o, i)))
                packet = vxlan + inner_eth + (b"\x08\0" if inner == 4 else b"\x86\xdd") + packet
                packet = ip_udp(family, *OUTER[family], 0x28 | o, 50000, 4789, packet)
                wire.send(outer_eth + (b"\x08\0" if family == 4 else b"\x86\xdd") + packet)
                time.sleep(0.002)
    got = {}
    for data in frames(guest, 0.7):
        if data[12:14] not in (b"\x08\0", b"\x86\xdd") or MAGIC not in data:
            continue
        tos, _, proto, rest, good = ip_parse(data[14:])
        tag = rest[8 + len(MAGIC):][:3]
        if proto != 17 or rest[8:8 + len(MAGIC)] != MAGIC:
            continue
        got.setdefault(tuple(tag), []).append(
            NAMES[tos & 3] + ("" if tos >> 2 == 0xb8 >> 2 else " other DSCP") +
            ("" if good else " bad checksum"))
    for inner in (4, 6):
        for i in range(4):
            for o in range(4):
                print("v%d %s %s: %s" % (inner, NAMES[i], NAMES[o],
                                        " ".join(got.get((inner, o, i), ["dropped"]))))


def outer_packets(wire, vni, seconds):
    """(outer tos, ttl, inner frame) of what goes to a network on the wire"""
    for data in frames(wire, seconds):
        if data[12:14] not in (b"\x08\0", b"\x86\xdd"):
            continue
        tos, ttl, proto, rest, good = ip_parse(data[14:])
        if proto != 17 or rest[2:4] != struct.pack(">H", 4789) or \
                rest[12:15] != struct.pack(">I", vni)[1:]:
            continue
        yield tos, ttl if good else "bad checksum", rest[16:]


def encap(tenant, values):
    """{(inner family, tos): what was seen}"""
    wire, vni = packet_socket("hostb", "b0"), vni_of(tenant)
    for inner in (4, 6):
        s = in_ns("t-" + tenant, lambda: socket.socket(
            socket.AF_INET if inner == 4 else socket.AF_INET6, socket.SOCK_DGRAM))
        for tos in values:
            if inner == 4:
                s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
            else:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
            s.sendto(MAGIC + bytes((tos,)), (FAR4 if inner == 4 else FAR6, 9))
            time.sleep(0.002)
        s.close()
    got = {}
    for tos, ttl, frame in outer_packets(wire, vni, 0.7):
        if MAGIC not in frame:
            continue
        itos, _, proto, rest, _ = ip_parse(frame[14:])
        if proto == 17 and rest[8:8 + len(MAGIC)] == MAGIC:
            assert itos == rest[8 + len(MAGIC)], "inner traffic class was changed"
            got.setdefault((frame[14] >> 4, itos), []).append("%02x ttl %s" % (tos, ttl))
    return {(inner, tos): " ".join(got.get((inner, tos), ["nothing"]))
            for inner in (4, 6) for tos in values}


def tcp(tenant, tos):
    wire, vni = packet_socket("hostb", "b0"), vni_of(tenant)
    server = in_ns("b-" + tenant, lambda: socket.create_server((FAR4, 7777)))

    def sink():
        conn, _ = server.accept()
        while conn.recv(1 << 16):
            pass
    thread = threading.Thread(target=sink)
    thread.start()
    s = in_ns("t-" + tenant, lambda: socket.create_connection((FAR4, 7777)))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    s.sendall(bytes(200000))
    s.close()
    seen = {}
    for outer, _, frame in outer_packets(wire, vni, 0.5):
        itos, _, proto, rest, _ = ip_parse(frame[14:])
        if proto == 6 and rest[2:4] == struct.pack(">H", 7777) and len(frame) > 500:
            key = "%02x->%02x" % (itos, outer)
            seen[key] = seen.get(key, 0) + 1
    thread.join()
    print(" ".join(seen))
    print(sum(seen.values()), "data segments", file=sys.stderr)


if sys.argv[1] == "decap":
    decap(sys.argv[2])
elif sys.argv[1] == "encap":
    for (inner, tos), seen in encap(sys.argv[2], [int(v, 0) for v in sys.argv[3:]] or [
            dscp << 2 | ecn for dscp in (0, 10, 46, 63) for ecn in range(4)]).items():
        print("v%d %02x: %s" % (inner, tos, seen))
elif sys.argv[1] == "ttl":
    print(*(" ".join(sorted(set(encap(t, [0]).values()))) for t in FAMILY), sep=", ")
else:
    tcp(sys.argv[2], int(sys.argv[3], 0))
