"""Our gateway, and a client of bytes: everything of the protocol but the convenience of a client library.

WebSocket, a token, critical batches with sequence numbers that are acknowledged when they are stored, deliveries that are
acknowledged too.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import aiohttp
import psutil

from benchmarks.gateway.system import Arrived, Publish, System
from flight_client.events import Payload
from flight_client.session import spec
from flight_client.wire.frames import FrameReader, encode_frame
from tests.support.process import GatewayProcess
from tests.support.raw import STREAM_PATH, SUBPROTOCOL, hello_frame, open_frame, record

WINDOW_FRAMES = 32
_ACK_EVERY = 8
_FLAGS = spec.FLAG_BATCH | spec.FLAG_CRITICAL


class FlightSystem(System):
    """A gateway with one engine."""

    def __init__(self, name: str = "flight", engine: str = "memory:", *words: str) -> None:
        super().__init__()
        self.name = name
        self.how = f"WebSocket, token, sequence, acknowledged; engine {engine.partition(':')[0]}"
        self.engine = engine
        self.words = words
        self.gateway: GatewayProcess
        self.clients: list[FlightLink] = []
        self._http: aiohttp.ClientSession | None = None
        self._names = 0

    async def start(self, folder: Path) -> None:
        self.gateway = GatewayProcess(folder, self.engine, *self.words)
        await self.gateway.start_beside()
        assert self.gateway._process is not None
        self.processes = [psutil.Process(self.gateway._process.pid)]

    async def stop(self) -> None:
        self.gateway.kill()
        self.processes.clear()

    async def link(self, arrived: Arrived | None = None) -> FlightLink:
        """One more session."""
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        socket = await self._http.ws_connect(
            self.gateway.address + STREAM_PATH, protocols=[SUBPROTOCOL], max_msg_size=0, autoclose=False
        )
        self._names += 1
        link = FlightLink(socket, arrived)
        await link.hello(self.gateway.token(), b"bench-%d" % self._names)
        self.clients.append(link)
        return link

    async def subscribe(self, arrived: Arrived) -> None:
        link = await self.link(arrived)
        await link.open(1, b"bench", spec.MODE_SUBSCRIBE)

    async def publisher(self, size: int, events: int) -> Publish:
        link = await self.link()
        await link.open(1, b"bench", spec.MODE_PUBLISH)
        link.events = events
        return link.publish

    async def leave(self) -> None:
        for link in self.clients:
            link.reading.cancel()
            await asyncio.gather(link.reading, return_exceptions=True)
            await link.socket.close()
        self.clients.clear()
        if self._http is not None:
            await self._http.close()
            self._http = None


class FlightLink:
    """One session over WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, arrived: Arrived | None) -> None:
        self.socket = socket
        self.events = 1
        self._arrived = arrived
        self._reader = FrameReader(spec.FLAGS_SUPPORTED)
        self._seq = 0
        self._acked = 1
        self._ack = 0
        self._told = 0
        self._room = asyncio.Event()
        self._kinds: asyncio.Queue[int] = asyncio.Queue()
        self._records: dict[bytes, bytes] = {}
        self.reading = asyncio.get_running_loop().create_task(self._read())

    async def hello(self, token: str, device: bytes) -> None:
        await self.socket.send_bytes(hello_frame(token, device))
        while await self._kinds.get() != spec.TYPE_WELCOME:
            pass

    async def open(self, number: int, name: bytes, mode: int) -> None:
        await self.socket.send_bytes(open_frame(number, name, mode))
        while await self._kinds.get() != spec.TYPE_OPENED:
            pass

    async def publish(self, payload: bytes) -> None:
        """A batch of `events` events with this payload each."""
        while self._seq + 1 - self._acked >= WINDOW_FRAMES:
            self._room.clear()
            await self._room.wait()
        records = self._records.get(payload)
        if records is None:
            records = record(Payload(1, payload)) * self.events
            if not any(payload[:8]):
                self._records[payload] = records
        self._seq += 1
        prefix = struct.pack("<IHH", 1 + (self._seq - 1) * self.events, 0, 0)
        await self.socket.send_bytes(encode_frame(spec.TYPE_DATA, _FLAGS, 1, self._seq, 0, prefix + records))

    async def _read(self) -> None:
        reader = self._reader
        while True:
            message = await self.socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            data: bytes = message.data
            reader.feed(data, spec.MAX_FRAME_BYTES)
            while reader.next():
                kind = reader.type
                if kind == spec.TYPE_DELIVER:
                    self._ack = reader.seq + 1
                    assert self._arrived is not None
                    self._arrived(events_in(data, reader.start, reader.end), data)
                elif kind in (spec.TYPE_WELCOME, spec.TYPE_OPENED):
                    self._kinds.put_nowait(kind)
                elif kind in (spec.TYPE_CLOSE, spec.TYPE_REFUSED, spec.TYPE_GAP):
                    raise RuntimeError(f"the gateway sent a frame of type {kind}: {data!r}")
                if reader.ack > self._acked:
                    self._acked = reader.ack
                    self._room.set()
            if self._ack - self._told >= _ACK_EVERY:
                self._told = self._ack
                await self.socket.send_bytes(encode_frame(spec.TYPE_ACK, 0, 0, 0, self._ack, bytes(4)))


def events_in(data: bytes, start: int, end: int) -> int:
    """Events of a DELIVER payload whose records are of one size."""
    at = start + 40 + (data[start + 39] & 0x7F)
    at += -at + start & 3
    return (end - at) // (4 + 4 * data[at + 1])
