"""A session that does anything else than the recorded one is found out, at the first step that differs."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_client.capture import Report, replay
from flight_client.capture.fields import DamagedError
from flight_client.capture.format import MAGIC, CaptureFile
from flight_client.capture.happenings import Codec, Step
from flight_client.capture.header import codec_of
from flight_client.proof import SessionKey
from flight_client.session import spec
from flight_client.session.device import machine
from flight_client.session.device.machine import DeviceSession
from flight_client.session.device.policy import Policy
from flight_client.session.device.receipts import Receipts
from flight_client.session.device.store import SendStore
from tests.capture.sessions import record_small


def constant(value: Any) -> Callable[..., Any]:
    return lambda *_args, **_named: value


@pytest.mark.parametrize(
    ("owner", "name", "other", "said"),
    [
        (machine, "write_hello", constant(60), "HELLO"),
        (Policy, "wait_ms", constant(12345), "wake_in_ms: the answer is another"),
        (Policy, "failed", constant(None), "expected NOTHING, came OPEN"),
        (SendStore, "rewind", constant(None), "session.store.cursor"),
        (SessionKey, "attach", constant(None), "ATTACH differs from byte 24"),
        (Receipts, "new_transport", lambda self: setattr(self, "resend_wanted", True), "resend_wanted"),
        (DeviceSession, "turn_done", constant(None), "the answer is another"),
    ],
    ids=["hello", "wait", "policy", "store", "proof", "receipts", "time"],
)
def test_another_behaviour_is_named_with_record_time_and_what_was_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, other: Any, said: str
) -> None:
    record_small(tmp_path / "a")
    assert replay(tmp_path / "a").same
    monkeypatch.setattr(owner, name, other)
    report = replay(tmp_path / "a")
    assert not report.same
    assert report.difference is not None
    assert report.difference.record == report.happenings
    text = str(report.difference)
    assert text.startswith(f"record {report.happenings}, ")
    assert " s, " in text
    assert "expected " in text
    assert "came " in text
    assert said in text


# Changed recordings, written with right checks


def rewritten(
    path: Path, *, step: Callable[[int, Step], None] | None = None, header: dict[str, Any] | None = None
) -> None:
    """The same file with other steps or another header, and checks that fit."""
    file = CaptureFile(path)
    said = {**file.header, **(header or {})}
    codec = codec_of(file.header)
    bodies = [json.dumps(said).encode()]
    for number, body in enumerate(file.records(), 1):
        read = codec.read(body)
        if step is not None:
            step(number, read)
        bodies.append(bytes(codec.write(read)))
    file.close()
    write(path, [*bodies, b""])


def write(path: Path, bodies: list[bytes]) -> None:
    data, check = MAGIC, 0
    for body in bodies:
        head = struct.pack("<I", len(body))
        check = zlib.crc32(head + body, check)
        data += head + body + struct.pack("<I", check)
    path.write_bytes(data)


def test_a_rewritten_recording_is_the_same(tmp_path: Path) -> None:
    record_small(tmp_path / "a")
    before = replay(tmp_path / "a")
    rewritten(tmp_path / "a")
    assert replay(tmp_path / "a") == before


def change_sent(step: Step) -> bool:
    if step.sent is None or step.sent.kind != spec.TYPE_DATA:
        return False
    step.sent.payload = step.sent.payload[:9] + bytes((step.sent.payload[9] ^ 1,)) + step.sent.payload[10:]
    return True


def change_seq(step: Step) -> bool:
    if step.sent is None or step.sent.kind != spec.TYPE_DATA:
        return False
    step.sent.seq += 1
    return True


def change_state(step: Step) -> bool:
    if not step.state or "session.store.used" not in step.state:
        return False
    step.state["session.store.used"] += 1
    return True


def change_random(step: Step) -> bool:
    if step.name != "session.failed":
        return False
    step.arguments[1] = 60000
    return True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_sent, "payload of DATA differs from byte 9"),
        (change_seq, "seq of the frame is another: expected 2, came 1"),
        (change_state, "session.store.used is another: expected 1, came 0"),
        (change_random, "wake_in_ms: the answer is another"),
    ],
    ids=["a byte", "seq", "state", "random bits"],
)
def test_a_changed_record_is_the_first_difference(tmp_path: Path, change: Callable[[Step], bool], said: str) -> None:
    record_small(tmp_path / "a")
    changed: list[int] = []

    def first(number: int, step: Step) -> None:
        if not changed and change(step):
            changed.append(number)

    rewritten(tmp_path / "a", step=first)
    difference = replay(tmp_path / "a").difference
    assert difference is not None
    assert difference.record in range(changed[0], changed[0] + 3)  # what was told differs, or what came of it
    assert said in str(difference)


def test_a_session_that_fails_over_what_it_is_told_is_a_difference(tmp_path: Path) -> None:
    record_small(tmp_path / "a")

    def shorten(_number: int, step: Step) -> None:
        if "session.nonce" in step.inputs:
            step.inputs["session.nonce"] = b"123"

    rewritten(tmp_path / "a", step=shorten)
    difference = replay(tmp_path / "a").difference
    assert difference is not None
    assert "the session failed" in str(difference)


# Headers of others


def profile_of(path: Path, **changes: Any) -> dict[str, Any]:
    file = CaptureFile(path)
    file.close()
    return {"profile": {**file.header["profile"], **changes}}


@pytest.mark.parametrize(
    "header",
    [
        {"protocol": 99},
        {"profile": None},
        {"profile": {}},
        {"identity": {}},
        {"transports": []},
        {"transports": [1 << 40]},
        {"transports": "tcp"},
        {"channel_limit": -1},
        {"channel_limit": "many"},
        {"inputs": []},
        {"state": ["session.nothing"]},
        {"happenings": ["session.stop"]},
        {"happenings": [["session.start"]]},
        {"happenings": ["session.start", "session.start"]},
    ],
    ids=str,
)
def test_a_header_of_somebody_else_is_refused_with_what_is_wrong(tmp_path: Path, header: dict[str, Any]) -> None:
    record_small(tmp_path / "a")
    rewritten(tmp_path / "a", header=header)
    with pytest.raises(DamagedError):
        replay(tmp_path / "a")


@pytest.mark.parametrize("change", [{"frame_bytes": 1 << 29}, {"window_frames": 1 << 29}, {"platform": "vita"}])
def test_a_header_that_asks_for_much_memory_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    record_small(tmp_path / "a")
    rewritten(tmp_path / "a", header=profile_of(tmp_path / "a", **change))
    with pytest.raises(DamagedError):
        replay(tmp_path / "a")


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 100_000], ids=["list", "cut", "no text", "deep"])
def test_a_header_that_is_no_object_is_refused(tmp_path: Path, body: bytes) -> None:
    write(tmp_path / "a", [body, b""])
    with pytest.raises(DamagedError):
        replay(tmp_path / "a")


def test_any_bytes_in_a_record_are_read_or_end_the_replay(tmp_path: Path) -> None:
    """Right checks, and one byte of a record changed at a time: never anything but a report."""
    record_small(tmp_path / "a")
    file = CaptureFile(tmp_path / "a")
    header, bodies = json.dumps(file.header).encode(), list(file.records())
    file.close()
    reports: list[Report] = []
    for number, body in enumerate(bodies[:60]):
        at = number * 7 % len(body)
        changed = body[:at] + bytes((body[at] ^ 0x81,)) + body[at + 1 :]
        write(tmp_path / "b", [header, *bodies[:number], changed, *bodies[number + 1 :], b""])
        reports.append(replay(tmp_path / "b"))
    assert sum(not report.same for report in reports) > 40


def test_the_codec_says_what_it_is_asked(tmp_path: Path) -> None:
    codec = Codec(["session.start", "session.poll"], ["session.nonce"], ["session.state"])
    step = Step("session.poll", 7, {"session.nonce": b"12345678"}, [0, 9], state={"session.state": 3})
    assert codec.read(bytes(codec.write(step))) == step
    with pytest.raises(DamagedError):
        codec.read(b"\x02")
