"""Fields and tails of an event's body, by the tables of the spec: written from an object and read into one."""

import json
from struct import pack_into

from micropython import const

from .fast import copy
from .tables import EVENTS

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

_ABSENT = const(0xFFFF)
_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF


class EventError(ValueError):
    """A value that the event cannot carry, or a body that is none."""


def encode_into(event, out: bytearray, wide: bool = False) -> int:
    """Write the body of an event; its bytes. Raises EventError, and IndexError where `out` is too short."""
    _, fields, tails = EVENTS[event.event_name]
    at = 0
    for name, code, scale, optional, names in fields:
        size = 1 if code == "B" else 4 if code == "I" else (8 if wide else 4) if code == "Z" else 2
        if at + size > len(out):
            raise EventError("too large")
        if name is None:
            pack_into("B" if size == 1 else "H", out, at, 0)
        else:
            _put(out, at, name, size, code == "h", scale, optional, names, getattr(event, name))
        at += size
    for name, kind, limit, optional in tails:
        at = _put_tail(out, at, name, kind, limit, optional, getattr(event, name))
    while at & 3:
        out[at] = 0
        at += 1
    return at


def _put(out: bytearray, at: int, name: str, size: int, signed: bool, scale: int, optional: bool, names, value) -> None:
    highest = 255 if size == 1 else 0x7FFF if signed else 0xFFFF if size == 2 else _U32 if size == 4 else _U64
    lowest = -0x8000 if signed else 0
    if names:
        value = names.get(value)
    if value is None:
        if not optional:
            raise EventError("%s: is required, or no known name" % name)
        value = lowest if signed else highest
    else:
        if scale != 1:
            value = round(value * scale)
        if optional:
            lowest += signed
            highest -= not signed
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise EventError("%s: %r is no whole number from %d to %d" % (name, value, lowest, highest))
    pack_into(
        "<B" if size == 1 else "<h" if signed else "<H" if size == 2 else "<I" if size == 4 else "<Q", out, at, value
    )


def _put_tail(out: bytearray, at: int, name: str, kind: str, limit: int, optional: bool, value) -> int:
    if value is None and optional:
        pack_into("<H", out, at, _ABSENT)
        return at + 2
    if kind in ("json", "map"):
        if not isinstance(value, dict) or not _keys_are_text(value, kind == "map"):
            raise EventError("%s: is no dict with text keys%s" % (name, " and values" if kind == "map" else ""))
        value = json.dumps(value, separators=(",", ":"))
    if kind != "bytes":
        if not isinstance(value, str):
            raise EventError("%s: is not text" % name)
        value = value.encode()
    elif not isinstance(value, (bytes, bytearray, memoryview)):
        raise EventError("%s: is not bytes" % name)
    size = len(value)
    if size > limit:
        raise EventError("%s: has %d bytes, the limit is %d" % (name, size, limit))
    if at + 5 + size > len(out):
        raise EventError("too large")
    out[at] = size & 0xFF
    out[at + 1] = size >> 8
    copy(out, at + 2, value, 0, size)
    return at + 2 + size


def _keys_are_text(value: dict, values: bool) -> bool:
    for key, item in value.items():
        if not isinstance(key, str) or (values and not isinstance(item, str)):
            return False
    return True


def name_of(names: dict, value: int, field: str) -> str:
    for name, number in names.items():
        if number == value:
            return name
    raise EventError("%s: %d has no name" % (field, value))


def get_tail(event, data, at: int, end: int, name: str, kind: str, limit: int, optional: bool) -> int:
    if at + 2 > end:
        raise EventError("%s: is missing" % name)
    size = data[at] | data[at + 1] << 8
    at += 2
    if size == _ABSENT and optional:
        setattr(event, name, None)
        return at
    if size > limit or at + size > end:
        raise EventError("%s: says %d bytes" % (name, size))
    value: "Any" = bytes(memoryview(data)[at : at + size])
    if kind != "bytes":
        try:
            value = value.decode()
            if kind != "text":
                value = json.loads(value)
        except (ValueError, UnicodeError):
            raise EventError("%s: is not valid %s" % (name, kind)) from None
        if kind != "text" and (not isinstance(value, dict) or not _keys_are_text(value, kind == "map")):
            raise EventError("%s: is no object" % name)
    setattr(event, name, value)
    return at + size
