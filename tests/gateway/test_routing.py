"""What a device is not given: by its capabilities and by its frames; its sender is told, by JSON and REST in the answer, by binary in a channel."""

import base64
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from flight_client import ComponentUpdate, Log, MemoryUpdate, Payload, SystemMonitoring, V6REvent
from flight_client._profiles import PROFILES
from flight_client._tables import NAMES
from flight_client.events import Event
from flight_client.gateway.engines.base import AppendResult, AppendStatus, failed, layout_bit
from flight_client.gateway.hub import Gap
from flight_client.gateway.left_out_events import LeftOutEvents
from flight_client.gateway.routing import (
    _NOTES,
    LEFT_OUT_CHANNEL,
    NEEDS,
    LeftOutKey,
    LeftOutNotes,
    LeftOutSum,
    left_out_layouts,
)
from flight_client.session import spec
from tests.support.bench import Bench, Reader, subscribed
from tests.support.json_peer import JsonStream, log_event, publish
from tests.support.raw import RawStream, open_frame
from tests.support.waiting import eventually, within

CAPABILITIES: dict[str, int] = NAMES["capabilities"]
EVENTS: dict[str, Event] = {
    "memory-update": MemoryUpdate(used_bytes=1),
    "component-update": ComponentUpdate(id="a", name="b"),
    "system-monitoring": SystemMonitoring(cpu=0.5),
    "v6r-event": V6REvent("vm-created", "vm-1"),
    "log": Log("x"),
}
_DATA: dict[str, dict[str, Any]] = {
    "memory-update": {"used": {"bytes": 1}},
    "component-update": {"id": "a", "name": "b"},
    "system-monitoring": {"cpu": 0.5},
    "v6r-event": {"eventType": "vm-created", "resource": "vm-1"},
    "log": {"text": "x"},
}


def json_event(kind: str) -> dict[str, Any]:
    return {"type": kind, "data": _DATA[kind]}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: str(profile["name"]))
def test_a_device_with_all_of_its_platform_s_capabilities_is_given_what_the_profile_says(profile: Any) -> None:
    bits = sum(CAPABILITIES[name] for name in profile["capabilities"])
    mask = left_out_layouts(profile["name"], bits)
    device = profile["memory_bytes"] > 0
    for kind, needed in NEEDS.items():
        number = {"memory-update": 1, "component-update": 2, "system-monitoring": 3, "v6r-event": 4}[kind]
        for layout in (number, number | 0x80):
            assert bool(mask & layout_bit(layout)) == (device and needed not in profile["capabilities"])
    assert not mask & layout_bit(5), "a log is basic messaging"


async def test_a_console_is_given_the_types_that_it_can_take_and_a_gap_for_the_others(bench: Bench) -> None:
    device = await bench.connected("sender", platform="v6r-cloud")
    basic = CAPABILITIES["basic-messaging"] | CAPABILITIES["memory-updates"]
    async with RawStream(bench.address) as console:
        await console.hello(bench.token(), platform=b"dreamcast", platform_number=1, capabilities=basic)
        await console.open(5, b"mixed", spec.MODE_SUBSCRIBE)
        for kind in ("memory-update", "component-update", "log", "v6r-event", "system-monitoring", "memory-update"):
            await within(device.channel("mixed").publish(EVENTS[kind]))
        found: list[Any] = []
        while len(found) < 6:
            frame = await console.frame()
            assert frame is not None
            if frame.kind == spec.TYPE_DELIVER:
                found.append(int.from_bytes(frame.payload[:8], "little"))
            elif frame.kind == spec.TYPE_GAP:
                after, to = (int.from_bytes(frame.payload[at : at + 8], "little") for at in (12, 20))
                found.append(Gap(after, to, frame.payload[0]))
        assert found == [
            1,
            Gap(1, 2, spec.GAP_LIMIT),
            3,
            Gap(3, 4, spec.GAP_LIMIT),
            Gap(4, 5, spec.GAP_LIMIT),
            6,
        ]


async def test_a_client_of_a_platform_without_them_hears_of_the_rest_of_a_batch_in_order(bench: Bench) -> None:
    console, reader = await bench.tool("log", "memory-update", "component-update", channels=["mixed"])
    await within(console.close())
    client = bench.client("dc-1", platform="dreamcast")
    stream = client.events("log", "memory-update", "component-update", channels=["mixed"])
    await within(client.connect())
    await subscribed(client)
    reader = Reader(stream)
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        events = [json_event(kind) for kind in ("log", "component-update", "memory-update")]
        answer = await browser.ask(publish("1", "mixed", *events))
        assert answer["leftOut"] == {"capability": 1}
        assert (await browser.ask(publish("2", "mixed", log_event("behind"))))["type"] == "ack"
    found = [event.data for event in await reader.take(3)]
    assert [type(one).__name__ for one in found] == ["Log", "MemoryUpdate", "Log"]
    assert client.counters().law_holds


async def test_the_sender_is_told_how_many_are_not_given_it_and_why(bench: Bench) -> None:
    async with (
        RawStream(bench.address) as dreamcast,
        RawStream(bench.address) as small,
        RawStream(bench.address) as tool,
        JsonStream(bench.address) as browser,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {bench.token('rest-1')}"}) as http,
    ):
        await dreamcast.hello(
            bench.token(),
            b"dc",
            platform=b"dreamcast",
            platform_number=1,
            capabilities=CAPABILITIES["basic-messaging"],
            frame_bytes=4096,
        )
        await small.hello(bench.token(), b"small", platform=b"psp", platform_number=2, frame_bytes=640, capabilities=1)
        await tool.hello(bench.token(), b"tool")
        for raw in (dreamcast, small, tool):
            await raw.send(open_frame(5, b"log", spec.MODE_SUBSCRIBE))
            await raw.expect(spec.TYPE_OPENED)
        await browser.hello(bench.token())
        large = {"type": "payload", "data": {"kind": 1, "data": base64.b64encode(bytes(2000)).decode()}}
        assert "leftOut" not in await browser.ask(publish("1", "log", log_event("fits")))
        assert (await browser.ask(publish("2", "log", large)))["leftOut"] == {"payload": 1}
        both = await browser.ask(publish("3", "log", json_event("memory-update")))
        assert both["leftOut"] == {"capability": 2}
        assert "leftOut" not in await browser.ask(publish("4", "nobody-here", json_event("memory-update")))
        async with http.post(f"{bench.address}/v1/channels/log/events", json={"events": [large]}) as answer:
            assert (answer.status, (await answer.json())["leftOut"]) == (201, {"payload": 1})
        delivers = [await tool.expect(spec.TYPE_DELIVER) for _ in range(4)]
        assert [int.from_bytes(frame.payload[:8], "little") for frame in delivers] == [1, 2, 3, 4], "a tool gets all"


async def test_what_is_left_out_for_one_costs_the_others_nothing(bench: Bench) -> None:
    tool, reader = await bench.tool("component-update", channels=["component-events"])
    async with RawStream(bench.address) as console:
        await console.hello(bench.token(), platform=b"dreamcast", platform_number=1)
        await console.open(5, b"component-events", spec.MODE_SUBSCRIBE)
        device = await bench.connected("sender")
        for number in range(3):
            await within(device.channel("component-events").publish(ComponentUpdate(id=str(number), name="n")))
        for _ in range(3):
            assert (await console.expect(spec.TYPE_GAP)).payload[0] == spec.GAP_LIMIT
    assert [event.data.id for event in await reader.take(3) if isinstance(event.data, ComponentUpdate)] == list("012")
    assert tool is not None


async def listening_console(bench: Bench, raw: RawStream, channel: bytes) -> None:
    """A console that takes nothing but basic messages in frames of 640 bytes."""
    await raw.hello(
        bench.token(), b"small", platform=b"dreamcast", platform_number=1, frame_bytes=640,
        capabilities=CAPABILITIES["basic-messaging"],
    )  # fmt: skip
    await raw.open(5, channel, spec.MODE_SUBSCRIBE)


async def test_a_binary_sender_that_follows_left_out_is_told_what_nobody_was_given_and_why(bench: Bench) -> None:
    sender = bench.client("my-dc")
    stream = sender.events("log", channels=[LEFT_OUT_CHANNEL])
    await within(sender.connect())
    await subscribed(sender)
    reader = Reader(stream)
    async with RawStream(bench.address) as console:
        await listening_console(bench, console, b"memory-updates")
        for number in range(3):
            await within(sender.channel("memory-updates").publish(MemoryUpdate(used_bytes=number)))
        await within(sender.channel("memory-updates").publish(Payload(1, bytes(900))))
        await within(sender.channel("memory-updates").publish(Log("taken by everybody")))
        bench.gateway.left_out.look()
        [told] = await reader.take(1)
        assert told.data == Log(
            "left out device=my-dc channel=memory-updates events=4 capability=1 payload=1", "warning"
        )
        assert told.source.device_id == "gateway"
        bench.gateway.left_out.look()
        await within(sender.channel("memory-updates").publish(MemoryUpdate(used_bytes=9)))
        bench.gateway.left_out.look()
        [next_told] = await reader.take(1)
        assert isinstance(next_told.data, Log)
        assert next_told.data.text.endswith("events=1 capability=1"), "what was told is not told again"
    assert sender.counters().law_holds


async def test_nothing_is_looked_at_while_nobody_follows_left_out(bench: Bench) -> None:
    hub = bench.gateway.hub
    sender = await bench.connected("sender")
    async with RawStream(bench.address) as console:
        await listening_console(bench, console, b"memory-updates")
        await within(sender.channel("memory-updates").publish(MemoryUpdate(used_bytes=1)))
        bench.gateway.left_out.look()
        assert hub.channels() == ["memory-updates"]
        tool, _reader = await bench.tool("log", channels=[LEFT_OUT_CHANNEL])
        assert hub.left_out_notes.asked_by == {""}
        await within(tool.close())
        await eventually(lambda: not hub.left_out_notes.asked_by, "the end of its subscription")
        await within(sender.channel("memory-updates").publish(MemoryUpdate(used_bytes=2)))
        assert hub.left_out_notes.take() == {}


async def test_what_the_engine_does_not_take_is_told_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, reader = await bench.tool("log", channels=[LEFT_OUT_CHANNEL])
    key = LeftOutKey("", "my-dc", "log")
    bench.gateway.hub.left_out_notes.add(key, 1, {"payload": 2})
    with monkeypatch.context() as broken:
        broken.setattr(bench.gateway.hub.engine, "append", lambda _batch, done: done(failed("the disk is full")))
        bench.gateway.left_out.look()
    bench.gateway.left_out.look()
    bench.gateway.left_out.look()
    [told] = await reader.take(1)
    assert told.data == Log("left out device=my-dc channel=log events=1 payload=2", "warning")
    assert tool is not None
    assert (await bench.gateway.hub.engine.bounds(LEFT_OUT_CHANNEL)).last == 1


async def test_an_organisation_is_told_of_its_own_senders_only(bench: Bench) -> None:
    from flight_client.gateway.auth import make_token

    token = make_token(bench.gateway.key, "*", ("publish", "subscribe"), 3600, org="acme")
    async with JsonStream(bench.address) as ours, JsonStream(bench.address) as theirs, RawStream(bench.address) as raw:
        await ours.hello(bench.token(), "ours")
        await ours.subscribe(LEFT_OUT_CHANNEL)
        await theirs.hello(token, "theirs")
        await theirs.subscribe(LEFT_OUT_CHANNEL)
        await listening_console(bench, raw, b"memory-updates")
        sender = await bench.connected("sender")
        await within(sender.channel("memory-updates").publish(MemoryUpdate(used_bytes=1)))
        bench.gateway.left_out.look()
        [event] = await ours.events(1)
        assert event["data"]["text"] == "left out device=sender channel=memory-updates events=1 capability=1"
        assert (await bench.gateway.hub.engine.bounds(f"acme:{LEFT_OUT_CHANNEL}")).last == 0


def test_a_flood_of_devices_is_noted_up_to_a_limit_and_known_ones_go_on() -> None:
    notes = LeftOutNotes()
    for number in range(3 * _NOTES):
        notes.add(LeftOutKey("", f"device-{number}", "log"), 1, {"capability": number % 3 + 1})
        notes.add(LeftOutKey("", "device-0", "log"), 2, {"payload": 1})
    found = notes.take()
    assert len(found) == _NOTES
    first = found[LeftOutKey("", "device-0", "log")]
    assert (first.events, first.receivers) == (6 * _NOTES + 1, {"capability": 1, "payload": 1})
    assert notes.take() == {}


def test_a_writer_is_kept_while_somebody_asks_or_something_waits_and_then_forgotten() -> None:
    under_way: list[Any] = []
    found = {LeftOutKey("org", "dev", "log"): LeftOutSum()}
    notes = SimpleNamespace(asked_by={"org"}, take=lambda: {key: found.pop(key) for key in list(found)})
    hub: Any = SimpleNamespace(left_out_notes=notes, publish=lambda *batch: under_way.append(batch[-1]))
    events = LeftOutEvents(hub)
    events.look()
    assert (len(events._writers), len(under_way)) == (1, 1)
    notes.asked_by.clear()
    events.look()
    assert events._writers, "its batch is not stored yet"
    under_way.pop()(failed("the engine is away"))
    events.look()
    assert (len(events._writers), len(under_way)) == (1, 1), "it is tried again"
    under_way.pop()(AppendResult(AppendStatus.STORED, 1, 1, 1))
    notes.asked_by.add("org")
    events.look()
    assert events._writers, "somebody asks"
    notes.asked_by.clear()
    events.look()
    assert not events._writers
