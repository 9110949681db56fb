"""A simulated network: links and polling requests between clients and the gateway, and what can go wrong with them.

Every client has a Wire. A fault is armed on the wire and counted when it strikes: a frame was really lost, a request was
really doubled. What is on its way is a timer of the loop, so that order and time come from the seed.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from flight_client.errors import LinkError
from flight_client.session.spec import FLAGS_SUPPORTED
from flight_client.testing.virtual_loop import VirtualLoop
from flight_client.transports import Address
from flight_client.wire.frames import FrameReader

from .chance import Machine
from .trace import Trace

_BUFFER_BYTES = 65536  # what a direction takes before its sender waits, like a socket's buffer
_SLOW_BUFFER_BYTES = 4096  # so that a slow reader is noticed soon
_MAX_FRAME = 65536

Post = Callable[[bytes], Awaitable[bytes]]


class Server(Protocol):
    """What the network needs of a gateway that is up."""

    machine: Machine

    def accept(self, end: "LinkEnd") -> None:
        """A new link."""

    def post(self, body: bytes) -> "asyncio.Future[bytes]":
        """A polling request."""


def frame_ends(message: bytes) -> list[int]:
    """Where each frame of a message ends."""
    reader = FrameReader(FLAGS_SUPPORTED)
    reader.feed(message, _MAX_FRAME)
    found: list[int] = []
    at = 0
    while reader.next():
        at = reader.end + (4 if message[at + 2] & 0x20 else 0)
        found.append(at)
    return found


class Direction:
    """One way of a link."""

    def __init__(self, link: "Link", name: str) -> None:
        self.link = link
        self.name = name
        self.arrived: deque[bytes] = deque()
        self.flying_bytes = 0
        self.extra_s = 0.0
        self.lost = False  # nothing arrives any more, and the sender does not know
        self.over = False  # the receiver knows that nothing more will come
        self._last_at = 0.0
        self._flying: deque[tuple[bytes, Callable[[], None] | None]] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._sender: asyncio.Future[None] | None = None

    @property
    def waiting_bytes(self) -> int:
        return self.flying_bytes + sum(map(len, self.arrived))

    def put(self, body: bytes, then: Callable[[], None] | None = None) -> None:
        """Send; `then` runs when it has arrived."""
        loop = self.link.loop
        wire = self.link.wire
        rate = wire.down_bytes_s if self.name == "down" and wire.down_bytes_s else 0
        travel_s = wire.latency_s() + self.extra_s
        self._last_at = max(loop.now_s + travel_s, self._last_at) + (len(body) / rate if rate else 0.0)
        self.flying_bytes += len(body)
        self._flying.append((body, then))  # timers of one time may fire in any order
        loop.call_at(self._last_at, self._arrive, context=self.link.context)

    def end(self) -> None:
        """The sender closed: the receiver hears so behind everything else."""
        when = max(self.link.loop.now_s + self.extra_s, self._last_at)
        self.link.loop.call_at(when + 1e-6, self._finish, context=self.link.context)

    def _finish(self) -> None:
        if not self.lost:
            self.over = True
            self.wake()

    def _arrive(self) -> None:
        body, then = self._flying.popleft()
        self.flying_bytes -= len(body)
        if not self.lost and not self.link.broken:
            self.link.wire.trace.add(self.name, body)
            self.arrived.append(body)
            self.wake()
            if then is not None:
                then()

    def wake(self) -> None:
        for future in (self._reader, self._sender):
            if future is not None and not future.done():
                future.set_result(None)

    async def take(self, closed: Callable[[], bool]) -> bytes:
        while not self.arrived:
            if closed() or self.over:
                raise ConnectionResetError("the link ended")
            self._reader = self.link.loop.create_future()
            await self._reader
        if closed():
            raise ConnectionResetError("the link ended")
        body = self.arrived.popleft()
        self.wake()
        return body

    async def room(self, closed: Callable[[], bool]) -> None:
        limit = _SLOW_BUFFER_BYTES if self.link.wire.down_bytes_s else _BUFFER_BYTES
        while not closed() and self.waiting_bytes >= limit:
            self._sender = self.link.loop.create_future()
            await self._sender


class Link:
    """One duplex connection."""

    def __init__(self, wire: "Wire", server: Server) -> None:
        self.wire = wire
        self.loop = wire.loop
        self.context = server.machine.context
        self.broken = False
        self.up = Direction(self, "up")
        self.down = Direction(self, "down")
        self.client = LinkEnd(self, self.up, self.down)
        self.gateway = LinkEnd(self, self.down, self.up)

    def reset(self) -> None:
        """Both ends learn at once that it broke; what is on its way is lost."""
        self.broken = True
        for way in (self.up, self.down):
            way.arrived.clear()
            way.wake()

    def go_dark(self) -> None:
        """Nothing arrives any more and nobody is told."""
        self.up.lost = self.down.lost = True


class LinkEnd:
    """What one side holds of a link."""

    def __init__(self, link: Link, out: Direction, into: Direction) -> None:
        self.link = link
        self.out = out
        self.into = into
        self.closed = False

    def gone(self) -> bool:
        return self.closed or self.link.broken

    async def send(self, body: bytes) -> None:
        await self.out.room(self.gone)
        if self.gone() or self.into.over:
            raise ConnectionResetError("the link ended")
        if not self.out.lost:
            self.link.wire.strike(self, body)

    async def receive(self) -> bytes:
        return await self.into.take(self.gone)

    def close(self) -> None:
        """No more from here; what was sent still arrives."""
        if not self.closed:
            self.closed = True
            self.into.arrived.clear()
            self.into.wake()
            self.out.wake()
            self.out.end()


class Wire:
    """The way of one client to the gateway, with the faults that wait on it."""

    def __init__(
        self, loop: VirtualLoop, chance: random.Random, find: Callable[[], Server | None], faults: Counter[str],
        trace: Trace,
    ) -> None:  # fmt: skip
        self.loop = loop
        self.chance = chance
        self.trace = trace
        self.blocked: set[str] = set()  # transports that a firewall refuses
        self.silent: set[str] = set()  # transports whose packets vanish
        self.down_bytes_s = 0  # 0 = fast
        self.links: list[Link] = []
        self.copies: list[bytes] | None = None  # of polling requests, for a story that wants them
        self._armed: dict[str, int] = {}
        self._find = find
        self._faults = faults
        self._slow_s = chance.choice((0.001, 0.01, 0.05))

    def latency_s(self) -> float:
        return self._slow_s * (0.5 + self.chance.random())

    def arm(self, fault: str, count: int = 1) -> None:
        """Let it strike at the next message that it can hit."""
        self._armed[fault] = min(4, self._armed.get(fault, 0) + count)

    def disarm(self) -> None:
        """The network is well again, but for links that died already."""
        self._armed.clear()
        self.blocked.clear()
        self.silent.clear()
        self.down_bytes_s = 0

    def _fires(self, fault: str) -> bool:
        if not self._armed.get(fault):
            return False
        self._armed[fault] -= 1
        self.count(fault)
        return True

    def count(self, fault: str) -> None:
        self._faults[fault] += 1
        self.trace.note("fault", fault)

    def server(self, transport: str) -> Server:
        """The gateway, or LinkError."""
        server = self._find()
        if server is None or transport in self.blocked:
            raise link_error("refused")
        return server

    def alive(self) -> Link | None:
        """The newest link, unless it is gone."""
        link = self.links[-1] if self.links else None
        return link if link is not None and not link.broken and not link.client.closed else None

    def connect(self, server: Server) -> LinkEnd:
        link = Link(self, server)
        self.links = [old for old in self.links if not old.broken and not old.gateway.closed]
        self.links.append(link)
        server.accept(link.gateway)
        return link.client

    def strike(self, end: LinkEnd, body: bytes) -> None:
        """Send one message of a link, or what a fault leaves of it."""
        link = end.link
        if self._fires("loss"):
            # A segment is lost and the rest cannot overtake it; the connection breaks later, or nobody notices.
            end.out.lost = True
            if self.chance.random() < 0.7:
                self.loop.call_later(self.chance.uniform(0.05, 8.0), link.reset, context=link.context)
            return
        if self._armed.get("frame-cut"):
            ends = frame_ends(body)
            keep = self.chance.randrange(len(ends) + 1)
            self._fires("frame-cut")
            if keep:
                end.out.put(body[: ends[keep - 1]], link.reset)
            else:
                link.reset()
            return
        if end is link.client and self._fires("reorder"):
            # The message is late; its sender gives the link up and is back on another before it arrives.
            end.out.extra_s += self.chance.uniform(0.5, 20.0)
            end.out.put(body)
            self.loop.call_later(self.chance.uniform(0.0, 0.2), self._abandon, link, context=link.context)
            return
        end.out.put(body)

    def _abandon(self, link: Link) -> None:
        """The client's side hears of a reset; the gateway's does not, and what was sent arrives late."""
        link.down.lost = True
        link.down.over = True
        link.down.wake()

    def half_open(self) -> bool:
        """One side goes without a word; the other one does not hear of it."""
        link = self.alive()
        if link is None:
            return False
        link.go_dark()
        if self.chance.random() < 0.6:
            link.down.over = True  # the client noticed, the gateway did not
            link.down.wake()
        elif self.chance.random() < 0.5:
            link.up.over = True  # the gateway noticed, the client did not
            link.up.wake()
        return True

    # Polling

    async def request(self, body: bytes) -> bytes:
        """One polling request and what becomes of it."""
        server = self.server("polling")
        if self.copies is not None:
            self.copies.append(body)
        await self._travel()
        if "polling" in self.silent:
            await self._never()
        if self._fires("lost-request"):
            await self._fail()
        if self._fires("late-request"):
            self._later(body, self.chance.uniform(0.3, 20.0))
            await self._fail()
        if self._fires("duplicate"):
            # A proxy sends it twice: the second before, or long after, the answer to the first.
            self._later(body, self.chance.choice((0.0, 0.01, 1.0, 7.0)))
        reply = await self._post(server, body)
        if self._fires("lost-reply"):
            await self._fail()
        await self._travel()
        if (
            self._find() is not server
        ):  # the connection died with the gateway: an ack of a lost log must not arrive late
            raise link_error("the gateway died")
        self.trace.add("reply", reply)
        return reply

    async def _post(self, server: Server, body: bytes) -> bytes:
        self.trace.add("post", body)
        try:
            reply = await asyncio.shield(server.post(body))
        except ConnectionError as error:
            raise link_error(str(error)) from None
        if not reply:
            raise link_error("no reply")
        return reply

    def _later(self, body: bytes, delay_s: float) -> None:
        """The request arrives on its own; nobody reads the reply."""

        def arrive() -> None:
            server = self._find()
            if server is not None:
                self.trace.add("again", body)
                server.post(body)

        server = self._find()
        if server is not None:
            self.loop.call_later(delay_s, arrive, context=server.machine.context)

    async def _travel(self) -> None:
        await asyncio.sleep(self.latency_s())

    async def _fail(self) -> None:
        if self.chance.random() < 0.3:
            await self._never()
        await asyncio.sleep(self.chance.uniform(0.0, 3.0))
        raise link_error("reset")

    async def _never(self) -> None:
        await self.loop.create_future()


class SimStream:
    """A duplex transport of the client."""

    turn_based = False
    hold_ms = 0

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name
        self._end: LinkEnd | None = None

    async def open(self) -> None:
        await asyncio.sleep(self._wire.latency_s())
        if self._name in self._wire.silent:
            await self._wire.loop.create_future()
        self._end = self._wire.connect(self._wire.server(self._name))

    async def send(self, body: bytes) -> bytes:
        assert self._end is not None
        try:
            await self._end.send(body)
        except ConnectionError as error:
            raise link_error(str(error)) from None
        return b""

    async def receive(self) -> bytes:
        assert self._end is not None
        try:
            return await self._end.receive()
        except ConnectionError as error:
            raise link_error(str(error)) from None

    async def close(self) -> None:
        if self._end is not None:
            self._end.close()


class SimPolling:
    """A polling transport of the client."""

    turn_based = True
    hold_ms = 0

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def open(self) -> None:
        """Nothing to connect."""

    async def send(self, body: bytes) -> bytes:
        return await self._wire.request(body)

    async def receive(self) -> bytes:
        raise AssertionError("a polling transport answers in send()")

    async def close(self) -> None:
        """Nothing is held."""


def factories(wire: Wire) -> dict[str, Callable[[Address], SimStream | SimPolling]]:
    """What Client(transport_factories=...) wants."""
    return {
        "tcp": lambda _address: SimStream(wire, "tcp"),
        "websocket": lambda _address: SimStream(wire, "websocket"),
        "polling": lambda _address: SimPolling(wire),
    }


def link_error(what: str) -> LinkError:
    return LinkError(what="the simulated link failed", value=what, next_step="nothing: the simulation goes on")
