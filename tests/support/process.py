"""`flight` as a process of its own: a gateway that can be killed, and commands that are run to their end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from flight_client.gateway.auth import development_key, make_token

from .ports import free_port

_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever HTTP_PROXY says
HANG_S = 30.0  # for a process on a busy machine; no statement about speed
FLIGHT = [sys.executable, "-m", "flight_client"]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would lead a command to another gateway."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLIGHT_")}
    for name in ("WEBSOCKET_PORT", "REALTIME_BROKER_URL", "PLATFORM_MODE"):
        kept.pop(name, None)
    return {**kept, "PYTHONWARNINGS": "error::RuntimeWarning", **more}


def run_flight(
    *words: str, text: str | bytes | None = None, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. `text` is its standard input, by default nothing."""
    given = text.encode() if isinstance(text, str) else text
    done = subprocess.run(
        [*FLIGHT, *words],
        input=given or b"",
        capture_output=True,
        timeout=HANG_S,
        check=False,
        env=env or environment(),
    )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def start_flight(*words: str, env: dict[str, str] | None = None, **other: Any) -> "subprocess.Popen[str]":
    """Start a command; its standard streams are pipes."""
    return subprocess.Popen(
        [*FLIGHT, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env or environment(),
        **other,
    )


def interrupt(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Ctrl-C: exit code, what it printed, what it complained. Prints the time it took."""
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"Ctrl-C did not end it: {out}{err}") from None
    command = process.args[3] if isinstance(process.args, list) else process.args
    print(f"Ctrl-C ended {command!r} after {time.monotonic() - started:.2f} s")
    return process.returncode, out, err


class GatewayProcess:
    """`flight gateway` on a fixed port with its own folder."""

    def __init__(self, folder: Path, engine: str = "memory:", *words: str) -> None:
        """words: more arguments of the command."""
        self.folder = folder
        self.engine = engine
        self.words = list(words)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def token(self, device: str = "*") -> str:
        return make_token(development_key(self.folder), device, ["publish", "subscribe"], 3600)

    def start(self) -> None:
        """Start it and wait until it answers; blocks."""
        words = ["gateway", "--port", str(self.port), "--state-dir", str(self.folder), "--engine", self.engine]
        words += self.words
        with (self.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*FLIGHT, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment()
            )
        self.wait()

    def wait(self) -> None:
        """Until it answers; blocks."""
        assert self._process is not None
        limit = time.monotonic() + HANG_S
        while not self._answers():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < limit, self.said()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with _DIRECTLY.open(self.address + "/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def said(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def terminate(self) -> None:
        """SIGTERM: it is asked to stop."""
        assert self._process is not None
        self._process.terminate()

    def ended(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.poll() if self._process is not None else None

    async def start_beside(self) -> None:
        """start() while the event loop goes on."""
        await asyncio.to_thread(self.start)
