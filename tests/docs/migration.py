"""Runs the programs of the migration pages and measures them: bytes on the wire, memory of the process.

`python -m tests.docs.migration` writes docs/generated/migration.md, which the pages include; the test checks it.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from examples.migration.legacy_server import application
from tests.project.readme_examples import RunningGateway, running_gateway
from tests.project.tree import ROOT
from tests.support.ports import free_port

PAGE = ROOT / "docs" / "generated" / "migration.md"
PROGRAMS = {
    "polling_before": ("JSON by POST and GET", ()),
    "polling_after": ("Flight", ()),
    "polling_after polling": ("Flight, by polling alone", ("polling",)),
    "websocket_before": ("JSON on a plain WebSocket", ()),
    "websocket_after": ("Flight", ()),
    "websocket_after vita": ("Flight, with the profile `vita`", ("vita",)),
}
EXPECTED = "".join(f"my-dc uses {(number + 1) * 512} KB\n" for number in range(20))

# The high-water mark of the process itself, as its last word: what a parent is told of a child may hold the parent's own.
_MEASURED = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
[kilobytes] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print("VmHWM", kilobytes, file=sys.stderr)
"""


@dataclass
class Measured:
    """One run. `wire_bytes`: of TCP's payload, both ways."""

    printed: str
    wire_bytes: int
    memory_kilobytes: int


class CountingRelay:
    """Passes connections on and counts what goes through."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self._to = port
        self.port = free_port()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.bytes += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield f"http://127.0.0.1:{self.port}"
        finally:
            server.close()


async def measure(name: str, gateway: RunningGateway) -> Measured:
    """Run one program behind a relay; the legacy server is started for those before the migration."""
    program, arguments = name.split(maxsplit=1)[0], PROGRAMS[name][1]
    before = program.endswith("_before")
    async with contextlib.AsyncExitStack() as stack:
        port = int(gateway.url.rpartition(":")[2])
        if before:
            runner = web.AppRunner(application())
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            port = free_port()
            await web.TCPSite(runner, "127.0.0.1", port).start()
        relay = CountingRelay(port)
        address = await stack.enter_async_context(relay.running())
        token = () if before else (gateway.token,)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", _MEASURED, str(ROOT / "examples" / "migration" / f"{program}.py"),
            address, *token, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                printed, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
    return Measured(printed.decode(), relay.bytes, int(errors.rpartition(b"VmHWM")[2]))


def page(found: dict[str, Measured]) -> str:
    """What the pages include."""
    lines = [
        "# Before and after, in figures\n",
        "<!-- Written by `python -m tests.docs.migration`; a test compares it. Do not edit. -->\n\n<!-- figures -->\n",
        "| program | way | bytes on the wire | memory of the process, at most |",
        "|---|---|---|---|",
    ]
    for name, measured in found.items():
        memory = f"{measured.memory_kilobytes / 1024:.0f} MB"
        lines.append(f"| `{name.split()[0]}.py` | {PROGRAMS[name][0]} | {measured.wire_bytes:,} | {memory} |")
    return "\n".join(lines) + "\n"


def figures(text: str) -> list[tuple[int, int]]:
    """Bytes and megabytes of each row of the written page."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    return [(int(row[3].replace(",", "")), int(row[4].split()[0])) for row in rows]


def main() -> None:
    """Measure all and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for name in PROGRAMS:
            with running_gateway(Path(folder) / name.replace(" ", "-")) as gateway:
                found[name] = asyncio.run(measure(name, gateway))
    PAGE.write_text(page(found), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    main()
