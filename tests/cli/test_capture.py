"""`flight capture` and `flight replay` as a person uses them."""

import json
import re
from pathlib import Path

import pytest

from tests.capture.sessions import TOKEN, record_small
from tests.support.process import GatewayProcess, interrupt, run_flight, start_flight


@pytest.fixture
def here(running: GatewayProcess) -> list[str]:
    return ["--gateway", running.address, "--state-dir", str(running.folder)]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    record_small(tmp_path / "small.capture")
    return tmp_path / "small.capture"


def test_what_send_does_is_recorded_shown_and_replayed(here: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "send.capture")
    assert run_flight("send", "--channel", "log", "--capture", path, "hello", *here).returncode == 0
    shown = run_flight("capture", "show", path)
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()]
    frames = [(row[2], row[3]) for row in rows if len(row) > 3 and row[2] in ("->", "<-")]
    assert frames[:2] == [("->", "HELLO"), ("<-", "WELCOME")]
    assert ("->", "DATA") in frames
    assert ("<-", "OPENED") in frames
    assert frames[-1] == ("->", "CLOSE")
    numbers = [int(row[0]) for row in rows if row and row[0].isdecimal()]
    assert numbers == sorted(numbers)
    replayed = run_flight("replay", path)
    assert replayed.returncode == 0, replayed.stderr
    assert re.match(r"replay: \d+ happenings, \d+ frames, \d+\.\d s, same bytes\n", replayed.stdout)


def test_record_follows_a_channel_until_ctrl_c(here: list[str], tmp_path: Path) -> None:
    path = tmp_path / "record.capture"
    process = start_flight("capture", "record", str(path), "log", *here)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "connected over" in line
    assert str(path) in line
    code, _, complained = interrupt(process)
    assert code == 0, complained
    assert "flight capture show" in complained
    assert run_flight("replay", str(path)).returncode == 0


def test_record_stops_after_its_seconds(here: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "record.capture")
    done = run_flight("capture", "record", path, "log", "--seconds", "0.2", *here)
    assert done.returncode == 0, done.stderr
    again = run_flight("capture", "record", path, "log", "--seconds", "0.2", *here)
    assert again.returncode == 2
    assert "there is such a file already" in again.stderr


def test_with_secrets_warns(here: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "record.capture")
    done = run_flight("capture", "record", path, "log", "--seconds", "0.1", "--with-secrets", *here)
    assert done.returncode == 0, done.stderr
    assert "will hold your token" in done.stderr
    assert "show it to nobody" in run_flight("capture", "show", path).stdout


def test_a_connection_that_failed_is_recorded_too(tmp_path: Path) -> None:
    path = str(tmp_path / "failed.capture")
    (tmp_path / "token").write_text("t")
    words = ["--gateway", "http://127.0.0.1:9", "--token-file", str(tmp_path / "token"), "--wait", "0.3"]
    assert run_flight("capture", "record", path, *words).returncode == 3
    shown = run_flight("capture", "show", path).stdout
    assert re.search(r"failed +websocket", shown)
    assert run_flight("replay", path).returncode == 0


def test_show_has_a_line_for_people_an_object_for_programs_and_the_bytes(small: Path) -> None:
    line = next(text for text in run_flight("capture", "show", str(small)).stdout.splitlines() if "HELLO" in text)
    assert re.fullmatch(r" +\d+ +0\.\d{3} -> HELLO +checked +\d+", line)
    objects = [json.loads(text) for text in run_flight("capture", "show", str(small), "--json").stdout.splitlines()]
    hello = next(row for row in objects if row["what"] == "HELLO")
    assert hello["direction"] == "->"
    assert hello["size"] == 16 + len(bytes.fromhex(hello["payload"])) + 4
    assert TOKEN.hex() not in hello["payload"]
    dumped = run_flight("capture", "show", str(small), "--hex").stdout
    assert re.search(r"\n {8}0030  (..  ?){16} .*desk-1", dumped)
    everything = run_flight("capture", "show", str(small), "--all").stdout
    assert len(everything.splitlines()) > len(run_flight("capture", "show", str(small)).stdout.splitlines())


def test_replay_names_the_first_difference_and_fails(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flight_client.capture import replay
    from flight_client.cli.replay import summary
    from flight_client.session.device.policy import Policy

    monkeypatch.setattr(Policy, "wait_ms", lambda *_: 54321)
    text = summary(replay(small))
    assert "a difference" in text
    found = re.search(r"first difference: record (\d+), ([\d.]+) s, wake_in_ms: .*: expected (.*), came (.*)", text)
    assert found is not None
    assert "54321" in found[4]


def test_a_cut_file_is_replayed_and_a_damaged_one_fails(small: Path) -> None:
    data = small.read_bytes()
    small.write_bytes(data[:-20])
    cut = run_flight("replay", str(small))
    assert cut.returncode == 0
    assert "the file is cut" in cut.stdout
    small.write_bytes(data[:-20] + b"\xff" + data[-19:])
    for words in (("replay", str(small)), ("capture", "show", str(small))):
        damaged = run_flight(*words)
        assert damaged.returncode == 1
        assert "damaged" in damaged.stdout + damaged.stderr
        assert "Traceback" not in damaged.stderr


@pytest.mark.parametrize("words", [("replay",), ("capture", "show")], ids=["replay", "show"])
def test_a_file_that_is_none_is_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "other").write_text("no recording")
    for name in ("other", "absent"):
        done = run_flight(*words, str(tmp_path / name))
        assert done.returncode in (1, 2)
        assert len(done.stderr.splitlines()) == 1
        assert "Traceback" not in done.stderr
