"""The hot paths in bytecode, for boards without viper: the same names and bytes as _viper.py.

Nothing here takes heap after the first event of each size: numbers stay below 2^30 (32 bits are two halves), and bytes are
copied by pack_into with a view of the slot, made once. So `mem` is a list: a view of each slot's record up to the end of
the memory, then the memory itself. Stamp and about (channel, slots, state) of a slot stand in `st`, behind the numbers.
"""

import time
from struct import pack_into

from micropython import const

from ._plain_bytes import copies, copy_format
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

_heads: dict[int, str] = {}  # by the bytes of a body


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
    abouts = _STAMPS + slots
    head = st[_HEAD]
    left = st[_COUNT]
    if left > most:
        left = most
    used = events = channel = count = taken = 0
    before = words = -1  # of the event before: most are as that was
    form = ""
    start = at
    end = at + room
    while left > 0:
        about = st[abouts + head]
        if about != before:
            if about >> 24 == _FILLER:
                used += about >> 16 & 0xFF
                head = 0
                about = st[abouts]
            if events == 0:
                channel = about & 0xFFFF
            elif about & 0xFFFF != channel:
                break
            before = about
            taken = about >> 16 & 0xFF
        view = mem[head]
        if view[1] != words or words == 255:
            words = view[1]
            count = 4 + (words << 2) if words != 255 else 8 + (view[4] | view[5] << 8 | view[6] << 16)
            form = copies.get(count) or copy_format(count)
        if at + count > end:
            if events == 0:
                return -1
            break
        pack_into(form, out, at, view)
        age = now - st[_STAMPS + head] & _CLOCK
        if age:  # in the slot it is 0
            if age >= 0x8000:
                age = long_age(age)
            out[at + 2] = age & 0xFF
            out[at + 3] = age >> 8
        at += count
        used += taken
        head += taken
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


class Emitter:
    """Queues one kind of event on one channel: fill `body` as the layout says, then call emit(). Made by Channel.emitter().

    emit() keeps its names and arguments few: what does not fit 11 words the interpreter takes from the heap for each call, and
    gives back at its end; where the heap is scattered, finding it takes longer than all the rest.
    """

    def __init__(self, ring, gate, channel: int, layout: int, body_bytes: int) -> None:
        words = body_bytes >> 2
        self.body = bytearray(body_bytes)
        self.st = ring.st
        self.mem = ring.mem
        self.gate = gate
        self.channel = channel
        self.layout = layout
        self.about = channel | 1 << 16 | _EVENT << 24
        self.abouts = _STAMPS + ring.st[_SLOTS]  # where they begin in `st`
        self.short = body_bytes <= 1016 and words + 3 <= ring.st[_WORDS]
        self.head = bytes((layout, words & 0xFF, 0, 0))
        self.form = "4s%ds" % body_bytes

    def emit(self) -> int:
        """QUEUED, or why not. Takes no heap."""
        st = self.st
        slots = st[_SLOTS]
        if self.gate[0] or st[_USED] >= slots or not self.short:
            return self._emit_slowly()
        tail = st[_TAIL]
        pack_into(self.form, self.mem[tail], 0, self.head, self.body)
        st[tail + _STAMPS] = time.ticks_ms() & _CLOCK  # type: ignore[operator]
        st[tail + self.abouts] = self.about
        tail += 1
        st[_TAIL] = tail if tail < slots else 0
        st[_USED] += 1
        st[_COUNT] += 1
        st[_ACCEPTED] += 1
        return _QUEUED

    def _emit_slowly(self) -> int:
        """The same where the gate is closed, there is no room, or the event takes more than a slot."""
        gate = self.gate
        if gate[0]:
            gate[1] += 1
            return -gate[0]
        stamp = time.ticks_ms() & _CLOCK  # type: ignore[operator]
        return ring_put(self.st, self.mem, self.channel, self.layout, stamp, self.body, len(self.body))
