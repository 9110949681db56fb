"""Real brokers for tests: each in a folder of its own on a port of its own, ended with the test run."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from .ports import free_port

START_S = 60.0  # for a busy machine; no statement about speed


def need(program: str, package: str) -> str:
    """Where the program is; without it the test is skipped, but never where CI=true."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        reason = f"{program} is not installed (Debian: apt-get install {package})"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return found


class RedisServer:
    """`redis-server` with an append-only file, synced every second."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._program = need("redis-server", "redis-server")
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, prefix: str = "flight") -> str:
        return f"redis://127.0.0.1:{self.port}/0?prefix={prefix}"

    def start(self) -> None:
        """Start it and wait until it answers; blocks."""
        words = [
            self._program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--save",
            "",
        ]
        words += ["--appendonly", "yes", "--appendfsync", "everysec", "--enable-debug-command", "yes", *self._options]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < limit, self.said()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64)[:1] in b"+" or "--requirepass" in self._options
        except OSError:
            return False

    def said(self) -> str:
        return (self.folder / "redis.log").read_text()

    def command(self, *words: str) -> bytes:
        """One command by hand; its first answer."""
        with socket.create_connection(("127.0.0.1", self.port), START_S) as connection:
            parts = [word.encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts))
            return connection.recv(4096)

    def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It keeps its connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
