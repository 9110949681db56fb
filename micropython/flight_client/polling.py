"""HTTP polling: a turn is one POST, its reply carries the frames down. Keep-alive; one request at a time."""

from micropython import const

from .fast import copy
from .stream import Stream

_RAW_BYTES = const(256)
_LINE_BYTES = const(160)
_BODY_BYTES = const(2048)  # of a turn: what does not fit goes in the next one
_PROTOCOL = const(71)
_ENDED = const(104)

_IDLE = const(0)
_SENDING = const(1)
_STATUS = const(2)
_HEADERS = const(3)
_BODY = const(4)


class Polling(Stream):
    """POST /v1/poll with frames both ways."""

    turns = True

    def __init__(self, host: str, port: int, limit_bytes: int) -> None:
        super().__init__(host, port, limit_bytes)
        head = b"POST /v1/poll HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/octet-stream\r\n" % (
            host.encode(),
            port,
        )
        head += b"Content-Length: 00000\r\n\r\n"
        self._head_bytes = len(head)
        self._body = bytearray(len(head) + max(_BODY_BYTES, 2 * limit_bytes))  # the request, behind its head
        self._body[: len(head)] = head
        self._end = len(head)
        self._frame_bytes = limit_bytes
        self._raw = bytearray(_RAW_BYTES)
        self._raw_at = 0
        self._raw_end = 0
        self._line = bytearray(_LINE_BYTES)
        self._line_bytes = 0
        self._state = _IDLE
        self._left = -1  # bytes of the reply that are still to come
        self._closes = False  # the server ends the connection behind this reply
        self._reopens = False  # ... and a new one is on its way

    def send(self, buffer: bytearray, count: int) -> None:
        """A frame of the next request."""
        copy(self._body, self._end, buffer, 0, count)
        self._end += count

    def blocked(self) -> bool:
        """Whether another frame might not fit the request."""
        return self._end > len(self._body) - self._frame_bytes

    def end_turn(self) -> None:
        """Send the request; where the server let go of the connection meanwhile, on a new one."""
        count = self._end - self._head_bytes
        at = self._head_bytes - 4
        for _ in range(5):
            at -= 1
            self._body[at] = 48 + count % 10
            count //= 10
        self._state = _SENDING
        if self._closes:
            self._closes = False
            self.close()
            self._reopens = True
            self.open()
            return
        self._write(self._body, self._end)
        self._end = self._head_bytes

    def turn_over(self) -> bool:
        """Whether the reply was read to its end, and its frames taken."""
        if self._reopens:
            if not self.ready():
                return False
            self._reopens = False
            self._write(self._body, self._end)
            self._end = self._head_bytes
        if self._state == _SENDING:
            if not super().turn_over():
                return False
            self._state = _STATUS
        return self._state == _IDLE and self.filled == 0

    def fill(self) -> bool:
        """Read on in the reply."""
        before = self.filled
        while _STATUS <= self._state and self.filled < self.limit:
            if self._state == _BODY and self._left == 0:
                self._state = _IDLE
                break
            if self._raw_at == self._raw_end:
                self._raw_at = 0
                self._raw_end = 0
                self._raw_end = self._read(self._raw, _RAW_BYTES)
                if self._raw_end == 0:
                    break
            if self._state == _BODY:
                self._take_body()
            else:
                self._take_line()
        return self.filled > before

    def _take_body(self) -> None:
        count = min(self._left, self._raw_end - self._raw_at, self.limit - self.filled)
        copy(self.data, self.filled, self._raw, self._raw_at, count)
        self.filled += count
        self._raw_at += count
        self._left -= count

    def _take_line(self) -> None:
        """One more byte of the reply's head; what is too long to matter is cut."""
        byte = self._raw[self._raw_at]
        self._raw_at += 1
        if byte != 10:
            if self._line_bytes < _LINE_BYTES and byte != 13:
                self._line[self._line_bytes] = byte
                self._line_bytes += 1
            return
        line = bytes(memoryview(self._line)[: self._line_bytes])
        self._line_bytes = 0
        if self._state == _STATUS:
            if not line.startswith(b"HTTP/1."):
                raise OSError(_PROTOCOL, "not HTTP")
            if line[9:12] != b"200":
                raise OSError(_PROTOCOL, "HTTP status %r" % line[9:12])
            self._state = _HEADERS
            self._left = -1
        elif line:
            self._take_header(line)
        elif self._left < 0:
            raise OSError(_PROTOCOL, "a reply without a length")
        else:
            self._state = _BODY
            self.reply_bytes = self._left

    def _take_header(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        name = name.lower()
        value = value.strip().lower()
        if name == b"content-length":
            self._left = int(value) if value.isdigit() and len(value) < 6 else -1
            if not 0 <= self._left <= 65536:
                raise OSError(_PROTOCOL, "a reply of %r bytes" % value)
        elif name == b"connection" and value == b"close":
            self._closes = True
