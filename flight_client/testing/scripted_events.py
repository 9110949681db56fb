"""An event as a gateway delivers it, made by hand."""

from __future__ import annotations

import time

from ..events import Event, encode_event
from ..gateway.engines.base import Batch, Entry, Source
from ..platforms import get_platform
from ..wire.records import write_record

_HEAD_BYTES = 8  # of the longest record


def delivery(event: Event, device_id: str, offset: int, previous: int) -> bytes:
    """The payload of DELIVER: one event of age 0, received now."""
    layout, body = encode_event(event, wide=True)
    buffer = bytearray(_HEAD_BYTES + len(body))
    size = write_record(buffer, 0, layout, 0, body)
    source = Source(device_id, get_platform("host").number, b"scripted")
    received_ms = time.time_ns() // 1_000_000
    batch = Batch("", source, bytes(8), 0, 1, 0, received_ms, bytes(buffer[:size]))
    return Entry(batch, offset, previous).payload
