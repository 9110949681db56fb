"""mypy reads the client with MicroPython's stubs in the place of its own typeshed, and finds what was planted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.micropython.board import ROOT, TIMEOUT_S, install
from tests.support import npm

# The stubs stay out of the environment of the tests: beside CPython's own they would only confuse.
STUBS = "micropython-unix-stubs==1.29.0.post1"

PLANTED = """\
import time
from flight_client import Client, Log, QUEUED

client = Client("tcp://a:1", "token", "board-1")
log = client.channel("log")
ok: int = log.emit(Log("hello"))
wait_ms: int = client.poll(1000)
client.wait(wait_ms)
time.sleep_ms(5)
bad_1: str = client.poll()
bad_2 = client.no_such_method()
log.emit(Log("x"), 1, 2)
client.wait("soon")
bad_3 = QUEUED + "x"
time.no_such_clock()
"""
PLANTED_FROM = 10


@pytest.fixture(scope="module")
def stubs() -> Path:
    """The stubs in a folder of their own, once per version."""
    folder = ROOT / "build" / STUBS.replace("==", "-")
    if not folder.exists():
        making = folder.with_name(f"{folder.name}-making")
        shutil.rmtree(making, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--target", str(making), STUBS]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode:
            npm.missing(f"pip could not install {STUBS}: {done.stderr[-300:]}")
        making.rename(folder)
    return folder


def check(folder: Path, stubs: Path, *what: str) -> list[str]:
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "micropython" / "mypy.ini")]
    command += ["--cache-dir", str(ROOT / "build" / "mypy-boards"), "--custom-typeshed-dir", str(stubs), *what]
    environment = {"MYPYPATH": str(stubs), "PATH": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return [line for line in done.stdout.splitlines() if ": error:" in line]


def test_the_client_is_clean_and_planted_errors_are_found(tmp_path: Path, stubs: Path) -> None:
    install(tmp_path)
    (tmp_path / "planted.py").write_text(PLANTED)
    errors = check(tmp_path, stubs, "flight_client", "planted.py")
    assert not [line for line in errors if not line.startswith("planted.py")], "\n".join(errors[:20])
    assert sorted({int(line.split(":")[1]) for line in errors}) == list(range(PLANTED_FROM, PLANTED_FROM + 6)), errors
