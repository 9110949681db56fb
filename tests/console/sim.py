"""The simulated console of csrc/ports as a shared library, with the peer's end of its connections in the test's hands."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from build_scripts import ctools

MS = 1000
S = 1_000_000
ACCEPTS, REFUSES, SILENT = range(3)
LATER, ENDED, GONE, NO_LINK, WRONG = -1, -2, -3, -4, -5
WEAK = 1


def between(text: str, first: str, last: str) -> str:
    """What stands from one piece of a text up to another."""
    start = text.index(first)
    return text[start : text.index(last, start)]


def declarations() -> str:
    """What the two headers declare, as cffi reads it: no comments, no preprocessor, numbers in place of their names."""
    port = (ctools.INCLUDE / "flight_port.h").read_text(encoding="utf-8")
    sim = (ctools.PORTS / "flight_port_sim.h").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"^#define (FLIGHT_SIM_\w+) (\d+)u", sim, re.MULTILINE))
    text = between(port, "typedef struct flight_port_memory", "/* Results of flight_port.random.")
    text += between(port, "typedef struct flight_port {", "/* Turn a name")
    text += between(sim, "typedef struct flight_sim_profile", "#ifdef __cplusplus\n}")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub("|".join(numbers), lambda match: numbers[match[0]], text)


@cache
def library(*more: Path) -> tuple[cffi.FFI, Any]:
    """The library, built once. more: further sources."""
    path = ctools.program(
        "-".join(["libsim", *(source.stem for source in more)]) + ".so",
        [*ctools.sim_sources(), *more],
        ["-O1", "-fPIC", "-shared"],
        ctools.find_tool("gcc", "cc", package="gcc"),
    )
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    return ffi, ffi.dlopen(str(path))


class Console:
    """One simulated console. The calls of its port have their names; those of the peer begin with peer_."""

    def __init__(self, profile: str, seed: int = 1) -> None:
        self.ffi, self.lib = library()
        self.sim: Any = self.ffi.new("flight_sim *")
        self.port: Any = self.ffi.new("flight_port *")
        self.profile: Any = self.lib.flight_sim_profile_of(profile.encode())
        assert self.profile != self.ffi.NULL, profile
        self.lib.flight_sim_begin(self.sim, self.profile, seed, self.port)

    @property
    def now_us(self) -> int:
        """The virtual clock, as the port tells it."""
        return int(self.port.now_us(self.port.io))

    @property
    def counts(self) -> Any:
        """What happened so far."""
        return self.sim.counts

    def advance(self, us: int) -> None:
        """Let time pass."""
        self.lib.flight_sim_advance(self.sim, us)

    def io(self, link: int) -> Any:
        """What the port's calls are given for a connection."""
        return self.port.probe_io if link else self.port.io

    def open(self, link: int = 0) -> int:
        """flight_port.open."""
        return int(self.port.open(self.io(link), b"192.168.1.10", 8081))

    def ready(self, link: int = 0) -> int:
        """flight_port.ready."""
        return int(self.port.ready(self.io(link)))

    def send(self, data: bytes, link: int = 0) -> int:
        """flight_port.send."""
        return int(self.port.send(self.io(link), data, len(data)))

    def recv(self, capacity: int = 65536, link: int = 0) -> bytes | int:
        """flight_port.recv: bytes where there are some, else its number."""
        buffer = self.ffi.new("uint8_t[]", capacity)
        count = int(self.port.recv(self.io(link), buffer, capacity))
        return bytes(self.ffi.buffer(buffer, count)) if count > 0 else count

    def close(self, link: int = 0) -> None:
        """flight_port.close."""
        self.port.close(self.io(link))

    def link(self) -> int:
        """flight_port.link."""
        return int(self.port.link(self.port.io))

    def connect(self, link: int = 0, within_us: int = 5 * S) -> None:
        """Open and wait until it is ready."""
        assert self.open(link) == 0
        until = self.now_us + within_us
        while (state := self.ready(link)) == 0:
            assert self.now_us < until, "not connected in time"
            self.advance(5 * MS)
        assert state == 1

    def peer_take(self, link: int = 0) -> bytes:
        """All that has arrived at the peer."""
        buffer = self.ffi.new("uint8_t[65536]")
        count = self.lib.flight_sim_peer_take(self.sim, link, buffer, 65536)
        return bytes(self.ffi.buffer(buffer, count))

    def peer_give(self, data: bytes, link: int = 0) -> int:
        """The peer sends; how many bytes its machine took."""
        return int(self.lib.flight_sim_peer_give(self.sim, link, data, len(data)))

    def __getattr__(self, name: str) -> Any:
        """The other calls of the header, with the simulation put in front: lose, black_out, suspend, peer_close..."""
        call = getattr(self.lib, f"flight_sim_{name}")
        return lambda *arguments: call(self.sim, *arguments)
