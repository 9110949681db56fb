"""The POSIX port against this machine: connections, a serial line, files, memory, and what it says when something is wrong."""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cffi
import pytest

from build_scripts import ctools
from tests.console.sim import between
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the POSIX port")

HANG_S = 20.0
UNKNOWN = 0xFFFFFFFF


@cache
def library() -> tuple[cffi.FFI, Any]:
    header = (ctools.INCLUDE / "flight_port.h").read_text(encoding="utf-8")
    text = between(header, "typedef struct flight_port_memory", "/* Results of flight_port.random.")
    text += between(header, "typedef struct flight_port {", "/* Turn a name")
    text += """
        extern flight_port flight_port_posix; extern flight_port flight_port_posix_pipe;
        extern const char *flight_port_folder; extern const char *flight_port_pipe_path; extern uint32_t flight_port_pipe_baud;
        int flight_resolve(const char *name, char *out, size_t capacity);
    """
    path = ctools.program(
        "libposixport.so",
        [ctools.PORTS / "flight_port_posix.c"],
        ["-O1", "-fPIC", "-shared", "-fsanitize=undefined", "-fno-sanitize-recover=all"],
        ctools.find_tool("gcc", "cc", package="gcc"),
    )
    ffi = cffi.FFI()
    ffi.cdef(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    return ffi, ffi.dlopen(str(path))


class Port:
    """One of the two tables."""

    def __init__(self, table: str = "flight_port_posix", *, probe: bool = False) -> None:
        self.ffi, self.lib = library()
        self.table: Any = getattr(self.lib, table)
        self.io: Any = self.table.probe_io if probe else self.table.io

    def open(self, host: bytes = b"127.0.0.1", port: int = 1) -> int:
        return int(self.table.open(self.io, host, port))

    def ready(self) -> int:
        return int(self.table.ready(self.io))

    def send(self, data: bytes) -> int:
        return int(self.table.send(self.io, data, len(data)))

    def recv(self, capacity: int = 4096) -> bytes | int:
        buffer = self.ffi.new("uint8_t[]", capacity)
        count = int(self.table.recv(self.io, buffer, capacity))
        return bytes(self.ffi.buffer(buffer, count)) if count > 0 else count

    def close(self) -> None:
        self.table.close(self.io)

    def connect(self, number: int) -> None:
        assert self.open(port=number) == 0
        assert until(self.ready) == 1


def until(call: Callable[[], Any]) -> Any:
    """What a call says when it is something else than 0."""
    limit = time.monotonic() + HANG_S
    while (result := call()) == 0:
        assert time.monotonic() < limit, "hangs"
        time.sleep(0.001)
    return result


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    yield made
    made.close()


def test_it_connects_and_bytes_go_both_ways(port: Port, listener: socket.socket) -> None:
    port.connect(listener.getsockname()[1])
    peer, _ = listener.accept()
    with peer:
        assert port.recv() == 0
        assert port.send(b"out") == 3
        assert peer.recv(10) == b"out"
        peer.sendall(b"in")
        assert until(port.recv) == b"in"
    assert until(port.recv) == -errno.EPIPE, "the peer closed"


def test_a_full_connection_takes_no_more_and_is_still_ready(port: Port, listener: socket.socket) -> None:
    port.connect(listener.getsockname()[1])
    peer, _ = listener.accept()
    with peer:
        while port.send(bytes(65536)) > 0:
            pass
        assert port.send(b"x") == 0
        assert port.ready() == 1


def test_nobody_who_listens_is_an_error_that_says_so(port: Port) -> None:
    begun = port.open(port=free_port())
    result = begun or until(port.ready)
    assert result == -errno.ECONNREFUSED


def test_a_peer_that_dies_kills_no_program(port: Port, listener: socket.socket) -> None:
    port.connect(listener.getsockname()[1])
    peer, _ = listener.accept()
    peer.close()
    limit = time.monotonic() + HANG_S
    while port.send(b"x") > 0:  # the second one would be a SIGPIPE
        assert time.monotonic() < limit
    assert port.send(b"x") < 0


@pytest.mark.parametrize("host", [b"localhost", b"", b"256.1.1.1", b"::1"])
def test_only_an_address_is_opened_because_a_name_would_wait(port: Port, host: bytes) -> None:
    assert port.open(host) == -errno.EINVAL
    assert port.ready() == -errno.ENOTCONN


def test_what_was_never_opened_says_so(port: Port) -> None:
    port.close()
    port.close()
    assert (port.ready(), port.send(b"x"), port.recv()) == (-errno.ENOTCONN,) * 3


def test_opening_again_lets_the_old_connection_go(port: Port, listener: socket.socket) -> None:
    port.connect(listener.getsockname()[1])
    old, _ = listener.accept()
    port.connect(listener.getsockname()[1])
    with old:
        assert old.recv(1) == b""


def test_there_are_two_connections(port: Port, listener: socket.socket) -> None:
    probe = Port(probe=True)
    port.connect(listener.getsockname()[1])
    probe.connect(listener.getsockname()[1])
    port.close()
    assert probe.send(b"still") == 5
    probe.close()


def test_a_name_becomes_an_address(port: Port) -> None:
    out = port.ffi.new("char[16]")
    assert port.lib.flight_resolve(b"192.168.1.10", out, 16) == 0
    assert port.ffi.string(out) == b"192.168.1.10"
    assert port.lib.flight_resolve(b"localhost", out, 16) == 0
    assert port.ffi.string(out) == b"127.0.0.1"
    assert port.lib.flight_resolve(b"192.168.1.10", out, 5) < 0
    assert port.lib.flight_resolve(b"", out, 16) < 0


def test_records_outlive_the_program_and_a_new_one_takes_the_place_of_the_old(port: Port, tmp_path: Path) -> None:
    folder = port.ffi.new("char[]", str(tmp_path / "new").encode())
    port.lib.flight_port_folder = folder
    out = port.ffi.new("uint8_t[1024]")
    table = port.table
    assert table.load(port.io, 0, out, 1024) == 0, "nothing was ever stored"
    assert table.store(port.io, 0, b"first record", 12) == 0
    assert table.store(port.io, 0, b"second", 6) == 0
    assert table.store(port.io, 1, b"other", 5) == 0
    assert table.load(port.io, 0, out, 1024) == 6
    assert bytes(port.ffi.buffer(out, 6)) == b"second"
    assert table.load(port.io, 1, out, 3) == 3
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["flight0.bin", "flight1.bin"]


def test_a_folder_that_cannot_be_is_an_error(port: Port, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = port.ffi.new("char[]", str(tmp_path / "file").encode())
    port.lib.flight_port_folder = folder
    out = port.ffi.new("uint8_t[64]")
    assert port.table.store(port.io, 0, b"x", 1) < 0
    assert port.table.load(port.io, 0, out, 64) < 0
    port.lib.flight_port_folder = port.ffi.NULL
    assert port.table.store(port.io, 0, b"x", 1) == -errno.EINVAL


def test_memory_is_what_linux_says_and_unknown_is_unknown(port: Port) -> None:
    told: Any = port.ffi.new("flight_port_memory *")
    port.table.memory(port.io, told)
    assert told.largest_bytes == UNKNOWN
    if not Path("/proc/meminfo").exists():
        assert told.used_bytes == UNKNOWN
        return
    kib = int(Path("/proc/meminfo").read_text().split()[1])
    assert told.total_bytes == (kib * 1024 if kib < 4 * 1024 * 1024 else UNKNOWN)
    assert 1_000_000 < told.used_bytes < UNKNOWN


def test_random_bytes_are_strong_and_differ(port: Port) -> None:
    out = port.ffi.new("uint8_t[600]")
    assert port.table.random(port.io, out, 600) == 0
    drawn = bytes(port.ffi.buffer(out))
    assert len({drawn[:200], drawn[200:400], drawn[400:]}) == 3


def test_the_clock_does_not_go_back_and_the_network_is_there(port: Port) -> None:
    readings = [port.table.now_us(port.io) for _ in range(1000)]
    assert readings == sorted(readings)
    assert port.table.link(port.io) == 1


# --- the byte pipe ---


@pytest.fixture
def pipe() -> Iterator[Port]:
    made = Port("flight_port_posix_pipe")
    yield made
    made.close()


def along(pipe: Port, path: str) -> Any:
    """Where the pipe leads; the text has to be kept as long as it is used."""
    kept = pipe.ffi.new("char[]", path.encode())
    pipe.lib.flight_port_pipe_path = kept
    return kept


def test_a_serial_line_passes_every_byte_as_it_is(pipe: Port) -> None:
    host, device = os.openpty()
    kept = along(pipe, os.ttyname(device))
    assert pipe.table.probe_io == pipe.ffi.NULL
    assert pipe.open(b"", 0) == 0
    assert pipe.ready() == 1
    every = bytes(range(256))
    assert pipe.recv() == 0, "nothing yet is not the end"
    assert pipe.send(every) == 256
    got = b""
    while len(got) < 256:
        got += os.read(host, 1000)
    assert got == every
    os.write(host, every)
    back = b""
    while len(back) < 256:
        back += until(pipe.recv)
    assert back == every
    os.close(device)
    os.close(host)
    assert until(pipe.recv) < 0, "the line is gone"
    del kept


def test_a_local_port_that_passes_bytes_on_is_a_pipe_too(pipe: Port, listener: socket.socket) -> None:
    kept = along(pipe, f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    assert pipe.open(b"ignored", 0) == 0
    assert until(pipe.ready) == 1
    peer, _ = listener.accept()
    with peer:
        pipe.send(b"frame")
        assert peer.recv(10) == b"frame"
    del kept


@pytest.mark.parametrize(
    "path", ["/dev/no-such-line", "tcp://127.0.0.1", "tcp://localhost:1", "tcp://", "tcp://" + "1" * 90 + ":1"]
)
def test_a_line_that_is_none_is_an_error(pipe: Port, path: str) -> None:
    kept = along(pipe, path)
    assert pipe.open() < 0
    assert pipe.ready() == -errno.ENOTCONN
    del kept


def test_a_speed_that_no_line_has_is_refused(pipe: Port) -> None:
    host, device = os.openpty()
    kept = along(pipe, os.ttyname(device))
    pipe.lib.flight_port_pipe_baud = 12345
    assert pipe.open() == -errno.EINVAL
    pipe.lib.flight_port_pipe_baud = 115200
    os.close(device)
    os.close(host)
    del kept
