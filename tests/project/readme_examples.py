"""The examples of a page: found by their marks, cut out and run.

A block of code that is to be run has a comment `<!-- test: NAME -->` in the line before it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.project.tree import ROOT
from tests.support.ports import free_port

BLOCK = re.compile(r"^<!-- test: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")


def examples(page: str) -> dict[str, str]:
    """Name -> source of every example of the page that is to be run."""
    return dict(BLOCK.findall((ROOT / page).read_text(encoding="utf-8")))


def run_c(source: str, folder: Path) -> str:
    """Compile a C program with the core's sources, strictly, run it, and return what it printed."""
    program = folder / "example"
    (folder / "example.c").write_text(source, encoding="utf-8")
    sources = sorted(str(path) for path in (ROOT / "csrc" / "src").glob("*.c"))
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{ROOT / 'csrc' / 'include'}"]
    command = [*compiler, *flags, str(folder / "example.c"), *sources, "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return subprocess.run([str(program)], capture_output=True, text=True, check=True, timeout=30).stdout


@dataclass(frozen=True)
class RunningGateway:
    """Where a gateway of a test listens and what opens it."""

    url: str
    token: str


@contextlib.contextmanager
def running_gateway(folder: Path) -> Iterator[RunningGateway]:
    """A real `flight gateway`, as a person would start it; what it prints is read as a person would.

    On a port whose next one is free too: a page may use raw TCP.
    """
    command = [
        sys.executable,
        "-u",
        "-m",
        "flight_client",
        "gateway",
        "--port",
        str(free_port()),
        "--engine",
        "memory:",
    ]
    env = {**os.environ, "FLIGHT_STATE_DIR": str(folder / "state")}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                address, token = ADDRESS.search(printed), TOKEN.search(printed)
                if address and token:
                    break
            else:
                raise AssertionError(f"the gateway ended before it named its address and a token:\n{printed}")
            yield RunningGateway(address[0], token[0])
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=10)
    assert process.returncode in {0, 130}


def run_python(source: str, gateway: RunningGateway, folder: Path) -> str:
    """Run a Python example against a gateway, away from the tree, and return what it printed."""
    assert "http://127.0.0.1:8080" in source
    assert '"TOKEN"' in source
    source = source.replace("http://127.0.0.1:8080", gateway.url).replace('"TOKEN"', json.dumps(gateway.token))
    command = [sys.executable, "-W", "error", "-c", source]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
