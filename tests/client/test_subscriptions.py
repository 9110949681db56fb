"""Streams of one client that share channels: history for whoever asks, and channels that are left when nobody listens."""

from flight_client import Client, Log
from tests.support.bench import Bench, Reader, component, numbers, subscribed
from tests.support.waiting import eventually, within


def subscriptions(bench: Bench, client: Client) -> int:
    """How many subscriptions the gateway has for a client."""
    [peer] = [peer for peer in bench.gateway.registry.peers() if peer.source.device_id == client.device_id]
    return sum(channel.subscription is not None for channel in peer._channels.values())


async def test_a_second_stream_gets_its_history_on_a_channel_that_the_client_follows_already(
    bench: Bench, transport: str
) -> None:
    tool, first = await bench.tool("component-update", transports=(transport,))
    device = await bench.connected("bench-1")
    for i in range(5):
        device.channel("component-events").emit(component(i))
        assert await within(device.flush())
    assert numbers(await first.take(5)) == list(range(5))
    second = Reader(tool.events("component-update", history=3))
    third = Reader(tool.events("component-update", history=2))
    fourth = Reader(tool.events("component-update"))
    assert numbers(await second.take(3)) == [2, 3, 4]
    assert numbers(await third.take(2)) == [3, 4]
    device.channel("component-events").emit(component(5))
    for reader in (first, second, third, fourth):
        assert numbers(await reader.take(1)) == [5]
    assert subscriptions(bench, tool) == 3


async def test_a_channel_is_left_when_its_last_stream_is_closed(bench: Bench, transport: str) -> None:
    tool, first = await bench.tool("component-update", transports=(transport,))
    second = Reader(tool.events("component-update"))
    device = await bench.connected("bench-1")
    first.stream.close()
    device.channel("component-events").emit(component(1))
    assert numbers(await second.take(1)) == [1]
    assert subscriptions(bench, tool) == 1
    second.stream.close()
    second.stream.close()  # twice is once
    await eventually(lambda: subscriptions(bench, tool) == 0, "the end of the subscription")
    await subscribed(tool)
    delivered = tool.counters().delivered
    device.channel("component-events").emit(component(2))
    assert await within(device.flush())
    third = Reader(tool.events("component-update"))
    await subscribed(tool)
    device.channel("component-events").emit(component(3))
    assert numbers(await third.take(1)) == [3]
    assert tool.counters().delivered == delivered + 1


async def test_a_channel_that_is_left_is_still_published_to(bench: Bench, transport: str) -> None:
    tool, reader = await bench.tool("log", transports=(transport,))
    tool.channel("log").emit(Log("1"), critical=True)
    await reader.take(1)
    reader.stream.close()
    tool.channel("log").emit(Log("2"), critical=True)
    assert await within(tool.flush())
    assert (tool.counters().acked, tool.counters().dropped["refused"]) == (2, 0)
    assert subscriptions(bench, tool) == 0
    again = Reader(tool.events("log"))
    await subscribed(tool)
    tool.channel("log").emit(Log("3"), critical=True)
    assert [event.data for event in await again.take(1)] == [Log("3")]


async def test_a_client_may_open_and_close_streams_for_ever(bench: Bench) -> None:
    tool = await bench.connected("tool", platform="vita")
    for i in range(100):  # more than the channels that a device may have
        stream = tool.events(channels=["a", "b"], history=i % 2)
        if i % 3:
            await subscribed(tool)
        stream.close()
        await subscribed(tool)
    await eventually(lambda: subscriptions(bench, tool) == 0, "the end of every subscription")
    assert len(tool._session.channels.items) <= 4
