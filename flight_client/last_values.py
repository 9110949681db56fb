"""The last value of everything that a client heard: who begins to listen later is answered at once, without the network."""

from __future__ import annotations

from collections import OrderedDict

from .streams import RealtimeEvent


class LastValues:
    """The newest event of each channel, sender and type, bounded: what was heard longest ago is forgotten first."""

    def __init__(self, limit_events: int) -> None:
        self._limit_events = limit_events
        self._events: OrderedDict[tuple[str, str, str], RealtimeEvent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: RealtimeEvent) -> None:
        """An event came; of the history that somebody reads it may be older than what is known."""
        key = event.channel, event.source.device_id, event.type
        known = self._events.get(key)
        if known is not None and known.received_ms > event.received_ms:
            return
        self._events[key] = event
        self._events.move_to_end(key)
        if len(self._events) > self._limit_events:
            self._events.popitem(last=False)

    def of(self, channel: str) -> list[RealtimeEvent]:
        """What was last heard on a channel, the oldest first."""
        return [event for event in self._events.values() if event.channel == channel]

    def forget(self, channel: str | None = None) -> None:
        """Forget a channel that nobody follows any more, or everything."""
        for key in [key for key in self._events if channel is None or key[0] == channel]:
            del self._events[key]
