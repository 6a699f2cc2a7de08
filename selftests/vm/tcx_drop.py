#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Hold a tcx link that drops everything, until killed.

usage: tcx_drop.py DEV ingress|egress

The bpftool of Debian 12 cannot make one.
"""
import ctypes
import os
import signal
import socket
import struct
import sys

BPF_PROG_LOAD, BPF_LINK_CREATE, SCHED_CLS = 5, 28, 3
TCX = {"ingress": 46, "egress": 47}
libc = ctypes.CDLL(None, use_errno=True)


def bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr, 128)
    fd = libc.syscall(321, cmd, buf, 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


# r0 = TC_ACT_SHOT; exit
insns = ctypes.create_string_buffer(struct.pack("<BBhi", 0xb7, 0, 0, 2) +
                                    struct.pack("<BBhi", 0x95, 0, 0, 0))
licence = ctypes.create_string_buffer(b"GPL")
where = TCX[sys.argv[2]]
prog = bpf(BPF_PROG_LOAD, struct.pack("<IIQQ", SCHED_CLS, 2, ctypes.addressof(insns),
                                     ctypes.addressof(licence)).ljust(68, b"\0") +
           struct.pack("<I", where))
bpf(BPF_LINK_CREATE, struct.pack("<IIII", prog, socket.if_nametoindex(sys.argv[1]), where, 0))
print("attached", flush=True)
signal.pause()
