"""Authentication tags: the last 8 bytes of the payload of a frame with the flag `authenticated`.

A tag covers the direction and the generation, which are not in the frame, then its header and payload as they are sent. So
a frame that is changed, sent back to where it came from, or kept for a later transport, does not pass. Of unsequenced DATA it
covers the number too, counted by both ends from 0 in each generation, and on polling in each request, with the number of the
request: they have no sequence number that would show a frame which somebody repeats.
"""

from flight_client.errors import TagError
from flight_client.session.spec import (
    FLAG_AUTHENTICATED,
    FLAG_CHECKED,
    HEADER_BYTES,
    TAG_BYTES,
    TRAILER_BYTES,
    TYPE_DATA,
    TYPE_POLL,
)
from flight_client.wire._core_access import BYTES, Buffer, ffi, lib
from flight_client.wire.frames import FrameReader, refuse_fields

__all__ = ["DOWN", "UP", "FrameTags"]

UP = 0  # device to gateway
DOWN = 1  # gateway to device
_WORD = b"frame"  # no proof begins like this
_POLL_NUMBER = slice(20, 24)  # in the payload of POLL


class _Counted:
    """The unsequenced DATA frames of one direction, within the present generation or polling request."""

    def __init__(self) -> None:
        self.generation = 0
        self.poll = 0
        self.count = 0

    def head(self, direction: int, generation: int, counts: bool) -> bytes:
        """What the tag covers in front of the frame."""
        head = _WORD + bytes((direction,)) + generation.to_bytes(4, "little")
        poll, count = (self.poll, self.count) if generation == self.generation else (0, 0)
        return head + poll.to_bytes(4, "little") + count.to_bytes(4, "little") if counts else head

    def went(self, generation: int) -> None:
        """One was sealed, or was right."""
        if generation != self.generation:
            self.generation, self.poll, self.count = generation, 0, 0
        self.count += 1

    def polled(self, generation: int, payload: bytes) -> None:
        """A request begins, perhaps one that was there before."""
        self.generation, self.poll, self.count = generation, int.from_bytes(payload[_POLL_NUMBER], "little"), 0


class FrameTags:
    """Writes and checks the frames of one session, for one of its ends. Usable from begin() on."""

    def __init__(self, sends: int, reads: int) -> None:
        """sends, reads: the directions UP and DOWN, as this end sees them."""
        self._mac = ffi.new("flight_hmac *")
        self._ready = False
        self._sends = sends
        self._reads = reads
        self._sent = _Counted()
        self._read = _Counted()

    def begin(self, key: bytes) -> None:
        """From now on with this session key."""
        lib.flight_hmac_key(self._mac, key, len(key))
        self._ready = True
        self._sent, self._read = _Counted(), _Counted()

    def seal(
        self,
        generation: int,
        buffer: bytearray | memoryview,
        type: int,  # noqa: A002 - what the protocol calls it
        flags: int,
        channel: int,
        seq: int,
        ack: int,
        payload_bytes: int,
    ) -> int:
        """As seal_frame(), with a tag behind the payload: the buffer has room for it. Returns the bytes of the frame."""
        assert self._ready  # a tag under no key would pass for one
        counts = type == TYPE_DATA and seq == 0
        head = self._sent.head(self._sends, generation, counts)
        view = ffi.from_buffer(BYTES, buffer, True)
        fields = (type, flags, channel, seq, ack, payload_bytes)
        try:
            total = lib.python_tag_seal(self._mac, head, len(head), view, len(buffer), *fields)
        except OverflowError:
            refuse_fields(0, *fields)
        if total < 0:
            refuse_fields(total, *fields)
        if counts:
            self._sent.went(generation)
        elif type == TYPE_POLL:
            self._sent.polled(generation, bytes(buffer[HEADER_BYTES : HEADER_BYTES + 24]))
        return total

    def encode(
        self,
        generation: int,
        type: int,  # noqa: A002 - what the protocol calls it
        flags: int,
        channel: int,
        seq: int,
        ack: int,
        payload: Buffer,
    ) -> bytes:
        """As encode_frame(), with a tag."""
        size = len(payload)
        frame = bytearray(HEADER_BYTES + size + TAG_BYTES + (TRAILER_BYTES if flags & FLAG_CHECKED else 0))
        frame[HEADER_BYTES : HEADER_BYTES + size] = payload
        self.seal(generation, frame, type, flags, channel, seq, ack, size)
        return bytes(frame)

    def check(self, generation: int, reader: FrameReader) -> None:
        """Take the tag off the frame on which the reader stands. Raises TagError when it is missing or wrong."""
        right = self._ready and reader.flags & FLAG_AUTHENTICATED
        counts = reader.type == TYPE_DATA and reader.seq == 0
        if not right or not reader.take_tag(self._mac, self._read.head(self._reads, generation, counts)):
            problem = "wrong" if reader.flags & FLAG_AUTHENTICATED else "missing"
            raise TagError(f"the authentication tag of a frame is {problem}", offset=reader.start, value=reader.type)
        if counts:
            self._read.went(generation)
        elif reader.type == TYPE_POLL:
            self._read.polled(generation, reader.payload())
