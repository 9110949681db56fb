"""Compressed payloads: the original size and one LZ4 block, for frames with the flag `compressed`."""

from flight_client.errors import CallerError
from flight_client.session.spec import UNPACKED_BYTES
from flight_client.wire._core_access import BYTES, NO_ROOM, Buffer, ffi, frame_error, lib, readable

__all__ = ["compress_payload", "decompress_payload"]

_TABLE_WORDS = 512


def compress_payload(payload: Buffer) -> bytes | None:
    """The payload compressed, or None where that would not make it shorter: then it is sent as it is."""
    size = len(payload)
    if size > UNPACKED_BYTES:
        raise CallerError(
            "the payload is too large to be compressed",
            value=size,
            next_step=f"compress at most {UNPACKED_BYTES} bytes at a time",
        )
    if size < 2:
        return None
    out = bytearray(size - 1)
    table = ffi.new("uint16_t[]", _TABLE_WORDS)
    written = lib.flight_compress(readable(payload), size, ffi.from_buffer(BYTES, out, True), size - 1, table)
    return bytes(memoryview(out)[:written]) if written > 0 else None


def decompress_payload(payload: Buffer, limit: int = UNPACKED_BYTES) -> bytes:
    """The original payload, of at most limit bytes. Raises FrameError for anything damaged, and before any work for a size
    over the limit or beyond what the block could hold.
    """
    source = readable(payload)
    size = lib.flight_unpacked_bytes(source, len(payload))
    if 0 < size <= limit:
        out = bytearray(size)
        size = lib.flight_decompress(source, len(payload), ffi.from_buffer(BYTES, out, True), size)
        if size > 0:
            return bytes(out)
    if size > limit:
        raise frame_error(NO_ROOM, 0, size, f"the payload declares {size} bytes, over the limit of {limit}")
    raise frame_error(size, 0, bytes(payload[:16]).hex())
