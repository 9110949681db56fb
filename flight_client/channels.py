"""A named stream of events, as a client sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._tables import CHANNELS
from .events import Event, encode_event
from .observe import Outcome

if TYPE_CHECKING:
    from .client import Client


class Channel:
    """One channel of a client; made by Client.channel()."""

    def __init__(self, client: Client, name: str, number: int, wide: bool):
        self.name = name
        self._client = client
        self._number = number
        self._wide = wide
        self._critical = bool(CHANNELS.get(name, {}).get("critical", False))

    def emit(self, event: Event, *, critical: bool | None = None) -> Outcome:
        """Queue one event; never blocks and never waits.

        `critical` events are kept until the gateway stored them; the others may be dropped when the queue is full (the
        oldest goes, counted). By default component-events and v6r-events are critical.

        Returns what became of the event. Raises EventError for a value that the event's layout cannot carry. Call it
        on the client's event loop.
        """
        layout, body = encode_event(event, self._wide)
        lane = self._critical if critical is None else critical
        return self._client._emit(self._number, layout, body, lane)
