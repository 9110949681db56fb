"""Short words for what the engine tests do."""

import asyncio

from flight_client.gateway.engines import AppendResult, Batch, Engine, EngineLimits, Entry, Source, open_engine

RECORD = 8  # bytes of each record in these tests; the engine only ever cuts with the function it was given
LIFE = b"\1" * 8
BENCH = Source("bench-1", 3, b"short-01")


def skip_records(data: bytes, start: int, end: int, events: int) -> int:
    return start + RECORD * events


def records(first: int, events: int) -> bytes:
    return b"".join((first + index).to_bytes(RECORD, "little") for index in range(events))


def batch(
    counter: int = 0,
    events: int = 1,
    *,
    channel: str = "log",
    source: Source = BENCH,
    incarnation: bytes = LIFE,
    follows: int = 0,
    held: int = 0,
    received_ms: int = 1_700_000_000_000,
) -> Batch:
    body = records(counter, events)
    return Batch(channel, source, incarnation, counter, events, held, received_ms, body, follows)


class Bench:
    """One engine that a test may stop and start again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.durable = url != "memory:"
        self.dense = not url.startswith("amqp")  # offsets are 1, 2, 3 ...; else they only rise
        self.seen: list[Entry] = []
        self.engine: Engine

    def at(self, number: int, channel: str = "log") -> int:
        """Offset of the channel's entry of that number, from 1; 0 for 0, which is before all of them."""
        offsets = [0, *(entry.offset for entry in self.seen if entry.channel == channel)]
        return offsets[number]

    async def start(self, limits: EngineLimits | None = None) -> Engine:
        self.engine = open_engine(self.url, skip_records, limits)
        await self.engine.start(self.seen.append)
        return self.engine

    async def restart(self, limits: EngineLimits | None = None) -> Engine:
        await self.engine.close()
        return await self.start(limits)

    def later(self, what: Batch) -> "asyncio.Future[AppendResult]":
        result: asyncio.Future[AppendResult] = asyncio.get_running_loop().create_future()
        self.engine.append(what, result.set_result)
        return result

    async def append(self, what: Batch) -> AppendResult:
        return await self.later(what)


async def offsets(bench: Bench, channel: str = "log", after: int = 0, limit: int = 1000) -> list[int]:
    """Of what a log gives behind an offset."""
    return [entry.offset for entry in await bench.engine.read(channel, after, limit)]
