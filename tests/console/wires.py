"""What stands between the client's bytes and a gateway's frames, one class a transport: the server's side, kept small."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import NamedTuple, Protocol

from flight_client.session.spec import FLAGS_SUPPORTED, POLL_BODY_BYTES
from flight_client.transports.line_frames import LINE_FRAME_BYTES, from_line, to_line
from flight_client.wire.frames import FrameReader, StreamReader, encode_frame


class Frame(NamedTuple):
    """One frame, taken apart."""

    kind: int
    flags: int
    channel: int
    seq: int
    ack: int
    payload: bytes


def read_frames(data: bytes) -> list[Frame]:
    """All frames of these bytes, which hold nothing else."""
    reader = FrameReader(FLAGS_SUPPORTED)
    reader.feed(data)
    found = []
    while reader.next():
        found.append(
            Frame(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, data[reader.start : reader.end])
        )
    return found


class Wire(Protocol):
    """The server's side of one connection."""

    def take(self, data: bytes) -> tuple[list[Frame], bytes]:
        """Frames in these bytes of the client, and what the transport itself answers."""

    def give(self, frames: list[Frame]) -> bytes:
        """These frames as bytes for the client; b"" where the transport may not speak now."""


def plain(frames: list[Frame]) -> bytes:
    return b"".join(encode_frame(*frame) for frame in frames)


class TcpWire:
    """Frames, one behind the other."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> tuple[list[Frame], bytes]:
        self._rest += data
        whole = 0
        while len(self._rest) - whole >= 16:
            flags, size = self._rest[whole + 2], struct.unpack_from("<H", self._rest, whole + 4)[0]
            total = 16 + size + (4 if flags & 0x20 else 0)
            if len(self._rest) - whole < total:
                break
            whole += total
        frames, self._rest = read_frames(self._rest[:whole]), self._rest[whole:]
        return frames, b""

    def give(self, frames: list[Frame]) -> bytes:
        return plain(frames)


class LineWire:
    """A serial line with a bridge at its end."""

    def __init__(self) -> None:
        self._reader = StreamReader(LINE_FRAME_BYTES, allowed_flags=FLAGS_SUPPORTED)
        self.line = -1
        self.expected = 0
        self.sent = 0
        self.ended = 0

    def take(self, data: bytes) -> tuple[list[Frame], bytes]:
        found = []
        self._reader.push(data)
        while self._reader.next():
            reader = self._reader
            payload = bytes(reader.payload)
            frame = from_line(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, payload)
            assert frame is not None
            if frame.first and frame.line != self.line:
                self.line, self.expected, self.sent = frame.line, 0, 0
            assert (frame.line, frame.number) == (self.line, self.expected), "the client broke the line's numbers"
            self.expected = (self.expected + 1) % 0x10000
            found += read_frames(frame.frame)
        return found, b""

    def give(self, frames: list[Frame]) -> bytes:
        out = b""
        for frame in frames:
            for data in to_line(encode_frame(*frame), self.line, self.sent):
                out += data
                self.sent = (self.sent + 1) % 0x10000
        return out


class PollingWire:
    """An HTTP server with one path."""

    def __init__(self) -> None:
        self._rest = b""
        self._due = 0
        self.requests = 0

    def take(self, data: bytes) -> tuple[list[Frame], bytes]:
        self._rest += data
        head, end, body = self._rest.partition(b"\r\n\r\n")
        if not end:
            return [], b""
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ") for line in lines[1:])}
        assert lines[0] == "POST /v1/poll HTTP/1.1", lines[0]
        size = int(fields["content-length"])
        assert size <= POLL_BODY_BYTES
        if len(body) < size:
            return [], b""
        assert len(body) == size, "one request at a time"
        self._rest = b""
        self._due += 1
        self.requests += 1
        return read_frames(body), b""

    def give(self, frames: list[Frame]) -> bytes:
        if not self._due:
            return b""
        self._due = 0
        body = plain(frames)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class WebSocketWire:
    """A WebSocket server."""

    def __init__(self) -> None:
        self._rest = b""
        self._open = False
        self.messages = 0

    def take(self, data: bytes) -> tuple[list[Frame], bytes]:
        self._rest += data
        if not self._open:
            head, end, self._rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return [], b""
            return [], self._upgrade(head.decode())
        found: list[Frame] = []
        while (message := self._message()) is not None:
            found += read_frames(message)
        return found, b""

    def _upgrade(self, head: str) -> bytes:
        fields = {name.lower(): value for name, value in (line.split(": ") for line in head.split("\r\n")[1:])}
        proof = hashlib.sha1(fields["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self._open = True
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: flight.v1\r\nSec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n"
        )

    def _message(self) -> bytes | None:
        data = self._rest
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size == 126:
            if len(data) < 4:
                return None
            size, at = struct.unpack_from(">H", data, 2)[0], 4
        if len(data) < at + 4 + size:
            return None
        assert data[1] & 0x80, "a client masks"
        mask = data[at : at + 4]
        body = bytes(byte ^ mask[n & 3] for n, byte in enumerate(data[at + 4 : at + 4 + size]))
        kind = data[0] & 0x0F
        self._rest = data[at + 4 + size :]
        self.messages += 1
        return body if kind == 2 else b""

    def give(self, frames: list[Frame]) -> bytes:
        body = plain(frames)
        if not self._open or not body:
            return b""
        head = bytes((0x82, len(body))) if len(body) < 126 else b"\x82\x7e" + struct.pack(">H", len(body))
        return head + body
