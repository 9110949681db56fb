"""What every engine does: keep each channel's log, and know which critical events it already has.

Theory of operation
- The unit is a batch: what one device packed into one frame, events of one channel and one lane. An entry is a stored
  batch with its place in the log.
- One append stores the entry, raises the mark of its (device, incarnation) and counts its lossy events in one
  transaction. Only then is the result given, so that an acknowledgement never says more than the disk knows.
- A batch at or below the mark was stored before: it is a duplicate. A batch that reaches across the mark is cut, and
  only the part above the mark is stored.
- Offsets rise within a channel and may have holes. Every entry names the offset before it; only that name tells a
  reader whether something is missing.
- Everything stored reaches `on_entry`, in the order of the log. An engine shared by several gateways reports the
  entries of the others there too; that is why a stored entry is not part of the result of an append.
- No append is left without a result. A store that cannot take a batch says FAILED and why.
"""

from __future__ import annotations

import contextlib
import enum
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from flight_client.errors import FrameError, LinkError
from flight_client.gateway.engines.forms import Forms
from flight_client.gateway.names import owner_in
from flight_client.session import spec
from flight_client.session.spec import FLAG_COMPRESSED
from flight_client.wire.coding import plain_records
from flight_client.wire.compression import compress_payload
from flight_client.wire.records import records

READ_BYTES = 262144  # what one read() gives at most, so that catching up stays in small steps
EPOCH_BYTES = 8
INCARNATION_BYTES = 8
COMPRESS_BYTES = 1024  # from here on an entry is compressed for subscribers that read it
HISTORY_BYTES = 64 * 1024 * 1024  # that the log keeps of each channel
MARKS_TOTAL = 100_000  # marks kept over all devices: a flood of device ids must not fill the store

# offset, previous, received_ms, short id, counter, held, platform id, length of the device id
_DELIVER_HEAD = struct.Struct("<QQQ8sIHBB")

_LAYOUT_ID = 0x7F  # without the bit of the wide form

# Behind the device id of a portion that is not the last one: events so far, reserved.
_PORTION = struct.Struct("<HH")

# skip_records(data, start, end, events) -> offset after that many records
SkipRecords = Callable[[bytes, int, int, int], int]


class StoreError(LinkError):
    """The engine could not read its log; what was stored before is not lost by it."""


class Source:
    """Who sent a batch. One object per session, shared by all its batches."""

    __slots__ = ("device_id", "platform", "short_id", "tail")

    def __init__(self, device_id: str, platform: int, short_id: bytes) -> None:
        self.device_id: str = device_id
        self.platform: int = platform
        self.short_id: bytes = short_id
        name = device_id.encode()
        self.tail: bytes = name + bytes(-len(name) % 4)  # as DELIVER carries it: padded to 4

    def __repr__(self) -> str:
        return f"Source({self.device_id!r}, {self.platform}, {self.short_id!r})"


@dataclass(slots=True)
class Batch:
    """What a session hands to the engine: one frame's events."""

    channel: str
    source: Source
    incarnation: bytes
    counter: int  # of the first critical event; 0 = lossy
    events: int
    held: int  # age unit: how long the device kept the batch after packing it
    received_ms: int
    records: bytes
    # The mark that must have been reached before this batch may be stored; 0 = any. It keeps a batch from overtaking an
    # earlier one of the same incarnation whose append failed: the mark would swallow that one when it comes again.
    follows: int = 0
    coding: int = 0  # the flags that say how `records` are written: delta, compressed

    @property
    def owner(self) -> str:
        """Whose mark it raises: the device, within the organisation that the channel belongs to."""
        return owner_in(self.channel, self.source.device_id)


_forms = Forms()


class Entry:
    """A stored batch. Its DELIVER payload is built once and shared by every subscriber."""

    __slots__ = (
        "_layouts", "_packed", "_plain", "channel", "coding", "counter", "events", "held", "incarnation", "offset", "payload", "previous",
        "received_ms", "source",
    )  # fmt: skip

    def __init__(self, batch: Batch, offset: int, previous: int) -> None:
        source = batch.source
        self.channel: str = batch.channel
        self.offset: int = offset
        self.previous: int = previous
        self.source: Source = source
        self.incarnation: bytes = batch.incarnation
        self.counter: int = batch.counter
        self.events: int = batch.events
        self.held: int = batch.held
        self.received_ms: int = batch.received_ms
        self.coding: int = batch.coding
        self.payload: bytes = self.head() + batch.records
        self._layouts = -1
        self._plain = b""
        self._packed: bytes | None = None  # b"": not worth it

    @property
    def records(self) -> bytes:
        """The events, without any coding."""
        return self.form_for(0, 0)[1][self._records_at() :]

    @property
    def layouts(self) -> int:
        """The layouts of its events, as bits; looked at once, for the first subscriber that does not take all. 0 if it is damaged."""
        if self._layouts < 0:
            self._layouts = 0
            data = self.records
            with contextlib.suppress(FrameError):
                for layout, _, _, _ in records(data, 0, len(data)):
                    self._layouts |= layout_bit(layout)
        return self._layouts

    def head(self, skipped: int = 0, so_far: int = 0) -> bytes:
        """What stands before the records of a DELIVER; of a portion behind `skipped` events. so_far: it is not the last."""
        source = self.source
        length = len(source.device_id) | (spec.PORTION_FLAG if so_far else 0)
        counter = self.counter + skipped if self.counter else 0
        head = _DELIVER_HEAD.pack(
            self.offset, self.previous, self.received_ms, source.short_id, counter, self.held, source.platform, length
        )
        return head + source.tail + (_PORTION.pack(so_far, 0) if so_far else b"")

    def form_for(self, flags: int, unpacked_bytes: int) -> tuple[int, bytes]:
        """Coding and DELIVER payload for a subscriber that reads these flags and decompresses so much.

        As it is stored where that will do; else with plain records, or compressed, which is done once for all who need it.
        """
        if self.coding & ~flags or (self.coding & FLAG_COMPRESSED and self._unpacked_bytes() > unpacked_bytes):
            plain = self._plain
            if not plain:
                start = self._records_at()
                records = plain_records(self.payload, start, len(self.payload), self.coding)
                plain = self._plain = self.payload[:start] + records
                _forms.keep(self, plain)
            return 0, plain
        if not flags & FLAG_COMPRESSED or self.coding & FLAG_COMPRESSED or len(self.payload) < COMPRESS_BYTES:
            return self.coding, self.payload
        start, packed = self._records_at(), self._packed
        if packed is None:
            records_packed = compress_payload(memoryview(self.payload)[start:])
            packed = self._packed = b"" if records_packed is None else self.payload[:start] + records_packed
            if packed:
                _forms.keep(self, packed)
        if not packed or len(self.payload) - start > unpacked_bytes:
            return self.coding, self.payload
        return self.coding | FLAG_COMPRESSED, packed

    def let_go(self, form: bytes) -> None:
        """Forget a form; form_for() makes it again."""
        if self._plain is form:
            self._plain = b""
        if self._packed is form:
            self._packed = None

    def _records_at(self) -> int:
        return _DELIVER_HEAD.size + len(self.source.tail)

    def _unpacked_bytes(self) -> int:
        start = self._records_at()
        return int.from_bytes(self.payload[start : start + 4], "little")

    def __repr__(self) -> str:
        return (
            f"Entry({self.channel!r}, {self.offset} after {self.previous}, {self.events} of {self.source.device_id!r})"
        )


def layout_bit(layout: int) -> int:
    """One layout, narrow or wide, among others in a number."""
    return 1 << (layout & _LAYOUT_ID)


class Portion(NamedTuple):
    """Some events of an entry, as a DELIVER payload with plain records."""

    payload: bytes
    counter: int  # of the entry; 0 = lossy
    events: int


class AppendStatus(enum.Enum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    FAILED = "failed"


@dataclass(slots=True)
class AppendResult:
    """What became of one batch. `mark` and `lossy_stored` hold for its (device, incarnation) after this append."""

    status: AppendStatus
    offset: int = 0  # 0 = not stored, or known to the reading side only
    events: int = 0  # stored by this append; fewer than the batch had when its beginning was stored before
    mark: int = 0
    lossy_stored: int = 0
    error: str = ""  # for FAILED: what happened, with the value, and the next step


class Marks(NamedTuple):
    """How far one life of a device's counters is stored."""

    mark: int
    lossy_stored: int


class Bounds(NamedTuple):
    """First and last offset that a channel's log holds; first = last + 1 when it holds nothing."""

    first: int
    last: int


@dataclass(slots=True, frozen=True)
class Health:
    ok: bool
    text: str  # one sentence for a person
    queued: int  # batches that wait for their result
    queued_bytes: int
    failed: int  # appends that failed since start


OnEntry = Callable[[Entry], None]
OnResult = Callable[[AppendResult], None]


class Engine(ABC):
    """The log of every channel. All methods belong to the event loop that called start()."""

    name: str
    durable: bool  # a stored batch survives the end of this process
    epoch: bytes  # identity of the whole log, valid after start(); a log that was lost comes back with another one
    # Called when `epoch` changed while the gateway runs, with the last offset of every channel of the new log.
    on_new_log: Callable[[Mapping[str, int]], None] | None = None

    @abstractmethod
    async def start(self, on_entry: OnEntry) -> None:
        """Open the log. `on_entry` is called on the event loop for each stored entry, in the order of the log."""

    @abstractmethod
    async def close(self) -> None:
        """Store what is queued, give every result, then close. May be called twice."""

    @abstractmethod
    def append(self, batch: Batch, done: OnResult) -> None:
        """Store a batch. `done` is called exactly once on the event loop, before or after this call returns."""

    @abstractmethod
    async def read(self, channel: str, after: int, limit: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Entries with an offset above `after`, oldest first; at least one if there is one."""

    @abstractmethod
    async def bounds(self, channel: str) -> Bounds:
        """What the channel's log holds."""

    @abstractmethod
    async def before_last(self, channel: str, count: int) -> int:
        """The offset after which the last `count` entries follow."""

    @abstractmethod
    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        """Mark and lossy count, every append made before this call included."""

    @abstractmethod
    async def channels(self) -> list[str]:
        """Every channel that ever had an entry."""

    @abstractmethod
    async def trim(self, channel: str, keep: int) -> None:
        """Forget all but the newest `keep` entries. Appending trims by itself to the engine's own limit."""

    @abstractmethod
    async def forget(self, channel: str, up_to: int) -> None:
        """Forget the entries up to this offset. What is appended meanwhile is not touched by it."""

    @abstractmethod
    def health(self) -> Health:
        """For the health page; never waits."""


@dataclass(slots=True, frozen=True)
class EngineLimits:
    """What an engine keeps, and how much may wait in front of it."""

    history_entries: int = spec.HISTORY_ENTRIES
    history_bytes: int = HISTORY_BYTES  # per channel; the newest entry stays, however large
    marks_per_device: int = spec.MARKS_PER_DEVICE
    marks_total: int = MARKS_TOTAL
    queue_entries: int = 8192
    queue_bytes: int = 16 * 1024 * 1024


def failed(what: str) -> AppendResult:
    return AppendResult(AppendStatus.FAILED, error=what)


def cut_to_mark(batch: Batch, mark: int, skip_records: SkipRecords) -> Batch | None:
    """The part of a batch that is above the mark: the batch itself, a shorter one, or None for a duplicate."""
    if batch.counter == 0 or batch.counter > mark:
        return batch
    known = mark - batch.counter + 1
    if known >= batch.events:
        return None
    records = batch.records
    if batch.coding:  # the differences of the rest hang on what goes
        records = plain_records(records, 0, len(records), batch.coding)
    start = skip_records(records, 0, len(records), known)
    return replace(batch, counter=mark + 1, events=batch.events - known, records=records[start:], coding=0)


def overtakes(batch: Batch, mark: int) -> str:
    """Why a batch must wait for an earlier one of the same incarnation, or an empty text."""
    if batch.counter == 0 or batch.follows <= mark:
        return ""
    return (
        f"the batch from counter {batch.counter} of device {batch.source.device_id!r} comes before the events up to "
        f"{batch.follows} are stored (mark {mark}); they are sent again first"
    )
