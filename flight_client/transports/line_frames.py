"""How frames look on a line that may lose, damage and double bytes, and cannot be closed: docs/protocol.md section 7.

Every frame carries a CRC and, at the end of its payload, four bytes: which connection it belongs to (`line`, chosen anew by
the device each time) and its number within it (from 0 in each direction). So a frame of an older connection is told from
one of this, and a frame that is missing is noticed: the connection is over then, and ATTACH goes on on the next.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator

from ..errors import FrameError
from ..session.spec import (
    FLAG_CHECKED,
    FLAGS_SUPPORTED,
    HEADER_BYTES,
    HELLO_FRAME_BYTES,
    TRAILER_BYTES,
    TYPE_ATTACH,
    TYPE_HELLO,
    TYPE_POLL,
    TYPE_PROBE,
    TYPE_WELCOME,
)
from ..wire.frames import FrameReader, encode_frame

EXTENSION_BYTES = 4
# The largest frame of a session on a line, and with the extension.
SESSION_FRAME_BYTES = HELLO_FRAME_BYTES
LINE_FRAME_BYTES = SESSION_FRAME_BYTES + EXTENSION_BYTES
NUMBERS = 0x10000
FIRST_TYPES = (TYPE_HELLO, TYPE_ATTACH, TYPE_PROBE)
# Frames that have a CRC by themselves; of all others it is the line's, and goes with it, so that their tags stay right.
CHECKED_TYPES = (TYPE_HELLO, TYPE_WELCOME, TYPE_ATTACH, TYPE_POLL)

_EXTENSION = struct.Struct("<HH")

TAKE = 0
DOUBLED = 1
MISSING = 2


@dataclasses.dataclass(frozen=True, slots=True)
class LineFrame:
    """One frame that came over a line."""

    line: int
    number: int
    kind: int
    frame: bytes
    """Without the extension, as the session knows it."""

    @property
    def first(self) -> bool:
        """Whether a connection may begin with it."""
        return self.number == 0 and self.kind in FIRST_TYPES


def to_line(body: bytes, line: int, number: int) -> Iterator[bytes]:
    """The frames of a turn as they go over the line; they take the numbers from `number` on.

    Raises FrameError for bytes that are no frames, or a frame that is too large for a line.
    """
    reader = FrameReader(FLAGS_SUPPORTED)  # which of them were agreed is the session's business
    reader.feed(body, SESSION_FRAME_BYTES)
    while reader.next():
        payload = body[reader.start : reader.end] + _EXTENSION.pack(line, number % NUMBERS)
        number += 1
        if HEADER_BYTES + len(payload) + TRAILER_BYTES > LINE_FRAME_BYTES:
            raise FrameError("a frame is too large for the line once it has its CRC", value=len(payload))
        yield encode_frame(reader.type, reader.flags | FLAG_CHECKED, reader.channel, reader.seq, reader.ack, payload)


def from_line(kind: int, flags: int, channel: int, seq: int, ack: int, payload: bytes) -> LineFrame | None:
    """What the stream reader found, taken apart; None where the extension is missing."""
    if len(payload) < EXTENSION_BYTES:
        return None
    line, number = _EXTENSION.unpack_from(payload, len(payload) - EXTENSION_BYTES)
    if kind not in CHECKED_TYPES:
        flags &= ~FLAG_CHECKED
    frame = encode_frame(kind, flags, channel, seq, ack, payload[:-EXTENSION_BYTES])
    return LineFrame(line, number, kind, frame)


def judge(number: int, expected: int) -> int:
    """What a frame with this number means where another is expected: half of the numbers are behind, half ahead."""
    ahead = (number - expected) % NUMBERS
    if ahead == 0:
        return TAKE
    return DOUBLED if ahead > NUMBERS // 2 else MISSING
