"""The audit log: a line for each decision, whatever strangers call themselves; bounded, and without a secret."""

import json
import logging
import os
import stat
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flight_client.errors import CallerError
from flight_client.gateway.audit import REFUSALS_PER_S, AuditLog
from flight_client.gateway.auth import make_token
from flight_client.gateway.revoked import FILE, revoke
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import RawPoller, RawStream, hello_frame, lossy_frame

NOW = 1_800_000_000.25


class Clock:
    now_s = NOW

    def __call__(self) -> float:
        return self.now_s


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="ascii")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


async def test_every_decision_has_its_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    path = tmp_path / "audit.log"
    rules = tmp_path / "channels.toml"
    rules.write_text('[channels."debug.*"]\nrequired_permissions = ["debug"]\n')
    bench = Bench(tmp_path, audit_log=path, channel_rules=rules)
    await bench.start()
    key = bench.gateway.key
    token = make_token(key, "raw-1", ["viewer"], 600, org="acme", permissions=["x"])
    fresh = make_token(key, "raw-1", ["viewer"], 3600, org="acme")
    stale = make_token(key, "raw-1", ["viewer"], 60, org="acme")
    async with RawPoller(bench.address) as poller:
        await poller.poll(hello_frame("a.b.c", b"who\r\n{}"))
    async with RawStream(bench.address) as raw:
        session = await raw.hello(token)
        await raw.open(1, b"debug.heap", 2)
        await raw.open(2, b"log", 1)
        await raw.open(3, b"log", 3)
        await raw.send(lossy_frame(9), lossy_frame(9))
        await raw.expect(spec.TYPE_REFUSED)
        await raw.expect(spec.TYPE_REFUSED)
        for number, new in enumerate((fresh, stale)):
            now = 1_000_000 + 5000 * number
            bench.gateway.registry.clock = partial(int, now)
            await raw.send(encode_frame(spec.TYPE_TOKEN, 0, 0, 0, 0, len(new).to_bytes(2, "little") + new.encode()))
            await raw.expect(spec.TYPE_RENEWED)
        assert revoke(tmp_path / FILE, bench.gateway.registry.peers()[0].tenure.identity)
        bench.gateway.registry.expire()
        assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_CREDENTIAL
    await bench.stop()
    found = lines(path)
    assert [line["what"] for line in found] == [
        "started", "refused", "connect", "subscribe-refused", "publish-refused", "publish-refused", "subscribe-refused",
        "publish-refused", "refreshed", "refresh-refused", "revoked", "stopped",
    ]  # fmt: skip
    refused, connect, subscribe = found[1:4]
    assert (refused["code"], refused["device"], refused["address"]) == ("credential", "who\r\n{}", "127.0.0.1")
    assert (connect["device"], connect["org"], connect["roles"]) == ("raw-1", "acme", ["viewer"])
    assert (connect["permissions"], connect["key"], connect["address"]) == (["x"], key.key_id, "127.0.0.1")
    assert (subscribe["channel"], subscribe["code"], subscribe["device"]) == ("debug.heap", "forbidden", "raw-1")
    assert subscribe["session"] == connect["session"] == session.short_id.decode()
    assert all(line["time"].endswith("Z") for line in found)
    text = path.read_text()
    for secret in (token, fresh, stale, key.secret.hex(), session.session_id.hex()):
        assert secret not in text
        assert secret.rpartition(".")[2] not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not caplog.records


async def test_a_request_of_rest_that_is_refused_is_written_down_without_its_token(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    bench = Bench(tmp_path, audit_log=path)
    await bench.start()
    viewer = make_token(bench.gateway.key, "rest-1", ["viewer"], 600)
    asked = [("Bearer a.b.c", 401), (f"Bearer {viewer}", 403), ("", 401)]
    async with aiohttp.ClientSession() as http:
        for number, (header, status) in enumerate(asked):
            url = f"{bench.address}/v1/channels/log-{number}/events"
            async with http.post(url, headers={"Authorization": header}, json={"events": []}) as answer:
                assert answer.status == status
    await bench.stop()
    found = [line for line in lines(path) if line["what"] == "request-refused"]
    assert [(line["code"], line["request"]) for line in found] == [
        ("credential", "POST /v1/channels/log-0/events"),
        ("forbidden", "POST /v1/channels/log-1/events"),
        ("credential", "POST /v1/channels/log-2/events"),
    ]
    assert {line["address"] for line in found} == {"127.0.0.1"}
    assert viewer.rpartition(".")[2] not in path.read_text()


HOSTILE = [
    "a\r\nb", "\x1b[31mred", '"},{"what":"connect"', "\\", "\0", "\x7f", "é", "\u2028", "\U0001f600", "\ud800", "x" * 1_000_000,
    "\n" * 5000, "{'a': 1}", "%s%n", "${jndi:ldap://x}", "a\tb", "\x85",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_begins_a_line_of_its_own_or_fills_the_file(tmp_path: Path, value: str) -> None:
    path = tmp_path / "audit"
    log = AuditLog(path, wall_s=Clock())
    log.note("connect", device=value, more=[value] * 100, other={"x": value})
    log.close()
    data = path.read_bytes()
    assert len(data) < 16_000
    assert data.count(b"\n") == 1
    assert data[:-1].decode("ascii").isprintable()
    [line] = lines(path)
    assert line["device"][:8] == value[:8]
    assert line["time"] == "2027-01-15T08:00:00.250Z"


def test_the_file_is_turned_over_at_its_limit_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    log = AuditLog(path, 4096, kept=3, wall_s=Clock())
    for number in range(500):
        log.note("connect", number=number)
    log.close()
    names = sorted(found.name for found in tmp_path.iterdir())
    assert names == ["audit", "audit.1", "audit.2", "audit.3"]
    assert all(found.stat().st_size <= 4096 for found in tmp_path.iterdir())
    numbers = [line["number"] for name in reversed(names[1:]) for line in lines(tmp_path / name)]
    numbers += [line["number"] for line in lines(path)]
    assert numbers == list(range(numbers[0], 500))
    log = AuditLog(path, 4096, kept=3, wall_s=Clock())  # and goes on where it was
    log.note("connect", number=500)
    log.close()
    assert lines(path)[-1]["number"] == 500
    assert lines(path)[0]["number"] < 500


def test_a_flood_of_refusals_washes_nothing_out_and_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    clock = Clock()
    log = AuditLog(path, wall_s=clock)
    log.note("connect", device="honest")
    for _ in range(10_000):
        log.note("refused", code="credential")
    log.note("revoked", device="honest")
    clock.now_s += 1
    log.note("refused", code="credential")
    log.close()
    what = [line["what"] for line in lines(path)]
    assert what == ["connect", *["refused"] * REFUSALS_PER_S, "revoked", "passed-over", "refused"]
    assert lines(path)[-2]["refusals"] == 10_000 - REFUSALS_PER_S


def test_a_full_disk_stops_nothing_and_is_said_once_and_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit"
    log = AuditLog(path, wall_s=Clock())
    stream = log._stream

    class Full:
        def write(self, _data: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "_stream", Full())
    for _ in range(3):
        log.note("connect")
    assert log.lost == 3
    assert caplog.text.count("No space left") == 1
    monkeypatch.setattr(log, "_stream", stream)
    log.note("connect", device="again")
    log.note("connect", device="and again")
    log.close()
    assert [line.get("lost_before") for line in lines(path)] == [3, None]


async def test_a_gateway_that_cannot_write_its_audit_log_does_not_start(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "not" / "there"):
        bench = Bench(tmp_path, audit_log=path)
        with pytest.raises(CallerError, match="audit log"):
            await bench.start()
    if os.name == "posix":
        assert not (tmp_path / "not").exists()
