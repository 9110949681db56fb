"""Polling as fast as it goes: sessions on connections that stay, one request at a time, each with its proof."""

from __future__ import annotations

import asyncio
import time

from benchmarks.gateway.flight import FlightSystem
from benchmarks.gateway.phases import end
from flight_client._tables import STRINGS
from flight_client.session import spec
from tests.support.raw import Session, frames_of, hello_frame, of_kind

POLLERS = 16
WARM_UP_S = 0.5


class Poller:
    """One session over one connection of HTTP, by hand: a library would cost more than the gateway."""

    def __init__(self) -> None:
        self._head = f"POST {STRINGS['poll_path']} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ".encode()
        self._number = 0
        self.session: Session
        self._reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def begin(self, port: int, token: str, device: bytes) -> None:
        self._reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        [welcome] = of_kind(frames_of(await self._ask(hello_frame(token, device))), spec.TYPE_WELCOME)
        self.session = Session(token, welcome.payload)

    async def poll(self) -> bytes:
        self._number += 1
        return await self._ask(self.session.poll_frame(self._number))

    async def _ask(self, body: bytes) -> bytes:
        self.writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        at = head.lower().index(b"content-length: ") + 16
        return await self._reader.readexactly(int(head[at : head.index(b"\r", at)]))


async def measure_polls(system: FlightSystem, seconds: float) -> tuple[float, list[float]]:
    """Polls a second, and how long each took in ms."""
    token = system.gateway.token()
    pollers = [Poller() for _ in range(POLLERS)]
    for number, poller in enumerate(pollers):
        await poller.begin(system.gateway.port, token, b"poller-%d" % number)
    delays: list[float] = []

    async def go_on(poller: Poller) -> None:
        while True:
            begun = time.perf_counter()
            await poller.poll()
            delays.append((time.perf_counter() - begun) * 1000)

    tasks = [asyncio.create_task(go_on(poller)) for poller in pollers]
    await asyncio.sleep(WARM_UP_S)
    delays.clear()
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - begun
    found = list(delays)
    await end(tasks)
    for poller in pollers:
        poller.writer.close()
    return len(found) / took, found
