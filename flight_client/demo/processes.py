"""The processes of a run: the gateway, which is killed and started again, and the devices."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from .._tables import STRINGS
from ..errors import LinkError

_START_S = 20.0
_PORTS = range(20000, 32000)  # below the ephemeral range, so that no outgoing connection takes it while we are away


def free_port() -> int:
    """A port that nobody listens on now."""
    start = os.getpid() * 37 % len(_PORTS)
    for i in range(len(_PORTS)):
        port = _PORTS[(start + i) % len(_PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise LinkError(what="no free port", value=f"{_PORTS.start} to {_PORTS.stop}", next_step="close some programs")


class GatewayProcess:
    """`flight gateway` on a fixed port with its own folder."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.port: int = free_port()
        self.address: str = f"http://127.0.0.1:{self.port}"
        self._log = folder / "gateway.log"
        self._command = [
            sys.executable, "-m", "flight_client", "gateway",
            "--port", str(self.port), "--state-dir", str(folder), "--engine", engine,
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until its health page answers."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            async with asyncio.timeout(_START_S), aiohttp.ClientSession() as http:
                while not await self._answers(http):  # noqa: ASYNC110 - another process's port: nothing signals it
                    await asyncio.sleep(0.05)
        except TimeoutError:
            said = self._log.read_text(encoding="utf-8", errors="replace")[-400:]
            raise LinkError(what="the gateway did not start", value=said, next_step="see `flight doctor`") from None

    async def _answers(self, http: aiohttp.ClientSession) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise TimeoutError
        try:
            async with http.get(self.address + STRINGS["health_path"]) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is flushed."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class DeviceProcess:
    """One device; its reports go to a callable."""

    def __init__(self, platform: str, transports: list[str], on_report: Callable[[str, dict[str, Any]], None]) -> None:
        self.platform = platform
        self._transports = transports
        self._on_report = on_report
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self, address: str, token: str) -> None:
        """Start it."""
        plan = json.dumps({"address": address, "platform": self.platform, "transports": self._transports})
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "flight_client.demo.device",
            plan,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "FLIGHT_TOKEN": token},
            start_new_session=True,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._on_report(self.platform, json.loads(line))

    async def finish(self) -> None:
        """Ask it to stop emitting, and wait for its last report."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reader is not None
        try:
            self._process.stdin.write(b"stop\n")
            await self._process.stdin.drain()
        except ConnectionError:
            return  # it is gone already: its books stay open, and the result says so
        await self._reader
        await self._process.wait()

    async def kill(self) -> None:
        """End it at once."""
        if self._reader is not None:
            self._reader.cancel()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
