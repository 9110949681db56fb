"""WebSocket made of bytes: a client that masks, fragments and lies as a test tells it to."""

import asyncio
import base64
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

from flight_client._tables import STRINGS

from .waiting import within

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_RESERVED_CODES = (1005, 1006)  # that stand for what was not said
RESET, ENDED = 1006, 1005


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    last: bool = True,
    reserved: int = 0,
    masked: bool = True,
    said_bytes: int | None = None,
) -> bytes:
    """One frame. said_bytes: the length in its header, whatever is behind it; in 64 bits then."""
    count = len(payload)
    if said_bytes is not None:
        length = b"\x7f" + struct.pack(">Q", said_bytes)
    elif count < 126:
        length = bytes([count])
    else:
        length = b"\x7e" + struct.pack(">H", count) if count < 65536 else b"\x7f" + struct.pack(">Q", count)
    if masked:
        mask = os.urandom(4)
        repeated = mask * (count // 4 + 1)
        payload = mask + bytes(a ^ b for a, b in zip(payload, repeated, strict=False))
        length = bytes([length[0] | 0x80]) + length[1:]
    return bytes([last << 7 | reserved << 4 | opcode]) + length + payload


def closing(code: int, reason: bytes = b"") -> bytes:
    return client_frame(CLOSE, struct.pack(">H", code) + reason)


@dataclass
class Said:
    """What a server said until the connection ended."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    code: int = RESET

    def messages(self) -> list[bytes]:
        """Its data messages."""
        return [payload for opcode, payload in self.frames if opcode == BINARY]

    def pongs(self) -> list[bytes]:
        return [payload for opcode, payload in self.frames if opcode == PONG]


class ByteSocket:
    """One connection to a gateway; an async context manager."""

    def __init__(self, port: int, source: str = "127.0.0.1", *, small: bool = False) -> None:
        """source: the address it comes from. small: as little as can be waits for it in the system's buffers."""
        self._port = port
        self._source = source
        self._small = small
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self.answer = b""
        """The reply to the handshake: status line and fields."""

    async def __aenter__(self) -> Self:
        made = socket.socket()
        if self._small:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        made.setblocking(False)
        made.bind((self._source, 0))
        await within(asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self._port)))
        self.reader, self.writer = await asyncio.open_connection(sock=made, limit=1024 if self._small else 1 << 17)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.writer.transport.abort()

    async def handshake(self, *more: str, protocol: str = "flight.v1", path: str = STRINGS["stream_path"]) -> str:
        """Ask for a WebSocket; the status line. more: further fields, or other values of them."""
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key}
        fields |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": protocol}
        for line in more:
            name, _, value = line.partition(": ")
            fields[name] = value
        lines = [f"{name}: {value}" for name, value in fields.items() if value]
        self.writer.write("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        self.answer = await within(self.reader.readuntil(b"\r\n\r\n"))
        return self.answer.split(b"\r\n", 1)[0].decode()

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def frame(self) -> tuple[int, bytes] | None:
        """The next frame of the server; None at the end of the connection."""
        try:
            first, second = await within(self.reader.readexactly(2))
            assert first & 0x80, "the gateway sent a fragment"
            assert not first & 0x70, "the gateway set a reserved bit"
            assert not second & 0x80, "the gateway masked a frame"
            count = second & 0x7F
            if count == 126:
                [count] = struct.unpack(">H", await within(self.reader.readexactly(2)))
            elif count == 127:
                [count] = struct.unpack(">Q", await within(self.reader.readexactly(8)))
            return first & 15, await within(self.reader.readexactly(count))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def to_the_end(self) -> Said:
        """Everything until the connection is over. Our half of a closing handshake is said."""
        said = Said()
        while (found := await self.frame()) is not None:
            opcode, payload = found
            if opcode == CLOSE:
                said.code = int.from_bytes(payload[:2], "big") if payload else ENDED
                assert said.code not in _RESERVED_CODES or not payload
                self.send(client_frame(CLOSE, payload[:2]))
            said.frames.append((opcode, payload))
        return said
