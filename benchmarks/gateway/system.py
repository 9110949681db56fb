"""What is measured: a server in processes of its own, and clients of it in this one."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

# arrived(events, payload): what a subscriber was given.
Arrived = Callable[[int, bytes], None]
# publish(payload): one message with a payload of the agreed size; it waits as long as the client library does.
Publish = Callable[[bytes], Awaitable[None]]

STAMP = b"STAMP:"  # in a payload, before the time at which it was published
START_S = 60.0


class System(ABC):
    """A server and the client that people use with it."""

    name: str
    how: str

    def __init__(self) -> None:
        self.processes: list[psutil.Process] = []
        self._children: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    async def start(self, folder: Path) -> None:
        """Start the server."""

    @abstractmethod
    async def subscribe(self, arrived: Arrived) -> None:
        """One more subscriber of the one channel."""

    @abstractmethod
    async def publisher(self, size: int, events: int) -> Publish:
        """One more publisher: messages of `events` events of `size` bytes. A peer has one event in a message, and is asked for
        one of the size of all.
        """

    @abstractmethod
    async def leave(self) -> None:
        """Close the clients."""

    async def stop(self) -> None:
        """End the server."""
        for child in self._children:
            child.terminate()
            try:
                await asyncio.to_thread(child.wait, 10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        self.processes.clear()

    def spawn(self, words: list[str], folder: Path, port: int, env: dict[str, str] | None = None) -> None:
        """A server's process; waits until its port answers."""
        with (folder / "server.log").open("ab") as log:
            child = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        self._children.append(child)
        self.processes.append(psutil.Process(child.pid))
        wait_for(port, lambda: child.poll() is None)

    def cpu_s(self) -> float:
        """Processor time of the server so far, with all that it started."""
        spent = 0.0
        for process in self.processes:
            for one in (process, *process.children(recursive=True)):
                times = one.cpu_times()
                spent += times.user + times.system
        return spent

    def rss_bytes(self) -> int:
        return sum(int(process.memory_info().rss) for process in self.processes)


def wait_for(port: int, alive: Callable[[], bool]) -> None:
    limit = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert alive(), "the server ended at once"
            assert time.monotonic() < limit, "the server does not answer"
            time.sleep(0.02)
