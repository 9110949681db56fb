"""The gateway in memory: the real one, without sockets, in fake time."""

import asyncio
import random

import pytest

from flight_client import CallerError, Client, ConnectionState, LinkError, Log, Outcome, RefusedError
from flight_client.testing import FakeClock, MemoryGateway, Reader, eventually, frames_of, of_kind
from tests.support.bench import component, numbers, subscribed


@pytest.fixture
def clock(flight_clock: FakeClock) -> FakeClock:
    return flight_clock


@pytest.mark.parametrize("transport", ["tcp", "websocket", "polling"])
def test_events_go_from_one_client_to_the_other_over_every_transport(clock: FakeClock, transport: str) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            tool = await gateway.connected("tool", transports=[transport])
            reader = Reader(tool.events("component-update"))
            await subscribed(tool)
            device = await gateway.connected("device", platform="vita", transports=[transport])
            assert device.transport == transport
            for number in range(50):
                assert device.channel("component-events").emit(component(number)).accepted
            assert numbers(await reader.take(50)) == list(range(50))
            assert await device.flush(60)
            assert numbers(await gateway.stored("component-events")) == list(range(50))
        assert device.state is ConnectionState.CLOSED
        assert device.counters().law_holds

    clock.run(story())


def test_nothing_is_lost_or_doubled_over_links_that_break_and_a_gateway_that_restarts(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            device = await gateway.connected("device", platform="vita", transports=["websocket", "polling"])
            for number in range(60):
                assert device.channel("component-events").emit(component(number)).accepted
                await asyncio.sleep(0.05)
                if number % 20 == 5:
                    gateway.cut()
                if number % 20 == 15:
                    await gateway.restart()
            assert await device.flush(120)
            assert numbers(await gateway.stored("component-events")) == list(range(60))
            assert device.counters().reconnects >= 1

    clock.run(story())


def test_a_blocked_transport_makes_the_client_step_down(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            link = gateway.link("device")
            link.blocked = {"tcp", "websocket"}
            device = await gateway.connected("device", platform="vita")
            assert device.transport == "polling"
            assert set(link.opened) == {"polling"}

    clock.run(story())


def test_a_gateway_that_is_away_is_a_link_error_and_the_client_comes_back(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            gateway.reachable = False
            device = gateway.client("device", transports=["websocket"])
            with pytest.raises(LinkError, match="away"):
                await device.connect(5)
            gateway.reachable = True
            await asyncio.sleep(60)
            assert device.state is ConnectionState.CONNECTED

    clock.run(story())


@pytest.mark.parametrize(("transport", "limit_s"), [("websocket", 11), ("polling", 30)])
def test_a_link_that_says_nothing_is_noticed(clock: FakeClock, transport: str, limit_s: int) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            device = await gateway.connected("device", platform="vita", transports=[transport])
            gateway.links["device"].silent = True
            # Two heartbeats of the profile and the moment until somebody looks; a poll has the time of a connection.
            await eventually(lambda: device.state is ConnectionState.RECONNECTING, "the loss", limit_s)
            gateway.links["device"].silent = False
            await eventually(lambda: device.state is ConnectionState.CONNECTED, "the return", 60)

    clock.run(story())


def test_a_slow_link_takes_the_time_of_its_bytes(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            link = gateway.link("device", latency_ms=100, bytes_per_s=1000)
            device = await gateway.connected("device", platform="vita", transports=["websocket"])
            start_s, before = clock.now_s, link.bytes_up
            chance = random.Random(1)  # what repeats itself would be sent as a difference
            for _ in range(20):
                assert device.channel("log").emit(Log(chance.randbytes(50).hex()), critical=True).accepted
            assert await device.flush(60)
            sent = link.bytes_up - before
            assert sent > 1000
            assert clock.now_s - start_s >= sent / 1000 + 0.2

    clock.run(story())


def test_what_went_over_a_link_can_be_read(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            device = await gateway.connected("device", transports=["websocket"])
            assert device.channel("log").emit(Log("x"), critical=True).accepted
            assert await device.flush(5)
            up = [frame for way, body in gateway.links["device"].turns if way == "up" for frame in frames_of(body)]
            assert [frame.name for frame in up][:3] == ["hello", "open", "data"]
            assert len(of_kind(up, "data")) == len(of_kind(up, 13)) == 1

    clock.run(story())


def test_tokens_permissions_and_device_keys_are_the_real_ones(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway(device_keys={"locked": b"sixteen bytes ok"}) as gateway:
            with pytest.raises(RefusedError, match="not accepted"):
                await gateway.client("device", token="nonsense").connect(5)
            with pytest.raises(RefusedError):
                await gateway.client("device", token=gateway.token("other")).connect(5)
            with pytest.raises(RefusedError):
                await gateway.client("locked").connect(5)
            await gateway.client("locked", device_key=b"sixteen bytes ok").connect(5)
            reading = await gateway.connected("reader", token=gateway.token("reader", ["subscribe"]))
            channel = reading.channel("log")
            channel.emit(Log("x"))
            await eventually(lambda: channel.emit(Log("x")) is Outcome.REFUSED_CHANNEL, "the refusal")

    clock.run(story())


def test_a_token_ends_in_fake_time(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            device = await gateway.connected("device", token=gateway.token("device", lifetime_s=60))
            await asyncio.sleep(3600)
            assert device.state is ConnectionState.FAILED
            assert isinstance(device.last_error, RefusedError)
            assert device.last_error.name == "expired-token"
            lasting = await gateway.connected("lasting", token=lambda: gateway.token("lasting", lifetime_s=60))
            await asyncio.sleep(3600)
            assert lasting.state is ConnectionState.CONNECTED

    clock.run(story())


def test_organisations_do_not_see_each_other(clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            device = await gateway.connected("device", token=gateway.token(org="acme"))
            assert await device.channel("log").publish(Log("ours"), timeout_s=5) is Outcome.STORED
            assert [event.data for event in await gateway.stored("log", "acme")] == [Log("ours")]
            assert await gateway.stored("log") == []

    clock.run(story())


async def test_it_works_in_real_time_too_and_begins_once(flight_gateway: MemoryGateway) -> None:
    with pytest.raises(CallerError, match="does not run"):
        await flight_gateway.restart()
    async with flight_gateway:
        device: Client = await flight_gateway.connected("device")
        assert await device.channel("log").publish(Log("x"), timeout_s=20) is Outcome.STORED
    with pytest.raises(CallerError, match="started already"):
        await flight_gateway.start()
    await flight_gateway.stop()
