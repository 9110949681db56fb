"""The hot paths that look at bytes, in bytecode: the same as _viper_bytes.py, for boards without viper; see _plain.py."""

from struct import pack_into

from micropython import const

_EVENTS = const(10)

# Entry n of the CRC's table by four bits, its upper and lower half.
_HIGH = (
    0x0,
    0x105E,
    0x20BD,
    0x30E3,
    0x417B,
    0x5125,
    0x61C6,
    0x7198,
    0x82F6,
    0x92A8,
    0xA24B,
    0xB215,
    0xC38D,
    0xD3D3,
    0xE330,
    0xF36E,
)
_LOW = (
    0x0,
    0xC76F,
    0x8EDE,
    0x49B1,
    0x1DBC,
    0xDAD3,
    0x9362,
    0x540D,
    0x3B78,
    0xFC17,
    0xB5A6,
    0x72C9,
    0x26C4,
    0xE1AB,
    0xA81A,
    0x6F75,
)

copies: dict[int, str] = {}  # by the bytes of a record


def crc32c_into(data, at: int, count: int, out: bytearray, to: int) -> None:
    """Write the CRC-32C of `count` bytes, little-endian."""
    high = low = 0xFFFF
    for i in range(at, at + count):
        low ^= data[i]
        odd = low & 15
        low = (low >> 4 | (high & 15) << 12) ^ _LOW[odd]
        high = high >> 4 ^ _HIGH[odd]
        odd = low & 15
        low = (low >> 4 | (high & 15) << 12) ^ _LOW[odd]
        high = high >> 4 ^ _HIGH[odd]
    low ^= 0xFFFF
    high ^= 0xFFFF
    out[to] = low & 0xFF
    out[to + 1] = low >> 8
    out[to + 2] = high & 0xFF
    out[to + 3] = high >> 8


def header_check(data, at: int) -> int:
    """The check over a header's 16 bytes but the fourth (docs/protocol.md, 3)."""
    # A byte at place p counts for the columns 0x80 | (p ^ 3) << 3 | bit: one sum for each bit of p ^ 3, and one for all.
    a = data[at]
    b = data[at + 2]
    four = data[at + 4]
    eight = data[at + 8]
    twelve = data[at + 12]
    y0 = a ^ b ^ four ^ data[at + 6] ^ eight ^ data[at + 10] ^ twelve ^ data[at + 14]
    a ^= data[at + 1]
    four ^= data[at + 5]
    eight ^= data[at + 9]
    twelve ^= data[at + 13]
    y1 = a ^ four ^ eight ^ twelve
    four ^= data[at + 6] ^ data[at + 7]
    eight ^= data[at + 10] ^ data[at + 11]
    twelve ^= data[at + 14] ^ data[at + 15]
    y2 = four ^ twelve
    y3 = eight ^ twelve
    every = a ^ b ^ four ^ eight ^ twelve
    # 0x6996 holds the parity of each number of four bits.
    check = (0x6996 >> ((every ^ every >> 4) & 15) & 1) << 7
    check |= (0x6996 >> ((y0 ^ y0 >> 4) & 15) & 1) << 3
    check |= (0x6996 >> ((y1 ^ y1 >> 4) & 15) & 1) << 4
    check |= (0x6996 >> ((y2 ^ y2 >> 4) & 15) & 1) << 5
    check |= (0x6996 >> ((y3 ^ y3 >> 4) & 15) & 1) << 6
    check |= 0x6996 >> ((every >> 1 & 5 | every >> 4 & 10) & 15) & 1
    check |= (0x6996 >> ((every >> 2 & 3 | every >> 4 & 12) & 15) & 1) << 1
    return check | 0x6996 >> (every >> 4) << 2 & 4


def copy(out: bytearray, to: int, data, at: int, count: int) -> None:
    """Copy bytes forwards; where the two overlap, what was copied is copied again."""
    if to == 0 and at == 0 and count == len(data):
        pack_into(copy_format(count), out, 0, data)
        return
    for i in range(count):
        out[to + i] = data[at + i]


def mask_into(data: bytearray, at: int, end: int, key) -> None:
    """XOR with a key of 4 bytes, as WebSocket clients must."""
    a = key[0]
    b = key[1]
    c = key[2]
    d = key[3]
    while at + 4 <= end:
        data[at] ^= a
        data[at + 1] ^= b
        data[at + 2] ^= c
        data[at + 3] ^= d
        at += 4
    i = 0
    while at < end:
        data[at] ^= key[i]
        at += 1
        i += 1


def copy_format(count: int) -> str:
    found = copies.get(count)
    if found is None:
        found = copies[count] = "%ds" % count
    return found


def delta_values(out: bytearray, at: int, last: int, mem: list, new: int, old: int, words: int, st) -> int:
    """The folded differences of the words that changed; the mask goes to `st`. The end, or -1: no room behind `last`."""
    data = mem[-1]
    i = mask = 0
    new <<= 2
    old <<= 2
    while i < words:
        pair = 1
        if not words - i & 1:
            pair = 2
            if _same_pair(data, new, old):
                i += 2
                new += 8
                old += 8
                continue
            if at > last:
                return -1
        while pair:
            low = (data[new] | data[new + 1] << 8) - (data[old] | data[old + 1] << 8)
            high = (data[new + 2] | data[new + 3] << 8) - (data[old + 2] | data[old + 3] << 8) + (low >> 16)
            if low or high:
                mask |= 1 << i
                at = _folded(out, at, high & 0xFFFF, low & 0xFFFF)
            i += 1
            new += 4
            old += 4
            pair -= 1
    st[_EVENTS] = mask
    return at


def _same_pair(data: bytearray, a: int, b: int) -> bool:
    for i in range(8):
        if data[a + i] != data[b + i]:
            return False
    return True


def _folded(out: bytearray, at: int, high: int, low: int) -> int:
    """A 32-bit difference in halves: folded, then as a varint."""
    sign = high >> 15
    high = (high << 1 | low >> 15) & 0xFFFF
    low = low << 1 & 0xFFFF
    if sign:
        high ^= 0xFFFF
        low ^= 0xFFFF
    while high or low > 127:
        out[at] = low & 127 | 128
        at += 1
        low = (low >> 7 | high << 9) & 0xFFFF
        high >>= 7
    out[at] = low
    return at + 1
