"""The one place that imports the C core: it explains what to do when that fails, and turns its error codes into errors."""

from typing import Any

from flight_client.errors import CallerError, CoreMissingError, FrameError

__all__ = [
    "ARGUMENT",
    "BYTES",
    "FLAGS",
    "FULL",
    "LENGTH",
    "NO_ROOM",
    "Buffer",
    "ffi",
    "frame_error",
    "lib",
    "readable",
    "text_of",
]

try:
    from flight_client._core import ffi, lib
except ImportError as error:
    raise CoreMissingError(
        f"the C core flight_client._core cannot be loaded: {error}",
        next_step="build it with `python -m pip install --editable .` in the source tree (it needs a C compiler and the "
        "Python headers: on Debian `apt install gcc libc6-dev python3-dev`), or install a wheel; `flight doctor` says "
        "what is missing",
    ) from error

# For ffi.from_buffer: a type object is looked up faster than its name.
BYTES = ffi.typeof("uint8_t[]")

# Codes of flight.h that Python tells apart.
ARGUMENT = -1
NO_ROOM = -2
FULL = -3
FLAGS = -10
LENGTH = -12

Buffer = bytes | bytearray | memoryview


def readable(data: Buffer) -> Any:
    """What cffi can pass as bytes: bytes go as they are, which is fastest; others through the buffer protocol."""
    if type(data) is bytes:
        return data
    try:
        if not isinstance(data, memoryview) or data.nbytes == len(data):
            return ffi.from_buffer(BYTES, data)
    except (TypeError, BufferError, ValueError):
        pass
    raise CallerError(
        "bytes, a bytearray or a contiguous memoryview of bytes is needed",
        value=type(data).__name__,
        next_step="pass bytes",
    )


def text_of(code: int) -> str:
    """The core's own words for an error code."""
    return ffi.string(lib.flight_error_text(code)).decode()


def frame_error(code: int, offset: int, value: object = None, what: str = "") -> FrameError:
    """An error about received bytes, in the core's words unless `what` says it better."""
    return FrameError(f"{what or text_of(code)}, at byte {offset}", code=code, offset=offset, value=value)
