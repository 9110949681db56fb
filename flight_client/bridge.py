"""A bridge: the host's end of a line (a serial port, a USB pipe), whose devices it connects to a gateway.

It passes frames on and understands nothing of sessions: for each connection of the line it opens one to the gateway. Lost
frames end the connection; the device is told with CLOSE, comes back with ATTACH, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from .errors import FlightError, FrameError, LinkError
from .session.spec import CODE_GOING_AWAY, CODE_NOT_HELLO, TYPE_CLOSE
from .transports.address import Address, Line
from .transports.base import Transport
from .transports.line_frames import DOUBLED, MISSING, NUMBERS, LineFrame, judge, to_line
from .transports.line_port import LinePort, open_line
from .wire.frames import encode_frame

_log = logging.getLogger("flight.bridge")

_REOPEN_S = 1.0
_UPSTREAM_S = 5.0
_RETRY_AFTER_MS = 1000


class BridgeCounters:
    """What went over the line since the bridge was started."""

    def __init__(self) -> None:
        self.connections = 0
        self.up = 0
        self.down = 0
        self.doubled = 0
        self.broken = 0
        """Connections that lost frames."""


class _Connection:
    """One connection of the line, and its way to the gateway."""

    def __init__(self, line: int, first: LineFrame) -> None:
        self.line = line
        self.first = first
        self.expected = 1
        self.sent = 0
        self.told = False  # the device has heard CLOSE
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(32)
        self.task: asyncio.Task[None] | None = None


class Bridge:
    """Serves one line until it is cancelled."""

    def __init__(self, line: Line, connect: Callable[[], Transport], gateway: Address | str) -> None:
        """connect: makes a new duplex transport to the gateway, named `gateway` in what is told."""
        self.line = line
        self.counters: BridgeCounters = BridgeCounters()
        self._connect = connect
        self._gateway = str(gateway)
        self._port: LinePort | None = None
        self._now: _Connection | None = None
        self._sending = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the line was opened; until then what a device says is lost."""
        return self._port is not None

    @property
    def garbage_bytes(self) -> int:
        """Bytes on the line that belonged to no frame."""
        return self._port.garbage_bytes if self._port is not None else 0

    async def run(self) -> None:
        """Open the line and serve it; when it goes away, wait until it is back. The first opening must work."""
        self._port = await open_line(self.line)
        try:
            while True:
                with contextlib.suppress(ConnectionError):
                    await self._serve(self._port)
                _log.warning("the line %s is gone; waiting for it", self.line)
                await self._end()
                await self._port.close()
                self._port = await self._reopened()
        finally:
            await self._end()
            await self._port.close()

    async def _reopened(self) -> LinePort:
        while True:
            await asyncio.sleep(_REOPEN_S)
            try:
                port = await open_line(self.line)
            except LinkError as error:
                _log.debug("%s", error)
            else:
                _log.warning("the line %s is back", self.line)
                return port

    async def _serve(self, port: LinePort) -> None:
        while True:
            found = await port.receive()
            now = self._now
            if found.first and (now is None or found.frame != now.first.frame):
                await self._end()
                self._begin(port, found)
            elif now is None:
                if found.kind != TYPE_CLOSE:  # a device that says goodbye twice wants no answer
                    await self._tell(port, found.line, 0, CODE_NOT_HELLO, "this line has no connection")
            elif found.line == now.line:
                await self._take(port, now, found)

    async def _take(self, port: LinePort, now: _Connection, found: LineFrame) -> None:
        verdict = judge(found.number, now.expected)
        if verdict == DOUBLED:
            self.counters.doubled += 1
        elif verdict == MISSING:
            self.counters.broken += 1
            _log.info("frames were lost on the line: number %d is missing, %d came", now.expected, found.number)
            await self._end()
            await self._tell(port, now.line, now.sent, CODE_NOT_HELLO, "frames were lost on the line")
        else:
            now.expected = (now.expected + 1) % NUMBERS
            self.counters.up += 1
            await now.waiting.put(found.frame)

    def _begin(self, port: LinePort, first: LineFrame) -> None:
        self.counters.connections += 1
        self.counters.up += 1
        now = _Connection(first.line, first)
        now.waiting.put_nowait(first.frame)
        now.task = asyncio.get_running_loop().create_task(self._relay(port, now))
        self._now = now

    async def _end(self) -> None:
        """The present connection is over; the gateway keeps its session."""
        now, self._now = self._now, None
        if now is not None and now.task is not None:
            now.task.cancel()
            await asyncio.gather(now.task, return_exceptions=True)

    async def _relay(self, port: LinePort, now: _Connection) -> None:
        """Both directions of one connection, until one of them ends."""
        upstream = self._connect()
        try:
            async with asyncio.timeout(_UPSTREAM_S):
                await upstream.open()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(upstream, now))
                group.create_task(self._down(port, upstream, now))
        except* (FlightError, TimeoutError) as errors:
            error = errors.exceptions[0]
            _log.info("a connection to the gateway ended: %s", error)
            what = error.what if isinstance(error, FlightError) else f"{self._gateway} does not answer"
            if not now.told:
                with contextlib.suppress(ConnectionError):
                    await self._tell(port, now.line, now.sent, CODE_GOING_AWAY, what, _RETRY_AFTER_MS)
        except* ConnectionError:
            _log.debug("the line went away")
        finally:
            if self._now is now:
                self._now = None
            while not now.waiting.empty():  # somebody may wait for room
                now.waiting.get_nowait()
            await upstream.close()

    async def _up(self, upstream: Transport, now: _Connection) -> None:
        while True:
            await upstream.send(await now.waiting.get())

    async def _down(self, port: LinePort, upstream: Transport, now: _Connection) -> None:
        while True:
            body = await upstream.receive()
            for frame in to_line(body, now.line, now.sent):
                now.sent = (now.sent + 1) % NUMBERS
                now.told = frame[1] == TYPE_CLOSE
                self.counters.down += 1
                async with self._sending:
                    await port.send(frame)

    async def _tell(
        self, port: LinePort, line: int, number: int, code: int, text: str, retry_after_ms: int = 0
    ) -> None:
        """CLOSE in the bridge's own name."""
        words = text.encode()[:160].decode(errors="ignore").encode()
        payload = bytes([code, 0]) + len(words).to_bytes(2, "little") + retry_after_ms.to_bytes(4, "little") + words
        with contextlib.suppress(FrameError):
            for frame in to_line(encode_frame(TYPE_CLOSE, 0, 0, 0, 0, payload), line, number):
                async with self._sending:
                    await port.send(frame)
