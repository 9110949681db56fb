"""A batch as the bytes that a broker keeps: everything but its channel and its place in the log."""

from __future__ import annotations

import struct

from flight_client.errors import PeerError
from flight_client.gateway.engines.base import INCARNATION_BYTES, Batch, Source

LAYOUT = 1  # first byte; another one was written by a gateway of another version

# layout, platform, length of the device id, coding, incarnation, short id, counter, events, held, follows, received_ms
_HEAD = struct.Struct("<BBBB8s8sIIHxxIQ")


def pack_batch(batch: Batch) -> bytes:
    """The bytes of a batch; unpack_batch() makes the same batch of them."""
    source = batch.source
    name = source.device_id.encode()
    head = _HEAD.pack(
        LAYOUT, source.platform, len(name), batch.coding, batch.incarnation, source.short_id, batch.counter, batch.events,
        batch.held, batch.follows, batch.received_ms,
    )  # fmt: skip
    return b"".join((head, name, batch.records))


def unpack_batch(channel: str, data: bytes) -> Batch:
    """PeerError says what is wrong with bytes that no gateway of this version wrote."""
    if not data or data[0] != LAYOUT:
        raise PeerError(
            what=f"the entry has a layout that this version does not know (it knows {LAYOUT})",
            value=data[:1].hex(),
            next_step="update flight-realtime on every gateway that shares this log, and let nothing else write to it",
        )
    try:
        _, platform, length, coding, life, short_id, counter, events, held, follows, received_ms = _HEAD.unpack_from(
            data
        )
        start = _HEAD.size + length
        device_id = data[_HEAD.size : start].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise _damaged(data, str(error)) from None
    if start > len(data) or not length or not events or len(life) != INCARNATION_BYTES:
        raise _damaged(data, "its lengths do not fit")
    source = Source(device_id, platform, short_id)
    return Batch(channel, source, life, counter, events, held, received_ms, data[start:], follows, coding)


def _damaged(data: bytes, why: str) -> PeerError:
    return PeerError(
        what=f"an entry of {len(data)} bytes cannot be read ({why})",
        value=data[:16].hex(),
        next_step="let nothing but gateways write to this log",
    )
