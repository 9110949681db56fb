"""nginx and HAProxy with the configurations of examples/balancers, on ports of their own."""

import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tests.project.tree import ROOT
from tests.support.brokers import START_S, Group, need
from tests.support.ports import free_port
from tests.support.process import GatewayProcess


class Balancer(ABC):
    """One in front of two nodes; nothing of its configuration is changed but names and ports."""

    example: str
    program: str
    package: str

    def __init__(self, folder: Path, nodes: tuple[GatewayProcess, GatewayProcess]) -> None:
        self._program = need(self.program, self.package)
        self.folder = folder
        self.port = free_port()  # raw TCP on the next one
        self.address = f"http://127.0.0.1:{self.port}"
        self._group: Group | None = None
        text = (ROOT / "examples/balancers" / self.example).read_text()
        for name, node in zip("ab", nodes, strict=True):
            for number in (0, 1):
                assert f"node-{name}:808{number}" in text or number
                text = text.replace(f"node-{name}:808{number}", f"127.0.0.1:{node.port + number}")
        text = self.with_ports(text)
        self.config = folder / self.example
        self.config.write_text(text)

    @abstractmethod
    def with_ports(self, text: str) -> str:
        """The example with this one's port in it."""

    @abstractmethod
    def words(self) -> list[str]:
        """What follows the program's name."""

    def start(self) -> None:
        """Start it and wait until it takes connections; blocks."""
        with (self.folder / "balancer.log").open("ab") as log:
            self._group = Group([self._program, *self.words()], self.folder, log, None)
        limit = time.monotonic() + START_S
        while not self.answers():
            assert self._group.process.poll() is None, self.said()
            assert time.monotonic() < limit, self.said()
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether it has a node to hand a request to."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def said(self) -> str:
        return (self.folder / "balancer.log").read_text(errors="replace")

    def kill(self) -> None:
        if self._group is not None:
            self._group.kill()
            self._group = None


class Nginx(Balancer):
    example, program, package = "nginx.conf", "nginx", "nginx-light"

    def with_ports(self, text: str) -> str:
        assert "listen 8000;" in text
        return text.replace("listen 8000;", f"listen 127.0.0.1:{self.port};")

    def words(self) -> list[str]:
        return ["-p", str(self.folder), "-c", str(self.config), "-e", "stderr", "-g", "daemon off;"]


class HAProxy(Balancer):
    example, program, package = "haproxy.cfg", "haproxy", "haproxy"

    def with_ports(self, text: str) -> str:
        assert "bind :8000" in text
        assert "bind :8001" in text
        return text.replace("bind :8000", f"bind 127.0.0.1:{self.port}").replace(
            "bind :8001", f"bind 127.0.0.1:{self.port + 1}"
        )

    def words(self) -> list[str]:
        return ["-db", "-f", str(self.config)]


def has_no_complaint(balancer: type[Balancer], folder: Path, nodes: tuple[GatewayProcess, GatewayProcess]) -> str:
    """What the program itself says of the example; '' is praise."""
    made = balancer(folder, nodes)
    check = ["-t", *made.words()] if balancer is Nginx else ["-c", "-q", "-f", str(made.config)]
    done = subprocess.run([made._program, *check], capture_output=True, text=True, check=False, timeout=START_S)
    said = [line for line in done.stderr.splitlines() if "syntax is ok" not in line and "is successful" not in line]
    return "\n".join(said) if done.returncode or any("warn" in line.lower() for line in said) else ""
