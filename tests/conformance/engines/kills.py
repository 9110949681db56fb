"""A broker killed under load, again and again: what was acknowledged must be there once, for every gateway."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from flight_client.gateway.engines import AppendStatus, Batch, Entry, Source
from tests.conformance.engines.bench import LIFE, RECORD, Bench, batch
from tests.support.waiting import eventually, within

LIMIT_S = 100.0  # for hangs
_WINDOW = 16  # batches of a device on their way
_DEVICES = 4


class Server(Protocol):
    def start(self) -> None: ...
    def kill(self) -> None: ...


class Device:
    """Sends critical batches one behind the other, and again from the first one that was refused, cut anew."""

    def __init__(self, bench: Bench, number: int, draw: random.Random) -> None:
        self.source = Source(f"device-{number}", 3, b"short-%02d" % number)
        self.acked = 0
        self.refused = 0
        self.lossy = 0
        self.stopped = False
        self._bench = bench
        self._draw = draw

    async def run(self) -> None:
        while not self.stopped:
            results = await asyncio.gather(*[self._bench.later(one) for one in self._window()])
            refused = sum(result.status is AppendStatus.FAILED for result in results)
            self.acked = max([self.acked, *(one.mark for one in results if one.status is not AppendStatus.FAILED)])
            if refused:
                self.refused += refused
                await asyncio.sleep(0.02)

    def _window(self) -> list[Batch]:
        counter = self.acked + 1
        window = []
        for index in range(_WINDOW):
            events = self._draw.randint(1, 4)
            window.append(batch(counter, events, source=self.source, follows=counter - 1 if index else 0))
            counter += events
            if index % 5 == 0:
                self.lossy += 1
                unlike = batch(0, 1, channel="lossy", source=self.source)
                unlike.records = self.lossy.to_bytes(RECORD, "little")
                window.append(unlike)
        return window


class Outcome:
    """What a run came to."""

    def __init__(self) -> None:
        self.acked = self.lost = self.doubled = self.lossy_doubled = self.refused = 0
        self.recovery_s: list[float] = []

    def __str__(self) -> str:
        slowest = max(self.recovery_s, default=0.0)
        return (
            f"{len(self.recovery_s)} kills, {self.acked} critical events acknowledged, {self.lost} lost, {self.doubled} "
            f"doubled; {self.refused} batches refused; stored again at most {slowest:.2f} s after the start of the broker"
        )


async def kill_under_load(server: Server, url: str, kills: int, seed: int, between: int) -> Outcome:
    """Two gateways' engines on one broker: devices publish through the first, the second only listens."""
    draw = random.Random(seed)
    outcome = Outcome()
    async with opened(url) as publishing, opened(url) as listening:
        devices = [Device(publishing, number, draw) for number in range(_DEVICES)]
        tasks = [asyncio.create_task(device.run()) for device in devices]

        def acked() -> int:
            return sum(device.acked for device in devices)

        for _ in range(kills):
            target = acked() + draw.randint(between // 2, between)
            await eventually(lambda goal=target: acked() >= goal, "the load", LIMIT_S)  # type: ignore[misc]
            server.kill()
            await asyncio.sleep(draw.choice((0.0, 0.05, 0.3)))
            before = acked()
            started = time.monotonic()
            await asyncio.to_thread(server.start)
            await eventually(lambda known=before: acked() > known, "storing again", LIMIT_S)  # type: ignore[misc]
            outcome.recovery_s.append(time.monotonic() - started)
        for device in devices:
            device.stopped = True
        await within(asyncio.gather(*tasks), LIMIT_S)
        for bench in (publishing, listening):
            await eventually(lambda who=bench: _settled(who, devices), "the last event", LIMIT_S)  # type: ignore[misc]
            for device in devices:
                _count(outcome, bench.seen, device)
        for device in devices:
            assert (await publishing.engine.marks(device.source.device_id, LIFE)).mark >= device.acked
        read = await _whole_log(publishing)
        live = [entry.payload for entry in publishing.seen if entry.channel == "log"]
        assert read
        assert live[-len(read) :] == read, f"seed {seed}: history is not what was delivered"
    outcome.acked = acked()
    outcome.refused = sum(device.refused for device in devices)
    return outcome


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Bench]:
    bench = Bench(url)
    await bench.start()
    try:
        yield bench
    finally:
        await bench.engine.close()


def _counters(seen: list[Entry], device: Device) -> list[int]:
    mine = [entry for entry in seen if entry.source.device_id == device.source.device_id and entry.counter]
    return [entry.counter + index for entry in mine for index in range(entry.events)]


def _settled(bench: Bench, devices: list[Device]) -> bool:
    return all(max(_counters(bench.seen, device), default=0) >= device.acked for device in devices)


def _count(outcome: Outcome, seen: list[Entry], device: Device) -> None:
    counters = _counters(seen, device)
    outcome.doubled += len(counters) - len(set(counters))
    outcome.lost += len(set(range(1, device.acked + 1)) - set(counters))
    assert counters == sorted(counters), "the order of a device's events was changed"
    name = device.source.device_id
    lossy = [entry.records for entry in seen if entry.channel == "lossy" and entry.source.device_id == name]
    outcome.lossy_doubled += len(lossy) - len(set(lossy))


async def _whole_log(bench: Bench) -> list[bytes]:
    entries: list[Entry] = []
    while step := await bench.engine.read("log", entries[-1].offset if entries else 0, 500):
        entries += step
    assert [entry.previous for entry in entries[1:]] == [entry.offset for entry in entries[:-1]]
    return [entry.payload for entry in entries]
