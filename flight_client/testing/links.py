"""The way of one client to a gateway in memory: how fast it is, when it breaks, and what went over it.

A stream (tcp, websocket) and a poll are the two forms of a way. Both take the conditions of the same MemoryLink.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from ..errors import CallerError, LinkError
from ..transports import Address, MemoryEnd, MemoryTransport, Transport, TransportFactory

STREAMS = ("tcp", "websocket", "memory")
TURNS_KEPT = 1000
_COMES_BACK = "nothing: the client comes back by itself"
MESSAGES_UNDER_WAY = 64
"""How many messages of one direction may be on a slow stream before its sender waits, as for the window of TCP."""


class Server(Protocol):
    """What a link needs of its gateway."""

    def connect(self) -> MemoryEnd:
        """A new stream's client end. Raises LinkError while it takes none."""

    async def poll(self, body: bytes) -> bytes:
        """The reply to a polling request. Raises LinkError while it takes none."""


class MemoryLink:
    """The network between one client and the gateway; a test changes it at any time."""

    def __init__(self, server: Server, *, latency_ms: int = 0, bytes_per_s: int = 0) -> None:
        """latency_ms: each way; messages of a stream are on their way together. bytes_per_s: each way; 0 = no limit."""
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
        self._streams: set[_StreamInMemory] = set()
        self._requests: set[asyncio.Task[bytes]] = set()
        self._free_at = {"up": 0.0, "down": 0.0}

    def cut(self) -> None:
        """Break every connection, as a reset does: both sides learn of it, what is on its way is lost."""
        for stream in list(self._streams):
            stream.cut()
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

    def connect(self, name: str, stream: _StreamInMemory) -> MemoryEnd:
        """A new stream's end. Raises LinkError where it does not get through."""
        self.check(name)
        end = self._server.connect()
        self._streams.add(stream)
        self.opened.append(name)
        return end

    def forget(self, stream: _StreamInMemory) -> None:
        """A stream that ended."""
        self._streams.discard(stream)

    def check(self, name: str) -> None:
        """Raises LinkError when this transport does not get through."""
        if name in self.blocked:
            failed("the way is blocked", name)

    @property
    def instant(self) -> bool:
        """Whether nothing takes any time."""
        return not self.latency_ms and not self.bytes_per_s

    async def depart(self, way: str, size: int) -> float:
        """Wait until the last of these bytes is on the line; when they arrive, on the loop's clock."""
        loop = asyncio.get_running_loop()
        free_s = max(loop.time(), self._free_at[way]) + (size / self.bytes_per_s if self.bytes_per_s else 0.0)
        self._free_at[way] = free_s
        await until(free_s)
        return free_s + self.latency_ms / 1000

    def arrived(self, way: str, body: bytes) -> bool:
        """Note a message at its end. False: it never arrives."""
        if self.silent:
            return False
        self.turns.append((way, body))
        if way == "up":
            self.bytes_up += len(body)
        else:
            self.bytes_down += len(body)
        return True

    async def travel(self, way: str, body: bytes) -> bool:
        """Take the whole time of these bytes, with nothing behind them. False: they never arrive."""
        await until(await self.depart(way, len(body)))
        return self.arrived(way, body)

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


class _UnderWay:
    """The messages of one direction of a stream: many at a time, each arrives after its own latency, in their order."""

    def __init__(self, link: MemoryLink, way: str) -> None:
        self._link = link
        self._way = way
        self._items: deque[tuple[float, bytes | LinkError | None]] = deque()
        self._changed = asyncio.Event()

    async def put(self, body: bytes) -> None:
        """Wait until it is on the line, and there is room for it there."""
        due_s = await self._link.depart(self._way, len(body))
        while len(self._items) >= MESSAGES_UNDER_WAY:
            await self._change()
        self._add(due_s, body)

    def end(self, error: LinkError | None = None, *, at_once: bool = False) -> None:
        """The last thing that arrives: why the other side ended the stream, or that this side did."""
        due_s = asyncio.get_running_loop().time()
        self._add(due_s if at_once else due_s + self._link.latency_ms / 1000, error)

    async def next(self) -> bytes | None:
        """The message that arrives now; None, or LinkError, behind the last one. May be cancelled and called again."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._items or self._items[0][0] > loop.time():
                await self._change(self._items[0][0] if self._items else None)
                continue
            body = self._items[0][1]
            if body is None:
                return None
            if isinstance(body, LinkError):
                raise body
            self._items.popleft()
            self._changed.set()
            if self._link.arrived(self._way, body):
                return body

    def lose(self) -> None:
        """What is on its way does not arrive."""
        self._items.clear()
        self._changed.set()

    def _add(self, due_s: float, item: bytes | LinkError | None) -> None:
        self._items.append((due_s, item))
        self._changed.set()

    async def _change(self, due_s: float | None = None) -> None:
        """Wait for another item, for one less, or for this time."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due_s):
                await self._changed.wait()


class _StreamInMemory(MemoryTransport):
    """A duplex transport of the client. As long as the link is instant, nothing stands between it and the gateway's end."""

    def __init__(self, link: MemoryLink, name: str) -> None:
        super().__init__(lambda: link.connect(name, self))
        self._link = link
        self._up = _UnderWay(link, "up")
        self._down = _UnderWay(link, "down")
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await until_gone(await self._link.travel("up", b""))
        await super().open()

    async def send(self, body: bytes) -> bytes:
        if self._end is None or not self._end.is_open:
            failed("the memory link ended", "send()")
        if not self._tasks:
            if self._link.instant:
                return await super().send(body) if self._link.arrived("up", body) else b""
            self._begin()
        await self._up.put(body)
        return b""

    async def receive(self) -> bytes:
        while not self._tasks:
            if not self._link.instant:
                self._begin()
                break
            body = await super().receive()
            if await self._link.travel("down", body):  # it may have become slow meanwhile
                return body
        arrived = await self._down.next()
        assert arrived is not None  # only the side that sends may end it so
        return arrived

    def cut(self) -> None:
        """Break it: both ends learn of it at once."""
        for task in self._tasks:
            task.cancel()  # also what is only half on the line
        self._up.lose()
        self._down.lose()
        if self._end is not None:
            self._end.cut()
        if self._tasks:
            self._down.end(LinkError("the memory link was cut", value="cut()", next_step=_COMES_BACK), at_once=True)

    async def close(self) -> None:
        try:
            if self._tasks:  # what was sent before arrives before the end
                self._up.end()
                await asyncio.wait({self._tasks[0]})
                assert self._end is not None
                await self._end.drain()
        finally:
            for task in self._tasks:
                task.cancel()
            await super().close()
            self._link.forget(self)

    def _begin(self) -> None:
        """From now on messages are under way."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._carry_up()), loop.create_task(self._carry_down())]

    async def _carry_up(self) -> None:
        try:
            while (body := await self._up.next()) is not None:
                await MemoryTransport.send(self, body)
        except LinkError:  # receive() says so
            self._up.lose()

    async def _carry_down(self) -> None:
        try:
            while True:
                await self._down.put(await MemoryTransport.receive(self))
        except LinkError as error:
            self._down.end(error)


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


async def until(due_s: float) -> None:
    """Wait until this time of the loop's clock."""
    wait_s = due_s - asyncio.get_running_loop().time()
    if wait_s > 0:
        await asyncio.sleep(wait_s)


async def until_gone(arrived: bool) -> None:
    """Nobody answers what never arrived: only being cancelled ends the wait."""
    if not arrived:
        await asyncio.get_running_loop().create_future()


async def _as_coroutine(work: Awaitable[bytes]) -> bytes:
    return await work


def failed(what: str, value: str) -> NoReturn:
    """Raise LinkError."""
    raise LinkError(what=what, value=value, next_step=_COMES_BACK)
