"""What a gateway delivers, as events for the application.

Batches are read by the C code of csrc/python/. It takes records of plain numbers that are plainly right; each of the others,
and a batch that cannot be read, takes the form in Python, which is the rule of what is left out and of what is said about it.
"""

from __future__ import annotations

import logging
from typing import Any

from ._fast import Reader
from .errors import EventError
from .events import EVENT_TYPES, Event, decode_event
from .number_layouts import layout_of
from .platforms import UNKNOWN_PLATFORM, platform_name
from .session.spec import PORTION_FLAG
from .streams import RealtimeEvent, Source
from .wire.coding import plain_records
from .wire.records import decode_age, records

_log = logging.getLogger("flight.client")

# Senders whose Source is kept, so that not every batch makes it anew.
_SOURCES = 256
# Bytes of a DELIVER payload (docs/protocol.md): offset, epoch, time of receipt, short id, counter, held, platform, length.
_SHORT_ID = slice(24, 32)
_PLATFORM_AT = 38
_HEAD_BYTES = 40


def read_delivery(
    data: bytes, start: int, records_start: int, end: int, channel: str, flags: int = 0
) -> list[RealtimeEvent]:
    """The events of one DELIVER payload; one that its sender wrote against the rules is left out, and logged.

    flags: how the records are written. Raises FrameError when the batch as a whole cannot be read.
    """
    source = _source(data, start)
    head = data
    if flags:
        data = plain_records(data, records_start, end, flags)
        records_start, end = 0, len(data)
    found: list[RealtimeEvent] | None = _READER.read(head, start, data, records_start, end, channel, source)
    return _read_slowly(head, start, data, records_start, end, channel, source) if found is None else found


def _read_slowly(
    head: bytes, start: int, data: bytes, records_start: int, end: int, channel: str, source: Source
) -> list[RealtimeEvent]:
    """The same, record by record in Python."""
    offset = int.from_bytes(head[start : start + 8], "little")
    received_ms = int.from_bytes(head[start + 16 : start + 24], "little")
    counter = int.from_bytes(head[start + 32 : start + 36], "little")
    held_ms = decode_age(int.from_bytes(head[start + 36 : start + 38], "little"))
    found: list[RealtimeEvent] = []
    for layout, age_ms, body_start, body_end in records(data, records_start, end):
        number = counter
        counter += 1 if counter else 0
        event = _event(layout, data[body_start:body_end], source, channel)
        if event is not None:
            age = None if age_ms is None or held_ms is None else age_ms + held_ms
            found.append(RealtimeEvent(event.event_name, event, channel, source, offset, received_ms, age, number))
    return found


def _event(layout: int, body: bytes, source: Source, channel: str) -> Event | None:
    """None for one that is left out."""
    try:
        return decode_event(layout, body)
    except EventError as error:
        _log.warning("an event of %s on %s is left out: %s", source.device_id, channel, error)
        return None


_sources: dict[bytes, Source] = {}


def _source(data: bytes, start: int) -> Source:
    """Who sent it: always the same object for the same sender."""
    length = data[start + 39] & ~PORTION_FLAG
    key = data[start + 24 : start + 32] + data[start + 38 : start + 40 + length]
    source = _sources.get(key)
    if source is None:
        short_id, device_id = key[:8].decode("ascii", "replace"), key[10:].decode("utf-8", "replace")
        source = Source(device_id, platform_name(key[8]), short_id)
        if source.platform != UNKNOWN_PLATFORM:  # it may be registered yet
            if len(_sources) >= _SOURCES:
                _sources.clear()
            _sources[key] = source
    return source


def _plans() -> tuple[tuple[Any, ...], ...]:
    """Of each layout with nothing but numbers, narrow and wide, where its numbers stand."""
    found = []
    for kind in EVENT_TYPES.values():
        layout = layout_of(kind)
        if layout is None or len(layout.fields) != len(layout.names):
            continue
        for wide in sorted({False, layout.bodies[2] != layout.bodies[3]}):
            used = layout.reserved[wide].start
            name = kind.event_name
            entry = (layout.bodies[2 + wide], wide, kind, layout.names, name, layout.bodies[:2], used, layout.fields)
            found.append(entry)
    return tuple(found)


_READER = Reader(_event, RealtimeEvent, tuple(RealtimeEvent.__slots__), "event_name", _plans())
