"""The console client on a simulated console, and the gateway's session at the other end of its wire; time is virtual."""

from __future__ import annotations

import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from build_scripts import ctools
from flight_client.session.spec import DROP_PRESSURE, TRANSPORT_TCP, TYPE_PROBED
from flight_client.wire.records import write_record
from tests.console.sim import between, declarations
from tests.console.wires import Frame, LineWire, PollingWire
from tests.console.world import LAYOUT_PAYLOAD, PLATFORM_DREAMCAST, WIRES, RealGateway, text_of
from tests.session import parts

Store: Any = parts.Store  # the harness runs on MicroPython too, and has no types
FRAME_US = 16_667
BUDGET_US = 500
CALLS = """
typedef struct flight_client flight_client;
typedef struct flight_message {
    flight_client *client; const uint8_t *data; uint32_t bytes, age_ms; const char *source; uint8_t source_bytes, layout;
    uint16_t kind, channel, reserved;
} flight_message;
typedef void (*flight_handler)(void *user, const flight_message *message);
int flight_need(const flight_config *config);
flight_client *flight_init(void *memory, size_t bytes, const flight_config *config, const flight_port *port);
int flight_channel(flight_client *client, const char *name);
int flight_on(flight_client *client, int channel, flight_handler handler, void *user);
int flight_send(flight_client *client, int channel, uint16_t kind, const void *data, size_t bytes, unsigned flags);
int flight_memory(flight_client *client);
int flight_log(flight_client *client, int level, const char *format, ...);
int flight_frame_took(flight_client *client, uint32_t us);
int flight_poll(flight_client *client, uint32_t budget_us);
void flight_status_of(flight_client *client, flight_status *status);
"""


def client_sources() -> list[Path]:
    """The client and the simulated console."""
    return [*ctools.core_sources(), *ctools.session_sources(), *ctools.console_sources(), *ctools.sim_sources()]


@cache
def library(*options: str) -> tuple[cffi.FFI, Any]:
    """The client and the simulated console in one library. options: for the compiler."""
    path = ctools.program(
        f"libsimclient{'-least' if options else ''}.so",
        client_sources(),
        ["-O1", "-fPIC", "-shared", *options],
        ctools.find_tool("gcc", "cc", package="gcc"),
    )
    ffi = client_declarations()
    return ffi, ffi.dlopen(str(path))


def client_declarations() -> cffi.FFI:
    """What the headers declare of them."""
    header = (ctools.INCLUDE / "flight_client.h").read_text(encoding="utf-8")
    structs = between(header, "typedef struct flight_config {", "#define FLIGHT_NO_LIMIT")
    structs += between(header, "typedef struct flight_status {", "/* Bytes of memory")
    structs = re.sub(r"/\*.*?\*/", "", structs, flags=re.DOTALL).replace(
        "FLIGHT_DROP_PRESSURE + 1u", str(DROP_PRESSURE + 1)
    )
    ffi = cffi.FFI()
    ffi.cdef(declarations() + structs.replace("const flight_profile *", "const void *") + CALLS)
    return ffi


class Probed:
    """The gateway's end of a throw-away connection."""

    def __init__(self, transport: int) -> None:
        self.transport = transport
        self.answers = "right"  # or "wrong", or none
        self.asked: list[Frame] = []
        self._accepted = 0
        self._wire = WIRES[transport]()

    def pump(self, accepted: int, data: bytes) -> bytes:
        """What is answered to these bytes."""
        if accepted != self._accepted:
            self._accepted, self._wire = accepted, WIRES[self.transport]()
        frames, answer = self._wire.take(data)
        self.asked += frames
        if not frames or not self.answers:
            return answer
        payload = frames[0].payload if self.answers == "right" else bytes(8)
        return answer + self._wire.give([Frame(TYPE_PROBED, 0, 0, 0, 0, payload)])


class SimWorld:
    """One game on one simulated console."""

    def __init__(self, profile: str, *transports: int, options: tuple[str, ...] = (), **config: Any) -> None:
        """transports: best first; none: TCP. options: of the client's sources, for the compiler."""
        self.ffi, self.lib, self.sim, self.port = self.machine(profile, options)
        self._kept: list[Any] = []
        self.config = self._new("flight_config *")
        settings = {"host": "192.168.1.10", "token": "token", "device_id": "console-1", "platform": PLATFORM_DREAMCAST}
        for name, value in {**settings, **config}.items():
            setattr(self.config, name, self._text(value) if isinstance(value, str) else value)
        transports = transports or (TRANSPORT_TCP,)
        self.config.transports = self._keep(self.ffi.new("uint8_t[]", transports))
        self.config.transport_count = len(transports)
        self.gateway: Any = RealGateway(Store(b"epoch--1"))
        self.wire = WIRES[transports[0]]()
        self.accepted = 0
        self.probe = Probed(transports[0])
        self.heard: list[bytes] = []
        self.longest_poll_us = 0
        self.longest_held_us = 0
        self.start()

    def machine(self, profile: str, options: tuple[str, ...]) -> tuple[cffi.FFI, Any, Any, Any]:
        """The library, the simulation in it, and the port that the client is given."""
        ffi, lib = library(*options)
        sim, port = ffi.new("flight_sim *"), ffi.new("flight_port *")
        lib.flight_sim_begin(sim, lib.flight_sim_profile_of(profile.encode()), 1, port)
        return ffi, lib, sim, port

    def _new(self, what: str) -> Any:
        return self.ffi.new(what)

    def _keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing

    def _text(self, text: str) -> Any:
        return self._keep(self.ffi.new("char[]", text.encode()))

    def start(self) -> None:
        """The game begins, or begins again after a reset."""
        bytes_needed = self.lib.flight_need(self.config)
        assert bytes_needed > 0
        memory = self._keep(self.ffi.new("uint64_t[]", bytes_needed // 8 + 1))
        self.client = self.lib.flight_init(memory, bytes_needed, self.config, self.port)
        assert self.client != self.ffi.NULL

        def hear(_: Any, message: Any) -> None:
            self.heard.append(bytes(self.ffi.buffer(message.data, message.bytes)))

        handler = self._keep(self.ffi.callback("flight_handler", hear))
        assert self.lib.flight_on(self.client, self.channel("command"), handler, self.ffi.NULL) == 0

    @property
    def now_us(self) -> int:
        return int(self.sim.now_us)

    def channel(self, name: str) -> int:
        return int(self.lib.flight_channel(self.client, self._text(name)))

    def send(self, name: str, data: bytes, flags: int = 0) -> int:
        return int(self.lib.flight_send(self.client, self.channel(name), 1, data, len(data), flags))

    def log(self, text: str) -> int:
        return int(self.lib.flight_log(self.client, 1, b"%s", self.ffi.new("char[]", text.encode())))

    def status(self) -> Any:
        status: Any = self.ffi.new("flight_status *")
        self.lib.flight_status_of(self.client, status)
        assert status.accepted == status.settled + status.queued + sum(status.dropped), "the law of accounts"
        return status

    def poll(self) -> int:
        """One flight_poll: what it answered. How long it took, and what of that one call was held, is noted."""
        start, held, longest = self.now_us, self.sim.counts.held_us, self.sim.counts.longest_us
        self.sim.counts.longest_us = 0
        bits = int(self.lib.flight_poll(self.client, BUDGET_US))
        took, at_once = self.now_us - start, int(self.sim.counts.longest_us)
        assert took <= BUDGET_US + at_once + 3 * self.sim.profile.call_us, f"{took} us, held {at_once} us at once"
        assert self.sim.counts.held_us - held <= BUDGET_US + at_once, "held a second time behind the budget"
        self.sim.counts.longest_us = max(longest, at_once)
        self.longest_poll_us = max(self.longest_poll_us, took)
        self.longest_held_us = max(self.longest_held_us, at_once)
        return bits

    def frame(self) -> int:
        """A frame of the game: poll, and the rest of its time."""
        start = self.now_us
        bits = self.poll()
        self.pump()
        self.lib.flight_sim_advance(self.sim, max(1, start + FRAME_US - self.now_us))
        self.pump()
        return bits

    def run(self, seconds: float) -> None:
        until = self.now_us + int(seconds * 1_000_000)
        while self.now_us < until:
            self.frame()

    def connect(self, within_s: float = 10) -> None:
        until = self.now_us + int(within_s * 1_000_000)
        while not self.frame() & 1:
            assert self.now_us < until, f"not connected: state {self.status().state} trouble {self.status().trouble}"

    def pump(self) -> None:
        """What has arrived reaches the gateway; what it says is sent."""
        if self.accepted != self.lib.flight_sim_peer_accepted(self.sim, 0):
            self.accepted = self.lib.flight_sim_peer_accepted(self.sim, 0)
            self.wire = WIRES[self.status().transport]() if not isinstance(self.wire, LineWire) else self.wire
        self.give(self.probe.pump(self.probes, self.take(1)), 1)
        frames, answer = self.wire.take(self.take())
        self.give(answer)
        out: list[tuple[int, int, int, int, int, bytes]] = []
        now_ms = self.now_us // 1000
        for frame in frames:
            self.gateway.take(frame.kind, frame.flags & ~0x20, *frame[2:], now_ms, out)
        if self.accepted and (frames or not isinstance(self.wire, PollingWire)):
            self.gateway.output(now_ms, out)
            self.give(self.wire.give([Frame(*reply) for reply in out]))

    def take(self, link: int = 0) -> bytes:
        buffer = self.ffi.new("uint8_t[65536]")
        return bytes(self.ffi.buffer(buffer, self.lib.flight_sim_peer_take(self.sim, link, buffer, 65536)))

    def give(self, data: bytes, link: int = 0) -> None:
        if data:
            self.lib.flight_sim_peer_give(self.sim, link, data, len(data))

    @property
    def probes(self) -> int:
        """Throw-away connections that the peer accepted so far."""
        return int(self.lib.flight_sim_peer_accepted(self.sim, 1))

    def deliver(self, name: str, data: bytes) -> None:
        """Another device's payload event, on its way to the console."""
        number = next(number for number, known in self.gateway.names.items() if known == name)
        body = struct.pack("<HHH", 1, 0, len(data)) + data
        record = bytearray(256)
        size = write_record(record, 0, LAYOUT_PAYLOAD, 0, body + bytes(-len(body) & 3))
        offset = len(self.gateway.store.log) + 1
        self.gateway.store.log.append(bytes(record[:size]))
        self.gateway.position = offset
        self.gateway.deliver(offset, offset - 1, bytes(record[:size]), b"tool-1", number)

    def lines(self) -> list[str]:
        """The texts of the log as the gateway has them."""
        return [text_of(event.body) for event in self.gateway.events if event.channel == "log"]

    def values(self, name: str) -> list[int]:
        """The first number of each event of a channel, as the gateway has them."""
        return [struct.unpack_from("<I", event.body, 6)[0] for event in self.gateway.events if event.channel == name]
