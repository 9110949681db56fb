"""The engine `memory:`: every log in this process, gone with it. A new start has a new epoch: readers are told so."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict

from flight_client.gateway.engines.base import (
    EPOCH_BYTES,
    READ_BYTES,
    AppendResult,
    AppendStatus,
    Batch,
    Bounds,
    Engine,
    EngineLimits,
    Entry,
    Health,
    Marks,
    OnEntry,
    OnResult,
    SkipRecords,
    cut_to_mark,
    failed,
    overtakes,
)

_log = logging.getLogger(__name__)


class _Log:
    """One channel. `first` .. `last` are present without a hole; empty when first is last + 1."""

    __slots__ = ("bytes", "entries", "first", "last")

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.first = 1
        self.last = 0
        self.bytes = 0

    def add(self, entry: Entry) -> None:
        self.entries[entry.offset] = entry
        self.last = entry.offset
        self.bytes += len(entry.payload)

    def drop_oldest(self) -> None:
        self.bytes -= len(self.entries.pop(self.first).payload)
        self.first += 1


class MarkTable:
    """Mark and lossy count per (device, incarnation); the one used longest ago goes first."""

    def __init__(self, per_device: int, total: int) -> None:
        self._per_device = per_device
        self._total = total
        self._marks: OrderedDict[tuple[str, bytes], Marks] = OrderedDict()
        self._of_device: dict[str, OrderedDict[bytes, None]] = {}

    def get(self, device_id: str, incarnation: bytes) -> Marks:
        return self._marks.get((device_id, incarnation), Marks(0, 0))

    def put(self, device_id: str, incarnation: bytes, marks: Marks) -> None:
        key = (device_id, incarnation)
        known = key in self._marks
        self._marks[key] = marks
        self._marks.move_to_end(key)
        lives = self._of_device.setdefault(device_id, OrderedDict())
        lives[incarnation] = None
        lives.move_to_end(incarnation)
        if not known:
            if len(lives) > self._per_device:
                self._forget((device_id, next(iter(lives))))
            if len(self._marks) > self._total:
                self._forget(next(iter(self._marks)))

    def items(self) -> list[tuple[str, bytes, Marks]]:
        """Device id, incarnation and marks, the one used longest ago first."""
        return [(device_id, incarnation, marks) for (device_id, incarnation), marks in self._marks.items()]

    def _forget(self, key: tuple[str, bytes]) -> None:
        del self._marks[key]
        lives = self._of_device[key[0]]
        del lives[key[1]]
        if not lives:
            del self._of_device[key[0]]


class MemoryEngine(Engine):
    """Appends complete before append() returns."""

    name = "memory"
    durable = False

    def __init__(self, skip_records: SkipRecords, limits: EngineLimits | None = None) -> None:
        self._skip_records = skip_records
        self._limits = limits or EngineLimits()
        self._marks = MarkTable(self._limits.marks_per_device, self._limits.marks_total)
        self._logs: dict[str, _Log] = {}
        self._on_entry: OnEntry | None = None
        self._failed = 0
        self.epoch = b""

    async def start(self, on_entry: OnEntry) -> None:
        self.epoch: bytes = os.urandom(EPOCH_BYTES)
        self._on_entry = on_entry

    async def close(self) -> None:
        self._on_entry = None

    def append(self, batch: Batch, done: OnResult) -> None:
        on_entry = self._on_entry
        if on_entry is None:
            self._failed += 1
            done(failed("the engine `memory:` is not started; start the gateway again"))
            return
        try:
            result, entry = self._store(batch)
        except Exception as error:  # one batch that cannot be stored must not end the session of another device
            _log.exception("a batch of device %r could not be stored", batch.source.device_id)
            result, entry = failed(f"the batch could not be stored: {error!r}"), None
        if entry is not None:
            try:
                on_entry(entry)
            except Exception:
                _log.exception("handing on entry %d of %r failed", entry.offset, entry.channel)
        elif result.status is AppendStatus.FAILED:
            self._failed += 1
        done(result)

    def _store(self, batch: Batch) -> tuple[AppendResult, Entry | None]:
        device_id, incarnation = batch.owner, batch.incarnation
        mark, lossy = self._marks.get(device_id, incarnation)
        wait = overtakes(batch, mark)
        if wait:
            return AppendResult(AppendStatus.FAILED, mark=mark, lossy_stored=lossy, error=wait), None
        part = cut_to_mark(batch, mark, self._skip_records)
        if part is None:
            return AppendResult(AppendStatus.DUPLICATE, mark=mark, lossy_stored=lossy), None
        log = self._logs.get(part.channel) or _Log()
        entry = Entry(part, log.last + 1, log.last)
        self._logs[part.channel] = log
        log.add(entry)
        self._trim(log, self._limits.history_entries, self._limits.history_bytes)
        if part.counter:
            mark = part.counter + part.events - 1
        else:
            lossy += part.events
        self._marks.put(device_id, incarnation, Marks(mark, lossy))
        return AppendResult(AppendStatus.STORED, entry.offset, part.events, mark, lossy), entry

    @staticmethod
    def _trim(log: _Log, entries: int, size: int) -> None:
        while len(log.entries) > entries or (log.bytes > size and len(log.entries) > 1):
            log.drop_oldest()

    async def read(self, channel: str, after: int, limit: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        log = self._logs.get(channel)
        found: list[Entry] = []
        if log is None:
            return found
        total = 0
        for offset in range(max(after + 1, log.first), log.last + 1):
            entry = log.entries[offset]
            total += len(entry.payload)
            if len(found) >= limit or (found and total > limit_bytes):
                break
            found.append(entry)
        return found

    async def bounds(self, channel: str) -> Bounds:
        log = self._logs.get(channel)
        return Bounds(log.first, log.last) if log else Bounds(1, 0)

    async def before_last(self, channel: str, count: int) -> int:
        first, last = await self.bounds(channel)
        return max(first - 1, last - max(count, 0))

    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        return self._marks.get(device_id, incarnation)

    async def channels(self) -> list[str]:
        return sorted(self._logs)

    async def trim(self, channel: str, keep: int) -> None:
        log = self._logs.get(channel)
        if log is not None:
            self._trim(log, max(keep, 0), self._limits.history_bytes)

    async def forget(self, channel: str, up_to: int) -> None:
        log = self._logs.get(channel)
        while log is not None and log.entries and log.first <= up_to:
            log.drop_oldest()

    def health(self) -> Health:
        started = self._on_entry is not None
        text = "keeps everything in this process: a restart loses it" if started else "not started"
        return Health(started, text, 0, 0, self._failed)
