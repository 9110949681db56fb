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
from collections.abc import Coroutine
from typing import Any, Protocol

from .clock import monotonic_ms
from .errors import CallerError, FlightError, FrameError, LinkError, RefusedError
from .judgement import Judgement
from .outbox import Outbox
from .packing import Packing
from .platforms import Platform
from .session.common.clock import elapsed
from .session.device import codes
from .session.device.inbox import Inbox
from .session.device.machine import DeviceSession
from .session.device.messages import Ending
from .session.spec import (
    CODE_CREDENTIAL,
    DROP_EXPIRED,
    DROP_TOO_LARGE,
    FATAL_CODES,
    FLAGS_PLAIN,
    MAX_FRAME_BYTES,
    POLL_BODY_BYTES,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_IDLE,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TYPE_CLOSE,
    TYPE_PROBE,
    TYPE_PROBED,
    TYPE_RESET,
)
from .sources import AddressSource, TokenSource, fixed_address, fresh_address, fresh_token
from .transports import Transport, TransportFactory
from .wire.frames import FrameReader, encode_frame, seal_frame

# How long close() leaves a transport to say goodbye.
STOP_S = 0.3

_CAUSES = {DROP_EXPIRED: "expired", DROP_TOO_LARGE: "too-large"}

_log = logging.getLogger("flight.client")


class Listener(Protocol):
    """What the driver reports to the client above it."""

    def on_result(self, result: int, data: bytes) -> None:
        """A frame meant something for the application (session/device/codes.py)."""

    def on_drive(self) -> None:
        """The session may have changed its state."""


class Driver:
    """Runs one session over real transports."""

    def __init__(
        self,
        session: DeviceSession,
        outbox: Outbox,
        platform: Platform,
        address: AddressSource,
        token: TokenSource,
        factories: dict[int, TransportFactory],
        judgement: Judgement,
        listener: Listener,
    ):
        self.session = session
        self.inbox = Inbox(session)
        self.outbox = outbox
        self.last_error: FlightError | None = None
        self.fatal_error: FlightError | None = None
        """What was judged to be fatal, where the gateway itself did not say so."""
        self.address = fixed_address(address)
        """Where the last attempt went."""
        self._packing = Packing(session, outbox, platform.batch_events)
        self._address = self.address or address
        self._token = token
        self._judgement = judgement
        self._factories = factories
        self._listener = listener
        self._reader = FrameReader()
        self._transport: Transport | None = None
        self._body = bytearray()
        self._turns = 0  # sent on the present transport
        self._under_way = 0  # of those, without a reply
        self._turn_at = 0
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
                next_step="use client.threadsafe, or loop.call_soon_threadsafe(...)",
            )

    @property
    def ended(self) -> bool:
        """Whether stop() followed start()."""
        return self._loop is None and self._thread != 0

    def is_own_thread(self) -> bool:
        """Whether this is the thread of the loop."""
        return threading.get_ident() == self._thread

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop between start() and stop()."""
        return self._loop

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

    async def stop(self, limit_s: float = STOP_S) -> None:
        """Release transport, timers and tasks; a transport that does not let go in `limit_s` is left to itself."""
        if self._timer is not None:
            self._timer.cancel()
        if self._soon is not None:
            self._soon.cancel()
        self._loop = None
        self._drop()
        own = asyncio.current_task()  # a token callable may have called close()
        ending = self._tasks - {own}
        late = ending
        for task in ending:
            task.cancel()
        for limit in (limit_s, limit_s / 4):
            ending |= self._closings
            late = {task for task in ending if not task.done()}
            if late:
                _, late = await asyncio.wait(late, timeout=limit)
            for task in late:
                task.cancel()
        if late:
            _log.warning("%d tasks of a transport or a callback do not end when they are cancelled", len(late))

    def _drive(self) -> None:
        self._soon = None
        session = self.session
        while self._loop is not None:
            now = monotonic_ms()
            self._look_at_lanes(now)
            self._let_go(now)
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
            s = self.session
            total = seal_frame(s.out.buffer, s.out.kind, s.out.flags, s.out.channel, s.out.seq, s.out.ack, s.out.count)
            self._body += memoryview(s.out.buffer)[:total]
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
        elif command == codes.PROBE:
            self._task(self._probe(self.session.policy.probe_target()))

    # Transports

    async def _open(self, number: int) -> None:
        try:
            self.address = await fresh_address(self._address, number)
            token = await fresh_token(self._token)
        except Exception as error:
            self._lost(error if isinstance(error, FlightError) else self._source_failed(error))
            return
        if self._loop is None:
            return  # the callable closed the client
        transport = self._transport = self._factories[number](self.address)
        try:
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

    def _source_failed(self, error: Exception) -> LinkError:
        self._judgement.report("the callable for address or token")
        return LinkError(
            what="address or token could not be had",
            value=f"{type(error).__name__}: {error}",
            next_step="nothing: it is asked again at the next attempt",
        )

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
            reader.allowed_flags = FLAGS_PLAIN | self.session.agreement.down
            while transport is self._transport and reader.next():
                now = monotonic_ms()
                if reader.type in (TYPE_CLOSE, TYPE_RESET):
                    self._judge(data, reader.start, reader.end)
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
                self.outbox.acknowledged(self.session.tally.critical_acked)
                if result == codes.CONNECTED:
                    reader.allowed_flags = FLAGS_PLAIN | self.session.agreement.down
                if result == codes.EVENTS_REFUSED and self.session.store.letter_slot >= 0:
                    store = self.session.store
                    self.outbox.give_up(store.letter_slot, "refused", store.letter_sent, self.inbox.refused_code)
                if result:
                    self._listener.on_result(result, data)
                self._drop_if_over()
        except FrameError as error:
            self._link_failed(transport, error)

    def _drop_if_over(self) -> None:
        if self.session.state in (STATE_IDLE, STATE_WAITING, STATE_CLOSED, STATE_STOPPED):
            self._drop()

    def _link_failed(self, transport: Transport, error: FlightError) -> None:
        if transport is self._transport:
            self._lost(error)

    def _lost(self, error: FlightError) -> None:
        """The present attempt or connection is over."""
        self.last_error = error
        _log.info("link failed: %s", error)
        self._drop()
        now = monotonic_ms()
        self.session.failed(now, secrets.randbits(16))
        if self._judgement.is_fatal(error, default=False):
            self.fatal_error = error
            self.session.close(now)
        self.wake()

    def _judge(self, data: bytes, start: int, end: int) -> None:
        """The gateway ends the session: whether for good is the application's judgement in the end."""
        ending = Ending()
        if ending.read(data, start, end):
            error = refusal(ending, data)
            fatal = self._judgement.is_fatal(error, default=ending.code in FATAL_CODES)
            self.session.fatal_codes = (ending.code,) if fatal else ()

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
            closing = asyncio.get_running_loop().create_task(_release(transport))
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)

    async def _probe(self, number: int) -> None:
        """One PROBE on a throw-away connection."""
        transport: Transport | None = None
        works = False
        try:
            async with asyncio.timeout(self.session.profile.connect_timeout_ms / 1000):
                transport = self._factories[number](await fresh_address(self._address, number))
                works = await _probe_answered(transport)
        except (FlightError, TimeoutError) as error:
            _log.info("probe failed: %s", error)
        except Exception as error:  # a probe without an answer to the session would be the last one
            _unexpected(error)
        finally:
            if transport is not None:
                await _release(transport)
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


async def _release(transport: Transport) -> None:
    """close() of a transport must not raise; one that does harms nobody else."""
    try:
        await transport.close()
    except Exception as error:
        _unexpected(error)


def refusal(ending: Ending, data: bytes) -> RefusedError:
    """What CLOSE or RESET said."""
    return RefusedError(ending.code, _plain(data[ending.text_start : ending.text_end].decode("utf-8", "replace")))


def _plain(text: str) -> str:
    """The gateway's words for a log or a terminal: control characters spelt out."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


async def _probe_answered(transport: Transport) -> bool:
    nonce = os.urandom(8)
    await transport.open()
    reply = await transport.send(encode_frame(TYPE_PROBE, 0, 0, 0, 0, nonce))
    data = reply or await transport.receive()
    reader = FrameReader()
    reader.feed(data, MAX_FRAME_BYTES)
    return reader.next() and reader.type == TYPE_PROBED and data[reader.start : reader.end] == nonce


def _unexpected(error: Exception) -> LinkError:
    _log.warning("unexpected error of a transport", exc_info=error)
    return LinkError(
        what="a transport failed in an unexpected way",
        value=f"{type(error).__name__}: {error}",
        next_step="please report it with `flight doctor --report`",
    )
