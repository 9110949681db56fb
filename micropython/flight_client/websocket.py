"""A WebSocket client (RFC 6455) of its own, because MicroPython's module is a server's: it does not mask.

Each frame goes as one binary message: copied behind its message head into a buffer of its own and masked there. What comes
is read in pieces; messages, even fragmented ones, are only a wrapping round a row of frames.
"""

import binascii
import hashlib

from micropython import const

from .fast import copy, mask_into
from .noise import urandom
from .stream import Stream

_RAW_BYTES = const(256)
_HEAD_BYTES = const(8)  # of the longest message that is sent
_PROTOCOL = const(71)
_ENDED = const(104)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_BINARY = const(2)
_CLOSE = const(8)
_PING = const(9)
_PONG = const(10)


class WebSocket(Stream):
    """One connection to /v1/stream."""

    def __init__(self, host: str, port: int, limit_bytes: int) -> None:
        super().__init__(host, port, limit_bytes)
        self._tx = bytearray(limit_bytes + _HEAD_BYTES)
        self._raw = bytearray(_RAW_BYTES)
        self._raw_at = 0
        self._raw_end = 0
        self._head = bytearray(14)  # of a message, or of a ping
        self._head_have = 0
        self._left = 0  # bytes of the message's payload that are still to come
        self._opcode = 0
        self._pong = bytearray(6 + 125)
        self._pong_bytes = 0  # of a ping so far
        self._pong_due = 0
        self._seed = bytearray(4)
        self._asked = False
        self._accept = b""

    # The handshake

    def ready(self) -> bool:
        """Whether the gateway has agreed to the upgrade."""
        if not self._asked:
            if super().ready():
                self._asked = True
                self._ask()
            return False
        if not self.turn_over():
            return False
        return self._answered()

    def _ask(self) -> None:
        key = binascii.b2a_base64(urandom(16)).strip()
        self._seed[:] = urandom(4)
        sha1 = getattr(hashlib, "sha1", None)  # a board without it takes whatever the server answers
        self._accept = binascii.b2a_base64(sha1(key + _GUID).digest()).strip() if sha1 else b""
        request = b"GET /v1/stream HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" % (
            self._host.encode(),
            self._port,
        )
        request += b"Sec-WebSocket-Key: " + key
        request += b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: flight.v1\r\n\r\n"
        self._write(request, len(request))

    def _answered(self) -> bool:
        """Read on in the answer; it ends with an empty line, and must fit `data`."""
        while True:
            if self._raw_at == self._raw_end:
                self._raw_at = 0
                self._raw_end = self._read(self._raw, _RAW_BYTES)
                if self._raw_end == 0:
                    return False
            if self.filled == self.limit:
                raise OSError(_PROTOCOL, "the answer to the upgrade is too long")
            byte = self._raw[self._raw_at]
            self._raw_at += 1
            self.data[self.filled] = byte
            self.filled += 1
            if byte == 10 and self.filled > 3 and self.data[self.filled - 3] == 10:
                self._judge(bytes(memoryview(self.data)[: self.filled]))
                self.filled = 0
                return True

    def _judge(self, answer: bytes) -> None:
        lines = answer.split(b"\r\n")
        if not lines[0].startswith(b"HTTP/1.1 101"):
            raise OSError(_PROTOCOL, "the upgrade was refused: %r" % lines[0][:40])
        accept = protocol = b""
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            name = name.lower()
            if name == b"sec-websocket-accept":
                accept = value.strip()
            elif name == b"sec-websocket-protocol":
                protocol = value.strip()
        if (self._accept and accept != self._accept) or protocol != b"flight.v1":
            raise OSError(_PROTOCOL, "this is no Flight gateway")

    # Out

    def send(self, buffer: bytearray, count: int) -> None:
        """One frame as one message."""
        self._write(self._tx, self._message(self._tx, _BINARY, buffer, count))

    def turn_over(self) -> bool:
        """Whether the turn is with the socket; a pong goes behind it."""
        done = super().turn_over()
        if done and self._pong_due:
            count = self._message(self._pong, _PONG, self._pong, self._pong_due - 1)
            self._pong_due = 0
            self._write(self._pong, count)
            return super().turn_over()
        return done

    def _message(self, out: bytearray, opcode: int, payload: bytearray, count: int) -> int:
        """Head and masked payload; where both are one buffer the payload stands in its place already."""
        out[0] = 0x80 | opcode
        at = 2
        if count < 126:
            out[1] = 0x80 | count
        else:
            out[1] = 0xFE
            out[2] = count >> 8
            out[3] = count & 0xFF
            at = 4
        seed = self._seed
        for i in range(4):  # a new mask for each message: a sum over four bytes that urandom() chose
            seed[i] = seed[i] * 5 + seed[i - 1] + 97 & 0xFF
            out[at + i] = seed[i]
        at += 4
        if out is not payload:
            copy(out, at, payload, 0, count)
        mask_into(out, at, at + count, seed)
        return at + count

    # In

    def fill(self) -> bool:
        """Take payload of messages into `data`."""
        if self._pong_due and not self.blocked():
            self.turn_over()
        before = self.filled
        while self.filled < self.limit:
            if self._raw_at == self._raw_end:
                self._raw_at = 0
                self._raw_end = 0
                self._raw_end = self._read(self._raw, _RAW_BYTES)
                if self._raw_end == 0:
                    break
            if self._left == 0 and self._head_have >= 0:
                self._take_head()
            elif self._opcode < _CLOSE:
                self._take_payload()
            else:
                self._take_control()
        return self.filled > before

    def _take_head(self) -> None:
        """One more byte of a message's head."""
        head = self._head
        head[self._head_have] = self._raw[self._raw_at]
        self._raw_at += 1
        self._head_have += 1
        have = self._head_have
        if have < 2:
            return
        count = head[1]
        if head[0] & 0x70 or count & 0x80:
            raise OSError(_PROTOCOL, "not a message of a server")
        if have < (4 if count == 126 else 10 if count == 127 else 2):
            return
        if count == 126:
            count = head[2] << 8 | head[3]
        elif count == 127:
            if head[2] | head[3] | head[4] | head[5] | head[6]:
                raise OSError(_PROTOCOL, "a message is too long")
            count = head[7] << 16 | head[8] << 8 | head[9]
        self._opcode = head[0] & 15
        self._head_have = 0
        self._begin(count)

    def _begin(self, count: int) -> None:
        opcode = self._opcode
        if opcode == _CLOSE:
            raise OSError(_ENDED)
        if opcode == 1 or (opcode >= _CLOSE and count > 125) or 2 < opcode < _CLOSE or opcode > _PONG:
            raise OSError(_PROTOCOL, "text, or a message that is none")
        self._left = count
        self._pong_bytes = 0
        if opcode == _PING and count == 0:
            self._pong_due = 1

    def _take_payload(self) -> None:
        count = min(self._left, self._raw_end - self._raw_at, self.limit - self.filled)
        copy(self.data, self.filled, self._raw, self._raw_at, count)
        self.filled += count
        self._raw_at += count
        self._left -= count

    def _take_control(self) -> None:
        """A ping is answered when the socket has room, the last one only; a pong means nothing."""
        count = min(self._left, self._raw_end - self._raw_at)
        if self._opcode == _PING and not (self._out is self._pong and self.blocked()):
            copy(self._pong, 6 + self._pong_bytes, self._raw, self._raw_at, count)
            self._pong_bytes += count
            if count == self._left:
                self._pong_due = self._pong_bytes + 1
        self._raw_at += count
        self._left -= count
