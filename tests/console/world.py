"""A console, the wire and a gateway of one device, all in memory; time is a number that the test moves."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, NamedTuple

from flight_client.session.common.clock import MASK
from flight_client.session.common.fields import get_u32
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    FLAG_CRITICAL,
    FLAG_DELTA,
    FLAGS_BY_AGREEMENT,
    TRANSPORT_POLLING,
    TRANSPORT_SERIAL,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
)
from flight_client.wire.coding import plain_records
from flight_client.wire.records import records, write_record
from tests.console.library import library
from tests.console.wires import Frame, LineWire, PollingWire, TcpWire, WebSocketWire, Wire
from tests.session import harness_gateway, parts

LAYOUT_LOG, LAYOUT_FRAME_TIME, LAYOUT_PAYLOAD = 5, 6, 7
PLATFORM_DREAMCAST, PLATFORM_PSP, PLATFORM_VITA = 1, 2, 3
CONNECTED, GOT_DATA, BACKLOG, DROPPED, CLOSED = 1, 2, 4, 8, 16
LOSSY, CRITICAL, LATEST = 0, 1, 2
NO_LIMIT = 0xFFFFFFFF
WIRES: dict[int, type[TcpWire | LineWire | PollingWire | WebSocketWire]] = {
    TRANSPORT_TCP: TcpWire,
    TRANSPORT_SERIAL: LineWire,
    TRANSPORT_POLLING: PollingWire,
    TRANSPORT_WEBSOCKET: WebSocketWire,
}
NAMES = {
    TRANSPORT_TCP: "tcp",
    TRANSPORT_SERIAL: "serial",
    TRANSPORT_POLLING: "polling",
    TRANSPORT_WEBSOCKET: "websocket",
}
_FIELDS = [
    "state",
    "transport",
    "resume",
    "random",
    "reason",
    "trouble",
    "detail",
    "port_error",
    "connections",
    "failures",
    "accepted",
    "settled",
    "queued",
    "refused_full",
    "refused_too_large",
    "received",
    "unhandled",
    "missed",
    "bytes_out",
    "bytes_in",
    "garbage_bytes",
    "wait_ms",
    "oldest",
    "link",
    "refused",
    "closed",
    "full",
    "too_large",
    "unconfirmed",
    "expired",
    "replaced",
    "pressure",
]


class Event(NamedTuple):
    """One event as the gateway stored it."""

    channel: str
    layout: int
    body: bytes
    critical: bool
    stored_ms: int
    age_ms: int


GATEWAY: Any = harness_gateway.Gateway  # the session's harness runs on MicroPython too, and has no types
STORE: Any = parts.Store


class RealGateway(GATEWAY):  # type: ignore[misc]
    """The harness's gateway, with events of any size and their channels."""

    def __init__(self, store: Any) -> None:
        super().__init__(store, window=4, heartbeat_ms=10000)
        self.reads = FLAG_DELTA
        self.names: dict[int, str] = {}
        self.events: list[Event] = []
        self.kinds: list[int] = []

    def hello(self, payload: bytes, now: int, out: list[Any]) -> None:
        self.names = {}
        super().hello(payload, now, out)

    def open(self, channel: int, asked: Any) -> None:
        self.names[channel] = bytes(asked.name).decode()
        super().open(channel, asked)

    def data(self, flags: int, channel: int, seq: int, payload: bytes, now: int) -> None:
        assert not flags & FLAGS_BY_AGREEMENT & ~self.agreement.up
        frames = [self.session.taken()] if seq else []
        if self.refuse or self.store_fails:
            super().data(flags & ~FLAG_DELTA, channel, seq, payload, now)
            return
        self._keep(flags, channel, payload, now)
        for frame in frames:
            self.session.done(frame[0], now)

    def _keep(self, flags: int, channel: int, payload: bytes, now: int) -> None:
        critical = bool(flags & FLAG_CRITICAL)
        start = 8 if critical else 0
        counter = get_u32(payload, 0) if critical else 0
        plain = plain_records(payload, start, len(payload), flags & FLAG_DELTA)
        found = records(plain, 0, len(plain))
        for layout, age_ms, begin, end in found:
            event = Event(self.names[channel], layout, bytes(plain[begin:end]), critical, now, age_ms or 0)
            if not critical or counter > self.store.mark:
                self.events.append(event)
            if critical:
                self.store.mark = max(self.store.mark, counter)
                counter += 1
            else:
                self.store.lossy += 1
        self.session.lossy_stored = self.store.lossy
        self.store.coded += bool(flags & FLAG_DELTA)


class World:
    """One console and its gateway."""

    def __init__(self, transport: int = TRANSPORT_TCP, platform: int = PLATFORM_DREAMCAST, **config: Any) -> None:
        self.ffi, self.lib = library()
        self.lib.rig_new_world()
        self.script, self.seen = self.lib.rig_the_script(), self.lib.rig_what_was_seen()
        self.config = self.lib.rig_config()
        self.transport = transport
        for which, text in enumerate(("127.0.0.1", "token", "console-1", "1.0")):
            self.lib.rig_text(which, text.encode())
        self.config.platform = platform
        self.lib.rig_transports(bytes((transport,)), 1)
        self.config.link_bytes_per_s = NO_LIMIT
        for name, value in config.items():
            setattr(self.config, name, value)
        self.store = STORE(b"epoch--1")
        self.gateway = RealGateway(self.store)
        self.wire: Wire = WIRES[transport]()
        self.opens = 0
        self.now_ms = 0
        self.sent = bytearray()  # every byte of the client
        self.frames: list[Frame] = []  # every frame of the client
        self.reachable = True
        self.mute = False  # the gateway takes, and says nothing
        self.bits = 0
        self.stepwise = False

    def start(self, less: int = 0) -> int:
        return int(self.lib.rig_start(less))

    @property
    def client(self) -> Any:
        return self.lib.rig_client()

    def poll(self, budget_us: int = 1 << 31) -> int:
        """One flight_poll, or as many as it takes where the client goes step by step."""
        got = int(self.lib.rig_poll_stepwise() if self.stepwise else self.lib.rig_poll(budget_us))
        self.bits |= got
        assert self.seen.bad_sums == 0, "accepted = settled + queued + dropped does not hold"
        assert self.seen.most_calls <= 1, "a step called the port more than once"
        assert self.seen.broken_memory == 0, "memory beside the client's was written"
        assert self.seen.sent_closed == 0, "a closed connection was used"
        return got

    def pass_ms(self, ms: int) -> None:
        self.now_ms = (self.now_ms + ms) & MASK
        self.lib.rig_pass(ms * 1000)

    def frame(self, ms: int = 16, budget_us: int = 1 << 31) -> int:
        """Time passes, the game polls, the network carries what there is."""
        self.pass_ms(ms)
        got = self.poll(budget_us)
        self.carry()
        return got

    def run(self, ms: int, step_ms: int = 16) -> None:
        for _ in range(0, ms, step_ms):
            self.frame(step_ms)

    def settle(self, most: int = 50) -> None:
        """Frames without time until nothing moves."""
        for _ in range(most):
            before = (len(self.sent), self.lib.rig_unread())
            self.frame(0)
            if (len(self.sent), self.lib.rig_unread()) == before:
                return

    def connect(self) -> None:
        """From the start to a ready session."""
        assert self.start() == 0
        for _ in range(20):
            if self.frame(1) & CONNECTED:
                self.settle()
                return
        raise AssertionError(f"not connected: {self.status()}")

    def carry(self) -> None:
        """What the client sent reaches the gateway, what the gateway says is there to be received."""
        if self.seen.opens != self.opens:
            self.opens = self.seen.opens
            self.wire = WIRES[self.transport]() if not isinstance(self.wire, LineWire) else self.wire
        at = self.ffi.new("const uint8_t **")
        count = self.lib.rig_take_sent(at)
        data = bytes(self.ffi.buffer(at[0], count))
        self.sent += data
        if not self.reachable:
            return
        frames, answer = self.wire.take(data)
        self.frames += frames
        if answer:
            self.give(answer)
        out: list[tuple[int, int, int, int, int, bytes]] = []
        for frame in frames:
            self.gateway.take(frame.kind, frame.flags & ~0x20, *frame[2:], self.now_ms, out)
        if self.mute or (isinstance(self.wire, PollingWire) and not frames):
            return
        self.gateway.output(self.now_ms, out)
        if data := self.wire.give([Frame(*reply) for reply in out]):
            self.give(data)

    def give(self, data: bytes) -> None:
        """Bytes for the client to receive."""
        self.lib.rig_give(data, len(data))

    def status(self) -> SimpleNamespace:
        words = self.ffi.new("uint32_t[]", len(_FIELDS))
        self.lib.rig_status(words)
        found = SimpleNamespace(**dict(zip(_FIELDS, list(words), strict=True)))
        found.port_error = struct.unpack("<i", struct.pack("<I", found.port_error))[0]
        return found

    # what a game does

    def channel(self, name: str) -> int:
        kept = self.ffi.new("char[]", name.encode())
        _keep.append(kept)
        return int(self.lib.flight_channel(self.client, kept))

    def listen(self, name: str) -> None:
        kept = self.ffi.new("char[]", name.encode())
        _keep.append(kept)
        assert self.lib.rig_listen(kept) == 0

    def send(self, name: str, kind: int, data: bytes, flags: int = LOSSY) -> int:
        return int(self.lib.flight_send(self.client, self.channel(name), kind, data, len(data), flags))

    def log(self, text: str, level: int = 1) -> int:
        return int(self.lib.rig_log_text(level, b"%s", text.encode()))

    def deliver(self, name: str, *bodies: tuple[int, bytes], layout: int = LAYOUT_PAYLOAD) -> None:
        """An entry of a subscribed channel, with an event for each (kind, data)."""
        batch = bytearray()
        for kind, data in bodies:
            body = struct.pack("<HHH", kind, 0, len(data)) + data
            body += bytes(-len(body) & 3)
            out = bytearray(1100)
            size = write_record(out, 0, layout, 0, body)
            batch += out[:size]
        self.deliver_entry(name, bytes(batch))

    def deliver_entry(self, name: str, batch: bytes) -> None:
        """An entry of a subscribed channel, with these records."""
        number = next(number for number, known in self.gateway.names.items() if known == name)
        offset = len(self.store.log) + 1
        self.store.log.append(batch)
        self.gateway.position = offset
        self.gateway.deliver(offset, offset - 1, batch, b"tool-1", number)

    def messages(self) -> list[tuple[int, bytes]]:
        """(kind, data) of what the handler was given since the last call."""
        at = self.ffi.new("const uint8_t **")
        count = self.lib.rig_take_messages(at)
        data = bytes(self.ffi.buffer(at[0], count))
        found, position = [], 0
        while position < len(data):
            kind, _, size = struct.unpack_from("<HII", data, position + 2)
            found.append((kind, data[position + 12 : position + 12 + size]))
            position += 12 + size
        return found

    def stored(self, name: str) -> list[Event]:
        return [event for event in self.gateway.events if event.channel == name]

    def lines(self) -> list[str]:
        """The texts of the log as the gateway has them."""
        return [text_of(event.body) for event in self.stored("log") if event.layout == LAYOUT_LOG]


_keep: list[Any] = []  # names of channels: the client keeps pointers to them


def text_of(body: bytes) -> str:
    """The text of a log event."""
    return body[6 : 6 + struct.unpack_from("<H", body, 4)[0]].decode()


def ending(code: int, retry_after_ms: int = 0) -> bytes:
    """The payload of RESET or CLOSE."""
    return bytes(messages.ending(code, retry_after_ms, "no"))
