"""The asyncio driver of a device session: sockets, clock and random source for a machine that has none.

It obeys the session's commands and tells it what happened. Everything runs on one event loop; no method here blocks.
A turn that is on its way, an opening, a probe and the reader of a duplex transport are one task each.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Coroutine
from typing import Any, Protocol

from .clock import monotonic_ms
from .errors import FlightError, FrameError, LinkError, RefusedError, TagError
from .judgement import Judgement
from .links import end_tasks, probe_answered, refusal, release, silent, source_failed, unexpected
from .nodes import Nodes
from .observe import plain
from .outbox import Outbox
from .own_loop import OwnLoop
from .packing import Packing
from .proof import SessionKey
from .resume_file import ResumeFile
from .session.common.clock import elapsed
from .session.device import codes
from .session.device.inbox import Inbox
from .session.device.machine import DeviceSession
from .session.device.messages import Ending
from .session.spec import (
    AUTH_NONE,
    CODE_CREDENTIAL,
    DROP_EXPIRED,
    DROP_TOO_LARGE,
    FATAL_CODES,
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
    TYPE_CLOSE,
    TYPE_RESET,
    TYPE_WELCOME,
)
from .sources import AddressSource, TokenSource, fixed_addresses, fresh_address, fresh_token
from .transports import Transport, TransportFactory
from .wire.frames import FrameReader, seal_frame

# How long close() leaves a transport to say goodbye.
STOP_S = 0.3

_SERVER_NONCE_AT = 40  # in WELCOME
_CAUSES = {DROP_EXPIRED: "expired", DROP_TOO_LARGE: "too-large"}

_log = logging.getLogger("flight.client")


class Listener(Protocol):
    """What the driver reports to the client above it."""

    def on_result(self, result: int, data: bytes) -> None:
        """A frame meant something for the application (session/device/codes.py)."""

    def on_failure(self, error: FlightError) -> int:
        """The connection failed; what the policy is advised to do (session/device/codes.py)."""

    def on_drive(self) -> None:
        """The session may have changed its state."""


class Driver(OwnLoop):
    """Runs one session over real transports."""

    def __init__(
        self,
        session: DeviceSession,
        key: SessionKey,
        outbox: Outbox,
        address: AddressSource,
        token: TokenSource,
        factories: dict[int, TransportFactory],
        judgement: Judgement,
        listener: Listener,
    ):
        super().__init__()
        self.session = session
        self._key = key  # the session's own prover
        self.resume: ResumeFile | None = None
        self.inbox: Inbox = Inbox(session)
        self.outbox = outbox
        self.last_error: FlightError | None = None
        self.fatal_error: FlightError | None = None
        """What was judged to be fatal, where the gateway itself did not say so."""
        nodes = fixed_addresses(address)
        retries, shuffle = session.profile.max_retries, secrets.SystemRandom().shuffle
        self.nodes: Nodes | None = Nodes(nodes, retries, shuffle) if len(nodes) > 1 else None
        self.address = self.nodes.current() if self.nodes else nodes[0] if nodes else None
        """Where the last attempt went."""
        session.renewal.renewable = not isinstance(token, str)
        self._packing = Packing(session, outbox)
        self._address = self.nodes.current if self.nodes else self.address or address
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
        self._failures = 0  # that were judged
        self._failure: FlightError | None = None  # of the last one, where the transport told it
        self._frames = 0  # in the turn that is being written
        self._bare = False  # the last turn brought nothing but POLL: its reply may be held back
        self._tasks: set[asyncio.Task[None]] = set()
        self._link_tasks: set[asyncio.Task[None]] = set()  # of the present transport
        self._closings: set[asyncio.Task[None]] = set()  # of transports that were given up: never cancelled
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None

    def start(self) -> None:
        """Begin to connect; on the running loop."""
        self._take_loop()
        self.session.start(monotonic_ms())
        self.wake()

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
        if self.resume is not None and self.session.tally.connections:
            try:
                self.resume.keep(self.session)
            except LinkError as error:  # the record lags: the gateway's mark makes up for it
                _log.warning("%s", error)
        own = asyncio.current_task()  # a token callable may have called close()
        await end_tasks(self._tasks - {own}, self._closings, limit_s)

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
        outbox.lossy.calm(-1, -1)  # this turn may change what a report of memory has to change
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
        if self.nodes:
            self.nodes.failed(session.policy, session.tally.connections)
        error, self._failure = self._failure or silent(), None
        session.recover(self._listener.on_failure(error))

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
        try:
            if self.nodes:
                self.nodes.opening(number)
            self.address = await fresh_address(self._address, number)
            token = await fresh_token(self._token)
        except Exception as error:
            if not isinstance(error, FlightError):
                self._judgement.report("the callable for address or token")
            self._lost(error if isinstance(error, FlightError) else source_failed(error))
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
            self._link_failed(transport, unexpected(error))
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
            token = await fresh_token(self._token)
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
            self._link_failed(transport, unexpected(error))
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
                self._link_failed(transport, unexpected(error))
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
        if transport is self._transport:
            self._lost(error)

    def _lost(self, error: FlightError) -> None:
        """The present attempt or connection is over."""
        self.last_error = self._failure = error
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
            if self.nodes and ending.retry_after_ms:
                self.nodes.sent_away()

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
            closing = asyncio.get_running_loop().create_task(release(transport))
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)

    async def _probe(self, number: int) -> None:
        """One PROBE on a throw-away connection."""
        transport: Transport | None = None
        works = False
        try:
            async with asyncio.timeout(self.session.profile.connect_timeout_ms / 1000):
                transport = self._factories[number](await fresh_address(self._address, number))
                works = await probe_answered(transport)
        except (FlightError, TimeoutError) as error:
            _log.info("probe failed: %s", error)
        except Exception as error:  # a probe without an answer to the session would be the last one
            unexpected(error)
        finally:
            if transport is not None:
                await release(transport)
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
