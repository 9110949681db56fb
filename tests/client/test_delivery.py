"""What a device emits reaches a host tool: each event once, in order, with where it came from."""

import asyncio
import itertools
import struct

import pytest

from flight_client import (
    ComponentUpdate,
    ConnectionState,
    FrameTime,
    Log,
    MemoryUpdate,
    Outcome,
    Payload,
    StateChange,
    SystemMonitoring,
    V6REvent,
)
from flight_client.events import Event
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench, Reader, component, numbers, subscribed
from tests.support.raw import RawStream, lossy_frame, record
from tests.support.waiting import eventually, within

EVENTS: dict[str, Event] = {
    "memory-updates": MemoryUpdate(total_bytes=1 << 40, used_bytes=4096, budget_bytes=16777216, fragmentation=0.25),
    "component-events": ComponentUpdate(id="audio", name="audio", version="2.1", metadata={"voices": 4}),
    "system-monitoring": SystemMonitoring(cpu=0.5, temperature_c=-10.5, dropped_events=3),
    "v6r-events": V6REvent("vm-started", "vm-7", organization="org", metadata={"zone": "north"}),
    "log": Log("level loaded: Ä €", level="warning"),
    "frame-time": FrameTime(16000, 16667, 33000, 60, 1),
    "own/stream.1": Payload(7, bytes(range(256))),
}


async def test_every_type_of_event_arrives_once_in_order_with_its_source(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool(channels=list(EVENTS))
    device = await bench.connected("bench-1", transport)
    for round_number in range(3):
        for name, event in EVENTS.items():
            critical = None if round_number < 2 else True
            assert device.channel(name).emit(event, critical=critical) is Outcome.QUEUED
            assert device.counters().law_holds
    assert await within(device.flush())
    received = await reader.take(3 * len(EVENTS))
    for name, event in EVENTS.items():
        of_channel = [entry for entry in received if entry.channel == name]
        assert [entry.data for entry in of_channel] == [event] * 3
        assert [entry.type for entry in of_channel] == [event.event_name] * 3
        for entry in of_channel:
            assert (entry.source.device_id, entry.source.platform) == ("bench-1", "host")
            assert len(entry.source.session_id) == 8
            assert entry.age_ms is not None
            assert entry.age_ms >= 0
            assert entry.timestamp_ms == entry.received_ms - entry.age_ms
        offsets = [entry.offset for entry in of_channel]
        assert offsets == sorted(offsets)
    counters = device.counters()
    assert counters.accepted == counters.settled == 3 * len(EVENTS)
    assert counters.queued == 0
    assert counters.law_holds


async def test_the_order_of_a_thousand_critical_events_is_kept(bench: Bench, transport: str) -> None:
    tool, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1", transport)
    channel = device.channel("component-events")
    sent = 0
    while sent < 1000:
        outcome = channel.emit(component(sent + 1))
        if outcome is Outcome.QUEUED:
            sent += 1
        else:
            assert outcome is Outcome.REFUSED_FULL
            assert device.counters().law_holds
            assert await within(device.flush())
    received = await reader.take(1000)
    assert numbers(received) == list(range(1, 1001))
    assert [entry.counter for entry in received] == list(range(1, 1001))
    assert await within(device.flush())
    assert device.counters().acked == 1000
    assert tool.counters().delivered == 1000
    assert tool.counters().duplicates == 0


async def test_every_subscriber_gets_every_event_and_only_the_types_it_asked_for(bench: Bench) -> None:
    readers = [(await bench.tool(device_id=f"tool-{i}", channels=["mixed"]))[1] for i in range(3)]
    some, only_logs = await bench.tool("log", device_id="tool-log", channels=["mixed"])
    also_logs = Reader(some.events("log", channels=["mixed"]))
    device = await bench.connected("bench-1")
    for i in range(10):
        device.channel("mixed").emit(Log(str(i)), critical=True)
        device.channel("mixed").emit(FrameTime(1, 1, 1, i), critical=True)
    for reader in readers:
        assert len(await reader.take(20)) == 20
    for reader in (only_logs, also_logs):
        assert [entry.data for entry in await reader.take(10)] == [Log(str(i)) for i in range(10)]


async def test_a_tool_that_only_listens_gets_more_than_one_window(bench: Bench, transport: str) -> None:
    """What it has is acknowledged even where it never has anything to say."""
    tool, reader = await bench.tool("component-update", transports=(transport,))
    device = await bench.connected("bench-1")
    entries = 4 * tool._session.profile.window_frames
    for i in range(entries):
        device.channel("component-events").emit(component(i))
        device.channel("elsewhere").emit(Log("between"), critical=True)  # so that no two events share an entry
    assert numbers(await reader.take(entries)) == list(range(entries))


async def test_a_tool_that_asks_for_history_gets_the_last_entries_and_then_what_comes(bench: Bench) -> None:
    device = await bench.connected("bench-1")
    for i in range(1, 6):
        device.channel("component-events").emit(component(i))
        assert await within(device.flush())
    _, reader = await bench.tool("component-update", history=3)
    device.channel("component-events").emit(component(6))
    assert numbers(await reader.take(4)) == [3, 4, 5, 6]


async def test_a_tool_without_history_gets_only_what_comes(bench: Bench) -> None:
    device = await bench.connected("bench-1")
    device.channel("component-events").emit(component(1))
    assert await within(device.flush())
    _, reader = await bench.tool("component-update")
    device.channel("component-events").emit(component(2))
    assert numbers(await reader.take(1)) == [2]


async def test_a_device_may_hear_what_it_sends_itself(bench: Bench, transport: str) -> None:
    device, reader = await bench.tool("log", device_id="both", transports=(transport,))
    device.channel("log").emit(Log("echo"))
    [event] = await reader.take(1)
    assert event.source.device_id == "both"


async def test_events_emitted_before_the_connection_stands_are_sent_when_it_does(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool("component-update")
    device = bench.client("early", transport)
    for i in range(5):
        assert device.channel("component-events").emit(component(i)) is Outcome.QUEUED
    assert device.queued == 5
    await within(device.connect())
    assert numbers(await reader.take(5)) == list(range(5))


async def test_a_device_that_starts_again_with_its_id_replaces_its_old_session(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool("component-update")
    old = await bench.connected("console", transport)
    old.channel("component-events").emit(component(1))
    assert await within(old.flush())
    await old._driver.stop()  # the console lost its power: nothing is said
    new = await bench.connected("console", transport)
    new.channel("component-events").emit(component(2))
    assert await within(new.flush())
    received = await reader.take(2)
    assert numbers(received) == [1, 2]
    assert received[0].source.session_id != received[1].source.session_id
    assert sum(peer.source.device_id == "console" for peer in bench.gateway.registry.peers()) == 1


async def test_each_change_of_state_is_told_with_its_reason(bench: Bench) -> None:
    changes: list[StateChange] = []
    client = bench.client("bench-1")
    client.on_state(changes.append)
    await within(client.connect())
    await within(bench.gateway.stop())
    await eventually(lambda: client.state is ConnectionState.RECONNECTING)
    await eventually(lambda: any(change.next_attempt_ms for change in changes))
    await bench.start()
    await eventually(lambda: client.state is ConnectionState.CONNECTED)
    await within(client.close())
    states = [change.new for change in changes]
    assert states[:2] == [ConnectionState.CONNECTING, ConnectionState.CONNECTED]
    assert states[2] is ConnectionState.RECONNECTING
    assert states[-1] is ConnectionState.CLOSED
    for before, after in itertools.pairwise(changes):
        assert after.old is before.new
    assert changes[2].reason
    assert changes[2].transport == "websocket"


async def test_a_raising_hook_is_reported_and_the_client_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a mistake of the application")

    heard: list[StateChange] = []
    client = bench.client("bench-1")
    client.on_state(broken)
    client.on_gap(broken)
    client.on_state(heard.append)
    await within(client.connect())
    client.channel("log").emit(Log("alive"))
    assert await within(client.flush())
    assert heard[-1].new is ConnectionState.CONNECTED
    assert "a hook of the client raised" in caplog.text
    assert "a mistake of the application" in caplog.text


async def test_a_hook_may_call_the_client(bench: Bench) -> None:
    _, reader = await bench.tool("log", channels=["from-hook"])
    client = bench.client("bench-1")

    def on_state(change: StateChange) -> None:
        if change.new is ConnectionState.CONNECTED:
            client.channel("from-hook").emit(Log("connected"))
            client.events("log")
            client.on_state(lambda _: None)

    client.on_state(on_state)
    await within(client.connect())
    assert (await reader.take(1))[0].data == Log("connected")


async def test_cancelling_a_receive_loses_nothing(bench: Bench) -> None:
    _, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1")
    channel = device.channel("component-events")
    seen: list[int] = []
    for i in range(60):
        waiting = asyncio.ensure_future(anext(reader.stream))
        channel.emit(component(i))
        for _ in range(i % 4 * 3):
            await asyncio.sleep(0)
        waiting.cancel()
        try:
            seen += numbers([await waiting])
        except asyncio.CancelledError:
            continue
    seen += numbers(await reader.take(60 - len(seen)))
    assert seen == list(range(60))


async def test_cancelling_connect_leaves_a_client_that_can_still_connect(bench: Bench) -> None:
    device = bench.client("bench-1")
    device.channel("component-events").emit(component(1))
    connecting = asyncio.create_task(device.connect())
    await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    assert connecting.cancelled()
    await within(device.connect())
    assert await within(device.flush())
    assert device.counters().acked == 1


async def test_a_critical_event_is_refused_when_the_queue_is_full(bench: Bench) -> None:
    device = bench.client("dreamcast-1", platform="dreamcast")  # small queues, and not connected
    channel = device.channel("component-events")
    outcomes: list[Outcome] = []
    while not outcomes or outcomes[-1] is Outcome.QUEUED:
        outcomes.append(channel.emit(ComponentUpdate("a", "b")))
    assert outcomes[-1] is Outcome.REFUSED_FULL
    counters = device.counters()
    assert counters.accepted == counters.queued == len(outcomes) - 1
    assert counters.refused_emits == {"refused_full": 1}
    assert counters.law_holds
    _, reader = await bench.tool("component-update")
    await within(device.connect())
    assert len(await reader.take(len(outcomes) - 1)) == len(outcomes) - 1


async def test_a_full_queue_of_lossy_events_drops_the_oldest_and_counts_it(bench: Bench) -> None:
    device = bench.client("dreamcast-1", platform="dreamcast")
    channel = device.channel("frame-time")
    for i in range(1000):
        assert channel.emit(FrameTime(1, 1, 1, i)) is Outcome.QUEUED
        assert device.counters().law_holds
    counters = device.counters()
    assert counters.queued + counters.dropped["oldest"] == counters.accepted == 1000
    assert counters.queued > 0
    _, reader = await bench.tool("frame-time")
    await within(device.connect())
    received = await reader.take(counters.queued)
    counts = [entry.data.count for entry in received if isinstance(entry.data, FrameTime)]
    assert counts == list(range(1000 - counters.queued, 1000))


async def test_an_event_over_the_limit_of_the_platform_is_refused(bench: Bench) -> None:
    device = bench.client("dreamcast-1", platform="dreamcast")
    assert device.channel("own").emit(Payload(1, bytes(600)), critical=True) is Outcome.REFUSED_TOO_LARGE
    assert device.counters().refused_emits == {"refused_too_large": 1}
    assert device.counters().accepted == 0


async def test_a_large_event_arrives_whole(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool("payload", channels=["own"])
    device = await bench.connected("bench-1", transport)
    data = bytes(range(256)) * 60
    assert device.channel("own").emit(Payload(1, data), critical=True) is Outcome.QUEUED
    [event] = await reader.take(1)
    assert event.data == Payload(1, data)


async def test_an_event_that_cannot_be_read_is_left_out_and_the_stream_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    tool, reader = await bench.tool("log")
    bad_text = struct.pack("<BBBBH", 1, 0, 0, 0, 2) + b"\xff\xfe"
    bad_text += bytes(-len(bad_text) % 4)
    bad_record = struct.pack("<BBH", 5, len(bad_text) // 4, 0) + bad_text
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(1, b"log")
        both = encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, bad_record + record(Log("same batch")))
        await raw.send(both, lossy_frame(1, Log("next batch")))
        received = await reader.take(2)
    assert [entry.data for entry in received] == [Log("same batch"), Log("next batch")]
    assert "is left out" in caplog.text
    assert tool.state is ConnectionState.CONNECTED


async def test_a_tool_that_does_not_read_drops_its_oldest_events_and_counts_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_client.streams.STREAM_EVENTS", 5)
    tool, reader = await bench.tool("component-update")
    device = await bench.connected("bench-1")
    for i in range(12):
        device.channel("component-events").emit(component(i))
    await eventually(lambda: tool.counters().delivered == 12)
    assert reader.stream.dropped == 7
    assert numbers(await reader.take(5)) == list(range(7, 12))


async def test_a_stream_that_is_closed_gets_nothing_more_and_the_others_do(bench: Bench) -> None:
    tool, first = await bench.tool("log")
    second = Reader(tool.events("log"))
    await subscribed(tool)
    first.stream.close()
    device = await bench.connected("bench-1")
    device.channel("log").emit(Log("one"))
    assert (await second.take(1))[0].data == Log("one")
    assert await first.rest() == []
