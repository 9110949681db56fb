"""REST at a real gateway: every answer that its description has is seen here, and fits the schema that stands there."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from flight_client import Log, V6REvent
from flight_client._tables import NAMES
from flight_client.gateway.engines import Batch, StoreError
from flight_client.gateway.engines.base import AppendResult, OnResult, Source, failed
from flight_client.gateway.rest.openapi import description
from flight_client.gateway.rest.routes import BODY_BYTES, ROUTES
from flight_client.session import spec
from flight_client.wire.compression import compress_payload
from tests.support.bench import Bench, component, subscribed
from tests.support.json_peer import JsonStream, log_event
from tests.support.raw import record
from tests.support.waiting import eventually, within

DESCRIPTION = description()
_REGISTRY: Any = Registry().with_resource(
    "urn:description", DRAFT202012.create_resource(json.loads(json.dumps(DESCRIPTION)))
)


def check(name: str, value: Any) -> None:
    """The value fits the schema with this name."""
    OAS31Validator({"$ref": f"urn:description#/components/schemas/{name}"}, registry=_REGISTRY).validate(value)


BODIES: dict[str, Any] = {
    "publish": {"events": [log_event("hello")]},
    "publish_vm_event": {"eventType": "vm-created", "resource": "r"},
    "command": {"name": "restart", "timeoutMs": 20},
}


class Caller:
    """Requests with a token; each answer is held against the description."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.http = aiohttp.ClientSession()
        self.seen: set[tuple[str, int]] = set()

    async def ask(self, name: str, token: str | None = None, **other: Any) -> tuple[int, Any]:
        [route] = [route for route in ROUTES if route.name == name]
        path = route.path.replace("{channel}", other.pop("channel", "log"))
        path = path.replace("{device}", other.pop("device", "console"))
        headers = dict(other.pop("headers", {}))
        headers.setdefault("Authorization", f"Bearer {self.bench.token('rest-1') if token is None else token}")

        async def run() -> tuple[int, Any]:
            from yarl import URL

            url = URL(self.bench.address + path, encoded=True)
            async with self.http.request(route.method, url, headers=headers, **other) as answer:
                return answer.status, await answer.json()

        status, body = await within(run())
        assert status in dict(route.answers), (name, status, body)
        check(dict(route.answers)[status], body)
        self.seen.add((name, status))
        return status, body


@pytest.fixture
async def caller(bench: Bench) -> AsyncIterator[Caller]:
    made = Caller(bench)
    yield made
    await made.http.close()


def test_the_description_is_openapi_3_1_and_has_every_route() -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(DESCRIPTION))).validate()
    assert DESCRIPTION["openapi"] == "3.1.0"
    described = {(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    assert described == {(route.path, route.method.lower()) for route in ROUTES}


async def test_every_documented_answer_is_given(bench: Bench, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = caller.ask
    assert (await ask("openapi", token=""))[1] == json.loads(json.dumps(DESCRIPTION))
    assert (await ask("asyncapi", token=""))[1]["asyncapi"] == "3.0.0"
    events = {"events": [log_event("hello")]}
    assert (await ask("publish", json=events))[0] == 201
    assert (await ask("publish_vm_event", json={"eventType": "vm-created", "resource": "vm-1"}))[0] == 201
    assert (await ask("channels"))[0] == 200
    assert (await ask("history"))[0] == 200
    device = bench.client("console")
    device.on_command(lambda command: command.data[::-1])
    await within(device.connect())
    await subscribed(device)
    assert (await ask("command", json={"name": "turn", "data": "YWI="}))[1]["data"] == "YmE="
    assert (await ask("command", device="nobody", json={"name": "turn", "timeoutMs": 20}))[1]["code"] == "unanswered"
    assert (await ask("presence"))[0] == 200
    assert (await ask("channels", params={"count": "1"}))[0] == 400
    assert (await ask("presence", params={"channel": "No Channel"}))[0] == 400
    assert (await ask("dead_letters"))[0] == 200
    assert (await ask("dead_letters", params={"count": "0"}))[0] == 400
    for route in ROUTES:
        if not route.right:
            continue
        body = {"json": BODIES.get(route.name)}
        given = body if route.body else {}
        for token in ("", "nonsense", bench.token(age_s=4000)):
            assert (await ask(route.name, token=token, **given))[0] == 401
        roles = ("subscribe",) if route.right == spec.MODE_PUBLISH else ("publish",)
        assert (await ask(route.name, token=bench.token("rest-1", roles), **given))[0] == 403
        if route.body:
            assert (await ask(route.name, data=b"{", headers={"Content-Type": "application/json"}))[0] == 400
            assert (await ask(route.name, data=b" " * (BODY_BYTES + 1)))[0] == 413
    assert (await ask("history", params=None, channel="log/../x".replace("/", "%2F")))[0] == 400
    assert (await ask("history", channel="never"))[0] == 404

    async def stalls() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()  # the rest never comes

    monkeypatch.setattr("flight_client.gateway.bodies.PREAUTH_MS", 50)
    for name in BODIES:
        assert (await ask(name, data=stalls()))[0] == 408
    monkeypatch.undo()
    engine = bench.gateway.hub.engine
    monkeypatch.setattr(engine, "append", lambda _batch, done: done(failed("the disk is full")))
    assert (await ask("publish", json=events))[0] == 503
    assert (await ask("publish_vm_event", json={"eventType": "vm-created", "resource": "vm-1"}))[0] == 503
    assert (await ask("command", json={"name": "restart"}))[0] == 503

    async def broken(*_: Any) -> Any:
        raise StoreError("the log cannot be read", value="disk", next_step="look at it")

    monkeypatch.setattr(engine, "bounds", broken)
    assert (await ask("history"))[0] == 503
    monkeypatch.setattr(bench.gateway.hub, "_limits", bench.gateway.hub._limits.__class__(channels=1))
    for name in ("v6r-events", "commands"):
        monkeypatch.delitem(bench.gateway.hub._channels, name)
    assert (await ask("command", json={"name": "restart"}))[0] == 429
    assert (await ask("publish", channel="one-more", json=events))[0] == 429
    assert (await ask("publish_vm_event", json={"eventType": "vm-created", "resource": "vm-1"}))[0] == 429
    documented = {(route.name, status) for route in ROUTES for status, _ in route.answers}
    assert documented == caller.seen


async def test_what_rest_publishes_reaches_consoles_and_browsers_and_history_has_what_they_sent(
    bench: Bench, caller: Caller
) -> None:
    tool, reader = await bench.tool("component-update")
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("component-events")
        event = {"type": "component-update", "data": {"id": "a", "name": "b", "metadata": {"number": 1}}}
        status, body = await caller.ask("publish", channel="component-events", json={"events": [event]})
        assert (status, body["status"], body["counter"]) == (201, "stored", 1)
        assert (await browser.events(1))[0]["data"]["metadata"] == {"number": 1}
    device = await bench.connected("console", platform="vita")
    await within(device.channel("component-events").publish(component(2)))
    found = await reader.take(2)
    assert [event.source.device_id for event in found] == ["rest-1", "console"]
    status, body = await caller.ask("history", channel="component-events")
    assert [entry["deviceId"] for entry in body["entries"]] == ["rest-1", "console"]
    assert [entry["platform"] for entry in body["entries"]] == ["host", "vita"]
    assert body["entries"][1]["events"][0]["data"]["metadata"] == {"number": 2}
    assert tool is not None


async def test_all_five_events_of_a_machine_are_published_and_read(bench: Bench, caller: Caller) -> None:
    tool, reader = await bench.tool("v6r-event")
    for kind in NAMES["v6r_event_types"]:
        asked = {"eventType": kind, "resource": "vm-1", "organization": "lab", "metadata": {"cores": "4"}}
        assert (await caller.ask("publish_vm_event", json=asked))[0] == 201
    assert [event.data for event in await reader.take(5)] == [
        V6REvent(kind, "vm-1", "lab", {"cores": "4"}) for kind in NAMES["v6r_event_types"]
    ]
    _, body = await caller.ask("history", channel="v6r-events", params={"count": "2"})
    kinds = [event["data"]["eventType"] for entry in body["entries"] for event in entry["events"]]
    assert kinds == list(NAMES["v6r_event_types"])[-2:]
    assert all(entry["critical"] for entry in body["entries"])
    assert tool is not None


async def test_history_goes_on_behind_an_offset_and_says_what_is_gone(bench: Bench, caller: Caller) -> None:
    for number in range(5):
        await caller.ask("publish", json={"events": [log_event(str(number))]})

    async def read(**params: Any) -> tuple[list[str], Any]:
        _, body = await caller.ask("history", params={name: str(value) for name, value in params.items()})
        return [event["data"]["text"] for entry in body["entries"] for event in entry["events"]], body

    texts, body = await read(after=0, count=2)
    assert (texts, body["next"], "gap" in body) == (["0", "1"], 2, False)
    texts, body = await read(after=body["next"], count=100, epoch=body["epoch"])
    assert (texts, body["next"], body["last"]) == (["2", "3", "4"], 5, 5)
    texts, body = await read(after=5)
    assert (texts, body["next"]) == ([], 5)
    await bench.gateway.hub.engine.trim("log", 2)
    texts, body = await read(after=1)
    assert (texts, body["gap"]) == (["3", "4"], {"reason": "trimmed", "after": 1, "to": 3})
    texts, body = await read(after=4, epoch="00" * 8)
    assert (texts, body["gap"]["reason"]) == (["3", "4"], "epoch")


async def test_own_counters_make_a_repeated_request_harmless_and_a_failed_one_has_to_come_first(
    bench: Bench, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def publish(counter: int) -> tuple[int, Any]:
        body = {"events": [log_event(str(counter))], "incarnation": "0011223344556677", "counter": counter}
        return await caller.ask("publish", json=body)

    assert (await publish(1))[1]["status"] == "stored"
    assert (await publish(1))[1] == {
        "status": "duplicate", "stored": 0, "epoch": bench.gateway.hub.epoch.hex(), "counter": 1,
        "incarnation": "0011223344556677",
    }  # fmt: skip
    engine = bench.gateway.hub.engine
    append = engine.append
    broken = True

    def sometimes(batch: Batch, done: OnResult) -> None:
        if broken:
            done(failed("no room"))
        else:
            append(batch, done)

    monkeypatch.setattr(engine, "append", sometimes)
    assert (await publish(2))[0] == 503
    broken = False
    status, body = await publish(3)
    assert (status, body["code"]) == (503, "store")
    assert body["value"].endswith(" 2")
    assert [(await publish(number))[1]["status"] for number in (2, 3)] == ["stored", "stored"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "events"),
        ({"events": []}, "'log'"),
        ({"events": [log_event("x")], "extra": 1}, "extra"),
        ({"events": [{"type": "log", "data": {"text": "x", "levle": "info"}}]}, "'info'"),
        ({"events": [log_event("x")], "counter": 5}, "5"),
        ({"events": [log_event("x")], "counter": 1, "incarnation": "short"}, "short"),
        ({"events": [log_event("x")], "deviceId": "two words"}, "two words"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_bad_body_is_answered_with_whose_fault_what_which_value_and_what_next(
    bench: Bench, caller: Caller, body: Any, said: str
) -> None:
    status, answer = await caller.ask("publish", json=body)
    assert status == 400
    assert said in answer["value"]
    assert answer["fault"] in ("caller", "peer")
    assert answer["message"]
    assert answer["nextStep"]


async def test_bad_parameters_are_refused_by_name_and_value(caller: Caller) -> None:
    await caller.ask("publish", json={"events": [log_event("x")]})
    for name, value in (
        ("count", "0"),
        ("count", "1001"),
        ("count", "many"),
        ("after", "-1"),
        ("epoch", "x"),
        ("limit", "1"),
    ):
        status, answer = await caller.ask("history", params={name: value})
        assert (status, answer["code"]) == (400, "malformed")
        assert name in answer["value"]


async def test_a_token_speaks_for_its_own_devices_only(bench: Bench, caller: Caller) -> None:
    events = {"events": [log_event("x")]}
    several = bench.token("lab-*")
    status, answer = await caller.ask("publish", token=several, json=events)
    assert (status, answer["code"]) == (400, "bad-name")
    assert (await caller.ask("publish", token=several, json=events | {"deviceId": "lab-7"}))[0] == 201
    assert (await caller.ask("publish", token=several, json=events | {"deviceId": "other"}))[0] == 403


async def test_presence_lists_who_has_a_session_and_no_secret(bench: Bench, caller: Caller) -> None:
    await bench.connected("console", "polling", platform="psp")
    async with JsonStream(bench.address) as browser:
        welcome = await browser.hello(bench.token())
        _, body = await caller.ask("presence")
    assert body["devices"][0] == {
        "deviceId": "browser-1", "sessionId": welcome["sessionId"], "platform": "web", "version": "1.0.0",
        "transport": "json-websocket", "connected": True, "channels": [],
    }  # fmt: skip
    assert body["devices"][1]["platform"] == "psp"
    assert body["devices"][1]["transport"] == "polling"
    for session in bench.gateway.registry.sessions():
        assert session.session_id.hex() not in json.dumps(body)


async def test_names_with_slashes_are_written_with_percent_signs(caller: Caller) -> None:
    assert (await caller.ask("publish", channel="team%2Fred", json={"events": [log_event("x")]}))[0] == 201
    _, body = await caller.ask("channels")
    assert [channel["name"] for channel in body["channels"]] == ["team/red"]
    assert (await caller.ask("history", channel="team%2Fred"))[1]["last"] == 1


async def test_an_answer_is_bounded_by_what_it_tells_however_small_the_log_has_it(bench: Bench, caller: Caller) -> None:
    lines = b"".join(record(Log("x" * 200)) for _ in range(300))
    packed = compress_payload(lines)
    assert packed is not None
    assert len(packed) < 1000
    source = Source("console", 1, b"77b0c1d2")
    stored: list[AppendResult] = []
    for _ in range(40):  # 2.5 MB in all
        bench.gateway.hub.publish("log", source, bytes(8), 0, 300, 0, packed, stored.append, spec.FLAG_COMPRESSED)
    await eventually(lambda: len(stored) == 40)
    offsets: list[int] = []
    for _ in range(3):
        page = f"{bench.address}/v1/channels/log/events?count=1000&after={offsets[-1] if offsets else 0}"
        async with caller.http.get(page, headers={"Authorization": f"Bearer {bench.token()}"}) as answer:
            told = [entry["offset"] for entry in (await answer.json())["entries"]]
        assert 0 < len(told) <= 1 + (1 << 20) // len(lines)
        offsets += told
    assert offsets == list(range(1, 41))


async def test_a_channel_that_only_a_publisher_opened_has_an_empty_history(
    bench: Bench, caller: Caller, tmp_path: Path
) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("log")
        _, body = await caller.ask("history")
    assert (body["entries"], body["next"], body["last"]) == ([], 0, 0)


def test_every_route_stands_on_the_page_about_rest() -> None:
    page = Path("docs/rest.md").read_text(encoding="utf-8")
    assert [route.path for route in ROUTES if f"{route.method} {route.path}" not in page] == []
