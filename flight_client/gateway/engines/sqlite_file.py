"""The file of the engine `sqlite:PATH`: opening it safely, and its tables.

One gateway uses a file at a time. A second one would number the same offsets and fan out only half of the events, so
the first holds a lock beside the file; the operating system frees it when the process dies, however it dies.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from flight_client.errors import CallerError
from flight_client.gateway.engines.base import EPOCH_BYTES, Entry

APPLICATION_ID = 0x464C5431  # "FLT1" in the file's head: tells our file from another program's
SCHEMA_VERSION = 3
BUSY_S = 5.0  # how long another program may hold the file before appends fail

# The key of an entry is its channel's id above 40 bits of offset: one tree to write instead of two, and neighbours in
# the log are neighbours in the file. 2^40 offsets last a channel 600 days at 20,000 batches a second.
OFFSET_BITS = 40
OFFSET_LIMIT = 1 << OFFSET_BITS
CHANNEL_LIMIT = 1 << (62 - OFFSET_BITS)

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_offset INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE marks (
    device_id TEXT NOT NULL, incarnation BLOB NOT NULL, mark INTEGER NOT NULL, lossy_stored INTEGER NOT NULL,
    used INTEGER NOT NULL, PRIMARY KEY (device_id, incarnation)) WITHOUT ROWID;
CREATE INDEX marks_used ON marks (used);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, platform INTEGER NOT NULL, short_id BLOB NOT NULL,
    incarnation BLOB NOT NULL, counter INTEGER NOT NULL, events INTEGER NOT NULL, held INTEGER NOT NULL,
    received_ms INTEGER NOT NULL, records BLOB NOT NULL, coding INTEGER NOT NULL DEFAULT 0,
    before_bytes INTEGER NOT NULL DEFAULT 0);
"""
# What a file of an older schema lacks, by that schema. The entries it has then count as no bytes: only the limit of entries takes
# them, so that the first start does not write the whole file anew.
_UPGRADES = {
    1: ("ALTER TABLE entries ADD COLUMN coding INTEGER NOT NULL DEFAULT 0",),
    2: (
        "ALTER TABLE channels ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE entries ADD COLUMN before_bytes INTEGER NOT NULL DEFAULT 0",
    ),
}
ENTRY_COLUMNS = 12
READ_ENTRIES = (
    "SELECT id, device_id, platform, short_id, incarnation, counter, events, held, received_ms, records, coding"
    " FROM entries WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
)


def entry_id(channel_id: int, offset: int) -> int:
    return channel_id << OFFSET_BITS | offset


def entry_row(channel_id: int, entry: Entry, records: bytes, before_bytes: int) -> tuple[object, ...]:
    source = entry.source
    return (
        entry_id(channel_id, entry.offset), source.device_id, source.platform, source.short_id, entry.incarnation,
        entry.counter, entry.events, entry.held, entry.received_ms, records, entry.coding, before_bytes,
    )  # fmt: skip


def first_within(
    connection: sqlite3.Connection, channel_id: int, first: int, last: int, total_bytes: int, limit_bytes: int
) -> int:
    """The oldest offset from which on all entries fit into the limit; the newest one always does.

    Each entry says how many bytes its channel had stored before it, so a halving finds the place in a few looks.
    """
    least = total_bytes - limit_bytes
    if first >= last or before_bytes(connection, channel_id, first) >= least:
        return first
    too_old, fits = first, last
    while fits - too_old > 1:
        middle = (too_old + fits) // 2
        if before_bytes(connection, channel_id, middle) >= least:
            fits = middle
        else:
            too_old = middle
    return fits


def before_bytes(connection: sqlite3.Connection, channel_id: int, offset: int) -> int:
    """Bytes that the channel had stored before this entry; -1 when it is no longer there."""
    row = connection.execute(
        "SELECT before_bytes FROM entries WHERE id = ?", (entry_id(channel_id, offset),)
    ).fetchone()
    return -1 if row is None else int(row[0])


class FileLock:
    """Held from open to close. SQLite's own file locking does the work, so it is the same on every system."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        beside = f"{self._path}.lock"
        try:
            connection = sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)
            self._connection = connection
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self.free()
            if "locked" in str(error):
                raise CallerError(
                    what="another gateway already uses this file",
                    value=str(self._path),
                    next_step="stop the other gateway, or give this one its own file: --engine sqlite:OTHER",
                ) from error
            raise _cannot_open(self._path, error) from error
        except sqlite3.DatabaseError as error:
            self.free()
            raise CallerError(
                what="the lock beside the engine's file is not ours",
                value=beside,
                next_step="move that file away, or choose another path: --engine sqlite:OTHER",
            ) from error

    def free(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def check_path(path: Path) -> None:
    """Refuse what cannot become a file, before anything is made."""
    if path.is_dir():
        raise CallerError(
            what="the engine's path is a folder",
            value=str(path),
            next_step=f"name a file in it: sqlite:{path}/flight.db",
        )
    if not path.parent.is_dir():
        raise CallerError(
            what="the folder of the engine's file does not exist",
            value=str(path),
            next_step=f"make {path.parent} first",
        )


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the log, making it when it is not there."""
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(path, "rwc")
        _check_or_create(connection, path)
        read_epoch(connection)  # a log without one is refused here
        # WAL: readers never wait for the writer. FULL: a commit is on the disk before it is acknowledged.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
        # A file that can be read but not written is found here and not at the first event.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('opened', 1)")
        connection.execute("COMMIT")
        return connection
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise _cannot_open(path, error) from error
    except CallerError:
        if connection is not None:
            connection.close()
        raise


def reopen_writer(path: Path, epoch: bytes) -> sqlite3.Connection:
    """After a failure: the same log again, or sqlite3.Error. Never a new file, which would be an empty log."""
    connection = connect(path, "rw")
    try:
        connection.execute("PRAGMA synchronous=FULL")
        if read_epoch(connection) != epoch:
            raise sqlite3.DatabaseError("the file was replaced by another log while the gateway ran")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """One connection for one thread at a time; `mode` is SQLite's: ro, rw or rwc."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )


def read_epoch(connection: sqlite3.Connection) -> bytes:
    row = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    if row is None or not isinstance(row[0], bytes) or len(row[0]) != EPOCH_BYTES:
        raise sqlite3.DatabaseError("the file has no epoch")
    return row[0]


def _check_or_create(connection: sqlite3.Connection, path: Path) -> None:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id == APPLICATION_ID and version == SCHEMA_VERSION:
        return
    if application_id == APPLICATION_ID and version > SCHEMA_VERSION:
        raise CallerError(
            what=f"the log was written by a newer gateway (schema {version}, this one knows up to {SCHEMA_VERSION})",
            value=str(path),
            next_step="update flight-realtime, or start with another file: --engine sqlite:OTHER",
        )
    if application_id == APPLICATION_ID and version in _UPGRADES:
        _upgrade(connection, version)
        return
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application_id or version or not empty:
        raise CallerError(
            what="the file is a database of another program",
            value=str(path),
            next_step="start with another file: --engine sqlite:OTHER",
        )
    # One transaction: a process killed here leaves an empty file, which the next start fills.
    statements = [part for part in _SCHEMA.split(";") if part.strip()]
    connection.execute("BEGIN IMMEDIATE")
    for statement in statements:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (os.urandom(EPOCH_BYTES),))
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file of an older gateway up to date, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for older in range(version, SCHEMA_VERSION):
        for statement in _UPGRADES[older]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _cannot_open(path: Path, error: sqlite3.Error) -> CallerError:
    text = str(error)
    if "not a database" in text or "malformed" in text or "no epoch" in text:
        return CallerError(
            what=f"the engine's file cannot be read as a log ({text})",
            value=str(path),
            next_step="move it away or restore it from a copy, or start with another file: --engine sqlite:OTHER",
        )
    return CallerError(
        what=f"the engine's file cannot be opened ({text})",
        value=str(path),
        next_step="check that this user may read and write the file and its folder, and that the disk is not full",
    )
