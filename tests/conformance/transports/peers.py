"""The far end of each transport, made of bytes: it says what a test wants, whole or in part, and can stop in any place.

A ground is one transport with a scripted peer behind it. Nothing here uses the code that is judged, but for the line, whose
framing has tests of its own in tests/transports.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any, Protocol

from flight_client.errors import LinkError
from flight_client.transports import Address, MemoryEnd, MemoryTransport, Transport, TransportOptions, factory
from flight_client.transports.line_frames import LineFrame, to_line
from flight_client.transports.line_port import LinePort, open_line
from tests.faults.wire import Cable
from tests.support.ports import every_transport_at, free_port

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer(Protocol):
    """One accepted connection."""

    async def receive(self, count_bytes: int) -> bytes:
        """What the transport sent: a turn, or as many bytes."""

    async def send(self, body: bytes) -> None:
        """Frames, as the transport wants them."""

    def encoded(self, body: bytes) -> bytes:
        """The same as bytes on the wire."""

    async def write(self, data: bytes) -> None:
        """Bytes on the wire as they are."""

    def cut(self) -> None:
        """Reset the connection."""


class SocketPeer:
    """What TCP, WebSocket and polling share."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def greet(self) -> None:
        """What comes before the first frame."""

    async def receive(self, count_bytes: int) -> bytes:
        return await self.reader.readexactly(count_bytes)

    async def send(self, body: bytes) -> None:
        await self.write(self.encoded(body))

    def encoded(self, body: bytes) -> bytes:
        return body

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def cut(self) -> None:
        handle = self.writer.get_extra_info("socket")
        if handle is not None:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class WebSocketPeer(SocketPeer):
    async def greet(self) -> None:
        head = await self.reader.readuntil(b"\r\n\r\n")
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")).split()[1]
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        await self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: flight.v1\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    async def receive(self, count_bytes: int) -> bytes:
        _, length = await self.reader.readexactly(2)
        size = length & 127
        if size == 126:
            [size] = struct.unpack(">H", await self.reader.readexactly(2))
        elif size == 127:
            [size] = struct.unpack(">Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        body = await self.reader.readexactly(size)
        times = mask * (size // 4 + 1)
        return bytes(a ^ b for a, b in zip(body, times[:size], strict=True))

    def encoded(self, body: bytes) -> bytes:
        size = len(body)
        if size < 126:
            return bytes([0x82, size]) + body
        if size < 65536:
            return bytes([0x82, 126]) + struct.pack(">H", size) + body
        return bytes([0x82, 127]) + struct.pack(">Q", size) + body


class PollPeer(SocketPeer):
    async def receive(self, count_bytes: int) -> bytes:
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        [length] = [line.split()[1] for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
        return await self.reader.readexactly(int(length))

    def encoded(self, body: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class MemoryPeer:
    def __init__(self, end: MemoryEnd) -> None:
        self.end = end

    async def receive(self, count_bytes: int) -> bytes:
        return await self.end.receive()

    async def send(self, body: bytes) -> None:
        await self.end.send(body)

    def encoded(self, body: bytes) -> bytes:
        return b""  # a turn in memory cannot be cut

    async def write(self, data: bytes) -> None:
        if data:
            await self.end.send(data)

    def cut(self) -> None:
        self.end.cut()


class LinePeer:
    """The host's end of a line."""

    def __init__(self, ground: LineGround, port: LinePort) -> None:
        self._ground = ground
        self._port = port
        self._line = 0
        self._sent = 0

    async def receive(self, count_bytes: int) -> bytes:
        found: LineFrame = await self._port.receive()
        self._line = found.line
        return found.frame

    async def send(self, body: bytes) -> None:
        await self.write(self.encoded(body))

    def encoded(self, body: bytes) -> bytes:
        frames = list(to_line(body, self._line, self._sent))
        self._sent += len(frames)
        return b"".join(frames)

    async def write(self, data: bytes) -> None:
        await self._port.send(data)

    def cut(self) -> None:
        self._ground.cut()


class Ground:
    """A transport whose peer is scripted."""

    name = ""
    duplex = True
    limit_bytes = 65536
    """The largest frame."""
    keeps_bytes = True
    """Whether garbage on it means a broken peer, not a bad cable."""

    def __init__(self) -> None:
        self.peers: asyncio.Queue[Any] = asyncio.Queue()

    async def start(self) -> None:
        """Be there."""

    async def stop(self) -> None:
        """Release everything."""

    def make(self) -> Transport:
        """The client's end."""
        raise NotImplementedError

    def make_to_nobody(self) -> Transport:
        """The client's end where nobody is."""
        raise NotImplementedError

    async def met(self, transport: Transport) -> Any:
        """Open a transport; its peer. On polling and lines the peer is there when something was sent."""
        await transport.open()
        return await self.peers.get()


class SocketGround(Ground):
    kind: type[SocketPeer] = SocketPeer

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        peer = self.kind(reader, writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await peer.greet()
            self.peers.put_nowait(peer)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def make(self) -> Transport:
        return self._make(self.port)

    def make_to_nobody(self) -> Transport:
        return self._make(free_port())

    def _make(self, port: int) -> Transport:
        return factory(self.name, self.options())(every_transport_at(port))

    def options(self) -> TransportOptions:
        return TransportOptions()


class TcpGround(SocketGround):
    name = "tcp"


class WebSocketGround(SocketGround):
    name = "websocket"
    kind = WebSocketPeer


class PollGround(SocketGround):
    name = "polling"
    duplex = False
    kind = PollPeer

    async def met(self, transport: Transport) -> Any:
        await transport.open()
        return None


class LongPollGround(PollGround):
    def options(self) -> TransportOptions:
        return TransportOptions(hold_ms=5000)


class MemoryGround(Ground):
    name = "memory"

    def make(self) -> Transport:
        def connect() -> MemoryEnd:
            one, other = MemoryEnd.pair()
            self.peers.put_nowait(MemoryPeer(other))
            return one

        return MemoryTransport(connect)

    def make_to_nobody(self) -> Transport:
        def connect() -> MemoryEnd:
            raise LinkError(what="cannot be reached", value="memory", next_step="nothing")

        return MemoryTransport(connect)


class LineGround(Ground):
    limit_bytes = 636  # the CRC that every frame gets here makes it 640
    keeps_bytes = False
    address: Address
    port: LinePort

    async def met(self, transport: Transport) -> Any:
        await transport.open()
        return LinePeer(self, self.port)

    def make(self) -> Transport:
        return factory("serial")(self.address)

    def cut(self) -> None:
        raise NotImplementedError


class SerialGround(LineGround):
    name = "serial"

    async def start(self) -> None:
        self.cable = Cable()
        self.address = Address.parse(self.cable.device_address)
        far = Address.parse(self.cable.host_address).line
        assert far is not None
        self.port = await open_line(far)

    async def stop(self) -> None:
        await self.port.close()
        self.cable.close()

    def make_to_nobody(self) -> Transport:
        return factory("serial")(Address.parse("serial:///dev/ttyNobody9"))

    def cut(self) -> None:
        self.cable.unplug()


class PipeGround(LineGround):
    """A TCP port that passes bytes on to the other connection it has, as psplink's user channels do."""

    name = "pipe"

    async def start(self) -> None:
        self.hub = Hub()
        await self.hub.start()
        self.address = self.hub.address
        assert self.address.line is not None
        self.port = await open_line(self.address.line)

    async def stop(self) -> None:
        await self.port.close()
        await self.hub.stop()

    def make_to_nobody(self) -> Transport:
        return factory("serial")(Address.parse(f"pipe://127.0.0.1:{free_port()}"))

    def cut(self) -> None:
        self.hub.cut()


class Hub:
    """Joins each two connections that it accepts, byte by byte."""

    def __init__(self) -> None:
        self._port = free_port()
        self.address = Address.parse(f"pipe://127.0.0.1:{self._port}")
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while data := await reader.read(512):
                for other in self._ends:
                    if other is not writer:
                        other.write(data)
                        await other.drain()
        except (OSError, asyncio.CancelledError):  # a cancelled one would make the streams of Python 3.11 complain
            pass
        finally:
            self._tasks.discard(task)
            self._ends.remove(writer)
            writer.transport.abort()

    def cut(self) -> None:
        for writer in list(self._ends):
            writer.transport.abort()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


GROUNDS: dict[str, type[Ground]] = {
    "tcp": TcpGround,
    "websocket": WebSocketGround,
    "polling-short": PollGround,
    "polling-long": LongPollGround,
    "serial": SerialGround,
    "pipe": PipeGround,
    "memory": MemoryGround,
}


@contextlib.asynccontextmanager
async def ground(name: str) -> AsyncIterator[Ground]:
    """A ground, from start to stop."""
    made = GROUNDS[name]()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
