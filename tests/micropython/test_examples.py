"""The examples of micropython/examples run as they stand: a board with a sensor, and one on a serial line with a bridge."""

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest

from flight_client import Client, Log, MemoryUpdate, Payload, SystemMonitoring
from tests.micropython.board import ROOT, Board
from tests.support.bench import Bench
from tests.support.ports import free_port
from tests.support.process import interrupt, start_flight
from tests.support.waiting import eventually, within


def board_with(folder: Path, example: str, token: str) -> Board:
    board = Board(folder)
    shutil.copy(ROOT / "micropython" / "examples" / f"{example}.py", folder)
    (folder / "token").write_text(token)
    return board


async def test_a_sensor_board_reports_and_hears_commands(bench: Bench, tmp_path: Path) -> None:
    board = board_with(tmp_path, "sensor_board", bench.token("sensor-1"))
    async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
        stream = tool.events("system-monitoring", "memory-update", "log", history=100)
        running = asyncio.create_task(
            asyncio.to_thread(board.run, "sensor_board.py", bench.address, "token", "12", "50")
        )
        seen: dict[type, list[object]] = {SystemMonitoring: [], MemoryUpdate: [], Log: []}
        tool.channel("commands").emit(Payload(1, b"blink"))
        while len(seen[SystemMonitoring]) < 12 or len(seen[MemoryUpdate]) < 12 or len(seen[Log]) < 2:
            event = await within(anext(stream))
            seen[type(event.data)].append(event.data)
        lines = await running
    first = seen[SystemMonitoring][0]
    assert isinstance(first, SystemMonitoring)
    assert first.temperature_c == pytest.approx(20.1)
    report = seen[MemoryUpdate][0]
    assert isinstance(report, MemoryUpdate)
    assert report.total_bytes is not None
    assert report.used_bytes is not None
    assert 50_000 < report.used_bytes < report.total_bytes
    assert report.used_bytes + (report.available_bytes or 0) == report.total_bytes
    assert seen[Log][:1] == [Log("sensor board started")]
    assert Log("it is 20.9 degrees", "warning") in seen[Log]
    assert any("flight: connected" in line for line in lines)


class Wire:
    """Two TCP connections as the ends of one serial line, which now and then loses a byte in both directions."""

    def __init__(self, lose_every: int) -> None:
        self.port = free_port()
        self.lost = 0
        self._lose_every = lose_every
        self._passed = 0
        self._ends: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = len(self._ends)
        self._ends.append(writer)
        with contextlib.suppress(OSError):  # an end that goes away
            await self._pump(own, reader)

    async def _pump(self, own: int, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(256):
            await eventually(lambda: len(self._ends) == 2, "the other end")
            self._passed += len(data)
            if self._lose_every and self._passed > self._lose_every:
                self._passed = 0
                self.lost += 1
                data = data[:-1]
            self._ends[1 - own].write(data)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in self._ends:
            end.transport.abort()


@pytest.mark.parametrize("lose_every", [0, 900])
async def test_a_board_on_a_line_reaches_the_gateway_through_a_bridge(
    bench: Bench, tmp_path: Path, lose_every: int
) -> None:
    board = board_with(tmp_path, "uart_device", bench.token("uart-1"))
    wire = Wire(lose_every)
    await wire.start()
    bridge = start_flight("bridge", f"pipe://127.0.0.1:{wire.port}", "--gateway", bench.address)
    try:
        assert bridge.stdout is not None
        await asyncio.to_thread(bridge.stdout.readline)
        running = asyncio.create_task(asyncio.to_thread(board.run, "uart_device.py", str(wire.port), "token", "40"))
        async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
            stream = tool.events("log", channels=["log"], history=100)
            texts = [(await within(anext(stream))).data for _ in range(40)]
        lines = await within(running, 40)
    finally:
        await asyncio.to_thread(interrupt, bridge)
        await wire.stop()
    assert texts == [Log(f"line {number}") for number in range(40)]
    assert "'acked': 40" in lines[-1]
    print(f"{wire.lost} bytes lost on the line, nothing lost at its end")
    assert (wire.lost > 0) == (lose_every > 0)
