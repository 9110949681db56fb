"""The audit log: one line of JSON for each decision about who may do what.

    {"time": "2027-03-01T12:00:00.123Z", "what": "subscribe-refused", "device": "dc-1", "channel": "debug.heap", ...}

- Every value is escaped and cut: what a stranger sends can neither begin a line of its own nor fill the file.
- No token, key, session id or proof is written. A token shows as the first digits of its fingerprint and the id of its key.
- The file is turned over at its limit, and so many old ones are kept. Refusals are bounded by the second, so that a stranger
  cannot wash out what was written before; what was passed over is counted in a line.
- A log that cannot be written stops nothing; it is complained about once, counted, and said in the log when it works again.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from flight_client.errors import CallerError

FILE_BYTES = 16 << 20
FILES_KEPT = 4  # behind the one that is written
REFUSALS_PER_S = 50
_VALUE_CHARACTERS = 96

_log = logging.getLogger("flight.gateway")

# note(what, **details)
Note = Callable[..., None]


def no_note(_what: str, **_details: object) -> None:
    """Of a gateway without an audit log."""


class AuditLog:
    """The file of one gateway."""

    def __init__(
        self,
        path: Path,
        limit_bytes: int = FILE_BYTES,
        *,
        kept: int = FILES_KEPT,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """Raises CallerError when it cannot be written: who asks for an audit log must have one."""
        self.lost: int = 0
        """Lines that could not be written."""
        self._path = path
        self._limit_bytes = limit_bytes
        self._kept = kept
        self._wall_s = wall_s
        self._second = 0
        self._refusals = 0
        self._passed_over = 0
        self._failing = False
        try:
            self._open()
        except OSError as error:
            raise CallerError(
                what=f"the audit log cannot be written ({error.strerror})",
                value=str(path),
                next_step="choose a file in a folder that this user may write: --audit-log FILE",
            ) from error

    def note(self, what: str, **details: object) -> None:
        """Write one decision. `what` ending in `refused` counts as a refusal."""
        now_s = self._wall_s()
        if int(now_s) != self._second:
            self._second, self._refusals = int(now_s), 0
            if self._passed_over:
                passed, self._passed_over = self._passed_over, 0
                self._write(now_s, "passed-over", {"refusals": passed})
        if what.endswith("refused"):
            self._refusals += 1
            if self._refusals > REFUSALS_PER_S:
                self._passed_over += 1
                return
        self._write(now_s, what, details)

    def close(self) -> None:
        """Write what was passed over, and close."""
        if self._passed_over:
            self._write(self._wall_s(), "passed-over", {"refusals": self._passed_over})
        self._stream.close()

    def _open(self) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._stream: IO[bytes] = os.fdopen(handle, "ab", buffering=0)
        self._bytes = os.fstat(handle).st_size

    def _write(self, now_s: float, what: str, details: dict[str, object]) -> None:
        if self._failing and self.lost:
            details = {**details, "lost_before": self.lost}
        stamp = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {name: _shown(value) for name, value in details.items() if value not in ("", None)}
        line = json.dumps({"time": stamp, "what": what, **values}, ensure_ascii=True).encode() + b"\n"
        try:
            if self._bytes + len(line) > self._limit_bytes and self._bytes:
                self._turn_over()
            if self._stream.write(line) != len(line):
                raise OSError(0, "the line was written in part")
        except (OSError, ValueError) as error:
            self.lost += 1
            if not self._failing:
                _log.error("the audit log cannot be written: %s", error)
            self._failing = True
            return
        self._bytes += len(line)
        self._failing = False

    def _turn_over(self) -> None:
        self._stream.close()
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        if self._kept:
            self._path.replace(self._numbered(1))
        else:
            self._path.unlink()
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _shown(value: object) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in list(value)[:16]]
    text = str(value)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}... ({len(text)} characters)"
