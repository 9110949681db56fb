"""A socket around a codec: reads, feeds, writes what the codec says. The cuts are TCP's own, or smaller."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from flight_client.errors import FrameError
from tests.codecs.library import ANSWER, FAILED, OPEN, PROBLEMS, REOPEN, TURN_DONE, Codec
from tests.support.raw import POLL_PATH, STREAM_PATH, Frame, RawPoller, RawStream, frames_of
from tests.support.waiting import within

READ_BYTES = 1000


class CodecFailedError(Exception):
    """The transport is over: its problem and status."""


class Pump:
    """One connection and its codec."""

    def __init__(self, kind: str, address: str, path: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        self._place = (parts.hostname, parts.port)
        self.codec = Codec(kind, *self._place, path)
        self.connections = 0
        self._reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """A new connection."""
        await self.close()
        self._reader, self.writer = await within(asyncio.open_connection(*self._place))
        self.connections += 1

    async def close(self) -> None:
        """Let it go."""
        if self.writer is not None:
            self.writer.close()
            with contextlib.suppress(ConnectionError):
                await within(self.writer.wait_closed())
            self.writer = None

    def write(self, data: bytes) -> None:
        """Out."""
        assert self.writer is not None
        self.writer.write(data)

    async def step(self) -> tuple[bytes, int]:
        """Wait for bytes, feed them, send the answer if there is one."""
        data = await within(self._reader.read(READ_BYTES))
        payload, noticed = self.codec.feed(data) if data else (b"", self.codec.end())
        if noticed & ANSWER:
            self.write(self.codec.answer())
        return payload, noticed

    def check(self, noticed: int) -> None:
        """Raise the problem, if there is one."""
        if noticed & FAILED:
            words = self.codec.words()
            raise CodecFailedError(PROBLEMS[words[0]], words[1])


class CodecPoller(RawPoller):
    """Requests through the C codec on one connection, which is opened anew when the server says so."""

    def __init__(self, address: str, path: str = POLL_PATH) -> None:
        self.pump = Pump("http", address, path)
        self.noticed = 0

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pump.close()

    async def request(self, body: Any, **other: Any) -> tuple[int, bytes]:
        """One turn."""
        assert not other
        request = self.pump.codec.request(body)
        if self.pump.writer is None:
            await self.pump.connect()
        self.pump.write(request)
        reply, noticed = bytearray(), 0
        while not noticed & (TURN_DONE | FAILED):
            payload, noticed = await self.pump.step()
            reply += payload
        self.noticed = noticed
        self.pump.check(noticed)
        if noticed & REOPEN:
            await self.pump.close()
        return 200, bytes(reply)


class CodecStream(RawStream):
    """A WebSocket through the C codec."""

    def __init__(self, address: str, path: str = STREAM_PATH) -> None:
        self.pump = Pump("websocket", address, path)
        self._waiting: list[Frame] = []
        self._early = b""
        self._noticed = 0

    async def __aenter__(self) -> Self:
        request = self.pump.codec.upgrade()
        await self.pump.connect()
        self.pump.write(request)
        while not self._noticed & OPEN:
            self._early, self._noticed = await self.pump.step()
            if not self._noticed & OPEN:
                self.pump.check(self._noticed)
        return self

    async def _step(self) -> tuple[bytes, int]:
        """What came behind the upgrade at once, then what comes."""
        early, self._early = self._early, b""
        if early or self._noticed & FAILED:
            return early, self._noticed
        payload, self._noticed = await self.pump.step()
        return payload, self._noticed

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pump.close()

    async def send(self, *frames: bytes) -> None:
        """One message."""
        self.pump.write(self.pump.codec.message(b"".join(frames), 0xA1B2C3D4))

    async def receive(self, count: int) -> bytes:
        """So many bytes of payload, with what comes in the same piece."""
        found = bytearray()
        while len(found) < count:
            payload, noticed = await self._step()
            found += payload
            if len(found) < count:
                self.pump.check(noticed)
        return bytes(found)

    async def frame(self) -> Frame | None:
        """The next frame; None when the gateway has closed."""
        data = bytearray()
        while not self._waiting:
            payload, noticed = await self._step()
            data += payload
            with contextlib.suppress(FrameError):  # the rest of a frame comes with the next step
                self._waiting = frames_of(bytes(data)) if data else []
            if noticed & FAILED and not self._waiting:
                return None
        return self._waiting.pop(0)
