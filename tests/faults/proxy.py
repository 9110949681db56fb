"""A TCP proxy that does to connections what networks do: the project's own, seeded, for tests.

Each accepted connection asks a plan what will happen to it. What one connection suffers:

    delay_ms      every byte arrives so much later, in both directions
    rate_bytes_s  no more than this per second, in both directions: 4,200 is a modem of 33.6 kbit/s
    stalls        after so many bytes nothing passes for a time, as while TCP repeats a lost segment
    ending        after so many bytes: `close`, `reset`, or `half-open`: both sides believe that the other is there

It can also turn WebSockets away, as some networks do, and cut everything at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.ports import free_port

MODEM_BYTES_S = 4200  # 33.6 kbit/s
_CHUNK_BYTES = 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: the close is a reset


@dataclass(slots=True)
class Faults:
    """What happens to one connection."""

    delay_ms: float = 0
    rate_bytes_s: float = 0
    stall_after_bytes: int = 0
    stall_ms: float = 0
    ending: str = ""
    end_after_bytes: int = 0


Plan = Callable[[int], Faults]
"""Faults of the n-th connection, from 0."""


def no_faults(_number: int) -> Faults:
    return Faults()


def seeded(seed: int, bad_connections: int) -> Plan:
    """A plan with faults for so many connections, and none after them: then everything must arrive."""

    def plan(number: int) -> Faults:
        if number >= bad_connections:
            return Faults()
        chance = random.Random(f"{seed}:{number}")
        faults = Faults()
        if chance.random() < 0.4:
            faults.delay_ms = chance.uniform(1, 30)
        if chance.random() < 0.25:
            faults.rate_bytes_s = MODEM_BYTES_S
        if chance.random() < 0.4:
            faults.stall_after_bytes = chance.randint(1, 4000)
            faults.stall_ms = chance.uniform(20, 250)
        faults.ending = chance.choice(["close", "reset", "half-open", ""])
        faults.end_after_bytes = chance.randint(1, 6000)
        return faults

    return plan


class _Connection:
    """Two directions that share one budget of bytes."""

    def __init__(self, faults: Faults, counts: Counter[str]) -> None:
        self.faults = faults
        self.counts = counts
        self.passed_bytes = 0
        self.dead = asyncio.Event()  # half-open: nothing passes any more
        self.writers: list[asyncio.StreamWriter] = []
        if faults.delay_ms:
            counts["delay"] += 1
        if faults.rate_bytes_s:
            counts["rate"] += 1

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes = b"") -> None:
        """One direction; `head` was read already."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        sender = asyncio.create_task(self._send(queue, writer))
        try:
            while data := head or await reader.read(_CHUNK_BYTES):
                head = b""
                await queue.put((asyncio.get_running_loop().time() + self.faults.delay_ms / 1000, data))
            await queue.put((0.0, b""))
            await sender
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send(self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        faults, loop = self.faults, asyncio.get_running_loop()
        while True:
            due, data = await queue.get()
            if not data:
                writer.transport.close()
                return
            await asyncio.sleep(max(0.0, due - loop.time()))
            if faults.rate_bytes_s:
                await asyncio.sleep(len(data) / faults.rate_bytes_s)
            if self.dead.is_set():
                continue
            if faults.stall_ms and self.passed_bytes + len(data) > faults.stall_after_bytes:
                self.counts["stall"] += 1
                wait_ms, faults.stall_ms = faults.stall_ms, 0
                await asyncio.sleep(wait_ms / 1000)
            if faults.ending and self.passed_bytes + len(data) >= faults.end_after_bytes:
                data = data[: max(0, faults.end_after_bytes - self.passed_bytes)]
                await self._pass(writer, data)
                self._end()
                continue
            await self._pass(writer, data)

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        self.passed_bytes += len(data)
        writer.write(data)
        await writer.drain()

    def _end(self) -> None:
        faults = self.faults
        self.counts[faults.ending] += 1
        ending, faults.ending = faults.ending, ""
        self.dead.set()
        if ending == "half-open":
            return
        for writer in self.writers:
            if ending == "reset":
                self.reset(writer)
            else:
                writer.transport.close()

    def reset(self, writer: asyncio.StreamWriter) -> None:
        handle = writer.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()


class FaultProxy:
    """Forwards connections to a port of this machine, with faults."""

    def __init__(self, target_port: int, plan: Plan = no_faults) -> None:
        self.counts: Counter[str] = Counter()
        """Faults that happened, by kind."""
        self.connections = 0
        self.blocked = False
        """Requests for an upgrade to WebSocket are turned away."""
        self.turned_away = 0
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._target_port = target_port
        self._plan = plan
        self._server: asyncio.Server | None = None
        self._live: set[_Connection] = set()
        self._upgraded: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def block(self) -> None:
        """Cut the WebSockets that there are, and let none through from now on."""
        self.blocked = True
        self._cut(self._upgraded)

    def cut_all(self) -> None:
        """Reset every connection."""
        self._cut(self._live)

    def _cut(self, connections: set[_Connection]) -> None:
        for connection in list(connections):
            for writer in connection.writers:
                connection.reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _Connection(self._plan(self.connections), self.counts)
        self.connections += 1
        connection.writers.append(writer)
        self._live.add(connection)
        try:
            await self._join(connection, reader, writer)
        except (OSError, asyncio.CancelledError, ExceptionGroup):
            pass  # a connection that ends in any way is what this is for
        finally:
            self._live.discard(connection)
            self._upgraded.discard(connection)
            self._tasks.discard(task)
            for end in connection.writers:
                end.transport.abort()

    async def _join(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(_CHUNK_BYTES)
        if b"upgrade: websocket" in head.lower():
            if self.blocked:
                self.turned_away += 1
                return
            self._upgraded.add(connection)
        back, other = await asyncio.open_connection("127.0.0.1", self._target_port)
        connection.writers.append(other)
        async with asyncio.TaskGroup() as group:
            group.create_task(connection.pump(reader, other, head))
            group.create_task(connection.pump(back, writer))
