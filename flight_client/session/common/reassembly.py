"""Pieces of one payload, put together: frames with the flag `more`.

A piece is a head (number of the message, number of the piece, bytes of the whole payload) and some of the bytes. Pieces of
one message follow each other in order; so one buffer is enough, and its bound is checked before the first byte is kept.
"""

from ..spec import FRAGMENT_HEAD_BYTES
from .fields import Buffer, get_u16, get_u32, put_u16, put_u32

WAIT = 0  # more pieces are needed
WHOLE = 1  # `buffer` has the payload
FOREIGN = 2  # not the piece that must come next
TOO_LARGE = 3  # the payload would be over the limit


class Reassembly:
    """One message at a time, of at most `limit` bytes."""

    def __init__(self, limit: int):
        self.limit = limit
        self.buffer: bytearray = bytearray()
        self.abandoned: int = 0  # messages that were begun and not finished
        self._total = 0  # bytes of the message that is under way, 0 = none is
        self._message = 0
        self._next = 0
        self._channel = 0
        self._flags = 0

    def under_way(self) -> bool:
        """Whether a message was begun and is not finished."""
        return self._total > 0

    def abandon(self) -> None:
        """What was begun will not be finished."""
        if self._total:
            self.abandoned += 1
        self._total = 0
        self.buffer = bytearray()

    def leave(self, channel: int) -> None:
        """What was begun for this channel will not be finished."""
        if self._channel == channel:
            self.abandon()

    def push(self, flags: int, channel: int, data: Buffer, start: int, end: int) -> int:
        """Take the payload of one frame."""
        if end - start <= FRAGMENT_HEAD_BYTES:
            return FOREIGN
        message = get_u16(data, start)
        number = get_u16(data, start + 2)
        total = get_u32(data, start + 4)
        if number == 0:
            self.abandon()
            if not 0 < total <= self.limit:
                return TOO_LARGE
            self._total = total
            self._message = message
            self._next = 0
            self._channel = channel
            self._flags = flags
        elif not self._total or message != self._message or channel != self._channel or number < self._next:
            return FOREIGN
        elif number > self._next or total != self._total or flags != self._flags:
            self.abandon()
            return FOREIGN
        start += FRAGMENT_HEAD_BYTES
        if end - start > self._total - len(self.buffer):
            self.abandon()
            return FOREIGN
        self.buffer.extend(memoryview(data)[start:end])
        self._next += 1
        if len(self.buffer) < self._total:
            return WAIT
        self._total = 0
        return WHOLE


def write_head(out: bytearray, at: int, message: int, number: int, total: int) -> None:
    """The head of a piece."""
    put_u16(out, at, message)
    put_u16(out, at + 2, number)
    put_u32(out, at + 4, total)
