"""Emitting often: an emitter that is bound once, and many events in one call."""

import pytest

from flight_client import (
    CallerError,
    Client,
    ComponentUpdate,
    EventError,
    FrameTime,
    Log,
    MemoryUpdate,
    Outcome,
    PressureLevel,
)
from tests.support.bench import Bench, component, numbers
from tests.support.waiting import within

CHANNEL = "component-events"


async def test_a_bound_emitter_takes_the_fields_and_answers_as_emit_does(bench: Bench) -> None:
    tool, reader = await bench.tool(channels=["frame-time", "memory-updates"])
    emit = tool.channel("frame-time").emitter(FrameTime, critical=True)
    assert emit(1, 2, 3, 4).accepted
    assert emit(5, 6, 7, count=8, over_budget=9).accepted
    assert [event.data for event in await reader.take(2)] == [FrameTime(1, 2, 3, 4), FrameTime(5, 6, 7, 8, 9)]
    report = tool.channel("memory-updates").emitter(MemoryUpdate)
    assert report(total_bytes=100, used_bytes=95).accepted
    assert tool.pressure.level is PressureLevel.PRESSURE  # as emit() tells it
    with pytest.raises(CallerError, match="not the fields of FrameTime"):
        emit(1)
    with pytest.raises(EventError, match="minimum_us"):
        emit(-1, 2, 3, 4)
    await within(tool.close())
    assert emit(1, 2, 3, 4) is Outcome.REFUSED_CLOSED


async def test_many_events_go_in_one_call_and_in_order_or_not_at_all(bench: Bench) -> None:
    tool, reader = await bench.tool("component-update")
    channel = tool.channel(CHANNEL)
    with pytest.raises(EventError):
        channel.emit_many([component(0), ComponentUpdate(id="x", name="x" * 1000)])
    assert tool.counters().accepted == 0
    outcomes = channel.emit_many(component(number) for number in range(50))
    assert set(outcomes) == {Outcome.QUEUED}
    assert numbers(await reader.take(50)) == list(range(50))


def test_an_emitter_obeys_the_policy_and_the_key_of_its_channel() -> None:
    client = Client("http://127.0.0.1:9", token="t", device_id="bench-1")
    channel = client.channel("pose", policy="latest-wins")
    emit = channel.emitter(Log, key="camera")
    assert emit("one") is Outcome.QUEUED
    assert emit("two") is Outcome.REPLACED
    assert channel.emit(Log("three"), key="player") is Outcome.QUEUED
    assert channel.emitter(Log)("four") is Outcome.QUEUED
    assert channel.emit(Log("five")) is Outcome.REPLACED  # without a key the type is what it is about
