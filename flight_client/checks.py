"""What a caller gave, looked at before it is used: a wrong type or range is said here, with name, value and what would be right.

Whole numbers stay within JavaScript's safe range, +-(2**53 - 1): what a page cannot read exactly is not written at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from .errors import CallerError

SAFE_INTEGER = (1 << 53) - 1
"""The largest whole number that JavaScript reads exactly."""

_Word = TypeVar("_Word", bound=StrEnum)


def text(name: str, value: object, limit: int = 0, *, empty: bool = False) -> str:
    """The value, if it is a text of 1 to `limit` bytes (0: of any length). empty: "" is right too. Raises CallerError."""
    if not isinstance(value, str):
        raise wrong(name, "is not text", value, "give a str")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise wrong(name, "is not valid Unicode", value, "remove the lone surrogates") from None
    if not size and not empty:
        raise wrong(name, "is empty", value, "give it a value")
    if limit and size > limit:
        raise wrong(name, f"has {size} bytes, the limit is {limit}", value, "shorten it")
    return value


def whole(name: str, value: object, low: int = 0, high: int = SAFE_INTEGER) -> int:
    """The value, if it is a whole number from `low` to `high`. Raises CallerError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(name, "is not a whole number", value, "give an int")
    if not low <= value <= high:
        beyond = " (beyond what JavaScript reads exactly)" if abs(value) > SAFE_INTEGER else ""
        raise wrong(name, f"is outside {low} to {high}{beyond}", value, "give a number inside")
    return value


def truth(name: str, value: object) -> bool:
    """The value, if it is True or False. Raises CallerError."""
    if not isinstance(value, bool):
        raise wrong(name, "is neither True nor False", value, "give a bool")
    return value


def word(name: str, value: object, kind: type[_Word]) -> _Word:
    """The member of an enum that a value is, or names. Raises CallerError."""
    if isinstance(value, str):
        for member in kind:
            if member == value:
                return member
    raise wrong(name, f"is no {kind.__name__}", value, f"use one of: {', '.join(kind)}")


def words(name: str, value: object, limit: int = 0) -> list[str]:
    """The value as a list of texts without doubles. Raises CallerError."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise wrong(name, "is not a list of texts", value, "give a list of str")
    found = [text(f"{name}[{place}]", item, limit) for place, item in enumerate(value)]
    if len(found) != len(set(found)):
        raise wrong(name, "names something twice", value, "name each once")
    return found


def text_map(name: str, value: object) -> dict[str, str]:
    """The value as a dict of text to text. Raises CallerError."""
    if not isinstance(value, dict):
        raise wrong(name, "is not a dict of text to text", value, "give a dict of str to str")
    return {text(f"a key of {name}", key): text(f"{name}[{key!r}]", item, empty=True) for key, item in value.items()}


def kind(name: str, value: object, wanted: type[Any], how: str) -> None:
    """Raises CallerError for a value of another class than this one."""
    if not isinstance(value, wanted):
        raise wrong(name, f"is no {wanted.__name__}", value, how)


def wrong(name: str, what: str, value: object, next_step: str) -> CallerError:
    """The error, to be raised."""
    return CallerError(f"{name} {what}", value=value, next_step=next_step)
