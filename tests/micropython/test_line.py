"""A board on a serial line: a pseudo terminal that never waits, the real bridge and gateway at its other end."""

import asyncio
import os
import random
import termios
from pathlib import Path

import pytest

from flight_client import Log
from flight_client.session import spec
from flight_client.transports.line_frames import EXTENSION_BYTES, LINE_FRAME_BYTES, from_line, to_line
from flight_client.wire import encode_frame
from flight_client.wire.frames import StreamReader
from tests.conformance.transports.routes import line
from tests.faults.wire import Cable
from tests.micropython.board import Board, figure
from tests.support.bench import Bench

OWN_LINE = 0x1234
ALLOWED = spec.FLAGS_PLAIN | spec.FLAG_AUTHENTICATED


def never_wait(path: str) -> None:
    """A read of this terminal gives what there is, as a read of a UART does."""
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    settings = termios.tcgetattr(terminal)
    settings[6][termios.VMIN] = settings[6][termios.VTIME] = 0
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
    os.close(terminal)


async def test_a_device_keys_tags_pass_a_serial_line_in_both_directions(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"board-1 {bytes(range(32)).hex()}\n")
    keys.chmod(0o600)
    bench = Bench(tmp_path, device_keys=keys)
    await bench.start()
    board = Board(tmp_path / "board")
    (board.folder / "token").write_text(bench.token("board-1"))
    tool, reader = await bench.tool("log", channels=["log"])
    cable = Cable()
    never_wait(cable.device_address.removeprefix("serial://"))
    async with line("serial", bench, cable) as (address, bridge):
        path = address.removeprefix("serial://")
        for number in range(20):
            assert tool.channel("down").emit(Log(f"line {number}"), critical=True).accepted
        assert await tool.flush(30)
        lines = await asyncio.to_thread(board.run, "line_run.py", "authenticated", path, "20")
        first, second = await reader.take(2)
        connections = bridge.counters.connections
    await bench.stop()
    assert [first.data, second.data] == [Log("tagged"), Log("tagged again")]
    assert figure(lines, "found") == 20
    assert figure(lines, "forged") == 0
    assert figure(lines, "connections") == connections == 2
    assert figure(lines, "acked") == 2
    assert figure(lines, "law") == 1


async def test_events_over_a_serial_line_take_no_heap(bench: Bench, tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    (board.folder / "token").write_text(bench.token("board-1"))
    cable = Cable()
    never_wait(cable.device_address.removeprefix("serial://"))
    async with line("serial", bench, cable) as (address, _):
        path = address.removeprefix("serial://")
        lines = await asyncio.to_thread(board.run, "line_run.py", "steady", path, "1000")
    assert figure(lines, "allocated") == 0
    assert figure(lines, "law") == 1
    assert figure(lines, "accepted") == figure(lines, "settled") >= 1000
    assert figure(lines, "acked") > 0


def pieces(chance: random.Random) -> list[bytes]:
    """What may come over a line: frames of this connection and of others, doubled, cut and damaged ones, noise."""
    found: list[bytes] = []
    for own in range(150):
        flags = chance.choice([0, spec.FLAG_BATCH, spec.FLAG_AUTHENTICATED])
        kind = chance.choice([spec.TYPE_DATA, spec.TYPE_ACK, spec.TYPE_WELCOME])
        flags |= spec.FLAG_CHECKED if kind == spec.TYPE_WELCOME else 0
        body = encode_frame(kind, flags, 1, chance.randrange(9), 3, chance.randbytes(4 * chance.randrange(2, 140)))
        [sound] = to_line(body, OWN_LINE, own)
        found.append(sound)
        [other] = to_line(body, OWN_LINE ^ 1, chance.randrange(9))
        [stale_close] = to_line(encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, bytes(8)), OWN_LINE ^ 1, 0)
        at = chance.randrange(len(other))
        broken = other[:at] + bytes([other[at] ^ 1 << chance.randrange(8)]) + other[at + 1 :]
        found.append(chance.choice([b"", sound, other, stale_close, other[:at], broken, chance.randbytes(40)]))
    return found


def as_the_c_core_reads_it(data: bytes) -> tuple[list[str], StreamReader]:
    """The frames of this connection in the words of programs/line_run.py: a tag covers the header too."""
    reader = StreamReader(LINE_FRAME_BYTES, allowed_flags=ALLOWED)
    expected, lines = 0, []
    for at in range(0, len(data), 500):
        reader.push(data[at : at + 500])
        while reader.next():
            got = from_line(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, reader.payload)
            assert got is not None
            if got.line == OWN_LINE and got.number == expected:
                expected += 1
                start = 0 if reader.flags & spec.FLAG_AUTHENTICATED else spec.HEADER_BYTES
                end = spec.HEADER_BYTES + len(reader.payload) - EXTENSION_BYTES
                lines.append(f"{reader.type} {got.frame[2]} {reader.channel} {reader.seq} {got.frame[start:end].hex()}")
    return lines, reader


@pytest.mark.parametrize("form", ["viper", "bytecode"])
def test_of_any_bytes_a_line_makes_the_frames_that_the_c_core_makes(tmp_path: Path, form: str) -> None:
    seed = 6_101
    print("seed", seed)
    data = b"".join(pieces(random.Random(seed))) + bytes(LINE_FRAME_BYTES)
    (tmp_path / "bytes").write_bytes(data)
    lines = Board(tmp_path, form).run("line_run.py", "bytes", "bytes", str(OWN_LINE))
    wanted, reader = as_the_c_core_reads_it(data)
    assert len(wanted) >= 120
    assert [line.removeprefix("frame ") for line in lines if line.startswith("frame ")] == wanted
    assert figure(lines, "garbage") == reader.garbage_bytes > 1000
    assert figure(lines, "summed") == reader.summed_bytes


def test_hostile_bytes_get_no_more_crcs_than_they_pay_for(tmp_path: Path) -> None:
    """Headers that are right and promise long payloads, one behind the other: each of them asks for a CRC of the same bytes."""
    header = encode_frame(spec.TYPE_DATA, spec.FLAG_CHECKED, 1, 0, 0, bytes(600))[: spec.HEADER_BYTES]
    data = header * 2000
    (tmp_path / "bytes").write_bytes(data)
    lines = Board(tmp_path).run("line_run.py", "bytes", "bytes", str(OWN_LINE))
    _, reader = as_the_c_core_reads_it(data)
    unpaid = (len(data) - 620) // spec.HEADER_BYTES * 620
    print(f"{len(data)} hostile bytes: CRCs of {figure(lines, 'summed')} bytes, at most {figure(lines, 'most')} in one "
          f"look; {unpaid} where nobody pays")  # fmt: skip
    assert figure(lines, "summed") == reader.summed_bytes <= 4 * len(data)
    assert figure(lines, "most") <= (8 + 4) * LINE_FRAME_BYTES
