"""A byte pipe that may lose, damage or double bytes: a UART, USB, a socket to one (docs/protocol.md, Serial lines).

Every frame carries a CRC, and at the end of its payload the number of the connection and its own number in it.
"""

from micropython import const

from .clock import now_ms
from .fast import copy
from .frame import seal_into
from .noise import urandom
from .session.common.clock import elapsed
from .stream import Stream

_EXTENSION = const(4)
_CHECKED = const(0x20)
_CLOSE = const(6)
_HEADER = const(16)
_ENDED = const(104)
_SILENCE_MS = const(250)

_last_line = 0


class Line(Stream):
    """One connection on a line; `pipe` has write() and readinto() that do not block."""

    def __init__(self, pipe, limit_bytes: int) -> None:
        super().__init__("", 0, limit_bytes + _EXTENSION)
        self._socket = pipe
        self._tx = bytearray(limit_bytes + _EXTENSION)
        self._line = 0
        self._sent = 0
        self._expected = 0
        self.garbage_bytes = 0
        self._heard_at = 0

    def open(self) -> None:
        """A line needs no opening; the connection gets another number than the last one."""
        global _last_line
        drawn = urandom(2)
        line = drawn[0] | drawn[1] << 8
        if line == _last_line:
            line = line + 1 & 0xFFFF
        self._line = _last_line = line

    def ready(self) -> bool:
        """Always."""
        return True

    def wait(self, wait_ms: int) -> None:
        """Not every pipe can be asked: the caller comes back by the clock."""

    def send(self, buffer: bytearray, count: int) -> None:
        """The frame again, with its four bytes and its CRC."""
        payload = buffer[4] | buffer[5] << 8
        out = self._tx
        copy(out, 0, buffer, 0, _HEADER + payload)
        at = _HEADER + payload
        out[at] = self._line & 0xFF
        out[at + 1] = self._line >> 8
        out[at + 2] = self._sent & 0xFF
        out[at + 3] = self._sent >> 8
        self._sent = self._sent + 1 & 0xFFFF
        seq = out[8] | out[9] << 8 | out[10] << 16 | out[11] << 24
        ack = out[12] | out[13] << 8 | out[14] << 16 | out[15] << 24
        channel = out[6] | out[7] << 8
        self._write(out, seal_into(out, out[1], out[2] | _CHECKED, channel, seq, ack, payload + _EXTENSION))

    def _read(self, buffer: bytearray, count: int) -> int:
        got = self._socket.readinto(buffer, count) if count else 0
        return got or 0

    def fill(self) -> bool:
        """Read what the line has. After a silence longer than a frame takes, what waits is no beginning of one."""
        now = now_ms()
        if super().fill():
            self._heard_at = now
            return True
        if self.filled and elapsed(now, self._heard_at) > _SILENCE_MS:
            self.at = 1
            return True
        return False

    def next(self, frame, allowed_flags: int) -> bool:
        """The next frame of this connection; everything else is passed over."""
        while True:
            have = self.filled - self.at
            total = frame.read(self.data, self.at, self.filled, self.limit, allowed_flags | _CHECKED)
            if total == 0 and have < self.limit:
                break
            if total > 0 and not frame.flags & _CHECKED:
                total = -1
            if total <= 0:
                self.at += 1
                self.garbage_bytes = self.garbage_bytes + 1 & 0x3FFFFFFF
                if self.at >= self.filled:
                    break
                continue
            self.at += total
            if self._is_ours(frame):
                return True
        copy(self.data, 0, self.data, self.at, self.filled - self.at)
        self.filled -= self.at
        self.at = 0
        return False

    def _is_ours(self, frame) -> bool:
        at = frame.end - _EXTENSION
        if at < frame.start:
            return False
        data = self.data
        frame.end = at
        if data[at] | data[at + 1] << 8 != self._line:
            return frame.type == _CLOSE
        ahead = (data[at + 2] | data[at + 3] << 8) - self._expected & 0xFFFF
        if frame.type == _CLOSE:
            return True
        if ahead > 0x8000:
            return False  # doubled
        if ahead:
            raise OSError(_ENDED, "frames were lost on the line")
        self._expected = self._expected + 1 & 0xFFFF
        return True

    def close(self) -> None:
        """The line stays."""
        self._socket = None
