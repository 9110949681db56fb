"""The engine `sqlite:PATH`: one file, durable. What it says is stored was synced to the disk before.

The event loop only queues; a writer thread (sqlite_writer.py) takes everything that waits into one transaction and
hands all results back with one call. Reading has its own connection and thread, so that history never waits for the
disk's writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flight_client.gateway.engines import sqlite_file as file
from flight_client.gateway.engines.base import (
    READ_BYTES,
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
    Source,
    StoreError,
    failed,
)
from flight_client.gateway.engines.sqlite_writer import Stored, Writer

GROUP_LIMIT = 256  # batches in one transaction: their results reach the event loop in one piece
CLOSE_WAIT_S = 10.0  # a disk that does not answer must not keep the gateway from ending
_FETCH_ROWS = 32

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class _Call:
    """Work for the writer thread that is not an append: it keeps its place among the appends."""

    work: Callable[[Writer], Any]
    result: asyncio.Future[Any]


class SqliteEngine(Engine):
    """Log in one SQLite file."""

    name = "sqlite"
    durable = True

    def __init__(self, path: str | Path, skip_records: SkipRecords, limits: EngineLimits | None = None) -> None:
        self._path = Path(path)
        self._limits = limits or EngineLimits()
        self._writer = Writer(self._path, skip_records, self._limits)
        self._lock = file.FileLock(self._path)
        self._jobs: queue.SimpleQueue[Batch | _Call | None] = queue.SimpleQueue()
        self._waiting: deque[tuple[OnResult, int]] = deque()  # what append() was given, oldest first, with its size
        self._waiting_bytes = 0
        self._reading: sqlite3.Connection | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None
        self._open = False
        self._failed = 0
        self._trouble = ""
        self.epoch = b""

    async def start(self, on_entry: OnEntry) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_entry = on_entry
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="flight-sqlite-reader")
        try:
            await self._loop.run_in_executor(self._reader, self._open_file)
        except BaseException:
            self._reader.shutdown(wait=False)
            self._reader = None
            raise
        self.epoch: bytes = self._writer.epoch
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._write_loop, name="flight-sqlite-writer", daemon=True)
        self._open = True
        self._thread.start()

    def _open_file(self) -> None:
        file.check_path(self._path)
        self._lock.take()
        try:
            self._writer.open()
            self._reading = file.connect(self._path, "ro")
        except BaseException:
            self._writer.close()
            self._lock.free()
            raise

    async def close(self) -> None:
        if self._thread is None:
            return
        if self._open:
            self._open = False
            self._jobs.put(None)
        done, _ = await asyncio.wait([self._stopped], timeout=CLOSE_WAIT_S)
        if not done:
            _log.error("the disk of %s does not answer; %d batches are not stored", self._path, len(self._waiting))
        while self._waiting:
            self._finish(failed(f"the log {self._path} was closed before the batch was stored"))
        self._thread = None
        reader, self._reader = self._reader, None
        if reader is not None:
            await self._loop.run_in_executor(reader, self._close_reading)
            reader.shutdown(wait=False)
        if done:  # else the writer may still be at it, and nobody else may touch the file
            self._lock.free()

    def _close_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    # Writing

    def append(self, batch: Batch, done: OnResult) -> None:
        size = len(batch.records)
        if not self._open:
            self._refuse(done, f"the log {self._path} is not open; start the gateway again")
        elif len(self._waiting) >= self._limits.queue_entries or self._waiting_bytes + size > self._limits.queue_bytes:
            self._refuse(
                done,
                f"the disk of {self._path} is too slow: {len(self._waiting)} batches ({self._waiting_bytes} bytes)"
                " wait; the devices send again, a faster disk or fewer events help",
            )
        else:
            self._waiting.append((done, size))
            self._waiting_bytes += size
            self._jobs.put(batch)

    def _refuse(self, done: OnResult, what: str) -> None:
        self._failed += 1
        done(failed(what))

    def _write_loop(self) -> None:
        """The writer thread. It ends only at the None that close() queues."""
        ended = False
        held: Batch | _Call | None = None
        have_held = False
        while not ended:
            job = held if have_held else self._jobs.get()
            have_held = False
            if job is None:
                ended = True
            elif isinstance(job, _Call):
                self._run_call(job)
            else:
                group = [job]
                while len(group) < GROUP_LIMIT and not have_held:
                    try:
                        following = self._jobs.get_nowait()
                    except queue.Empty:
                        break
                    if isinstance(following, Batch):
                        group.append(following)
                    else:
                        held, have_held = following, True
                self._to_loop(self._hand_back, self._writer.append_group(group))
        self._writer.close()
        self._to_loop(self._stopped.set_result, None)

    def _run_call(self, call: _Call) -> None:
        try:
            result = call.work(self._writer)
        except Exception as error:
            trouble = self._store_error("asked", error)
            self._to_loop(_settle, call.result, None, trouble)
        else:
            self._to_loop(_settle, call.result, result, None)

    def _to_loop(self, callback: Callable[..., object], *values: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed without close(): nobody is left to hear it
            self._loop.call_soon_threadsafe(callback, *values)

    def _hand_back(self, stored: list[Stored]) -> None:
        """On the event loop, once per transaction: entries in the order of the log, each followed by its result."""
        for one in stored:
            if not self._waiting:
                return  # close() gave up waiting and answered for them
            if one.entry is not None:
                self._trouble = ""
                try:
                    self._on_entry(one.entry)
                except Exception:
                    _log.exception("handing on entry %d of %r failed", one.entry.offset, one.entry.channel)
            elif one.result.status is AppendStatus.FAILED:
                self._failed += 1
                if one.result.error != self._trouble:
                    self._trouble = one.result.error
                    _log.error("%s", self._trouble)
            self._finish(one.result)

    def _finish(self, result: Any) -> None:
        done, size = self._waiting.popleft()
        self._waiting_bytes -= size
        try:
            done(result)
        except Exception:
            _log.exception("the result of an append could not be given")

    async def _ask_writer(self, work: Callable[[Writer], T]) -> T:
        if not self._open:
            raise self._store_error("asked", RuntimeError("it is not open"))
        result: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Call(work, result))
        return await result

    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        return await self._ask_writer(lambda writer: writer.marks(device_id, incarnation))

    async def trim(self, channel: str, keep: int) -> None:
        await self._ask_writer(lambda writer: writer.trim(channel, keep))

    async def forget(self, channel: str, up_to: int) -> None:
        await self._ask_writer(lambda writer: writer.forget(channel, up_to))

    # Reading

    async def _read_with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._reader is None or not self._open:
            raise self._store_error("read", RuntimeError("it is not open"))
        return await self._loop.run_in_executor(self._reader, self._reading_step, work)

    def _reading_step(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._reading is None:
                self._reading = file.connect(self._path, "ro")
            return work(self._reading)
        except sqlite3.Error as error:
            self._close_reading()  # the next read opens the file anew
            raise self._store_error("read", error) from error

    def _store_error(self, verb: str, error: Exception) -> StoreError:
        return StoreError(
            what=f"the log could not be {verb} ({error})",
            value=str(self._path),
            next_step="check the disk and the file's permissions; it is tried again",
        )

    async def read(self, channel: str, after: int, limit: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        return await self._read_with(lambda reading: self._read_entries(reading, channel, after, limit, limit_bytes))

    def _read_entries(
        self, reading: sqlite3.Connection, channel: str, after: int, limit: int, limit_bytes: int
    ) -> list[Entry]:
        channel_id, first, last = self._extent(reading, channel)
        start = max(after, first - 1)
        entries: list[Entry] = []
        if start >= last:
            return entries
        span = (file.entry_id(channel_id, start), file.entry_id(channel_id + 1, 0), limit)
        cursor = reading.execute(file.READ_ENTRIES, span)
        cursor.arraysize = _FETCH_ROWS
        total = 0
        for row in cursor:
            entry = _entry_of(channel, row)
            total += len(entry.payload)
            if entries and total > limit_bytes:
                break
            entries.append(entry)
        cursor.close()
        return entries

    def _extent(self, reading: sqlite3.Connection, channel: str) -> tuple[int, int, int]:
        """Id, first and last offset that readers see: rows beyond the limit wait in the file to be deleted together."""
        row = reading.execute(
            "SELECT id, last_offset, stored_bytes FROM channels WHERE name = ?", (channel,)
        ).fetchone()
        if row is None:
            return 0, 1, 0
        channel_id, last, stored_bytes = row
        lowest = reading.execute(
            "SELECT min(id) FROM entries WHERE id > ? AND id < ?",
            (file.entry_id(channel_id, 0), file.entry_id(channel_id + 1, 0)),
        ).fetchone()[0]
        first = last + 1 if lowest is None else lowest & (file.OFFSET_LIMIT - 1)
        first = max(first, last - self._limits.history_entries + 1)
        return (
            channel_id,
            file.first_within(reading, channel_id, first, last, stored_bytes, self._limits.history_bytes),
            last,
        )

    async def bounds(self, channel: str) -> Bounds:
        return await self._read_with(lambda reading: Bounds(*self._extent(reading, channel)[1:]))

    async def before_last(self, channel: str, count: int) -> int:
        first, last = await self.bounds(channel)
        return max(first - 1, last - max(count, 0))

    async def channels(self) -> list[str]:
        return await self._read_with(
            lambda reading: [row[0] for row in reading.execute("SELECT name FROM channels ORDER BY name")]
        )

    def health(self) -> Health:
        if not self._open:
            return Health(False, f"{self._path} is not open", len(self._waiting), self._waiting_bytes, self._failed)
        text = self._trouble or f"stores in {self._path}"
        return Health(not self._trouble, text, len(self._waiting), self._waiting_bytes, self._failed)


def _entry_of(channel: str, row: tuple[Any, ...]) -> Entry:
    """An entry as it was stored. Offsets of this engine have no holes, so the previous one is not kept."""
    key, device_id, platform, short_id, incarnation, counter, events, held, received_ms, records, coding = row
    offset = key & (file.OFFSET_LIMIT - 1)
    source = Source(device_id, platform, short_id)
    batch = Batch(channel, source, incarnation, counter, events, held, received_ms, records, coding=coding)
    return Entry(batch, offset, offset - 1)


def _settle(result: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if result.done():
        return  # whoever asked has gone
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)
