"""Batches between JSON and the log: events to records, stored entries to text.

An entry is written once for all who read JSON: the last few texts are kept.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from flight_client.errors import EventError, FlightError, FrameError
from flight_client.events import decode_event, encode_event
from flight_client.gateway.engines.base import Entry
from flight_client.gateway.names import outer_name
from flight_client.json_events import event_from_json, event_to_json
from flight_client.platforms import PLATFORMS
from flight_client.session.spec import UNPACKED_BYTES
from flight_client.wire.records import decode_age, records, write_record

_KEPT_TEXTS = 32
_encode = msgspec.json.Encoder().encode


def platform_name(number: int) -> str:
    """The profile's name; of one that this gateway does not know its number."""
    known = list(PLATFORMS.items())  # a list: another thread may register a platform meanwhile
    return next((name for name, profile in known if profile["id"] == number), str(number))


def records_of(events: list[tuple[str, dict[str, Any]]], now_ms: int) -> bytes:
    """The records of events as JSON (type, data). Raises EventError, which names the event by its place too."""
    out = bytearray(UNPACKED_BYTES)
    at = 0
    for place, (kind, data) in enumerate(events):
        try:
            event, age_ms = event_from_json(kind, data, now_ms)
            layout, body = encode_event(event)
        except EventError as error:
            error.what = f"events[{place}]: {error.what}"
            raise
        if at + 8 + len(body) > len(out):
            raise EventError(
                f"events[{place}]: the events are too large together",
                field="events",
                value=at + 8 + len(body),
                limit=len(out),
                next_step=f"send at most {place} of them at once",
            )
        at += write_record(out, at, layout, age_ms, body)
    return bytes(memoryview(out)[:at])


def entry_fields(entry: Entry) -> dict[str, Any]:
    """A stored entry as the members of an `events` message, but for its type and epoch."""
    source = entry.source
    session_id, platform = source.short_id.decode("ascii", "replace"), platform_name(source.platform)
    fields: dict[str, Any] = {
        "channel": outer_name(entry.channel),
        "offset": entry.offset,
        "previousOffset": entry.previous,
        "receivedAt": entry.received_ms,
        "deviceId": source.device_id,
        "sessionId": session_id,
        "platform": platform,
        "critical": bool(entry.counter),
    }
    if entry.counter:
        fields["counter"] = entry.counter
    sent_ms = entry.received_ms - (decode_age(entry.held) or 0)
    events = []
    unreadable = 0
    data = entry.records
    for layout, age_ms, start, end in records(data, 0, len(data)):
        try:
            event = decode_event(layout, data[start:end])
        except EventError:  # the gateway checks records, not what stands in them: a device may write what it likes
            unreadable += 1
            continue
        events.append(event_to_json(event, sent_ms - (age_ms or 0), session_id, platform))
    fields["events"] = events
    if unreadable:
        fields["unreadable"] = unreadable
    return fields


@functools.lru_cache(_KEPT_TEXTS)
def entry_text(entry: Entry, epoch: str) -> bytes:
    """The `events` message of an entry. Raises FlightError for a log that was damaged."""
    try:
        return _encode({"type": "events", "epoch": epoch, **entry_fields(entry)})
    except FrameError as error:
        raise FlightError(f"entry {entry.offset} of {entry.channel} cannot be read: {error.what}") from error
