"""A channel of a SyncClient."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

from .channels import Channel
from .emitters import Emitter, NumberEmitter
from .errors import NotStoredError
from .events import Event
from .letters import DeadLetter
from .observe import Outcome
from .rules import ChannelRules
from .streams import RealtimeEvent

if TYPE_CHECKING:
    from .sync_client import SyncClient


class SyncChannel:
    """One channel of a SyncClient."""

    def __init__(self, channel: Channel, owner: SyncClient) -> None:
        self.name: str = channel.name
        self._channel = channel
        self._owner = owner  # who holds a channel holds its client
        self._background = owner._background

    @property
    def rules(self) -> ChannelRules:
        """How it treats its events."""
        return self._channel.rules

    def emit(
        self, event: Event, *, critical: bool | None = None, expires_ms: int | None = None, key: Hashable = None
    ) -> Outcome:
        """As Channel.emit(): never waits for the network."""
        return self._background.call(
            lambda: self._channel.emit(event, critical=critical, expires_ms=expires_ms, key=key)
        )

    def emitter(
        self,
        kind: type[Event],
        *,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Emitter:
        """As Channel.emitter(); the function may be called from any thread."""
        emit = self._background.call(
            lambda: self._channel.emitter(kind, critical=critical, expires_ms=expires_ms, key=key)
        )
        return lambda *values, **fields: self._background.call(lambda: emit(*values, **fields))

    def number_emitter(self, kind: type[Event], field: str | None = None) -> NumberEmitter:
        """As Channel.number_emitter(); the function may be called from any thread."""
        emit = self._background.call(lambda: self._channel.number_emitter(kind, field))
        return lambda value: self._background.call(lambda: emit(value))

    def emit_buffer(self, kind: type[Event], buffer: Any, *, wide: bool = True) -> int:
        """As Channel.emit_buffer(): one step to the background thread for all of them."""
        return self._background.call(lambda: self._channel.emit_buffer(kind, buffer, wide=wide))

    def emit_many(
        self,
        events: Iterable[Event],
        *,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> list[Outcome]:
        """As Channel.emit_many(): one step to the background thread for all of them."""
        return self._background.call(
            lambda: self._channel.emit_many(events, critical=critical, expires_ms=expires_ms, key=key)
        )

    def put(
        self,
        event: Event,
        *,
        timeout_s: float | None = None,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Outcome:
        """As Channel.put(): waits for room."""
        return self._background.wait(
            lambda: self._channel.put(event, timeout_s=timeout_s, critical=critical, expires_ms=expires_ms, key=key)
        )

    def publish(
        self,
        event: Event,
        *,
        ack: bool = True,
        timeout_s: float | None = None,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Outcome:
        """As Channel.publish(): waits until the gateway has stored it, or raises NotStoredError."""
        return self._background.wait(
            lambda: self._channel.publish(
                event, ack=ack, timeout_s=timeout_s, critical=critical, expires_ms=expires_ms, key=key
            ),
            NotStoredError("closed", channel=self.name),
        )

    def history(
        self,
        limit: int = 100,
        *types: str,
        after: int | None = None,
        epoch: str | None = None,
        timeout_s: float | None = None,
    ) -> list[RealtimeEvent]:
        """As Channel.history(): what the gateway's log holds."""
        return self._background.wait(
            lambda: self._channel.history(limit, *types, after=after, epoch=epoch, timeout_s=timeout_s)
        )

    def replay(self, letter: DeadLetter) -> Outcome:
        """As Channel.replay()."""
        return self._background.call(lambda: self._channel.replay(letter))
