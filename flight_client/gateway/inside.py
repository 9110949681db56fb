"""Connections from inside this process: a gateway that a test, or a program of its own, holds in memory."""

from __future__ import annotations

import asyncio

from flight_client.errors import LinkError
from flight_client.gateway.pipe import DuplexPipe
from flight_client.gateway.registry import Registry
from flight_client.transports.memory import MemoryEnd


class MemoryCarrier:
    """One end of a memory link."""

    name = "memory"

    def __init__(self, end: MemoryEnd) -> None:
        self._end = end

    async def receive(self) -> bytes:
        """The next turn."""
        return await self._end.receive()

    async def send(self, body: bytes) -> None:
        """One turn."""
        await self._end.send(body)

    def admit(self) -> None:
        """Nothing: who is inside this process is no stranger."""

    async def close(self) -> None:
        """Let the other end read what was sent, then cut the link."""
        await self._end.drain()
        self._end.cut()


class MemoryListener:
    """Accepts links; `connect` is what MemoryTransport wants."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: set[MemoryEnd] = set()
        self.open: bool = True
        """Set it to False to refuse new links, as a gateway that is away does."""

    def connect(self) -> MemoryEnd:
        """A new link's client end. Raises LinkError while the listener is closed."""
        if not self.open:
            raise LinkError(what="the memory listener is closed", value="memory", next_step="open it again")
        client, own = MemoryEnd.pair()
        self._ends.add(own)
        task = asyncio.get_running_loop().create_task(self._serve(own))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return client

    async def _serve(self, end: MemoryEnd) -> None:
        try:
            await DuplexPipe(self._registry, MemoryCarrier(end)).run()
        finally:
            end.cut()
            self._ends.discard(end)

    def cut_all(self) -> None:
        """Break every link, as a network that goes away does."""
        for end in list(self._ends):
            end.cut()

    async def close(self) -> None:
        """End everything."""
        self.open = False
        self.cut_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)
