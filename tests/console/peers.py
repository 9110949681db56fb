"""The console client as a process of this machine (peer/peer.c), beside a gateway in the test's own process."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

from build_scripts import ctools
from flight_client.session.spec import TRANSPORT_POLLING, TRANSPORT_SERIAL, TRANSPORT_TCP, TRANSPORT_WEBSOCKET
from tests.support.bench import Bench
from tests.support.waiting import within

TRANSPORTS = {
    "tcp": TRANSPORT_TCP,
    "polling": TRANSPORT_POLLING,
    "websocket": TRANSPORT_WEBSOCKET,
    "serial": TRANSPORT_SERIAL,
}
_FLAGS = ["-O1", "-g1", "-D_DEFAULT_SOURCE", "-fsanitize=undefined", "-fno-sanitize-recover=all"]


@cache
def program() -> Path:
    """The program; what the same sources gave before is taken as it is."""
    sources = [*ctools.core_sources(), *ctools.session_sources(), *ctools.console_sources()]
    sources += [ctools.PORTS / "flight_port_posix.c", Path(__file__).resolve().parent / "peer" / "peer.c"]
    return ctools.program("console-peer", sources, _FLAGS, ctools.find_tool("gcc", "cc", package="gcc"))


class Peer:
    """One of them, and what it said."""

    def __init__(self, bench: Bench, transport: str, device: str, key: bytes = b"", pipe: str = "") -> None:
        """pipe: the path of its end of a line, for the transport serial."""
        self.said: list[list[str]] = []
        port = bench.settings.port
        where = [pipe or "127.0.0.1", port, port + 1, TRANSPORTS[transport]]
        self._words = [str(word) for word in (program(), *where, device, bench.token(device), key.hex() or "-")]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, folder: Path) -> Peer:
        self._process = await asyncio.create_subprocess_exec(
            *self._words, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        return self

    async def hears(self, *words: str) -> list[str]:
        """The next line that begins with these words."""
        assert self._process is not None
        assert self._process.stdout is not None
        while data := await within(self._process.stdout.readline()):
            self.said.append(data.decode().split())
            if self.said[-1][: len(words)] == list(words):
                return self.said[-1]
        raise AssertionError(f"it never said {words}: {self.said}")

    async def pauses(self) -> None:
        """It gives its connection up, and opens another one a moment later."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"p")
        await self._process.stdin.drain()

    async def end(self) -> list[int]:
        """A polite end: lines of its log, what the gateway has settled, what it left unhandled."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        numbers = [int(word) for word in (await self.hears("end"))[1:]]
        assert await within(self._process.wait()) == 0
        return numbers

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
