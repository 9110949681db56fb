"""JSON as text: by msgspec where it is installed (the extra `json`), else by Python's own module, with the same results.

Nothing in this package needs msgspec to read or write JSON but the gateway, whose messages it also checks. With it the same is
faster; what is refused, and every value read, is the same: doubled keys, the last one holds; NaN, Infinity, numbers beyond
a float, lone surrogates and control characters are no JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

from .errors import CallerError

try:
    import msgspec
except ImportError:
    _fast: Any = None
else:
    _fast = msgspec.json


def read(text: object) -> Any:
    """The value in a text or its UTF-8. Raises CallerError, whose fault is "peer", for what is no JSON."""
    if not isinstance(text, str | bytes | bytearray | memoryview):
        raise CallerError("JSON is read from text", value=text, next_step="give a str, or its bytes")
    try:
        return _fast.decode(text) if _fast is not None else plain_read(text)
    except (ValueError, RecursionError) as error:  # the errors of msgspec are ValueErrors too
        shown = text if isinstance(text, str) else bytes(text)
        raise CallerError(
            f"this is not JSON: {error}", value=shown, next_step="read it with its sender", fault="peer"
        ) from None


def write(value: Any) -> bytes:
    """A value of dicts, lists, texts and numbers as UTF-8 without spaces. Raises CallerError for another."""
    try:
        if _fast is None:
            return plain_write(value)
        written: bytes = _fast.encode(value)
        if b"null" in written:  # so it writes NaN and infinity too, which are no JSON
            plain_write(value)
        return written
    except (TypeError, ValueError, RecursionError) as error:
        raise CallerError(
            f"this cannot be written as JSON: {error}", value=value, next_step="use JSON's values"
        ) from None


def plain_read(text: str | bytes | bytearray | memoryview) -> Any:
    """read() without msgspec; raises ValueError or RecursionError."""
    if isinstance(text, str):
        text.encode()  # refuses lone surrogates, as reading UTF-8 does
    plain = text if isinstance(text, str) else bytes(text).decode()
    found = _DECODER.decode(plain)
    if "\\ud" in plain or "\\uD" in plain:  # \ud800 alone is a legal escape, but no text
        json.dumps(found, ensure_ascii=False).encode()
    return found


def plain_write(value: Any) -> bytes:
    """write() without msgspec; raises TypeError, ValueError or RecursionError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
