"""A lane: events that wait to be packed, bounded in number and bytes, in order per channel.

Theory of operation
- Each channel has a queue; a batch takes events from the front of one of them. Which one: the highest priority; an event
  that has waited gains a step of priority for every `priority_step_ms`, so that none waits for ever; among equals the
  event that was emitted first.
- An event whose time is over leaves before a batch is packed, so a stale event never uses the link.
- A batch holds only events with the same rules for expiry and retries, because a packed frame can be treated only as a
  whole. It expires when the last of its events does.
- The packing itself is the C core's: the chosen events go through a ring of the core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from .rules import DROP_OLDEST, LATEST_WINS, PRIORITIES, ChannelRules
from .session.common.clock import elapsed, later
from .session.spec import PRIORITY_STEP_MS
from .wire.ring import EventRing

if TYPE_CHECKING:
    from .letters import DeadLetter

# What an event takes beside its body: what the core's slot and record heads take.
_HEAD_BYTES = 12
_HIGHEST = max(PRIORITIES.values())


class QueuedEvent:
    """One event on its way out. `fate`, of critical ones: who is told once that it was stored (None), or its letter."""

    __slots__ = ("body", "channel", "expires_ms", "fate", "key", "layout", "number", "rules", "size", "stamp_ms")

    def __init__(
        self, channel: int, layout: int, body: bytes, stamp_ms: int, rules: ChannelRules, expires_ms: int,
        key: Hashable = None,
    ) -> None:  # fmt: skip
        self.channel: int = channel
        self.layout: int = layout
        self.body: bytes = body
        self.stamp_ms: int = stamp_ms
        self.rules: ChannelRules = rules
        self.expires_ms: int = expires_ms
        self.key: Hashable = key
        self.number: int = 0
        self.fate: Callable[[DeadLetter | None], None] | None = None
        self.size: int = _HEAD_BYTES + len(body)  # what it counts against the lane's bound

    def expired(self, now: int) -> bool:
        """Whether its time is over."""
        return self.expires_ms > 0 and elapsed(now, self.stamp_ms) >= self.expires_ms

    def travels_with(self, other: QueuedEvent) -> bool:
        """Whether both may share a frame."""
        return bool(self.expires_ms) == bool(other.expires_ms) and self.rules == other.rules


class Lane:
    """Events that wait. Fields are for reading.

    count, bytes     what waits
    packed           the events that the last pack() took
    """

    def __init__(self, limit_events: int, limit_bytes: int, packer: EventRing) -> None:
        self.limit_events = limit_events
        self.limit_bytes = limit_bytes
        self.count: int = 0
        self.bytes: int = 0
        self.packed: list[QueuedEvent] = []
        self._packer = packer
        self._queues: dict[int, deque[QueuedEvent]] = {}  # only channels that have something
        self._latest: dict[tuple[int, Hashable], QueuedEvent] = {}
        self._numbers = 0
        self._due: int | None = None  # no event expires before

    # In

    def fits(self, size: int) -> bool:
        """Whether an event of this size has room."""
        return self.count < self.limit_events and self.bytes + size <= self.limit_bytes

    def put(self, event: QueuedEvent) -> None:
        """Take an event; the caller has made room."""
        self._numbers += 1
        event.number = self._numbers
        queue = self._queues.get(event.channel)
        if queue is None:
            queue = self._queues[event.channel] = deque()
        queue.append(event)
        self.count += 1
        self.bytes += event.size
        if event.rules.policy == LATEST_WINS:
            self._latest[(event.channel, event.key)] = event
        self._expires(event)

    def waiting(self, channel: int, key: Hashable) -> QueuedEvent | None:
        """The event that a newer one of this key replaces."""
        return self._latest.get((channel, key))

    def replace(self, older: QueuedEvent, newer: QueuedEvent) -> None:
        """The newer event takes the older one's place in the queue; the caller has made room."""
        self.bytes += newer.size - older.size
        older.body, older.size = newer.body, newer.size
        older.stamp_ms, older.expires_ms = newer.stamp_ms, newer.expires_ms
        self._expires(older)

    # Out

    def oldest_droppable(self, but: QueuedEvent | None = None) -> QueuedEvent | None:
        """The oldest event of a channel whose policy lets it go; never `but`."""
        found: QueuedEvent | None = None
        for queue in self._queues.values():
            head = queue[0]
            if head is but:
                head = queue[1] if len(queue) > 1 else head
            droppable = head is not but and head.rules.policy in (DROP_OLDEST, LATEST_WINS)
            if droppable and (found is None or head.number < found.number):
                found = head
        return found

    def remove(self, event: QueuedEvent) -> None:
        """This event leaves."""
        queue = self._queues[event.channel]
        if queue[0] is event:
            queue.popleft()
        else:
            queue.remove(event)
        if not queue:
            del self._queues[event.channel]
        self.count -= 1
        self.bytes -= event.size
        key = (event.channel, event.key)
        if self._latest.get(key) is event:
            del self._latest[key]

    def expire(self, now: int) -> list[QueuedEvent]:
        """Remove and return what has waited too long."""
        if self._due is None or elapsed(now, self._due) < 0:
            return []
        everything = [event for queue in self._queues.values() for event in queue]
        over = [event for event in everything if event.expired(now)]
        for event in over:
            self.remove(event)
        self._due = None
        for queue in self._queues.values():
            for event in queue:
                self._expires(event)
        return over

    def expires_in_ms(self, now: int, longest_ms: int) -> int:
        """How long until expire() may have something; at most `longest_ms`."""
        return longest_ms if self._due is None else max(0, min(longest_ms, -elapsed(now, self._due)))

    def everything(self) -> list[QueuedEvent]:
        """All that waits, as it was emitted."""
        return sorted((event for queue in self._queues.values() for event in queue), key=lambda event: event.number)

    def next(self, now: int) -> QueuedEvent | None:
        """The event that goes first."""
        found: QueuedEvent | None = None
        highest = 0
        for queue in self._queues.values():
            head = queue[0]
            priority = _priority(head, now)
            better = found is None or priority > highest or (priority == highest and head.number < found.number)
            if better:
                found, highest = head, priority
        return found

    def priority(self, now: int) -> int:
        """How urgent the event is that goes first; 0 for an empty lane."""
        first = self.next(now)
        return _priority(first, now) if first is not None else 0

    def pack(
        self, out: bytearray | memoryview, offset: int, limit: int, now: int, max_events: int, *, delta: bool = False
    ) -> int:
        """Move events of one channel into out[offset : offset + limit], as EventRing.pack does; `packed` has them.

        Returns the bytes written: 0 for an empty lane, and where the event that goes first does not fit the limit.
        """
        first = self.next(now)
        self.packed = []
        if first is None:
            return 0
        packer = self._packer
        chosen: list[QueuedEvent] = []
        size = 0
        for event in self._queues[first.channel]:
            over = not delta and size + event.size > limit + _HEAD_BYTES
            over = over or len(event.body) > packer.body_limit
            if len(chosen) == max_events or over or not event.travels_with(first):
                break
            if not packer.put(event.channel, event.layout, event.stamp_ms, event.body):
                break
            chosen.append(event)
            size += len(event.body) + 4
        written = packer.pack(out, offset, limit, now, max_events, delta=delta)
        self.packed = chosen[: packer.packed_events]
        while packer.count:
            packer.drop_oldest()
        for event in self.packed:
            self.remove(event)
        return written

    def take(self, event: QueuedEvent) -> None:
        """This event is packed by the caller: `packed` has it."""
        self.packed = [event]
        self.remove(event)

    def _expires(self, event: QueuedEvent) -> None:
        if event.expires_ms:
            due = later(event.stamp_ms, event.expires_ms)
            if self._due is None or elapsed(due, self._due) < 0:
                self._due = due


def _priority(event: QueuedEvent, now: int) -> int:
    waited = max(0, elapsed(now, event.stamp_ms))
    return min(_HIGHEST, PRIORITIES[event.rules.priority] + waited // PRIORITY_STEP_MS)
