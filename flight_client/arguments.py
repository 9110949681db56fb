"""What a caller may pass: one question per kind of argument, each answered with CallerError that names argument and value.

Every public method and type asks these before it changes anything, so that a wrong argument never shows as an AttributeError
or a TypeError from the middle of the client. `check_...` only look; the others return the value as what it was found to be.
A bool is no number here: True as a time is a mistake, not one second. Whole numbers stay within JavaScript's safe range
unless a caller says otherwise: what a page cannot read exactly is not written at all.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Hashable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

from .errors import CallerError

SAFE_INTEGER = (1 << 53) - 1
"""The largest whole number that JavaScript reads exactly."""

_Word = TypeVar("_Word", bound=StrEnum)


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


def text(name: str, value: object, limit: int = 0, *, empty: bool = False) -> str:
    """A text of 1 to `limit` bytes (0: of any length), without lone surrogates. empty: "" is right too."""
    if not isinstance(value, str):
        raise refuse(name, "is not text", value, "give a str")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise refuse(name, "is not valid Unicode", value, "remove the lone surrogates") from None
    if not size and not empty:
        raise refuse(name, "is empty", value, "give it a value")
    if limit and size > limit:
        raise refuse(name, f"has {size} bytes, the limit is {limit}", value, "shorten it")
    return value


def check_text(name: str, value: object) -> None:
    """A text of any length, which may be empty: where it is used it is judged further."""
    text(name, value, empty=True)


def check_bytes(name: str, value: object) -> None:
    """Bytes, or what lends its bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise refuse(name, "is not bytes", value, "give bytes")


def check_seconds(name: str, value: object) -> None:
    """A time limit: None, or seconds from 0 on."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
        raise refuse(name, "is not a time limit", value, "give seconds from 0 on, or None to wait as long as it takes")


def whole(name: str, value: object, lowest: int = 0, highest: int = SAFE_INTEGER) -> int:
    """A whole number in a range, ends included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise refuse(name, "is not a whole number", value, f"use {lowest} to {highest}")
    if not lowest <= value <= highest:
        beyond = ", beyond what JavaScript reads exactly" if abs(value) > SAFE_INTEGER else ""
        raise refuse(name, f"is out of range{beyond}", value, f"use {lowest} to {highest}")
    return value


def truth(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise refuse(name, "is neither True nor False", value, "give one of the two")
    return value


def check_flag(name: str, value: object) -> None:
    """True, False, or None for what holds otherwise."""
    if value is not None and not isinstance(value, bool):
        raise refuse(name, "is neither True nor False", value, "give one of the two, or leave it out")


def check_function(name: str, value: object) -> None:
    """Something to call."""
    if not callable(value):
        raise refuse(name, "cannot be called", value, "give a function, or an async function")


def check_kind(
    name: str, value: object, kind: type[Any] | tuple[type[Any], ...], wanted: str, next_step: str = ""
) -> None:
    """An object of ours. next_step: how to get one, where `wanted` does not say it."""
    if not isinstance(value, kind):
        raise refuse(name, f"is not {wanted}", value, next_step or f"give {wanted}")


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


def word(name: str, value: object, kind: type[_Word]) -> _Word:
    """The member of an enum that a value is, or names."""
    if isinstance(value, str):
        for member in kind:
            if member == value:
                return member
    raise refuse(name, f"is no {kind.__name__}", value, f"use one of: {', '.join(kind)}")


def texts(name: str, value: Iterable[str] | None) -> list[str] | None:
    """Several texts, in their order; None stays None."""
    return None if value is None else _listed(name, value, 0, empty=True)


def words(name: str, value: object, limit: int = 0) -> list[str]:
    """Several texts of 1 to `limit` bytes (0: of any length), without doubles."""
    found = _listed(name, value, limit, empty=False)
    if len(found) != len(set(found)):
        raise refuse(name, "names something twice", value, "name each once")
    return found


def _listed(name: str, value: object, limit: int, *, empty: bool) -> list[str]:
    """One text alone would be taken for its letters, so it is refused."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise refuse(name, "is not a sequence of texts", value, "give a list such as ['log']")
    return [text(f"{name}[{place}]", item, limit, empty=empty) for place, item in enumerate(value)]


def text_map(name: str, value: object) -> dict[str, str]:
    """Text by text."""
    if not isinstance(value, dict):
        raise refuse(name, "is not a dict of text to text", value, "give a dict of str to str")
    return {text(f"a key of {name}", key): text(f"{name}[{key!r}]", item, empty=True) for key, item in value.items()}
