"""Subscriptions to every channel that begins like a name, in `flight.v1.json` at a real gateway."""

from pathlib import Path
from typing import Any

import pytest

from flight_client import Log
from flight_client.gateway.auth import make_token
from flight_client.gateway.json_protocol.patterns import PATTERNS
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.json_peer import JsonPoller, JsonStream, log_event, publish
from tests.support.waiting import within


def heard_text(message: dict[str, Any]) -> tuple[str, str]:
    """Channel and text of the one event in a message."""
    [event] = message["events"]
    return message["channel"], event["data"]["text"]


async def test_a_pattern_follows_channels_that_are_there_and_those_that_begin_from_their_first_entry(
    bench: Bench,
) -> None:
    device = await bench.connected("console")
    for channel in ("vm-1", "vm-2", "other"):
        await within(device.channel(channel).publish(Log("before")))
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        answer = await browser.subscribe("vm-*")
        assert (answer["type"], answer["channels"]) == ("subscribed", ["vm-1", "vm-2"])
        for name in ("vm-1", "vm-2"):
            said = await browser.expect("subscribed")
            assert (said["channel"], said["offset"], "id" in said) == (name, 1, False)
        await within(device.channel("other").publish(Log("not for us")))
        await within(device.channel("vm-2").publish(Log("two")))
        assert heard_text(await browser.expect("events")) == ("vm-2", "two")
        for text in ("first", "second"):
            await within(device.channel("vm-3").publish(Log(text)))
        found = [await browser.expect("events") for _ in range(2)]
        assert [heard_text(message) for message in found] == [("vm-3", "first"), ("vm-3", "second")]
        assert [message["previousOffset"] for message in found] == [0, 1]


async def test_the_last_entries_of_each_come_where_they_are_asked_for_over_polling_too(bench: Bench) -> None:
    device = await bench.connected("console")
    for channel in ("vm-1", "vm-2"):
        for text in ("old", "new"):
            await within(device.channel(channel).publish(Log(text)))
    async with JsonPoller(bench.address) as poller:
        await poller.hello(bench.token())
        messages = await poller.poll({"type": "subscribe", "id": "1", "channel": "*", "start": "last", "count": 1})
        while sum(message["type"] == "events" for message in messages) < 2:
            messages += await poller.poll(Prefer="wait=5")
    found = [heard_text(message) for message in messages if message["type"] == "events"]
    assert sorted(found) == [("vm-1", "new"), ("vm-2", "new")]


async def test_a_pattern_is_left_as_a_whole_and_what_was_subscribed_by_name_stays(bench: Bench) -> None:
    device = await bench.connected("console")
    for channel in ("vm-1", "vm-2"):
        await within(device.channel(channel).publish(Log("before")))
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("vm-1")
        await browser.subscribe("vm-*")
        assert (await browser.expect("subscribed"))["channel"] == "vm-2"
        left = await browser.ask({"type": "unsubscribe", "id": "2", "channel": "vm-*"})
        assert left["type"] == "unsubscribed"
        hub = bench.gateway.hub
        assert {name: subscribers for name, _, subscribers in hub.overview("")} == {"vm-1": 1, "vm-2": 0}
        assert not hub.watchers
        await within(device.channel("vm-3").publish(Log("nobody hears")))
        await within(device.channel("vm-1").publish(Log("heard")))
        assert heard_text(await browser.expect("events")) == ("vm-1", "heard")


async def test_one_channel_of_a_pattern_can_be_left_alone(bench: Bench) -> None:
    device = await bench.connected("console")
    for channel in ("vm-1", "vm-2"):
        await within(device.channel(channel).publish(Log("before")))
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("vm-*")
        for _ in range(2):
            await browser.expect("subscribed")
        await browser.ask({"type": "unsubscribe", "id": "2", "channel": "vm-1"})
        for channel in ("vm-1", "vm-2"):
            await within(device.channel(channel).publish(Log("now")))
        assert heard_text(await browser.expect("events")) == ("vm-2", "now")


async def test_it_goes_only_for_what_the_token_may_read_and_for_the_own_organisation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = tmp_path / "channels.toml"
    rules.write_text('[channels."vm-secret"]\nrequired_permissions = ["admin"]\n', encoding="utf-8")
    bench = Bench(tmp_path, channel_rules=rules)
    await bench.start()
    acme = make_token(bench.gateway.key, "*", ("publish", "subscribe"), 3600, org="acme")
    async with (
        JsonStream(bench.address) as browser,
        JsonStream(bench.address) as boss,
        JsonStream(bench.address) as far,
    ):
        await far.hello(acme, "far-1")
        await far.ask(publish("1", "vm-far", log_event("theirs")))
        await boss.hello(bench.token("boss", ("admin",)), "boss")
        await boss.ask(publish("1", "vm-secret", log_event("for admins")))
        await browser.hello(bench.token())
        assert (await browser.subscribe("vm-*"))["channels"] == []
        await far.ask(publish("2", "vm-new", log_event("theirs")))
        await boss.ask(publish("2", "vm-secret", log_event("for admins")))
        await boss.ask(publish("3", "vm-open", log_event("for all")))
        assert heard_text(await browser.expect("events")) == ("vm-open", "for all")
        rules.write_text('[channels."vm-open"]\nrequired_permissions = ["admin"]\n', encoding="utf-8")
        bench.gateway.security.look(bench.gateway.registry)
        assert (await browser.expect("unsubscribed"))["channel"] == "vm-open"
        assert (await browser.expect("subscribed"))["channel"] == "vm-secret", "which is open now"
    await bench.stop()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"channel": "VM*"}, "bad-name"),
        ({"channel": "v*m"}, "bad-name"),
        ({"channel": "vm**"}, "bad-name"),
        ({"channel": "../*"}, "bad-name"),
        ({"channel": "vm-*", "start": "after", "epoch": "0" * 16}, "unsupported"),
    ],
)
async def test_a_pattern_that_cannot_be_is_refused_with_its_code(bench: Bench, asked: Any, code: str) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        assert (await browser.ask({"type": "subscribe", "id": "1", **asked}))["code"] == code
        assert not bench.gateway.hub.watchers


async def test_patterns_and_the_channels_that_they_follow_are_bounded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with JsonStream(bench.address) as browser, JsonStream(bench.address) as publisher:
        await browser.hello(bench.token())
        await publisher.hello(bench.token(), "publisher")
        for number in range(PATTERNS):
            assert (await browser.subscribe(f"p{number}-*"))["type"] == "subscribed"
        assert (await browser.subscribe("one-more-*"))["code"] == "too-many"
        assert (await browser.subscribe("p1-*"))["code"] == "too-many"
        [session] = [one for one in bench.gateway.registry.sessions() if one.source.device_id == "browser-1"]
        monkeypatch.setattr(session, "_limit", 1)
        for number in (1, 2):
            await publisher.ask(publish(str(number), f"p1-{number}", log_event("x")))
        assert (await browser.expect("subscribed"))["channel"] == "p1-1"
        said = await browser.expect("unsubscribed")
        assert (said["channel"], said["error"]["code"]) == ("p1-2", "too-many")
        await browser.ask({"type": "unsubscribe", "id": "u", "channel": "p1-*"})
        assert (await browser.subscribe("p1-*"))["code"] == "too-many", "two channels, and one is allowed"
        roles = bench.token(roles=("publish",))
    async with JsonStream(bench.address) as browser:
        await browser.hello(roles)
        assert (await browser.subscribe("vm-*"))["code"] == "forbidden"
    assert spec.TOOL_CHANNELS > PATTERNS
