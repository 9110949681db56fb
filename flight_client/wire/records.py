"""Batches: the event records of one payload."""

import struct

from flight_client.errors import CallerError
from flight_client.session.spec import MAX_FRAME_BYTES, RECORD_HEAD_BYTES
from flight_client.wire._core_access import ARGUMENT, BYTES, Buffer, ffi, frame_error, lib, readable

__all__ = ["count_records", "decode_age", "encode_age", "records", "skip_records", "unpack_delta", "write_record"]

_AGE_NONE = 0xFFFFFFFF
_INDEX = struct.Struct("=IIII")  # the core writes words of this machine
# The smallest record: a head and four bytes of body.
_RECORD_BYTES = RECORD_HEAD_BYTES + 4
_CHUNK_RECORDS = 256
_SHORT_BODY_BYTES = 1016
# What a byte of a delta batch can stand for at most: an entry without values, for a head and 48 bytes of fixed part.
_GROWTH = RECORD_HEAD_BYTES + 48


def records(data: Buffer, start: int, end: int, *, delta: bool = False) -> list[tuple[int, int | None, int, int]]:
    """The records between start and end as (layout, age_ms or None, where the body starts, where it ends).

    delta: the frame has the flag `delta`. The bodies then stand in what `unpack_delta` returns for the same range.
    Raises FrameError if any record is cut, not canonical or of an unknown layout.
    """
    if delta:
        data = unpack_delta(data, start, end)
        start, end = 0, len(data)
    _check_range(data, start, end)
    found: list[tuple[int, int | None, int, int]] = []
    source = readable(data)
    limit = min(_CHUNK_RECORDS, (end - start) // _RECORD_BYTES + 1)
    entries = ffi.new("uint32_t[]", 4 * limit)
    position = start
    while position < end:
        count = lib.python_index(source, position, end, entries, limit)
        if count < 0:
            raise frame_error(count, position)
        for layout, age_ms, body_start, body_end in _INDEX.iter_unpack(ffi.buffer(entries, 16 * count)):
            found.append((layout, None if age_ms == _AGE_NONE else age_ms, body_start, body_end))
        position = found[-1][3]
    return found


def unpack_delta(data: Buffer, start: int, end: int) -> bytes:
    """The records of a frame with the flag `delta`, as a frame without it would have carried them: at most 64 KiB.

    Raises FrameError if any of it is cut, not canonical or of an unknown layout.
    """
    _check_range(data, start, end)
    out = bytearray(min(MAX_FRAME_BYTES, _GROWTH * (end - start)))
    size = lib.python_delta_unpack(readable(data), start, end, ffi.from_buffer(BYTES, out, True), len(out))
    if size < 0:
        raise frame_error(size, start)
    return bytes(memoryview(out)[:size])


def count_records(data: Buffer, start: int, end: int, *, delta: bool = False) -> int:
    """Check every record between start and end, and count them. Raises FrameError as `records` does."""
    if delta:
        data = unpack_delta(data, start, end)
        start, end = 0, len(data)
    _check_range(data, start, end)
    count = lib.python_count(readable(data), start, end)
    if count < 0:
        raise frame_error(count, start)
    return count


def skip_records(data: Buffer, start: int, end: int, n: int) -> int:
    """The offset in data behind the first n records."""
    _check_range(data, start, end)
    offset = lib.python_skip(readable(data), start, end, n)
    if offset == ARGUMENT:
        raise CallerError(
            "there are fewer records to skip", value=n, next_step="count_records() tells how many there are"
        )
    if offset < 0:
        raise frame_error(offset, start)
    return start + offset


def write_record(out: bytearray, at: int, layout: int, age_ms: int | None, body: Buffer) -> int:
    """Write one record; its bytes. For events that are larger than the ring takes: all others go through it."""
    size = len(body)
    long = size > _SHORT_BODY_BYTES
    head = bytes((layout, 255 if long else size // 4)) + encode_age(age_ms).to_bytes(2, "little")
    if long:
        head += size.to_bytes(4, "little")
    end = at + len(head) + size
    if size % 4 or end > len(out):
        raise CallerError(
            "this record cannot be written",
            value=(size, len(out) - at),
            next_step="a body has a multiple of 4 bytes, and the buffer must hold it with its head of up to 8",
        )
    out[at:end] = head + body
    return end - at


def encode_age(age_ms: int | None) -> int:
    """An age as its two wire bytes: milliseconds below 32,768, then whole seconds; unknown (None) and over 9 hours alike."""
    if age_ms is None:
        return 0xFFFF
    if age_ms < 0:
        raise CallerError(
            "an age is never below zero", value=age_ms, next_step="subtract the older clock from the newer one"
        )
    return lib.flight_age_encode(min(age_ms, _AGE_NONE))


def decode_age(age: int) -> int | None:
    """Two wire bytes as an age in ms, None for unknown. Raises FrameError for a form that no sender may write."""
    out = ffi.new("uint32_t *")
    code = lib.flight_age_decode(age, out)
    if code < 0:
        raise frame_error(code, 0, hex(age))
    age_ms = int(out[0])
    return None if age_ms == _AGE_NONE else age_ms


def _check_range(data: Buffer, start: int, end: int) -> None:
    """The core trusts its caller with offsets, so they are checked here."""
    if not 0 <= start <= end <= len(data):
        raise CallerError(
            "start and end lie outside the data",
            value=(start, end, len(data)),
            next_step="use 0 <= start <= end <= len(data)",
        )
