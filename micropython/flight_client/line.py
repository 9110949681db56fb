"""A byte pipe that may lose, damage or double bytes: a UART, USB, a socket to one (docs/protocol.md, Serial lines).

Every frame carries a CRC, and at the end of its payload the number of the connection and its own number in it.
"""

from micropython import const

from .clock import now_ms
from .fast import copy, header_check
from .frame import CRC, CUT, FLAGS, seal_into
from .noise import urandom
from .session.common.clock import elapsed
from .stream import Stream

_EXTENSION = const(4)
_AUTHENTICATED = const(0x10)
_CHECKED = const(0x20)
_WELCOME = const(2)  # the only frame of a gateway that has a CRC by itself: that of any other is the line's
_CLOSE = const(6)
_HEADER = const(16)
_TRAILER = const(4)
_ENDED = const(104)
_SILENCE_MS = const(250)
_CREDIT_PER_BYTE = const(4)  # bytes of which a CRC may be made for each byte that comes; damaged frames need two

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
        self._credit_bytes = 0
        self._summed_to = 0  # in `data`: how far a CRC has reached
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
            self._skip()
            return True
        return False

    def _skip(self) -> None:
        self.at += 1
        self.garbage_bytes = self.garbage_bytes + 1 & 0x3FFFFFFF

    def next(self, frame, allowed_flags: int) -> bool:
        """The next frame of this connection; everything else is passed over."""
        while self.at < self.filled:
            total = self._judge(frame, allowed_flags | _CHECKED)
            if total == 0:
                break
            if total < 0:
                self._skip()
                continue
            self.at += total
            if self._is_ours(frame):
                return True
        at = self.at
        if at:
            copy(self.data, 0, self.data, at, self.filled - at)
            self.filled -= at
            self._summed_to = max(0, self._summed_to - at)
            self.at = 0
        return False

    def _judge(self, frame, allowed_flags: int) -> int:
        """The bytes of the frame that begins here, 0 where more are needed, below 0 for garbage.

        Skipping by one byte lets hostile bytes ask for a CRC of the same bytes again and again. So CRCs are paid for, as in
        csrc/src/flight_stream.c: a byte that one reaches for the first time brings credit, what cannot be paid is garbage.
        """
        data = self.data
        at = self.at
        total = frame.read(data, at, min(at + _HEADER, self.filled), self.limit, allowed_flags)
        if total or self.filled - at < _HEADER:
            return total  # no header, or half of one
        if not data[at + 2] & _CHECKED:
            return FLAGS
        end = at + _HEADER + (data[at + 4] | data[at + 5] << 8) + _TRAILER
        if end > self.filled:
            return CUT
        if end > self._summed_to:
            most = 2 * _CREDIT_PER_BYTE * self.limit
            self._credit_bytes = min(most, self._credit_bytes + _CREDIT_PER_BYTE * (end - self._summed_to))
            self._summed_to = end
        if self._credit_bytes < end - at:
            return CRC
        self._credit_bytes -= end - at
        return frame.read(data, at, end, self.limit, allowed_flags)

    def _is_ours(self, frame) -> bool:
        at = frame.end - _EXTENSION
        if at < frame.start:
            self.garbage_bytes = self.garbage_bytes + frame.end - frame.start + _HEADER + _TRAILER & 0x3FFFFFFF
            return False
        data = self.data
        if data[at] | data[at + 1] << 8 != self._line:
            return False
        if frame.type != _CLOSE:  # that is said by somebody who may not know where we are in our numbers
            ahead = (data[at + 2] | data[at + 3] << 8) - self._expected & 0xFFFF
            if ahead > 0x8000:
                return False  # doubled
            if ahead:
                raise OSError(_ENDED, "frames were lost on the line")
            self._expected = self._expected + 1 & 0xFFFF
        frame.end = at
        self._take_off(frame)
        return True

    def _take_off(self, frame) -> None:
        """Give the header back what it was before it came to the line: a tag covers that."""
        if frame.type != _WELCOME:
            frame.flags &= ~_CHECKED
        if frame.flags & _AUTHENTICATED:
            data = self.data
            at = frame.start - _HEADER
            count = frame.end - frame.start
            data[at + 2] = frame.flags
            data[at + 4] = count & 0xFF
            data[at + 5] = count >> 8
            data[at + 3] = header_check(data, at)

    def close(self) -> None:
        """The line stays."""
        self._socket = None
