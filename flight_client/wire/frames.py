"""Frames: write one, read those of a message, find those in a stream of bytes."""

import struct
from typing import NoReturn

from flight_client.errors import CallerError, FrameError
from flight_client.session.spec import (
    FLAG_CHECKED,
    FLAGS_PLAIN,
    HEADER_BYTES,
    MAX_FRAME_BYTES,
    NUMBER_LIMIT,
    TAG_BYTES,
    TRAILER_BYTES,
)
from flight_client.wire._core_access import BYTES, FLAGS, LENGTH, Buffer, ffi, frame_error, lib, readable, text_of

__all__ = ["FrameReader", "StreamReader", "encode_frame", "seal_frame"]

_TRUNCATED = 0
# magic and version, type, flags, check, payload bytes, channel, seq, ack
_HEADER = struct.Struct("<BBBBHHII")


def encode_frame(type: int, flags: int, channel: int, seq: int, ack: int, payload: Buffer) -> bytes:  # noqa: A002 - what the protocol calls it
    """One whole frame: header, its check, the payload, and the CRC where the flags say `checked`."""
    payload_bytes = len(payload)
    frame = bytearray(HEADER_BYTES + payload_bytes + (TRAILER_BYTES if flags & FLAG_CHECKED else 0))
    frame[HEADER_BYTES : HEADER_BYTES + payload_bytes] = payload
    seal_frame(frame, type, flags, channel, seq, ack, payload_bytes)
    return bytes(frame)


def seal_frame(
    buffer: bytearray | memoryview,
    type: int,  # noqa: A002 - what the protocol calls it
    flags: int,
    channel: int,
    seq: int,
    ack: int,
    payload_bytes: int,
) -> int:
    """Make a frame of a buffer whose payload already stands at offset 16. Returns the bytes of the whole frame."""
    try:
        total_bytes = lib.python_seal(
            ffi.from_buffer(BYTES, buffer, True),
            len(buffer),
            type,
            flags,
            channel,
            seq,
            ack,
            payload_bytes,
        )
    except OverflowError:
        refuse_fields(0, type, flags, channel, seq, ack, payload_bytes)
    if total_bytes < 0:
        refuse_fields(total_bytes, type, flags, channel, seq, ack, payload_bytes)
    return total_bytes


def refuse_fields(code: int, *fields: int) -> NoReturn:
    """Say which of the fields cannot be sent."""
    names = ("type", "flags", "channel", "seq", "ack", "payload_bytes")
    shown = ", ".join(f"{name}={value}" for name, value in zip(names, fields, strict=True))
    raise CallerError(
        f"this frame cannot be written: {text_of(code) if code else 'a number does not fit its field'}",
        value=shown,
        next_step=f"channel is below 65536, seq and ack are below {NUMBER_LIMIT}, a frame has at most "
        f"{MAX_FRAME_BYTES} bytes and the buffer must hold it",
    )


class FrameReader:
    """Reads the frames of one message (a WebSocket message, the body of a poll): whole frames, one behind the other.

    `feed` gives it the message; each `next` that returns True has filled the fields. The payload is
    `data[reader.start:reader.end]`: nothing is copied. Reuse one reader for many messages.

    allowed_flags    frames with other flags are refused. Flags that need an agreement (compressed, more, delta) are not
                     in it from the start: the session adds what both sides have said that they read.
    """

    __slots__ = (
        "_data",
        "_end",
        "_limit",
        "_position",
        "_source",
        "ack",
        "allowed_flags",
        "channel",
        "end",
        "flags",
        "seq",
        "start",
        "type",
    )

    type: int
    flags: int
    channel: int
    seq: int
    ack: int
    start: int
    end: int

    def __init__(self, allowed_flags: int = FLAGS_PLAIN) -> None:
        self.allowed_flags: int = allowed_flags
        self._data: object = b""
        self._source: Buffer = b""
        self._position = 0
        self._end = 0
        self._limit = 0
        self.type = self.flags = self.channel = self.seq = self.ack = self.start = self.end = 0

    def feed(self, data: Buffer, limit: int = MAX_FRAME_BYTES) -> None:
        """Start reading a message. limit: the bytes of the largest frame that is accepted."""
        self._data = readable(data)
        self._source = data
        self._position = 0
        self._end = len(data)
        self._limit = limit

    def next(self) -> bool:
        """Read the next frame; False at the end. Raises FrameError for anything that is not a whole, valid frame."""
        position = self._position
        if position == self._end:
            return False
        total_bytes = lib.python_verify(self._data, position, self._end, self._limit)
        if total_bytes <= _TRUNCATED:
            self._position = self._end  # nothing behind a broken frame can be trusted
            raise _read_error(total_bytes, self._source, position, self._limit)
        _, self.type, self.flags, _, payload_bytes, self.channel, self.seq, self.ack = _HEADER.unpack_from(
            self._source, position
        )
        if self.flags & ~self.allowed_flags:
            self._position = self._end
            raise _read_error(FLAGS, self._source, position, self._limit)
        self.start = position + HEADER_BYTES
        self.end = self.start + payload_bytes
        self._position = position + total_bytes
        return True

    def payload(self) -> bytes:
        """A copy of the payload of the frame on which the reader stands."""
        return bytes(memoryview(self._source)[self.start : self.end])

    def take_tag(self, mac: object, head: bytes) -> bool:
        """Whether the frame ends with its right tag (wire/tags.py), which then no longer counts as payload."""
        if not lib.python_tag_check(mac, head, len(head), self._data, self.start - HEADER_BYTES, self.end):
            return False
        self.end -= TAG_BYTES
        return True


def _read_error(code: int, data: Buffer, position: int, limit: int) -> FrameError:
    """What is wrong with the frame at position, with its first bytes as the value."""
    what = ""
    if code == _TRUNCATED:
        what = f"the frame is cut: only {len(data) - position} of its bytes are there"
    elif code == LENGTH:
        what = f"{text_of(code)} of {limit} bytes"
    return frame_error(code, position, bytes(data[position : position + HEADER_BYTES]).hex(), what)


class StreamReader:
    """Finds the frames in a pipe that may lose, damage or invent bytes (serial, USB, raw TCP).

    `push` takes received bytes, `next` returns True for each frame found, whose fields are then filled; garbage is
    skipped and counted in `garbage_bytes`. Memory is fixed at two frames of the limit.
    """

    __slots__ = (
        "_buffer",
        "_frame",
        "_memory",
        "_pending",
        "_stream",
        "ack",
        "allowed_flags",
        "channel",
        "flags",
        "payload",
        "seq",
        "type",
    )

    def __init__(self, limit: int, *, checked_only: bool = True, allowed_flags: int = FLAGS_PLAIN) -> None:
        """limit: bytes of the largest frame. checked_only: frames without a CRC are garbage; False where the link checks.

        allowed_flags: as in FrameReader, but frames with other flags are passed over.
        """
        self.allowed_flags: int = allowed_flags
        limit_bytes = max(limit, 0)
        self._memory = ffi.new("uint8_t[]", 2 * limit_bytes)
        self._stream = ffi.new("flight_stream *")
        self._frame = ffi.new("flight_frame *")
        required_flags = FLAG_CHECKED if checked_only else 0
        code = lib.flight_stream_init(self._stream, self._memory, 2 * limit_bytes, limit_bytes, required_flags)
        if code < 0:
            raise CallerError(
                "the limit of a stream is out of range",
                value=limit,
                next_step=f"use {HEADER_BYTES + TRAILER_BYTES} to {MAX_FRAME_BYTES} bytes",
            )
        self._buffer = ffi.buffer(self._memory)
        self._pending: memoryview | None = None
        self.type: int = 0
        self.flags: int = 0
        self.channel: int = 0
        self.seq: int = 0
        self.ack: int = 0
        self.payload: bytes = b""

    @property
    def garbage_bytes(self) -> int:
        """Bytes skipped so far because no frame started there, modulo 2^32."""
        return int(self._stream.garbage_bytes)

    @property
    def summed_bytes(self) -> int:
        """Bytes that CRCs looked at so far, modulo 2^32: at most a few times what was pushed, whatever it was."""
        return int(self._stream.summed_bytes)

    def push(self, data: Buffer) -> None:
        """Take received bytes. Call `next` until it returns False before pushing again."""
        if self._pending is not None:
            raise CallerError(
                "bytes of the last push are still waiting",
                value=len(self._pending),
                next_step="call next() until it returns False, then push",
            )
        self._take(memoryview(data).cast("B"))

    def _take(self, data: memoryview) -> None:
        """Into the buffer as much as fits; the rest waits for the next frames to be read."""
        size = len(data)
        taken = lib.flight_stream_push(self._stream, ffi.from_buffer(BYTES, data), size) if size else 0
        self._pending = data[taken:] if taken < size else None

    def next(self) -> bool:
        """Find the next frame; False when more bytes are needed. Never raises for what was received."""
        frame = self._frame
        while lib.flight_stream_next(self._stream, frame) <= 0 or frame.flags & ~self.allowed_flags:
            if frame.flags & ~self.allowed_flags:
                frame.flags = 0  # passed over; there may be more in the buffer
                continue
            if self._pending is None:
                return False
            self._take(self._pending)
        self.type = frame.type
        self.flags = frame.flags
        self.channel = frame.channel
        self.seq = frame.seq
        self.ack = frame.ack
        start = frame.payload - self._memory
        self.payload = self._buffer[start : start + frame.payload_bytes]
        return True

    def give_up(self) -> None:
        """Stop waiting for the rest of an unfinished frame; call it after a silence, then `next`."""
        lib.flight_stream_give_up(self._stream)
