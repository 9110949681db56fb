"""The hot paths as machine code (MicroPython's viper). _plain.py has the same in bytecode; fast.py chooses one of them.

A viper integer has the size of a machine word, and no check for overflow. So nothing here needs more than 32 bits, and
where 32 bits are shifted down a mask takes away what a sign or a longer word would bring in. A constant must be below 2^30.

The numbers of a ring stand in an array of 32-bit integers (`st`, see ring.py), its slots in one bytearray (`mem`), each slot
as in the C core: stamp; channel, slots, state; the record, its age still zero.
"""

import time
from array import array

import micropython
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

_EVENT = const(2)
_FILLER = const(3)
_CLOCK = const(0x3FFFFFFF)
_QUEUED = const(1)
_REFUSED_FULL = const(-1)

FORM = "viper"


def memory(slots: int, slot_bytes: int) -> bytearray:
    """The slots of a ring."""
    return bytearray(slots * slot_bytes)


@micropython.viper
def ring_put(st: ptr32, mem: ptr32, channel: int, layout: int, stamp: int, body: ptr8, count: int) -> int:
    """Copy an event in. `count` is a multiple of 4 that fits half of the ring: ring.py has looked."""
    words = st[_WORDS]
    slots = st[_SLOTS]
    heads = 3
    if count > 1016:
        heads = 4
    left = (count >> 2) + heads
    need = 0
    while left > 0:
        left -= words
        need += 1
    tail = st[_TAIL]
    to_end = slots - tail
    room = need
    if need > to_end:
        room = need + to_end
    while slots - st[_USED] < room:
        if st[_DROPS] == 0 or st[_COUNT] == 0:
            st[_FULL] += 1
            return _REFUSED_FULL
        ring_drop(st, mem)
        st[_DROPPED] += 1
    if need > to_end:
        mem[tail * words + 1] = (to_end << 16) | (_FILLER << 24)
        tail = 0
    base = tail * words
    mem[base] = stamp
    mem[base + 1] = channel | (need << 16) | (_EVENT << 24)
    if heads == 3:
        mem[base + 2] = layout | ((count >> 2) << 8)
    else:
        mem[base + 2] = layout | 0xFF00
        mem[base + 3] = count
    base += heads
    if (int(body) & 3) == 0:
        source = ptr32(body)
        i = 0
        count = count >> 2
        while i < count:
            mem[base + i] = source[i]
            i += 1
    else:
        out = ptr8(mem)
        base = base << 2
        i = 0
        while i < count:
            out[base + i] = body[i]
            i += 1
    tail += need
    if tail >= slots:
        tail = 0
    st[_TAIL] = tail
    st[_USED] += room
    st[_COUNT] += 1
    st[_ACCEPTED] += 1
    return _QUEUED


@micropython.viper
def ring_drop(st: ptr32, mem: ptr32) -> int:
    """The oldest event leaves; 0 where there is none."""
    if st[_COUNT] == 0:
        return 0
    words = st[_WORDS]
    slots = st[_SLOTS]
    gone = 0
    while gone == 0:
        head = st[_HEAD]
        taken = (mem[head * words + 1] >> 16) & 0xFF
        if (mem[head * words + 1] >> 24) & 0xFF == _EVENT:
            gone = 1
        st[_USED] -= taken
        head += taken
        if head >= slots:
            head = 0
        st[_HEAD] = head
    st[_COUNT] -= 1
    return 1


@micropython.viper
def pack(st: ptr32, mem: ptr32, out: ptr8, at: int, room: int, now: int, most: int) -> int:
    """Events of one channel as records, behind each other; the bytes written. -1: the first does not fit."""
    words = st[_WORDS]
    slots = st[_SLOTS]
    head = st[_HEAD]
    left = st[_COUNT]
    if left > most:
        left = most
    used = 0
    events = 0
    channel = 0
    start = at
    while left > 0:
        base = head * words
        if (mem[base + 1] >> 24) & 0xFF == _FILLER:
            used += (mem[base + 1] >> 16) & 0xFF
            head = 0
            base = 0
        about = mem[base + 1]
        if events == 0:
            channel = about & 0xFFFF
        elif (about & 0xFFFF) != channel:
            break
        body = (mem[base + 2] >> 8) & 0xFF
        if body == 255:
            count = 8 + mem[base + 3]
        else:
            count = 4 + (body << 2)
        if count > room:
            if events == 0:
                return -1
            break
        age = (now - mem[base]) & _CLOCK
        if age >= 0x8000:
            age = int(long_age(age))
        base += 2
        if ((int(out) + at) & 3) == 0:
            to = ptr32(int(out) + at)
            i = 1
            words_out = count >> 2
            to[0] = mem[base] | (age << 16)
            while i < words_out:
                to[i] = mem[base + i]
                i += 1
        else:
            source = ptr8(mem)
            base = base << 2
            i = 4
            while i < count:
                out[at + i] = source[base + i]
                i += 1
            out[at] = source[base]
            out[at + 1] = source[base + 1]
            out[at + 2] = age
            out[at + 3] = age >> 8
        at += count
        room -= count
        taken = (about >> 16) & 0xFF
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


@micropython.viper
def slot_word(st: ptr32, mem: ptr32, slot: int, word: int) -> int:
    """Word 0 (the stamp) or 1 (channel, slots, state) of a slot."""
    return mem[slot * st[_WORDS] + word]


class Emitter:
    """Queues one kind of event on one channel: fill `body` as the layout says, then call emit(). Made by Channel.emitter()."""

    def __init__(self, ring, gate, channel: int, layout: int, body_bytes: int) -> None:
        self.body = bytearray(body_bytes)
        self.st = ring.st
        self.mem = ring.mem
        self.gate = gate
        self.channel = channel
        self.layout = layout
        self.about = array("i", [channel | 1 << 16 | _EVENT << 24, layout | (body_bytes >> 2) << 8, body_bytes >> 2])
        self.ticks = time.ticks_ms

    @micropython.viper
    def emit(self) -> int:
        """QUEUED, or why not. Takes no heap."""
        gate = ptr32(self.gate)
        if gate[0] != 0:
            gate[1] += 1
            return 0 - gate[0]
        stamp = int(self.ticks()) & _CLOCK
        st = ptr32(self.st)
        about = ptr32(self.about)
        words = st[_WORDS]
        count = about[2]
        if st[_USED] >= st[_SLOTS] or count + 3 > words or count > 254:
            return int(ring_put(self.st, self.mem, self.channel, self.layout, stamp, self.body, count << 2))
        tail = st[_TAIL]
        to = ptr32(int(ptr32(self.mem)) + ((tail * words) << 2))
        body = ptr32(self.body)
        to[0] = stamp
        to[1] = about[0]
        to[2] = about[1]
        to = ptr32(int(to) + 12)
        i = 0
        while i < count:
            to[i] = body[i]
            i += 1
        tail += 1
        if tail == st[_SLOTS]:
            tail = 0
        st[_TAIL] = tail
        st[_USED] += 1
        st[_COUNT] += 1
        st[_ACCEPTED] += 1
        return _QUEUED


def whole(mem: bytearray) -> bytearray:
    """The bytes of all slots."""
    return mem


def extra_words(slots: int) -> int:
    """What `st` has behind its numbers."""
    return 0
