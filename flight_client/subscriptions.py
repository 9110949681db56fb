"""Who listens to which channel of a client, and what reaches whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ._tables import CHANNELS, NAMES
from .arguments import check_flag, texts, whole
from .deliveries import read_delivery
from .errors import CallerError, FlightError, FrameError
from .last_values import LastValues
from .observe import Gap
from .rules import check_name
from .session.device.inbox import Inbox
from .session.spec import GAP_UNANNOUNCED, MODE_SUBSCRIBE, START_LAST, START_LIVE
from .streams import EventStream, RealtimeEvent, Stream

_log = logging.getLogger("flight.client")

_GAP_NAMES = {value: name for name, value in NAMES["gap_reasons"].items()}


class AddChannel(Protocol):
    """Client._add_channel: the number of a channel of the session."""

    def __call__(self, name: str, mode: int, start: int, count: int, own: bool) -> int: ...


class LeaveChannel(Protocol):
    """Client._leave_channel: nobody listens to this number any more."""

    def __call__(self, number: int) -> None: ...


MOST_HISTORY = 0xFFFF  # entries, in OPEN

EVENT_NAMES = frozenset({*(channel["event"] for channel in CHANNELS.values()), "payload"})


class Subscriptions:
    """The streams of one client.

    Streams without history share one subscription per channel. A stream with history has its own, so that it gets its
    history, and nobody else does, whoever listens to the channel already. What was heard last is kept (last_values.py)
    for streams that begin later on a channel that is followed already.
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
        self.delivered: int = 0
        self.history_events = history_events
        self.check = check
        self.last_values: LastValues = LastValues(history_events)
        self._inbox = inbox
        self._names = names
        self._add = add
        self._leave = leave
        self._streams: dict[int, list[Stream[Any]]] = {}

    def open(
        self, types: tuple[str, ...], channels: Iterable[str] | None, history: int | None, last: bool = False
    ) -> EventStream:
        """Client.events()."""
        names = channels_of(types, channels)
        if history is not None:
            whole("history", history, 0, MOST_HISTORY)
        check_flag("last", last)
        if last and history is not None:
            raise CallerError(
                what="both `last` and `history` say where to begin", value=history, next_step="give one of the two"
            )
        stream = EventStream(frozenset(types), self.forget, self.history_events, self.check)
        self.listen(stream, names, history, last=bool(last))
        return stream

    def listen(
        self, stream: Stream[Any], channels: Iterable[str], history: int | None = None, *, last: bool = False
    ) -> None:
        """Let a stream have the events of these channels. Raises CallerError, and nothing has changed then."""
        begun: list[RealtimeEvent] = []
        try:
            for name in dict.fromkeys(channels):
                known = self.last_values.of(name) if last and self._followed(name) else []
                own = history is not None or (last and not known and self._followed(name))
                start = START_LAST if own or (last and not known) else START_LIVE
                self.add(stream, name, start, 1 if last else history or 0, own=own)
                begun += known
        except CallerError:
            self.forget(stream)
            raise
        for event in begun:
            stream.put(event)

    def add(self, stream: Stream[Any], name: str, start: int, count: int, *, own: bool) -> int:
        """One channel more for a stream; the number of its subscription."""
        number = self._add(name, MODE_SUBSCRIBE, start, count, own)
        self._streams.setdefault(number, []).append(stream)
        return number

    def _followed(self, name: str) -> bool:
        return any(self._names[number] == name for number in self._streams)

    def finish(self, error: FlightError | None) -> None:
        """No more events will come."""
        for streams in self._streams.values():
            for stream in streams:
                stream.finish(error)

    def clear_history(self) -> int:
        """All streams forget what they have handed out, and how many events that were; the last values go too."""
        self.last_values.forget()
        streams = {stream for listening in self._streams.values() for stream in listening}
        return sum(stream.forget_recent() for stream in streams)

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
            self.last_values.put(event)
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

    def forget(self, stream: Stream[Any]) -> None:
        """A stream listens no more. A channel that nobody follows has no last value either: it might be an old one."""
        for number in [number for number, streams in self._streams.items() if stream in streams]:
            self._streams[number].remove(stream)
            if not self._streams[number]:
                del self._streams[number]
                self._leave(number)
                if not self._followed(self._names[number]):
                    self.last_values.forget(self._names[number])


def channels_of(types: tuple[str, ...], channels: Iterable[str] | None) -> list[str]:
    """The channels that are meant: those that were named, or those on which these types usually travel."""
    wanted = frozenset(texts("types", types) or ())
    unknown = wanted - EVENT_NAMES
    if unknown:
        raise CallerError(
            what="unknown event type",
            value=", ".join(sorted(unknown)),
            next_step=f"use one of: {', '.join(sorted(EVENT_NAMES))}",
        )
    named = texts("channels", channels)
    if named is None:
        return [name for name, channel in CHANNELS.items() if not wanted or channel["event"] in wanted]
    for name in named:
        check_name(name)
    if not named:
        raise CallerError(
            what="no channel to listen to", value="()", next_step="leave `channels` out for the usual ones"
        )
    return named
