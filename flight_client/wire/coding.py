"""The coding of records inside a batch: what the flags `delta` and `compressed` say of them.

A sender writes differences first and compresses them then; a reader goes the other way. The prefix of a critical batch and
the head of DELIVER are never coded, so that they can be read, and `held` be written anew, without touching the records.
"""

from flight_client.errors import FrameError
from flight_client.session.spec import FLAG_COMPRESSED, FLAG_DELTA, UNPACKED_BYTES
from flight_client.wire._core_access import Buffer
from flight_client.wire.compression import compress_payload, decompress_payload
from flight_client.wire.records import count_records, unpack_delta

__all__ = ["CODINGS", "compress_in_place", "count_coded", "plain_records"]

CODINGS = FLAG_DELTA | FLAG_COMPRESSED
# Below this a block's own bytes and the time it takes outweigh what it saves.
COMPRESS_FROM_BYTES = 192


def plain_records(data: Buffer, start: int, end: int, flags: int, limit: int = UNPACKED_BYTES) -> bytes:
    """The records between start and end as they stand in a frame without these flags, at most `limit` bytes.

    Raises FrameError for anything damaged, and before any work for a declared size over the limit.
    """
    if flags & FLAG_COMPRESSED:
        data = decompress_payload(memoryview(data)[start:end], limit)
        start, end = 0, len(data)
    if flags & FLAG_DELTA:
        data = unpack_delta(data, start, end)
        start, end = 0, len(data)
    if end - start > limit:
        raise FrameError(f"the records take {end - start} bytes, over the limit of {limit}")
    return bytes(memoryview(data)[start:end])


def count_coded(data: Buffer, start: int, end: int, flags: int, limit: int = UNPACKED_BYTES) -> int:
    """Check every record behind these flags, and count them. Raises FrameError as plain_records() and records() do."""
    if flags & CODINGS:
        data = plain_records(data, start, end, flags, limit)
        start, end = 0, len(data)
    return count_records(data, start, end)


def compress_in_place(buffer: bytearray, at: int, count: int) -> int:
    """Compress `count` bytes of a buffer where they stand. The new count, or 0 where it is not worth it."""
    if not COMPRESS_FROM_BYTES <= count <= UNPACKED_BYTES:
        return 0
    with memoryview(buffer) as view:
        packed = compress_payload(view[at : at + count])
        if packed is None:
            return 0
        view[at : at + len(packed)] = packed
    return len(packed)
