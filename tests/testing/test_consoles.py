"""Simulated consoles: the profile's intervals and limits, and the network's habits."""

import asyncio

import pytest

from flight_client import CallerError, ConnectionState, Log, Outcome, Payload
from flight_client.session.spec import MAX_FRAME_BYTES
from flight_client.testing import FakeClock, MemoryGateway, Reader, SimulatedConsole
from tests.support.bench import component, numbers, subscribed


@pytest.mark.parametrize(("name", "interval_s"), [("dreamcast", 5), ("psp", 3)])
def test_an_idle_console_polls_at_its_interval(flight_clock: FakeClock, name: str, interval_s: int) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            console = SimulatedConsole(gateway, name)
            assert console.platform.update_interval_ms == 1000 * interval_s
            await console.client.connect(60)
            assert console.client.transport == "polling"
            await asyncio.sleep(2 * interval_s)
            before = len(console.sent)
            await asyncio.sleep(20 * interval_s)
            assert 19 <= len(console.sent) - before <= 21

    flight_clock.run(story())


def test_a_vita_has_a_stream(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            console = SimulatedConsole(gateway, "vita", "vita-7")
            await console.client.connect(60)
            assert console.client.transport == "tcp"
            assert console.client.device_id == "vita-7"

    flight_clock.run(story())


def test_everything_arrives_in_frames_that_the_console_can_hold(flight_clock: FakeClock, flight_console: str) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            console = SimulatedConsole(gateway, flight_console)
            tool = await gateway.connected("tool")
            reader = Reader(tool.events("component-update"))
            await subscribed(tool)
            await console.client.connect(60)
            for number in range(20):
                assert console.client.channel("component-events").emit(component(number), critical=True).accepted
            assert numbers(await reader.take(20, 600)) == list(range(20))
            payloads = [len(frame.payload) for turn in console.sent for frame in turn if frame.name == "data"]
            assert 0 < max(payloads) <= console.platform.payload_bytes + 32 < MAX_FRAME_BYTES

    flight_clock.run(story())


def test_an_event_over_the_consoles_limit_is_refused_by_name(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            console = SimulatedConsole(gateway, "dreamcast")
            channel = console.client.channel("telemetry")
            large = bytes(console.platform.message_bytes)
            assert channel.emit(Payload(0, large)) is Outcome.REFUSED_TOO_LARGE
            assert channel.emit(Payload(0, large[:200])) is Outcome.QUEUED

    flight_clock.run(story())


@pytest.mark.parametrize("name", ["psp", "vita"])
def test_a_console_that_slept_comes_back_and_has_lost_nothing(flight_clock: FakeClock, name: str) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            console = SimulatedConsole(gateway, name)
            await console.client.connect(60)
            console.sleep()
            for number in range(5):
                assert console.client.channel("component-events").emit(component(number), critical=True).accepted
            await asyncio.sleep(60)
            assert console.client.state is ConnectionState.RECONNECTING
            assert await gateway.stored("component-events") == []
            console.wake()
            assert await console.client.flush(120)
            assert numbers(await gateway.stored("component-events")) == list(range(5))

    flight_clock.run(story())


def test_a_modem_takes_its_time(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with MemoryGateway() as gateway:
            console = SimulatedConsole(gateway, "dreamcast")
            await console.client.connect(60)
            start_s, before = flight_clock.now_s, console.link.bytes_up
            log = console.client.channel("log")
            for number in range(30):
                await log.publish(Log(f"{number:0400}"), timeout_s=600)
            sent = console.link.bytes_up - before
            assert flight_clock.now_s - start_s >= sent / console.quirks.bytes_per_s

    flight_clock.run(story())


def test_a_console_that_nobody_knows_or_that_never_sleeps_is_said_so(flight_gateway: MemoryGateway) -> None:
    with pytest.raises(CallerError, match="unknown console"):
        SimulatedConsole(flight_gateway, "saturn")
    with pytest.raises(CallerError, match="does not sleep"):
        SimulatedConsole(flight_gateway, "dreamcast").sleep()
