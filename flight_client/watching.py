"""What a client listens to: events, metrics, presence, history, and the configuration of a platform.

What a program may never ask for is loaded when it asks: making its classes takes time at every start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from .arguments import check_seconds, whole
from .driver import Driver
from .errors import CallerError, FlightError
from .history import History
from .observe import ConnectionState
from .platforms import Platform
from .session.device.machine import DeviceSession
from .session.spec import MODE_SUBSCRIBE, STATE_READY
from .streams import EventStream, Stream
from .subscriptions import Subscriptions, channels_of

if TYPE_CHECKING:
    from .counting import Counters
    from .metrics import MetricsStream
    from .platform_config import PlatformConfig
    from .presence import PresenceStream

_AnyStream = TypeVar("_AnyStream", bound=Stream[Any])


class Watching:
    """A part of the client; its methods belong to the event loop on which connect() ran."""

    platform: Platform
    _driver: Driver
    _subscriptions: Subscriptions
    _history: History
    _session: DeviceSession

    if TYPE_CHECKING:  # the client has them

        @property
        def state(self) -> ConnectionState:
            """Client.state."""

        @property
        def transport(self) -> str:
            """Client.transport."""

        def counters(self) -> Counters:
            """Client.counters()."""

        def _ended_by(self) -> FlightError | None: ...

        async def _until(self, condition: Callable[[], bool]) -> None: ...

    def events(
        self, *types: str, channels: Iterable[str] | None = None, history: int | None = None, last: bool = False
    ) -> EventStream:
        """Subscribe; use it with `async for`, `async with` closes it.

        types: event types such as "memory-update"; none means all. channels: names; by default the channels on which
        those types usually travel. history: begin with the last `history` entries of each channel, up to 65,535; by
        default only what comes from now on. last: begin with the last value: at once with what this client heard last of
        each sender, where it follows the channel already; otherwise with the last entry that the gateway has. After an
        interruption the stream goes on where it was; what is missing is told to on_gap(). stream.close() leaves the
        channels that nobody else listens to.

        Raises CallerError for an unknown type, a bad channel name or number, and when the client was closed; what stopped
        the client, where it stopped for good.
        """
        self._check_listening()
        return self._subscriptions.open(types, channels, history, last)

    async def listening(self, timeout_s: float | None = None) -> bool:
        """Wait until the gateway has all that was subscribed to: what is emitted anywhere from then on is heard here.

        events(), on_event() and on_command() come back before that; a command that is quicker is not heard until it is asked
        again. A channel that was refused counts as answered: its streams say so.

        Returns False when `timeout_s` passed first. Raises CallerError before connect(), on a closed client and for a bad
        argument; RefusedError when the gateway refused the client for good.
        """
        self._check_listening()
        self._check_connecting()
        check_seconds("timeout_s", timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(self._all_opened)
        except TimeoutError:
            return False
        return True

    def _all_opened(self) -> bool:
        session = self._session
        asked = [channel for channel in session.channels.items if channel.mode & MODE_SUBSCRIBE]
        return session.state == STATE_READY and all(channel.opened for channel in asked)

    def metrics(self, interval_ms: int = 1000) -> MetricsStream:
        """A sample every `interval_ms` (10 to 3,600,000): `.metrics` of this client, `.platform_performance` by platform.

        What the platforms report (memory-update, system-monitoring, frame-time) is subscribed to on their usual channels,
        beginning with the last values. Raises as events() does.
        """
        from .metrics import LONGEST_MS, METRIC_TYPES, SHORTEST_MS, MetricsStream

        whole("interval_ms", interval_ms, SHORTEST_MS, LONGEST_MS)
        self._check_listening()
        kept = self._subscriptions
        stream = MetricsStream(interval_ms, self._look, kept.forget, kept.history_events, kept.check)
        return self._listen(stream, channels_of(METRIC_TYPES, None), last=True)

    def platform_config(self, platform: str) -> PlatformConfig:
        """What is set for a platform, as get_platform_config(). Raises CallerError for a platform that nobody has named.

        Needs no connection and waits for nothing; also after close().
        """
        from .platform_config import get_platform_config

        self._driver.check_thread()
        return get_platform_config(platform)

    def presence(self) -> PresenceStream:
        """Who is here: changes with `async for`, and everybody at this moment as `.members`, by device id.

        Begins with what the gateway's log tells; the gateway looks every few seconds. Raises as events() does.
        """
        from .presence import PRESENCE, PRESENCE_HISTORY, PresenceStream

        self._check_listening()
        kept = self._subscriptions
        stream = PresenceStream(kept.forget, kept.history_events, kept.check)
        return self._listen(stream, [PRESENCE], PRESENCE_HISTORY)

    def _listen(
        self, stream: _AnyStream, channels: list[str], history: int | None = None, *, last: bool = False
    ) -> _AnyStream:
        self._subscriptions.listen(stream, channels, history, last=last)
        return stream

    def _look(self) -> tuple[ConnectionState, str, Counters]:
        return self.state, self.transport, self.counters()

    def _check_connecting(self) -> None:
        """Raises where connect() was never called: whoever waited for an answer would wait for ever."""
        if not self._driver.running:
            raise CallerError(what="this client is not connected yet", value=None, next_step="call connect() first")

    def _check_listening(self) -> None:
        """Raises for a caller on the wrong loop, and when nothing will come any more: whoever waited would wait for ever."""
        self._driver.check_thread()
        error = self._ended_by()
        if error is not None:
            raise error
