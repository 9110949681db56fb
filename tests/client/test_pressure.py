"""Memory that runs low: what is judged, told, let go and kept, and how batches and queue follow it."""

from __future__ import annotations

import gc
import logging

import pytest

from flight_client import CallerError, Client, ComponentUpdate, Log, MemoryPressure, MemoryUpdate, PressureLevel
from flight_client.platforms import get_platform, platform_names
from flight_client.pressure import PressureLimits
from tests.support.bench import Bench, component, numbers
from tests.support.waiting import within

CONSOLES = ("dreamcast", "psp")
FULL = MemoryUpdate(total_bytes=1000, used_bytes=901)
HALF = MemoryUpdate(total_bytes=1000, used_bytes=500, fragmentation=0.0)


def client_of(platform: str) -> Client:
    """A client that is not connected: whatever it accepts waits."""
    return Client("http://127.0.0.1:1", token="t", platform=platform, device_id="d-1")


def fill(client: Client, lossy: int, critical: int = 0) -> None:
    for number in range(lossy):
        assert client.channel("log").emit(Log(f"{number}")).accepted
    for number in range(critical):
        assert client.channel("component-events").emit(ComponentUpdate(id=f"{number}", name="n")).accepted


def waiting(client: Client) -> list[bytes]:
    return [event.body for event in client._outbox.lossy.everything()]


def law_holds(client: Client) -> bool:
    return client.counters().law_holds


@pytest.mark.parametrize(
    ("update", "level"),
    [
        (MemoryUpdate(total_bytes=1000, used_bytes=900, fragmentation=0.3), PressureLevel.CALM),
        (MemoryUpdate(total_bytes=1000, used_bytes=900, fragmentation=0.3001), PressureLevel.WARNING),
        (MemoryUpdate(total_bytes=1000, used_bytes=900, fragmentation=0.4), PressureLevel.WARNING),
        (MemoryUpdate(total_bytes=1000, used_bytes=900, fragmentation=0.4001), PressureLevel.PRESSURE),
        (MemoryUpdate(total_bytes=1000, used_bytes=901), PressureLevel.PRESSURE),
        (MemoryUpdate(total_bytes=2**40, used_bytes=2**40 * 9 // 10), PressureLevel.CALM),
        (MemoryUpdate(total_bytes=2**40, used_bytes=2**40 * 9 // 10 + 1), PressureLevel.PRESSURE),
        (MemoryUpdate(), PressureLevel.CALM),
        (MemoryUpdate(fragmentation=0.35), PressureLevel.WARNING),
    ],
)
def test_a_report_is_judged_strictly_and_what_is_unknown_is_not(update: MemoryUpdate, level: PressureLevel) -> None:
    client = client_of("vita")
    assert client.report_memory(update) is level
    assert client.pressure.level is level


@pytest.mark.parametrize("platform", CONSOLES)
def test_on_a_console_pressure_keeps_the_ten_newest_lossy_events_and_every_critical_one(platform: str) -> None:
    client = client_of(platform)
    fill(client, 25, 12)
    newest = waiting(client)[-10:]
    told: list[MemoryPressure] = []
    client.on_pressure(told.append)
    assert client.report_memory(FULL) is PressureLevel.PRESSURE
    assert waiting(client) == newest
    counters = client.counters()
    assert counters.dropped["pressure"] == 15
    assert counters.queued == 22
    assert counters.dead_letters == 0
    assert counters.law_holds
    assert told == [MemoryPressure(PressureLevel.PRESSURE, platform, 1000, 901, None, 15)]


@pytest.mark.parametrize("platform", sorted(set(platform_names()) - set(CONSOLES)))
def test_elsewhere_only_the_handler_is_called(platform: str) -> None:
    client = client_of(platform)
    fill(client, 25)
    told: list[MemoryPressure] = []
    client.on_pressure(told.append)
    client.report_memory(FULL)
    assert len(waiting(client)) == 25
    assert client.counters().dropped["pressure"] == 0
    assert [item.level for item in told] == [PressureLevel.PRESSURE]
    assert told[0].dropped == 0


def test_the_default_action_can_be_taken_away_and_given() -> None:
    console, vita = client_of("dreamcast"), client_of("vita")
    console.pressure.relieves, vita.pressure.relieves = False, True
    for client in (console, vita):
        fill(client, 20)
        client.report_memory(FULL)
    assert len(waiting(console)) == 20
    assert len(waiting(vita)) == 10


def test_during_pressure_the_queue_stays_short_and_calm_gives_it_back() -> None:
    client = client_of("psp")
    client.report_memory(FULL)
    fill(client, 12)
    assert len(waiting(client)) == 10
    assert client.counters().dropped["oldest"] == 2
    client.report_memory(HALF)
    assert client.pressure.queue_events == get_platform("psp").lossy_slots
    fill(client, 40)
    assert len(waiting(client)) == 50
    assert law_holds(client)


def test_the_hooks_hear_of_every_warning_and_pressure_and_once_of_calm() -> None:
    client = client_of("vita")
    told: list[PressureLevel] = []
    client.on_pressure(lambda pressure: told.append(pressure.level))
    for update in (HALF, FULL, FULL, MemoryUpdate(fragmentation=0.35), HALF, HALF):
        client.report_memory(update)
    expected = [PressureLevel.PRESSURE, PressureLevel.PRESSURE, PressureLevel.WARNING, PressureLevel.CALM]
    assert told == expected


def test_a_hook_that_raises_keeps_nobody_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    client = client_of("vita")
    told: list[MemoryPressure] = []

    def broken(_pressure: MemoryPressure) -> None:
        raise ValueError("a mistake of the application")

    client.on_pressure(broken)
    client.on_pressure(told.append)
    with caplog.at_level(logging.ERROR, "flight.client"):
        client.report_memory(FULL)
    assert len(told) == 1


def test_a_hook_may_call_whatever_it_likes() -> None:
    client = client_of("vita")

    def act(_pressure: MemoryPressure) -> None:
        client.trigger_memory_optimization()
        client.set_max_queue_size(5)

    client.on_pressure(act)
    fill(client, 20)
    client.report_memory(FULL)
    assert len(waiting(client)) == 5
    assert client.counters().dropped["pressure"] == 15


def test_a_hook_that_hangs_in_another_one_is_not_called_for_the_same_report() -> None:
    client = client_of("vita")
    told: list[MemoryPressure] = []

    def once_more(pressure: MemoryPressure) -> None:
        told.append(pressure)
        if len(told) < 10:
            client.on_pressure(once_more)

    client.on_pressure(once_more)
    client.report_memory(FULL)
    assert len(told) == 1
    client.report_memory(FULL)
    assert len(told) == 3


def test_limits_of_one_s_own_hold() -> None:
    client = client_of("vita")
    client.pressure.limits = PressureLimits(warning_fragmentation=0.1, pressure_fragmentation=0.2, pressure_used=0.5)
    assert client.report_memory(HALF) is PressureLevel.CALM
    assert client.report_memory(MemoryUpdate(total_bytes=1000, used_bytes=501)) is PressureLevel.PRESSURE
    assert client.report_memory(MemoryUpdate(fragmentation=0.1001)) is PressureLevel.WARNING


@pytest.mark.parametrize("name", ["warning_fragmentation", "pressure_fragmentation", "pressure_used"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_limit_that_is_no_share_is_refused(name: str, value: float) -> None:
    with pytest.raises(CallerError, match=name):
        PressureLimits(**{name: value})


def test_a_memory_update_that_is_emitted_is_a_report_too() -> None:
    client = client_of("dreamcast")
    fill(client, 20)
    assert client.channel("memory-updates").emit(FULL).accepted
    assert client.pressure.level is PressureLevel.PRESSURE
    assert len(waiting(client)) == 10
    assert law_holds(client)


def test_the_optimization_can_be_asked_for_and_collects_garbage() -> None:
    class Knot:
        def __init__(self) -> None:
            self.self = self

    gc.collect()
    gc.disable()
    try:
        alive: list[int] = []
        knot = Knot()
        import weakref

        weakref.finalize(knot, alive.append, 1)
        del knot
        client = client_of("host")
        fill(client, 30)
        assert client.trigger_memory_optimization() == 20
        assert alive == [1]
    finally:
        gc.enable()
    assert client.counters().dropped["pressure"] == 20
    assert client.pressure.queue_events == 10
    client.report_memory(HALF)
    assert client.pressure.queue_events == 1024


def test_the_queue_can_be_made_short_and_long_again() -> None:
    client = client_of("dreamcast")
    fill(client, 20, 5)
    assert client.set_max_queue_size(4) == 16
    assert [body[-4:] for body in waiting(client)] == [body[-4:] for body in waiting(client)[-4:]]
    assert client.counters().queued == 9
    fill(client, 6)
    assert len(waiting(client)) == 4
    client.set_max_queue_size(32)
    fill(client, 20)
    assert len(waiting(client)) == 24
    assert law_holds(client)


@pytest.mark.parametrize("events", [0, -1, 33])
def test_a_queue_size_that_the_platform_cannot_have_is_refused(events: int) -> None:
    client = client_of("dreamcast")
    with pytest.raises(CallerError, match="1 to 32"):
        client.set_max_queue_size(events)


def test_as_the_reported_memory_falls_batches_get_smaller_and_earlier_and_the_queue_shorter() -> None:
    client = client_of("host")
    pressure = client.pressure
    seen = []
    for used in (100, 500, 600, 700, 800, 900):
        client.report_memory(MemoryUpdate(total_bytes=1000, used_bytes=used))
        seen.append((pressure.batch_events, pressure.batch_delay_ms, pressure.queue_events))
    assert seen[0] == seen[1] == (64, 20, 1024)
    assert seen[-1] == (16, 5, 256)
    assert seen[1:] == sorted(set(seen[1:]), reverse=True)


def test_a_rate_is_checked_and_reaches_the_session() -> None:
    client = client_of("dreamcast")
    sender = client._session.sender
    assert sender.link.per_s == 3600
    client.limit_rate(link_bytes_per_s=11_520, events_per_s=30)
    assert (sender.link.per_s, sender.pace.per_s) == (11_520, 30)
    client.limit_rate(link_bytes_per_s=0)
    assert (sender.link.per_s, sender.pace.per_s) == (0, 30)
    with pytest.raises(CallerError, match="events_per_s"):
        client.limit_rate(events_per_s=-1)


async def test_streams_keep_recent_events_until_the_history_is_cleared(bench: Bench) -> None:
    tool, reader = await bench.tool("component-update")
    device = await bench.connected("d-1")
    for number in range(3):
        device.channel("component-events").emit(component(number))
    assert await within(device.flush())
    assert numbers(await reader.take(3)) == [0, 1, 2]
    stream = reader.stream
    assert numbers(list(stream.recent)) == [0, 1, 2]
    assert stream.latest is not None
    assert numbers([stream.latest]) == [2]
    assert tool.clear_event_history() == 3
    assert stream.recent == ()
    assert stream.latest is not None


async def test_a_flush_does_not_wait_for_a_batch_to_be_old(bench: Bench) -> None:
    device = await bench.connected("d-1")
    device._session.batching.delay_ms = 1 << 28
    assert device.channel("log").emit(Log("one")).accepted
    assert await within(device.flush())
    assert device.counters().settled == 1
