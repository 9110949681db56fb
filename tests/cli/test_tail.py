"""`flight tail` as a person and a pipe use it."""

import json
import struct

import pytest

from flight_client import Log
from flight_client.session import spec
from tests.support.process import GatewayProcess, interrupt, run_flight, start_flight
from tests.support.raw import RawStream, critical_frame


@pytest.fixture
def here(running: GatewayProcess) -> list[str]:
    return ["--gateway", running.address, "--state-dir", str(running.folder)]


def test_it_prints_a_line_for_a_person_and_an_object_for_a_program(here: list[str]) -> None:
    for text in ("one", "two words"):
        assert run_flight("send", "--channel", "shown", "--device-id", "me", text, *here).returncode == 0
    line = run_flight("tail", "shown", "--history", "2", "--count", "2", *here)
    assert line.returncode == 0
    first, second = line.stdout.splitlines()
    assert " me " in first
    assert "text=one" in first
    assert 'text="two words"' in second
    objects = run_flight("tail", "shown", "--history", "1", "--count", "1", "--json", *here)
    [event] = [json.loads(text) for text in objects.stdout.splitlines()]
    assert event["data"]["text"] == "two words"
    assert event["device"] == "me"
    assert abs(event["timestamp"] - event["received"]) < 60_000
    assert "connected" in objects.stderr  # not between the objects


def test_control_characters_of_others_do_not_reach_the_terminal(here: list[str]) -> None:
    evil = "a\x1b[2Jb\x07c\rd\u202ee\x9bf"
    assert run_flight("send", "--channel", "evil", *here, text=evil + "\n").returncode == 0
    for words in ((), ("--json",)):
        done = run_flight("tail", "evil", "--history", "1", "--count", "1", *words, *here)
        [line] = done.stdout.splitlines()
        assert line.isprintable()
        assert "[2Jb" in line


async def test_an_event_that_cannot_be_read_does_not_end_it(running: GatewayProcess, here: list[str]) -> None:
    bad_text = struct.pack("<BBBBH", 1, 0, 0, 0, 2) + b"\xff\xfe"
    bad = struct.pack("<IHH", 1, 0, 0) + struct.pack("<BBH", 5, len(bad_text) // 4, 0) + bad_text
    async with RawStream(running.address) as raw:
        await raw.hello(running.token())
        await raw.open(1, b"broken")
        frame = bytearray(critical_frame(1, 1, 1))
        assert frame
        from flight_client.wire.frames import encode_frame

        await raw.send(encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, 1, 1, 0, bad))
        await raw.send(critical_frame(1, 2, 2, Log("after it")))
        while (await raw.expect(spec.TYPE_ACK)).ack != 3:
            pass
    done = run_flight("tail", "broken", "--history", "5", "--count", "1", "--json", *here)
    assert done.returncode == 0
    assert json.loads(done.stdout)["data"]["text"] == "after it"
    assert "Traceback" not in done.stderr


def test_count_0_prints_nothing_and_ends(here: list[str]) -> None:
    done = run_flight("tail", "--count", "0", *here)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["Bad Name"], "Bad Name"),
        (["--transport", "pigeon"], "pigeon"),
        (["--history", "many"], "many"),
        (["--history", "-1"], "-1"),
        (["--count", "-1"], "-1"),
        (["--gateway", "gopher://x"], "gopher"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_argument_is_exit_2_with_the_value(here: list[str], words: list[str], shown: str) -> None:
    done = run_flight("tail", *here, *words)
    assert done.returncode == 2, done
    assert shown in done.stderr
    assert "Traceback" not in done.stderr


def test_a_password_in_an_address_is_not_printed(here: list[str]) -> None:
    done = run_flight("tail", *here, "--gateway", "http://me:hunter2@127.0.0.1")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr


def test_ctrl_c_ends_it_cleanly(here: list[str]) -> None:
    process = start_flight("tail", *here)
    assert process.stderr is not None
    while "connected" not in process.stderr.readline():
        assert process.poll() is None
    code, out, err = interrupt(process)
    assert (code, out) == (130, "")
    assert err.strip() == "flight: interrupted"


def test_a_reader_that_goes_away_ends_it_without_a_complaint(here: list[str]) -> None:
    process = start_flight("tail", "broken-pipe", *here)
    assert process.stdout is not None
    assert process.stderr is not None
    while "connected" not in process.stderr.readline():
        assert process.poll() is None
    process.stdout.close()
    while process.poll() is None:
        assert run_flight("send", "--channel", "broken-pipe", "x", *here).returncode == 0
    assert process.returncode == 0
    assert "Traceback" not in process.stderr.read()
    assert process.stdin is not None
    process.stdin.close()
    process.stderr.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tail", "Bad Name"), "not a channel name"),
        (("send", "--channel", "Bad Name", "text"), "not a channel name"),
        (("send", "--type", "memory-update", "used_bytes=x"), "used_bytes"),
    ],
)
def test_a_mistake_is_told_before_anybody_is_asked(words: tuple[str, ...], said: str) -> None:
    done = run_flight(*words, "--gateway", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "127.0.0.1" not in done.stderr
