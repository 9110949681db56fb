"""The recorded sessions of spec/traces, replayed by CPython, MicroPython and the C session."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from build_scripts import ctools, make_traces
from flight_client.session.spec import FLAG_MORE, TYPE_DELIVER
from tests.session.test_micropython import interpreter
from tests.support.figures import Figure
from tests.tools import needs_clang
from tests.twin import steps, traces
from tests.twin.library import Twin

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(make_traces.TRACES.glob("*.txt"))
TEXT = "".join(path.read_text(encoding="utf-8") for path in FILES)
STEPS = sum(line[0] not in "#s" for line in TEXT.splitlines())
SESSIONS = TEXT.count("setup ")
TIMEOUT_S = 90


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin()


def replayed_in_c(twin: Twin, text: str) -> tuple[int, int]:
    sessions = twin.ffi.new("long *")
    steps = twin.lib.twin_replay(text.encode(), sessions)
    return sessions[0], steps


def test_there_are_a_few_dozen_sessions() -> None:
    assert SESSIONS == len(FILES) >= 36
    assert STEPS > 200 * 30


def test_the_traces_are_not_stale_and_show_everything() -> None:
    assert make_traces.stale() == []


def test_cpython_replays_them(figure: Figure) -> None:
    assert traces.replay(TEXT.splitlines()) == (SESSIONS, STEPS)
    figure(f"traces: {SESSIONS} sessions, {STEPS} steps on CPython")


def test_c_replays_them(twin: Twin, figure: Figure) -> None:
    assert replayed_in_c(twin, TEXT) == (SESSIONS, STEPS)
    figure(f"traces: {SESSIONS} sessions, {STEPS} steps in C on the host")


def is_plain(path: Path) -> bool:
    """Whether the session of a trace agrees on no flag, so that nothing is cut or recoded, and the gateway keeps to that."""
    lines = path.read_text(encoding="utf-8").splitlines()
    setup = bytes.fromhex(lines[1].split()[1])
    taken = [bytes.fromhex(line.split()[0]) for line in lines[2:]]
    cut = any(step[0] == steps.RECEIVE and step[7] == TYPE_DELIVER and step[8] & FLAG_MORE for step in taken)
    return setup[16] == setup[17] == 0 and not cut


def test_without_pieces_plain_sessions_are_the_same() -> None:
    plain = [path for path in FILES if is_plain(path)]
    assert len(plain) > 30
    without = Twin("-DFLIGHT_SESSION_PIECES=0")
    for path in plain:
        sessions, done = replayed_in_c(without, path.read_text(encoding="utf-8"))
        assert sessions == 1, path.name
        assert done > 0, f"{path.name}:{-1 - done}: not what was recorded"


@needs_clang
@pytest.mark.timeout(300)
def test_the_sessions_own_program_finds_nothing_under_sanitizers() -> None:
    sources = [*ctools.core_sources(), *ctools.session_sources(), *ctools.twin_sources()]
    program = ctools.program("twin", sources, ["-O1", *ctools.SANITIZERS])
    done = ctools.run([program, *FILES])
    assert done.returncode == 0, done.stdout + done.stderr
    assert f" {SESSIONS} sessions, {STEPS} steps" in done.stdout


def test_micropython_replays_them(tmp_path: Path, figure: Figure) -> None:
    board = tmp_path / "board"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "flight_client" / "session", board / "flight_client" / "session", ignore=ignored)
    (board / "flight_client" / "__init__.py").write_text("")
    (board / "tests" / "twin").mkdir(parents=True)
    for folder in (board / "tests", board / "tests" / "twin"):
        (folder / "__init__.py").write_text("")
    for name in ("steps.py", "traces.py"):
        shutil.copy(ROOT / "tests" / "twin" / name, board / "tests" / "twin" / name)
    (board / "run.py").write_text("import sys\nfrom tests.twin.traces import main\nmain(sys.argv[1:])\n")
    done = subprocess.run(
        [interpreter(), "run.py", *map(str, FILES)],
        cwd=board,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(board)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.stdout.strip() == f"traces: {SESSIONS} sessions, {STEPS} steps", (
        done.stdout[-500:] + done.stderr[-2000:]
    )
    figure(f"{done.stdout.strip()} on MicroPython")


@pytest.mark.parametrize("word", [1, 2, 3])
def test_a_line_that_is_not_what_happened_is_found(twin: Twin, word: int) -> None:
    lines = FILES[0].read_text(encoding="utf-8").splitlines()
    words = lines[40].split()
    words[word] = f"{int(words[word], 16) ^ 1:x}"
    lines[40] = " ".join(words)
    with pytest.raises(AssertionError, match="line 41"):
        traces.replay(lines)
    assert replayed_in_c(twin, "\n".join(lines) + "\n")[1] == -1 - 41


def test_the_generator_says_which_trace_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in FILES:
        shutil.copy(path, tmp_path)
    changed = tmp_path / FILES[0].name
    changed.write_text(changed.read_text(encoding="utf-8") + "# one line more\n", encoding="utf-8")
    monkeypatch.setattr(make_traces, "TRACES", tmp_path)
    assert make_traces.main(["--check"]) == 1
    assert FILES[0].name in capsys.readouterr().err
