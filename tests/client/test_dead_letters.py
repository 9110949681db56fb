"""What a client cannot deliver: refused, expired and closed events are dead letters, listed and replayed. Waiting for room."""

import asyncio
from typing import Any

import pytest

from flight_client import CallerError, Client, ComponentUpdate, DeadLetter, Log, Outcome
from flight_client.gateway.engines.base import Batch, OnResult, failed
from tests.support.bench import Bench, component, hurry, numbers
from tests.support.ports import free_port
from tests.support.waiting import eventually, within


class FullDisk:
    """The gateway's engine refuses critical batches while `full`."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = bench.gateway.hub.engine
        self.append = engine.append
        self.full = True
        self.refused = 0
        monkeypatch.setattr(engine, "append", self._append)

    def _append(self, batch: Batch, done: OnResult) -> None:
        if self.full and batch.counter:
            self.refused += 1
            done(failed("the disk is full"))
        else:
            self.append(batch, done)


async def test_a_batch_that_the_store_refuses_goes_again_in_order_without_a_new_session(
    bench: Bench, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1", transport)
    channel = device.channel("component-events", retries=1000, retry_interval_ms=20)
    other = device.channel("other", retries=1000, retry_interval_ms=20)
    disk = FullDisk(bench, monkeypatch)
    for i in range(5):
        channel.emit(component(i))
        other.emit(Log(str(i)), critical=True)
    await eventually(lambda: disk.refused >= 5, "five refusals")
    assert device.counters().acked == 0
    disk.full = False
    assert numbers(await reader.take(5)) == list(range(5))
    assert await within(device.flush())
    counters = device.counters()
    assert (counters.acked, counters.connections, counters.dead_letters) == (10, 1, 0)


async def test_after_its_retries_a_refused_event_is_a_dead_letter_that_can_be_replayed(
    bench: Bench, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1", transport)
    channel = device.channel("component-events", retries=2, retry_interval_ms=10)
    told: list[DeadLetter] = []
    device.on_dead_letter(told.append)
    disk = FullDisk(bench, monkeypatch)
    channel.emit(component(1))
    await eventually(lambda: bool(device.dead_letters()), "a dead letter")
    assert disk.refused == 3
    [letter] = device.dead_letters()
    assert told == [letter]
    assert (letter.channel, letter.cause, letter.code, letter.sent) == ("component-events", "refused", 16, False)
    assert letter.event == component(1)
    assert await within(device.flush())
    counters = device.counters()
    assert (counters.dropped["refused"], counters.dead_letters, counters.queued) == (1, 1, 0)
    disk.full = False
    channel.emit(component(2))
    assert device.replay() == 1
    assert device.dead_letters() == ()
    assert numbers(await reader.take(2)) == [2, 1]
    assert await within(device.flush())
    assert device.counters().acked == 2
    assert device.counters().law_holds


async def test_a_refused_event_between_others_leaves_the_others_alone(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1", transport, token=bench.token(roles=("publish",)))
    denied = device.channel("component-events")
    bench.gateway.hub._permit = lambda _identity, name, _mode: name != "component-events"
    for i in range(3):
        denied.emit(component(i))
        device.channel("own").emit(component(10 + i), critical=True)
    assert await within(device.flush())
    assert [letter.event for letter in device.dead_letters()] == [component(i) for i in range(3)]
    assert device.counters().acked == 3
    assert reader.stream.dropped == 0
    device.discard(*device.dead_letters())
    assert device.counters().dead_letters == 0


async def test_an_event_that_expires_while_nobody_answers_is_counted_and_a_letter_if_it_is_critical() -> None:
    client = hurry(Client(f"http://127.0.0.1:{free_port()}", token="t"))
    connecting = asyncio.ensure_future(client.connect())
    await asyncio.sleep(0)
    try:
        assert client.channel("log", expires_ms=1).emit(Log("lossy")) is Outcome.QUEUED
        assert client.channel("log").emit(Log("critical"), critical=True) is Outcome.QUEUED
        assert client.channel("log").emit(Log("stays"), critical=True, expires_ms=0) is Outcome.QUEUED
        await eventually(lambda: client.counters().dropped["expired"] == 2, "the expiry of two events")
        [letter] = client.dead_letters()
        assert (letter.cause, letter.event) == ("expired", Log("critical"))
        assert client.queued == 1
    finally:
        await within(client.close())
        await asyncio.gather(connecting, return_exceptions=True)
    assert [(letter.cause, letter.event) for letter in client.dead_letters()][1:] == [("closed", Log("stays"))]
    assert client.counters().law_holds


async def test_what_may_have_been_stored_says_so_and_is_replayed_only_by_name(bench: Bench) -> None:
    device = await bench.connected("bench-1")
    stored: list[Any] = []
    bench.gateway.hub.engine.append = lambda batch, done: stored.append(batch)  # type: ignore[method-assign]
    device.channel("log").emit(Log("who knows"), critical=True)
    await eventually(lambda: bool(stored), "the batch in the store")
    await within(device.close())
    [letter] = device.dead_letters()
    assert (letter.cause, letter.sent) == ("closed", True)
    assert device.replay() == 0
    assert device.replay(letter) == 0  # closed: it stays a letter
    assert device.dead_letters() == (letter,)
    for peer in bench.gateway.registry.peers():
        peer.discard(10)


async def test_put_waits_until_there_is_room(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1", transport, platform="dreamcast")
    channel = device.channel("component-events")

    async def produce(first: int) -> None:
        for i in range(first, first + 50):
            assert await channel.put(component(i)) is Outcome.QUEUED

    hurried = device._session.profile
    hurried.update_interval_ms = hurried.poll_floor_ms = 20
    await within(asyncio.gather(produce(0), produce(1000)))
    found = numbers(await reader.take(100))
    assert [number for number in found if number < 1000] == list(range(50))
    assert [number for number in found if number >= 1000] == list(range(1000, 1050))
    assert device.counters().refused_emits == {}


async def test_put_with_a_limit_gives_up_truthfully() -> None:
    client = Client("http://127.0.0.1:9", token="t", platform="dreamcast")
    channel = client.channel("log", policy="refuse")
    while channel.emit(Log("x")) is Outcome.QUEUED:
        pass
    assert await within(channel.put(Log("x"), timeout_s=0.01)) is Outcome.REFUSED_FULL
    assert client.counters().refused_emits == {"refused_full": 2}
    waiting = asyncio.ensure_future(channel.put(Log("x")))
    await asyncio.sleep(0)
    await within(client.close())
    assert await within(waiting) is Outcome.REFUSED_CLOSED


async def test_the_rules_of_a_channel_are_fixed_when_it_is_made(bench: Bench) -> None:
    client = bench.client("bench-1")
    channel = client.channel("log", policy="latest-wins", priority="high", expires_ms=500)
    assert client.channel("log") is channel
    assert client.channel("log", priority="high") is channel
    with pytest.raises(CallerError, match="other rules"):
        client.channel("log", priority="low")
    for bad in ({"policy": "newest"}, {"priority": "urgent"}, {"expires_ms": -1}):
        with pytest.raises(CallerError):
            client.channel("other", **bad)
    with pytest.raises(CallerError, match="out of range"):
        channel.emit(Log("x"), expires_ms=-1)
    assert channel.emit(ComponentUpdate("a", "a"), critical=False) is Outcome.QUEUED
    assert channel.emit(Log("1")) is Outcome.QUEUED
    assert channel.emit(Log("2")) is Outcome.REPLACED
    assert channel.emit(Log("3"), key=1) is Outcome.QUEUED
    assert client.counters().dropped["replaced"] == 1
    assert client.counters().law_holds
