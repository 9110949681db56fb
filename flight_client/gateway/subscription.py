"""One subscriber's view of one channel: a bounded queue between the log and a connection that may be slow.

Theory of operation
- `tail` is the offset of the newest entry taken in, `cursor` that of the last one handed out.
- Live: the hub offers each stored entry once. An entry that names another offset before it than `tail` means that the
  log has something this queue has not seen, so the queue goes back to reading the log.
- Catching up: nothing is offered; the log is read in steps that fit the queue. When the log has nothing newer than
  what the hub has fanned out, the queue is live again, in the same step of the event loop, so nothing is missed and
  nothing doubled.
- A full live queue drops its oldest entry and counts it. Nobody else notices.
- next() compares the previous offset that an entry names with `cursor`. A difference is a gap, and it is said before
  the entry. That is the only rule for gaps, so there is no way to lose something in silence.
- An entry that is too large for the subscriber comes in portions; only events that are too large by themselves, or of a
  type that it does not take, are left out, and the gap that says so comes in place of the last portion.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from flight_client.errors import FlightError
from flight_client.gateway.engines.base import Engine, Entry, Portion
from flight_client.gateway.portions import portions
from flight_client.session import spec

READ_ENTRIES = 256  # one step of catching up
READ_RETRY_S = 1.0  # after a log that could not be read

_log = logging.getLogger(__name__)


class Gap(NamedTuple):
    """Nothing in (after, to] will come. For the reason GAP_EPOCH the offsets are those of the new log."""

    after: int
    to: int
    reason: int  # GAP_* of the spec


class SubscriberLimits(NamedTuple):
    entries: int = spec.SUBSCRIBER_ENTRIES
    bytes: int = spec.SUBSCRIBER_BYTES
    entry_bytes: int = spec.MAX_FRAME_BYTES  # a longer DELIVER payload does not fit the subscriber's frames
    flags: int = 0  # codings that the subscriber reads
    unpacked_bytes: int = 0  # the most that it decompresses
    layouts_left_out: int = 0  # that it is not given (routing.py), as bits


class Channel:
    """What the hub knows of a channel: the last offset fanned out, and to whom it goes."""

    __slots__ = ("holder", "last", "name", "reserved", "subscribers")

    def __init__(self, name: str, last: int = 0) -> None:
        self.name: str = name
        self.last: int = last
        self.holder: str = ""  # whose token made it; empty: nobody's, or it was in the log at the start
        self.reserved: bool = last > 0  # has entries, or somebody may publish; else it goes with its last subscriber
        self.subscribers: tuple[Subscription, ...] = ()  # replaced, never changed: it may be iterated at the time


class Owner(Protocol):
    """What a subscription needs of the hub."""

    engine: Engine

    def left(self, subscription: Subscription) -> None: ...


class Subscription:
    """Take entries with next() until it gives None; `on_ready` then says when there is something again."""

    __slots__ = (
        "_bytes", "_catching_up", "_closed", "_dropped_to", "_epoch_gap", "_had", "_limits", "_on_ready", "_owner", "_parts",
        "_queue",
        "_retry", "_signalled", "_task", "channel", "cursor", "delivered_entries", "delivered_events",
        "dropped_critical", "dropped_entries", "dropped_events", "starts_after", "tail", "too_large_entries",
    )  # fmt: skip

    delivered_events: int
    dropped_events: int
    dropped_critical: int

    def __init__(
        self, owner: Owner, channel: Channel, limits: SubscriberLimits, on_ready: Callable[[], object],
        cursor: int, tail: int, epoch_gap: bool, had: int = 0,
    ) -> None:  # fmt: skip
        """had: events of the first entry that the subscriber has already."""
        self._owner = owner
        self._had = had
        self._parts: deque[Portion | Gap] = deque()  # of the entry that is being handed out
        self._limits = limits
        self._on_ready = on_ready
        self._queue: deque[Entry] = deque()
        self._bytes = 0
        self._dropped_to = 0
        self._epoch_gap = epoch_gap
        self._task: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._closed = False
        self._signalled = False
        self.channel: Channel = channel
        self.cursor: int = cursor
        self.tail: int = tail
        self.starts_after: int = tail  # what OPENED says
        self.delivered_entries: int = 0
        self.delivered_events: int = 0
        self.dropped_entries: int = 0  # dropped because the queue was full, as the two behind it
        self.dropped_events: int = 0
        self.dropped_critical: int = 0
        self.too_large_entries: int = 0
        self._catching_up = tail < channel.last
        if self._catching_up:
            self._refill()
        if epoch_gap or cursor != tail:
            asyncio.get_running_loop().call_soon(self._signal)

    @property
    def limits(self) -> SubscriberLimits:
        """What it can be given."""
        return self._limits

    @property
    def catching_up(self) -> bool:
        """True while it reads the log, False while it follows live."""
        return self._catching_up

    @property
    def queued_bytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._queue)

    def next(self) -> Entry | Portion | Gap | None:
        """The next entry or portion of one, or the gap before it, or None when there is nothing now."""
        if self._parts:
            return self._part()
        if self._epoch_gap:
            self._epoch_gap = False
            self._had = 0
            self.cursor = self.starts_after
            return Gap(0, self.starts_after, spec.GAP_EPOCH)
        queue = self._queue
        if not queue:
            if self.cursor != self.tail:
                return self._gap_to(self.tail)
            self._signalled = False
            if self._catching_up:
                self._refill()
            return None
        entry = queue[0]
        if entry.previous != self.cursor:
            return self._gap_to(entry.previous)
        queue.popleft()
        size = len(entry.payload)
        self._bytes -= size
        self.cursor = entry.offset
        if self._catching_up:
            self._refill()
        limits = self._limits
        if size > limits.entry_bytes or entry.coding:
            size = len(entry.form_for(limits.flags, limits.unpacked_bytes)[1])
        if (
            size > limits.entry_bytes
            or self._had
            or (limits.layouts_left_out and limits.layouts_left_out & entry.layouts)
        ):
            return self._cut(entry)
        self.delivered_entries += 1
        self.delivered_events += entry.events
        return entry

    def _cut(self, entry: Entry) -> Portion | Gap:
        had, self._had = self._had, 0
        parts, whole = portions(entry, self._limits.entry_bytes, had, self._limits.layouts_left_out)
        self._parts.extend(parts)
        if whole and parts:
            self.delivered_entries += 1
        else:
            self.too_large_entries += 1
            self._parts.append(Gap(entry.previous, entry.offset, spec.GAP_LIMIT))
        return self._part()

    def _part(self) -> Portion | Gap:
        part = self._parts.popleft()
        if isinstance(part, Portion):
            self.delivered_events += part.events
        return part

    def close(self) -> None:
        """Leave the channel; what is queued is forgotten."""
        if self._closed:
            return
        self._closed = True
        self._owner.left(self)
        if self._task is not None:
            self._task.cancel()
        if self._retry is not None:
            self._retry.cancel()
        self._queue.clear()
        self._parts.clear()
        self._bytes = 0

    def offer(self, entry: Entry) -> None:
        """From the hub, for each entry that the engine has stored."""
        if self._catching_up or entry.previous != self.tail:
            if entry.offset > self.tail:
                self._catching_up = True
                self._refill()
            return  # else it was read from the log already
        self._push(entry)
        if len(self._queue) > self._limits.entries or self._bytes > self._limits.bytes:
            self._drop_oldest()
        if not self._signalled:
            self._signal()

    def _push(self, entry: Entry) -> None:
        self._queue.append(entry)
        self._bytes += len(entry.payload)
        self.tail = entry.offset

    def _drop_oldest(self) -> None:
        queue = self._queue
        while len(queue) > self._limits.entries or self._bytes > self._limits.bytes:
            entry = queue.popleft()
            self._bytes -= len(entry.payload)
            self._dropped_to = entry.offset
            self.dropped_entries += 1
            self.dropped_events += entry.events
            if entry.counter:
                self.dropped_critical += entry.events

    def _gap_to(self, offset: int) -> Gap:
        reason = spec.GAP_SLOW if self._dropped_to > self.cursor else spec.GAP_TRIMMED
        gap = Gap(self.cursor, offset, reason)
        self._had = 0  # of an entry that is gone
        self.cursor = offset
        return gap

    def _signal(self) -> None:
        if self._closed or self._signalled:
            return
        self._signalled = True
        try:
            self._on_ready()
        except Exception:  # one subscriber's trouble must not stop the fan-out to the others
            _log.exception("a subscriber of %r could not be told", self.channel.name)

    # Catching up

    def _room(self) -> int:
        """Entries that one step may read; 0 until the queue is half empty, so that steps are worth their cost."""
        limits = self._limits
        if self._bytes * 2 > limits.bytes or len(self._queue) * 2 > limits.entries:
            return 0
        return min(limits.entries - len(self._queue), READ_ENTRIES)

    def _refill(self) -> None:
        if self._task is None and not self._closed and self._room():
            self._task = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            while self._catching_up and not self._closed:
                room = self._room()
                if not room:
                    return  # next() starts it again
                room_bytes = self._limits.bytes - self._bytes
                entries = await self._owner.engine.read(self.channel.name, self.tail, room, room_bytes)
                if not self._closed:
                    self._take_from_log(entries)
        except FlightError as error:
            _log.error("a subscriber of %r waits for its history: %s", self.channel.name, error)
            self._retry = asyncio.get_running_loop().call_later(READ_RETRY_S, self._refill)
        finally:
            self._task = None

    def _take_from_log(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._push(entry)
        if len(self._queue) > self._limits.entries or self._bytes > self._limits.bytes:
            self._drop_oldest()  # only when a single entry is larger than the room
        if not entries:
            # The log does not have what the hub fanned out: it was trimmed past this reader. next() says the gap.
            self.tail = max(self.tail, self.channel.last)
        if self.tail >= self.channel.last:
            self._catching_up = False
        if self._queue or self.cursor != self.tail:
            self._signal()
