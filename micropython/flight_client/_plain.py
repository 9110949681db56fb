"""The hot paths in bytecode, for boards without viper: the same names and bytes as _viper.py.

Nothing here takes heap after the first event of each size: numbers stay below 2^30 (32 bits are two halves), and bytes are
copied by pack_into with a view of the slot, made once. So `mem` is a list: a view of each slot's record up to the end of
the memory, then the memory itself. Stamp and about (channel, slots, state) of a slot stand in `st`, behind the numbers.
"""

import time
from struct import pack_into

from micropython import const

from .ages import long_age

_HEAD = const(0)
_TAIL = const(1)
_COUNT = const(2)
_USED = const(3)
_SLOTS = const(4)
_WORDS = const(5)
_ACCEPTED = const(6)
_DROPPED = const(7)
_FULL = const(8)
_DROPS = const(9)
_EVENTS = const(10)
_CHANNEL = const(11)
_STAMPS = const(16)

_EVENT = const(2)
_FILLER = const(3)
_CLOCK = const(0x3FFFFFFF)
_QUEUED = const(1)
_REFUSED_FULL = const(-1)

FORM = "bytecode"

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

_heads: dict[int, str] = {}  # by the bytes of a body
_copies: dict[int, str] = {}  # by the bytes of a record


def memory(slots: int, slot_bytes: int) -> list:
    """The slots of a ring."""
    data = bytearray(slots * slot_bytes)
    view = memoryview(data)
    mem: list = [view[i * slot_bytes + 8 :] for i in range(slots)]
    mem.append(data)
    return mem


def whole(mem: list) -> bytearray:
    """The bytes of all slots."""
    return mem[-1]


def extra_words(slots: int) -> int:
    """What `st` has behind its numbers."""
    return 2 * slots


def slot_word(st, mem: list, slot: int, word: int) -> int:
    """Word 0 (the stamp) or 1 (channel, slots, state) of a slot."""
    return st[_STAMPS + word * st[_SLOTS] + slot]


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
        pack_into(_copy_format(count), out, 0, data)
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


def _copy_format(count: int) -> str:
    found = _copies.get(count)
    if found is None:
        found = _copies[count] = "%ds" % count
    return found


def _head_format(count: int) -> str:
    found = _heads.get(count)
    if found is None:
        found = _heads[count] = ("<BBH%ds" if count <= 1016 else "<BBHI%ds") % count
    return found


def ring_put(st, mem: list, channel: int, layout: int, stamp: int, body, count: int) -> int:
    """Copy an event in. `count` is a multiple of 4 that fits half of the ring: ring.py has looked."""
    slots = st[_SLOTS]
    words = st[_WORDS]
    need = ((count >> 2) + words + (3 if count > 1016 else 2)) // words
    tail = st[_TAIL]
    to_end = slots - tail
    room = need if need <= to_end else need + to_end
    while slots - st[_USED] < room:
        if not st[_DROPS] or not st[_COUNT]:
            st[_FULL] += 1
            return _REFUSED_FULL
        ring_drop(st, mem)
        st[_DROPPED] += 1
    if need > to_end:
        st[_STAMPS + slots + tail] = to_end << 16 | _FILLER << 24
        tail = 0
    if count <= 1016:
        pack_into(_heads.get(count) or _head_format(count), mem[tail], 0, layout, count >> 2, 0, body)
    else:
        pack_into(_head_format(count), mem[tail], 0, layout, 255, 0, count, body)
    at = _STAMPS + tail
    st[at] = stamp
    st[at + slots] = channel | need << 16 | _EVENT << 24
    tail += need
    st[_TAIL] = tail if tail < slots else 0
    st[_USED] += room
    st[_COUNT] += 1
    st[_ACCEPTED] += 1
    return _QUEUED


def ring_drop(st, mem: list) -> int:
    """The oldest event leaves; 0 where there is none."""
    if st[_COUNT] == 0:
        return 0
    slots = st[_SLOTS]
    while True:
        head = st[_HEAD]
        about = st[_STAMPS + slots + head]
        taken = about >> 16 & 0xFF
        st[_USED] -= taken
        head += taken
        st[_HEAD] = head if head < slots else 0
        if about >> 24 == _EVENT:
            break
    st[_COUNT] -= 1
    return 1


def pack(st, mem: list, out: bytearray, at: int, room: int, now: int, most: int) -> int:
    """Events of one channel as records, behind each other; the bytes written. -1: the first does not fit."""
    slots = st[_SLOTS]
    head = st[_HEAD]
    left = st[_COUNT]
    if left > most:
        left = most
    used = events = 0
    channel = 0
    start = at
    while left > 0:
        index = _STAMPS + head
        about = st[index + slots]
        if about >> 24 == _FILLER:
            used += about >> 16 & 0xFF
            head = 0
            index = _STAMPS
            about = st[index + slots]
        if events == 0:
            channel = about & 0xFFFF
        elif about & 0xFFFF != channel:
            break
        view = mem[head]
        count = view[1]
        count = 4 + (count << 2) if count != 255 else 8 + (view[4] | view[5] << 8 | view[6] << 16)
        if count > room:
            if events == 0:
                return -1
            break
        age = now - st[index] & _CLOCK
        if age >= 0x8000:
            age = long_age(age)
        pack_into(_copies.get(count) or _copy_format(count), out, at, view)
        out[at + 2] = age & 0xFF
        out[at + 3] = age >> 8
        at += count
        room -= count
        about = about >> 16 & 0xFF
        used += about
        head += about
        if head >= slots:
            head = 0
        events += 1
        left -= 1
    st[_HEAD] = head
    st[_USED] -= used
    st[_COUNT] -= events
    st[_EVENTS] = events
    st[_CHANNEL] = channel
    return at - start


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


class Emitter:
    """Queues one kind of event on one channel: fill `body` as the layout says, then call emit(). Made by Channel.emitter()."""

    def __init__(self, ring, gate, channel: int, layout: int, body_bytes: int) -> None:
        self.body = bytearray(body_bytes)
        self.st = ring.st
        self.mem = ring.mem
        self.gate = gate
        self.channel = channel
        self.layout = layout
        self.about = channel | 1 << 16 | _EVENT << 24
        self.words = body_bytes >> 2
        self.form = _head_format(body_bytes)
        self.short = body_bytes <= 1016 and self.words + 3 <= ring.st[_WORDS]

    def emit(self) -> int:
        """QUEUED, or why not. Takes no heap."""
        gate = self.gate
        if gate[0]:
            gate[1] += 1
            return -gate[0]
        stamp = time.ticks_ms() & _CLOCK
        st = self.st
        slots = st[_SLOTS]
        if st[_USED] >= slots or not self.short:
            return ring_put(st, self.mem, self.channel, self.layout, stamp, self.body, self.words << 2)
        tail = st[_TAIL]
        pack_into(self.form, self.mem[tail], 0, self.layout, self.words, 0, self.body)
        at = _STAMPS + tail
        st[at] = stamp
        st[at + slots] = self.about
        tail += 1
        st[_TAIL] = tail if tail < slots else 0
        st[_USED] += 1
        st[_COUNT] += 1
        st[_ACCEPTED] += 1
        return _QUEUED
