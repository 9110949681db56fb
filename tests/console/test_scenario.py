"""The client on the consoles' processors and a real gateway: a game's loop under qemu, over real sockets.

Per processor and transport one program (tests/console/program), all at once at one gateway: they connect, send memory and
logs, answer a command, survive SIGKILL of the gateway and a power cycle of their own, answer again, and close.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from build_scripts import ctools, measure_client, targets
from build_scripts.targets import TARGETS, Target
from flight_client import Client
from flight_client.events import Log
from tests.support.figures import Figure
from tests.support.process import HANG_S, GatewayProcess
from tests.target.test_targets import target

PROGRAM = Path(__file__).resolve().parent / "program"
SOURCES = [PROGRAM / "port_raw.c", PROGRAM / "scenario.c"]
ASK_S = 1.5
CONSOLES = ["sh4", "mips", "arm"]
TRANSPORTS = {"tcp": 1, "websocket": 2, "polling": 3}


@dataclass
class Console:
    """One program, and what it said."""

    item: Target
    transport: str
    said: list[list[str]] = field(default_factory=list)
    rest: str = ""
    process: asyncio.subprocess.Process | None = None

    @property
    def device(self) -> str:
        return f"{self.item.console}-{self.item.name}-{self.transport}"

    async def start(self, program: Path, gateway: GatewayProcess) -> None:
        command = [str(program)] if self.item.name == "x86_64" else [self.item.emulator, str(program)]
        # A write to a connection that is gone must be an error, not a signal: Python ignores the signal, and hands that on.
        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, restore_signals=False
        )
        where = f"127.0.0.1 {gateway.port} {gateway.port + 1} {TRANSPORTS[self.transport]}"
        await self.tell(f"{where} {self.device} {gateway.token(self.device)}")

    async def tell(self, line: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def hears(self, *words: str) -> list[str]:
        """The next line that begins with these words."""
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(HANG_S):
            while data := await self.process.stdout.readline():
                line = data.decode().split()
                self.said.append(line)
                if line[: len(words)] == list(words):
                    return line
        raise AssertionError(f"{self.device} never said {words}: {self.said}")

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scenario")
    items = [target(name) for name in CONSOLES]
    targets.build_plugin(folder)
    sources = [
        *measure_client.SOURCES,
        *SOURCES,
    ]  # the objects that other tests need too, so that they are compiled once

    def build(item: Target) -> Path:
        return targets.build(item, folder, "scenario", sources, ["-O2"], [f"-I{PROGRAM}"])

    return dict(zip(CONSOLES, ctools.side_by_side(build, items), strict=True))


class Host:
    """The PC: a client that listens to all, and what it heard."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.client = Client(gateway.address, token=gateway.token("host-1"), device_id="host-1", platform="host")
        self.lines: dict[str, list[int]] = {}
        self.memory: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.client.connect()
        self._tasks = [asyncio.create_task(self._listen(name)) for name in ("log", "memory-updates")]

    async def _listen(self, channel: str) -> None:
        async for event in self.client.events(channels=[channel]):
            device = event.source.device_id
            if isinstance(event.data, Log):
                self.lines.setdefault(device, []).append(int(event.data.text.split()[1]))
            else:
                self.memory.add(device)

    async def command(self, number: int, devices: set[str]) -> None:
        """Ask each of them at once. A console's subscription may begin behind the question: it is asked again until it answers."""

        async def ask(device: str) -> None:
            said = await self.client.command(
                device, "go", bytes([number]), timeout_s=ASK_S, retries=int(HANG_S / ASK_S), retry_interval_ms=100
            )
            assert said == bytes([number]) + b"!"

        await asyncio.gather(*(ask(device) for device in devices))

    async def has_lines(self, device: str, first: int, end: int) -> None:
        limit = time.monotonic() + HANG_S
        while missing := set(range(first, end)) - set(self.lines.get(device, [])):
            assert time.monotonic() < limit, f"{device}: the gateway never had lines {missing}"
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.client.close()


async def reset(console: Console) -> tuple[int, int]:
    """Off and on: the first line of the new life, and how long it was not connected after its first packet."""
    await console.tell("reset")
    first = int((await console.hears("life-from"))[1])
    return first, int((await console.hears("connected", "1"))[3])


async def finish(console: Console) -> dict[str, int]:
    await console.tell("close")
    await console.hears("need")
    return {line[0]: int(line[1]) for line in console.said if len(line) == 2 and line[1].isdigit()}


async def play(programs: dict[str, Path], gateway: GatewayProcess, host: Host) -> list[str]:
    consoles = [Console(TARGETS[name], transport) for name in CONSOLES for transport in TRANSPORTS]
    devices = {console.device for console in consoles}
    report = []
    began = time.monotonic()

    def mark(what: str) -> None:
        print(f"{time.monotonic() - began:.1f} s: {what}")

    try:
        await asyncio.gather(*(console.start(programs[console.item.name], gateway) for console in consoles))
        await asyncio.gather(*(console.hears("connected", "1") for console in consoles))
        mark("connected")
        await host.command(1, devices)
        mark("commanded")
        gateway.kill()
        await gateway.start_beside()
        await asyncio.gather(*(console.hears("connected", "2") for console in consoles))
        mark("back")
        await host.command(2, devices)
        mark("commanded")
        lives = await asyncio.gather(*(reset(console) for console in consoles))
        mark("reset")
        await host.command(3, devices)
        mark("commanded")
        ends = await asyncio.gather(*(finish(console) for console in consoles))
        for console, (first, back_us), end in zip(consoles, lives, ends, strict=True):
            assert (end["bad-sums"], end["queued"]) == (0, 0), console.device
            assert [line[1] for line in console.said if line[0] == "command"] == ["1", "2", "3"], (
                "each was carried out once"
            )
            await host.has_lines(console.device, first, end["logs"])
            lines = host.lines[console.device]
            assert len(lines) == len(set(lines)), f"{console.device}: a line was stored twice"
            report.append(
                f"{console.item.name:<5} {console.transport:<9} {end['logs']} logs, 3 commands answered, gateway killed, reset:"
                f" back {back_us / 1000:.0f} ms after the first packet, {end['need']} B"
            )
        mark("checked")
        assert host.memory >= devices
    finally:
        for console in consoles:
            await console.stop()
    return report


async def test_a_game_lives_through_everything_on_every_console_and_transport(
    programs: dict[str, Path], tmp_path: Path, figure: Figure
) -> None:
    gateway = GatewayProcess(tmp_path, f"sqlite:{tmp_path / 'log.db'}")
    gateway.start()
    host = Host(gateway)
    started = time.monotonic()
    try:
        await host.start()
        report = await play(programs, gateway, host)
    finally:
        await host.stop()
        gateway.kill()
    figure("\n".join(f"console scenario: {line}" for line in report))
    figure(f"console scenario: {len(report)} programs in {time.monotonic() - started:.1f} s")
