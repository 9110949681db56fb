"""A device that emits numbered critical events and a tool that counts them, whatever stands between them."""

import asyncio
import random
from typing import Any, Self

import aiohttp

from flight_client import Client, Gap, Outcome
from tests.support.bench import Reader, component, doubled, hurry, numbers, subscribed
from tests.support.process import GatewayProcess
from tests.support.waiting import eventually, within

LIMIT_S = 60.0  # for hangs

Address = str | list[str]


class Traffic:
    """Both clients, and what came of the events; check() at the end says whether all came once and in order."""

    def __init__(self, address: Address, token: str, *transports: str, seed: int = 1, pace_s: float = 0.02) -> None:
        self.seed = seed
        self.gaps: list[Gap] = []
        self.got: list[int] = []
        self._pace_s = pace_s
        self._chance = random.Random(seed)
        self.device = hurry(Client(address, token=token, device_id="bench-1", transports=transports or None))
        self.tool = hurry(Client(address, token=token, device_id="tool", transports=transports or None))
        self.tool.on_gap(self.gaps.append)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await within(asyncio.gather(self.device.connect(), self.tool.connect()))
        reader = Reader(self.tool.events("component-update"))
        self._tasks = [asyncio.create_task(self._listen(reader))]
        await subscribed(self.tool)
        self._tasks.append(asyncio.create_task(self._emit()))
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.device.close()
        await self.tool.close()

    async def more(self, events: int) -> None:
        """Until so many more have come."""
        goal = len(self.got) + events
        await eventually(lambda: len(self.got) >= goal, f"traffic, {len(self.got)} came", LIMIT_S)

    async def check(self) -> int:
        """Stop emitting, wait for the rest. Fails when one is lost, doubled or out of order; how many there were."""
        self._tasks[-1].cancel()
        await asyncio.gather(self._tasks[-1], return_exceptions=True)
        assert await within(self.device.flush(), LIMIT_S)
        sent = self.device.counters().acked
        await eventually(lambda: len(self.got) >= sent, f"the last event, {len(self.got)} of {sent} came", LIMIT_S)
        assert not doubled(self.got), f"seed {self.seed}: came twice: {doubled(self.got)}"
        assert self.got == list(range(1, sent + 1)), f"seed {self.seed}: {len(self.got)} of {sent}, or out of order"
        assert not self.gaps, f"seed {self.seed}: {self.gaps}"
        assert self.device.counters().law_holds
        assert not self.device.dead_letters()
        return sent

    async def _listen(self, reader: Reader) -> None:
        async for event in reader.stream:
            self.got += numbers([event])

    async def _emit(self) -> None:
        channel = self.device.channel("component-events")
        number = 1
        while True:
            for _ in range(self._chance.randrange(1, 8)):
                if channel.emit(component(number), critical=True) is Outcome.QUEUED:
                    number += 1
            await asyncio.sleep(self._chance.random() * self._pace_s)


async def health(node: GatewayProcess) -> dict[str, Any]:
    """The node's own health page."""
    async with aiohttp.ClientSession() as http, http.get(node.address + "/health") as answer:
        found: dict[str, Any] = await answer.json()
        return found


def at(nodes: tuple[GatewayProcess, GatewayProcess], address: object) -> GatewayProcess:
    """The node with this address."""
    return next(node for node in nodes if node.address == str(address))
