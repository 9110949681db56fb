"""Presence and channels over several gateways, and over more members than one answer holds."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from flight_client.events import Log
from flight_client.gateway.engines.base import Source
from flight_client.gateway.forwarding import HEADER, Forwarder
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.rest.everywhere import PRESENCE_BYTES, Everywhere, Member, Opened, place_of, presence_page
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.json_peer import JsonStream
from tests.support.ports import free_port
from tests.support.waiting import within

NOBODY = 9  # a port where nothing listens


async def ask(bench: Bench, path: str, headers: dict[str, str] | None = None, **parameters: str) -> tuple[int, Any]:
    given = {"Authorization": f"Bearer {bench.token('rest-1')}", **(headers or {})}
    async with (
        aiohttp.ClientSession(headers=given) as http,
        http.get(bench.address + path, params=parameters) as answer,
    ):
        return answer.status, await answer.json()


def know(bench: Bench, *others: str) -> Forwarder:
    """The list of a gateway that runs: itself and these."""
    made = Forwarder(bench.address, (bench.address, *others))
    bench.gateway.forwarder = bench.gateway.rest._everywhere._forwarder = made
    return made


@pytest.fixture
async def second(tmp_path: Path, bench: Bench) -> AsyncIterator[Bench]:
    """Beside `bench`, with the same keys; each knows the other."""
    made = Bench(tmp_path)
    await made.start()
    know(bench, made.address)
    know(made, bench.address)
    yield made
    for client in made.clients:
        await within(client.close())
    await within(made.gateway.stop())
    assert not made.watch.errors, made.watch.errors  # tasks are still there: those of `bench`, which watches them


async def test_presence_has_the_sessions_of_every_gateway_whichever_is_asked(bench: Bench, second: Bench) -> None:
    await bench.connected("console-1")
    await second.connected("console-2", "polling")
    for one in (bench, second):
        status, found = await ask(one, "/v1/presence")
        assert status == 200
        assert [device["deviceId"] for device in found["devices"]] == ["console-1", "console-2"]
        assert (found["total"], found["nodes"]) == (2, {"known": 2, "answered": 2})
        assert "next" not in found
    _, page = await ask(bench, "/v1/presence", count="1")
    assert (len(page["devices"]), page["total"]) == (1, 2)
    _, rest = await ask(second, "/v1/presence", count="1", after=page["next"])
    assert [device["deviceId"] for device in rest["devices"]] == ["console-2"]
    assert "next" not in rest


async def test_channels_have_the_subscribers_of_all_and_those_that_only_another_gateway_has(
    bench: Bench, second: Bench
) -> None:
    device = await bench.connected("console")
    await within(device.channel("log").publish(Log("x")))
    async with JsonStream(bench.address) as here, JsonStream(second.address) as there:
        await here.hello(bench.token())
        await here.subscribe("log")
        await there.hello(second.token())
        for channel in ("frame-time", "log"):
            await there.subscribe(channel)
        for one, offset in ((bench, 1), (second, 0)):  # memory: the logs differ, and an offset is its own log's
            _, found = await ask(one, "/v1/channels")
            lines = {line["name"]: (line["lastOffset"], line["subscribers"]) for line in found["channels"]}
            assert lines == {"frame-time": (0, 1), "log": (offset, 2)}
            assert found["nodes"] == {"known": 2, "answered": 2}


async def test_what_another_gateway_asked_is_answered_without_asking_further(bench: Bench, second: Bench) -> None:
    await second.connected("console-2")
    _, found = await ask(bench, "/v1/presence", {HEADER: "1"})
    assert (found["devices"], found["nodes"]) == ([], {"known": 1, "answered": 1})


async def test_a_list_that_leads_to_the_gateway_itself_counts_nobody_twice(bench: Bench) -> None:
    forwarder = know(bench, bench.address.replace("127.0.0.1", "localhost"))
    await bench.connected("console")
    status, found = await ask(bench, "/v1/presence")
    assert status == 200
    assert [device["deviceId"] for device in found["devices"]] == ["console"]
    assert found["nodes"] == {"known": 2, "answered": 1}
    assert forwarder.unreachable == 1
    status, refused = await ask(bench, "/v1/presence", {HEADER: forwarder.life})
    assert (status, refused["code"]) == (400, "malformed")
    assert "leads back" in refused["value"]
    await forwarder.close()


async def test_a_gateway_that_is_not_there_is_left_out_and_the_answer_says_so(bench: Bench) -> None:
    forwarder = know(bench, f"http://127.0.0.1:{NOBODY}")
    await bench.connected("console")
    _, found = await ask(bench, "/v1/presence")
    assert (len(found["devices"]), found["nodes"]) == (1, {"known": 2, "answered": 1})
    _, channels = await ask(bench, "/v1/channels")
    assert channels["nodes"] == {"known": 2, "answered": 1}
    await forwarder.close()


ANSWERS: dict[str, Callable[[], web.Response]] = {
    "a page": lambda: web.Response(text="<html>"),
    "another shape": lambda: web.json_response({"devices": 5}),
    "a bad cursor": lambda: web.json_response({"devices": [], "total": 1, "next": "x"}),
    "too much": lambda: web.Response(body=b" " * ((4 << 20) + 1)),
    "a refusal": lambda: web.json_response({}, status=403),
    "another address": lambda: web.Response(status=302, headers={"Location": "/v1/presence"}),
}


@pytest.mark.parametrize("what", [*ANSWERS, "nothing"])
async def test_an_answer_that_is_none_is_left_out(bench: Bench, what: str) -> None:
    hangs = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        if what == "nothing":
            await hangs.wait()
        return ANSWERS.get(what, web.Response)()

    app = web.Application()
    app.router.add_get("/v1/presence", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    forwarder = know(bench, f"http://127.0.0.1:{port}")
    if what == "nothing":
        forwarder.ask_s = 0.2
    status, found = await ask(bench, "/v1/presence")
    assert (status, found["nodes"]) == (200, {"known": 2, "answered": 1})
    hangs.set()
    await runner.cleanup()
    await forwarder.close()


class Here:
    """As much of a session as presence looks at."""

    version, transport, attached = "1.0.0", "polling", True

    def __init__(self, number: int, org: str = "") -> None:
        self.source = Source(f"psp-{number:05d}", 3, b"%08x" % number)
        self.tenure = SimpleNamespace(identity=SimpleNamespace(org=org))

    def open_channels(self) -> dict[str, int]:
        return {"log": spec.MODE_SUBSCRIBE, "memory-updates": spec.MODE_PUBLISH}


async def test_ten_thousand_members_of_a_channel_come_in_bounded_pages_and_each_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = [*(Here(number) for number in range(10_000)), *(Here(number, "acme") for number in range(50))]
    random.Random(1).shuffle(crowd)
    monkeypatch.setattr(bench.gateway.registry, "sessions", lambda: crowd)
    found: list[str] = []
    cursor: Any = {}
    for _ in range(10):
        _, page = await ask(bench, "/v1/presence", channel="log", **cursor)
        assert page["total"] == 10_000
        assert len(page["devices"]) == 1000
        found += [device["deviceId"] for device in page["devices"]]
        cursor["after"] = page.get("next", "")
    assert found == [f"psp-{number:05d}" for number in range(10_000)]
    assert cursor["after"] == ""
    for bad in ("nonsense", "/", "a/b/c", "a/ zz", "x" * 129 + "/0"):
        status, refused = await ask(bench, "/v1/presence", after=bad)
        assert (status, refused["code"]) == (400, "malformed")
    for bad in ("0", "1001", "-1", "many"):
        status, refused = await ask(bench, "/v1/presence", count=bad)
        assert (status, refused["code"]) == (400, "malformed")
    monkeypatch.undo()


def member(number: int, channels: int = 1) -> Member:
    opened = [Opened(f"channel-{one}", True, True) for one in range(channels)]
    return Member(f"psp-{number:05d}", f"{number:08x}", "psp", "1.0.0", "polling", True, opened)


def test_a_page_has_about_a_megabyte_and_one_member_at_least() -> None:
    wide = [member(number, 2000) for number in range(40)]
    page = presence_page(wide, 40, 1000)
    size = len(messages.encode(page))
    assert PRESENCE_BYTES // 2 < size < PRESENCE_BYTES + 1000
    assert page.next == "/".join(page.devices[-1].place)
    assert len(presence_page([member(1, 40_000), member(2)], 2, 1000).devices) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_pages_of_several_gateways_join_without_a_hole(seed: int) -> None:
    """Whatever each of them gives at a time: the joined pages have every member once, in order."""
    chance = random.Random(seed)
    nodes = [sorted(chance.sample(range(60), chance.randrange(40))) for _ in range(3)]
    nodes = [[number for number in numbers if number % 3 == index] for index, numbers in enumerate(nodes)]
    after: tuple[str, str] = ("", "")
    found: list[str] = []
    for _ in range(200):
        count = chance.randrange(1, 6)

        own, *others = [
            # Some give less than they are asked for, as one whose members are large does.
            presence_page(
                [member(number) for number in numbers if member(number).place > after],
                len(numbers),
                min(count, chance.randrange(1, 6)),
            )
            for numbers in nodes
        ]
        forwarder: Any = SimpleNamespace(
            asked_itself=lambda _request: False,
            ask_others=lambda _request, _limit, others=others: _done(
                {str(index): messages.encode(page) for index, page in enumerate(others)}
            ),
        )
        request: Any = SimpleNamespace(headers={}, path="/v1/presence")
        page = await Everywhere(forwarder).presence(request, own, count)
        assert page.total == sum(map(len, nodes))
        assert len(page.devices) <= count
        found += [one.device_id for one in page.devices]
        if not isinstance(page.next, str):
            break
        after = place_of(page.next)
    expected = sorted(number for numbers in nodes for number in numbers)
    assert found == [f"psp-{number:05d}" for number in expected], f"seed {seed}"


async def _done(value: Any) -> Any:
    return value


async def test_a_question_with_the_whole_address_in_its_first_line_is_asked_of_the_others_too(
    bench: Bench, second: Bench
) -> None:
    await second.connected("console-2")
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
    head = f"GET http://elsewhere.example/v1/presence?count=5 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {bench.token()}\r\n\r\n"
    writer.write(head.encode())
    answer = await within(reader.read())
    writer.close()
    first, _, body = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 "), first
    found = json.loads(body)
    assert [device["deviceId"] for device in found["devices"]] == ["console-2"]
    assert found["nodes"] == {"known": 2, "answered": 2}
