"""The real port files of the three consoles, on the simulated stack, through stand-ins for their SDKs' calls.

What this proves is that the files draw the right conclusions from what the stacks are known to say; that they fit the real
headers is proved by `make check-sdk`, and that the consoles say what is known of them only a console can prove.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import cffi
import pytest

from build_scripts import ctools
from tests.console.sim import MS, REFUSES, SILENT, S, declarations

HERE = Path(__file__).resolve().parent / "stand_in"
PROFILES = {"kos": "bba", "psp": "psp-wifi", "vita": "vita-wifi"}
UNKNOWN = 0xFFFFFFFF
DECLARATIONS = """
typedef struct { uint32_t waits, leaks, open, events, files; } stand_in_seen;
extern flight_sim stand_in_sim; extern stand_in_seen stand_in;
void stand_in_begin(const char *profile); void stand_in_link(int state);
struct heap { size_t arena, uordblks, fordblks, keepcost; };
extern struct heap stand_in_heap; extern const char *flight_port_folder;
int flight_resolve(const char *name, char *out, size_t capacity);
"""


def headers(console: str, folder: Path) -> list[str]:
    """A folder with the SDK's headers that the port includes, each of which is the stand-in; options that use it."""
    text = (ctools.PORTS / f"flight_port_{console}.c").read_text(encoding="utf-8")
    for name in re.findall(r"^#include <(.*)>", text, re.MULTILINE):
        if name != "string.h" and not (console != "vita" and name == "errno.h"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f'#include "{console}.h"\n', encoding="utf-8")
    if console == "kos":  # the others of this one are those of any BSD socket
        for name in ("arpa/inet.h", "fcntl.h", "netdb.h", "netinet/in.h", "poll.h", "sys/socket.h", "sys/stat.h"):
            (folder / name).unlink()
        for name in ("time.h", "unistd.h"):
            (folder / name).unlink()
    return [f"-I{folder}"]


@cache
def library(console: str) -> tuple[cffi.FFI, Any]:
    folder = ctools.BUILD / f"stand-in-{console}"
    port = ctools.PORTS / f"flight_port_{console}.c"
    sources = [*ctools.sim_sources(), port, HERE / "stand_in.c", HERE / f"{console}.c"]
    flags = ["-O1", "-fPIC", "-shared", "-Wno-pointer-to-int-cast", f"-I{HERE}", *headers(console, folder)]
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    path = ctools.program(f"libport-{console}.so", sources, flags, ctools.find_tool("gcc", "cc", package="gcc"))
    more = {
        "kos": "extern uint32_t stand_in_heap_end; extern flight_port flight_port_kos_files, flight_port_kos_serial;"
        "extern int dcload_type; extern uint32_t flight_port_pipe_baud;"
        "unsigned stand_in_serial_take(uint8_t *out); void stand_in_serial_give(const uint8_t *data, unsigned bytes);",
        "psp": "extern int sce_newlib_heap_kb_size;",
        "vita": "extern uint32_t stand_in_heap_bytes;",
    }
    ffi = cffi.FFI()
    ffi.cdef(declarations() + DECLARATIONS + f"extern flight_port flight_port_{console};" + more[console])
    return ffi, ffi.dlopen(str(path))


class Port:
    """A console's port, and the peer that it talks to."""

    def __init__(self, console: str) -> None:
        self.ffi, self.lib = library(console)
        self.console = console
        self.table: Any = getattr(self.lib, f"flight_port_{console}")
        for io in (self.table.io, self.table.probe_io):
            self.table.close(io)
        self.lib.stand_in_begin(PROFILES[console].encode())
        self.lib.stand_in_link(1)
        self.sim: Any = self.ffi.addressof(self.lib, "stand_in_sim")

    @property
    def seen(self) -> Any:
        return self.lib.stand_in

    def advance(self, us: int) -> None:
        self.lib.flight_sim_advance(self.sim, us)

    def open(self, host: bytes = b"192.168.1.10", *, probe: bool = False) -> int:
        return int(self.table.open(self.table.probe_io if probe else self.table.io, host, 8081))

    def ready(self, *, probe: bool = False) -> int:
        return int(self.table.ready(self.table.probe_io if probe else self.table.io))

    def send(self, data: bytes) -> int:
        return int(self.table.send(self.table.io, data, len(data)))

    def recv(self) -> bytes | int:
        buffer = self.ffi.new("uint8_t[4096]")
        count = int(self.table.recv(self.table.io, buffer, 4096))
        return bytes(self.ffi.buffer(buffer, count)) if count > 0 else count

    def close(self) -> None:
        self.table.close(self.table.io)

    def connect(self) -> None:
        assert self.open() == 0
        assert self.ready() == 0, "not at once"
        self.advance(100 * MS)
        assert self.ready() == 1

    def peer_take(self) -> bytes:
        buffer = self.ffi.new("uint8_t[65536]")
        return bytes(self.ffi.buffer(buffer, self.lib.flight_sim_peer_take(self.sim, 0, buffer, 65536)))

    def memory(self) -> tuple[int, int, int, int]:
        told: Any = self.ffi.new("flight_port_memory *")
        self.table.memory(self.table.io, told)
        return told.total_bytes, told.used_bytes, told.available_bytes, told.largest_bytes


@pytest.fixture(params=PROFILES)
def port(request: pytest.FixtureRequest) -> Any:
    made = Port(request.param)
    yield made
    assert made.seen.waits == 0, "a call that waits"
    assert made.seen.leaks == 0, "KallistiOS leaks what is set before connect"
    assert made.seen.files == 0, "a file is left open"
    for io in (made.table.io, made.table.probe_io):
        made.table.close(io)
        made.table.close(io)
    assert made.seen.open == 0, "a socket is left open"
    assert made.seen.events == 0, "an object of the firmware is left"


def test_it_connects_and_bytes_go_both_ways(port: Port) -> None:
    port.connect()
    assert port.recv() == 0
    assert port.send(b"out") == 3
    port.lib.flight_sim_peer_give(port.sim, 0, b"in", 2)
    port.advance(100 * MS)
    assert port.peer_take() == b"out"
    assert port.recv() == b"in"


def test_a_refusal_is_an_error_and_never_a_connection(port: Port) -> None:
    port.lib.flight_sim_answer(port.sim, REFUSES)
    assert port.open() == 0
    assert port.ready() == 0
    port.advance(1 * S)
    assert port.ready() < 0


def test_a_refusal_is_found_where_so_error_lies_too(port: Port) -> None:
    lying: Any = port.ffi.new("flight_sim_profile *", port.sim.profile[0])
    lying.error_lies = 1
    port.sim.profile = lying
    port.lib.flight_sim_answer(port.sim, REFUSES)
    port.open()
    port.advance(1 * S)
    assert port.ready() < 0


def test_no_answer_is_no_error_for_as_long_as_nobody_says_so(port: Port) -> None:
    port.lib.flight_sim_answer(port.sim, SILENT)
    port.open()
    port.advance(20 * S)
    assert port.ready() == 0


def test_a_full_connection_takes_no_more_now_and_is_still_ready(port: Port) -> None:
    port.connect()
    while port.send(bytes(1000)) > 0:
        pass
    assert port.send(b"x") == 0
    assert port.ready() == 1
    port.advance(1 * S)
    assert port.send(b"x") == 1


def test_the_peers_end_is_death_and_comes_after_its_last_bytes(port: Port) -> None:
    port.connect()
    port.lib.flight_sim_peer_give(port.sim, 0, b"last", 4)
    port.lib.flight_sim_peer_close(port.sim, 0)
    port.advance(1 * S)
    assert port.recv() == b"last"
    assert isinstance(end := port.recv(), int)
    assert end < 0


def test_a_reset_is_death(port: Port) -> None:
    port.connect()
    port.lib.flight_sim_peer_reset(port.sim, 0)
    port.advance(1 * S)
    received = port.recv()
    assert isinstance(received, int)
    assert received < 0
    assert port.send(b"x") < 0


@pytest.mark.parametrize("console", ["psp", "vita"])
def test_after_a_suspend_the_socket_is_dead_and_a_new_one_lives(console: str) -> None:
    port = Port(console)
    port.connect()
    assert port.lib.flight_sim_suspend(port.sim, 60 * S) == 0
    assert port.send(b"x") < 0
    assert port.open() < 0, "no network yet"
    port.lib.flight_sim_network(port.sim, 1)
    port.advance(5 * S)
    port.connect()
    assert port.seen.open == 1


@pytest.mark.parametrize("host", [b"devbox", b"", b"1.2.3"])
def test_only_an_address_is_opened_because_a_name_would_wait(port: Port, host: bytes) -> None:
    if port.console == "kos" and host == b"1.2.3":
        pytest.skip("an address, to BSD")
    assert port.open(host) < 0
    assert port.ready() < 0
    assert port.send(b"x") < 0
    assert port.recv() < 0  # type: ignore[operator]


def test_the_network_is_up_coming_or_down(port: Port) -> None:
    told = []
    for state in (1, 0, -1):
        port.lib.stand_in_link(state)
        told.append(port.table.link(port.table.io))
    assert told[:2] == [1, 0]
    assert told[2] < 0


def test_two_connections_live_side_by_side(port: Port) -> None:
    port.connect()
    assert port.open(probe=True) == 0
    port.advance(100 * MS)
    assert port.ready(probe=True) == 1
    port.close()
    assert port.ready() < 0
    assert port.ready(probe=True) == 1


def test_opening_again_lets_the_old_connection_go(port: Port) -> None:
    for _ in range(5):
        port.connect()
    assert port.seen.open == 1


def test_a_name_becomes_an_address(port: Port) -> None:
    out = port.ffi.new("char[16]")
    assert port.lib.flight_resolve(b"10.0.0.7", out, 16) == 0
    assert port.ffi.string(out) == b"10.0.0.7"
    assert port.lib.flight_resolve(b"10.0.0.7", out, 4) < 0
    if port.console != "kos":
        assert port.lib.flight_resolve(b"devbox", out, 16) == 0
        assert port.ffi.string(out) == b"192.168.1.10"
        assert port.lib.flight_resolve(b"nobody", out, 16) < 0


def test_random_bytes_differ_and_only_the_vitas_are_called_strong(port: Port) -> None:
    out = port.ffi.new("uint8_t[200]")
    assert port.table.random(port.table.io, out, 200) == (0 if port.console == "vita" else 1)
    drawn = bytes(port.ffi.buffer(out))
    assert len({drawn[:50], drawn[50:100], drawn[100:150], drawn[150:]}) == 4


def test_records_are_kept_by_their_number(port: Port) -> None:
    table = port.table
    if port.console == "kos":
        assert (table.store, table.load) == (port.ffi.NULL, port.ffi.NULL), "off, and reported off"
        table = port.lib.flight_port_kos_files
    out = port.ffi.new("uint8_t[1024]")
    assert table.load(table.io, 0, out, 1024) == 0, "nothing was ever stored"
    assert table.store(table.io, 0, b"first record", 12) == 0
    assert table.store(table.io, 0, b"second", 6) == 0
    assert table.store(table.io, 1, b"other", 5) == 0
    assert table.load(table.io, 0, out, 1024) == 6
    assert bytes(port.ffi.buffer(out, 6)) == b"second"
    assert table.load(table.io, 1, out, 3) == 3
    assert table.store(table.io, 10, b"x", 1) < 0
    before = port.lib.flight_port_folder
    port.lib.flight_port_folder = port.ffi.NULL
    assert table.store(table.io, 0, b"x", 1) < 0
    port.lib.flight_port_folder = before


def heap(port: Port, total: int, arena: int, free: int, top: int) -> None:
    """A heap of this size, of which so much was taken, with so much free inside, so much of it at its end."""
    port.lib.stand_in_heap.arena = arena
    port.lib.stand_in_heap.uordblks = arena - free
    port.lib.stand_in_heap.fordblks = free
    port.lib.stand_in_heap.keepcost = top
    if port.console == "psp":
        port.lib.sce_newlib_heap_kb_size = total // 1024
    elif port.console == "vita":
        port.lib.stand_in_heap_bytes = total
    else:  # from the heap's end to the stack of 64 KiB at the end of memory
        port.lib.stand_in_heap_end = 0x8D000000 - 65536 - (total - arena)


def test_memory_counts_what_can_still_be_had_and_its_largest_piece(port: Port) -> None:
    kib = 1024
    heap(port, total=8192 * kib, arena=5000 * kib, free=1000 * kib, top=600 * kib)
    total, used, available, largest = port.memory()
    assert available == (8192 - 5000 + 1000) * kib
    assert largest == (8192 - 5000 + 600) * kib
    assert total == (16384 * kib if port.console == "kos" else 8192 * kib)
    assert used == total - available


def test_a_largest_piece_that_cannot_be_known_is_unknown(port: Port) -> None:
    kib = 1024
    heap(port, total=8192 * kib, arena=8000 * kib, free=3000 * kib, top=100 * kib)
    total, used, available, largest = port.memory()
    assert available == 3192 * kib
    assert largest == UNKNOWN, "one of the pieces inside may be larger than the 292 KiB at the end"
    assert used == total - available


def test_a_psp_without_a_heap_of_its_own_size_tells_what_the_firmware_has_left() -> None:
    port = Port("psp")
    port.lib.sce_newlib_heap_kb_size = 0
    assert port.memory() == (UNKNOWN, UNKNOWN, 524288, 262144)


# The serial port of a Dreamcast


@pytest.fixture
def serial() -> Any:
    made = Port("kos")
    made.table = made.lib.flight_port_kos_serial
    yield made
    assert made.seen.waits == 0, "scif_write with a full half waits"
    made.lib.dcload_type = -1


def test_a_serial_port_takes_what_it_can_without_waiting_for_long(serial: Port) -> None:
    serial.lib.flight_port_pipe_baud = 1_562_500
    assert serial.open() == 0
    assert serial.ready() == 1
    data = bytes(range(256)) * 2
    rest, calls, longest_us = data, 0, 0
    while rest:
        began = serial.sim.now_us
        taken = serial.send(rest)
        longest_us = max(longest_us, serial.sim.now_us - began)
        assert 0 < taken <= 9 + 200 // 6 + 1
        rest, calls = rest[taken:], calls + 1
    buffer = serial.ffi.new("uint8_t[65536]")
    assert bytes(serial.ffi.buffer(buffer, serial.lib.stand_in_serial_take(buffer))) == data
    assert longest_us <= 220
    print(f"{len(data)} bytes in {calls} calls, the longest {longest_us} us")
    serial.close()


def test_a_serial_port_reads_what_has_come_and_says_later_where_nothing_has(serial: Port) -> None:
    assert serial.open() == 0
    assert serial.recv() == 0
    serial.lib.stand_in_serial_give(b"abc", 3)
    assert serial.recv() == b"abc"
    assert serial.recv() == 0
    serial.close()


def test_a_serial_port_that_dcload_has_is_not_opened(serial: Port) -> None:
    serial.lib.dcload_type = 0
    assert serial.open() < 0
