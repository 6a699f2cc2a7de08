#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes of a handler's object one that no compiler makes: mutate.py HOW IN OUT."""

import struct
import sys

SHDR, SYM, REL = struct.Struct('<IIQQQQIIQQ'), struct.Struct('<IBBHQQ'), struct.Struct('<QQ')
NAME, TYPE, FLAGS, ADDR, OFFSET, SIZE, LINK, INFO, ALIGN, ENTSIZE = range(10)


class Elf:
    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = bytearray(f.read())
        self.at, = struct.unpack_from('<Q', self.data, 40)
        n, names = struct.unpack_from('<HH', self.data, 60)
        self.sh = [list(SHDR.unpack_from(self.data, self.at + i * SHDR.size)) for i in range(n)]
        self.names = self.sh[names][OFFSET]

    def text(self, off):
        at = self.names + off
        return self.data[at:self.data.index(0, at)].decode()

    def section(self, name):
        return next(s for s in self.sh if self.text(s[NAME]) == name)

    def symbols(self):
        s = self.section('.symtab')
        for at in range(s[OFFSET], s[OFFSET] + s[SIZE], SYM.size):
            yield at, list(SYM.unpack_from(self.data, at))

    def symbol(self, name):
        return next((at, s) for at, s in self.symbols() if self.text(s[0]) == name)

    def relocations(self):
        s = self.section('.rel.text')
        for at in range(s[OFFSET], s[OFFSET] + s[SIZE], REL.size):
            yield at, *REL.unpack_from(self.data, at)

    def save(self, path):
        for i, s in enumerate(self.sh):
            SHDR.pack_into(self.data, self.at + i * SHDR.size, *s)
        with open(path, 'wb') as f:
            f.write(self.data)


def how_call(elf):
    """A call of a function by its name leads elsewhere."""
    own = next(i for i, (_, s) in enumerate(elf.symbols()) if elf.text(s[0]) == 'own')
    where = next(off for _, off, info in elf.relocations() if info == own << 32 | 10)
    struct.pack_into('<i', elf.data, elf.section('.text')[OFFSET] + where + 4, -2)


def how_twice(elf):
    """An instruction has two relocations."""
    s = elf.section('.rel.text')
    all_of_it = elf.data[s[OFFSET]:s[OFFSET] + s[SIZE]]
    elf.data += bytes(-len(elf.data) % 8)
    s[OFFSET], s[SIZE] = len(elf.data), s[SIZE] + REL.size
    elf.data += all_of_it + all_of_it[:REL.size]


def how_symtab(elf):
    """What nobody looks at is a symbol table to who goes by types."""
    elf.section('.llvm_addrsig')[TYPE] = 2


def how_code(elf):
    """Data that is code."""
    elf.section('license')[FLAGS] |= 4


def how_huge(elf):
    """More than 64 bits can add up."""
    elf.section('.bss')[SIZE] = 1 << 63


def how_local(elf):
    """A static function is called as the hook."""
    at, sym = elf.symbol('other')
    sym[0] = elf.symbol('rx')[1][0]
    SYM.pack_into(elf.data, at, *sym)


def how_type(elf):
    """The hook has the static function's type, and with that its linkage."""
    ext = elf.section('.BTF.ext')[OFFSET]
    length, off = struct.unpack_from('<II', elf.data, ext + 4)
    size, _, n = struct.unpack_from('<III', elf.data, ext + length + off)
    starts = {s[4]: elf.text(s[0]) for _, s in elf.symbols() if s[1] & 15 == 2}
    types = {}
    for i in range(n):
        at = ext + length + off + 12 + i * size
        insn, kind = struct.unpack_from('<II', elf.data, at)
        types[starts[insn]] = at, kind
    struct.pack_into('<I', elf.data, types['rx'][0] + 4, types['other'][1])


def how_map(elf):
    """A map's symbol is before its section, where another's map will be."""
    at, sym = elf.symbol('seen')
    sym[4] = (1 << 64) - 32
    SYM.pack_into(elf.data, at, *sym)


def how_mine(elf):
    """A map without a name of its own."""
    at, sym = elf.symbol('seen')
    sym[1] = 3
    SYM.pack_into(elf.data, at, *sym)


def how_shadow(elf):
    """A static variable is among the maps, where a map is asked for by its name."""
    at, sym = elf.symbol('count')
    seen = elf.symbol('seen')[1]
    sym[3:6] = seen[3:6]
    SYM.pack_into(elf.data, at, *sym)


def how_twin(elf):
    """A function's type says that it is elsewhere."""
    btf = elf.section('.BTF')[OFFSET]
    length, types, _, names = struct.unpack_from('<IIII', elf.data, btf + 4)
    at = btf + length + types
    while True:
        name, info, _ = struct.unpack_from('<III', elf.data, at)
        name += btf + length + names
        kind, n = info >> 24 & 31, info & 0xffff
        if kind == 12 and elf.data[name:elf.data.index(0, name)] == b'own':
            struct.pack_into('<I', elf.data, at + 4, 12 << 24 | 2)
            return
        at += 12 + {1: 4, 3: 12, 4: 12 * n, 5: 12 * n, 6: 8 * n, 13: 8 * n, 14: 4, 15: 12 * n,
                    17: 4, 19: 12 * n}.get(kind, 0)


def how_core(elf):
    """Something is filled in later."""
    ext = elf.section('.BTF.ext')[OFFSET]
    struct.pack_into('<I', elf.data, ext + 28, 16)


def how_overlap(elf):
    """The code lies over the file's header."""
    elf.section('.text')[OFFSET] = 0


def main():
    how, from_, to = sys.argv[1:]
    elf = Elf(from_)
    globals()['how_' + how](elf)
    elf.save(to)


main()
