"""The entries of a delta batch, part by part, for the annotated hex of docs/protocol.md. Used by protocol_fields.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flight_client._tables import LAYOUTS

_LAYOUTS = {layout["id"]: layout for layout in LAYOUTS}
_BYTES = {"u8": 1, "u16": 2, "i16": 2, "u32": 4}
_KEPT, _KEPT_WORDS = 4, 12
Part = tuple[int, int, str]  # start, end, what it says


def fixed_words(layout: int) -> int:
    """Words of the fixed part."""
    size = 8 if layout & 0x80 else 4
    return sum(_BYTES.get(field["kind"], size) for field in _LAYOUTS[layout & 0x7F]["fields"]) // 4


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def unfolded(value: int) -> int:
    """A difference that was folded."""
    return (value >> 1) ^ -(value & 1)


def entries(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, list[Part] | None]]:
    """Where each entry starts and ends, and its parts; None for a keyframe, which is a record as any other."""
    kept: list[dict[str, Any]] = []
    at = start
    while at < end:
        if data[at] & 0x40:
            parts = _entry(data, at, kept)
            yield at, parts[-1][1], parts
            at = parts[-1][1]
            continue
        words = data[at + 1]
        size = int.from_bytes(data[at + 4 : at + 8], "little") + 8 if words == 255 else 4 * words + 4
        if len(kept) < _KEPT and fixed_words(data[at]) <= _KEPT_WORDS:
            kept.append({"layout": data[at], "mask": 0})
        yield at, at + size, None
        at += size


def _entry(data: bytes, start: int, kept: list[dict[str, Any]]) -> list[Part]:
    control = data[start]
    layout = kept[control & 3]
    name = _LAYOUTS[layout["layout"] & 0x7F]["name"]
    parts: list[Part] = [(start, start + 1, f"entry: kept layout {control & 3}, {name}; {_follows(control)}")]
    at = start + 1
    if control & 4:
        value, end = varint(data, at)
        parts.append((at, end, f"age: {unfolded(value):+} to what was foreseen"))
        at = end
    if control & 8:
        layout["mask"], end = varint(data, at)
        words = [str(n) for n in range(16) if layout["mask"] >> n & 1]
        parts.append(
            (
                at,
                end,
                f"mask: {('words ' if len(words) > 1 else 'word ') + ', '.join(words) if words else 'nothing'} changed",
            )
        )
        at = end
    for word in range(_KEPT_WORDS):
        if layout["mask"] >> word & 1:
            value, end = varint(data, at)
            parts.append((at, end, f"word {word}: {unfolded(value):+}"))
            at = end
    if control & 16:
        count, end = varint(data, at)
        parts.append((at, end, f"tail of {count} words"))
        parts.append((end, end + 4 * count, "tail"))
    return parts


def _follows(control: int) -> str:
    names = [name for bit, name in ((4, "age"), (8, "mask"), (16, "tail")) if control & bit]
    return f"{', '.join(names)} follow" if len(names) > 1 else f"{names[0]} follows" if names else "as the one before"
