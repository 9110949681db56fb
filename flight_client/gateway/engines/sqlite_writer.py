"""The writing side of the engine `sqlite:PATH`: one thread, and one transaction for everything that waits.

sqlite3 gives up the interpreter lock at every step of a statement and must win it back, which takes up to 5 ms while
the event loop is busy. So a group is written with few statements of many rows: measured beside a busy loop 3,500
rows/s against 450 rows/s with one step per row. For the same reason the last offsets and marks are kept here; the
file's lock makes sure that nobody else changes them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from flight_client.gateway.engines import sqlite_file as file
from flight_client.gateway.engines.base import (
    AppendResult,
    AppendStatus,
    Batch,
    EngineLimits,
    Entry,
    Marks,
    SkipRecords,
    cut_to_mark,
    failed,
    overtakes,
)

CACHED_MARKS = 4096
TRIM_SLACK = 256  # rows beyond the limit that wait to be deleted together; readers do not see them
TRIM_SHARE = 16  # ... and this part of the limit of bytes
_ROWS_PER_STATEMENT = (256, 64, 16)

Key = tuple[str, bytes]  # device id, incarnation


@dataclass(slots=True)
class Channel:
    id: int
    name: str
    last: int
    first_kept: int  # oldest row in the file; readers may see fewer
    stored_bytes: int = 0  # ever
    gone_bytes: int = 0  # of what was stored before the oldest row


@dataclass(slots=True)
class Stored:
    """One batch of a group with what became of it; the result counts once the group is committed."""

    result: AppendResult
    entry: Entry | None = None


class Writer:
    """Owns the writing connection. Every method is called from the writer thread only."""

    def __init__(self, path: Path, skip_records: SkipRecords, limits: EngineLimits) -> None:
        self._path = path
        self._skip_records = skip_records
        self._limits = limits
        self._connection: sqlite3.Connection | None = None
        self._channels: dict[str, Channel] = {}
        self._marks: OrderedDict[Key, Marks] = OrderedDict()
        self._next_channel_id = 1
        self._used = 0
        self._file_id: tuple[int, int] = (0, 0)
        self.epoch: bytes = b""

    def open(self) -> None:
        self._connection = file.open_writer(self._path)
        self.epoch = file.read_epoch(self._connection)
        self._load(self._connection)
        self._file_id = self._identity()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def append_group(self, batches: Sequence[Batch]) -> list[Stored]:
        """Store all of them in one transaction. Either the transaction is on the disk or each gets a failure."""
        try:
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            stored = self._write(connection, batches)
            connection.execute("COMMIT")
        except Exception as error:  # whatever it was, nothing of this group is stored and each batch must hear so
            self._give_up()
            text = (
                f"the log {self._path} could not be written ({error}); check the disk's space and the file's"
                " permissions, the devices send again until it works"
            )
            return [Stored(failed(text)) for _ in batches]
        return stored

    def marks(self, device_id: str, incarnation: bytes) -> Marks:
        return self._marks_of(self._ready(), (device_id, incarnation))

    def trim(self, channel: str, keep: int) -> None:
        known = self._channels.get(channel)
        if known is not None:
            self.forget(channel, known.last - max(keep, 0))

    def forget(self, channel: str, up_to: int) -> None:
        connection = self._ready()
        known = self._channels.get(channel)
        if known is not None:
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._delete_up_to(connection, known, min(up_to, known.last))
                connection.execute("COMMIT")
            except sqlite3.Error:
                self._give_up()
                raise

    def _ready(self) -> sqlite3.Connection:
        # A file that was deleted or replaced under the gateway would take every event with it, and opening the new one
        # would mix it with the old one's journal. Only the same file will do until the gateway is started again.
        if self._identity() != self._file_id:
            raise sqlite3.OperationalError("the file was moved or replaced while the gateway ran")
        if self._connection is None:
            self._connection = file.reopen_writer(self._path, self.epoch)
            self._load(self._connection)
        return self._connection

    def _identity(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino

    def _give_up(self) -> None:
        """Roll back. The next group opens the file again and loads what is really in it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # Closing rolls back. Should it fail, the file is opened anew and its journal decides what is there.
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _load(self, connection: sqlite3.Connection) -> None:
        self._channels.clear()
        self._marks.clear()
        known = connection.execute("SELECT id, name, last_offset, stored_bytes FROM channels").fetchall()
        for channel_id, name, last, stored_bytes in known:
            lowest = connection.execute(
                "SELECT min(id) FROM entries WHERE id > ? AND id < ?",
                (file.entry_id(channel_id, 0), file.entry_id(channel_id + 1, 0)),
            ).fetchone()[0]
            first = last + 1 if lowest is None else lowest & (file.OFFSET_LIMIT - 1)
            gone_bytes = stored_bytes if lowest is None else file.before_bytes(connection, channel_id, first)
            self._channels[name] = Channel(channel_id, name, last, first, stored_bytes, gone_bytes)
        self._next_channel_id = max((channel.id for channel in self._channels.values()), default=0) + 1
        self._used = connection.execute("SELECT coalesce(max(used), 0) FROM marks").fetchone()[0]

    def _write(self, connection: sqlite3.Connection, batches: Sequence[Batch]) -> list[Stored]:
        rows: list[tuple[object, ...]] = []
        channels: dict[str, Channel] = {}
        touched: dict[Key, Marks] = {}
        stored = [self._place(connection, batch, rows, channels, touched) for batch in batches]
        if rows:
            _insert(connection, "INSERT INTO entries VALUES ", file.ENTRY_COLUMNS, rows, "")
            self._save_channels(connection, channels.values())
            self._save_marks(connection, touched)
        return stored

    def _place(
        self, connection: sqlite3.Connection, batch: Batch, rows: list[tuple[object, ...]],
        channels: dict[str, Channel], touched: dict[Key, Marks],
    ) -> Stored:  # fmt: skip
        """Give one batch its place in the log. What it raises ends the batch, not the group, unless the disk failed."""
        key = (batch.owner, batch.incarnation)
        mark, lossy = touched.get(key) or self._marks_of(connection, key)
        wait = overtakes(batch, mark)
        if wait:
            return Stored(AppendResult(AppendStatus.FAILED, mark=mark, lossy_stored=lossy, error=wait))
        try:
            part = cut_to_mark(batch, mark, self._skip_records)
            if part is None:
                return Stored(AppendResult(AppendStatus.DUPLICATE, mark=mark, lossy_stored=lossy))
            channel = self._channel(part.channel)
            entry = Entry(part, channel.last + 1, channel.last)
        except (sqlite3.Error, OSError):
            raise
        except Exception as error:
            return Stored(failed(f"the batch could not be stored: {error!r}"))
        rows.append(file.entry_row(channel.id, entry, part.records, channel.stored_bytes))
        channel.last = entry.offset
        channel.stored_bytes += len(entry.payload)
        channels[channel.name] = channel
        if part.counter:
            mark = part.counter + part.events - 1
        else:
            lossy += part.events
        touched[key] = Marks(mark, lossy)
        return Stored(AppendResult(AppendStatus.STORED, entry.offset, part.events, mark, lossy), entry)

    def _channel(self, name: str) -> Channel:
        known = self._channels.get(name)
        if known is None:
            if self._next_channel_id >= file.CHANNEL_LIMIT:
                raise ValueError(f"the log holds at most {file.CHANNEL_LIMIT - 1} channels")
            known = self._channels[name] = Channel(self._next_channel_id, name, 0, 1)
            self._next_channel_id += 1
        return known

    def _save_channels(self, connection: sqlite3.Connection, changed: Collection[Channel]) -> None:
        rows = [(channel.id, channel.name, channel.last, channel.stored_bytes) for channel in changed]
        _insert(
            connection, "INSERT INTO channels VALUES ", 4, rows,
            " ON CONFLICT (id) DO UPDATE SET last_offset = excluded.last_offset, stored_bytes = excluded.stored_bytes",
        )  # fmt: skip
        for channel in changed:
            self._keep_limits(connection, channel)

    def _keep_limits(self, connection: sqlite3.Connection, channel: Channel) -> None:
        limit, limit_bytes = self._limits.history_entries, self._limits.history_bytes
        if channel.last - channel.first_kept + 1 >= limit + min(TRIM_SLACK, limit):
            self._delete_up_to(connection, channel, channel.last - limit)
        if channel.stored_bytes - channel.gone_bytes > limit_bytes + limit_bytes // TRIM_SHARE:
            first = file.first_within(
                connection, channel.id, channel.first_kept, channel.last, channel.stored_bytes, limit_bytes
            )
            self._delete_up_to(connection, channel, first - 1)

    def _delete_up_to(self, connection: sqlite3.Connection, channel: Channel, offset: int) -> None:
        if offset >= channel.first_kept:
            connection.execute(
                "DELETE FROM entries WHERE id > ? AND id <= ?",
                (file.entry_id(channel.id, 0), file.entry_id(channel.id, offset)),
            )
            channel.first_kept = offset + 1
            left = channel.first_kept <= channel.last
            channel.gone_bytes = (
                file.before_bytes(connection, channel.id, channel.first_kept) if left else channel.stored_bytes
            )

    def _marks_of(self, connection: sqlite3.Connection, key: Key) -> Marks:
        known = self._marks.get(key)
        if known is None:
            row = connection.execute(
                "SELECT mark, lossy_stored FROM marks WHERE device_id = ? AND incarnation = ?", key
            ).fetchone()
            known = Marks(0, 0) if row is None else Marks(*row)
        return known

    def _save_marks(self, connection: sqlite3.Connection, touched: dict[Key, Marks]) -> None:
        rows = []
        for (device_id, incarnation), (mark, lossy) in touched.items():
            self._used += 1
            rows.append((device_id, incarnation, mark, lossy, self._used))
        _insert(
            connection, "INSERT INTO marks VALUES ", 5, rows,
            " ON CONFLICT DO UPDATE SET mark = excluded.mark, lossy_stored = excluded.lossy_stored,"
            " used = excluded.used",
        )  # fmt: skip
        fresh = {key[0] for key in touched if key not in self._marks}
        for key, marks in touched.items():
            self._marks[key] = marks
            self._marks.move_to_end(key)
        if fresh:
            self._forget_marks(connection, fresh)
        while len(self._marks) > CACHED_MARKS:
            self._marks.popitem(last=False)

    def _forget_marks(self, connection: sqlite3.Connection, devices: set[str]) -> None:
        """Those used longest ago go first. Only keys that are not in the cache can be new, so this is rare."""
        gone: list[Key] = []
        for device_id in devices:
            gone += connection.execute(
                "DELETE FROM marks WHERE device_id = ?1 AND incarnation NOT IN"
                " (SELECT incarnation FROM marks WHERE device_id = ?1 ORDER BY used DESC LIMIT ?2)"
                " RETURNING device_id, incarnation",
                (device_id, self._limits.marks_per_device),
            ).fetchall()
        gone += connection.execute(
            "DELETE FROM marks WHERE used <= (SELECT used FROM marks ORDER BY used DESC LIMIT 1 OFFSET ?)"
            " RETURNING device_id, incarnation",
            (self._limits.marks_total,),
        ).fetchall()
        for key in gone:
            self._marks.pop(key, None)


def _insert(
    connection: sqlite3.Connection, head: str, columns: int, rows: Sequence[tuple[object, ...]], rest: str
) -> None:
    """Insert many rows in few steps, out of few different statements, so that SQLite keeps them prepared."""
    one = "(" + ",".join("?" * columns) + ")"
    start = 0
    while start < len(rows):
        left = len(rows) - start
        count = next((size for size in _ROWS_PER_STATEMENT if size <= left), left)
        values = [value for row in rows[start : start + count] for value in row]
        connection.execute(head + ",".join([one] * count) + rest, values)
        start += count
