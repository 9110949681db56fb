"""Who is here: events in the channel `presence`, and REST with the channels that each has open."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flight_client.events import ComponentUpdate, Log
from flight_client.gateway.engines.base import Batch, OnResult, failed
from flight_client.gateway.presence import _BATCHES, _EVENTS, PRESENCE_CHANNEL, Present, Room
from flight_client.streams import RealtimeEvent
from tests.gateway.desk import HeldEngine, make_desk
from tests.support.bench import Bench
from tests.support.json_peer import JsonStream
from tests.support.waiting import eventually, within


def told(events: list[RealtimeEvent]) -> list[tuple[str, str, str]]:
    """Id, presence and platform."""
    found = []
    for event in events:
        assert isinstance(event.data, ComponentUpdate)
        assert (event.data.state == "active") == (event.data.metadata["presence"] == "here")
        found.append((event.data.id, event.data.metadata["presence"], event.data.name))
    return found


async def test_coming_and_going_is_told_to_whoever_asks_and_nothing_before(bench: Bench) -> None:
    presence = bench.gateway.presence
    device = await bench.connected("console", "polling", platform="psp")
    presence.look()
    assert bench.gateway.hub.channels() == [], "nobody asks"
    _tool, reader = await bench.tool("component-update", channels=[PRESENCE_CHANNEL])
    presence.look()
    first = await reader.take(3)
    assert told(first) == [
        ("gateway", "here", "gateway"),
        ("console", "here", "psp"),
        ("tool", "here", "host"),
    ]
    assert isinstance(first[1].data, ComponentUpdate)
    assert isinstance(first[0].data, ComponentUpdate)
    life = first[0].data.metadata["life"]
    session = bench.gateway.registry.sessions()[0]
    assert first[1].data.metadata == {
        "presence": "here",
        "sessionId": session.source.short_id.decode(),
        "transport": "polling",
        "gateway": "gateway",
        "life": life,
    }
    presence.look()
    await within(device.close())
    await eventually(lambda: len(bench.gateway.registry) == 1, "the end of its session")
    presence.look()
    assert told(await reader.take(1)) == [("console", "gone", "psp")]


async def test_a_session_that_waits_for_its_device_is_away(bench: Bench) -> None:
    _tool, reader = await bench.tool("component-update", channels=[PRESENCE_CHANNEL])
    device = await bench.connected("console", "websocket")
    bench.gateway.presence.look()
    await reader.take(3)
    session = next(one for one in bench.gateway.registry.peers() if one.source.device_id == "console")
    pipe, session.pipe = session.pipe, None
    bench.gateway.presence.look()
    session.pipe = pipe
    bench.gateway.presence.look()
    assert [presence for _, presence, _ in told(await reader.take(2))] == ["away", "here"]
    assert device.state.value


async def test_an_organisation_hears_of_its_own_devices_only(bench: Bench) -> None:
    from flight_client.gateway.auth import make_token

    token = make_token(bench.gateway.key, "*", ("publish", "subscribe"), 3600, org="acme")
    async with JsonStream(bench.address) as browser, JsonStream(bench.address) as other:
        await browser.hello(token, "acme-page")
        await browser.subscribe(PRESENCE_CHANNEL)
        await other.hello(bench.token(), "our-page")
        bench.gateway.presence.look()
        names = [event["data"]["id"] for event in await browser.events(2)]
        assert names == ["gateway", "acme-page"]
        assert bench.gateway.hub.channels() == ["acme:presence"]


async def test_what_the_engine_does_not_take_is_told_later_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _tool, reader = await bench.tool("component-update", channels=[PRESENCE_CHANNEL])
    engine = bench.gateway.hub.engine

    def refuse(_batch: Batch, done: OnResult) -> None:
        done(failed("the disk is full"))

    with monkeypatch.context() as broken:
        broken.setattr(engine, "append", refuse)
        for _ in range(3):
            bench.gateway.presence.look()
    bench.gateway.presence.look()
    bench.gateway.presence.look()
    assert [name for name, _, _ in told(await reader.take(2))] == ["gateway", "tool"]
    assert (await engine.bounds(PRESENCE_CHANNEL)).last == 2


async def test_a_fleet_is_told_in_bounded_steps_and_nobody_is_left_out() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    room = Room(desk.hub, "", "")
    engine.answer()
    here = Present("0" * 8, "psp", "1.0.0", "polling", True)
    fleet = {f"psp-{number}": here for number in range(_EVENTS * _BATCHES + 5)}
    steps = 0
    while True:
        room.tell(fleet)
        if room.writer.idle:
            break
        steps += 1
        while engine.waiting:
            engine.answer()
    assert steps == 2
    assert desk.hub.counters().stored == len(fleet) + 1
    assert room.writer.given_up == 0
    await desk.hub.close()


async def test_a_gateway_that_stops_says_so_and_one_that_starts_again_has_another_life(tmp_path: Path) -> None:
    bench = Bench(tmp_path, f"sqlite:{tmp_path / 'log.sqlite'}")
    await bench.start()
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe(PRESENCE_CHANNEL)
        bench.gateway.presence.look()
        await browser.events(2)
    await bench.restart()
    bench.gateway.presence.look()  # the log has the channel: somebody asked
    await eventually(lambda: bench.gateway.hub.counters().stored == 1, "its event")
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe(PRESENCE_CHANNEL, start="last", count=2)
        stopped, started = [event["data"]["metadata"] for event in await browser.events(2)]
    assert (stopped["presence"], started["presence"]) == ("gone", "here")
    assert stopped["life"] != started["life"]
    await bench.stop()


async def rest(bench: Bench, **parameters: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {bench.token('rest-1')}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(bench.address + "/v1/presence", params=parameters) as answer,
    ):
        found: dict[str, Any] = await answer.json()
        return found


async def test_rest_shows_who_has_a_channel_open_and_as_what(bench: Bench) -> None:
    device = await bench.connected("console")
    await within(device.channel("log").publish(Log("x")))
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("log")
        await browser.subscribe("frame-time")
        both = await rest(bench, channel="log")
        assert [one["deviceId"] for one in both["devices"]] == ["browser-1", "console"]
        assert both["devices"][1]["channels"] == [{"name": "log", "publish": True, "subscribe": False}]
        [one] = (await rest(bench, channel="frame-time"))["devices"]
        assert [channel["name"] for channel in one["channels"]] == ["frame-time", "log"]
        assert (await rest(bench, channel="nobody-s"))["devices"] == []
        assert len((await rest(bench))["devices"]) == 2
        assert (await rest(bench, chanel="log"))["code"] == "malformed"


async def test_rest_does_not_show_channels_that_the_token_may_not_read(tmp_path: Path) -> None:
    rules = tmp_path / "channels.toml"
    rules.write_text('[channels."secret"]\nrequired_permissions = ["admin"]\n', encoding="utf-8")
    bench = Bench(tmp_path, channel_rules=rules)
    await bench.start()
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token("boss", ("admin",)), "boss")
        for channel in ("secret", "log"):
            await browser.subscribe(channel)
        [boss] = (await rest(bench))["devices"]
        assert [channel["name"] for channel in boss["channels"]] == ["log"]
        assert (await rest(bench, channel="secret"))["code"] == "forbidden"
    await bench.stop()
