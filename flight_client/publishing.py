"""Waiting for what becomes of one critical event: stored by the gateway, or a dead letter.

The event belongs to the queue from the moment it is accepted; who waits only watches. To stop watching (a time limit, a
cancelled task) changes nothing for the event.
"""

from __future__ import annotations

import asyncio

from .errors import FlightError
from .lanes import QueuedEvent
from .letters import DeadLetter

Settled = asyncio.Future[DeadLetter | None]
"""Its result is None for a stored event, else the letter."""


class Publications:
    """The events of one client that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: set[Settled] = set()

    def watch(self, event: QueuedEvent) -> Settled:
        """Hear of this event's end; before it is queued."""
        settled: Settled = asyncio.get_running_loop().create_future()

        def tell(letter: DeadLetter | None) -> None:
            if not settled.done():
                settled.set_result(letter)

        event.fate = tell
        self._waiting.add(settled)
        settled.add_done_callback(self._waiting.discard)
        return settled

    def fail(self, error: FlightError) -> None:
        """The client has stopped for good: nothing will become of them before close()."""
        for settled in list(self._waiting):
            if not settled.done():
                settled.set_exception(error)
