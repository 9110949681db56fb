"""What a client lets its program watch: last values, metrics, presence, history, decorators, the error handler."""

import asyncio
import logging
import time

import pytest

from flight_client import (
    CallerError,
    Client,
    ComponentUpdate,
    FrameTime,
    LinkError,
    Log,
    MemoryUpdate,
    Payload,
    RealtimeErrorHandler,
    RealtimeEvent,
    RefusedError,
    StateChange,
    SyncClient,
    SystemMonitoring,
    get_platform_config,
)
from flight_client.commands import RESULTS
from flight_client.metrics import MetricsSample
from flight_client.session.spec import START_LAST
from tests.simulation.scene import Scene, emit, play
from tests.support.bench import Bench, Reader, component, hurry, numbers, subscribed
from tests.support.waiting import eventually, within

CHANNEL = "component-events"


async def two(scene: Scene) -> tuple[Client, Client]:
    device, tool = scene.client("device-1", scene.wire()), scene.client("tool-1", scene.wire())
    await device.connect()
    await tool.connect()
    return device, tool


async def stored(bench: Bench, count: int, device_id: str = "console-1") -> Client:
    """A device that has emitted so many numbered events, all of them stored."""
    device = await bench.connected(device_id)
    for number in range(count):
        assert device.channel(CHANNEL).emit(component(number)).accepted
    assert await within(device.flush())
    return device


def seen(events: list[RealtimeEvent]) -> list[int]:
    return numbers(list(events))


# ---- the last-value cache ----


async def test_a_new_subscriber_on_a_followed_channel_has_the_last_values_before_the_loop_turns(bench: Bench) -> None:
    tool, reader = await bench.tool("memory-update")
    for device_id in ("console-1", "console-2"):
        device = await bench.connected(device_id)
        for used in (1, 2):
            await within(device.channel("memory-updates").publish(MemoryUpdate(used_bytes=used)))
    await reader.take(4)
    late = tool.events("memory-update", last=True)
    assert [(event.source.device_id, event.data) for event in late.take(10)] == [
        ("console-1", MemoryUpdate(used_bytes=2)),
        ("console-2", MemoryUpdate(used_bytes=2)),
    ]
    assert len(tool._session.channels.items) == 1  # no subscription was needed for it


async def test_a_first_subscriber_is_answered_with_the_gateways_last_entry(bench: Bench, transport: str) -> None:
    device = await bench.connected("console-1")
    for number in range(3):
        await within(device.channel(CHANNEL).publish(component(number)))
    tool = await bench.connected("tool-1", transport)
    reader = Reader(tool.events("component-update", last=True))
    assert seen(await reader.take(1)) == [2]
    await within(device.channel(CHANNEL).publish(component(3)))
    assert seen(await reader.take(1)) == [3]


async def test_last_values_are_asked_for_where_the_channel_is_followed_and_nothing_was_heard(bench: Bench) -> None:
    await stored(bench, 1)
    tool, _ = await bench.tool("component-update")
    assert tool.events("component-update").take(1) == []
    reader = Reader(tool.events("component-update", last=True))
    assert seen(await reader.take(1)) == [0]
    assert [state.start for state in tool._session.channels.items].count(START_LAST) == 1


async def test_history_that_somebody_reads_does_not_make_an_old_value_the_last_one(bench: Bench) -> None:
    device = await stored(bench, 1)
    tool, reader = await bench.tool("component-update")
    stored_ms = time.time_ns() // 1_000_000
    await eventually(lambda: time.time_ns() // 1_000_000 > stored_ms, "the next ms of the gateway's clock")
    await within(device.channel(CHANNEL).publish(component(1)))
    await reader.take(1)
    await Reader(tool.events("component-update", history=10)).take(2)
    assert seen(tool.events("component-update", last=True).take(10)) == [1]


async def test_last_values_are_bounded_and_go_with_the_history_and_with_the_last_stream(bench: Bench) -> None:
    tool, reader = await bench.tool("log", channels=["log"])
    values = tool._subscriptions.last_values
    device = await bench.connected("console-1")
    await within(device.channel("log").publish(Log("here")))
    [event] = await reader.take(1)
    for number in range(2 * tool.platform.history_events):
        event.source = type(event.source)(f"device-{number}", "psp", "")
        values.put(event)
    assert len(values) == tool.platform.history_events
    tool.clear_event_history()
    assert len(values) == 0
    values.put(event)
    reader.stream.close()
    assert values.of("log") == []


# ---- history ----


async def test_history_reads_the_newest_events_of_a_channel_and_ends(bench: Bench, transport: str) -> None:
    device = await stored(bench, 30)
    tool = await bench.connected("tool-1", transport)
    assert seen(await within(tool.channel(CHANNEL).history(5))) == [25, 26, 27, 28, 29]
    assert seen(await within(tool.channel(CHANNEL).history())) == list(range(30))
    assert await within(device.channel("nothing-here").history()) == []
    assert [state.mode for state in tool._session.channels.items if state.own] == [0] * 2  # places that were left


async def test_history_goes_on_behind_an_offset_without_a_hole(bench: Bench) -> None:
    device = await bench.connected("console-1")
    for number in range(9):
        await within(device.channel(CHANNEL).publish(component(number)))  # an entry each
    tool = await bench.connected("tool-1")
    found: list[RealtimeEvent] = []
    while page := await within(tool.channel(CHANNEL).history(4, after=found[-1].offset if found else 0)):
        assert len(page) <= 4
        found += page
    assert seen(found) == list(range(9))


async def test_history_lets_only_the_wanted_types_through_and_leaves_streams_alone(bench: Bench) -> None:
    device = await bench.connected("console-1")
    tool, reader = await bench.tool(channels=["mixed"])
    for event in (Log("one"), Payload(1), Log("two")):
        await within(device.channel("mixed").publish(event))
    mixed = tool.channel("mixed")
    assert [event.data for event in await within(mixed.history(10, "log"))] == [Log("one"), Log("two")]
    both = await within(asyncio.gather(mixed.history(1), mixed.history(2)))
    assert [len(events) for events in both] == [1, 2]
    assert len(await reader.take(3)) == 3
    assert reader.stream.take(10) == []


def test_history_waits_through_an_outage_or_says_that_the_time_was_over() -> None:
    async def story(scene: Scene) -> None:
        device = scene.client("device-1", scene.wire())
        with pytest.raises(CallerError, match="not connected"):
            await device.channel("commands").history()
        await device.connect()
        for number in range(3):
            emit(device, "commands", number)
        await device.flush()
        device.pause()
        await asyncio.sleep(2)
        with pytest.raises(LinkError, match="did not come in time"):
            await device.channel("commands").history(timeout_s=5)
        waiting = asyncio.create_task(device.channel("commands").history())
        await asyncio.sleep(5)
        assert not waiting.done()
        device.resume()
        assert len(await waiting) == 3
        again = asyncio.create_task(device.channel("commands").history())
        await asyncio.sleep(0)
        await device.close()
        with pytest.raises(CallerError, match="closed"):
            await again

    play(story)


async def test_history_of_a_channel_that_is_not_allowed_is_refused(bench: Bench) -> None:
    tool = await bench.connected("tool-1", token=bench.token(roles=("publish",)))
    with pytest.raises(RefusedError):
        await within(tool.channel("log").history())


async def test_a_dreamcast_reads_history_over_its_one_connection_to_the_channel_and_publishes_on(bench: Bench) -> None:
    other = await bench.connected("console-1")
    await within(other.channel("log").publish(Log("another's")))
    dreamcast = hurry(await bench.connected("dc-1", platform="dreamcast"))
    channel = dreamcast.channel("log")
    await within(channel.publish(Log("its own")))
    assert [event.data for event in await within(channel.history())] == [Log("another's"), Log("its own")]
    assert (await within(channel.publish(Log("later")))).accepted
    stream = dreamcast.events(channels=["log"])
    with pytest.raises(CallerError, match="one connection per channel"):
        await within(channel.history())
    stream.close()


# ---- metrics ----


def test_metrics_come_at_their_interval_with_rates_and_the_performance_of_each_platform() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        stream = tool.metrics(interval_ms=500)
        await asyncio.sleep(0.2)
        device.channel("memory-updates").emit(MemoryUpdate(total_bytes=100, used_bytes=25, fragmentation=0.5))
        device.channel("frame-time").emit(FrameTime(16_000, 20_000, 30_000, 60))
        device.channel("system-monitoring").emit(SystemMonitoring(cpu=0.5, battery=0.75))
        begun_s = scene.loop.now_s
        samples = [await anext(stream) for _ in range(3)]
        assert round(scene.loop.now_s - begun_s, 2) == 1.3
        performance = samples[-1].platform_performance["vita"]
        assert (performance.devices, performance.memory_used, performance.fragmentation) == (1, 0.25, 0.5)
        assert (performance.frames_per_second, performance.cpu, performance.battery) == (50.0, 0.5, 0.75)
        assert (performance.temperature_c, performance.queue_fill) == (None, None)
        assert sum(sample.metrics.received_per_s * sample.metrics.elapsed_ms / 1000 for sample in samples) == 3
        assert sum(sample.platform_performance.get("vita", performance).events for sample in samples) == 3
        assert samples[-1].metrics.state is tool.state
        assert samples[-1].metrics.counters == tool.counters()
        assert stream.latest == samples[-1]
        await asyncio.sleep(10)  # a slow reader gets one sample for the whole time
        late = await anext(stream)
        assert late.metrics.elapsed_ms >= 10_000
        assert late.platform_performance["vita"].events == 0
        await asyncio.sleep(61)
        assert (await anext(stream)).platform_performance == {}  # silent for a minute
        assert stream.take(1) == []

    play(story)


def test_a_wait_for_metrics_can_be_cancelled_and_ends_with_the_stream_and_with_the_client() -> None:
    async def story(scene: Scene) -> None:
        _, tool = await two(scene)
        samples: list[MetricsSample] = []

        async def read() -> None:
            samples.extend([sample async for sample in tool.metrics(100)])

        stream = tool.metrics(1000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.9):
                await anext(stream)
        await anext(stream)
        waiting = asyncio.create_task(read())
        ended = asyncio.create_task(stream.wait())
        await asyncio.sleep(0.55)
        stream.close()
        assert await ended is False
        await tool.close()
        await waiting
        assert len(samples) == 5

    play(story)


# ---- presence ----


async def test_presence_has_who_is_here_and_tells_who_comes_and_goes(bench: Bench) -> None:
    tool = await bench.connected("tool-1")
    async with tool.presence() as presence:

        def seen_here(device_id: str) -> bool:
            bench.gateway.presence.look()  # what the gateway does every few seconds
            return device_id in presence.members

        await eventually(lambda: seen_here("tool-1"))
        console = await bench.connected("console-1", platform="psp")
        await eventually(lambda: seen_here("console-1"))
        here = presence.members["console-1"]
        assert (here.state, here.platform, here.device_id) == ("here", "psp", "console-1")
        await within(console.close())
        await eventually(lambda: not seen_here("console-1"))
        told = [(change.device_id, change.state) for change in presence.take(10)]
        assert next(change for change in told if change[0] == "console-1") == ("console-1", "here")
        assert told[-1] == ("console-1", "gone")
        late = tool.presence()
        await eventually(lambda: dict(late.members) == dict(presence.members))


async def test_members_of_a_gateway_that_lives_anew_are_gone_until_it_tells_of_them_again(bench: Bench) -> None:
    tool, reader = await bench.tool(channels=["log"])
    await within(tool.channel("log").publish(Log("the shape of an event")))
    [event] = await reader.take(1)
    presence = tool.presence()

    def told(device_id: str, state: str, gateway: str, life: str, session: str | None = "s") -> None:
        metadata = {"presence": state, "gateway": gateway, "life": life}
        if session is not None:
            metadata |= {"sessionId": session, "transport": "websocket"}
        event.data = ComponentUpdate(id=device_id, name="psp", metadata=metadata)
        presence.put(event)

    told("a", "here", "a", "1", None)
    told("b", "here", "b", "1", None)
    told("one", "here", "a", "1")
    told("two", "away", "b", "1")
    told("three", "here", "a", "1")
    told("three", "here", "b", "1")  # it went over to the other
    told("three", "gone", "a", "1")  # which the first says late
    assert {name: (who.state, who.gateway) for name, who in presence.members.items()} == {
        "one": ("here", "a"), "two": ("away", "b"), "three": ("here", "b"),
    }  # fmt: skip
    told("a", "here", "a", "2", None)
    assert set(presence.members) == {"two", "three"}
    told("b", "gone", "b", "1", None)
    assert not presence.members
    event.data = ComponentUpdate(id="x", name="x", metadata={"presence": "maybe"})
    presence.put(event)  # nobody's words
    event.data = Log("neither")
    presence.put(event)
    changes = [(change.device_id, change.state) for change in presence.take(20)]
    assert changes == [
        ("one", "here"), ("two", "away"), ("three", "here"), ("three", "here"),
        ("one", "gone"), ("two", "gone"), ("three", "gone"),
    ]  # fmt: skip


# ---- decorators ----


def test_handlers_may_be_registered_with_decorators_before_a_loop_runs() -> None:
    async def story(scene: Scene) -> None:
        device, tool = scene.client("device-1", scene.wire()), scene.client("tool-1", scene.wire())
        handled: list[int] = []
        states: list[str] = []

        @device.on_state
        def state(change: StateChange) -> None:
            states.append(change.new.value)

        @device.handles(channels=["commands"])
        def note(event: RealtimeEvent) -> None:
            assert isinstance(event.data, Payload)
            handled.append(int.from_bytes(event.data.data, "little"))

        @device.answers("restart", channel="orders")
        async def restart(command: object) -> bytes:
            return b"done"

        assert handled == []
        assert (state.__name__, note.__name__, restart.__name__) == ("state", "note", "restart")
        await device.connect()
        await tool.connect()
        await asyncio.sleep(1)
        emit(tool, "commands", 7)
        assert await tool.command("device-1", "restart", channel="orders", timeout_s=5) == b"done"
        await asyncio.sleep(1)
        assert handled == [7]
        assert "connected" in states

        @device.handles(channels=["later"])
        def late(event: RealtimeEvent) -> None:
            handled.append(-1)

        await asyncio.sleep(1)
        emit(tool, "later", 1)
        await asyncio.sleep(1)
        assert handled == [7, -1]
        assert RESULTS in {item.name.decode() for item in tool._session.channels.items}

    play(story)


async def test_a_decorator_on_a_closed_client_says_so(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    await within(client.close())
    with pytest.raises(CallerError, match="closed"):
        client.handles("log")(print)
    with pytest.raises(CallerError, match="closed"):
        client.answers("restart")(lambda _: b"")


# ---- the error handler ----


@pytest.mark.parametrize(
    ("platform", "answer"),
    [
        ("dreamcast", "fallback-to-polling"),
        ("vita", "retry-with-backoff"),
        ("psp", "default-recovery"),
        ("v6r-cloud", "default-recovery"),
        ("host", "default-recovery"),
    ],
)
def test_the_error_handler_gives_the_guides_answer_for_a_platform(platform: str, answer: str) -> None:
    assert RealtimeErrorHandler().handle_connection_error(LinkError("gone"), platform) == answer


def test_the_default_handler_logs_id_type_and_error_of_a_message_whose_handler_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Message:
        id = "m-1"
        message_type = "memory-update"

    with caplog.at_level(logging.ERROR, "flight.client"):
        RealtimeErrorHandler().handle_message_error(Message(), ValueError("broken"))
        RealtimeErrorHandler().handle_message_error(object(), ValueError("broken"))
    assert "messageId=m-1 messageType=memory-update error=broken" in caplog.text
    assert "messageId=unknown messageType=object" in caplog.text


def test_an_error_handler_of_the_program_is_asked_and_told_and_cannot_harm() -> None:
    class Mine(RealtimeErrorHandler):
        def __init__(self) -> None:
            self.connections: list[str] = []
            self.messages: list[tuple[object, str]] = []

        def handle_connection_error(self, error: Exception, platform: str) -> str:
            self.connections.append(platform)
            return "retry-with-backoff"

        def handle_message_error(self, message: object, error: Exception) -> None:
            self.messages.append((message, str(error)))
            raise RuntimeError("the handler of errors is broken too")

    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        mine = Mine()
        device.error_handler = mine
        assert device.error_handler is mine

        @device.handles(channels=["commands"], retries=1, retry_interval_ms=100)
        def broken(event: RealtimeEvent) -> None:
            raise ValueError("not today")

        await asyncio.sleep(1)
        emit(tool, "commands", 1)
        await asyncio.sleep(2)
        assert [text for _, text in mine.messages] == ["not today"] * 2
        [letter] = device.dead_letters()
        assert letter.cause == "handler"
        scene.gateway.crash()
        await asyncio.sleep(20)
        assert set(mine.connections) == {"vita"}
        device.error_handler = None
        assert type(device.error_handler) is RealtimeErrorHandler
        await scene.gateway.start()

    play(story)


# ---- one connection ----


async def test_one_connection_carries_all_channels_of_a_client(bench: Bench, transport: str) -> None:
    tool, reader = await bench.tool(channels=[f"many/{number}" for number in range(20)])
    device = await bench.connected("console-1", transport)
    for number in range(20):
        await within(device.channel(f"many/{number}").publish(Log(str(number))))
    assert len(await reader.take(20)) == 20
    assert (device.counters().connections, tool.counters().connections) == (1, 1)
    assert len(bench.gateway.registry.sessions()) == 2


async def test_a_stream_leaves_its_channel_at_the_end_of_async_with(bench: Bench) -> None:
    tool = await bench.connected("tool-1")
    async with tool.events("log") as stream:
        await subscribed(tool)
    assert await within(stream.wait()) is False
    assert [state.mode for state in tool._session.channels.items] == [0]


async def test_a_client_answers_what_is_set_for_a_platform_of_its_own_or_another(bench: Bench) -> None:
    client = bench.client("tool-1")
    cloud = client.platform_config("v6r-cloud")
    assert (cloud.platform, cloud.update_interval_ms, cloud.billing_enabled is None) == ("v6r-cloud", 1000, False)
    assert client.platform_config("dreamcast") == get_platform_config("dreamcast")
    plain = SyncClient(bench.address, token=bench.token())
    assert plain.platform_config("psp").max_retries == 2
    plain.close()
    for wrong in ("amiga", 5):
        with pytest.raises(CallerError, match="platform"):
            client.platform_config(wrong)  # type: ignore[arg-type]
