"""What the messages of the stream say, and the copy of the log that each gateway makes of them. No I/O.

Theory of operation
- All channels of a prefix are one stream, so that all gateways read all events in one order. Each judges every batch
  by the marks it has reached at that place: stored, duplicate, cut, or too early. The rules see nothing but the stream,
  so all gateways come to the same answer, and nobody has to ask another.
- One message holds what one gateway had waiting: batches, and control records beside them.
- A batch's offset is made of its message's offset and its place in the message: offsets rise and have holes.
- A checkpoint holds the epoch and all marks. Gateways add one every so often; whoever starts reads back at least as
  far. A reader that did not begin at the beginning trusts its judgement from the first full checkpoint on, and forgets
  the entries before that.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flight_client.errors import PeerError
from flight_client.gateway.engines.base import (
    EPOCH_BYTES,
    AppendResult,
    AppendStatus,
    Batch,
    Bounds,
    EngineLimits,
    Entry,
    Marks,
    SkipRecords,
    cut_to_mark,
    failed,
    overtakes,
)
from flight_client.gateway.engines.memory import MarkTable
from flight_client.gateway.engines.packing import pack_batch, unpack_batch

BATCH, TRIM, CHECKPOINT, MARKER, FORGET = 1, 2, 3, 4, 5
PROPOSED, FULL, REPLACED = 0, 1, 2  # checkpoints: of an empty log, of a reader's marks, of a log that lost its end
PLACES = 256  # batches in one message at most
_RECORD = struct.Struct("<BBI")  # kind, length of the channel's name, length of what follows it
_KEEP = struct.Struct("<Q")
_MARK = struct.Struct("<B8sIQ")  # length of the device id, incarnation, mark, lossy events stored


class Record(NamedTuple):
    kind: int
    channel: str
    data: bytes


def record(kind: int, channel: str = "", data: bytes = b"") -> bytes:
    name = channel.encode()
    return _RECORD.pack(kind, len(name), len(data)) + name + data


def batch_record(batch: Batch) -> bytes:
    return record(BATCH, batch.channel, pack_batch(batch))


def trim_record(channel: str, keep: int) -> bytes:
    return record(TRIM, channel, _KEEP.pack(keep))


def forget_record(channel: str, up_to: int) -> bytes:
    return record(FORGET, channel, _KEEP.pack(up_to))


def checkpoint_record(kind: int, epoch: bytes, marks: Sequence[tuple[str, bytes, Marks]] = ()) -> bytes:
    parts = [bytes([kind]), epoch]
    for device_id, incarnation, (mark, lossy) in marks:
        name = device_id.encode()
        parts += (_MARK.pack(len(name), incarnation, mark, lossy), name)
    return record(CHECKPOINT, "", b"".join(parts))


def records(body: bytes) -> Iterator[Record]:
    """PeerError for what no gateway wrote."""
    at = 0
    while at < len(body):
        try:
            kind, name_bytes, data_bytes = _RECORD.unpack_from(body, at)
            start = at + _RECORD.size
            channel = body[start : start + name_bytes].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise _unreadable(body, str(error)) from None
        start += name_bytes
        at = start + data_bytes
        if kind not in (BATCH, TRIM, CHECKPOINT, MARKER, FORGET) or at > len(body):
            raise _unreadable(body, f"kind {kind}, {data_bytes} bytes")
        yield Record(kind, channel, body[start:at])


def _unreadable(body: bytes, why: str) -> PeerError:
    return PeerError(
        what=f"a message of {len(body)} bytes is none of a gateway of this version ({why})",
        value=body[:16].hex(),
        next_step="update flight-realtime on every gateway that shares this log, and let nothing else write to it",
    )


def first_offset(message_offset: int) -> int:
    """Of the first place in a message. 0 is no offset."""
    return message_offset * PLACES + 1


class Log:
    """The entries of one channel that are kept, oldest first."""

    def __init__(self, base: int) -> None:
        self.last: int = base  # offset of the newest entry, kept or not
        self._entries: list[Entry] = []
        self._offsets: list[int] = []
        self._start = 0  # entries before it are forgotten; the lists are cut now and then
        self._bytes = 0

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._offsets.append(entry.offset)
        self._bytes += len(entry.payload)
        self.last = entry.offset

    def __len__(self) -> int:
        return len(self._entries) - self._start

    def trim(self, entries: int, size: int) -> None:
        while len(self) > entries or (self._bytes > size and len(self) > 1):
            self._drop_oldest()
        self._cut()

    def forget(self, up_to: int) -> None:
        while len(self) and self._offsets[self._start] <= up_to:
            self._drop_oldest()
        self._cut()

    def _drop_oldest(self) -> None:
        self._bytes -= len(self._entries[self._start].payload)
        self._start += 1

    def _cut(self) -> None:
        if self._start > 64 and self._start * 2 > len(self._entries):
            del self._entries[: self._start], self._offsets[: self._start]
            self._start = 0

    def bounds(self) -> Bounds:
        # The first is what follows the entry before it: a reader that stands there misses nothing.
        return Bounds(self._entries[self._start].previous + 1 if len(self) else self.last + 1, self.last)

    def before_last(self, count: int) -> int:
        if count <= 0 or not len(self):
            return self.last
        return self._entries[max(self._start, len(self._entries) - count)].previous

    def read(self, after: int, limit: int, limit_bytes: int) -> list[Entry]:
        found: list[Entry] = []
        total = 0
        for index in range(max(bisect_right(self._offsets, after), self._start), len(self._entries)):
            entry = self._entries[index]
            total += len(entry.payload)
            if len(found) >= limit or (found and total > limit_bytes):
                break
            found.append(entry)
        return found


class Outcome(NamedTuple):
    """What a batch of the stream came to."""

    result: AppendResult
    entry: Entry | None = None


class Replica:
    """The log as far as the stream was read."""

    def __init__(self, skip_records: SkipRecords, limits: EngineLimits) -> None:
        self._skip_records = skip_records
        self._limits = limits
        self._marks = MarkTable(limits.marks_per_device, limits.marks_total)
        self._base = 0
        self._whole = True  # read from the beginning, or from a full checkpoint on
        self._only_proposed = True
        self.epoch: bytes = b""
        self.logs: dict[str, Log] = {}
        self.position: int = -1  # offset of the message that was read last
        self.checkpoint_at: int = 0  # offset of the message with the last full checkpoint
        self._bytes = 0  # of all messages since then

    def begin(self, message_offset: int) -> None:
        """The first message that was got. All that was before it is unknown here."""
        self._whole = message_offset == 0
        self._base = 0 if self._whole else first_offset(message_offset) - 1
        self.position = message_offset - 1
        self.checkpoint_at = message_offset

    @property
    def complete(self) -> bool:
        """Whether its judgement can be trusted."""
        return self._whole and bool(self.epoch)

    def wants_checkpoint(self, due: int, size: int) -> bool:
        return self.position >= due or self._bytes >= size

    def marks(self, device_id: str, incarnation: bytes) -> Marks:
        return self._marks.get(device_id, incarnation)

    def checkpoint(self) -> bytes:
        return checkpoint_record(FULL, self.epoch, self._marks.items())

    def last_offsets(self) -> dict[str, int]:
        return {name: log.last for name, log in self.logs.items()}

    def apply(self, message_offset: int, body: bytes) -> list[Outcome]:
        """One message: the outcome of each batch in it. PeerError: it was skipped."""
        self.position = message_offset
        self._bytes += len(body)
        outcomes: list[Outcome] = []
        try:
            for kind, channel, data in list(records(body)):
                if kind == BATCH:
                    offset = first_offset(message_offset) + len(outcomes)
                    outcomes.append(self._judge(unpack_batch(channel, data), offset))
                elif kind == TRIM:
                    self._trim(channel, _KEEP.unpack(data)[0])
                elif kind == FORGET and channel in self.logs:
                    self.logs[channel].forget(_KEEP.unpack(data)[0])
                elif kind == CHECKPOINT:
                    self._take_checkpoint(message_offset, data)
        except (struct.error, UnicodeDecodeError, IndexError) as error:
            raise _unreadable(body, str(error)) from None
        return outcomes

    def _trim(self, channel: str, keep: int) -> None:
        log = self.logs.get(channel)
        if log is not None:
            log.trim(keep, self._limits.history_bytes)

    def judge_before(self, batch: Batch) -> AppendResult | Batch:
        """What is known of a batch before it goes to the stream: its result, or what is left of it to store."""
        mark, lossy = self.marks(batch.owner, batch.incarnation)
        try:
            part = cut_to_mark(batch, mark, self._skip_records)
        except Exception as error:
            return failed(f"the batch could not be stored: {error!r}")
        return part or AppendResult(AppendStatus.DUPLICATE, mark=mark, lossy_stored=lossy)

    def _judge(self, batch: Batch, offset: int) -> Outcome:
        owner = batch.owner
        mark, lossy = self.marks(owner, batch.incarnation)
        wait = overtakes(batch, mark)
        if wait:
            return Outcome(AppendResult(AppendStatus.FAILED, mark=mark, lossy_stored=lossy, error=wait))
        part = self.judge_before(batch)
        if isinstance(part, AppendResult):
            return Outcome(part)
        log = self.logs.get(part.channel)
        if log is None:
            log = self.logs[part.channel] = Log(self._base)
        entry = Entry(part, offset, log.last)
        log.add(entry)
        log.trim(self._limits.history_entries, self._limits.history_bytes)
        if part.counter:
            mark = part.counter + part.events - 1
        else:
            lossy += part.events
        self._marks.put(owner, batch.incarnation, Marks(mark, lossy))
        return Outcome(AppendResult(AppendStatus.STORED, offset, part.events, mark, lossy), entry)

    def _take_checkpoint(self, message_offset: int, data: bytes) -> None:
        kind, epoch = data[0], data[1 : 1 + EPOCH_BYTES]
        if not self.epoch or kind == REPLACED or (kind == FULL and self._only_proposed and not self._whole):
            self.epoch = epoch
        if kind != FULL:
            return
        self._only_proposed = False
        self.checkpoint_at = message_offset
        self._bytes = 0
        at = 1 + EPOCH_BYTES
        while at < len(data):
            length, incarnation, mark, lossy = _MARK.unpack_from(data, at)
            at += _MARK.size + length
            device_id = data[at - length : at].decode()
            known = self.marks(device_id, incarnation)
            merged = Marks(max(known.mark, mark), max(known.lossy_stored, lossy))
            if merged != known:
                self._marks.put(device_id, incarnation, merged)
        if not self._whole:
            self._whole = True
            self._base = first_offset(message_offset) - 1
            self.logs = {name: Log(self._base) for name in self.logs}
