"""Which events a gateway refused lately, by REST: of the own organisation, and of channels that the token may read."""

from pathlib import Path
from typing import Any

import aiohttp

from flight_client import Log
from flight_client.gateway.auth import make_token
from flight_client.gateway.refused_events import KEPT, RefusedEvents, RefusedList
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.json_peer import JsonStream, log_event, publish
from tests.support.raw import RawStream, lossy_frame


async def letters(bench: Bench, token: str = "", **parameters: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token or bench.token('rest-1')}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(bench.address + "/v1/dead-letters", params=parameters) as answer,
    ):
        found: list[dict[str, Any]] = (await answer.json())["deadLetters"]
        return found


async def test_refused_events_are_listed_with_whose_they_are_and_why(tmp_path: Path) -> None:
    rules = tmp_path / "channels.toml"
    rules.write_text('[channels."secret"]\nrequired_permissions = ["admin"]\n', encoding="utf-8")
    bench = Bench(tmp_path, channel_rules=rules)
    await bench.start()
    async with JsonStream(bench.address) as browser, RawStream(bench.address) as raw, JsonStream(bench.address) as far:
        await browser.hello(bench.token())
        await browser.ask(publish("1", "log", log_event("fine")))
        await browser.ask(publish("2", "log", log_event("x" * 500), log_event("y")))
        await browser.ask(publish("3", "secret", log_event("x")))
        await raw.hello(bench.token())
        await raw.send(lossy_frame(5, Log("to a channel that is not open")))
        await raw.expect(spec.TYPE_REFUSED)
        await far.hello(make_token(bench.gateway.key, "*", ("publish", "subscribe"), 3600, org="acme"))
        await far.ask(publish("1", "log", log_event("x" * 500)))
        found = await letters(bench)
        assert [(one["deviceId"], one["channel"], one["events"], one["code"]) for one in found] == [
            ("browser-1", "log", 2, "malformed"),
            ("raw-1", "", 1, "unknown-channel"),
        ]
        assert all(one["at"] > 1_600_000_000_000 for one in found)
        assert len(await letters(bench, bench.token("boss", ("admin",)))) == 3
        assert [one["deviceId"] for one in await letters(bench, count="1")] == ["raw-1"]
    await bench.stop()


def test_the_list_is_bounded() -> None:
    kept = RefusedList()
    for number in range(KEPT + 5):
        kept.add(RefusedEvents(number, "", "dc", "log", spec.CODE_FORBIDDEN, 1))
    found = kept.of("", KEPT + 5)
    assert (len(found), found[0].at_ms, found[-1].at_ms) == (KEPT, 5, KEPT + 4)
    assert kept.of("acme", 10) == []
