"""What a caller may pass: one question per kind of argument, each answered with CallerError that names argument and value.

Every public method asks these before it changes anything, so that a wrong argument never shows as an AttributeError or a
TypeError from the middle of the client. A bool is no number here: True as a time is a mistake, not one second.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Hashable, Iterable
from typing import Any

from .errors import CallerError


def refuse(name: str, problem: str, value: object, next_step: str) -> CallerError:
    """The error to raise for an argument; not raised here, so that a type checker sees where a function ends."""
    return CallerError(what=f"{name} {problem}", value=_shown(value), next_step=next_step)


def _shown(value: object) -> object:
    """A value that any error can show: an object whose own repr() fails, or is endless, is named by its type."""
    try:
        reprlib.repr(value)
    except Exception:
        return type(value).__name__
    return value


def check_text(name: str, value: object) -> None:
    """A str without lone surrogates, which no message could carry."""
    if not isinstance(value, str):
        raise refuse(name, "is not text", value, "give a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise refuse(name, "is not valid Unicode", value, "remove the lone surrogates") from None


def check_bytes(name: str, value: object) -> None:
    """Bytes, or what lends its bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise refuse(name, "is not bytes", value, "give bytes")


def check_seconds(name: str, value: object) -> None:
    """A time limit: None, or seconds from 0 on."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise refuse(name, "is not a time limit", value, "give seconds from 0 on, or None to wait as long as it takes")


def check_count(name: str, value: object, lowest: int, highest: int) -> None:
    """A whole number in a range, ends included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise refuse(name, "is not a whole number", value, f"use {lowest} to {highest}")
    if not lowest <= value <= highest:
        raise refuse(name, "is out of range", value, f"use {lowest} to {highest}")


def check_flag(name: str, value: object) -> None:
    """True, False, or None for what holds otherwise."""
    if value is not None and value is not True and value is not False:
        raise refuse(name, "is neither True nor False", value, "give one of the two, or leave it out")


def check_function(name: str, value: object) -> None:
    """Something to call."""
    if not callable(value):
        raise refuse(name, "cannot be called", value, "give a function, or an async function")


def check_kind(name: str, value: object, kind: type[Any] | tuple[type[Any], ...], wanted: str) -> None:
    """An object of ours."""
    if not isinstance(value, kind):
        raise refuse(name, f"is not {wanted}", value, f"give {wanted}")


def check_key(name: str, value: object) -> None:
    """What an event is about: anything that a dict takes."""
    if not isinstance(value, Hashable):
        raise refuse(
            name, "cannot be compared by hash", type(value).__name__, "give text, a number, or a tuple of those"
        )
    try:
        hash(value)
    except TypeError:
        raise refuse(name, "holds what has no hash", value, "give text, a number, or a tuple of those") from None


def texts(name: str, value: Iterable[str] | None) -> list[str] | None:
    """Several texts, in their order; None stays None. One text alone would be taken for its letters, so it is refused."""
    if value is None:
        return None
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise refuse(name, "is not a sequence of texts", value, "give a list such as ['log']")
    found = list(value)
    for one in found:
        check_text(name, one)
    return found
