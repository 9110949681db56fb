"""send(): a message of the guide's form goes as the event that it holds, by its own priority and retries."""

import asyncio
import time
from typing import Any

import pytest

from flight_client import (
    CallerError,
    EventError,
    Log,
    MemoryUpdate,
    MessageRouting,
    NotStoredError,
    Outcome,
    Payload,
    RealtimeMessage,
    RetryConfig,
    V6REvent,
)
from flight_client.gateway.engines.base import Batch, OnResult, failed
from tests.support.bench import Bench
from tests.support.waiting import within


def message(kind: str = "log", payload: str = '{"text": "hello"}', **other: Any) -> RealtimeMessage:
    """A message of a host, made now, that nobody acknowledges."""
    routing = MessageRouting(other.pop("ack", False), RetryConfig(*other.pop("retries", (3, 2000))))
    fields: dict[str, Any] = {"timestamp_ms": time.time_ns() // 1_000_000, "platform": "host", "priority": "normal"}
    fields.update(other)
    return RealtimeMessage(id="m-1", message_type=kind, payload=payload, routing=routing, **fields)


class Refusing:
    """The gateway's engine stores nothing critical, and counts how often it was asked."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        monkeypatch.setattr(bench.gateway.hub.engine, "append", self._append)

    def _append(self, batch: Batch, done: OnResult) -> None:
        self.asked += 1
        done(failed("the disk is full"))


async def test_an_acknowledged_message_is_stored_on_the_channel_of_its_type(bench: Bench, transport: str) -> None:
    client = await bench.connected("bench-1", transport)
    _, reader = await bench.tool("memory-update", "v6r-event")
    memory = message("memory-update", '{"total": {"bytes": 16777216}, "used": {"bytes": 8388608}}', ack=True)
    assert await within(client.send(memory)) is Outcome.STORED
    machine = '{"eventType": "vm-created", "resource": "vm-1", "organization": "acme", "metadata": {"size": "small"}}'
    assert await within(client.send(message("v6r-event", machine, ack=True))) is Outcome.STORED
    first, second = await reader.take(2)
    assert first.data == MemoryUpdate(total_bytes=16777216, used_bytes=8388608)
    assert second.data == V6REvent("vm-created", "vm-1", "acme", metadata={"size": "small"})
    assert (first.channel, second.channel) == ("memory-updates", "v6r-events")


async def test_a_critical_message_is_acknowledged_whatever_its_routing_says(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    assert await within(client.send(message(priority="critical"))) is Outcome.STORED
    assert client.counters().acked == 1


async def test_a_message_without_acknowledgement_is_as_critical_as_its_channel(bench: Bench) -> None:
    client = bench.client("bench-1")
    assert await client.send(message()) is Outcome.QUEUED
    component = '{"id": "renderer", "name": "renderer"}'
    assert await client.send(message("component-update", component)) is Outcome.QUEUED
    assert (client._outbox.lossy.count, client._outbox.critical.count) == (1, 1)


async def test_a_payload_goes_over_the_channel_that_is_named(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    _, reader = await bench.tool("payload", channels=["mail"])
    assert (
        await within(client.send(message("payload", '{"kind": 7, "data": "AAEC"}', ack=True), "mail")) is Outcome.STORED
    )
    [event] = await reader.take(1)
    assert event.data == Payload(7, b"\0\1\2")
    with pytest.raises(CallerError, match="channel is needed"):
        await client.send(message("payload", '{"kind": 7, "data": "AAEC"}'))


async def test_the_messages_retries_hold_instead_of_the_channels(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await bench.connected("bench-1")
    client.channel("log", retries=0)
    gateway = Refusing(bench, monkeypatch)
    with pytest.raises(NotStoredError) as caught:
        await within(client.send(message(ack=True, retries=(4, 1))))
    assert (caught.value.cause, gateway.asked) == ("refused", 5)
    with pytest.raises(NotStoredError):
        await within(client.send(message(ack=True, retries=(0, 1))))
    assert gateway.asked == 6


async def test_an_urgent_message_passes_the_waiting_ones_of_other_channels_and_none_of_its_own(bench: Bench) -> None:
    _, reader = await bench.tool("log", channels=["a", "b", "c"])
    client = bench.client("bench-1")
    for name, priority in (("a", "low"), ("b", "high"), ("b", "low"), ("c", "normal")):
        text = f'{{"text": "{name} {priority}"}}'
        assert await client.send(message(payload=text, priority=priority), name) is Outcome.QUEUED
    await within(client.connect())
    heard = [event.data for event in await reader.take(4)]
    assert heard == [Log("b high"), Log("c normal"), Log("a low"), Log("b low")]


async def test_the_age_of_a_hosts_message_is_told_and_a_consoles_clock_is_not_asked(bench: Bench) -> None:
    _, reader = await bench.tool("log")
    now_ms = time.time_ns() // 1_000_000
    host = await bench.connected("bench-1")
    await within(host.send(message(ack=True, timestamp_ms=now_ms - 60_000)))
    [event] = await reader.take(1)
    assert event.age_ms is not None
    assert 60_000 <= event.age_ms < 120_000
    dated = f'{{"text": "dated", "timestamp": {now_ms - 30_000}}}'
    await within(host.send(message(payload=dated, ack=True, timestamp_ms=now_ms - 60_000)))
    [event] = await reader.take(1)
    assert event.age_ms is not None
    assert 30_000 <= event.age_ms < 60_000
    console = await bench.connected("bench-2", platform="psp")
    assert await within(console.send(message(platform="psp", timestamp_ms=1, ack=True))) is Outcome.STORED
    [event] = await reader.take(1)
    assert event.age_ms is not None
    assert event.age_ms < 30_000


async def test_a_message_that_waits_for_room_grows_older_meanwhile(bench: Bench) -> None:
    client = bench.client("bench-1")
    channel = client.channel("log")
    while channel.emit(Log("x" * 400), critical=True).accepted:
        pass
    made_ms = time.time_ns() // 1_000_000 - 60_000
    sending = asyncio.create_task(client.send(message(ack=True, timestamp_ms=made_ms)))
    with pytest.raises(NotStoredError) as caught:
        await client.send(message(ack=True), timeout_s=0.001)
    assert caught.value.cause == "full"
    await within(client.connect())
    assert await within(sending) is Outcome.STORED
    history = await within(client.channel("log").history(1))
    assert history[0].age_ms is not None
    assert history[0].age_ms >= 60_000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "save-game"}, "message_type is no type of event"),
        ({"kind": ""}, "message_type is missing"),
        ({"payload": "{"}, "payload is not JSON"),
        ({"payload": "[1]"}, "payload is no JSON object"),
        ({"payload": '{"text": 5}'}, "text"),
        ({"payload": '{"words": "x"}'}, "words is not a field of log"),
        ({"payload": '{"text": "x", "timestamp": "now"}'}, "timestamp is not a time"),
        ({"payload": '{"text": "' + "x" * 60_000 + '"}'}, "the limit of host"),
        ({"kind": "memory-update", "payload": '{"total": 5, "used": 4}'}, "total is not an object"),
        ({"platform": "vita"}, "platform is not the one of this client"),
        ({"platform": "amiga"}, "platform is not the one of this client"),
        ({"timestamp_ms": 0}, "timestamp_ms is missing"),
        ({"timestamp_ms": 1}, "ms old"),
        ({"timestamp_ms": 1 << 52}, "ahead of our clock"),
    ],
)
async def test_a_message_that_cannot_go_is_the_callers_mistake_and_nothing_is_queued(
    bench: Bench, wrong: dict[str, Any], said: str
) -> None:
    client = bench.client("bench-1")
    with pytest.raises(CallerError, match=said) as caught:
        await client.send(message(**{"ack": True, **wrong}))
    assert caught.value.fault == "caller"
    assert caught.value.next_step
    assert client.queued == 0


async def test_a_value_that_the_wire_cannot_carry_is_an_event_error(bench: Bench) -> None:
    client = bench.client("bench-1")
    negative = '{"total": {"bytes": -1}, "used": {"bytes": 1}}'
    with pytest.raises(EventError, match="total"):
        await client.send(message("memory-update", negative))
