"""The Go module: gofmt and vet have nothing to say, the guide's program prints what the guide prints, bad input is explained."""

import subprocess
from pathlib import Path

import pytest

from tests.bindings import built
from tests.support.process import HANG_S


@pytest.fixture(scope="module")
def programs() -> Path:
    return built.go() / "bin"


@pytest.fixture(scope="module")
def hostile(programs: Path) -> list[str]:
    return output(programs / "hostile")


def output(program: Path) -> list[str]:
    done = subprocess.run([program], capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_quick_start_prints_what_the_guide_prints(programs: Path) -> None:
    assert output(programs / "quickstart") == ["PSP Memory Constraint: 32MB", "Max retries: 2, Interval: 3000ms"]


def test_unknown_numbers_are_never_zero_and_bad_input_is_explained(programs: Path) -> None:
    assert output(programs / "inputs") == [
        "true 16777216 true true psp",
        "another type: false",
        "caller: unknown platform (amiga); use one of: dreamcast, psp, vita, v6r-cloud, web, host, micro",
        "caller: the platform is of the type web-browser, no console (web); write the ClientInfo yourself",
        "[basic-messaging memory-updates polling-mode]",
        'caller: there is no token (""); make one with `flight gateway --print-token`',
        "caller: the address is none of a gateway (nowhere); write http://HOST:PORT or https://HOST:PORT",
        "5000",
        "<nil>",
        "<nil>",
        "caller: the message is too old, or dated ahead (36000000 ms); make it anew",
        "caller: the payload is larger than the 896 bytes that psp takes (897); send less at once",
    ]


def test_servers_that_are_none_are_told_apart_and_never_followed_elsewhere(hostile: list[str]) -> None:
    told = dict(line.split(": ", 1) for line in hostile[:12])
    assert {name: reason.split(":")[0] for name, reason in told.items() if name != "elsewhere"} == {
        "garbled": "peer", "a list": "peer", "no messages": "peer", "no welcome": "peer", "huge": "peer", "redirect": "peer",
        "not found": "peer", "bad gateway": "link", "wrong type": "peer", "beyond int64": "peer", "refused": "caller",
    }  # fmt: skip
    assert told["elsewhere"] == "0", "the token was carried on by a redirect"
    assert "OTHER/v1/poll" in told["redirect"]
    assert "over 16777216 bytes" in told["huge"]


def test_what_cannot_be_is_the_callers_mistake_and_a_refused_critical_batch_a_dead_letter(hostile: list[str]) -> None:
    words = [
        "no context", "context canceled", "hidden: it may hold a secret", "handler is nil", "no place to start", "<nil> 0",
        "already subscribed", "nothing to publish", "an event is nil", "cannot be written as JSON", "unknown priority",
        "larger than 120000 bytes", "payload is no JSON object ([])", "payload is no JSON object (null)", "another platform",
        "MessageType is no type of event", "no channel is known", "ID, MessageType or Timestamp is missing", "not yours", "not yours", "refused c true forbidden", "is closed", "is closed", "is closed",
    ]  # fmt: skip
    lines = hostile[12:-1]
    assert len(lines) == len(words)
    for line, expected in zip(lines, words, strict=True):
        assert expected in line
    assert "secret@" not in "".join(lines)
    assert lines[1].endswith("true"), "errors.Is does not find the context's error"


def test_publishing_through_an_outage_is_bounded(programs: Path) -> None:
    """256 batches wait and as many are on their way; each of the others was told that it made room."""
    assert output(programs / "outage") == ["given up: 1488 told: 2000"]


def test_close_leaves_no_goroutine_behind(hostile: list[str]) -> None:
    assert hostile[-1] == "goroutines left: 0"


def test_the_module_needs_nothing_but_the_standard_library() -> None:
    assert "require" not in (built.GO / "go.mod").read_text(encoding="utf-8")
