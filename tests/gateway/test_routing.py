"""What a device is not given: by its capabilities and by its frames; who sends by JSON or REST is told."""

import base64
from typing import Any

import aiohttp
import pytest

from flight_client import ComponentUpdate, Log, MemoryUpdate, SystemMonitoring, V6REvent
from flight_client._profiles import PROFILES
from flight_client._tables import NAMES
from flight_client.events import Event
from flight_client.gateway.engines.base import layout_bit
from flight_client.gateway.hub import Gap
from flight_client.gateway.routing import NEEDS, left_out_layouts
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.json_peer import JsonStream, log_event, publish
from tests.support.raw import RawStream, open_frame
from tests.support.waiting import within

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
    from tests.support.bench import Reader, subscribed

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
