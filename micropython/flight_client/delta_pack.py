"""Writing delta batches (docs/protocol.md, Delta batches): the same bytes as the C core's flight_delta_pack.c.

Slots are given back when the whole batch stands, so an event finds the one before it in its slot. A place is counted in
32-bit words from the start of the ring's memory. Of ring.kept each of four layouts has four numbers: layout, words of its
fixed part, place of the last body, mask of the words that changed.
"""

from micropython import const

from .ages import long_age
from .fast import copy, delta_values, slot_word, whole
from .records import fixed_words

_HEAD = const(0)
_COUNT = const(2)
_USED = const(3)
_SLOTS = const(4)
_WORDS = const(5)
_EVENTS = const(10)
_CHANNEL = const(11)
_CLOCK = const(0x3FFFFFFF)
_FILLER = const(3)
_KEPT_WORDS = const(12)  # a longer fixed part is not kept
_ENTRY_BYTES = const(19)  # control, age, a pair of values, mask, length of a tail: at their longest
_BEHIND_BYTES = const(15)  # ... without control and age


class _Walk:
    """What one entry leaves for the next, so that a call needs few arguments."""

    def __init__(self) -> None:
        self.age = -1
        self.step = 0
        self.layouts = 0


_walk = _Walk()


def pack_delta(ring, out: bytearray, at: int, room: int, now: int, most: int, plain_room: int = 65536) -> int:
    """As Ring.pack, with differences in place of what repeats. -1: the first event does not fit.

    plain_room: no more events than would fit so many bytes as plain records.
    """
    st = ring.st
    mem = ring.mem
    data = whole(mem)
    head = st[_HEAD]
    left = min(st[_COUNT], most)
    used = events = channel = 0
    start = at
    end = at + room
    _walk.age = -1
    _walk.layouts = 0
    while left > 0:
        about = slot_word(st, mem, head, 1)
        if about >> 24 == _FILLER:
            used += about >> 16 & 0xFF
            head = 0
            about = slot_word(st, mem, 0, 1)
        place = head * st[_WORDS] + 2
        layout = data[place << 2]
        words = data[(place << 2) + 1]
        heads = 1
        if words == 255:
            words = _long_words(data, place << 2)
            heads = 2
        count = words + heads << 2
        if count > plain_room or (events and about & 0xFFFF != channel):
            break
        age = now - slot_word(st, mem, head, 0) & _CLOCK
        if age >= 0x8000:
            age = long_age(age)
        written = _write(ring.kept, st, mem, out, at, end, place, heads, layout, words, age)
        if written < 0:
            if events == 0:
                return -1
            break
        channel = about & 0xFFFF
        at = written
        plain_room -= count
        about = about >> 16 & 0xFF
        used += about
        head += about
        if head >= st[_SLOTS]:
            head = 0
        events += 1
        left -= 1
    st[_HEAD] = head
    st[_USED] -= used
    st[_COUNT] -= events
    st[_EVENTS] = events
    st[_CHANNEL] = channel
    return at - start


def _long_words(data: bytearray, at: int) -> int:
    return (data[at + 4] | data[at + 5] << 8 | data[at + 6] << 16) >> 2


def _write(
    kept, st, mem, out: bytearray, at: int, end: int, place: int, heads: int, layout: int, words: int, age: int
) -> int:
    i = 0
    last = _walk.layouts << 2
    while i < last:
        if kept[i] == layout and words >= kept[i + 1]:
            return _entry(kept, i, st, mem, out, at, end, place + heads, words, age)
        i += 4
    return _keyframe(kept, mem, out, at, end, place, heads, layout, words, age)


def _keyframe(
    kept, mem, out: bytearray, at: int, end: int, place: int, heads: int, layout: int, words: int, age: int
) -> int:
    count = words + heads << 2
    if count > end - at:
        return -1
    _walk.step = 0 if _walk.age < 0 else _walk.step + age - _walk.age
    _walk.age = age + _walk.step & 0xFFFF
    fixed = fixed_words(layout)
    if 0 < fixed <= _KEPT_WORDS and _walk.layouts < 4 and words >= fixed:
        i = _walk.layouts << 2
        kept[i] = layout
        kept[i + 1] = fixed
        kept[i + 2] = place + heads
        kept[i + 3] = 0
        _walk.layouts += 1
    copy(out, at, whole(mem), place << 2, count)
    out[at + 2] = age & 0xFF
    out[at + 3] = age >> 8
    return at + count


def _entry(kept, i: int, st, mem, out: bytearray, at: int, end: int, body: int, words: int, age: int) -> int:
    fixed = kept[i + 1]
    tail = words - fixed
    room = end - at
    if room < _ENTRY_BYTES + (tail << 2):
        return -1
    control = 0x40 | i >> 2
    values = at + 1
    error = age - _walk.age & 0xFFFF
    if error:
        control |= 4
        values = _varint(out, values, (error << 1 ^ (0xFFFF if error & 0x8000 else 0)) & 0xFFFF)
        _walk.step += error
    _walk.age = age + _walk.step & 0xFFFF
    to = delta_values(out, values, at + room - _BEHIND_BYTES - (tail << 2), mem, body, kept[i + 2], fixed, st)
    if to < 0:
        return -1
    kept[i + 2] = body
    mask = st[_EVENTS]
    if mask != kept[i + 3]:
        control |= 8
        kept[i + 3] = mask
        wide = 2 if mask > 127 else 1
        j = to
        while j > values:
            j -= 1
            out[j + wide] = out[j]
        _varint(out, values, mask)
        to += wide
    if tail:
        control |= 16
        to = _varint(out, to, tail)
        copy(out, to, whole(mem), body + fixed << 2, tail << 2)
        to += tail << 2
    out[at] = control
    return to


def _varint(out: bytearray, at: int, value: int) -> int:
    while value > 127:
        out[at] = value & 127 | 128
        at += 1
        value >>= 7
    out[at] = value
    return at + 1
