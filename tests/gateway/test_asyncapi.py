"""The AsyncAPI document: sound by the schema of AsyncAPI itself, complete, and what is really said fits it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema  # type: ignore[import-untyped]
import pytest

from flight_client import Log
from flight_client._tables import CHANNELS, LAYOUTS
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.rest.asyncapi import REQUESTS, UNASKED, description, message_name
from tests.support import npm
from tests.support.bench import Bench
from tests.support.json_peer import INFO, JsonStream, hello, log_event, publish
from tests.support.waiting import within

DOCUMENT: dict[str, Any] = json.loads(json.dumps(description()))
COMPONENTS = DOCUMENT["components"]


@pytest.fixture(scope="module")
def asyncapi() -> Any:
    """AsyncAPI's own schema of its documents, from the package that its authors publish."""
    folder = npm.installed(Path(__file__).parent / "asyncapi") / "node_modules"
    schema = json.loads((folder / "@asyncapi/specs/schemas/3.0.0-without-$id.json").read_text(encoding="utf-8"))
    return jsonschema.Draft7Validator(schema)


def test_the_document_is_asyncapi_3(asyncapi: Any) -> None:
    assert [error.message for error in asyncapi.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("info"),
        lambda document: document.update(asyncapi="2.6.0"),
        lambda document: document["operations"]["publish"].update(action="hear"),
        lambda document: document["channels"]["log"].update(adress="log"),
        lambda document: document["components"]["messages"]["ack"].update(payload=3),
    ],
)
def test_a_document_that_is_none_is_noticed(asyncapi: Any, damage: Callable[[Any], Any]) -> None:
    broken = copy.deepcopy(DOCUMENT)
    damage(broken)
    assert list(asyncapi.iter_errors(broken))


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for one in value for found in references(one)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for one in value.values() for found in references(one)]


def test_every_reference_leads_somewhere_and_nothing_is_described_in_vain() -> None:
    found = references(DOCUMENT)
    for reference in found:
        place: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]
    for kind in ("messages", "schemas"):
        for name in COMPONENTS[kind]:
            assert f"#/components/{kind}/{name}" in found, name


def test_every_channel_event_and_request_is_there() -> None:
    channels = DOCUMENT["channels"]
    assert set(channels) == {"connection", "any", *CHANNELS}
    for name, rule in CHANNELS.items():
        assert list(channels[name]["messages"]) == [message_name(rule["event"])]
    assert set(channels["any"]["messages"]) == {message_name(layout["name"]) for layout in LAYOUTS}
    tags = {kind.__struct_config__.tag for kind in messages.Message.__args__}
    assert tags == set(REQUESTS)
    for kind in tags:
        assert DOCUMENT["operations"][message_name(kind)]["action"] == "receive"


class Judge:
    """Holds messages against the schemas of the document."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def check(self, message: dict[str, Any]) -> dict[str, Any]:
        payload = COMPONENTS["messages"][message_name(message["type"])]["payload"]
        schema = {**payload, "components": {"schemas": COMPONENTS["schemas"]}}
        jsonschema.Draft202012Validator(schema).validate(message)
        self.seen.add(message["type"])
        return message


class Checked(JsonStream):
    """A client whose every message, and the gateway's, fits the document."""

    def __init__(self, address: str, judge: Judge) -> None:
        super().__init__(address)
        self._judge = judge

    async def say(self, *said: Any) -> None:
        for message in said:
            self._judge.check(message)
        await super().say(*said)

    async def hear(self) -> dict[str, Any]:
        message = await super().hear()
        return self._judge.check(message) if message else message


async def test_what_is_really_said_fits_its_description(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge()
    device = await bench.connected("console")
    await within(device.channel("vm-1").publish(Log("x")))
    async with Checked(bench.address, judge) as browser:
        await browser.hello(bench.token(), incarnation="0011223344556677")
        await browser.subscribe("log", start="after", epoch="00" * 8, offset=5)
        assert (await browser.expect("gap"))["reason"] == "epoch"
        await browser.subscribe("vm-*", start="last", count=1)
        await browser.ask(publish("1", "log", log_event("a"), log_event("b", level="error"), counter=1))
        memory = {"type": "memory-update", "data": {"used": {"bytes": 5}, "fragmentationRatio": 0.5}}
        machine = {"type": "v6r-event", "data": {"eventType": "vm-created", "resource": "vm-1"}}
        routing = {"requiresAck": True, "retryConfig": {"maxRetries": 3, "retryIntervalMs": 2000}}
        await browser.ask(publish("2", "log", memory, machine, priority="critical", routing=routing))
        while "events" not in judge.seen:  # those that came before an answer were passed over there
            await browser.hear()
        assert (await browser.ask({"type": "unsubscribe", "id": "3", "channel": "log"}))["type"] == "unsubscribed"
        assert (await browser.ask({"type": "ping", "id": "4"}))["type"] == "pong"
        assert (await browser.ask({"type": "token", "id": "5", "token": bench.token()}))["type"] == "renewed"
        assert (await browser.ask({"type": "subscribe", "id": "6", "channel": "No Channel"}))["type"] == "error"
        [session] = [one for one in bench.gateway.registry.sessions() if one.source.device_id == "browser-1"]
        monkeypatch.setattr(session.tenure, "ended", lambda: True)
        session.wake()
        await browser.expect("token-ended")
        monkeypatch.undo()
        await browser.say({"type": "close"})
    said = {*REQUESTS, *(answer for answer in REQUESTS.values() if answer), *UNASKED}
    assert judge.seen == said


@pytest.mark.parametrize(
    "message",
    [
        {"type": "hello", "deviceId": "x", "token": "t", "clientInfo": {"clientType": "web-browser"}},
        hello("t", extra=1),
        {"type": "hello", "deviceId": "x", "token": "t", "clientInfo": {**INFO, "os": "x"}},
        publish("1", "log", {"type": "log", "data": {"text": "x", "levle": "info"}}),
        {"type": "publish", "id": "1", "channel": "log"},
    ],
)
def test_what_the_gateway_does_not_take_does_not_fit_it_either(message: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        Judge().check(message)


async def test_it_is_served_without_a_token(bench: Bench) -> None:
    async with aiohttp.ClientSession() as http, http.get(bench.address + "/v1/asyncapi.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert await answer.json() == DOCUMENT
