"""What a client lets its program watch: last values, metrics, presence, decorators, the error handler."""

import asyncio
import logging

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
    Source,
    StateChange,
    SyncClient,
    SystemMonitoring,
    get_platform_config,
)
from flight_client.commands import RESULTS
from flight_client.metrics import MetricsSample
from flight_client.session.spec import START_LAST
from tests.simulation.scene import Scene, emit, play
from tests.support.bench import Bench, Reader, component, numbers, subscribed
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
    other = tool.events("log", channels=["log"], history=0)  # a subscription of its own
    reader.stream.close()
    assert values.of("log") == [event]
    other.close()
    assert values.of("log") == []


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


def test_metrics_count_each_event_in_one_sample_and_keep_the_devices_that_were_heard_last() -> None:
    async def story(scene: Scene) -> None:
        tool = scene.client("tool-1", scene.wire())
        await tool.connect()
        stream = tool.metrics(interval_ms=100)

        def heard(number: int) -> None:
            source = Source(f"device-{number}", "psp", "")
            stream.put(RealtimeEvent("memory-update", MemoryUpdate(), "memory-updates", source, 1, 1, 0, 0))

        for number in (*range(1000), 0, 1000):
            heard(number)
        first, second = await anext(stream), await anext(stream)
        assert first.metrics.by_type == {"memory-update": 1002}
        assert (first.platform_performance["psp"].devices, first.platform_performance["psp"].events) == (1000, 1002)
        assert (second.metrics.by_type, second.platform_performance["psp"].events) == ({}, 0)
        assert {"device-0", "device-1000"} <= set(stream._devices)
        assert "device-1" not in stream._devices  # silent the longest

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
        event.source = Source(gateway, "host", "77b0c1d2")
        if session is not None:
            metadata |= {"sessionId": session, "transport": "websocket"}
        event.data = ComponentUpdate(id=device_id, name="psp", metadata=metadata)
        presence.put(event)

    told("gateway:a", "here", "gateway:a", "1", None)
    told("gateway:b", "here", "gateway:b", "1", None)
    told("one", "here", "gateway:a", "1")
    told("two", "away", "gateway:b", "1")
    told("three", "here", "gateway:a", "1")
    told("three", "here", "gateway:b", "1")  # it went over to the other
    told("three", "gone", "gateway:a", "1")  # which the first says late
    assert {name: (who.state, who.gateway) for name, who in presence.members.items()} == {
        "one": ("here", "gateway:a"), "two": ("away", "gateway:b"), "three": ("here", "gateway:b"),
    }  # fmt: skip
    told("gateway:a", "here", "gateway:a", "2", None)
    assert set(presence.members) == {"two", "three"}
    told("gateway:b", "gone", "gateway:b", "1", None)
    assert not presence.members
    metadata = {"presence": "maybe", "gateway": "gateway:b"}
    event.data = ComponentUpdate(id="x", name="x", metadata=metadata)
    presence.put(event)  # nobody's words
    event.data = Log("neither")
    presence.put(event)
    changes = [(change.device_id, change.state) for change in presence.take(20)]
    assert changes == [
        ("one", "here"), ("two", "away"), ("three", "here"), ("three", "here"),
        ("one", "gone"), ("two", "gone"), ("three", "gone"),
    ]  # fmt: skip


async def test_a_device_that_publishes_in_the_channel_neither_makes_members_nor_takes_them_away(bench: Bench) -> None:
    tool = await bench.connected("tool-1")
    forger = await bench.connected("forger")
    async with tool.presence() as presence:

        def seen_here(device_id: str) -> bool:
            bench.gateway.presence.look()
            return device_id in presence.members

        await eventually(lambda: seen_here("forger"))
        said = {"gateway": "gateway", "life": "other", "sessionId": "12345678", "transport": "tcp"}
        gone, came = said | {"presence": "gone"}, said | {"presence": "here"}
        own = {key: value for key, value in said.items() if key in ("gateway", "life")} | {"presence": "here"}
        for device_id, metadata in (("tool-1", gone), ("nobody", came), ("gateway", own)):
            forged = ComponentUpdate(id=device_id, name="psp", metadata=metadata)
            await within(forger.channel("presence").publish(forged))
        await bench.connected("later")
        await eventually(lambda: seen_here("later"))  # behind what was forged
        assert set(presence.members) == {"tool-1", "forger", "later"}


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
