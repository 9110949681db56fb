"""JSON and REST within an organisation, with device keys, and at a gateway that drains."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from flight_client.gateway.auth import make_token
from tests.support.bench import Bench
from tests.support.json_peer import JsonPoller, JsonStream, hello, log_event, publish
from tests.support.waiting import within


def token(bench: Bench, org: str) -> str:
    return make_token(bench.gateway.key, "*", ["developer"], 600, org=org)


async def rest(bench: Bench, method: str, path: str, org: str, **other: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token(bench, org)}"}
    url = bench.address + path
    async with aiohttp.ClientSession(headers=headers) as http, http.request(method, url, **other) as answer:
        return answer.status, await answer.json()


async def test_one_organisation_sees_nothing_of_another_in_json_and_rest(bench: Bench) -> None:
    async with JsonStream(bench.address) as ours, JsonStream(bench.address) as theirs:
        await ours.hello(token(bench, "acme"), "page")
        await theirs.hello(token(bench, "umbrella"), "page")  # the same device id: another device
        for page in (ours, theirs):
            await page.subscribe("log")
        await ours.ask(publish("1", "log", log_event("of acme"), counter=1))
        heard = await ours.expect("events")
        assert (heard["channel"], heard["events"][0]["data"]["text"]) == ("log", "of acme")
        await theirs.ask(publish("1", "log", log_event("of umbrella"), counter=1))
        assert (await theirs.expect("events"))["events"][0]["data"]["text"] == "of umbrella"
        for org in ("acme", "umbrella"):
            assert (await rest(bench, "POST", "/v1/channels/only-" + org + "/events", org, json=_body()))[0] == 201
            _, body = await rest(bench, "GET", "/v1/channels", org)
            assert [channel["name"] for channel in body["channels"]] == ["log", f"only-{org}"]
            _, body = await rest(bench, "GET", "/v1/channels/log/events", org)
            assert [entry["events"][0]["data"]["text"] for entry in body["entries"]] == [f"of {org}"]
            assert (body["channel"], body["entries"][0]["channel"]) == ("log", "log")
            _, body = await rest(bench, "GET", "/v1/presence", org)
            assert [device["deviceId"] for device in body["devices"]] == ["page"]
        assert (await rest(bench, "GET", "/v1/channels/only-acme/events", "umbrella"))[0] == 404
        assert (await rest(bench, "GET", "/v1/channels/acme:log/events", "umbrella"))[0] == 400
        assert (await rest(bench, "GET", "/v1/channels", ""))[1]["channels"] == []


def _body() -> dict[str, Any]:
    return {"events": [log_event("x")], "deviceId": "script"}


async def test_a_device_with_a_key_of_its_own_speaks_neither_json_nor_rest(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("script " + "ab" * 16 + "\n")
    keys.chmod(0o600)
    bench = Bench(tmp_path, device_keys=keys)
    await bench.start()
    async with JsonStream(bench.address) as page:
        await page.say(hello(bench.token(), "script"))
        assert (await page.hear())["code"] == "forbidden"
    status, answer = await rest(bench, "POST", "/v1/channels/log/events", "", json=_body())
    assert (status, answer["code"]) == (403, "forbidden")
    assert bench.gateway.hub.counters().stored == 0
    await bench.stop()


async def test_a_gateway_that_drains_sends_json_away_too_with_when_to_come_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, drain_s=5)
    await bench.start()
    async with JsonStream(bench.address) as page, JsonPoller(bench.address) as poller:
        await page.hello(bench.token(), "page")
        await poller.hello(bench.token(), "poller")
        draining = asyncio.create_task(bench.gateway.drain())
        last = await page.hear()
        assert (last["code"], last["fatal"]) == ("going-away", False)
        assert last["retryAfterMs"] > 0
        [answer] = await poller.poll()
        assert answer["code"] == "going-away"
        assert await within(draining) == (2, 0)
    await bench.stop()
