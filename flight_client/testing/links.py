"""The way of one client to a gateway in memory: how fast it is, when it breaks, and what went over it.

A stream (tcp, websocket) and a poll are the two forms of a way. Both take the conditions of the same MemoryLink.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from ..errors import CallerError, LinkError
from ..transports import Address, MemoryEnd, MemoryTransport, Transport, TransportFactory

STREAMS = ("tcp", "websocket", "memory")
TURNS_KEPT = 1000


class Server(Protocol):
    """What a link needs of its gateway."""

    def connect(self) -> MemoryEnd:
        """A new stream's client end. Raises LinkError while it takes none."""

    async def poll(self, body: bytes) -> bytes:
        """The reply to a polling request. Raises LinkError while it takes none."""


class MemoryLink:
    """The network between one client and the gateway; a test changes it at any time."""

    def __init__(self, server: Server, *, latency_ms: int = 0, bytes_per_s: int = 0) -> None:
        """latency_ms: each way. bytes_per_s: each way; 0 = no limit."""
        self.latency_ms = latency_ms
        self.bytes_per_s = bytes_per_s
        self.blocked: set[str] = set()
        """Names of transports that do not get through, as behind a firewall."""
        self.silent = False
        """Whether what is sent vanishes and nobody is told, as over a cable that was pulled."""
        self.turns: deque[tuple[str, bytes]] = deque(maxlen=TURNS_KEPT)
        """The newest messages as ("up" or "down", bytes); frames_of() takes them apart."""
        self.opened: deque[str] = deque(maxlen=TURNS_KEPT)
        """Names of the transports that connected, in order."""
        self.bytes_up: int = 0
        self.bytes_down: int = 0
        self._server = server
        self._ends: set[MemoryEnd] = set()
        self._requests: set[asyncio.Task[bytes]] = set()
        self._free_at = {"up": 0.0, "down": 0.0}

    def cut(self) -> None:
        """Break every connection, as a reset does: both sides learn of it, what is on its way is lost."""
        for end in list(self._ends):
            end.cut()
        for request in list(self._requests):
            request.cancel()

    def factories(self) -> dict[str, TransportFactory]:
        """What Client(transport_factories=...) wants."""
        made: dict[str, TransportFactory] = {name: self._stream(name) for name in STREAMS}
        made["polling"] = lambda _address: _PollingInMemory(self)
        return made

    def _stream(self, name: str) -> Callable[[Address], Transport]:
        return lambda _address: _StreamInMemory(self, name)

    # What the transports ask

    def connect(self, name: str) -> MemoryEnd:
        """A new stream. Raises LinkError where it does not get through."""
        self.check(name)
        end = self._server.connect()
        self._ends.add(end)
        self.opened.append(name)
        return end

    def forget(self, end: MemoryEnd) -> None:
        """A stream that ended."""
        self._ends.discard(end)

    def check(self, name: str) -> None:
        """Raises LinkError when this transport does not get through."""
        if name in self.blocked:
            failed("the way is blocked", name)

    async def travel(self, way: str, body: bytes) -> bool:
        """Take the time of these bytes. False: they never arrive."""
        loop = asyncio.get_running_loop()
        start_s = max(loop.time(), self._free_at[way])
        free_s = start_s + (len(body) / self.bytes_per_s if self.bytes_per_s else 0.0)
        self._free_at[way] = free_s
        wait_s = free_s + self.latency_ms / 1000 - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if self.silent:
            return False
        self.turns.append((way, body))
        if way == "up":
            self.bytes_up += len(body)
        else:
            self.bytes_down += len(body)
        return True

    async def request(self, body: bytes) -> bytes:
        """The gateway's reply. Raises LinkError when the link is cut meanwhile."""
        task = asyncio.get_running_loop().create_task(_as_coroutine(self._server.poll(body)))
        self._requests.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._requests.discard(task)
            task.cancel()  # where the client did not wait for the end
        if task.cancelled():
            failed("the memory link was cut", "polling")
        return task.result()


class _StreamInMemory(MemoryTransport):
    """A duplex transport of the client."""

    def __init__(self, link: MemoryLink, name: str) -> None:
        super().__init__(lambda: link.connect(name))
        self._link = link
        self._name = name

    async def open(self) -> None:
        await until_gone(await self._link.travel("up", b""))
        await super().open()

    async def send(self, body: bytes) -> bytes:
        return await super().send(body) if await self._link.travel("up", body) else b""

    async def receive(self) -> bytes:
        while True:
            body = await super().receive()
            if await self._link.travel("down", body):
                return body

    async def close(self) -> None:
        await super().close()
        if self._end is not None:
            self._link.forget(self._end)


class _PollingInMemory:
    """A polling transport of the client."""

    turn_based = True
    hold_ms = 0

    def __init__(self, link: MemoryLink) -> None:
        self._link = link

    async def open(self) -> None:
        self._link.check("polling")
        self._link.opened.append("polling")

    async def send(self, body: bytes) -> bytes:
        self._link.check("polling")
        await until_gone(await self._link.travel("up", body))
        reply = await self._link.request(body)
        await until_gone(await self._link.travel("down", reply))
        return reply

    async def receive(self) -> bytes:
        raise CallerError("a polling transport answers in send()", value="receive()", next_step="report this")

    async def close(self) -> None:
        """Nothing is held."""


async def until_gone(arrived: bool) -> None:
    """Nobody answers what never arrived: only being cancelled ends the wait."""
    if not arrived:
        await asyncio.get_running_loop().create_future()


async def _as_coroutine(work: Awaitable[bytes]) -> bytes:
    return await work


def failed(what: str, value: str) -> NoReturn:
    """Raise LinkError."""
    raise LinkError(what=what, value=value, next_step="nothing: the client comes back by itself")
