"""mypy and pyright read the client with MicroPython's stubs in the place of their own typeshed, and find what was planted."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.micropython.board import ROOT, TIMEOUT_S, install
from tests.support import npm

HERE = Path(__file__).resolve().parent
Checker = Callable[[Path, Path], list[tuple[str, int, str]]]
PYRIGHT_LIMIT_S = 300  # it starts slowly on a busy machine
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


def mypy(folder: Path, stubs: Path) -> list[tuple[str, int, str]]:
    """Module, line and text of each error."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "micropython" / "mypy.ini")]
    command += ["--cache-dir", str(ROOT / "build" / "mypy-boards"), "--custom-typeshed-dir", str(stubs)]
    command += ["flight_client", "planted.py"]
    environment = {"MYPYPATH": str(stubs), "PATH": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    errors = [line.split(":", 2) for line in done.stdout.splitlines() if ": error:" in line]
    return [(module, int(number), text) for module, number, text in errors]


def pyright(folder: Path, stubs: Path) -> list[tuple[str, int, str]]:
    """The same from the other one; it reads the examples too."""
    config = json.loads((ROOT / "micropython" / "pyrightconfig.json").read_text())
    shutil.copytree(ROOT / "micropython" / "examples", folder / "examples")
    config["include"].append("planted.py")
    config |= {"typeshedPath": str(stubs), "stubPath": str(stubs)}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    tool = npm.installed(HERE / "pyright") / "node_modules" / "pyright" / "index.js"
    command = ["node", str(tool), "--outputjson", "--project", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PYRIGHT_LIMIT_S, check=False)
    said = json.loads(done.stdout)
    assert said["summary"]["filesAnalyzed"] > 40, said["summary"]
    return [
        (Path(found["file"]).relative_to(folder).as_posix(), found["range"]["start"]["line"] + 1, found["message"])
        for found in said["generalDiagnostics"]
        if found["severity"] == "error"
    ]


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_the_client_is_clean_and_planted_errors_are_found(tmp_path: Path, stubs: Path, checker: Checker) -> None:
    install(tmp_path)
    (tmp_path / "planted.py").write_text(PLANTED)
    errors = checker(tmp_path, stubs)
    assert not [error for error in errors if error[0] != "planted.py"], errors[:20]
    assert sorted({number for _, number, _ in errors}) == list(range(PLANTED_FROM, PLANTED_FROM + 6)), errors
