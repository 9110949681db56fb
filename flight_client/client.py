"""What a user holds: one client object that survives any number of connections."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from ._tables import CHANNELS, NAMES
from .channels import Channel
from .clock import monotonic_ms
from .driver import Driver, TokenSource
from .errors import CallerError, FlightError, FrameError, LinkError, RefusedError
from .observe import ConnectionState, Counters, Gap, Outcome, StateChange, connection_state
from .platforms import fit_for_a_line, get_platform
from .proof import SessionKey
from .session.common.profile import profile_of
from .session.device import codes
from .session.device.identity import Identity
from .session.device.machine import DeviceSession
from .session.spec import (
    CHANNEL_NAME_BYTES,
    CLOSE_WAIT_MS,
    DEVICE_CHANNELS,
    DEVICE_ID_BYTES,
    MODE_PUBLISH,
    MODE_SUBSCRIBE,
    STATE_CLOSED,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TOOL_CHANNELS,
)
from .streams import EventStream, read_delivery
from .transports import Address, TransportFactory, TransportOptions, available, factory

_log = logging.getLogger("flight.client")

_Told = TypeVar("_Told", StateChange, Gap)

_GAP_NAMES = {value: name for name, value in NAMES["gap_reasons"].items()}
_TRANSPORT_NAMES = {value: name for name, value in NAMES["transports"].items()}


class Client:
    """A connection to a gateway, with everything that keeps it alive.

    All methods belong to the event loop on which connect() ran. Names of channels: 1 to 64 of a-z, 0-9, '.', '-', '_'
    and '/'.
    """

    def __init__(
        self,
        address: str | Address,
        *,
        token: TokenSource,
        platform: str = "host",
        device_id: str | None = None,
        version: str = "0.1.0",
        transports: Iterable[str] | None = None,
        transport_factories: Mapping[str, TransportFactory] | None = None,
        long_poll: bool | None = None,
        proxy: str = "",
    ):
        """Prepare a client; nothing is sent before connect().

        address: http://host:port of the gateway, or another form of transports/address.py. token: what `flight gateway`
        printed, or a callable (plain or async) that is asked before each attempt. platform: a profile of the spec.
        device_id: up to 32 bytes, the same one after every restart; by default host name and process number. transports:
        names in order of preference instead of the profile's. transport_factories: own makers of transports
        (transports/base.py), by name. long_poll: whether the gateway may hold a poll's reply until it has something to
        say; by default on hosts. proxy: an HTTP proxy, or `environment` for what HTTP_PROXY says.
        Raises CallerError for a value that cannot work.
        """
        self.platform = get_platform(platform)
        self.address = Address.parse(address) if isinstance(address, str) else address
        own = dict(transport_factories or {})
        chosen = self._choose(transports, own)
        self.device_id = device_id or _default_device_id()
        profile = profile_of(platform)
        assert profile is not None  # get_platform() knows the same names
        if "serial" in chosen:
            self.platform = fit_for_a_line(self.platform, profile, only=len(chosen) == 1)
        identity = Identity(
            self.device_id.encode(),
            platform.encode(),
            self.platform.number,
            version.encode(),
            NAMES["client_types"][self.platform.client_type],
        )
        identity.capabilities = self.platform.capability_bits
        identity.boot[:] = os.urandom(8)
        identity.token = token.encode() if isinstance(token, str) else b""
        if _DEVICE_ID.fullmatch(self.device_id) is None:
            raise CallerError(
                what="not a device id",
                value=self.device_id,
                next_step="use 1 to 32 of A-Z, a-z, 0-9 and . _ : -, a letter or digit first",
            )
        if not identity.fits():
            raise CallerError(
                what="device id, version or token is empty or too long",
                value=f"device id {self.device_id!r}, version {version!r}, token of {len(identity.token)} bytes",
                next_step="keep to 32, 16 and 480 bytes",
            )
        limit = TOOL_CHANNELS if self.platform.wide_sizes else DEVICE_CHANNELS
        numbers = tuple(NAMES["transports"][name] for name in chosen)
        self._session = DeviceSession(profile, identity, SessionKey(), numbers, limit)
        held = self.platform.memory_bytes == 0 if long_poll is None else long_poll
        options = TransportOptions(profile.connect_timeout_ms // 2 if held else 0, proxy)
        factories = {NAMES["transports"][name]: own.get(name) or factory(name, options) for name in chosen}
        self._driver = Driver(self._session, self.platform, self.address, token, factories, self)
        self._channels: dict[str, Channel] = {}
        self._names: list[str] = []
        self._streams: dict[int, list[EventStream]] = {}
        self._state_hooks: list[Callable[[StateChange], None]] = []
        self._gap_hooks: list[Callable[[Gap], None]] = []
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._state = ConnectionState.DISCONNECTED
        self._shown_transport = ""
        self._accepted = 0
        self._oldest_dropped = 0
        self._closed_dropped = 0
        self._refused_emits: dict[Outcome, int] = {}
        self._delivered = 0
        self._error: FlightError | None = None

    def _choose(self, transports: Iterable[str] | None, own: Mapping[str, TransportFactory]) -> tuple[str, ...]:
        address = self.address
        if transports is None:
            if address.only:
                return (address.only,)
            return tuple(n for n in self.platform.transports if n in own or (n in available() and address.has(n)))
        chosen = tuple(transports)
        for name in chosen:
            if name not in own or name not in NAMES["transports"]:
                factory(name)
            if name not in own and not address.has(name):
                raise CallerError(what=f"{address} leads to no {name}", value=name, next_step=address.advice(name))
        if not chosen:
            raise CallerError(what="no transport to use", value="()", next_step="leave `transports` out")
        return chosen

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
        if self._state is ConnectionState.CLOSED or self._session.state == STATE_CLOSED:
            raise self._was_closed()
        if self._state is ConnectionState.DISCONNECTED:
            self._driver.start()
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
        if self._state is ConnectionState.CLOSED:
            raise self._was_closed()
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(lambda: self._queued() == 0 and self._session.state == STATE_READY)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Close within a second: what is queued may go until then, the rest is counted as dropped (`closed`)."""
        if self._state in (ConnectionState.CLOSED, ConnectionState.DISCONNECTED) and not self._driver.running:
            self._finish()
            return
        self._session.close(monotonic_ms())
        self._driver.wake()
        try:
            async with asyncio.timeout(CLOSE_WAIT_MS / 1000):
                await self._until(lambda: self._session.state in (STATE_CLOSED, STATE_STOPPED))
        except (TimeoutError, RefusedError):
            pass  # time is up, or the gateway had refused already: nothing more can be sent
        finally:
            await self._driver.stop()
            self._finish()

    def _finish(self) -> None:
        self._closed_dropped += self._queued()
        self._driver.clear()
        self._change_state(ConnectionState.CLOSED if self._error is None else ConnectionState.FAILED, "closed")
        for streams in self._streams.values():
            for stream in streams:
                stream.finish(self._error)
        waiters, self._waiters = self._waiters, []
        for _, future in waiters:
            if not future.done():
                future.set_exception(self._error or self._was_closed())

    def _was_closed(self) -> CallerError:
        return CallerError(what="this client was closed", value=self.device_id, next_step="make a new one")

    # Events out

    def channel(self, name: str) -> Channel:
        """The channel with this name, for emitting. Raises CallerError for a bad name or too many channels."""
        known = self._channels.get(name)
        if known is None:
            number = self._add_channel(name, MODE_PUBLISH)
            known = self._channels[name] = Channel(self, name, number, self.platform.wide_sizes)
        return known

    def _add_channel(self, name: str, mode: int, start: int = 0, count: int = 0) -> int:
        sound = 0 < len(name) <= CHANNEL_NAME_BYTES and all(c in _NAME_CHARACTERS for c in name)
        if not sound or any(part in ("", ".", "..") for part in name.split("/")):
            raise CallerError(
                what="not a channel name",
                value=repr(name[:80]),
                next_step=f"use 1 to {CHANNEL_NAME_BYTES} of a-z, 0-9, '.', '-', '_' and '/', with a name between slashes",
            )
        self._driver.check_thread()
        number = self._session.channels.add(name.encode(), mode, start, count)
        if number == 0:
            raise CallerError(
                what="too many channels",
                value=self._session.channels.limit,
                next_step="use fewer channels: names, not values, belong into a channel's name",
            )
        if number > len(self._names):
            self._names.append(name)
        self._driver.wake()
        return number

    def _emit(self, number: int, layout: int, body: bytes, critical: bool) -> Outcome:
        """Channel.emit() ends here."""
        self._driver.check_thread()
        state = self._session.channels.items[number - 1]
        if self._session.state in (STATE_CLOSED, STATE_STOPPED) or self._state is ConnectionState.CLOSED:
            return self._refuse(Outcome.REFUSED_CLOSED)
        if state.code:
            return self._refuse(Outcome.REFUSED_CHANNEL)
        if len(body) > self.platform.payload_bytes:
            return self._refuse(Outcome.REFUSED_TOO_LARGE)
        ring = self._driver.critical if critical else self._driver.lossy
        while not ring.put(number, layout, monotonic_ms(), body):
            if critical or ring.count == 0:
                return self._refuse(Outcome.REFUSED_FULL)
            self._oldest_dropped += ring.drop_oldest()
        self._accepted += 1
        self._driver.wake()
        return Outcome.QUEUED

    def _refuse(self, outcome: Outcome) -> Outcome:
        self._refused_emits[outcome] = self._refused_emits.get(outcome, 0) + 1
        return outcome

    # Events in

    def events(self, *types: str, channels: Iterable[str] | None = None, history: int | None = None) -> EventStream:
        """Subscribe; use it with `async for`.

        types: event types such as "memory-update"; none means all. channels: names; by default the channels on which
        those types usually travel. history: begin with the last `history` entries of each channel; by default only
        what comes from now on. After an interruption the stream goes on where it was; what is missing is told to
        on_gap().

        Raises CallerError for an unknown type or a bad channel name.
        """
        wanted = frozenset(types)
        defaults = {name: channel["event"] for name, channel in CHANNELS.items()}
        unknown = wanted - set(defaults.values()) - {"payload"}
        if unknown:
            raise CallerError(
                what="unknown event type",
                value=", ".join(sorted(unknown)),
                next_step=f"use one of: {', '.join(sorted({*defaults.values(), 'payload'}))}",
            )
        names = (
            list(channels) if channels is not None else [n for n, e in defaults.items() if not wanted or e in wanted]
        )
        stream = EventStream(wanted, self._forget_stream)
        start = NAMES["start_modes"]["live" if history is None else "last"]
        for name in names:
            number = self._add_channel(name, MODE_SUBSCRIBE, start, min(history or 0, 0xFFFF))
            self._streams.setdefault(number, []).append(stream)
        return stream

    def _forget_stream(self, stream: EventStream) -> None:
        for streams in self._streams.values():
            if stream in streams:
                streams.remove(stream)

    # What can be seen

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def transport(self) -> str:
        """The transport in use, or tried now."""
        return _TRANSPORT_NAMES[self._session.policy.transport()]

    @property
    def queued(self) -> int:
        """Events accepted and neither settled nor dropped."""
        return self._queued()

    @property
    def epoch(self) -> str:
        """The gateway's epoch as hexadecimal text; 16 zeros before the first connection."""
        return bytes(self._session.welcome.epoch).hex()

    @property
    def last_error(self) -> FlightError | None:
        """The last thing that went wrong with the link, for people to read."""
        return self._error or self._driver.last_error

    def on_state(self, hook: Callable[[StateChange], None]) -> None:
        """Call `hook` at every change of state or transport."""
        self._state_hooks.append(hook)

    def on_gap(self, hook: Callable[[Gap], None]) -> None:
        """Call `hook` when entries of a channel are missing and will not come."""
        self._gap_hooks.append(hook)

    def counters(self) -> Counters:
        """A snapshot of all counters."""
        tally = self._session.tally
        dropped = {
            "oldest": self._oldest_dropped,
            "link": tally.link_dropped,
            "unconfirmed": tally.unconfirmed,
            "refused": tally.refused,
            "closed": self._closed_dropped,
            "too-large": self._driver.too_large,
        }
        return Counters(
            accepted=self._accepted,
            acked=tally.critical_acked,
            settled=tally.critical_acked + tally.lossy_settled,
            queued=self._queued(),
            dropped=dropped,
            refused_emits={outcome.name.lower(): count for outcome, count in self._refused_emits.items()},
            delivered=self._delivered,
            duplicates=tally.duplicates,
            resent_frames=tally.resent_frames,
            connections=tally.connections,
            reconnects=max(0, tally.connections - 1),
            transport_switches=self._session.policy.switches,
        )

    def _queued(self) -> int:
        driver = self._driver
        return driver.critical.count + driver.lossy.count + self._session.store.events_held

    # What the driver reports

    def on_result(self, result: int, data: bytes) -> None:
        """A frame meant something (Listener)."""
        inbox = self._driver.inbox
        if result in (codes.MISSING, codes.DELIVERED_AFTER_HOLE):
            self._tell_gap()
        if result in (codes.DELIVERED, codes.DELIVERED_AFTER_HOLE):
            self._deliver(data)
        elif result == codes.ENDED:
            ending = self._session.ending
            text = data[ending.text_start : ending.text_end].decode("utf-8", "replace")
            self._driver.last_error = RefusedError(ending.code, _plain(text))
        elif result == codes.ANSWERED:
            code = self._session.channels.items[inbox.event_channel - 1].code
            if code:
                refusal = RefusedError(code, f"channel {self._names[inbox.event_channel - 1]}")
                _log.warning("%s", refusal)
                for stream in self._streams.get(inbox.event_channel, ()):
                    stream.finish(refusal)
        elif result == codes.BROKEN:
            _log.warning("the gateway broke the protocol; a new session begins")

    def on_drive(self) -> None:
        """The session may have changed (Listener)."""
        session = self._session
        if session.state == STATE_STOPPED and self._error is None:
            self._error = self._driver.last_error or RefusedError(session.reason)
            for streams in self._streams.values():
                for stream in streams:
                    stream.finish(self._error)
        state = connection_state(session.state, session.tally.connections)
        going_well = state in (ConnectionState.CONNECTED, ConnectionState.CLOSED)
        self._change_state(state, "" if going_well else str(self._driver.last_error or ""))
        waiters, self._waiters = self._waiters, []
        for condition, future in waiters:
            if future.done():
                continue
            if condition():
                future.set_result(None)
            elif self._error is not None:
                future.set_exception(self._error)
            else:
                self._waiters.append((condition, future))

    def _change_state(self, new: ConnectionState, reason: str) -> None:
        transport = self.transport
        if new is self._state and transport == self._shown_transport:
            return
        wait_ms = 0
        if self._session.state == STATE_WAITING:
            wait_ms = self._session.wake_in_ms(monotonic_ms())
        change = StateChange(self._state, new, transport, reason, wait_ms)
        self._state, self._shown_transport = new, transport
        for hook in self._state_hooks:
            self._call(hook, change)

    def _tell_gap(self) -> None:
        inbox = self._driver.inbox
        gap = Gap(
            self._names[inbox.event_channel - 1],
            _GAP_NAMES.get(inbox.gap_reason, "unannounced"),
            int.from_bytes(inbox.gap_after, "little"),
            int.from_bytes(inbox.gap_to, "little"),
            bytes(inbox.gap_epoch).hex(),
        )
        for hook in self._gap_hooks:
            self._call(hook, gap)

    def _deliver(self, data: bytes) -> None:
        inbox = self._driver.inbox
        streams = self._streams.get(inbox.event_channel)
        if not streams:
            return
        name = self._names[inbox.event_channel - 1]
        try:
            events = read_delivery(data, inbox.event_start, inbox.event_records, inbox.event_end, name)
        except FrameError as error:
            _log.warning("an entry of %s could not be read: %s", name, error)
            return
        self._delivered += len(events)
        for event in events:
            for stream in streams:
                stream.put(event)

    @staticmethod
    def _call(hook: Callable[[_Told], None], value: _Told) -> None:
        try:
            hook(value)
        except Exception:
            _log.exception("a hook of the client raised; the client goes on")

    async def _until(self, condition: Callable[[], bool]) -> None:
        if condition():
            return
        if self._error is not None:
            raise self._error
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((condition, future))
        self._driver.wake()
        await future


_DEVICE_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{DEVICE_ID_BYTES - 1}}}", re.ASCII)
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_/")


def _default_device_id() -> str:
    """Host name and process number, as far as the host name is made of what a device id may hold."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).lstrip(".-")[:20]
    return f"{host or 'host'}-{os.getpid()}"


def _plain(text: str) -> str:
    """The gateway's words for a log or a terminal: control characters spelt out."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
