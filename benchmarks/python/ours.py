"""What flight_client does: an event from integers into the queue and its share of the frame, and events out of a delivery."""

from __future__ import annotations

from typing import Any

from flight_client import Client, FrameTime, MemoryUpdate
from flight_client.clock import monotonic_ms
from flight_client.deliveries import read_delivery
from flight_client.events import encode_event
from flight_client.gateway.engines.base import Batch, Entry, Source
from flight_client.session.spec import FLAG_BATCH, HEADER_BYTES, TYPE_DATA
from flight_client.wire.frames import seal_frame
from flight_client.wire.records import write_record

from .event import MANY, VALUES
from .rounds import Work

DECODED = 16
LARGE = 1024


class Emitting:
    """A client that is not connected, so that its queue is all that it has; what waits is packed into frames."""

    def __init__(self) -> None:
        self.client = Client("http://127.0.0.1:1", token="nobody", device_id="bench")
        self.channel: Any = self.client.channel("memory-updates")
        self.frame_times: Any = self.client.channel("frame-times")
        self._frame = bytearray(16384)
        self.bound_emit = self.channel.emitter(MemoryUpdate)
        self._number = self.frame_times.number_emitter(FrameTime)

    def pack(self) -> None:
        """The frame's share: everything that waits, by the C core, sealed."""
        lane = self.client._outbox.lossy
        frame, room = self._frame, len(self._frame) - HEADER_BYTES
        while lane.count:
            written = lane.pack(frame, HEADER_BYTES, room, monotonic_ms(), MANY)
            assert written
            seal_frame(frame, TYPE_DATA, FLAG_BATCH, 1, 0, 1, written)

    def method(self) -> None:
        """channel.emit(MemoryUpdate(...))."""
        emit = self.channel.emit
        for _, _, _, _, _, total, used, available, budget, _ in VALUES:
            emit(MemoryUpdate(total, used, available, budget))
        self.pack()

    def bound(self) -> None:
        """emit = channel.emitter(MemoryUpdate)."""
        emit = self.bound_emit
        for _, _, _, _, _, total, used, available, budget, _ in VALUES:
            emit(total, used, available, budget)
        self.pack()

    def number(self) -> None:
        """One number, through its bound form."""
        emit = self._number
        for number in range(MANY):
            emit(number)
        self.pack()

    def bulk(self) -> None:
        """Events that lie in a buffer already."""
        self.channel.emit_buffer(MemoryUpdate, _BUFFER)
        self.pack()

    def bulk_large(self) -> None:
        """Many of them."""
        self.channel.emit_buffer(MemoryUpdate, _LARGE)
        self.pack()

    def works(self) -> list[Work]:
        """What there is to measure."""
        return [
            Work("method", self.method, MANY, "channel.emit(MemoryUpdate(...)) and a share of the frame"),
            Work("number", self.number, MANY, "emit = channel.number_emitter(FrameTime), a share of the frame"),
            Work("bulk", self.bulk, MANY, f"channel.emit_buffer() of {MANY} events, a share of the frame"),
            Work("bulk1024", self.bulk_large, LARGE, f"channel.emit_buffer() of {LARGE} events, a share of the frame"),
            Work("bound", self.bound, MANY, "emit = channel.emitter(MemoryUpdate), a share of the frame"),
        ]


_BODIES = [encode_event(MemoryUpdate(*values[5:9]), wide=True) for values in VALUES]
_BUFFER = b"".join(body for _, body in _BODIES)
_LARGE = _BUFFER * (LARGE // MANY)


def delivery(events: int = DECODED) -> tuple[bytes, int]:
    """The payload of DELIVER with so many events, and where the records begin."""
    buffer = bytearray(64 * events)
    at = 0
    for layout, body in _BODIES[:events]:
        at += write_record(buffer, at, layout, 20, body)
    entry = Entry(Batch("", Source("bench", 6, b"short-01"), bytes(8), 0, events, 0, 1, bytes(buffer[:at])), 1, 0)
    return entry.payload, len(entry.head())


def decoding() -> Work:
    """A delivery as objects, three fields read."""
    payload, start = delivery()

    def run() -> int:
        total = 0
        for event in read_delivery(payload, 0, start, len(payload), "memory-updates"):
            data: Any = event.data
            total += data.used_bytes + data.total_bytes + event.offset
        return total

    assert run() > 0
    return Work("decode", run, DECODED, f"read_delivery() of {DECODED} events, three fields of each read")
