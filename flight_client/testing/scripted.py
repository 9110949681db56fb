"""A gateway that does what a script says: for how a program behaves when a gateway refuses, loses, lies or says nothing.

It begins as a gateway that does everything right for one client: `answers` says which frame is answered how. A test takes
answers away, puts others in their place, or speaks unasked. For events that go through channels and come back, take
MemoryGateway, which is the real thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from .._tables import CODES, NAMES
from ..client import Client
from ..clock import monotonic_ms
from ..errors import CallerError
from ..events import Event, decode_event
from ..session import spec
from ..session.gateway import machine, messages
from ..session.gateway.agreement import Agreement
from ..transports import MemoryEnd
from ..wire.frames import encode_frame
from ..wire.records import records
from .frames import Frame, frames_of
from .links import MemoryLink, failed
from .scripted_events import delivery
from .waiting import HANG_S, within

EPOCH = b"scripted"
HEARTBEAT_MS = 5000
TOKEN_EXPIRES_MS = 3_600_000
_IDLE_MS = 60_000

Answer = Callable[["ScriptedPeer", Frame], None]

_CODES = {code["name"]: int(code["value"]) for code in CODES}


class ScriptedPeer:
    """The gateway's end of one client's connection. An async context manager; belongs to one event loop."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = dict(ANSWERS)
        """What is done about a frame, by the name of its type. A name that is not there gets no answer."""
        self.received: list[Frame] = []
        """Every frame of the client, the oldest first; a batch that comes again is there again."""
        self.events: list[Event] = []
        """The events of the batches that were taken."""
        self.reachable = True
        """Set it to False to take no connections and no polls."""
        self.link: MemoryLink = MemoryLink(self)
        """The way between the two: delay, rate, cut()."""
        self.clients: list[Client] = []
        self.session: machine.GatewaySession | None = None
        self.mark: int = 0
        self._session_id = b""
        self._channels: dict[int, str] = {}  # channels that it opened
        self._expected = 0  # frames in `received` that expect() has passed
        self._arrived = asyncio.Event()
        self._out: deque[bytes] = deque()
        self._said = asyncio.Event()
        self._end: MemoryEnd | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: Exception | None = None  # what the first answer that raised did raise
        self._offset = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close the clients that client() made, and end. Raises what an answer raised: a test's own assertion, for one."""
        for client in self.clients:
            await within(client.close())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failed is not None:
            raise self._failed

    def client(self, device_id: str = "device-1", *, platform: str = "vita", **other: Any) -> Client:
        """A client of this peer, not connected yet; closed by stop(). other: as for Client."""
        other.setdefault("token", "scripted")
        other.setdefault("transports", ["websocket"])
        client = Client(
            "http://scripted:1",
            platform=platform,
            device_id=device_id,
            transport_factories=self.link.factories(),
            **other,
        )
        self.clients.append(client)
        return client

    # What a test asks

    async def expect(self, name: str, limit_s: float = HANG_S) -> Frame:
        """The next frame of this type, `hello` for instance; those before it are passed over.

        Raises AssertionError when none comes, with what came instead.
        """
        _check_name(name)

        async def look() -> Frame:
            while True:
                while self._expected < len(self.received):
                    frame = self.received[self._expected]
                    self._expected += 1
                    if frame.name == name:
                        return frame
                self._arrived.clear()
                await self._arrived.wait()

        start = self._expected
        try:
            return await within(look(), limit_s)
        except AssertionError as error:
            came = ", ".join(frame.name for frame in self.received[start:]) or "nothing"
            raise AssertionError(f"{error}; waited for {name}, there came: {came}") from None

    # What a test says

    def say(self, name: str, payload: bytes = b"", channel: int = 0, *, flags: int = 0) -> None:
        """Any frame, outside of the session's numbers. payload: docs/protocol.md says what stands in it."""
        ack = 0 if self.session is None else self.session.ack()
        self._out.append(encode_frame(_check_name(name), flags, channel, 0, ack, payload))
        self._flush()

    def say_bytes(self, data: bytes) -> None:
        """Anything at all, also what is no frame."""
        self._out.append(data)
        self._flush()

    def end(self, code: str = "going-away", retry_after_ms: int = 0, text: str = "") -> None:
        """Send the client away with CLOSE, for this reason of the table of codes."""
        self.say("close", messages.ending(_code(code), retry_after_ms, text))

    def deliver(self, channel: str, event: Event, *, device_id: str = "somebody", after: int | None = None) -> int:
        """An event of a channel that the client listens to; the offset that it got.

        after: the offset that it is said to follow; another one than that of the event before is a gap.
        """
        session, number = self._ready(), self._number_of(channel)
        previous = self._offset if after is None else after
        self._offset = max(self._offset, previous) + 1
        session.send(spec.TYPE_DELIVER, 0, number, delivery(event, device_id, self._offset, previous))
        self._flush()
        return self._offset

    def refuse(self, frame: Frame, code: str = "store", text: str = "") -> None:
        """Say of a batch that it was not stored."""
        session, events = self._ready(), len(events_of(frame))
        said = messages.refused(frame.seq, _code(code), events, text)
        if frame.seq:
            session.refuse(frame.seq, frame.channel, said)
        else:
            session.send(spec.TYPE_REFUSED, 0, frame.channel, said)
        self._flush()

    def store(self, frame: Frame) -> None:
        """Take a batch: its events are in `events` once, and it is acknowledged."""
        session = self._ready()
        events = events_of(frame)
        if frame.seq:
            first = int.from_bytes(frame.payload[:4], "little")
            events = events[max(0, self.mark + 1 - first) :]
            self.mark = max(self.mark, first + len(events_of(frame)) - 1)
            session.done(frame.seq, monotonic_ms())
            session.ack_now(monotonic_ms())
        else:
            session.lossy_stored += len(events)
        self.events += events
        self._flush()

    def cut(self) -> None:
        """Break the connection."""
        self.link.cut()

    # What the answers do

    def welcome(
        self, frame: Frame, *, heartbeat_ms: int = HEARTBEAT_MS, token_expires_ms: int = TOKEN_EXPIRES_MS
    ) -> None:
        """Begin a session for this HELLO."""
        hello = messages.read_hello(frame.payload, 0, len(frame.payload))
        if hello is None:
            raise CallerError(
                "this is no HELLO", value=frame.name, next_step="give the frame that expect('hello') gave"
            )
        now = monotonic_ms()
        agreed = Agreement(hello)
        incarnation = hello.incarnation
        if incarnation == bytes(8):
            incarnation, self.mark = os.urandom(8), 0
        self._session_id = os.urandom(spec.SESSION_ID_BYTES)
        self.session = session = machine.GatewaySession(hello.window_frames, hello.window_bytes, heartbeat_ms)
        session.heard_at = session.sent_at = now
        self._channels.clear()
        numbers = (
            heartbeat_ms, 64, spec.MAX_FRAME_BYTES, 0, self.mark, 0, spec.SESSION_TTL_MS, spec.RECEIVE_BYTES,
            token_expires_ms, 0, agreed.up, agreed.down, agreed.auth,
        )  # fmt: skip
        payload = messages.welcome(self._session_id, b"scripted", incarnation, EPOCH, os.urandom(8), numbers)
        self.say("welcome", payload, flags=spec.FLAG_CHECKED)

    def resume(self, frame: Frame) -> None:
        """Go on with the session that this ATTACH names, or say that there is none."""
        asked = messages.read_attach(frame.payload, 0, len(frame.payload))
        session = self.session
        if (
            asked is None
            or session is None
            or asked.session_id != self._session_id
            or not session.attach(asked.generation, asked.number, monotonic_ms())
        ):
            self.say("reset", messages.ending(spec.CODE_UNKNOWN_SESSION))
            return
        # What the script has left without an answer counts as never taken: it comes again.
        session._pending.clear()
        session._pending_bytes = 0
        session.next_in = session.ack()
        self.say("resumed", messages.resumed(asked.generation, session.ack(), session.lossy_stored, 0))

    def open(self, frame: Frame, code: str = "ok", text: str = "") -> None:
        """Let the client into a channel, or not."""
        asked = messages.read_open(frame.payload, 0, len(frame.payload))
        assert asked is not None
        if code == "ok":
            self._channels[frame.channel] = asked.name.decode()
        self.say("opened", messages.opened(_code(code), asked.mode, EPOCH, self._offset, text), frame.channel)

    def renew(self, frame: Frame, code: str = "ok", expires_ms: int = TOKEN_EXPIRES_MS) -> None:
        """Take a new token, or not."""
        self.say("renewed", messages.renewed(_code(code), expires_ms))

    # The link (links.Server)

    def connect(self) -> MemoryEnd:
        """A new stream's client end; one that was there is left to itself. Raises LinkError while nobody is reachable."""
        self._check_reachable()
        client, self._end = MemoryEnd.pair()
        self._out.clear()
        self._run(self._read(self._end))
        self._run(self._write(self._end))
        return client

    async def poll(self, body: bytes) -> bytes:
        """The reply to a polling request: what the answers said, and what the session has to say."""
        self._check_reachable()
        self._end = None
        self._take(body)
        if self.session is not None:
            self.session.ack_now(monotonic_ms())
            self._collect()
        reply = b"".join(self._out)
        self._out.clear()
        return reply

    def _check_reachable(self) -> None:
        if not self.reachable:
            failed("the scripted peer is away", "reachable is False")

    async def _read(self, end: MemoryEnd) -> None:
        try:
            while True:
                self._take(await end.receive())
        except ConnectionError:
            return

    async def _write(self, end: MemoryEnd) -> None:
        """What is to be said, and a heartbeat where that is due."""
        try:
            while self._end is end:
                self._said.clear()
                self._collect()
                while self._out:
                    await end.send(self._out.popleft())
                wait_ms = _IDLE_MS if self.session is None else self.session.wake_in_ms(monotonic_ms())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(1, wait_ms) / 1000):
                        await self._said.wait()
        except ConnectionError:
            return

    def _take(self, data: bytes) -> None:
        for frame in frames_of(data):
            self.received.append(frame)
            self._arrived.set()
            if self._is_next(frame) and frame.name in self.answers:
                try:
                    self.answers[frame.name](self, frame)
                except Exception as error:
                    self._failed = self._failed or error
                    raise
        self._flush()

    def _is_next(self, frame: Frame) -> bool:
        """Keep the numbers; False for a frame that came before, or too early."""
        session = self.session
        if session is None or frame.name in ("hello", "attach", "poll", "probe"):
            return True
        verdict = session.receive(frame.seq, frame.ack, monotonic_ms(), len(frame.payload) if frame.seq else 0)
        return verdict == machine.TAKE

    def _flush(self) -> None:
        self._collect()
        self._said.set()

    def _collect(self) -> None:
        session = self.session
        if session is None:
            return
        while (found := session.next_frame(monotonic_ms())) is not None:
            kind, flags, channel, seq, payload = found
            self._out.append(encode_frame(kind, flags, channel, seq, session.ack(), payload))

    def _ready(self) -> machine.GatewaySession:
        if self.session is None:
            raise CallerError("there is no session yet", value="session", next_step="wait for expect('hello')")
        return self.session

    def _number_of(self, channel: str) -> int:
        for number, name in self._channels.items():
            if name == channel:
                return number
        raise CallerError("the client has not opened this channel", value=channel, next_step="wait for expect('open')")

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def events_of(frame: Frame) -> list[Event]:
    """The events of a batch that a client sent."""
    if frame.kind != spec.TYPE_DATA:
        raise CallerError("only `data` frames have events", value=frame.name, next_step="use expect('data')")
    start = 8 if frame.flags & spec.FLAG_CRITICAL else 0
    found = records(frame.payload, start, len(frame.payload))
    return [decode_event(layout, frame.payload[at:end]) for layout, _, at, end in found]


def _probed(peer: ScriptedPeer, frame: Frame) -> None:
    peer.say("probed", frame.payload[: spec.NONCE_BYTES])


def _skip(peer: ScriptedPeer, frame: Frame) -> None:
    peer._ready().done(frame.seq, monotonic_ms())


def _goodbye(peer: ScriptedPeer, _frame: Frame) -> None:
    peer.end("ok")


ANSWERS: dict[str, Answer] = {
    "hello": lambda peer, frame: peer.welcome(frame),
    "attach": lambda peer, frame: peer.resume(frame),
    "open": lambda peer, frame: peer.open(frame),
    "data": lambda peer, frame: peer.store(frame),
    "token": lambda peer, frame: peer.renew(frame),
    "resend": lambda peer, _frame: peer._ready().rewind(),
    "skip": _skip,
    "probe": _probed,
    "close": _goodbye,
}


def _check_name(name: str) -> int:
    if name not in NAMES["types"]:
        raise CallerError(
            "there is no frame of this type", value=name, next_step=f"use one of: {', '.join(NAMES['types'])}"
        )
    return int(NAMES["types"][name])


def _code(name: str) -> int:
    if name not in _CODES:
        raise CallerError("there is no such code", value=name, next_step=f"use one of: {', '.join(_CODES)}")
    return _CODES[name]
