"""What a user holds: one client object that survives any number of connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ._tables import NAMES
from .arguments import check_seconds, texts
from .channels import Channel
from .client_arguments import check_client
from .clock import monotonic_ms
from .commands import Commanding
from .driver import STOP_S, Driver
from .error_handler import RealtimeErrorHandler
from .errors import CallerError, FlightError, LinkError, RefusedError
from .history import History
from .hooks import Hooks
from .identity import default_device_id, make_identity
from .judgement import FatalJudge, Judgement
from .lanes import QueuedEvent
from .links import refusal
from .observe import ConnectionState, Outcome, StateChange, connection_state
from .outbox import Outbox
from .packing import offer_flags
from .platforms import Platform, fit_for_a_line, get_platform, session_profile
from .pressure import PressureControl
from .proof import client_key
from .publishing import Publications
from .resume_file import ResumeFile
from .rules import ChannelRules, check_name
from .sending import Sending
from .session.common.clock import later
from .session.device import codes
from .session.device.machine import DeviceSession
from .session.spec import (
    CLOSE_WAIT_MS,
    DEVICE_CHANNELS,
    FLAG_MORE,
    MODE_PUBLISH,
    STATE_CLOSED,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TOOL_CHANNELS,
)
from .sources import AddressSource, TokenSource, choose_transports, fixed_addresses
from .steering import Steering
from .subscriptions import Subscriptions
from .threadsafe import Threadsafe
from .transports import Address, TransportFactory, TransportOptions, factory
from .waiting import Waiters
from .watching import Watching

if TYPE_CHECKING:
    from .capture.record import Recorder
    from .counting import Counters

_log = logging.getLogger("flight.client")

# Of the second that close() may take, the part that is for transports and hooks.
_HOOK_S = 0.05
_RELEASE_MS = int(1000 * (STOP_S * 1.25 + 2 * _HOOK_S))

_TRANSPORT_NAMES = {value: name for name, value in NAMES["transports"].items()}


class Client(Watching, Steering, Commanding, Sending):
    """A connection to a gateway, with everything that keeps it alive.

    All methods belong to the event loop on which connect() ran; from other threads there is `threadsafe`, and every other
    call is refused with CallerError. Names of channels: 1 to 64 of a-z, 0-9, '.', '-', '_' and '/'.
    """

    def __init__(
        self,
        address: AddressSource,
        *,
        token: TokenSource,
        platform: str = "host",
        device_id: str | None = None,
        version: str = "0.1.0",
        transports: Iterable[str] | None = None,
        transport_factories: Mapping[str, TransportFactory] | None = None,
        long_poll: bool | None = None,
        proxy: str = "",
        ca_file: str | Path = "",
        device_key: bytes | str | None = None,
        resume_file: str | Path | None = None,
        capture: str | Path | Recorder | None = None,
        fatal: FatalJudge | None = None,
    ):
        """Prepare a client; nothing is sent before connect().

        address: http://host:port of the gateway, or another form of transports/address.py; several gateways that share
        their events as a sequence, or in one text with commas (nodes.py: which one is taken). token: what `flight gateway`
        printed. Both may be a callable instead (plain, which must not block, or async) that is asked before each attempt.
        platform: a profile of the spec.
        device_id: up to 32 bytes, the same one after every restart; by default host name and process number. transports:
        names in order of preference instead of the profile's. transport_factories: own makers of transports
        (transports/base.py), by name. long_poll: whether the gateway may hold a poll's reply until it has something to
        say; by default on hosts. proxy: an HTTP proxy, or `environment` for what HTTP_PROXY says. ca_file: the authorities
        that may vouch for a gateway with TLS, as PEM, instead of the system's. device_key: the secret
        that the gateway knows for this device id, as bytes or hexadecimal text; with it every frame is authenticated.
        resume_file: where the numbers are kept while the program is off, see critical_done. capture: record the session
        into this new file (docs/capture.md). fatal: asked with each error that ended an attempt or a connection whether to
        stop for good (True), to try again (False), or to decide as the client does alone (None): stop where the gateway
        refused with a code that no retry can heal.

        Raises CallerError for a value that cannot work.
        """
        transports = texts("transports", transports)  # once: an iterator gives its names only once
        check_client(locals())
        self.platform: Platform = get_platform(platform)
        own = dict(transport_factories or {})
        chosen = choose_transports(transports, own, self.platform, fixed_addresses(address))
        self.device_id: str = device_id or default_device_id()
        profile = session_profile(platform)
        if "serial" in chosen:
            self.platform = fit_for_a_line(self.platform, profile, only=len(chosen) == 1)
        identity = make_identity(self.platform, self.device_id, version, token if isinstance(token, str) else "")
        limit = TOOL_CHANNELS if self.platform.wide_sizes else DEVICE_CHANNELS
        numbers = tuple(NAMES["transports"][name] for name in chosen)
        key = client_key(device_key)
        self._session = DeviceSession(profile, identity, key, numbers, limit)
        self._session.agreement.auth = key.auth
        offer_flags(self._session.agreement, self.platform)
        held = self.platform.memory_bytes == 0 if long_poll is None else long_poll
        options = TransportOptions(profile.connect_timeout_ms // 2 if held else 0, proxy, str(ca_file))
        factories = {NAMES["transports"][name]: own.get(name) or factory(name, options) for name in chosen}
        self._outbox = Outbox(self.platform, profile.window_frames, lambda number: self._names[number])
        self._outbox.on_letter = self._tell_letter
        self._hooks = Hooks()
        judgement = Judgement(fatal, self._hooks)
        self._driver = Driver(self._session, key, self._outbox, address, token, factories, judgement, self)
        self._recorder: Recorder | None = None
        if capture is not None:
            from .capture.record import begin_recording  # most programs never record

            self._recorder = begin_recording(capture, self._session, self._driver.inbox)
        if resume_file is not None:
            self._driver.resume = ResumeFile(Path(resume_file), self.device_id)
            self._driver.resume.restore(self._session)
        self._channels: dict[str, Channel] = {}
        self._names: dict[int, str] = {}
        check, history = self._driver.check_thread, self.platform.history_events
        self._subscriptions = Subscriptions(
            self._driver.inbox, self._names, self._add_channel, self._leave_channel, history, check
        )
        self._history = History(self._session, self._subscriptions, self.platform, self._until)
        self._session.adapt()
        forget, batching = self._subscriptions.clear_history, self._session.batching
        self._pressure = PressureControl(self.platform, self._outbox, batching, forget, self._hooks.call)
        self._waiters = Waiters()
        self._publications = Publications()
        self._answerers = {}
        self._early = []
        self._error_handler = RealtimeErrorHandler()
        self._closers: set[asyncio.Task[Any]] = set()
        self._over = False  # nothing is taken any more
        self._state = ConnectionState.DISCONNECTED
        self._shown_transport = ""
        self._error: FlightError | None = None
        self.threadsafe: Threadsafe = Threadsafe(self, self._driver)
        """The calls that any thread may make."""

    # Life

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()  # nobody else can: `async with` leaves without __aexit__()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect and wait for the first connection.

        Raises RefusedError when the gateway refuses for good, LinkError when `timeout_s` passes first (the client goes
        on trying until close()). Without a limit it waits as long as it takes.
        """
        self._driver.check_thread()
        check_seconds("timeout_s", timeout_s)
        if self._over or (self._session.state == STATE_CLOSED and self._error is None):
            raise self._error or self._was_closed()
        if self._state is ConnectionState.DISCONNECTED:
            self._driver.start()
            self._begin_early()
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(lambda: self._session.state == STATE_READY)
        except TimeoutError:
            raise self._driver.last_error or LinkError(
                what=f"no answer from the gateway at {self.address}",
                value=f"{timeout_s} s",
                next_step="is it running? start it with `flight gateway`",
            ) from None

    async def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is queued: critical events are acknowledged, lossy ones handed to a transport.

        Returns False when `timeout_s` passed first. Raises RefusedError when the gateway refused for good, and
        CallerError when the client is closed or gets closed meanwhile.
        """
        self._driver.check_thread()
        check_seconds("timeout_s", timeout_s)
        if self._over:
            raise self._error or self._was_closed()
        self._session.sender.flushing += 1
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(lambda: self._queued() == 0 and self._session.state == STATE_READY)
        except TimeoutError:
            return False
        finally:
            self._session.sender.flushing -= 1
        return True

    async def close(self) -> None:
        """Close within a second: what is queued may go until then, the rest is counted as dropped (`closed`).

        That holds in every state and with any peer, and when close() itself is cancelled. Several may close at once.
        """
        self._driver.check_thread()
        if self._over or not self._driver.running:
            self._finish()
            return
        current = asyncio.current_task()
        assert current is not None
        self._closers.add(current)
        # The session gives its queue a second from what it takes for now: the transport needs a part of that.
        self._session.close(later(monotonic_ms(), -_RELEASE_MS))
        self._driver.wake()
        try:
            async with asyncio.timeout((CLOSE_WAIT_MS - _RELEASE_MS) / 1000):
                await self._until(lambda: self._session.state in (STATE_CLOSED, STATE_STOPPED))
        except (TimeoutError, FlightError):
            pass  # time is up, or the client had stopped already: nothing more can be sent
        finally:
            try:
                await self._driver.stop()
            finally:
                self._finish()
                await self._hooks.finish(_HOOK_S, self._closers)

    def _finish(self) -> None:
        self._over = True
        self._driver.clear()
        if self._recorder is not None:
            self._recorder.close()
        self._change_state(ConnectionState.CLOSED if self._error is None else ConnectionState.FAILED, "closed")
        self._subscriptions.finish(self._error)
        self._waiters.fail(self._error or self._was_closed())
        self.threadsafe._close()

    def _ended_by(self) -> FlightError | None:
        """Why nothing will come any more; None while it may."""
        return self._error or (self._was_closed() if self._over else None)

    def _was_closed(self) -> CallerError:
        return CallerError(what="this client was closed", value=self.device_id, next_step="make a new one")

    # Events out

    def channel(
        self,
        name: str,
        *,
        policy: str | None = None,
        priority: str | None = None,
        expires_ms: int | None = None,
        retries: int | None = None,
        retry_interval_ms: int | None = None,
    ) -> Channel:
        """The channel with this name, for emitting; what is said here first holds for the client's life.

        policy: what happens to a lossy event when the queue is full: "drop-oldest" (the default), "latest-wins", which
        also replaces the waiting event of the same key, or "refuse". priority: "low", "normal", "high" or "critical".
        expires_ms: how long after emit() an event may still be sent; 0, the default, for ever. retries and
        retry_interval_ms: how often critical events go again that the gateway's store refused.

        Raises CallerError for a bad name or value, for too many channels, and for other rules than the channel has.
        """
        self._driver.check_thread()
        check_name(name)
        said = {
            "policy": policy,
            "priority": priority,
            "expires_ms": expires_ms,
            "retries": retries,
            "retry_interval_ms": retry_interval_ms,
        }
        given: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
        rules = ChannelRules(**given)
        rules.check()
        known = self._channels.get(name)
        if known is None:
            number = self._add_channel(name, MODE_PUBLISH)
            known = self._channels[name] = Channel(self, name, number, self.platform.wide_sizes, rules)
        elif any(getattr(known.rules, key) != value for key, value in given.items()):
            raise CallerError(
                what=f"channel {name} has other rules already",
                value=known.rules,
                next_step="give them once, where the channel is first made",
            )
        return known

    def _add_channel(self, name: str, mode: int, start: int = 0, count: int = 0, own: bool = False) -> int:
        check_name(name)
        self._driver.check_thread()
        number = self._session.channels.add(name.encode(), mode, start, count, own)
        if number == 0:
            raise CallerError(
                what="too many channels",
                value=self._session.channels.limit,
                next_step="use fewer channels: names, not values, belong into a channel's name",
            )
        self._names[number] = name
        self._driver.wake()
        return number

    def _leave_channel(self, number: int) -> None:
        self._session.channels.leave(number)
        self._driver.wake()

    def _put(self, event: QueuedEvent, critical: bool) -> Outcome:
        """Channel.emit() ends here; a refusal is yet to be counted."""
        self._driver.check_thread()
        state = self._session.channels.items[event.channel - 1]
        if self._over or self._session.state in (STATE_CLOSED, STATE_STOPPED):
            return Outcome.REFUSED_CLOSED
        if state.code:
            return Outcome.REFUSED_CHANNEL
        if len(event.body) > self.platform.payload_bytes and not self._takes_pieces():
            return Outcome.REFUSED_TOO_LARGE
        outcome = self._outbox.put(event, critical, monotonic_ms())
        self._driver.wake()
        return outcome

    def _takes_pieces(self) -> bool:
        """Whether an event larger than a frame can go, as far as anybody knows before the first connection."""
        session = self._session
        return bool((session.agreement.up if session.known else session.agreement.sends) & FLAG_MORE)

    def _refused(self, outcome: Outcome) -> Outcome:
        return outcome if outcome.accepted else self._outbox.refuse(outcome)

    async def _until_room(self, size: int, critical: bool) -> bool:
        """Wait until an event of this size has room; False when the client is closed, or refused for good."""
        try:
            await self._until(lambda: self._outbox.has_room(size, critical))
        except FlightError:
            return False
        return True

    # What can be seen

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def address(self) -> Address | None:
        """Where the gateway is; None until a callable was asked."""
        return self._driver.address

    @property
    def transport(self) -> str:
        """The transport in use, or tried now."""
        return _TRANSPORT_NAMES[self._session.policy.transport()]

    @property
    def queued(self) -> int:
        """Events accepted and neither settled nor dropped."""
        return self._queued()

    @property
    def critical_done(self) -> int:
        """Critical events that need not be emitted again, counted from the first start with this resume file.

        A program that keeps its critical events itself, in their order, connects first after a restart and then emits
        those behind this number. They need one priority, and no expiry.
        """
        return self._session.counted + self._session.settled_counter()

    @property
    def epoch(self) -> str:
        """The gateway's epoch as hexadecimal text; 16 zeros before the first connection."""
        return bytes(self._session.welcome.epoch).hex()

    @property
    def last_error(self) -> FlightError | None:
        """The last thing that went wrong with the link, for people to read."""
        return self._error or self._driver.last_error

    def counters(self) -> Counters:
        """A snapshot of all counters."""
        self._driver.check_thread()
        from .counting import count  # the first time that somebody asks

        delivered, refused = self._subscriptions.delivered, self.threadsafe.refused
        nodes, queued = self._driver.nodes, self._queued()
        return count(self._session, self._outbox, nodes, queued, delivered, refused, self._hooks.raised)

    def _queued(self) -> int:
        return self._outbox.waiting + self._session.store.events_held

    # What the driver reports

    def on_result(self, result: int, data: bytes) -> None:
        """A frame meant something (Listener)."""
        inbox = self._driver.inbox
        if result in (codes.MISSING, codes.DELIVERED_AFTER_HOLE):
            self._hooks.gap.tell(self._subscriptions.gap())
        if result in (codes.DELIVERED, codes.DELIVERED_AFTER_HOLE):
            self._subscriptions.deliver()
        elif result == codes.ENDED:
            self._driver.last_error = refusal(self._session.ending, data)
        elif result == codes.ANSWERED:
            code = self._session.channels.items[inbox.event_channel - 1].code
            if code:
                error = RefusedError(code, f"channel {self._names[inbox.event_channel]}")
                _log.warning("%s", error)
                self._subscriptions.refused(inbox.event_channel, error)
        elif result == codes.BROKEN:
            _log.warning("the gateway broke the protocol; a new session begins")

    def on_drive(self) -> None:
        """The session may have changed (Listener)."""
        session = self._session
        stopped = session.state == STATE_STOPPED or self._driver.fatal_error is not None
        if stopped and self._error is None:
            self._error = self._driver.fatal_error or self._driver.last_error or RefusedError(session.reason)
            self._subscriptions.finish(self._error)
        state = connection_state(session.state, session.tally.connections)
        if self._error is not None:
            state = ConnectionState.FAILED
        going_well = state in (ConnectionState.CONNECTED, ConnectionState.CLOSED)
        paused = session.state == STATE_PAUSED
        self._change_state(state, "" if going_well else "paused" if paused else str(self._driver.last_error or ""))
        self._waiters.look()
        if self._error is not None:
            self._waiters.fail(self._error)
            self._publications.fail(self._error)

    def _change_state(self, new: ConnectionState, reason: str) -> None:
        transport = self.transport
        if new is self._state and transport == self._shown_transport:
            return
        wait_ms = 0
        if self._session.state == STATE_WAITING:
            wait_ms = self._session.wake_in_ms(monotonic_ms())
        change = StateChange(self._state, new, transport, reason, wait_ms)
        self._state, self._shown_transport = new, transport
        self._hooks.state.tell(change)

    async def _until(self, condition: Callable[[], bool]) -> None:
        if condition():
            return
        if self._error is not None:
            raise self._error
        self._driver.wake()
        await self._waiters.until(condition)
