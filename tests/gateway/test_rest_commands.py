"""Commands to a device by REST at a real gateway: its answer, no answer, somebody else's answer, the same request again."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flight_client import Client
from flight_client.commands import RESULTS
from flight_client.events import CommandRequest, CommandResult
from tests.support.bench import Bench, subscribed
from tests.support.waiting import eventually, within

LONG_MS = 25_000


async def ask(bench: Bench, device: str, token: str = "", **body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token or bench.token('rest-1')}"}
    body.setdefault("timeoutMs", LONG_MS)

    async def run() -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{bench.address}/v1/devices/{device}/commands", json=body) as answer,
        ):
            return answer.status, await answer.json()

    return await within(run(), 40)


async def carrying(bench: Bench, device_id: str = "console") -> tuple[Client, list[CommandRequest]]:
    """A device with two handlers, and what it carried out."""
    device = bench.client(device_id, platform="psp")
    done: list[CommandRequest] = []

    def echo(command: CommandRequest) -> bytes:
        done.append(command)
        return command.data[::-1]

    def breaks(command: CommandRequest) -> bytes:
        raise ValueError("the disc is dirty")

    device.on_command(echo, "echo")
    device.on_command(breaks, "break")
    await within(device.connect())
    await subscribed(device)
    return device, done


@pytest.mark.parametrize("engine", ["memory:", "sqlite:"])
async def test_a_command_is_carried_out_and_its_answer_comes_back(tmp_path: Path, engine: str) -> None:
    bench = Bench(tmp_path, engine if engine == "memory:" else f"sqlite:{tmp_path / 'log'}")
    await bench.start()
    _, done = await carrying(bench)
    status, answer = await ask(bench, "console", name="echo", data=base64.b64encode(b"abc").decode(), request=7)
    assert (status, answer) == (200, {"request": 7, "code": "done", "text": "", "data": "Y2Jh"})
    assert [(one.name, one.target, one.request) for one in done] == [("echo", "console", 7)]
    status, answer = await ask(bench, "console", name="break")
    assert (status, answer["code"]) == (200, "failed")
    assert "the disc is dirty" in answer["text"]
    assert (await ask(bench, "console", name="dance"))[1]["code"] == "unknown"
    status, answer = await ask(bench, "console", name="echo", data="", request=7)
    assert (status, answer["data"]) == (200, "Y2Jh"), "the same request is answered again"
    assert len(done) == 1
    counts = {name: subscribers for name, _, subscribers in bench.gateway.hub.overview("")}
    assert counts[RESULTS] == 0, "a request that is over leaves no subscription behind"
    await bench.stop()


async def test_a_device_that_is_not_there_is_said_to_have_said_nothing(bench: Bench) -> None:
    status, answer = await ask(bench, "nobody", name="echo", request=9, timeoutMs=30)
    assert (status, answer) == (200, {"request": 9, "code": "unanswered"})


async def test_only_the_target_s_own_answer_to_this_request_counts(bench: Bench) -> None:
    other = await bench.connected("other")
    device = await bench.connected("console")
    asked = asyncio.create_task(ask(bench, "console", name="echo", request=5))
    hub = bench.gateway.hub
    await eventually(lambda: (RESULTS, 0, 1) in hub.overview(""), "its subscription")
    for sender, result in (
        (other, CommandResult(5, "rest-1", text="I am not it")),
        (device, CommandResult(6, "rest-1", text="another request")),
        (device, CommandResult(5, "rest-2", text="another asker")),
        (device, CommandResult(5, "rest-1", text="this one")),
    ):
        await within(sender.channel(RESULTS).publish(result))
    assert (await within(asked))[1]["text"] == "this one"


async def test_who_may_not_publish_commands_or_hear_answers_is_refused(tmp_path: Path) -> None:
    rules = tmp_path / "channels.toml"
    rules.write_text('[channels."command-results"]\nrequired_permissions = ["admin"]\n', encoding="utf-8")
    bench = Bench(tmp_path, channel_rules=rules)
    await bench.start()
    for token in (bench.token("rest-1", ("subscribe",)), bench.token("rest-1", ("developer",))):
        assert (await ask(bench, "console", token, name="echo"))[0] == 403
    assert bench.gateway.hub.counters().stored == 0
    assert (await ask(bench, "console", bench.token("rest-1", ("admin",)), name="echo", timeoutMs=20))[1][
        "code"
    ] == "unanswered"
    await bench.stop()


async def test_so_many_wait_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flight_client.gateway.rest.commands._WAITING", 1)
    asked = asyncio.create_task(ask(bench, "console", name="echo", request=5))
    await eventually(lambda: (RESULTS, 0, 1) in bench.gateway.hub.overview(""), "its subscription")
    status, answer = await ask(bench, "console", name="echo")
    assert (status, answer["code"]) == (429, "too-many")
    device = await bench.connected("console")
    await within(device.channel(RESULTS).publish(CommandResult(5, "rest-1")))
    assert (await within(asked))[0] == 200
    assert (await ask(bench, "console", name="echo", timeoutMs=20))[1]["code"] == "unanswered", "there is room again"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "name"),
        ({"name": "x" * 65}, "x"),
        ({"name": "echo", "data": "not base64!"}, "data"),
        ({"name": "echo", "data": base64.b64encode(bytes(385)).decode()}, "b'"),
        ({"name": "echo", "timeoutMs": 0}, "timeoutMs"),
        ({"name": "echo", "timeoutMs": 25_001}, "timeoutMs"),
        ({"name": "echo", "request": 1 << 32}, str(1 << 32)),
        ({"name": "echo", "target": "console"}, "target"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_the_value(bench: Bench, body: dict[str, Any], said: str) -> None:
    status, answer = await ask(bench, "console", **body)
    assert status == 400
    assert said in answer["value"], answer
