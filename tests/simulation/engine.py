"""An engine whose disk the simulation rules: when a batch is safe, when its result is told, what a crash takes.

It is the memory engine of the product with a log that outlives the gateway, unless it is told to lose it.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from flight_client.gateway.engines import EngineLimits
from flight_client.gateway.engines.base import AppendResult, Batch, Entry, Health, Marks, OnEntry, OnResult, failed
from flight_client.gateway.engines.memory import MemoryEngine
from flight_client.testing.virtual_loop import VirtualLoop
from flight_client.wire.records import skip_records

OnStored = Callable[[bytes, Entry], None]


class SimEngine(MemoryEngine):
    """One disk. start() finds the log that is there."""

    name = "simulated"
    durable = True

    def __init__(self, loop: VirtualLoop, chance: random.Random, limits: EngineLimits, stored: OnStored) -> None:
        super().__init__(skip_records, limits)
        self.store_s = 0.0  # how long a write takes to be safe
        self.tell_s = 0.0  # and then until the gateway hears of it
        self.fail_next = 0
        self._loop = loop
        self._chance = chance
        self._stored = stored
        self._life = 0
        self._unsafe: deque[tuple[Batch, OnResult, bool]] = deque()
        self._telling: deque[Callable[[], None]] = deque()  # results that were decided and not told, in their order
        self._told_at = 0.0
        self._waiters: list[asyncio.Future[None]] = []

    async def start(self, on_entry: OnEntry) -> None:
        epoch = self.epoch

        def safe(entry: Entry) -> None:
            self._stored(self.epoch, entry)
            on_entry(entry)

        await super().start(safe)
        if epoch:
            self.epoch = epoch
        self._life += 1

    def crash(self) -> None:
        """The gateway dies: what was not safe is gone, and nobody is told what became of it."""
        self._unsafe.clear()
        self._telling.clear()
        self._life += 1
        self._on_entry = None
        self._wake()

    def append(self, batch: Batch, done: OnResult) -> None:
        fails = self.fail_next > 0
        if fails:
            self.fail_next -= 1
        if fails or self.store_s or self._unsafe:
            self._unsafe.append((batch, done, fails))
            self._loop.call_later(self.store_s, self._store_oldest, self._life)
        else:
            self._now(batch, done)

    def _store_oldest(self, life: int) -> None:
        if life != self._life or not self._unsafe:
            return
        batch, done, fails = self._unsafe.popleft()
        if fails:
            done(failed("the simulated disk is full; make room"))
        else:
            self._now(batch, done)
        self._wake()

    def _now(self, batch: Batch, done: OnResult) -> None:
        if not self.tell_s and not self._telling:
            super().append(batch, done)
            return
        results: list[AppendResult] = []
        super().append(batch, results.append)
        self._telling.append(lambda: done(results[0]))
        self._told_at = max(self._told_at, self._loop.now_s + self.tell_s)
        self._loop.call_at(self._told_at, self._tell_oldest, self._life)

    def _tell_oldest(self, life: int) -> None:
        if life == self._life and self._telling:
            self._telling.popleft()()

    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        life = self._life
        while self._unsafe and life == self._life:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        return await super().marks(device_id, incarnation)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def health(self) -> Health:
        return Health(True, "simulated", len(self._unsafe), 0, 0)
