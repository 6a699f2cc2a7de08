#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Packets against the loaded datapath, one at a time, by BPF_PROG_TEST_RUN.

Each fixture: what it is, the bytes, the program's verdict, and the reason that
the tenant's (or the infrastructure's) books must show one more of.
"""
import json
import os
import struct
import subprocess
import sys

PASS, DROP, TX = 2, 1, 3
PINS = "/sys/fs/bpf/chamelio"
UPLINK, REP = sys.argv[1], sys.argv[2]
count = failed = 0


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ones(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(src, dst, proto, body, tos=0, frag=0, ihl=5, total=None, ttl=64, bad=False):
    total = 20 + len(body) if total is None else total
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | ihl, tos, total, 1, frag, ttl, proto, 0,
                       bytes(map(int, src.split("."))), bytes(map(int, dst.split("."))))
    check = ones(head) ^ (0x5555 if bad else 0)
    return head[:10] + struct.pack(">H", check) + head[12:] + body


def udp(sport, dport, body=b"", length=None):
    return struct.pack(">HHHH", sport, dport, 8 + len(body) if length is None else length,
                       0) + body


def tcp(sport, dport, flags=0x10, doff=5, body=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, 1, 1, doff << 4, flags, 1000, 0, 0) + body


def eth(dst, src, kind, body):
    return dst + src + struct.pack(">H", kind) + body


def vxlan(vni, inner, flags=0x08000000, low=0):
    return struct.pack(">II", flags, vni << 8 | low) + inner


def run(pin, packet, ifindex):
    with open("/tmp/fixture.in", "wb") as f:
        f.write(packet)
    with open("/tmp/fixture.ctx", "wb") as f:
        f.write(struct.pack("<6I", 0, len(packet), 0, ifindex, 0, 0))
    out = subprocess.run(["bpftool", "-j", "prog", "run", "pinned", pin, "data_in",
                          "/tmp/fixture.in", "ctx_in", "/tmp/fixture.ctx",
                          "data_out", "/tmp/fixture.out"],
                         capture_output=True, text=True)
    if out.returncode:
        return "bpftool: " + out.stdout + out.stderr
    return json.loads(out.stdout)["retval"]


def books():
    """Sums over tenants and infrastructure: fast packets and each reason."""
    out = json.loads(subprocess.check_output(["chamctl", "-j", "stat", "show"]))
    total = {"fast": 0}
    for entry in out:
        total["fast"] += entry["fast-packets"]
        for name, value in entry["reasons"].items():
            total[name] = total.get(name, 0) + value
    return total


def check(what, pin, ifindex, packet, verdict, reason):
    global count, failed
    count += 1
    before = books()
    got = run(pin, packet, ifindex)
    after = books()
    moved = {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}
    good = got == verdict and moved.get(reason, 0) >= 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, what))
    if not good:
        print("# verdict %s, wanted %s; moved %s, wanted %s" % (got, verdict, moved, reason))
    sys.stdout.flush()


def link(name, ns=None):
    cmd = ["ip"] + (["-n", ns] if ns else []) + ["-j", "link", "show", name]
    return json.loads(subprocess.check_output(cmd))[0]


up, rep = link(UPLINK), link(REP)
guest = mac(link("eth0", "t-red")["address"])
far = mac(link("eth0", "b-red")["address"])
wire = mac(link("b0", "hostb")["address"])
own = mac(up["address"])
PIN_UP, PIN_PORT = os.path.join(PINS, "prog_uplink"), os.path.join(PINS, "prog_port")
for candidate in os.listdir(PINS):
    if "uplink" in candidate and "link_" not in candidate:
        PIN_UP = os.path.join(PINS, candidate)
    if "port" in candidate and "link_" not in candidate:
        PIN_PORT = os.path.join(PINS, candidate)


def inner(body=None, dst=None, src=None, kind=0x0800):
    body = ip4("10.0.0.2", "10.0.0.1", 17, udp(9, 9, b"x" * 20)) if body is None else body
    return eth(dst or guest, src or far, kind, body)


def outer(payload, vni=100, dst=None, tos=0, port=4789, ip=None, check=0, short=0, **kw):
    """check: of the outer UDP header, None for the right one; short: of its length."""
    body = vxlan(vni, payload, **kw)
    body = udp(50000, port, body, 8 + len(body) - short)
    if check is None:
        pseudo = b"\xc0\0\2\2\xc0\0\2\1\0\x11" + body[4:6]
        check = ones(pseudo + body + b"\0" * (len(body) % 2))
    body = body[:6] + struct.pack(">H", check) + body[8:]
    return eth(dst or own, wire, 0x0800,
               ip4("192.0.2.2", ip or "192.0.2.1", 17, body, tos=tos))


plain = inner()
rx = lambda what, p, v, r: check("wire: " + what, PIN_UP, up["ifindex"], p, v, r)
tx = lambda what, p, v, r: check("port: " + what, PIN_PORT, rep["ifindex"], p, v, r)

rx("UDP in VXLAN is delivered", outer(plain), DROP, "fast")
rx("TCP in VXLAN is delivered", outer(inner(ip4("10.0.0.2", "10.0.0.1", 6, tcp(80, 9)))),
   DROP, "fast")
rx("outer CE on an ECT packet is delivered", outer(inner(
   ip4("10.0.0.2", "10.0.0.1", 17, udp(9, 9), tos=2)), tos=3), DROP, "fast")
rx("outer CE on a packet without ECN", outer(plain, tos=3), PASS, "ecn")
rx("another VNI", outer(plain, vni=999), PASS, "no-tenant")
rx("another UDP port", outer(plain, port=53), PASS, "not-tunnel")
rx("another host's address", outer(plain, ip="192.0.2.9"), PASS, "not-tunnel")
rx("another host's MAC", outer(plain, dst=mac("02:00:00:00:00:07")), PASS, "not-tunnel")
rx("ARP of the host", eth(b"\xff" * 6, wire, 0x0806, b"\0" * 46), PASS, "not-tunnel")
rx("outer checksum wrong", eth(own, wire, 0x0800, ip4(
   "192.0.2.2", "192.0.2.1", 17, udp(5, 4789, vxlan(100, plain)), bad=True)), PASS, "malformed")
rx("outer fragment", eth(own, wire, 0x0800, ip4(
   "192.0.2.2", "192.0.2.1", 17, udp(5, 4789, vxlan(100, plain)), frag=0x2000)),
   PASS, "not-tunnel")
rx("outer UDP checksum wrong", outer(plain, check=1), DROP, "bad-csum")
rx("outer UDP checksum right", outer(plain, check=None), DROP, "fast")
rx("outer UDP length cuts the inner packet", outer(plain, short=1), PASS, "malformed")
rx("VXLAN without the I flag", outer(plain, flags=0), PASS, "malformed")
rx("VXLAN with another flag (GPE, GBP)", outer(plain, flags=0x88000000), PASS, "malformed")
rx("VXLAN with reserved bits", outer(plain, low=1), PASS, "malformed")
rx("VXLAN that ends in the inner Ethernet header", outer(plain[:10]), PASS, "truncated")
rx("VXLAN that ends in the inner IP header", outer(plain[:24]), PASS, "truncated")
rx("inner packet longer than the frame", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 17, udp(9, 9), total=1400))), PASS, "malformed")
rx("inner UDP header cut off by the IP length", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 17, udp(9, 9), total=24))), PASS, "malformed")
rx("inner TCP header length 0", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 6, tcp(80, 9, doff=0)))), PASS, "malformed")
rx("inner TCP header beyond the packet", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 6, tcp(80, 9, doff=15)))), PASS, "malformed")
rx("inner ARP", outer(inner(b"\0" * 28, kind=0x0806)), PASS, "not-ip")
rx("inner broadcast", outer(inner(dst=b"\xff" * 6)), PASS, "multicast")
rx("inner 802.1Q tag", outer(inner(b"\x20\x0a\x08\0" + plain[14:], kind=0x8100)), DROP, "fast")
rx("inner tag that ends the frame", outer(inner(b"\0\1", kind=0x8100)), PASS, "truncated")
rx("inner tag before ARP", outer(inner(b"\0\1\x08\6" + b"\0" * 28, kind=0x8100)), PASS, "not-ip")
rx("two inner tags", outer(inner(b"\0\1\x81\0\0\2\x08\0" + plain[14:], kind=0x8100)), PASS, "vlan")
rx("inner 802.1ad tag", outer(inner(b"\0\1\x08\0" + plain[14:], kind=0x88a8)), PASS, "vlan")
rx("inner tag takes the packet beyond the frame", outer(inner(b"\0\1\x08\0" + plain[14:-4],
   kind=0x8100)), PASS, "malformed")
rx("inner fragment", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 17, udp(9, 9), frag=0x2000))), PASS, "fragment")
rx("inner IPv4 option", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 17, b"\1\1\1\1" + udp(9, 9), ihl=6))), PASS, "ip-option")
rx("inner IPv6 extension header", outer(inner(struct.pack(
   ">IHBB", 6 << 28, 16, 0, 64) + b"\0" * 48, kind=0x86dd)), PASS, "ip-option")
rx("ICMPv6 in IPv4", outer(inner(ip4("10.0.0.2", "10.0.0.1", 58, b"\x80" + b"\0" * 19))),
   PASS, "protocol")
rx("inner GRE", outer(inner(ip4("10.0.0.2", "10.0.0.1", 47, b"\0" * 20))), PASS, "protocol")
rx("a tunnel in the tunnel is the tenant's UDP", outer(inner(ip4(
   "10.0.0.2", "10.0.0.1", 17, udp(5, 4789, vxlan(200, plain))))), DROP, "fast")
rx("source address that lives elsewhere", outer(inner(src=guest)), PASS, "src-moved")
rx("unknown destination", outer(inner(dst=mac("02:00:00:00:00:55"))), PASS, "no-fdb")

tx("ARP", eth(b"\xff" * 6, guest, 0x0806, b"\0" * 46), PASS, "multicast")
tx("unknown destination", eth(mac("02:00:00:00:00:55"), guest, 0x0800, ip4(
   "10.0.0.1", "10.0.0.2", 17, udp(9, 9))), PASS, "no-fdb")
tx("a forged source address", eth(far, mac("02:00:00:00:00:66"), 0x0800, ip4(
   "10.0.0.1", "10.0.0.2", 17, udp(9, 9))), PASS, "src-moved")
tx("larger than the tunnel takes", eth(far, guest, 0x0800, ip4(
   "10.0.0.1", "10.0.0.2", 17, udp(9, 9, b"x" * 1500))), PASS, "mtu")
print("1..%d" % count)
sys.exit(failed != 0)
