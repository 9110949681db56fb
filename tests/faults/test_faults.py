"""Real sockets: client -> fault proxy -> gateway with its durable engine. Nothing critical may be lost or doubled.

FLIGHT_FAULT_RUNS=200 is what `make soak` sets; FLIGHT_FAULT_FIRST=17 with FLIGHT_FAULT_RUNS=1 repeats one seed.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from flight_client import Client, Log
from flight_client.gateway import registry
from flight_client.transports import Address, TransportOptions, factory
from tests.faults.proxy import FaultProxy, seeded
from tests.support.bench import Bench, Reader, component, hurry, numbers, subscribed
from tests.support.figures import Figure
from tests.support.waiting import within

RUNS = int(os.environ.get("FLIGHT_FAULT_RUNS", "20"))
FIRST = int(os.environ.get("FLIGHT_FAULT_FIRST", "1"))
TOGETHER = 20
UP, DOWN = 120, 40
BAD_CONNECTIONS = 4
HANG_S = 30.0
HEARTBEAT_MS = 500  # so that a half-open connection is found within a second
ALL_FAULTS = {"close", "reset", "half-open", "stall", "delay", "rate"}
TRANSPORTS = [
    ("tcp",),
    ("websocket",),
    ("polling",),
    ("polling", "long"),
    ("tcp", "websocket", "polling"),
    ("websocket", "polling"),
]


class Run:
    """One device behind its own bad network."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        plan = seeded(seed, BAD_CONNECTIONS)
        self.http = FaultProxy(bench.settings.port, plan)
        self.tcp = FaultProxy(bench.gateway.tcp_port, plan)
        self.bench = bench
        *names, last = TRANSPORTS[seed % len(TRANSPORTS)]
        self.transports = [*names, last] if last != "long" else names
        self.long = last == "long"

    async def go(self) -> Counter[str]:
        """The whole run; faults by kind."""
        await self.http.start()
        await self.tcp.start()
        tool, at_tool = await self.bench.tool(
            "component-update", device_id=f"tool-{self.seed}", channels=[f"up-{self.seed}"]
        )
        device = self._device()
        try:
            await within(device.connect(), HANG_S)
            at_device = Reader(device.events("component-update", channels=[f"down-{self.seed}"]))
            await within(subscribed(device), HANG_S)
            await asyncio.gather(self._send(device, f"up-{self.seed}", UP), self._send(tool, f"down-{self.seed}", DOWN))
            assert await device.flush(HANG_S), f"seed {self.seed}: not everything was stored: {device.counters()}"
            assert await tool.flush(HANG_S)
            up = numbers(await at_tool.take(UP, HANG_S))
            down = numbers(await at_device.take(DOWN, HANG_S))
            assert up == list(range(UP)), f"seed {self.seed}: lost, doubled or out of order on the way up: {up}"
            assert down == list(range(DOWN)), f"seed {self.seed}: lost, doubled or out of order on the way down: {down}"
            assert device.counters().law_holds, f"seed {self.seed}: {device.counters()}"
            assert device.counters().acked == UP
        finally:
            await within(device.close())
            await within(tool.close())
            await self.http.stop()
            await self.tcp.stop()
        return self.http.counts + self.tcp.counts

    def _device(self) -> Client:
        address = Address("127.0.0.1", self.http.port, False, tcp_port=self.tcp.port)
        options = TransportOptions(hold_ms=1000) if self.long else TransportOptions()
        device = hurry(
            self.bench.client(
                f"device-{self.seed}",
                *self.transports,
                address=address,
                transport_factories={"polling": factory("polling", options)},
            )
        )
        device._session.profile.connect_timeout_ms = 2000
        device._session.profile.update_interval_ms = 100
        return device

    async def _send(self, client: Client, channel: str, count: int) -> None:
        """Critical events with numbers, lossy ones between them; waits while the queue is full."""
        for number in range(count):
            while not client.channel(channel).emit(component(number), critical=True).accepted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if self.chance.random() < 0.2:
                client.channel(channel).emit(Log("between"))
            if self.chance.random() < 0.1:
                await asyncio.sleep(self.chance.uniform(0, 0.05))


@pytest.mark.timeout(60 + RUNS * 15)
async def test_nothing_critical_is_lost_or_doubled_behind_a_bad_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    profile = {**registry._PROFILES["host"], "heartbeat_ms": HEARTBEAT_MS}
    monkeypatch.setitem(registry._PROFILES, "host", profile)
    faults: Counter[str] = Counter()
    seeds = list(range(FIRST, FIRST + RUNS))
    for at in range(0, RUNS, TOGETHER):  # a gateway each: one has room for 256 channels
        bench = Bench(tmp_path, f"sqlite:{tmp_path / f'log-{at}.sqlite'}")
        await bench.start()
        for happened in await asyncio.gather(*(Run(bench, seed).go() for seed in seeds[at : at + TOGETHER])):
            faults += happened
        await bench.stop()
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))
    figure(f"faults: seeds {seeds[0]} to {seeds[-1]}, {RUNS * (UP + DOWN)} critical events, {told}")
    if RUNS >= 20:
        assert set(faults) == ALL_FAULTS, f"a kind of fault never happened: {told}"
