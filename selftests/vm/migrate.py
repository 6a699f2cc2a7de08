#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What migrate.sh needs besides a shell.

usage: migrate.py count ADDRESS PORT PORT RESULTS
           Sends a number a line every 200 ms to both ports, from 0 on; each is to
           come back. RESULTS gets a line for each port, "SENT RECEIVED": lines, or
           "bad" in place of RECEIVED if one is missing, doubled or not in order;
           every second, and, after SIGTERM, when the other side has ended.
       migrate.py move SOURCE DESTINATION SOCKET
           Migrates the guest from one QEMU to the other; both by QMP socket.
"""

import json
import os
import select
import signal
import socket
import sys
import time


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        for _ in range(600):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.file = self.sock.makefile("r")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, name, **arguments):
        self.sock.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        for line in self.file:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                sys.exit(f"{name}: {answer['error']['desc']}")
        sys.exit(f"{name}: QEMU is gone")


def move(source, destination, path):
    src, dst = Qmp(source), Qmp(destination)
    for q in src, dst:
        q.call("migrate-set-parameters", **{"max-bandwidth": 1 << 30, "downtime-limit": 2000})
        q.call("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
    dst.call("migrate-incoming", uri="unix:" + path)
    start = time.monotonic()
    src.call("migrate", uri="unix:" + path)
    while True:
        info = src.call("query-migrate")
        if info["status"] in ("completed", "failed", "cancelled"):
            break
        time.sleep(0.1)
    while info["status"] == "completed" and dst.call("query-status")["status"] != "running":
        time.sleep(0.05)
    print(f"{info['status']} after {time.monotonic() - start:.1f} s, down {info.get('downtime')} ms,"
          f" {info.get('ram', {}).get('transferred', 0) >> 20} MB",
          info.get("error-desc", ""), flush=True)
    return info["status"] != "completed"


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.sent = self.lines = 0
        self.good = True
        self.rest = b""

    def tick(self):
        self.sock.send(b"%d\n" % self.sent)
        self.sent += 1

    def take(self):
        data = self.sock.recv(65536)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.good &= line == b"%d" % self.lines
            self.lines += 1
        return bool(data)

    def end(self):
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(60)
        while self.take():
            pass
        self.good &= not self.rest


def write(results, peers):
    with open(results + ".new", "w", encoding="ascii") as f:
        for p in peers:
            print(p.sent, p.lines if p.good else "bad", file=f)
    os.rename(results + ".new", results)


def count(address, *args):
    *ports, results = args
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    peers = [Peer(socket.create_connection((address, int(p)), 60)) for p in ports]
    due = time.monotonic()
    while not stop:
        for s in select.select([p.sock for p in peers], [], [],
                               max(0, due - time.monotonic()))[0]:
            if not next(p for p in peers if p.sock is s).take():
                sys.exit("a connection has ended")
        if time.monotonic() >= due:
            due += 0.2
            for p in peers:
                p.tick()
            if peers[0].sent % 5 == 0:
                write(results, peers)
    for p in peers:
        p.end()
    write(results, peers)


def main():
    what, *args = sys.argv[1:]
    if what == "count":
        return count(*args)
    return move(*args)


if __name__ == "__main__":
    sys.exit(main())
