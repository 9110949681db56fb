"""The asyncio driver of a device session: sockets, clock and random source for a machine that has none.

It obeys the session's commands and tells it what happened. Everything runs on one event loop; no method here blocks.
A turn that is on its way, an opening, a probe and the reader of a duplex transport are one task each.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from .clock import monotonic_ms
from .errors import CallerError, FlightError, FrameError, LinkError, RefusedError, TagError
from .observe import plain
from .outbox import Outbox
from .packing import Packing
from .proof import SessionKey
from .resume_file import ResumeFile
from .session.common.clock import elapsed
from .session.device import codes
from .session.device.inbox import Inbox
from .session.device.machine import DeviceSession
from .session.spec import (
    AUTH_NONE,
    CODE_CREDENTIAL,
    DROP_EXPIRED,
    DROP_TOO_LARGE,
    FLAG_AUTHENTICATED,
    FLAGS_PLAIN,
    MAX_FRAME_BYTES,
    NONCE_BYTES,
    POLL_BODY_BYTES,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TOKEN_BYTES,
    TYPE_PROBE,
    TYPE_PROBED,
    TYPE_WELCOME,
)
from .transports import Address, Transport, TransportFactory
from .wire.frames import FrameReader, encode_frame, seal_frame

_SERVER_NONCE_AT = 40  # in WELCOME
_CAUSES = {DROP_EXPIRED: "expired", DROP_TOO_LARGE: "too-large"}

_log = logging.getLogger("flight.client")

TokenSource = str | Callable[[], str] | Callable[[], Awaitable[str]]


class Listener(Protocol):
    """What the driver reports to the client above it."""

    def on_result(self, result: int, data: bytes) -> None:
        """A frame meant something for the application (session/device/codes.py)."""

    def on_failure(self, error: FlightError) -> int:
        """The connection failed; what the policy is advised to do (session/device/codes.py)."""

    def on_drive(self) -> None:
        """The session may have changed its state."""


class Driver:
    """Runs one session over real transports."""

    def __init__(
        self,
        session: DeviceSession,
        key: SessionKey,
        outbox: Outbox,
        address: Address,
        token: TokenSource,
        factories: dict[int, TransportFactory],
        listener: Listener,
    ):
        self.session = session
        self._key = key  # the session's own prover
        self.resume: ResumeFile | None = None
        self.inbox = Inbox(session)
        self.outbox = outbox
        self.last_error: FlightError | None = None
        session.renewal.renewable = not isinstance(token, str)
        self._packing = Packing(session, outbox)
        self._address = address
        self._token = token
        self._factories = factories
        self._listener = listener
        self._reader = FrameReader()
        self._transport: Transport | None = None
        self._body = bytearray()
        self._turns = 0  # sent on the present transport
        self._under_way = 0  # of those, without a reply
        self._turn_at = 0
        self._failures = 0  # that were judged
        self._failure: FlightError | None = None  # of the last one, where the transport told it
        self._frames = 0  # in the turn that is being written
        self._bare = False  # the last turn brought nothing but POLL: its reply may be held back
        self._tasks: set[asyncio.Task[None]] = set()
        self._link_tasks: set[asyncio.Task[None]] = set()  # of the present transport
        self._closings: set[asyncio.Task[None]] = set()  # of transports that were given up: never cancelled
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def start(self) -> None:
        """Begin to connect; on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.session.start(monotonic_ms())
        self.wake()

    @property
    def running(self) -> bool:
        """Whether start() was called and stop() was not."""
        return self._loop is not None

    def check_thread(self) -> None:
        """Refuse a call from another thread: rings and session have no locks."""
        if self._loop is not None and threading.get_ident() != self._thread:
            raise CallerError(
                what="this client belongs to the thread of its event loop",
                value=threading.current_thread().name,
                next_step="call it through loop.call_soon_threadsafe(...)",
            )

    def clear(self) -> None:
        """Nothing more can go: what is queued counts as closed."""
        store = self.session.store
        while store.abandon():
            self.outbox.close_frame(store.letter_slot, store.letter_sent)
        self.outbox.close()

    def wake(self) -> None:
        """Something changed: look at it in this turn of the loop, once."""
        if self._soon is None and self._loop is not None:
            self._soon = self._loop.call_soon(self._drive)

    async def stop(self) -> None:
        """Release transport, timers and tasks."""
        if self._timer is not None:
            self._timer.cancel()
        if self._soon is not None:
            self._soon.cancel()
        self._loop = None
        self._drop()
        if self.resume is not None and self.session.tally.connections:
            try:
                self.resume.keep(self.session)
            except LinkError as error:  # the record lags: the gateway's mark makes up for it
                _log.warning("%s", error)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._closings, return_exceptions=True)

    def _drive(self) -> None:
        self._soon = None
        session = self.session
        while self._loop is not None:
            now = monotonic_ms()
            self._look_at_lanes(now)
            self._let_go(now)
            self._judge_failure(now)
            command = session.poll(now, secrets.randbits(16))
            if command == codes.NOTHING:
                break
            self._obey(command, now)
        self._listener.on_drive()
        self._drop_if_over()
        if self._loop is not None:
            self._set_timer()

    def _look_at_lanes(self, now: int) -> None:
        session, outbox = self.session, self.outbox
        outbox.expire(now)
        session.waiting_critical = outbox.critical.count
        session.waiting_lossy = outbox.lossy.count
        if session.waiting_critical and session.waiting_lossy:
            session.critical_priority = outbox.critical.priority(now)
            session.lossy_priority = outbox.lossy.priority(now)

    def _judge_failure(self, now: int) -> None:
        session = self.session
        if session.policy.failed_total == self._failures:
            return
        self._failures = session.policy.failed_total
        error, self._failure = self._failure or _silent(), None
        session.recover(self._listener.on_failure(error), now, secrets.randbits(16))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        assert self._loop is not None
        now = monotonic_ms()
        wait_ms = self.outbox.expires_in_ms(now, self.session.wake_in_ms(now))
        if self._held_back() and self.session.waiting_lossy:
            wait_ms = min(wait_ms, self.session.profile.update_interval_ms - elapsed(now, self._turn_at))
        self._timer = self._loop.call_later(max(1, wait_ms) / 1000, self.wake)

    def _obey(self, command: int, now: int) -> None:
        if command == codes.PACK_CRITICAL or command == codes.PACK_LOSSY:
            command = self._packing.pack(command, now)
        if command == codes.RECODE:
            command = self._packing.recode()
        if command == codes.SEND:
            self._seal()
            self._frames += 1
        elif command == codes.LETTER:
            store = self.session.store
            self.outbox.give_up(store.letter_slot, _CAUSES[store.letter_cause], store.letter_sent)
        elif command == codes.TURN:
            body, self._body = bytes(self._body), bytearray()
            if self._transport is not None:
                self._turns += 1
                self._under_way += 1
                self._turn_at = now
                self._bare = self._frames == 1
                self._link_task(self._send(self._transport, body, self._turns))
            self._frames = 0
        elif command == codes.OPEN:
            self._drop()
            self._link_task(self._open(self.session.policy.transport()))
        elif command == codes.DROP:
            self._drop()
        elif command == codes.REFRESH:
            self._task(self._refresh())
        elif command == codes.PROBE:
            self._task(self._probe(self.session.policy.probe_target()))

    def _seal(self) -> None:
        out, tags = self.session.out, self._key.tags
        fields = (out.kind, out.flags, out.channel, out.seq, out.ack, out.count)
        if out.flags & FLAG_AUTHENTICATED:
            assert tags is not None  # the client offers this only with a device key
            total = tags.seal(self.session.generation, out.buffer, *fields)
        else:
            total = seal_frame(out.buffer, *fields)
        self._body += memoryview(out.buffer)[:total]

    # Transports

    async def _open(self, number: int) -> None:
        transport = self._factories[number](self._address)
        self._transport = transport
        try:
            token = await self._fresh_token()
            await transport.open()
        except FlightError as error:
            self._link_failed(transport, error)
            return
        except Exception as error:
            self._link_failed(transport, _unexpected(error))
            return
        session = self.session
        session.identity.token = token
        session.nonce[:] = os.urandom(len(session.nonce))
        if not session.identity.fits():
            self._link_failed(transport, RefusedError(CODE_CREDENTIAL, f"a token of {len(token)} bytes"))
            return
        session.opened(monotonic_ms())
        if not transport.turn_based:
            self._link_task(self._receive(transport))
        self.wake()

    async def _fresh_token(self) -> bytes:
        token = self._token if isinstance(self._token, str) else self._token()
        if not isinstance(token, str):
            token = await token
        return token.encode()

    def _held_back(self) -> bool:
        """Whether one turn is under way whose reply the gateway may hold back, so that another may be sent."""
        transport = self._transport
        ready = self.session.state in (STATE_READY, STATE_CLOSING)
        return transport is not None and transport.hold_ms > 0 and ready and self._under_way == 1 and self._bare

    def _let_go(self, now: int) -> None:
        """Long polling: what is urgent does not wait for a reply that is held back, and nothing longer than an interval."""
        if not self._held_back():
            return
        session = self.session
        late = elapsed(now, self._turn_at) >= session.profile.update_interval_ms
        if session.sender.urgent(now) or (session.waiting_lossy and late):
            self._bare = False  # once: each time postpones the next turn by the poll floor
            session.turn_done(now)

    async def _refresh(self) -> None:
        """Ask for a token to go on with; without one the session asks again."""
        renewal, identity = self.session.renewal, self.session.identity
        try:
            token = await self._fresh_token()
        except Exception as error:  # whatever the program's own function raises
            _log.warning("the token source failed: %s", type(error).__name__)
            token = b""
        if 0 < len(token) <= TOKEN_BYTES and token != identity.token:
            renewal.supply(token)
        else:
            renewal.none(monotonic_ms())
        self.wake()

    async def _send(self, transport: Transport, body: bytes, turn: int) -> None:
        try:
            reply = await transport.send(body)
        except FlightError as error:
            self._link_failed(transport, error)
            return
        except Exception as error:
            self._link_failed(transport, _unexpected(error))
            return
        if transport is not self._transport:
            return
        self._under_way -= 1
        if reply:
            self._take(transport, reply)
        if transport is not self._transport:
            self.wake()
            return
        if turn == self._turns:  # otherwise another turn is under way already
            if transport.hold_ms or len(reply) > POLL_BODY_BYTES // 2:
                self.session.poll_soon()  # for the next reply that may be held, or a full reply: there may be more
            self.session.turn_done(monotonic_ms())
        self.wake()

    async def _receive(self, transport: Transport) -> None:
        while transport is self._transport:
            try:
                data = await transport.receive()
            except FlightError as error:
                self._link_failed(transport, error)
                return
            except Exception as error:
                self._link_failed(transport, _unexpected(error))
                return
            self._take(transport, data)
            self.wake()

    def _take(self, transport: Transport, data: bytes) -> None:
        """Feed whole frames to the session."""
        reader = self._reader
        try:
            reader.feed(data, MAX_FRAME_BYTES)
            reader.allowed_flags = self._allowed_flags()
            while transport is self._transport and reader.next():
                now = monotonic_ms()
                if reader.flags & FLAG_AUTHENTICATED:
                    self._check_tag(data)
                result = self.inbox.receive(
                    reader.type,
                    reader.flags,
                    reader.channel,
                    reader.seq,
                    reader.ack,
                    data,
                    reader.start,
                    reader.end,
                    now,
                    secrets.randbits(16),
                )
                if result == codes.CONNECTED:
                    if self.resume is not None:
                        self.resume.keep(self.session)  # before the first critical event of a new incarnation goes
                    reader.allowed_flags = self._allowed_flags()
                if result == codes.EVENTS_REFUSED and self.session.store.letter_slot >= 0:
                    store = self.session.store
                    self.outbox.give_up(store.letter_slot, "refused", store.letter_sent, self.inbox.refused_code)
                if result in (codes.TOKEN_REFUSED, codes.FORGED):
                    self._note(result, data)
                if result:
                    self._listener.on_result(result, data)
                self._drop_if_over()
        except (FrameError, LinkError) as error:
            if isinstance(error, TagError):
                self.session.tally.forged += 1
            self._link_failed(transport, error)

    def _note(self, result: int, data: bytes) -> None:
        """What nobody but a person can mend, for last_error and the log."""
        if result == codes.FORGED:
            self.last_error = TagError("the gateway sent a frame without its authentication tag")
        else:
            said = self.inbox.renewed
            text = data[said.text_start : said.text_end].decode("utf-8", "replace")
            self.last_error = RefusedError(said.code, plain(text))
        _log.warning("%s", self.last_error)

    def _allowed_flags(self) -> int:
        agreement = self.session.agreement
        return FLAGS_PLAIN | agreement.down | (FLAG_AUTHENTICATED if agreement.auth != AUTH_NONE else 0)

    def _check_tag(self, data: bytes) -> None:
        """Raises TagError unless the present frame ends with its right tag."""
        reader, session, tags = self._reader, self.session, self._key.tags
        generation = session.generation
        if reader.type == TYPE_WELCOME and session.state == STATE_GREETING:
            generation = 0  # the frame carries what the key is made with; a wrong one makes a key that nobody has
            at = reader.start + _SERVER_NONCE_AT
            self._key.begin(session.identity.token, session.nonce, data[at : at + NONCE_BYTES])
        assert tags is not None
        tags.check(generation, reader)

    def _drop_if_over(self) -> None:
        if self.session.state in (STATE_IDLE, STATE_WAITING, STATE_CLOSED, STATE_STOPPED, STATE_PAUSED):
            self._drop()

    def _link_failed(self, transport: Transport, error: FlightError) -> None:
        if transport is not self._transport:
            return
        self.last_error = self._failure = error
        _log.info("link failed: %s", error)
        self._drop()
        self.session.failed(monotonic_ms(), secrets.randbits(16))
        self.wake()

    def _drop(self) -> None:
        """Give up the present transport; its tasks end, its late news are not listened to."""
        transport, self._transport = self._transport, None
        self._body = bytearray()
        self._turns = self._under_way = self._frames = 0
        current = asyncio.current_task() if self._link_tasks else None
        for task in list(self._link_tasks):
            if task is not current:
                task.cancel()
        self._link_tasks.clear()
        if transport is not None:
            closing = asyncio.get_running_loop().create_task(transport.close())
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)

    async def _probe(self, number: int) -> None:
        """One PROBE on a throw-away connection."""
        transport = self._factories[number](self._address)
        works = False
        try:
            async with asyncio.timeout(self.session.profile.connect_timeout_ms / 1000):
                works = await _probe_answered(transport)
        except (FlightError, TimeoutError) as error:
            _log.info("probe failed: %s", error)
        except Exception as error:  # a probe without an answer to the session would be the last one
            _unexpected(error)
        finally:
            await transport.close()
        self.session.probed(works, monotonic_ms())
        self.wake()

    # Tasks

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _link_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._task(work)
        self._link_tasks.add(task)
        task.add_done_callback(self._link_tasks.discard)


async def _probe_answered(transport: Transport) -> bool:
    nonce = os.urandom(8)
    await transport.open()
    reply = await transport.send(encode_frame(TYPE_PROBE, 0, 0, 0, 0, nonce))
    data = reply or await transport.receive()
    reader = FrameReader()
    reader.feed(data, MAX_FRAME_BYTES)
    return reader.next() and reader.type == TYPE_PROBED and data[reader.start : reader.end] == nonce


def _silent() -> LinkError:
    return LinkError(
        what="the gateway stayed silent, or ended the connection",
        value="no frame in time",
        next_step="nothing: the client connects again",
    )


def _unexpected(error: Exception) -> LinkError:
    _log.warning("unexpected error of a transport", exc_info=error)
    return LinkError(
        what="a transport failed in an unexpected way",
        value=f"{type(error).__name__}: {error}",
        next_step="please report it with `flight doctor --report`",
    )
