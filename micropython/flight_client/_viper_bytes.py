"""The hot paths that look at bytes, as machine code (MicroPython's viper); see _viper.py. _plain_bytes.py has them in bytecode."""

import micropython
from micropython import const

_EVENTS = const(10)

_nibbles = bytearray(64)


@micropython.viper
def _make_nibbles(table: ptr32):
    high = 0x82F6
    n = 0
    while n < 16:
        crc = n
        bit = 0
        while bit < 4:
            odd = crc & 1
            crc = ((crc >> 1) & 0x3FFFFFFF) | (((crc >> 31) & 1) << 30)
            if odd:
                crc ^= (high << 16) | 0x3B78
            bit += 1
        table[n] = crc
        n += 1


_make_nibbles(_nibbles)


@micropython.viper
def crc32c_into(data: ptr8, at: int, count: int, out: ptr8, to: int):
    """Write the CRC-32C of `count` bytes, little-endian."""
    table = ptr32(_nibbles)
    crc = -1
    end = at + count
    while at < end:
        crc ^= data[at]
        crc = table[crc & 15] ^ ((crc >> 4) & 0xFFFFFFF)
        crc = table[crc & 15] ^ ((crc >> 4) & 0xFFFFFFF)
        at += 1
    out[to] = crc ^ 0xFF
    out[to + 1] = (crc >> 8) ^ 0xFF
    out[to + 2] = (crc >> 16) ^ 0xFF
    out[to + 3] = (crc >> 24) ^ 0xFF


@micropython.viper
def header_check(data: ptr8, at: int) -> int:
    """The check over a header's 16 bytes but the fourth (docs/protocol.md, 3)."""
    every = 0
    check = 0
    i = 0
    while i < 16:
        if i != 3:
            byte = data[at + i]
            every ^= byte
            if (0x6996 >> ((byte ^ (byte >> 4)) & 15)) & 1:  # the parity of each number of four bits
                check ^= 0x80 | ((i ^ 3) << 3)
        i += 1
    # A column's lowest three bits are the number of its bit; those of equal bits in two bytes take each other away.
    while every:
        if every & 1:
            check ^= i & 7
        every >>= 1
        i += 1
    return check


@micropython.viper
def copy(out: ptr8, to: int, data: ptr8, at: int, count: int):
    """Copy bytes forwards; where the two overlap, what was copied is copied again."""
    end = at + count
    while at < end:
        out[to] = data[at]
        to += 1
        at += 1


@micropython.viper
def mask_into(data: ptr8, at: int, end: int, key: ptr8):
    """XOR with a key of 4 bytes, as WebSocket clients must."""
    i = 0
    while at < end:
        data[at] = data[at] ^ key[i & 3]
        at += 1
        i += 1


@micropython.viper
def delta_values(out: ptr8, at: int, last: int, mem: ptr32, new: int, old: int, words: int, st: ptr32) -> int:
    """The folded differences of the words that changed; the mask goes to `st`. The end, or -1: no room behind `last`."""
    i = 0
    mask = 0
    while i < words:
        pair = 1
        if (words - i) & 1 == 0:
            pair = 2
            if mem[new + i] == mem[old + i] and mem[new + i + 1] == mem[old + i + 1]:
                i += 2
                continue
            if at > last:
                return -1
        while pair:
            z = mem[new + i] - mem[old + i]
            if z != 0:
                mask |= 1 << i
                if (z >> 31) & 1:
                    z = -1 - (z << 1)
                else:
                    z = z << 1
                more = (z >> 7) & 0x1FFFFFF
                while more:
                    out[at] = (z & 127) | 128
                    at += 1
                    z = more
                    more = z >> 7
                out[at] = z & 127
                at += 1
            i += 1
            pair -= 1
    st[_EVENTS] = mask
    return at
