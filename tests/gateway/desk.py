"""A hub with an engine, a clock and hands: what the hub's tests work with."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from flight_client.gateway.engines import (
    AppendResult,
    AppendStatus,
    Batch,
    Entry,
    Source,
    StoreError,
)
from flight_client.gateway.engines.base import OnResult, Portion
from flight_client.gateway.engines.memory import MemoryEngine
from flight_client.gateway.hub import Gap, Hub, HubLimits, Subscription

LIFE = b"\1" * 8
BENCH = Source("bench-1", 3, b"short-01")


def skip_records(data: bytes, start: int, end: int, events: int) -> int:
    return start + 4 * events


def allow(identity: object, channel: str, mode: int) -> bool:
    return True


def nothing() -> None:
    pass


class HeldEngine(MemoryEngine):
    """A store whose disk answers when the test says so, or fails."""

    def __init__(self) -> None:
        super().__init__(skip_records)
        self.waiting: list[tuple[Batch, OnResult]] = []
        self.unreadable = False

    def append(self, batch: Batch, done: OnResult) -> None:
        self.waiting.append((batch, done))

    def answer(self, *, fail: bool = False) -> None:
        batch, done = self.waiting.pop(0)
        if fail:
            done(AppendResult(AppendStatus.FAILED, error="disk is full"))
        else:
            super().append(batch, done)

    async def read(self, channel: str, after: int, limit: int, limit_bytes: int = 1 << 20) -> list[Entry]:
        if self.unreadable:
            raise StoreError("the log could not be read", value="here", next_step="wait")
        return await super().read(channel, after, limit, limit_bytes)


class Desk:
    """A hub with an engine, a clock that stands still, and a list of results."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.results: list[AppendResult] = []

    def publish(
        self, count: int = 1, *, channel: str = "log", counter: int = 0, events: int = 1, body: int | None = None
    ) -> None:
        for index in range(count):
            first = counter + index * events if counter else 0
            records = bytes(body if body is not None else 4 * events)
            self.hub.publish(channel, BENCH, LIFE, first, events, 0, records, self.results.append)


async def settle() -> None:
    """Let the tasks that read the log run; the memory engine never waits for anything else."""
    for _ in range(20):
        await asyncio.sleep(0)


def drain(subscription: Subscription) -> list[int | Gap]:
    """Offsets of the entries, and the gaps between them."""
    taken: list[int | Gap] = []
    while (item := subscription.next()) is not None:
        assert not isinstance(item, Portion)
        taken.append(item if isinstance(item, Gap) else item.offset)
    return taken


async def drain_all(subscription: Subscription) -> list[int | Gap]:
    taken: list[int | Gap] = []
    while True:
        await settle()
        step = drain(subscription)
        if not step and not subscription.catching_up:
            return taken
        taken += step


async def make_desk(
    engine: MemoryEngine | None = None, limits: HubLimits | None = None, permit: Callable[..., bool] = allow
) -> Desk:
    hub = Hub(engine or MemoryEngine(skip_records), limits, lambda: 1_700_000_000_000, permit=permit)
    await hub.start()
    return Desk(hub)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await make_desk()
    yield made
    await made.hub.close()
