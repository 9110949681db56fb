"""The resume record of a client in a file: two copies, written in turns, each write on the disk before it counts."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import CallerError, LinkError
from .session.common import resume
from .session.common.clock import later
from .session.common.resume import Resume
from .session.device.machine import DeviceSession
from .session.spec import RESUME_BYTES


class ResumeFile:
    """One device's record. Only one client at a time may use the file."""

    def __init__(self, path: Path, device_id: str) -> None:
        """Read the file, if there is one. Raises CallerError when it is damaged, or another device's."""
        self._path = path
        self._copy = 1  # the one that was written last
        self._kept: tuple[bytes, bytes, int, int] | None = None  # what this start wrote last; nothing yet
        self.record: Resume = Resume()
        self.record.name(device_id.encode())
        self._read()
        self.record.starts += 1

    def _read(self) -> None:
        try:
            data = self._path.read_bytes()[: 2 * RESUME_BYTES]
        except FileNotFoundError:
            return
        except OSError as error:
            raise CallerError(
                what=f"the resume file cannot be read ({error.strerror})",
                value=str(self._path),
                next_step="give this user the right to read and write it",
            ) from error
        copy = resume.newest(data)
        if copy == resume.NONE:
            return
        own = bytes(self.record.device)
        if copy == resume.DAMAGED:
            raise self._unusable("both copies in the resume file are damaged")
        self._copy = copy
        self.record.unpack(data, copy * RESUME_BYTES)
        if self.record.device != own:
            raise self._unusable("the resume file is that of another device id")

    def _unusable(self, what: str) -> CallerError:
        return CallerError(
            what=what,
            value=str(self._path),
            next_step="use its copy, or remove it; then critical events that were stored before may be stored again",
        )

    def restore(self, session: DeviceSession) -> None:
        """Let a new session go on where the last one was."""
        session.restore(self.record.incarnation, self.record.mark, self.record.before)

    def keep(self, session: DeviceSession) -> None:
        """Write how the session stands, if that is news. Raises LinkError when it cannot be written."""
        record = self.record
        new = (
            bytes(session.identity.incarnation),
            bytes(session.welcome.epoch),
            session.settled_counter(),
            session.counted,
        )
        if new == self._kept:
            return
        record.incarnation[:], record.epoch[:], record.mark, record.before = new
        record.serial = later(record.serial, 1)
        copy = 1 - self._copy
        out = bytearray(RESUME_BYTES)
        record.pack(out, 0)
        try:
            self._write(bytes(out), copy * RESUME_BYTES)
        except OSError as error:
            raise LinkError(
                what=f"the resume file cannot be written ({error.strerror})",
                value=str(self._path),
                next_step="make room, and give this user the right to write; the client tries again",
            ) from error
        self._copy = copy
        self._kept = new

    def _write(self, data: bytes, at: int) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.lseek(handle, at, os.SEEK_SET)
            if os.write(handle, data) != len(data):
                raise OSError(0, "the write was cut")
            os.fsync(handle)
        finally:
            os.close(handle)
