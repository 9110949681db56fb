"""The ring: events wait here in fixed slots of one bytearray until they are packed into a frame.

Of the array of numbers that fast.py works on, by place: 0 slot of the oldest event, 1 where the next one goes, 2 events that
wait, 3 slots that are taken, 4 slots, 5 words of a slot, 6 events accepted since the start, 7 of those dropped for newer
ones, 8 events refused for lack of room, 9 whether the oldest goes where there is no room, 10 and 11 events and channel of
the last pack. It has 32-bit numbers, which are kept below 2^30, so that reading one takes no heap on any board.
"""

from array import array

from micropython import const

from .fast import extra_words, memory, pack, ring_drop, ring_put

_COUNT = const(2)
_ACCEPTED = const(6)
_DROPPED = const(7)
_FULL = const(8)
_EVENTS = const(10)
_CHANNEL = const(11)
_NUMBERS = const(16)

QUEUED = 1
REFUSED_FULL = -1
REFUSED_TOO_LARGE = -2


class Ring:
    """`slots` of `slot_bytes` each; an event takes as many slots as it needs, at most half of them and 255."""

    def __init__(self, slots: int, slot_bytes: int, drop_oldest: bool = False) -> None:
        if not 0 < slots < 8192 or slot_bytes < 16 or slot_bytes & 3:
            raise ValueError("a ring has 1 to 8191 slots of 16 bytes and more, a multiple of 4")
        self.st = array("i", [0] * (_NUMBERS + extra_words(slots)))
        self.st[4] = slots
        self.st[5] = slot_bytes >> 2
        self.st[9] = 1 if drop_oldest else 0
        self.mem = memory(slots, slot_bytes)
        self.body_limit = min(max(slots >> 1, 1), 255) * slot_bytes - 12
        if self.body_limit > 1016:
            self.body_limit -= 4
        self.kept = array("i", [0] * 16)  # of delta_pack.py: layout, words, place, mask of four layouts

    @property
    def count(self) -> int:
        """Events that wait."""
        return self.st[_COUNT]

    @property
    def accepted(self) -> int:
        """Events taken since the start."""
        return self.st[_ACCEPTED]

    @property
    def dropped(self) -> int:
        """Of those, events that a newer one pushed out."""
        return self.st[_DROPPED]

    @property
    def refused(self) -> int:
        """Events that found no room."""
        return self.st[_FULL]

    @property
    def packed_events(self) -> int:
        """Events that the last pack took."""
        return self.st[_EVENTS]

    @property
    def packed_channel(self) -> int:
        """Their channel."""
        return self.st[_CHANNEL]

    def put(self, channel: int, layout: int, stamp_ms: int, body: bytearray) -> int:
        """Copy an event in: QUEUED, REFUSED_FULL or REFUSED_TOO_LARGE. A body is a multiple of 4 bytes."""
        count = len(body)
        if count > self.body_limit or count & 3:
            return REFUSED_TOO_LARGE
        return ring_put(self.st, self.mem, channel, layout, stamp_ms, body, count)

    def drop(self) -> int:
        """The oldest event leaves; how many that were, 1 or 0. It counts nowhere: the caller knows why."""
        return ring_drop(self.st, self.mem)

    def pack(self, out: bytearray, at: int, room: int, now: int, most: int) -> int:
        """Records of the oldest events of one channel, at most `room` bytes; their bytes, -1: the first does not fit."""
        return pack(self.st, self.mem, out, at, room, now, most)
