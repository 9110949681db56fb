"""A transport inside one process: for tests, and for a program that runs its own gateway.

Both ends exchange whole turns; no socket is opened. A link can be cut like a connection that was reset.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..errors import LinkError
from .address import Address

# Turns that wait for a reader before the sender waits for it, like at a socket whose buffer is full.
_TURNS = 64


class MemoryEnd:
    """One end of a link; MemoryEnd.pair() makes both."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._open = True
        self._other = self

    @classmethod
    def pair(cls) -> tuple[MemoryEnd, MemoryEnd]:
        """Two ends of one link."""
        one, other = cls(), cls()
        one._other, other._other = other, one
        return one, other

    @property
    def is_open(self) -> bool:
        """Whether the link stands."""
        return self._open

    async def send(self, body: bytes) -> None:
        """Hand one turn to the other end. Raises ConnectionResetError when the link is cut."""
        other = self._other
        while self._open and len(other._waiting) >= _TURNS:
            other._changed.clear()
            await other._changed.wait()
        if not self._open:
            raise ConnectionResetError("the link is cut")
        other._waiting.append(body)
        other._changed.set()

    async def receive(self) -> bytes:
        """The next turn. Raises ConnectionResetError when the link is cut."""
        while self._open and not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        if not self._open:
            raise ConnectionResetError("the link is cut")
        body = self._waiting.popleft()
        self._changed.set()
        return body

    async def drain(self) -> None:
        """Wait until the other end has read everything, or the link is cut."""
        other = self._other
        while self._open and other._waiting:
            other._changed.clear()
            await other._changed.wait()

    def cut(self) -> None:
        """Break the link at both ends; what is on its way is lost."""
        for end in (self, self._other):
            end._open = False
            end._waiting.clear()
            end._changed.set()


class MemoryTransport:
    """The client's end. `connect` gives a new link's client end, or raises LinkError."""

    turn_based = False
    hold_ms = 0

    def __init__(self, connect: Callable[[], MemoryEnd]) -> None:
        self._connect = connect
        self._end: MemoryEnd | None = None

    @staticmethod
    def factory(connect: Callable[[], MemoryEnd]) -> Callable[[Address], MemoryTransport]:
        """What Client(transport_factories={"memory": ...}) wants."""
        return lambda _address: MemoryTransport(connect)

    async def open(self) -> None:
        """Connect."""
        self._end = self._connect()

    async def send(self, body: bytes) -> bytes:
        """Send one turn."""
        assert self._end is not None
        try:
            await self._end.send(body)
        except ConnectionError as error:
            raise _cut(error) from error
        return b""

    async def receive(self) -> bytes:
        """The next frames."""
        assert self._end is not None
        try:
            return await self._end.receive()
        except ConnectionError as error:
            raise _cut(error) from error

    async def close(self) -> None:
        """Cut the link."""
        if self._end is not None:
            self._end.cut()


def _cut(error: ConnectionError) -> LinkError:
    return LinkError(
        what="the memory link ended", value=str(error), next_step="nothing: the client comes back by itself"
    )
