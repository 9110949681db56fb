"""The classes of events with nothing but numbers, as the C code of csrc/python/ needs to know them."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

from ._tables import LAYOUTS
from .events import EVENT_TYPES

_WIDE = 0x80
_BITS = {"u8": 8, "u16": 16, "u32": 32, "i16": 16}
_known: dict[type[Any], Layout | None] = {}
_PLACES = {"B": 1, "H": 2, "h": 2, "I": 4, "Q": 8}


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """A class of events with nothing but numbers: what the C form needs to know of it."""

    kind: type[Any]
    names: tuple[str, ...]
    defaults: tuple[Any, ...]  # () for a field without one
    bodies: tuple[int, int, int, int]  # bytes narrow and wide, layout narrow and wide
    fields: tuple[tuple[int, ...], ...]
    reserved: tuple[slice, slice]  # of the body, which must be zero

    def body_bytes(self, wide: bool) -> int:
        """Of one event."""
        return self.bodies[wide]


def layout_of(kind: type[Any]) -> Layout | None:
    """None for a class with text, names or bytes."""
    if kind not in _known:
        _known[kind] = _read(kind)
    return _known[kind]


def _read(kind: type[Any]) -> Layout | None:
    spec = next(spec for spec in LAYOUTS if EVENT_TYPES[spec["name"]] is kind)
    if spec["tail"] or any("enum" in entry for entry in spec["fields"]):
        return None
    known = dataclasses.fields(kind)
    names = tuple(entry.name for entry in known)
    defaults = tuple(() if entry.default is dataclasses.MISSING else entry.default for entry in known)
    formats = (spec["format"], spec["format_wide"] if spec["wide"] else spec["format"])
    ids = (spec["id"], spec["id"] | (_WIDE if spec["wide"] else 0))
    offsets = [_offsets(text) for text in formats]
    fields = []
    used = [0, 0]
    for number, entry in enumerate(spec["fields"]):
        if entry.get("reserved"):
            continue
        forms: list[int] = []
        for wide in (False, True):
            offset, size = offsets[wide][number]
            used[wide] = offset + size
            forms += (offset, size, *_range(entry, size)[1:])
        optional, is_size = entry.get("optional", False), entry["kind"] == "size"
        lowest = _range(entry, offsets[0][number][1])[0]
        fields.append((names.index(entry["name"]), optional, is_size, entry.get("scale", 0), lowest, *forms))
    sizes = [struct.calcsize(text) for text in formats]
    reserved = (slice(used[0], sizes[0]), slice(used[1], sizes[1]))
    return Layout(kind, names, defaults, (*sizes, *ids), tuple(fields), reserved)


def _offsets(text: str) -> list[tuple[int, int]]:
    found, at = [], 0
    for letter in text.lstrip("<"):
        found.append((at, _PLACES[letter]))
        at += _PLACES[letter]
    return found


def _range(entry: dict[str, Any], size: int) -> tuple[int, int, int]:
    """Lowest and highest number that says something, and the bits of "unknown" (events.py, _Field)."""
    bits, optional = 8 * size, bool(entry.get("optional"))
    if entry["kind"] == "i16":
        return -(1 << bits - 1) + optional, (1 << bits - 1) - 1, 1 << bits - 1
    return 0, (1 << bits) - 1 - optional, (1 << bits) - 1
