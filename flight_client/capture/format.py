"""The file of a recording: a magic number, then records, each with its length and a check (docs/capture.md).

    magic     8 bytes
    record    u32 length, that many bytes, u32 check; all little-endian

The check is a CRC-32 that goes on from the check of the record before: a record that was changed, taken out or put
elsewhere does not pass. The first record is the header, the last one says that the recording ended as it should. A file
without that was cut, and is good up to its last whole record.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from flight_client.capture.fields import damaged
from flight_client.errors import CallerError, file_step

MAGIC = b"FLIGHT\x1a\x01"  # the last byte is the version of the format
LARGEST_RECORD_BYTES = 1 << 20
LIMIT_BYTES = 1 << 30  # of a whole file, unless somebody says otherwise
_BUFFER_BYTES = 1 << 16
_LEFT = "it was cut: {} bytes of a record are left"
_NUMBER = struct.Struct("<I")

WHOLE = "whole"
CUT = "cut"
DAMAGED = "damaged"


class CaptureWriter:
    """Appends records to a new file; memory is one buffer."""

    def __init__(self, path: str | Path, limit_bytes: int = LIMIT_BYTES) -> None:
        """Raises CallerError where the file is there already or cannot be made."""
        self.bytes: int = len(MAGIC)
        self.records: int = 0
        self._limit_bytes = limit_bytes
        self._check = 0
        try:
            # Nobody else's to read: even without its secrets it holds what the application said.
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError as error:
            raise CallerError(
                "there is such a file already", value=str(path), next_step="give another name, or delete it first"
            ) from error
        except OSError as error:
            raise CallerError("the capture file cannot be made", value=str(path), next_step=file_step(error)) from error
        self._file: BinaryIO = os.fdopen(number, "wb", _BUFFER_BYTES)
        self._file.write(MAGIC)

    def write(self, body: bytes | bytearray) -> bool:
        """Append one record. False: it has no room below the limit, and nothing was written."""
        size = len(body)
        if size > LARGEST_RECORD_BYTES or self.bytes + size + 8 > self._limit_bytes:
            return False
        head = _NUMBER.pack(size)
        self._check = zlib.crc32(body, zlib.crc32(head, self._check))
        self._file.write(head + body + _NUMBER.pack(self._check))
        self.bytes += size + 8
        self.records += 1
        return True

    def flush(self) -> None:
        """What was written so far is in the file even if the process dies now."""
        self._file.flush()

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()


class CaptureFile:
    """Reads the records of a file one by one; `ending` says afterwards how it ended."""

    def __init__(self, path: str | Path | BinaryIO) -> None:
        """path: or an open binary file. Raises CallerError for one that cannot be read, DamagedError for no recording."""
        self.ending: str = CUT
        self.trouble: str = ""  # what is wrong behind the last whole record
        self._check = 0
        self._file: BinaryIO = _opened(path) if isinstance(path, str | Path) else path
        try:
            self._read_magic()
            self._header = self._read_header()
        except BaseException:
            self._file.close()
            raise

    @property
    def header(self) -> dict[str, Any]:
        """What the first record says."""
        return self._header

    def close(self) -> None:
        """The file is not needed any more."""
        self._file.close()

    def records(self) -> Iterator[bytes]:
        """Every whole record behind the header, until the one that ends the recording."""
        while (body := self._next()) is not None:
            if not body:
                self.ending = WHOLE
                if self._file.read(1):
                    self.ending, self.trouble = DAMAGED, "there is something behind the end of the recording"
                return
            yield body

    def _read_magic(self) -> None:
        magic = self._read(len(MAGIC))
        if magic[:-1] != MAGIC[:-1] or len(magic) < len(MAGIC):
            raise damaged("this is no capture file", magic)
        if magic != MAGIC:
            raise damaged("this version does not read capture files of that version", magic[-1])

    def _read_header(self) -> dict[str, Any]:
        body = self._next()
        if body is None:
            raise damaged("the capture file has no whole header", self.trouble)
        try:
            header = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise damaged("the header of the capture file is not JSON") from error
        if not isinstance(header, dict):
            raise damaged("the header of the capture file is not a JSON object")
        return header

    def _next(self) -> bytes | None:
        head = self._read(4)
        if len(head) < 4:
            self.trouble = _LEFT.format(len(head)) if head else "it was not closed: its program ended first"
            return None
        (size,) = _NUMBER.unpack(head)
        if size > LARGEST_RECORD_BYTES:
            self.ending, self.trouble = DAMAGED, f"a record says that it has {size} bytes"
            return None
        rest = self._read(size + 4)
        if len(rest) < size + 4:
            self.trouble = _LEFT.format(4 + len(rest))
            return None
        self._check = zlib.crc32(rest[:size], zlib.crc32(head, self._check))
        if _NUMBER.unpack(rest[size:])[0] != self._check:
            self.ending, self.trouble = DAMAGED, "the check of a record is wrong"
            return None
        return rest[:size]

    def _read(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            raise CallerError(
                "the capture file cannot be read", value=str(error), next_step=file_step(error)
            ) from error


def _opened(path: str | Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise CallerError("the capture file cannot be read", value=str(path), next_step=file_step(error)) from error
