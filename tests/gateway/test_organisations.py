"""Organisations on one gateway: each sees its own devices and channels, and is not even told that there are others."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from flight_client import Log
from flight_client.gateway.auth import make_token
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench, Reader, subscribed
from tests.support.raw import RawPoller, RawStream, critical_frame, open_frame
from tests.support.waiting import eventually, within

ORGS = ("", "acme", "umbrella")
BOTH = spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE


@pytest.fixture(params=["memory:", "sqlite:"])
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    engine = str(request.param)
    made = Bench(tmp_path, f"{engine}{tmp_path / 'log.sqlite'}" if engine == "sqlite:" else engine)
    await made.start()
    yield made
    await made.stop()


def token(bench: Bench, org: str, device: str = "*", roles: str = "developer", life_s: int = 600) -> str:
    return make_token(bench.gateway.key, device, [roles], life_s, org=org)


async def test_the_same_names_in_three_organisations_are_three_channels_and_three_devices(bench: Bench) -> None:
    readers = {}
    for org in ORGS:
        tool = await bench.connected("tool", token=token(bench, org))
        readers[org] = Reader(tool.events("log", channels=["log"]))
        await subscribed(tool)
    devices = {org: await bench.connected("dc-1", token=token(bench, org)) for org in ORGS}
    for org, device in devices.items():
        assert device.channel("log").emit(Log(f"of {org}"), critical=True).accepted
        assert await within(device.flush(10))
    for org, reader in readers.items():
        [event] = await reader.take(1)
        assert event.data == Log(f"of {org}")
        assert event.source.device_id == "dc-1"
    for org, device in devices.items():  # nobody was replaced, and nothing more came to anybody
        assert device.channel("log").emit(Log(f"again of {org}"), critical=True).accepted
        assert [event.data for event in await readers[org].take(1)] == [Log(f"again of {org}")]
    assert len(bench.gateway.registry) == 6


async def test_history_is_that_of_the_own_organisation_also_after_a_restart(bench: Bench) -> None:
    for org in ORGS:
        device = await bench.connected("dc-1", token=token(bench, org))
        for number in range(3):
            assert device.channel("log").emit(Log(f"{org} {number}"), critical=True).accepted
        assert await within(device.flush(10))
        await within(device.close())
    if bench.settings.engine.startswith("sqlite:"):
        await bench.restart()
    for org in ORGS:
        tool = await bench.connected(f"tool-{org}", token=token(bench, org))
        reader = Reader(tool.events("log", channels=["log"], history=100))
        assert [event.data for event in await reader.take(3)] == [Log(f"{org} {number}") for number in range(3)]


@pytest.mark.parametrize(
    "name", ["acme:log", "acme%3alog", "acme/log", "../acme:log", ":log", "umbrella:", "acme\0log"]
)
async def test_no_name_leads_into_another_organisation(bench: Bench, name: str) -> None:
    device = await bench.connected("dc-1", token=token(bench, "acme"))
    assert device.channel("log").emit(Log("of acme"), critical=True).accepted
    assert await within(device.flush(10))
    for org in ("", "umbrella"):
        async with RawPoller(bench.address) as poller:
            session = await poller.hello(token(bench, org, "raw-1"))
            frames = await poller.poll(session.poll_frame(1), open_frame(1, name.encode(), BOTH, start=2, count=100))
            frames += await poller.poll(session.poll_frame(2))
        opened = next(frame for frame in frames if frame.kind == spec.TYPE_OPENED)
        assert opened.code == (spec.CODE_OK if name == "acme/log" else spec.CODE_BAD_NAME)
        assert not any(frame.kind in (spec.TYPE_DELIVER, spec.TYPE_GAP) for frame in frames)


async def test_what_another_organisation_has_is_answered_like_what_is_not_there(bench: Bench) -> None:
    """OPEN of a channel that another organisation fills, and of one that nobody has: the same answer to the byte."""
    device = await bench.connected("dc-1", token=token(bench, "acme"))
    assert device.channel("secret").emit(Log("of acme"), critical=True).accepted
    assert await within(device.flush(10))
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(token(bench, "umbrella", "raw-1"))
        answers = []
        for number, (name, start) in enumerate([(b"secret", 0), (b"nobody", 0), (b"secret", 2), (b"nobody", 2)], 1):
            frames = await poller.poll(session.poll_frame(number), open_frame(number, name, 2, start=start, count=9))
            answers += [frame.payload for frame in frames if frame.kind == spec.TYPE_OPENED]
        assert len(answers) == 4
        assert answers[0] == answers[1]
        assert answers[2] == answers[3]


async def test_rest_shows_sessions_channels_and_refusals_of_the_own_organisation_only(bench: Bench) -> None:
    for org in ORGS:
        device = await bench.connected(f"of-{org or 'none'}", token=token(bench, org))
        await within(device.channel(f"log/{org or 'none'}").publish(Log("x")))
        bench.gateway.hub.count_refused(spec.CODE_FORBIDDEN, 1, (org, f"of-{org or 'none'}", ""))
    for org in ORGS:
        headers = {"Authorization": f"Bearer {token(bench, org, roles='admin')}"}
        async with aiohttp.ClientSession(bench.address, headers=headers) as http:
            for path, kind, name, shown in (
                ("/v1/presence", "devices", "deviceId", f"of-{org or 'none'}"),
                ("/v1/channels", "channels", "name", f"log/{org or 'none'}"),
                ("/v1/dead-letters", "deadLetters", "deviceId", f"of-{org or 'none'}"),
            ):
                async with http.get(path) as answer:
                    found = await answer.json()
                assert [one[name] for one in found[kind]] == [shown], (org, path)
                assert found.get("total", 1) == 1


async def test_a_device_of_another_organisation_does_not_touch_the_marks_of_its_namesake(bench: Bench) -> None:
    """With the same id, and even with its incarnation: what it stores makes nothing of the other a duplicate."""
    life = os.urandom(8)
    stored: list[int] = []
    for org in ORGS:
        async with RawPoller(bench.address) as poller:
            session = await poller.hello(token(bench, org, "dc-1"), b"dc-1", incarnation=life)
            assert session.mark == 0
            await poller.poll(session.poll_frame(1), open_frame(1, b"log", BOTH))
            await poller.poll(session.poll_frame(2), critical_frame(1, 1, 1))
        await eventually(lambda: bench.gateway.hub.counters().stored > len(stored), "the event")
        stored.append(bench.gateway.hub.counters().stored)
    assert stored == [1, 2, 3]
    assert bench.gateway.hub.counters().duplicate == 0


async def test_a_session_cannot_be_renewed_into_another_organisation(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(token(bench, "acme", "raw-1"))
        other = token(bench, "umbrella", "raw-1", life_s=3600)
        await raw.send(encode_frame(spec.TYPE_TOKEN, 0, 0, 0, 0, len(other).to_bytes(2, "little") + other.encode()))
        answer = await raw.expect(spec.TYPE_RENEWED)
        assert answer.code == spec.CODE_FORBIDDEN
        assert b"another organisation" in answer.payload
        opened = await raw.open(1, b"log")
        assert opened.code == spec.CODE_OK
    assert "acme:log" in bench.gateway.hub.channels()


async def test_a_key_of_a_device_holds_in_its_own_organisation_only(tmp_path: Path) -> None:
    keys = tmp_path / "device-keys"
    keys.write_text(f"acme/dc-1 {'ab' * 16}\n")
    keys.chmod(0o600)
    bench = Bench(tmp_path, device_keys=keys)
    await bench.start()
    async with RawPoller(bench.address) as poller:
        for org in ("", "umbrella"):
            await poller.hello(token(bench, org, "dc-1"), b"dc-1")
        await poller.hello(token(bench, "acme", "dc-1"), b"dc-1", device_key=b"\xab" * 16)
    await bench.stop()
