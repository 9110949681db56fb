"""Real brokers for tests: each in a folder of its own on a port of its own, ended with the test run."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from .certificates import Authority
from .ports import free_port

START_S = 60.0  # for a busy machine; no statement about speed
_TRIES = 4  # ports are looked for before they are taken: somebody else may be quicker


def need(program: str, package: str) -> str:
    """Where the program is; without it the test is skipped, but never where CI=true."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        reason = f"{program} is not installed (Debian: apt-get install {package})"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return found


class _PortTaken(AssertionError):  # noqa: N818 - never leaves this module but as a failure
    """A server ended as soon as it was started, since somebody has its port."""


def _with_free_ports(start: Callable[[], None]) -> None:
    for left in reversed(range(_TRIES)):
        try:
            start()
        except _PortTaken:
            if not left:
                raise
        else:
            return


def _check_alive(process: subprocess.Popen[bytes], said: str) -> None:
    if process.poll() is None:
        return
    taken = any(words in said for words in ("in use", "port_already_used", "eaddrinuse"))
    raise (_PortTaken if taken else AssertionError)(said[-4000:])


class Group:
    """A process and what it starts, which do not outlive this one: a guard kills them when its pipe to us ends."""

    def __init__(
        self, words: list[str], folder: Path, log: IO[bytes] | int, environment: dict[str, str] | None
    ) -> None:
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=folder
        )
        guard = ["/bin/sh", "-c", 'read _; kill -9 "-$0"', str(self.process.pid)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    def kill(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()
        self.process.wait()


class RedisServer:
    """`redis-server` with an append-only file, synced every second."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._program = need("redis-server", "redis-server")
        self.folder = folder
        self.port = 0
        self._options = options
        self._group: Group | None = None

    def url(self, prefix: str = "flight") -> str:
        return f"redis://127.0.0.1:{self.port}/0?prefix={prefix}"

    def start(self) -> None:
        """Start it and wait until it answers; blocks. Always on the same port."""
        if self.port:
            self._start()
        else:
            _with_free_ports(self._start_anywhere)

    def _start_anywhere(self) -> None:
        self.port = free_port()
        self._start()

    def _start(self) -> None:
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
            self._group = Group(words, self.folder, log, None)
        limit = time.monotonic() + START_S
        while not self._answers():
            _check_alive(self._group.process, self.said())
            assert time.monotonic() < limit, self.said()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64)[:1] == b"+" or "--requirepass" in self._options
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
        if self._group is not None:
            self._group.kill()
            self._group = None

    def pause(self) -> None:
        """It keeps its connections and says nothing."""
        assert self._group is not None
        self._group.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._group is not None
        self._group.process.send_signal(signal.SIGCONT)


class RabbitServer:
    """`rabbitmq-server` with its own epmd, home and data; nothing of it outlives stop()."""

    def __init__(self, folder: Path) -> None:
        need("rabbitmq-server", "rabbitmq-server")
        # Debian's wrapper changes the user and the folder; the script behind it does neither.
        self._program = next(iter(sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))), None)
        if self._program is None:
            pytest.skip("rabbitmq-server is not where Debian puts it: /usr/lib/rabbitmq/lib")
        self._epmd_program = need("epmd", "erlang-base")
        self.folder = folder
        self.port = self.tls_port = self._epmd_port = self._node_port = 0
        self._authority = Authority(folder)
        self._group: Group | None = None
        self._epmd: Group | None = None
        (folder / "plugins").write_text("[].")

    def url(self, prefix: str = "flight", options: str = "") -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/?prefix={prefix}{options}"

    def tls_url(self, prefix: str, ca_file: str = "") -> str:
        ca_file = ca_file or str(self._authority.ca_file)
        return f"amqps://guest:guest@127.0.0.1:{self.tls_port}/?prefix={prefix}&ca={ca_file}"

    def _environment(self) -> dict[str, str]:
        here = str(self.folder)
        return {
            "PATH": os.environ.get("PATH", "") + os.pathsep + "/usr/sbin",
            "HOME": here,
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"flight{self.port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": here + "/data",
            "RABBITMQ_LOG_BASE": here + "/log",
            "RABBITMQ_PID_FILE": here + "/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": here + "/plugins",
            "RABBITMQ_CONFIG_FILE": here + "/rabbitmq",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            # One scheduler that does not spin: two cores are all that a test machine may have.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def start(self) -> None:
        """Start it and wait until it answers; blocks. Always on the same port."""
        if self.port:
            _with_free_ports(self._start)
        else:
            _with_free_ports(self._start_anywhere)

    def _start_anywhere(self) -> None:
        self.stop()
        self.port, self.tls_port, self._epmd_port = free_port(), free_port(), free_port()
        cert, key = self._authority.sign()
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.file = false\nlog.console = true\n"
            f"log.console.level = warning\nlisteners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
            f"ssl_options.cacertfile = {self._authority.ca_file}\nssl_options.certfile = {cert}\n"
            f"ssl_options.keyfile = {key}\nssl_options.verify = verify_none\n"
        )
        self._start()

    def _start(self) -> None:
        self._node_port = free_port()
        (self.folder / "rabbitmq.log").write_text("")
        environment = self._environment()
        if self._epmd is None:
            words = [self._epmd_program, "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = Group(words, self.folder, subprocess.DEVNULL, environment)
        with (self.folder / "rabbitmq.log").open("ab") as log:
            self._group = Group([str(self._program)], self.folder, log, environment)
        limit = time.monotonic() + START_S
        while not self._answers():
            _check_alive(self._group.process, self.said())
            assert time.monotonic() < limit, self.said()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def said(self) -> str:
        return (self.folder / "rabbitmq.log").read_text(errors="replace")

    def keeps_its_streams(self) -> bool:
        """Whether a kill leaves it its streams: RabbitMQ 3.10 writes seconds late that there are any, once in its life."""
        files = self.folder.glob("data/*/coordination/*/names.dets")
        return any(b"rabbit_stream_coordinator" in path.read_bytes() for path in files)

    def kill(self) -> None:
        """SIGKILL to it and what it started: nothing is said, nothing is flushed."""
        if self._group is not None:
            self._group.kill()
            self._group = None

    def stop(self) -> None:
        """End it and its epmd."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd = None
