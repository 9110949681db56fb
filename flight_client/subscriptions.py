"""Who listens to which channel of a client, and what reaches whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from ._tables import CHANNELS, NAMES
from .errors import CallerError, FlightError, FrameError
from .observe import Gap
from .session.device.inbox import Inbox
from .session.spec import GAP_UNANNOUNCED, MODE_SUBSCRIBE, START_LAST, START_LIVE
from .streams import EventStream, read_delivery

_log = logging.getLogger("flight.client")

_GAP_NAMES = {value: name for name, value in NAMES["gap_reasons"].items()}


class AddChannel(Protocol):
    """Client._add_channel: the number of a channel of the session."""

    def __call__(self, name: str, mode: int, start: int, count: int, own: bool) -> int: ...


class LeaveChannel(Protocol):
    """Client._leave_channel: nobody listens to this number any more."""

    def __call__(self, number: int) -> None: ...


class Subscriptions:
    """The streams of one client.

    Streams without history share one subscription per channel. A stream with history has its own, so that it gets its
    history, and nobody else does, whoever listens to the channel already.
    """

    def __init__(
        self,
        inbox: Inbox,
        names: dict[int, str],
        add: AddChannel,
        leave: LeaveChannel,
        history_events: int,
        check: Callable[[], None],
    ) -> None:
        """check: raises for a caller on the wrong thread."""
        self.delivered = 0
        self._inbox = inbox
        self._names = names
        self._add = add
        self._leave = leave
        self._history_events = history_events
        self._check = check
        self._streams: dict[int, list[EventStream]] = {}

    def open(self, types: tuple[str, ...], channels: Iterable[str] | None, history: int | None) -> EventStream:
        """Client.events()."""
        wanted = frozenset(types)
        defaults = {name: channel["event"] for name, channel in CHANNELS.items()}
        unknown = wanted - set(defaults.values()) - {"payload"}
        if unknown:
            raise CallerError(
                what="unknown event type",
                value=", ".join(sorted(unknown)),
                next_step=f"use one of: {', '.join(sorted({*defaults.values(), 'payload'}))}",
            )
        if channels is None:
            channels = [name for name, event in defaults.items() if not wanted or event in wanted]
        stream = EventStream(wanted, self._forget, self._history_events, self._check)
        own = history is not None
        start = START_LAST if own else START_LIVE
        try:
            for name in dict.fromkeys(channels):
                number = self._add(name, MODE_SUBSCRIBE, start, min(history or 0, 0xFFFF), own)
                self._streams.setdefault(number, []).append(stream)
        except CallerError:
            self._forget(stream)
            raise
        return stream

    def finish(self, error: FlightError | None) -> None:
        """No more events will come."""
        for streams in self._streams.values():
            for stream in streams:
                stream.finish(error)

    def clear_history(self) -> int:
        """All streams forget what they have handed out; how many events that were."""
        streams = {stream for listening in self._streams.values() for stream in listening}
        return sum(stream.clear_history() for stream in streams)

    def refused(self, number: int, refusal: FlightError) -> None:
        """The gateway does not allow this channel."""
        for stream in self._streams.get(number, ()):
            stream.finish(refusal)

    def deliver(self) -> None:
        """The frame that the inbox read is an entry: to all who listen."""
        inbox = self._inbox
        streams = self._streams.get(inbox.event_channel)
        if not streams:
            return
        name = self._names[inbox.event_channel]
        try:
            whole = inbox.event_data  # the frame itself, but for an entry that came in pieces
            entry = whole if isinstance(whole, bytes) else bytes(whole)
            events = read_delivery(
                entry, inbox.event_start, inbox.event_records, inbox.event_end, name, inbox.event_flags
            )
        except FrameError as error:
            _log.warning("an entry of %s could not be read: %s", name, error)
            return
        self.delivered += len(events)
        for event in events:
            for stream in streams:
                stream.put(event)

    def gap(self) -> Gap:
        """What the inbox says is missing."""
        inbox = self._inbox
        return Gap(
            self._names[inbox.event_channel],
            _GAP_NAMES.get(inbox.gap_reason, _GAP_NAMES[GAP_UNANNOUNCED]),
            int.from_bytes(inbox.gap_after, "little"),
            int.from_bytes(inbox.gap_to, "little"),
            bytes(inbox.gap_epoch).hex(),
        )

    def _forget(self, stream: EventStream) -> None:
        for number in [number for number, streams in self._streams.items() if stream in streams]:
            self._streams[number].remove(stream)
            if not self._streams[number]:
                del self._streams[number]
                self._leave(number)
