"""What PACK_ and RECODE of a session ask for: events from the lanes into its buffers, written as the session agreed."""

from __future__ import annotations

from .lanes import Lane
from .outbox import Outbox
from .platforms import Platform
from .session.common.clock import elapsed
from .session.device import codes
from .session.device.agreement import Agreement
from .session.device.machine import DeviceSession
from .session.spec import FLAG_COMPRESSED, FLAG_DELTA, FLAG_MORE, RECORD_HEAD_BYTES, UNPACKED_BYTES
from .wire.coding import compress_in_place, plain_records
from .wire.records import write_record

_LONG_BODY_BYTES = 1017  # from here on a record says its length in 4 bytes more


def offer_flags(agreement: Agreement, platform: Platform) -> None:
    """What HELLO offers: a platform without memory for pieces has none for decompressing either."""
    agreement.sends = FLAG_DELTA | FLAG_COMPRESSED
    agreement.reads = FLAG_DELTA
    if platform.message_bytes > platform.payload_bytes:
        agreement.sends |= FLAG_MORE
        agreement.reads = agreement.sends
        agreement.unpacked_bytes = UNPACKED_BYTES


class Packing:
    """Packs for one session."""

    def __init__(self, session: DeviceSession, outbox: Outbox) -> None:
        self._session = session
        self._outbox = outbox

    def pack(self, command: int, now: int) -> int:
        """Obey PACK_CRITICAL or PACK_LOSSY; the session's answer."""
        session, outbox = self._session, self._outbox
        lane = outbox.critical if command == codes.PACK_CRITICAL else outbox.lossy
        delta = session.agreement.up & FLAG_DELTA != 0
        out = session.out
        record_bytes = lane.pack(out.buffer, out.at, out.room, now, out.most_events, delta=delta)
        if not lane.packed:
            record_bytes = self._pack_large(lane, now)
            if not record_bytes:
                return session.packed(0, 0, 0, now)
        if lane is outbox.critical:
            slot = session.store.free_slot()
            out.expires_ms, out.retries, out.retry_ms = outbox.packed_critical(slot, now)
        flags = FLAG_DELTA if delta and len(lane.packed) > 1 else 0  # one event alone is a record as in any batch
        if session.agreement.up & FLAG_COMPRESSED and record_bytes <= session.agreement.unpacked_out_bytes:
            compressed = compress_in_place(out.buffer, out.at, record_bytes)
            if compressed:
                record_bytes = compressed
                flags |= FLAG_COMPRESSED
        return session.packed(record_bytes, len(lane.packed), lane.packed[0].channel, now, flags)

    def _pack_large(self, lane: Lane, now: int) -> int:
        """The event that goes first does not fit a frame: its pieces may, now or later. The bytes of its record."""
        first = lane.next(now)
        if first is None:
            return 0
        size = len(first.body)
        code = self._session.pack_large(size + RECORD_HEAD_BYTES + (4 if size >= _LONG_BODY_BYTES else 0))
        if code == codes.TOO_LARGE:
            self._outbox.drop_too_large(lane, now)
        if code not in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
            return 0
        lane.take(first)
        out = self._session.out
        return write_record(out.buffer, out.at, first.layout, max(0, elapsed(now, first.stamp_ms)), first.body)

    def recode(self) -> int:
        """Obey RECODE: records that were packed for a gateway which read more than this one does."""
        out = self._session.out
        plain = plain_records(out.buffer, out.at, out.at + out.count, out.flags)
        if len(plain) > out.room:
            return self._session.recoded(0)
        out.buffer[out.at : out.at + len(plain)] = plain
        return self._session.recoded(len(plain))
