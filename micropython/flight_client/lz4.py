"""LZ4 blocks behind their size (docs/protocol.md, Compressed records): read; written where the board has 1 KB for a table."""

from array import array

from micropython import const

from .fast import copy

_DAMAGED = const(-15)
_NO_ROOM = const(-2)
_MOST = const(65536)
_BITS = const(9)


def unpacked_bytes(data, start: int, end: int) -> int:
    """The size before compression, below 0 for one that cannot be."""
    if end - start <= 4 or data[start + 3]:
        return _DAMAGED
    size = data[start] | data[start + 1] << 8 | data[start + 2] << 16
    return size if 0 < size <= _MOST and size <= 255 * (end - start - 4) else _DAMAGED


def decompress_into(data, start: int, end: int, out: bytearray, room: int) -> int:
    """The original bytes from out[0] on; their number, below 0 where anything is damaged."""
    size = unpacked_bytes(data, start, end)
    if size < 0:
        return size
    if size > room:
        return _NO_ROOM
    at = start + 4
    to = 0
    while at < end:
        token = data[at]
        at += 1
        count = token >> 4
        if count == 15:
            while True:
                if at == end or count > _MOST:
                    return _DAMAGED
                count += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        if count > end - at or count > size - to:
            return _DAMAGED
        copy(out, to, data, at, count)
        at += count
        to += count
        if at == end:
            return size if token & 15 == 0 and to == size else _DAMAGED
        if end - at < 2:
            return _DAMAGED
        back = data[at] | data[at + 1] << 8
        at += 2
        if back == 0 or back > to:
            return _DAMAGED
        count = token & 15
        if count == 15:
            while True:
                if at == end or count > _MOST:
                    return _DAMAGED
                count += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        count += 4
        if count > size - to:
            return _DAMAGED
        copy(out, to, out, to - back, count)
        to += count
    return _DAMAGED


def _hash(data, at: int) -> int:
    """The upper nine bits of the four bytes as a number, times 2654435761, in 32 bits; no part is over 2^30."""
    a = data[at]
    b = data[at + 1]
    # 2654435761 = 0x9E37 79B1, in halves. Wanted is the upper half of the product, with the carry into it.
    upper = (b * 0x79B1 + (a * 0x79B1 >> 8)) >> 8
    upper += a * 0x9E37 + (b * 0x37 << 8)
    upper += data[at + 2] * 0x79B1 + (data[at + 3] * 0xB1 << 8)
    return (upper & 0xFFFF) >> 16 - _BITS


def _same_four(data, a: int, b: int) -> bool:
    return (
        data[a] == data[b] and data[a + 1] == data[b + 1] and data[a + 2] == data[b + 2] and data[a + 3] == data[b + 3]
    )


class Packer:
    """Compresses; `table` is the memory that it needs, one for all blocks."""

    def __init__(self) -> None:
        self._table = array("H", [0] * (1 << _BITS))
        self._out = bytearray()
        self._at = 0
        self._end = 0

    def compress_into(self, data, start: int, end: int, out: bytearray, room: int) -> int:
        """Size and block from out[0] on; the bytes written, 0 where they do not fit `room`."""
        size = end - start
        if not 0 < size <= _MOST or room < 4:
            return 0
        out[0] = size & 0xFF
        out[1] = size >> 8 & 0xFF
        out[2] = size >> 16
        out[3] = 0
        self._out = out
        self._at = 4
        self._end = room
        table = self._table
        for i in range(1 << _BITS):
            table[i] = 0
        matches_end = size - 12 if size >= 13 else 0
        at = literals = 0
        while at < matches_end:
            slot = _hash(data, start + at)
            found = table[slot]
            table[slot] = at
            if found >= at or not _same_four(data, start + found, start + at):
                at += 1 + (at - literals >> 6)
                continue
            count = 4
            while at + count < size - 5 and data[start + at + count] == data[start + found + count]:
                count += 1
            if not self._sequence(data, start + literals, at - literals, at - found, count):
                return 0
            at += count
            literals = at
        return self._at if self._sequence(data, start + literals, size - literals, 0, 0) else 0

    def _sequence(self, data, at: int, literals: int, back: int, count: int) -> bool:
        match = count - 4 if count else 0
        needed = 1 + literals + _extra(literals)
        if count:
            needed += 2 + _extra(match)
        if needed > self._end - self._at:
            return False
        out = self._out
        out[self._at] = min(literals, 15) << 4 | min(match, 15)
        self._at += 1
        self._length(literals)
        copy(out, self._at, data, at, literals)
        self._at += literals
        if count:
            out[self._at] = back & 0xFF
            out[self._at + 1] = back >> 8
            self._at += 2
            self._length(match)
        return True

    def _length(self, count: int) -> None:
        if count < 15:
            return
        count -= 15
        while count >= 255:
            self._out[self._at] = 255
            self._at += 1
            count -= 255
        self._out[self._at] = count
        self._at += 1


def _extra(count: int) -> int:
    return 0 if count < 15 else 1 + (count - 15) // 255
