"""Every transport between a client and a real gateway: the same promises on each."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client import ConnectionState, EventError, Outcome, Payload, RefusedError
from flight_client.gateway.auth import SigningKey
from tests.conformance.transports.routes import ROUTES, Route, route
from tests.support.bench import Bench, Reader, component, hurry, numbers, subscribed
from tests.support.waiting import eventually, within


@pytest.fixture(params=ROUTES, name="way")
async def _way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Route]:
    bench = Bench(tmp_path)
    await bench.start()
    async with route(request.param, bench) as made:
        yield made
    await bench.stop()


async def test_critical_events_go_both_ways_once_and_in_order(way: Route) -> None:
    tool, at_tool = await way.bench.tool("component-update")
    device = way.client("device")
    await within(device.connect())
    assert device.transport == way.transport
    at_device = Reader(device.events("component-update", channels=["down"]))
    await subscribed(device)
    for number in range(100):
        sent = device.channel("component-events").emit(component(number), critical=True)
        back = tool.channel("down").emit(component(number), critical=True)
        assert sent.accepted
        assert back.accepted
        if number % 5 == 4:  # a larger batch of the tool would not fit a frame of the line, and be told as a gap
            assert await tool.flush(10)
        if number % 20 == 19:
            assert await device.flush(10)
    assert numbers(await at_tool.take(100)) == list(range(100))
    assert numbers(await at_device.take(100)) == list(range(100))
    assert device.counters().duplicates == 0


async def test_the_largest_event_of_the_platform_goes_both_ways(way: Route) -> None:
    tool, at_tool = await way.bench.tool("payload", channels=["up"])
    device = way.client("device")
    await within(device.connect())
    at_device = Reader(device.events("payload", channels=["down"]))
    await subscribed(device)
    limit = device.platform.message_bytes  # of a whole body; 8 bytes of it are kind and length, with padding
    largest = Payload(7, bytes(limit - 8))
    with contextlib.suppress(EventError):  # of the largest platforms the layout itself ends there
        assert device.channel("up").emit(Payload(7, bytes(limit - 3)), critical=True) is Outcome.REFUSED_TOO_LARGE
    assert device.channel("up").emit(largest, critical=True).accepted
    assert tool.channel("down").emit(largest, critical=True).accepted
    [up] = await at_tool.take(1)
    [down] = await at_device.take(1)
    assert up.data == down.data == largest


async def test_a_refusal_is_told_as_one_and_stops_the_client(way: Route) -> None:
    stranger = SigningKey(way.bench.gateway.key.key_id, os.urandom(32))
    client = way.client("device", token=way.bench.token(key=stranger))
    with pytest.raises(RefusedError) as caught:
        await within(client.connect())
    assert (caught.value.name, caught.value.fatal) == ("credential", True)
    assert client.state is ConnectionState.FAILED


async def test_a_session_outlives_its_connections(way: Route) -> None:
    _, at_tool = await way.bench.tool("component-update")
    device = hurry(way.client("device"))
    await within(device.connect())
    for number in range(60):
        assert device.channel("component-events").emit(component(number), critical=True).accepted
        if number % 20 == 10:
            seen = device.counters().connections
            assert device._driver._transport is not None
            await device._driver._transport.close()
            await eventually(lambda seen=seen: device.counters().connections > seen, "another connection")  # type: ignore[misc]
    assert await device.flush(20)
    assert numbers(await at_tool.take(60)) == list(range(60))
    assert len({peer.source.device_id for peer in way.bench.gateway.registry.peers()}) == 2


async def test_a_goodbye_ends_the_session_in_the_gateway(way: Route) -> None:
    device = way.client("device")
    await within(device.connect())
    assert device.channel("log").emit(component(1), critical=True).accepted
    await within(device.close())
    assert device.counters().acked == 1
    await eventually(lambda: len(way.bench.gateway.registry) == 0, "the end of the session")


async def test_a_gateway_that_comes_back_is_found_again(way: Route) -> None:
    if way.transport == "memory":
        return  # its listener ends with the gateway: there is nobody to come back
    device = hurry(way.client("device"))
    await within(device.connect())
    await way.bench.restart()
    assert device.channel("component-events").emit(component(1), critical=True).accepted
    assert await device.flush(20)
