"""Two gateways as processes on one broker: the device at one, the listener at the other, and each is killed in turn."""

import asyncio
import itertools
import random
from collections.abc import Callable
from pathlib import Path

from flight_client import Client, Gap, Outcome
from tests.support.bench import Reader, component, doubled, hurry, numbers, subscribed
from tests.support.process import GatewayProcess
from tests.support.waiting import eventually, within

_LIMIT_S = 60.0  # for hangs


def spread(first: GatewayProcess, second: GatewayProcess) -> Callable[[], str]:
    """Addresses for a client that begins at the first and goes to the other one at each new attempt."""
    turns = itertools.cycle((first.address, second.address))
    return lambda: next(turns)


async def kill_nodes_in_turn(url: str, folder: Path, seed: int, kills: int, *, listed: bool = False) -> str:
    """Fails when something critical is lost, doubled or out of order; returns what happened.

    listed: the clients have the list of both nodes, and the one that is killed is always the device's.
    """
    chance = random.Random(seed)
    nodes = [GatewayProcess(folder, url) for _ in range(2)]  # one folder: they share the key
    gaps: list[Gap] = []
    got: list[int] = []
    try:
        await asyncio.gather(*[node.start_beside() for node in nodes])
        token = nodes[0].token()
        both = [node.address for node in nodes]
        device = hurry(Client(both if listed else spread(nodes[0], nodes[1]), token=token, device_id="bench-1"))
        tool = hurry(Client(",".join(both) if listed else spread(nodes[1], nodes[0]), token=token, device_id="tool"))
        tool.on_gap(gaps.append)
        async with tool, device:
            listening = asyncio.create_task(_listen(Reader(tool.events("component-update")), got))
            await subscribed(tool)
            assert listed or str(device.address) != str(tool.address)
            sending = asyncio.create_task(_emit(device, chance))
            for number in range(kills):
                goal = len(got) + chance.randrange(100, 300)
                await eventually(lambda goal=goal: len(got) >= goal, "traffic", _LIMIT_S)  # type: ignore[misc]
                here = str(device.address)
                node = nodes[both.index(here) if listed else number % 2]
                node.kill()
                more = len(got) + 50
                await eventually(lambda more=more: len(got) >= more, "traffic over the other node", _LIMIT_S)  # type: ignore[misc]
                assert not listed or here not in (str(device.address), str(tool.address)), "nobody is left there"
                if number + 1 < kills:
                    await node.start_beside()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            assert await within(device.flush(), _LIMIT_S)
            sent = device.counters().acked
            await eventually(lambda: len(got) >= sent, "the last event", _LIMIT_S)
            assert device.counters().law_holds
            assert not device.dead_letters()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    finally:
        for node in nodes:
            node.kill()
    assert not doubled(got), f"seed {seed}: came twice: {doubled(got)}"
    assert got == list(range(1, sent + 1)), f"seed {seed}: {len(got)} of {sent}, or out of order"
    assert not gaps, f"seed {seed}: {gaps}"
    return f"{kills} nodes killed, {sent} critical events acknowledged, 0 lost, 0 doubled"


async def _listen(reader: Reader, got: list[int]) -> None:
    async for event in reader.stream:
        got += numbers([event])


async def _emit(device: Client, chance: random.Random) -> None:
    channel = device.channel("component-events")
    number = 1
    while True:
        for _ in range(chance.randrange(1, 8)):
            if channel.emit(component(number), critical=True) is Outcome.QUEUED:
                number += 1
        await asyncio.sleep(chance.random() * 0.02)
