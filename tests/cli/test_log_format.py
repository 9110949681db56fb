"""The gateway's log: one record is one line, whatever devices and strangers send."""

import json
import logging
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.cli.log_format import JsonFormatter, TextFormatter, escaped
from tests.support.process import GatewayProcess, run_flight
from tests.support.raw import RawPoller, hello_frame
from tests.support.waiting import eventually

HOSTILE = "\x1b[2Jx\r\n2026-11-23 12:00:00,000 ERROR forged\u2028\u202e\x9b31m\ud800\x00"


def record(message: str, error: Exception | None = None, **extra: Any) -> logging.LogRecord:
    about: Any = None
    if error is not None:
        try:
            raise error
        except Exception:
            about = sys.exc_info()
    made = logging.LogRecord("flight.gateway", logging.WARNING, __file__, 1, "%s", (message,), about)
    vars(made).update(extra)
    return made


def test_a_json_line_has_what_programs_sort_by() -> None:
    found = json.loads(JsonFormatter().format(record("here", device="my-dc", session="ab12")))
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "warning", "logger": "flight.gateway", "message": "here", "device": "my-dc", "session": "ab12",
    }  # fmt: skip


@given(st.text(st.characters(), max_size=200), st.text(st.characters(), max_size=50))
def test_whatever_a_message_or_an_error_says_is_one_line_of_json(message: str, said: str) -> None:
    line = JsonFormatter().format(record(message, ValueError(said), device=said))
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert found["message"] == message
    assert found["device"] == said
    assert "ValueError" in found["traceback"]


@given(st.text(st.characters(), max_size=200), st.text(st.characters(), max_size=50))
def test_whatever_a_message_or_an_error_says_is_one_record_of_text(message: str, said: str) -> None:
    lines = TextFormatter().format(record(message, ValueError(said))).split("\n")
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith("  | ") for line in lines[1:])


def test_hostile_text_is_shown_and_does_nothing() -> None:
    assert escaped(HOSTILE) == (r"\x1b[2Jx\r\n2026-11-23 12:00:00,000 ERROR forged\u2028\u202e\x9b31m\ud800\x00")
    assert escaped("Grüße, 世界") == "Grüße, 世界"


def test_a_message_without_end_is_cut_and_says_how_long_it_was() -> None:
    for line in (JsonFormatter().format(record("x" * 100_000)), TextFormatter().format(record("x" * 100_000))):
        assert "(100000 characters)" in line
        assert len(line) < 9000


async def test_a_gateway_that_writes_json_writes_nothing_else_and_no_token(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, "memory:", "--log-format", "json", "--verbose", "--drain", "0")
    await gateway.start_beside()
    try:
        async with RawPoller(gateway.address) as raw:
            token = gateway.token()
            await raw.hello(token, b"my-dc", version=b"\x1b[2J\n\xff")
            for hostile in (b"\x1b[31m\r\nforged", b"\xff\xfe"):
                [refused] = await raw.poll(hello_frame(token, hostile))
                assert refused.code
            await raw.request(b"\x1b\n" * 50)
        with socket.create_connection(("127.0.0.1", gateway.port)) as stranger:
            stranger.sendall(b"GET /\x1b[2J\r\nforged: {}\r\n\r\n")
            stranger.recv(4096)
        gateway.terminate()
        await eventually(lambda: gateway.ended() is not None, "the end")
        assert gateway.ended() == 0
    finally:
        gateway.kill()
    lines = gateway.said().splitlines()
    found = [json.loads(line) for line in lines]
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(set(one) >= {"time", "level", "logger", "message"} for one in found)
    assert found[0]["addresses"] == [gateway.address]
    assert found[0]["engine"] == "memory:"
    assert found[-1]["message"].startswith("drained: ")
    assert (found[-1]["told"], found[-1]["left"]) == (1, 1)
    hello = [one for one in found if "said hello" in one["message"]]
    assert [one["device"] for one in hello] == ["my-dc"]
    assert token not in gateway.said()


def test_another_format_is_refused_with_those_that_are(tmp_path: Path) -> None:
    done = run_flight("gateway", "--log-format", "xml", "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "text or json" in done.stderr
    assert "xml" in done.stderr


@pytest.mark.parametrize("name", ["device", "session", "code"])
def test_a_field_that_a_record_lacks_is_left_out(name: str) -> None:
    assert name not in json.loads(JsonFormatter().format(record("here")))
