"""The client for programs without asyncio: the same words, and every call comes back when it is done.

Theory of operation
- Each SyncClient owns one background thread with one event loop, on which a Client lives (background.py). The thread begins
  with the first call that needs it and ends with close(). Other threads may call all methods at any time.
- Hooks (on_state, on_gap, on_dead_letter, `fatal`, callables for token and address) are called on the background thread.
  They may emit, read counters and close(); what would wait for that thread is refused there with CallerError.
- An interpreter that ends closes what was left open, within about a second. After fork() the child cannot use it: calls are
  refused with CallerError, and close() does nothing there.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from .arguments import check_seconds
from .background import Background
from .capture.record import Recorder
from .client import Client
from .commands import COMMANDS, CommandHandler
from .errors import FlightError, NotStoredError
from .events import Event
from .handling import EventHandler
from .judgement import FatalJudge
from .letters import DeadLetter
from .observe import ConnectionState, Outcome
from .session.spec import RETRY_COUNT, RETRY_INTERVAL_MS
from .sources import AddressSource, TokenSource
from .sync_channels import SyncChannel
from .sync_steering import SyncSteering
from .sync_streams import SyncEventStream, SyncMetricsStream, SyncPresenceStream
from .transports import Address, TransportFactory

if TYPE_CHECKING:
    from .counting import Counters
    from .messages import RealtimeMessage
    from .platform_config import PlatformConfig

_EventHandler = TypeVar("_EventHandler", bound=EventHandler)
_CommandHandler = TypeVar("_CommandHandler", bound=CommandHandler)


class SyncClient(SyncSteering):
    """A connection to a gateway for a plain program; use it with `with`, or call connect() and close()."""

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
    ) -> None:
        """As Client(). No thread begins before the first call that needs one."""
        client = self._client = Client(
            address, token=token, platform=platform, device_id=device_id, version=version, transports=transports,
            transport_factories=transport_factories, long_poll=long_poll, proxy=proxy, ca_file=ca_file,
            device_key=device_key, resume_file=resume_file, capture=capture, fatal=fatal,
        )  # fmt: skip
        background = self._background = Background("client")
        self.device_id: str = client.device_id
        # Also at the end of the interpreter, and when the program forgot it; it must not hold this object.
        self._finalizer = weakref.finalize(self, background.close, client.close)

    # Life

    def __enter__(self) -> Self:
        try:
            self.connect()
        except BaseException:
            self.close()  # nobody else can: `with` leaves without __exit__()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self, timeout_s: float | None = None) -> None:
        """As Client.connect()."""
        self._background.wait(lambda: self._client.connect(timeout_s))

    def flush(self, timeout_s: float | None = None) -> bool:
        """As Client.flush()."""
        return self._background.wait(lambda: self._client.flush(timeout_s))

    def close(self) -> None:
        """As Client.close(), then the thread ends. In a hook it begins to close, and comes back at once."""
        if not self._background.started:
            self._client._finish()  # without a thread there is nothing to wait for
        self._background.close(self._client.close)

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
    ) -> SyncChannel:
        """As Client.channel()."""
        made = self._background.call(
            lambda: self._client.channel(
                name,
                policy=policy,
                priority=priority,
                expires_ms=expires_ms,
                retries=retries,
                retry_interval_ms=retry_interval_ms,
            )
        )
        return SyncChannel(made, self)

    def send(self, message: RealtimeMessage, channel: str | None = None, *, timeout_s: float | None = None) -> Outcome:
        """As Client.send(): a message of the guide's form, as an event."""
        return self._background.wait(
            lambda: self._client.send(message, channel, timeout_s=timeout_s),
            NotStoredError("closed", channel=channel or ""),
        )

    def emit(
        self, channel: str, event: Event, *, critical: bool | None = None, expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Outcome:  # fmt: skip
        """channel(channel).emit(event): never waits for the network."""
        return self._background.call(
            lambda: self._client.channel(channel).emit(event, critical=critical, expires_ms=expires_ms, key=key)
        )

    def publish(
        self, channel: str, event: Event, *, timeout_s: float | None = None, expires_ms: int | None = None,
    ) -> Outcome:  # fmt: skip
        """channel(channel).publish(event): comes back when the gateway has stored it."""
        return self.channel(channel).publish(event, timeout_s=timeout_s, expires_ms=expires_ms)

    # Dead letters

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """As Client.dead_letters()."""
        return self._background.call(self._client.dead_letters)

    def discard(self, *letters: DeadLetter) -> None:
        """As Client.discard()."""
        self._background.call(lambda: self._client.discard(*letters))

    def replay(self, *letters: DeadLetter) -> int:
        """As Client.replay()."""
        return self._background.call(lambda: self._client.replay(*letters))

    # Events in

    def events(
        self, *types: str, channels: Iterable[str] | None = None, history: int | None = None, last: bool = False,
        timeout_s: float | None = None,
    ) -> SyncEventStream:  # fmt: skip
        """As Client.events(), for an ordinary `for`.

        timeout_s: how long one step may wait for an event; then it raises TimeoutError, nothing is lost, and the next step
        waits again. Without it a step waits as long as it takes.
        """
        check_seconds("timeout_s", timeout_s)
        stream = self._background.call(
            lambda: self._client.events(*types, channels=channels, history=history, last=last)
        )
        return SyncEventStream(stream, self, timeout_s)

    def listening(self, timeout_s: float | None = None) -> bool:
        """As Client.listening(): waits until the gateway has all that was subscribed to."""
        return self._background.wait(lambda: self._client.listening(timeout_s))

    def metrics(self, interval_ms: int = 1000, *, timeout_s: float | None = None) -> SyncMetricsStream:
        """As Client.metrics(), for an ordinary `for`; timeout_s as in events()."""
        check_seconds("timeout_s", timeout_s)
        return SyncMetricsStream(self._background.call(lambda: self._client.metrics(interval_ms)), self, timeout_s)

    def platform_config(self, platform: str) -> PlatformConfig:
        """As Client.platform_config()."""
        return self._background.call(lambda: self._client.platform_config(platform))

    def presence(self, *, timeout_s: float | None = None) -> SyncPresenceStream:
        """As Client.presence(), for an ordinary `for`; timeout_s as in events()."""
        check_seconds("timeout_s", timeout_s)
        return SyncPresenceStream(self._background.call(self._client.presence), self, timeout_s)

    def on_event(
        self, handler: EventHandler, *types: str, channels: Iterable[str] | None = None, history: int | None = None,
        retries: int = RETRY_COUNT, retry_interval_ms: int = RETRY_INTERVAL_MS,
    ) -> SyncEventStream:  # fmt: skip
        """As Client.on_event(); the handler runs on the background thread."""
        stream = self._background.call(
            lambda: self._client.on_event(
                handler, *types, channels=channels, history=history, retries=retries,
                retry_interval_ms=retry_interval_ms,
            )
        )  # fmt: skip
        return SyncEventStream(stream, self, None)

    def handles(
        self, *types: str, channels: Iterable[str] | None = None, history: int | None = None,
        retries: int = RETRY_COUNT, retry_interval_ms: int = RETRY_INTERVAL_MS,
    ) -> Callable[[_EventHandler], _EventHandler]:  # fmt: skip
        """on_event() as a decorator; the function stays what it was."""
        decorate = self._client.handles(
            *types, channels=channels, history=history, retries=retries, retry_interval_ms=retry_interval_ms
        )
        return lambda handler: self._background.call(lambda: decorate(handler))

    # Commands

    def on_command(self, handler: CommandHandler, name: str = "", *, channel: str = COMMANDS) -> None:
        """As Client.on_command(); the handler runs on the background thread."""
        self._background.call(lambda: self._client.on_command(handler, name, channel=channel))

    def answers(self, name: str = "", *, channel: str = COMMANDS) -> Callable[[_CommandHandler], _CommandHandler]:
        """on_command() as a decorator; the function stays what it was."""
        decorate = self._client.answers(name, channel=channel)
        return lambda handler: self._background.call(lambda: decorate(handler))

    def command(
        self,
        target: str,
        name: str,
        data: bytes = b"",
        *,
        timeout_s: float = 10.0,
        retries: int | None = None,
        retry_interval_ms: int | None = None,
        channel: str = COMMANDS,
    ) -> bytes:
        """As Client.command(): comes back with the device's answer."""
        return self._background.wait(
            lambda: self._client.command(
                target, name, data, timeout_s=timeout_s, retries=retries, retry_interval_ms=retry_interval_ms,
                channel=channel,
            )
        )  # fmt: skip

    # What can be seen

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._client.state

    @property
    def address(self) -> Address | None:
        """As Client.address: where the gateway is."""
        return self._client.address

    @property
    def transport(self) -> str:
        """The transport in use, or tried now."""
        return self._client.transport

    @property
    def queued(self) -> int:
        """Events accepted and neither settled nor dropped."""
        return self._background.call(lambda: self._client.queued)

    @property
    def critical_done(self) -> int:
        """As Client.critical_done."""
        return self._background.call(lambda: self._client.critical_done)

    @property
    def epoch(self) -> str:
        """As Client.epoch."""
        return self._background.call(lambda: self._client.epoch)

    @property
    def last_error(self) -> FlightError | None:
        """The last thing that went wrong with the link, for people to read."""
        return self._client.last_error

    def counters(self) -> Counters:
        """A snapshot of all counters; also after close()."""
        return self._background.call(self._client.counters)
