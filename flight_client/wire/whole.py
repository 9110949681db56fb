"""Where the whole frames of a byte stream end, when the pipe below keeps bytes as they are (TCP)."""

from flight_client.session.spec import MAX_FRAME_BYTES
from flight_client.wire._core_access import LENGTH, Buffer, frame_error, lib, readable, text_of

__all__ = ["whole_frames"]


def whole_frames(data: Buffer, start: int, end: int, limit: int = MAX_FRAME_BYTES, *, one: bool = False) -> int:
    """The end of the last whole frame between start and end; `start` where the first one is not complete yet.

    limit: bytes of the largest frame that is accepted. one: look no further than the first frame. Raises FrameError for
    bytes that cannot become a frame, as soon as that can be seen: such a stream is over, because nothing behind them has a
    place.
    """
    source = readable(data)
    position = start
    while position < end:
        total_bytes = lib.python_verify(source, position, end, limit)
        if total_bytes == 0:
            break
        if total_bytes < 0:
            what = f"{text_of(total_bytes)} of {limit} bytes" if total_bytes == LENGTH else ""
            raise frame_error(
                total_bytes, position, bytes(memoryview(data)[position : min(position + 16, end)]).hex(), what
            )
        position += total_bytes
        if one:
            break
    return position
