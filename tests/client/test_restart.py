"""The gateway dies or a network turns WebSockets away: nothing critical is lost or doubled, the rest is accounted for."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client import Client, ConnectionState, Gap, Log, Outcome, RefusedError
from flight_client.gateway.auth import SigningKey, make_token
from flight_client.session.device import policy
from flight_client.streams import RealtimeEvent
from tests.faults.proxy import FaultProxy
from tests.support.bench import Bench, Reader, component, doubled, hurry, numbers, subscribed
from tests.support.process import GatewayProcess
from tests.support.waiting import eventually, within


class Device:
    """Emits numbered critical and lossy events as fast as its queues allow, with pauses that the seed chooses."""

    def __init__(self, client: Client, chance: random.Random) -> None:
        self.client = client
        self.critical = 0
        self.lossy = 0
        self._chance = chance
        self._task = asyncio.create_task(self._emit())

    async def _emit(self) -> None:
        components, logs = self.client.channel("component-events"), self.client.channel("log")
        while True:
            for _ in range(self._chance.randrange(1, 6)):
                if components.emit(component(self.critical + 1)) is Outcome.QUEUED:
                    self.critical += 1
                if logs.emit(Log(str(self.lossy + 1))) is Outcome.QUEUED:
                    self.lossy += 1
            assert self.client.counters().law_holds, self.client.counters()
            await asyncio.sleep(self._chance.random() * 0.02)

    async def finish(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        assert self._task.cancelled(), self._task
        assert await within(self.client.flush(), 60)


class Listener:
    """Everything that a host tool receives, by device."""

    def __init__(self, reader: Reader) -> None:
        self.events: list[RealtimeEvent] = []
        self._task = asyncio.create_task(self._listen(reader))

    async def _listen(self, reader: Reader) -> None:
        async for event in reader.stream:
            self.events.append(event)

    def critical(self, device_id: str) -> list[int]:
        return numbers([event for event in self.events if event.source.device_id == device_id])

    def lossy(self, device_id: str) -> list[int]:
        events = [event.data for event in self.events if event.source.device_id == device_id]
        return [int(data.text) for data in events if isinstance(data, Log)]


def assert_nothing_critical_is_lost_or_doubled(device: Device, listener: Listener) -> None:
    name = device.client.device_id
    got = listener.critical(name)
    assert not doubled(got), f"{name}: came twice: {doubled(got)}"
    assert got == list(range(1, device.critical + 1)), f"{name}: {len(got)} of {device.critical}, or out of order"
    lossy = listener.lossy(name)
    counters = device.client.counters()
    assert lossy == sorted(set(lossy)), f"{name}: lossy events doubled or out of order"
    assert counters.law_holds, counters
    assert counters.acked == device.critical
    assert counters.settled - counters.acked == len(lossy), f"{name}: lossy events not accounted for: {counters}"


async def all_arrived(devices: list[Device], listener: Listener) -> None:
    def complete() -> bool:
        for device in devices:
            counters = device.client.counters()
            name = device.client.device_id
            if len(listener.critical(name)) < device.critical:
                return False
            if len(listener.lossy(name)) < counters.settled - counters.acked:
                return False
        return True

    try:
        await eventually(complete)
    except AssertionError:
        return  # the comparison that follows says what is missing


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway with sqlite in a process of its own; not started."""
    made = GatewayProcess(tmp_path, f"sqlite:{tmp_path / 'log.sqlite'}")
    yield made
    made.kill()


# Two kills for each seed; FLIGHT_GATEWAY_KILLS=20 (make soak) makes them more.
SEEDS = range(1, int(os.environ.get("FLIGHT_GATEWAY_KILLS", "6")) // 2 + 1)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_killed_gateway_loses_and_doubles_nothing_critical(process: GatewayProcess, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    await process.start_beside()
    tool = hurry(Client(process.address, token=process.token(), device_id="tool"))
    clients = [
        hurry(Client(process.address, token=process.token(), device_id=f"by-{name}", transports=[name]))
        for name in ("websocket", "polling")
    ]
    gaps: list[Gap] = []
    tool.on_gap(gaps.append)
    async with tool:
        listener = Listener(Reader(tool.events("component-update", "log")))
        await subscribed(tool)
        for client in clients:
            await within(client.connect())
        devices = [Device(client, chance) for client in clients]
        for kills in (1, 2):
            goal = len(listener.events) + chance.randrange(50, 200)
            await eventually(lambda goal=goal: len(listener.events) >= goal, "traffic")  # type: ignore[misc]
            process.kill()
            await process.start_beside()
            for client in (tool, *clients):
                await eventually(lambda: client.counters().reconnects >= kills, "every client is back")  # noqa: B023
        for device in devices:
            await device.finish()
        await all_arrived(devices, listener)
        for device in devices:
            assert_nothing_critical_is_lost_or_doubled(device, listener)
            await within(device.client.close())
        assert not gaps


async def test_a_gateway_that_lost_its_log_tells_a_gap_with_the_new_epoch(bench: Bench) -> None:
    tool, reader = await bench.tool("component-update")
    hurry(tool)
    gaps: list[Gap] = []
    tool.on_gap(gaps.append)
    device = hurry(await bench.connected("bench-1"))
    device.channel("component-events").emit(component(1))
    assert numbers(await reader.take(1)) == [1]
    old_epoch = tool.epoch
    await bench.restart()
    device.channel("component-events").emit(component(2))
    assert numbers(await reader.take(1)) == [2]
    assert [(gap.channel, gap.reason, gap.epoch) for gap in gaps] == [("component-events", "epoch", tool.epoch)]
    assert tool.epoch != old_epoch
    assert tool.epoch == bench.gateway.hub.epoch.hex()
    assert await within(device.flush())
    assert device.counters().law_holds


async def test_a_gateway_with_another_key_refuses_at_the_return(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    await first.start()
    client = hurry(await first.connected("bench-1"))
    client.channel("log").emit(Log("queued for ever"), critical=True)
    await within(first.gateway.stop())
    (tmp_path / "development-key.json").unlink()
    await first.start()
    await eventually(lambda: client.state is ConnectionState.FAILED)
    with pytest.raises(RefusedError, match="token"):
        await within(client.flush())
    await first.stop()


async def test_a_token_of_another_key_with_the_same_name_is_refused(bench: Bench) -> None:
    key = SigningKey(bench.gateway.key.key_id, os.urandom(32), True)
    client = bench.client("bench-1", token=make_token(key, "*", ["publish"], 60))
    with pytest.raises(RefusedError):
        await within(client.connect())


async def test_a_gateway_that_is_away_when_a_client_starts_is_found_when_it_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    token = bench.token()
    await within(bench.gateway.stop())
    client = hurry(bench.client("early", token=token))
    connecting = asyncio.create_task(client.connect())
    await eventually(lambda: client.last_error is not None)
    await bench.start()
    await within(connecting)
    await bench.stop()


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_network_without_websockets_means_polling_until_they_are_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    print(f"seed {seed}")
    for name in ("PROBE_FIRST_MS", "PROBE_BASE_MS"):
        monkeypatch.setattr(policy, name, 150)
    proxy = FaultProxy(bench.settings.port)
    await proxy.start()
    tool, reader = await bench.tool("component-update", "log")
    client = hurry(bench.client("vita-1", "websocket", "polling", address=proxy.address))
    client._session.profile.max_retries = 1
    client._session.profile.update_interval_ms = 100
    changes: list[str] = []
    client.on_state(lambda change: changes.append(change.transport))
    await within(client.connect())
    assert client.transport == "websocket"
    device, listener = Device(client, random.Random(seed)), Listener(reader)
    for _ in range(2):
        switches = client.counters().transport_switches
        proxy.block()
        await eventually(lambda: client.transport == "polling" and client.state is ConnectionState.CONNECTED, "polling")
        goal = device.critical + 20
        await eventually(lambda goal=goal: len(listener.critical("vita-1")) >= goal, "events by polling")  # type: ignore[misc]
        await eventually(lambda: proxy.turned_away >= 2, "a probe")
        proxy.blocked = False
        await eventually(
            lambda: client.transport == "websocket" and client.state is ConnectionState.CONNECTED, "return"
        )
        assert client.counters().transport_switches == switches + 2
    await device.finish()
    await all_arrived([device], listener)
    assert_nothing_critical_is_lost_or_doubled(device, listener)
    assert changes[0] == "websocket"
    assert {"websocket", "polling"} == set(changes)
    await within(client.close())
    await proxy.stop()
    await within(tool.close())
