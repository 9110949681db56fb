"""A board against the real gateway: what arrives, what is lost, what memory it takes."""

import asyncio
import random
from functools import cache
from pathlib import Path

import pytest

from build_scripts import ctools
from flight_client import Client, Log, Payload, RealtimeEvent
from tests.faults.proxy import FaultProxy, Faults
from tests.micropython.board import PROGRAMS, Board, figure
from tests.support.bench import Bench
from tests.support.figures import Figure
from tests.support.waiting import within

EVENTS = 30
CUTS = 20
SOAK_EVENTS = 100_000
RECONNECTS = 200
HEAPS = {"poll": "192k", "asyncio": "192k"}


async def run(
    bench: Bench, folder: Path, work: str, *arguments: object, form: str = "viper", heap: str = ""
) -> list[str]:
    """One work of programs/gateway_run.py beside the gateway."""
    board = Board(folder / form, form)
    (board.folder / "token").write_text(bench.token("board-1"))
    words = [str(word) for word in arguments]
    return await asyncio.to_thread(board.run, "gateway_run.py", work, *words, heap=heap)


@pytest.mark.parametrize("form", ["viper", "bytecode"])
@pytest.mark.parametrize("transport", ["tcp", "websocket", "polling"])
async def test_events_go_there_and_back(bench: Bench, tmp_path: Path, transport: str, form: str) -> None:
    lines = await run(bench, tmp_path, "events", bench.settings.port, transport, EVENTS, form=form)
    assert figure(lines, "found") == 2 * EVENTS
    assert figure(lines, "law") == 1
    assert figure(lines, "acked") == EVENTS


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_the_steady_path_over_a_socket_takes_no_heap(
    bench: Bench, tmp_path: Path, transport: str, tell: Figure
) -> None:
    lines = await run(bench, tmp_path, "steady", bench.settings.port, transport, 10_000)
    tell(
        f"MicroPython, viper, {transport} to a real gateway: {figure(lines, 'allocated')} bytes of heap for 10,000 events, "
        f"{figure(lines, 'rate')} a second with the smallest buffers and beside other tests"
    )
    assert figure(lines, "allocated") == 0
    assert figure(lines, "law") == 1


@cache
def c_device() -> Path:
    """programs/third.c with the client in C."""
    sources = [*ctools.core_sources(), *ctools.session_sources(), *ctools.console_sources()]
    sources += [ctools.PORTS / "flight_port_posix.c", PROGRAMS / "third.c"]
    flags = ["-O0", "-D_DEFAULT_SOURCE"]  # quickly built: others test this client
    return ctools.program("third-device", sources, flags, ctools.find_tool("gcc", "cc", package="gcc"))


async def stored_lines(bench: Bench, count: int) -> list[str]:
    """The texts of the channel `log`, as a tool on CPython reads them later."""
    async with Client(bench.address, token=bench.token(), device_id="reader") as tool:
        found: list[str] = []
        stream = tool.events("log", channels=["log"], history=1000)
        while len(found) < count:
            event = await within(anext(stream))
            assert isinstance(event.data, Log)
            assert event.source.device_id == "board-1"
            found.append(event.data.text)
        return found


async def test_twenty_cuts_in_the_middle_of_frames_lose_nothing_critical(
    bench: Bench, tmp_path: Path, tell: Figure
) -> None:
    seed = 77_123
    chance = random.Random(seed)
    print("seed", seed)
    plans = [
        Faults(ending=chance.choice(("close", "reset")), end_after_bytes=chance.randint(30, 1500)) for _ in range(CUTS)
    ]
    proxy = FaultProxy(bench.gateway.tcp_port, lambda number: plans[number] if number < CUTS else Faults())
    await proxy.start()
    count = 600
    lines = await run(bench, tmp_path, "outage", proxy.port, "tcp", count)
    await proxy.stop()
    tell(
        f"MicroPython, {proxy.counts['close'] + proxy.counts['reset']} cuts, {figure(lines, 'connections')} connections"
    )
    assert proxy.counts["close"] + proxy.counts["reset"] == CUTS
    assert figure(lines, "law") == 1
    assert figure(lines, "acked") == count
    assert figure(lines, "dropped") == 0
    assert await stored_lines(bench, count) == [f"event {number}" for number in range(count)]


async def test_a_gateway_that_comes_back_gets_everything(bench: Bench, tmp_path: Path, tell: Figure) -> None:
    count = 100
    running = asyncio.create_task(run(bench, tmp_path, "outage", bench.gateway.tcp_port, "tcp", count))
    async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
        await within(anext(tool.events("log", channels=["log"])))  # the board is in the middle of it
    await bench.restart()
    lines = await running
    tell(f"MicroPython, {figure(lines, 'connections')} connections")
    assert figure(lines, "law") == 1
    assert figure(lines, "acked") == count
    assert figure(lines, "connections") == 2


async def test_many_events_leave_the_heap_as_it_was(bench: Bench, tmp_path: Path, tell: Figure) -> None:
    lines = await run(bench, tmp_path, "soak", bench.settings.port, "tcp", SOAK_EVENTS)
    first, last = figure(lines, "live-first"), figure(lines, "live-last")
    tell(f"MicroPython, {SOAK_EVENTS} events: {first} bytes live after the first 1000, {last} at the end")
    assert last <= first
    assert figure(lines, "accepted") >= SOAK_EVENTS
    assert figure(lines, "law") == 1


async def test_many_connections_leave_the_heap_as_it_was(bench: Bench, tmp_path: Path, tell: Figure) -> None:
    lines = await run(bench, tmp_path, "reconnects", bench.settings.port, "tcp", RECONNECTS)
    first, last = figure(lines, "live-first"), figure(lines, "live-last")
    tell(f"MicroPython, {RECONNECTS} connections: {first} bytes live after 20, {last} at the end")
    assert last <= first
    assert figure(lines, "connections") == RECONNECTS + 1
    assert figure(lines, "acked") == RECONNECTS


@pytest.mark.parametrize("style", ["poll", "asyncio"])
async def test_a_small_heap_is_enough(bench: Bench, tmp_path: Path, compiled: Path, style: str, tell: Figure) -> None:
    board = Board(tmp_path / "board", package=compiled)
    (board.folder / "token").write_text(bench.token("board-1"))
    lines = await asyncio.to_thread(board.run, "smallest_run.py", str(bench.settings.port), style, heap=HEAPS[style])
    tell(
        f"MicroPython, {style}: connected, sent and acknowledged with a heap of {HEAPS[style]} on 64 bits, code and all"
    )
    assert figure(lines, "acked") == 1


async def test_a_board_and_a_tool_share_a_channel(bench: Bench, tmp_path: Path) -> None:
    async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
        stream = tool.events("log", channels=["log"], history=10)
        channel = tool.channel("log")
        running = asyncio.create_task(run(bench, tmp_path, "talk", bench.settings.port, "tcp", 5))
        heard: list[RealtimeEvent] = []
        while len(heard) < 5:
            event = await within(anext(stream))
            if event.source.device_id == "board-1":
                heard.append(event)
                channel.emit(Log(f"answer {len(heard)}"))
        lines = await running
    assert [event.source.platform for event in heard] == ["micro"] * 5
    assert figure(lines, "answers") == 5


async def test_a_board_a_c_device_and_a_tool_share_a_channel(bench: Bench, tmp_path: Path) -> None:
    """Each of them hears what the other two say, in order and without a hole."""
    numbers = list(range(5))
    async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
        stream = tool.events("payload", channels=["talk"], history=100)
        words = (str(c_device()), str(bench.settings.port), bench.token("c-1"))
        device = await asyncio.create_subprocess_exec(*words, cwd=tmp_path, stdout=asyncio.subprocess.PIPE)
        try:
            seen = [
                await within(anext(stream))
            ]  # from now on it hears the others: it opened the channel before it spoke
            for number in numbers:
                assert tool.channel("talk").emit(Payload(3, bytes([number])), critical=True).accepted
            lines = await run(bench, tmp_path, "three", bench.settings.port, "tcp", 5)
            seen += [await within(anext(stream)) for _ in range(14)]
            said = (await within(device.communicate()))[0].decode()
        finally:
            if device.returncode is None:
                device.kill()
                await device.wait()
    assert device.returncode == 0, said
    for kind, who in ((1, "board-1"), (2, "c-1"), (3, "tool")):
        assert [event.data for event in seen if event.source.device_id == who] == [
            Payload(kind, bytes([number])) for number in numbers
        ]
        assert f"('{who}', {kind}): {numbers}" in lines[0]
        assert who == "c-1" or [f"heard {who} {number}" in said for number in numbers] == [True] * 5


@pytest.mark.parametrize("transport", ["tcp", "polling"])
async def test_a_board_with_a_device_key_authenticates_its_frames(tmp_path: Path, transport: str) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"board-1 {bytes(range(32)).hex()}\n")
    keys.chmod(0o600)
    bench = Bench(tmp_path, device_keys=keys)
    await bench.start()
    lines = await run(bench, tmp_path, "authenticated", bench.settings.port, transport, 20)
    await bench.stop()
    assert figure(lines, "found") == 20
    assert figure(lines, "connections") == 2
    assert figure(lines, "acked") == 2
    assert figure(lines, "forged") == 0
    assert figure(lines, "law") == 1
