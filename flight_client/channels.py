"""A named stream of events, as a client sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ._tables import CHANNELS
from .clock import monotonic_ms
from .errors import CallerError
from .events import Event, MemoryUpdate, encode_event
from .lanes import QueuedEvent
from .letters import DeadLetter
from .observe import Outcome
from .rules import ChannelRules
from .session.spec import NUMBER_LIMIT

if TYPE_CHECKING:
    from .client import Client


class Channel:
    """One channel of a client; made by Client.channel()."""

    def __init__(self, client: Client, name: str, number: int, wide: bool, rules: ChannelRules):
        self.name = name
        self.rules = rules
        self._client = client
        self._number = number
        self._wide = wide
        self._critical = bool(CHANNELS.get(name, {}).get("critical", False))

    def emit(
        self, event: Event, *, critical: bool | None = None, expires_ms: int | None = None, key: Hashable = None
    ) -> Outcome:
        """Queue one event; never blocks and never waits.

        `critical` events are kept until the gateway stored them, and refused when the queue is full; the others are
        treated by the channel's policy then. By default component-events and v6r-events are critical. `expires_ms`:
        instead of the channel's. `key`: what the event is about, for `latest-wins`; by default its type.

        Returns what became of the event. Raises EventError for a value that the event's layout cannot carry. Call it
        on the client's event loop.
        """
        queued, lane = self._queued(event, critical, expires_ms, key)
        outcome = self._client._refused(self._client._put(queued, lane))
        if isinstance(event, MemoryUpdate):
            self._client.report_memory(event)
        return outcome

    async def put(
        self,
        event: Event,
        *,
        timeout_s: float | None = None,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Outcome:
        """As emit(), but wait for room: for ever, or for `timeout_s`. REFUSED_FULL when that is over.

        A drop-oldest or latest-wins channel makes room by itself, so there only critical events ever wait.
        """
        queued, lane = self._queued(event, critical, expires_ms, key)
        try:
            async with asyncio.timeout(timeout_s):
                while (outcome := self._client._put(queued, lane)) is Outcome.REFUSED_FULL:
                    if not await self._client._until_room(queued.size, lane):
                        outcome = Outcome.REFUSED_CLOSED
                        break
                    queued.stamp_ms = monotonic_ms()
        except TimeoutError:
            outcome = Outcome.REFUSED_FULL
        return self._client._refused(outcome)

    def replay(self, letter: DeadLetter) -> Outcome:
        """Emit a dead letter again; its age goes on from when it was first emitted."""
        event = QueuedEvent(
            self._number, letter.layout, letter.body, letter.stamp_ms, self.rules, 0, (None, letter.layout)
        )
        return self._client._refused(self._client._put(event, True))

    def _queued(
        self, event: Event, critical: bool | None, expires_ms: int | None, key: Hashable
    ) -> tuple[QueuedEvent, bool]:
        layout, body = encode_event(event, self._wide)
        lasts_ms = self.rules.expires_ms if expires_ms is None else expires_ms
        if not 0 <= lasts_ms < NUMBER_LIMIT // 2:
            raise CallerError(
                what="expires_ms is out of range", value=lasts_ms, next_step=f"use 0 to {NUMBER_LIMIT // 2 - 1}"
            )
        queued = QueuedEvent(
            self._number, layout, body, monotonic_ms(), self.rules, lasts_ms, (None, layout) if key is None else key
        )
        return queued, self._critical if critical is None else critical
