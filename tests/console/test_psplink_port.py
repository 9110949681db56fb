"""A PSP on its USB cable: the port on stand-ins for psplink's calls, alone and under a whole client.

What psplink does is read in its sources: its only call to write waits for as long as the PC does not read. So the point of most
of these tests is that the game is never held by it, and that nothing is lost that must not be.
"""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import cffi
import pytest

from build_scripts import ctools
from flight_client.session.spec import TRANSPORT_SERIAL
from tests.console.sim_world import SimWorld, client_declarations, client_sources
from tests.console.wires import Frame
from tests.console.world import CRITICAL, PLATFORM_PSP

HERE = Path(__file__).resolve().parent / "stand_in"
PORTS = [ctools.PORTS / "flight_port_psp.c", ctools.PORTS / "flight_port_psplink.c"]
RING_BYTES, PIECE_BYTES, CHANNEL_BYTES = 4096, 504, 4096
CONNECTED = 1
DECLARATIONS = """
typedef struct { uint32_t waits, leaks, open, events, files; } stand_in_seen;
extern flight_sim stand_in_sim; extern stand_in_seen stand_in; void stand_in_begin(const char *profile);
extern flight_port flight_port_psp, flight_port_psplink; extern uint32_t flight_port_psplink_channel;
extern int stand_in_psplink, stand_in_pc, stand_in_pc_reads, stand_in_at_once, stand_in_thread_fails;
extern uint32_t stand_in_held, stand_in_largest;
void stand_in_run_thread(void); uint32_t stand_in_pc_take(uint8_t *to); uint32_t stand_in_channels(void);
void stand_in_pc_give(unsigned channel, const uint8_t *data, int bytes); int usbAsyncRegister(unsigned channel, void *end);
"""


@cache
def built() -> Path:
    """The client, the ports and the stand-ins in one library."""
    folder = ctools.BUILD / "stand-in-psplink"
    folder.mkdir(parents=True, exist_ok=True)
    for port in PORTS:
        for name in re.findall(r"^#include <(.*)>", port.read_text(encoding="utf-8"), re.MULTILINE):
            if name not in ("string.h", "errno.h"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text('#include "psplink.h"\n', encoding="utf-8")
    sources = [*client_sources(), *PORTS, *(HERE / name for name in ("stand_in.c", "psp.c", "psplink.c"))]
    flags = ["-O1", "-fPIC", "-shared", f"-I{HERE}", f"-I{folder}", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    return ctools.program("libport-psplink.so", sources, flags, ctools.find_tool("gcc", "cc", package="gcc"))


def library(folder: Path) -> tuple[cffi.FFI, Any]:
    """A copy for one test: the thread of a library is there once and for ever."""
    ffi = client_declarations()
    ffi.cdef(DECLARATIONS)
    return ffi, ffi.dlopen(str(shutil.copy(built(), folder)))


class Cable:
    """The port and both ends of its cable."""

    def __init__(self, folder: Path) -> None:
        self.ffi, self.lib = library(folder)
        self.lib.stand_in_begin(b"psp-wifi")
        self.table: Any = self.lib.flight_port_psplink

    def link(self) -> int:
        return int(self.table.link(self.table.io))

    def open(self) -> int:
        return int(self.table.open(self.table.io, b"", 0))

    def ready(self) -> int:
        return int(self.table.ready(self.table.io))

    def send(self, data: bytes) -> int:
        return int(self.table.send(self.table.io, data, len(data)))

    def recv(self, capacity: int = 65536) -> bytes | int:
        buffer = self.ffi.new("uint8_t[]", capacity)
        count = int(self.table.recv(self.table.io, buffer, capacity))
        return bytes(self.ffi.buffer(buffer, count)) if count > 0 else count

    def close(self) -> None:
        self.table.close(self.table.io)

    def at_pc(self) -> bytes:
        buffer = self.ffi.new("uint8_t[262144]")
        return bytes(self.ffi.buffer(buffer, self.lib.stand_in_pc_take(buffer)))

    def from_pc(self, data: bytes) -> None:
        self.lib.stand_in_pc_give(4, data, len(data))


@pytest.fixture
def cable(tmp_path: Path) -> Any:
    made = Cable(tmp_path)
    yield made
    assert made.lib.stand_in.waits == 0, "a call that waits"
    made.close()
    made.close()
    assert made.lib.stand_in_channels() == 0, "psplink would write to where the game was"


def test_bytes_go_both_ways_over_the_channel(cable: Cable) -> None:
    assert cable.open() == 0
    assert cable.ready() == 1
    assert cable.lib.stand_in_channels() == 1 << 4
    assert cable.recv() == 0
    assert cable.send(b"out") == 3
    assert cable.at_pc() == b"out"
    cable.from_pc(b"in and more")
    assert cable.recv(2) == b"in"
    assert cable.recv() == b" and more"
    assert cable.recv() == 0


@pytest.mark.parametrize("at_once", [0, 1], ids=["a thread below the game", "a thread above the game"])
def test_any_amount_arrives_whole_and_in_order_in_transfers_of_psplinks_size(cable: Cable, at_once: int) -> None:
    cable.lib.stand_in_at_once = at_once
    cable.open()
    data = bytes(range(251)) * 60
    rest, arrived = data, b""
    while rest:
        taken = cable.send(rest[:1000])
        rest = rest[taken:]
        cable.lib.stand_in_run_thread()
        arrived += cable.at_pc()
    assert arrived == data
    assert cable.lib.stand_in_largest == PIECE_BYTES


def test_a_pc_that_stops_reading_holds_the_thread_and_never_the_game(cable: Cable) -> None:
    cable.open()
    cable.lib.stand_in_pc_reads = 0
    taken = 0
    while (count := cable.send(bytes(700))) > 0:
        taken += count
    assert cable.lib.stand_in_held == 1
    assert taken == RING_BYTES + PIECE_BYTES, "the ring, and what the thread has in its hands"
    for _ in range(100):
        assert cable.send(b"x") == 0, "later"
        assert (cable.ready(), cable.recv(), cable.link()) == (1, 0, 1)
        cable.lib.stand_in_run_thread()
    cable.lib.stand_in_pc_reads = 1
    cable.lib.stand_in_run_thread()
    assert cable.at_pc() == bytes(taken)
    assert cable.send(b"x") == 1


def test_what_waits_of_an_old_connection_does_not_go_out_in_a_new_one(cable: Cable) -> None:
    cable.open()
    cable.lib.stand_in_pc_reads = 0
    while cable.send(b"o" * 700) > 0:
        pass
    assert cable.open() == 0
    cable.lib.stand_in_pc_reads = 1
    cable.lib.stand_in_run_thread()
    assert cable.at_pc() == b"o" * PIECE_BYTES, "what the thread had in its hands, and nothing more"
    assert cable.send(b"new") == 3
    assert cable.at_pc() == b"new"


def test_a_cable_that_is_pulled_in_a_write_is_death_until_it_is_opened_again(cable: Cable) -> None:
    cable.open()
    cable.lib.stand_in_pc_reads = 0
    cable.send(b"lost")
    cable.lib.stand_in_pc = 0
    cable.lib.stand_in_run_thread()
    assert cable.link() == 0, "it may come back"
    assert cable.ready() < 0
    assert cable.send(b"x") < 0
    assert isinstance(end := cable.recv(), int)
    assert end < 0
    cable.lib.stand_in_pc = cable.lib.stand_in_pc_reads = 1
    assert cable.link() == 1
    assert cable.open() == 0
    assert (cable.ready(), cable.send(b"again")) == (1, 5)
    assert cable.at_pc() == b"again"


def test_a_game_that_was_started_without_psplink_is_told_so_and_goes_on(cable: Cable) -> None:
    cable.lib.stand_in_psplink = 0
    assert cable.link() < -1
    assert cable.open() < 0
    assert cable.ready() < 0
    assert cable.send(b"x") < 0
    assert cable.recv() < 0  # type: ignore[operator]


def test_the_channel_that_a_game_before_has_left_is_taken_over(cable: Cable) -> None:
    left = cable.ffi.new("uint64_t[1024]")
    assert cable.lib.usbAsyncRegister(4, left) == 4
    cable.from_pc(b"for the game before")
    assert cable.open() == 0
    assert cable.recv() == 0, "what came before is not for us"
    cable.from_pc(b"for this one")
    assert cable.recv() == b"for this one"


@pytest.mark.parametrize("channel", [3, 8])
def test_the_channels_of_psplink_itself_are_left_alone(cable: Cable, channel: int) -> None:
    cable.lib.flight_port_psplink_channel = channel
    assert cable.open() < 0
    assert cable.lib.stand_in_channels() == 0


def test_without_room_for_a_thread_nothing_opens_and_the_next_attempt_makes_one(cable: Cable) -> None:
    cable.lib.stand_in_thread_fails = 1
    assert cable.open() < 0
    assert cable.lib.stand_in_channels() == 0
    cable.lib.stand_in_thread_fails = 0
    assert cable.open() == 0
    assert cable.send(b"x") == 1


def test_clock_memory_and_records_are_the_psps(cable: Cable) -> None:
    table, psp = cable.table, cable.lib.flight_port_psp
    cable.lib.stand_in_sim.now_us = 1234
    assert table.now_us(table.io) == psp.now_us(psp.io) == 1234
    mine, its = cable.ffi.new("flight_port_memory *"), cable.ffi.new("flight_port_memory *")
    table.memory(table.io, mine)
    psp.memory(psp.io, its)
    assert bytes(cable.ffi.buffer(mine)) == bytes(cable.ffi.buffer(its))
    out = cable.ffi.new("uint8_t[64]")
    assert table.random(table.io, out, 64) == 1, "weak"
    assert len(set(bytes(cable.ffi.buffer(out)))) > 20
    assert table.store(table.io, 1, b"kept", 4) == 0
    assert psp.load(psp.io, 1, out, 64) == table.load(table.io, 1, out, 64) == 4


class CableWorld(SimWorld):
    """A game with the client on that port, and the gateway behind usbhostfs_pc."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__("psp-wifi", TRANSPORT_SERIAL, platform=PLATFORM_PSP)

    def machine(self, profile: str, options: tuple[str, ...]) -> tuple[cffi.FFI, Any, Any, Any]:
        assert not options
        ffi, lib = library(self._folder)
        lib.stand_in_begin(profile.encode())
        return ffi, lib, ffi.addressof(lib, "stand_in_sim"), ffi.addressof(lib, "flight_port_psplink")

    def pump(self) -> None:
        self.lib.stand_in_run_thread()
        buffer = self.ffi.new("uint8_t[262144]")
        frames, _ = self.wire.take(bytes(self.ffi.buffer(buffer, self.lib.stand_in_pc_take(buffer))))
        out: list[tuple[int, int, int, int, int, bytes]] = []
        for frame in frames:
            self.gateway.take(frame.kind, frame.flags & ~0x20, *frame[2:], self.now_us // 1000, out)
        self.gateway.output(self.now_us // 1000, out)
        answer = self.wire.give([Frame(*reply) for reply in out])
        self.lib.stand_in_pc_give(4, answer, len(answer))


def test_a_game_is_seen_over_the_cable_and_loses_no_line_while_the_pc_does_not_read(tmp_path: Path) -> None:
    world = CableWorld(tmp_path)
    world.connect()
    lines = []
    for number in range(600):
        if number % 20 == 0 and world.log(f"line {number}") >= 0:
            lines.append(f"line {number}")
        if number % 200 == 100:
            world.lib.stand_in_pc_reads = 0
        if number % 200 == 160:
            world.lib.stand_in_pc_reads = 1
        if number == 400:
            world.deliver("command", b"jump")
        world.frame()
    world.run(40)
    assert world.poll() & CONNECTED
    assert world.lines() == lines
    assert len(lines) == 30
    assert world.heard == [b"jump"]
    assert world.lib.stand_in_held >= 3
    assert world.lib.stand_in.waits == 0


def test_a_cable_that_is_pulled_and_put_back_costs_a_connection_and_no_event(tmp_path: Path) -> None:
    world = CableWorld(tmp_path)
    world.connect()
    world.lib.stand_in_pc = 0
    for number in range(20):
        assert world.send("scores", bytes((number,)) * 4, CRITICAL) >= 0
        world.frame()
    world.run(20)
    assert world.status().state != 5
    world.lib.stand_in_pc = 1
    world.run(20)
    assert world.poll() & CONNECTED
    assert world.status().connections == 2
    assert world.values("scores") == [number * 0x01010101 for number in range(20)]

    assert world.lib.stand_in.waits == 0
