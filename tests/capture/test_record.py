"""A recorder never disturbs its session, and what it wrote is there when the process dies."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from flight_client import CallerError
from flight_client.capture import Recorder, replay
from flight_client.capture.format import CUT, WHOLE, CaptureFile
from flight_client.session import spec
from flight_client.session.device import codes
from flight_client.session.device.machine import DeviceSession
from tests.capture.sessions import Desk, record_small, welcome


def test_a_recorded_session_does_what_it_would_have_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = record_small(tmp_path / "a")
    monkeypatch.setattr(Recorder, "attach", lambda *_: None)
    monkeypatch.setattr(Recorder, "close", lambda *_: None)
    alone = record_small(tmp_path / "b")
    assert not (tmp_path / "b").exists()
    assert recorded.sent == alone.sent
    assert len(recorded.sent) > 10


def test_a_disk_that_fails_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path / "a")
    desk.session.start(desk.now)
    desk.run()

    def full(*_: Any) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.recorder._writer, "write", full)
    desk.opened()
    assert desk.receive(spec.TYPE_WELCOME, welcome()) == codes.CONNECTED
    assert "No space left" in desk.recorder.trouble
    assert sum("recording ends here" in record.getMessage() for record in caplog.records) == 1
    desk.recorder.close()
    report = replay(tmp_path / "a")
    assert report.same
    assert report.ending == CUT


def test_what_is_older_than_a_second_is_in_the_file_without_a_close(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a")
    desk.session.start(desk.now)
    desk.run()
    desk.opened()
    desk.run(1001)
    report = replay(tmp_path / "a")
    assert report.ending == CUT
    assert report.frames_out == 1
    desk.recorder.close()
    assert replay(tmp_path / "a").ending == WHOLE


def test_what_a_method_does_inside_is_no_happening(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a")
    desk.session.start(desk.now)
    desk.run()
    desk.run(60_000)  # poll() finds that the transport took too long, and calls failed() itself
    assert desk.session.state == spec.STATE_WAITING
    desk.recorder.close()
    file = CaptureFile(tmp_path / "a")
    numbers = {body[0] for body in file.records()}
    names = {file.header["happenings"][number] for number in numbers}
    file.close()
    assert names == {"session.start", "session.poll", "session.wake_in_ms"}


def test_a_method_that_raises_leaves_the_recorder_ready(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a")
    with pytest.raises(IndexError):
        desk.session.channels.leave(9)
    desk.session.start(desk.now)
    desk.recorder.close()
    assert replay(tmp_path / "a").happenings == 1


def test_a_recorder_takes_one_session_and_none_after_its_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a")
    with pytest.raises(CallerError, match="one session"):
        desk.recorder.attach(desk.session, desk.inbox)
    desk.recorder.close()
    desk.recorder.close()
    unused = Recorder(tmp_path / "b")
    unused.close()
    assert unused.records == 0
    assert not (tmp_path / "b").exists()
    with pytest.raises(CallerError, match="one session"):
        unused.attach(desk.session, desk.inbox)


def test_a_path_that_cannot_be_made_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="cannot be made"):
        Desk(tmp_path / "absent" / "a")


def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    short_bytes = peak_bytes(tmp_path / "short", 300)
    long_bytes = peak_bytes(tmp_path / "long", 6000)
    assert (tmp_path / "long").stat().st_size > 10 * (tmp_path / "short").stat().st_size
    assert long_bytes < 1.2 * short_bytes + 20_000


def peak_bytes(path: Path, rounds: int) -> int:
    """What recording and replaying so many heartbeats takes."""
    desk = Desk(path)
    desk.session.start(desk.now)
    desk.run()
    desk.opened()
    desk.receive(spec.TYPE_WELCOME, welcome())
    tracemalloc.start()
    try:
        for _ in range(rounds):
            desk.run(500)
            desk.receive(spec.TYPE_HEARTBEAT, bytes(8))
            desk.sent.clear()
        desk.recorder.close()
        report = replay(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.same
    assert report.happenings > 2 * rounds
    return peak


def test_the_sessions_class_is_not_changed(tmp_path: Path) -> None:
    poll = DeviceSession.poll
    Desk(tmp_path / "a").recorder.close()
    assert DeviceSession.poll is poll


def test_what_an_application_steers_replays_equal(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a")
    session = desk.session
    session.restore(b"incarnat", 7, 3)
    session.adapt()
    session.sender.limit_link(3600)
    session.start(desk.now)
    desk.run()
    desk.opened()
    assert desk.receive(spec.TYPE_WELCOME, welcome()) == codes.CONNECTED
    session.sender.limit_pace(5)
    session.batching.memory(-1)
    session.batching.memory(900)
    session.channels.add(b"log", spec.MODE_PUBLISH)
    session.waiting_lossy = 3
    for _ in range(20):
        desk.run(40)
    session.pause(desk.now)
    desk.run(1500)
    assert session.state == spec.STATE_PAUSED
    session.go_on(desk.now)
    desk.run()
    session.failed(desk.now, 9)
    session.recover(codes.ADVICE_POLLING)
    desk.run(30_000)
    desk.recorder.close()
    report = replay(tmp_path / "a")
    assert report.difference is None, report.difference
    assert report.happenings > 50
