"""The three kinds of work that every system does: fan-out, ingest, and a slow stream whose delays count."""

from __future__ import annotations

import asyncio
import statistics
import struct
import time
from dataclasses import dataclass, field

from benchmarks.gateway.system import STAMP, Publish, System

WINDOW = 256  # messages that are on their way at a time
WARM_UP_S = 0.5
SUBSCRIBERS, PUBLISHERS = 8, 4
INGEST_PUBLISHERS = 8
SMALL, LARGE, BATCH = 64, 700, 16
_CANCELS = 100
PER_SECOND = 250  # latency: messages, each to eight subscribers


@dataclass
class Result:
    """Of one round. A unit is a delivery, or a message where there is one subscriber."""

    per_s: float = 0.0
    cpu_s_per_100k: float = 0.0
    delays_ms: list[float] = field(default_factory=list)


class Flow:
    """How much is on its way: publishers wait for subscribers."""

    def __init__(self, window: int, subscribers: int) -> None:
        self.got = 0
        self._sent = 0
        self._window = window * subscribers
        self._subscribers = subscribers
        self._room = asyncio.Event()

    async def room(self, events: int) -> None:
        while self._sent - self.got + events * self._subscribers > self._window:
            self._room.clear()
            await self._room.wait()
        self._sent += events * self._subscribers

    def arrived(self, events: int, _payload: bytes) -> None:
        self.got += events
        self._room.set()


async def flood(system: System, seconds: float, subscribers: int, publishers: int, size: int, events: int) -> Result:
    """As much as goes through: deliveries of events."""
    flow = Flow(WINDOW * (events if subscribers == 1 else 1), subscribers)
    for _ in range(subscribers):
        await system.subscribe(flow.arrived)
    publish = [await system.publisher(size, events) for _ in range(publishers)]
    payload = bytes(size)

    async def go_on(one: Publish) -> None:
        while True:
            await flow.room(events)
            await one(payload)

    tasks = [asyncio.create_task(go_on(one)) for one in publish]
    try:
        await asyncio.sleep(WARM_UP_S)
        got, cpu, begun = flow.got, system.cpu_s(), time.perf_counter()
        await asyncio.sleep(seconds)
        units = (flow.got - got) / (events if subscribers == 1 else 1)
        took = time.perf_counter() - begun
        for task in tasks:
            if task.done() and task.exception() is not None:
                raise RuntimeError(f"{system.name}: a publisher failed") from task.exception()
        return Result(units / took, (system.cpu_s() - cpu) / max(1.0, units) * 100_000)
    finally:
        await end(tasks)
        await system.leave()


async def fan_out(system: System, seconds: float, events: int = 1) -> Result:
    return await flood(system, seconds, SUBSCRIBERS, PUBLISHERS, SMALL, events)


async def ingest(system: System, seconds: float, events: int = 1) -> Result:
    return await flood(system, seconds, 1, INGEST_PUBLISHERS, LARGE // events, events)


async def latency(system: System, seconds: float) -> Result:
    """At a rate that nobody finds hard: from publish to callback, by one clock."""
    delays: list[float] = []

    def arrived(_events: int, payload: bytes) -> None:
        at = payload.find(STAMP)
        if at >= 0:
            [sent] = struct.unpack_from("<d", payload, at + len(STAMP))
            delays.append((time.perf_counter() - sent) * 1000)

    for _ in range(SUBSCRIBERS):
        await system.subscribe(arrived)
    publish = await system.publisher(SMALL, 1)
    try:
        begun = time.perf_counter()
        number = 0
        while (now := time.perf_counter()) - begun < seconds + WARM_UP_S:
            if now - begun < WARM_UP_S:
                delays.clear()
            stamp = STAMP + struct.pack("<d", time.perf_counter())
            await publish(stamp + bytes(SMALL - len(stamp)))
            number += 1
            await asyncio.sleep(max(0.0, begun + number / PER_SECOND - time.perf_counter()))
        await asyncio.sleep(0.1)
        return Result(delays_ms=list(delays))
    finally:
        await system.leave()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: the wait_for() of Python 3.11, which some libraries use, loses a cancellation that comes
    together with the answer, so that a publisher which is answered all the time went on for ever.
    """
    left = set(tasks)
    for _ in range(_CANCELS):
        if not left:
            return
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=0.1)
        for task in done:
            if not task.cancelled():
                task.exception()  # of the last messages, when the connection closes: nobody asks
    if left:
        raise RuntimeError(f"{len(left)} of {len(tasks)} clients went on after they were cancelled {_CANCELS} times")
