"""A lane: events that wait to be packed, bounded in number and bytes, in order per channel.

Theory of operation
- Each channel has a queue; a batch takes events from the front of one of them. Which one: the highest priority; an event
  that has waited gains a step of priority for every `priority_step_ms`, so that none waits for ever; among equals the
  event that was emitted first.
- An event whose time is over leaves before a batch is packed, so a stale event never uses the link.
- A batch holds only events with the same rules for expiry and retries, because a packed frame can be treated only as a
  whole. It expires when the last of its events does.
- The packing itself is the C core's: the chosen events go through a ring of the core.
- In front of a lane may stand a ring for plain events that a program emits often (quick.py). It takes events only while the
  lane's own queues are empty. Packing takes them from there where all are of one channel and expiry; whatever else looks at
  the events of the lane first moves them all into the queues.
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
    from ._fast import Ring
    from .letters import DeadLetter

# What an event takes beside its body: what the core's slot and record heads take.
_HEAD_BYTES = 12
_HIGHEST = max(PRIORITIES.values())
_OWNERS = 256  # kinds of events that the ring tells apart


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
    packed           the events that the last pack() took; of those from the ring only channel and rules are right
    accepted         events that went into the ring: nobody else has counted them
    """

    def __init__(self, limit_events: int, limit_bytes: int, packer: EventRing) -> None:
        self._limit_events = limit_events
        self.limit_bytes = limit_bytes
        self._count = 0
        self._bytes = 0
        self._ring: Ring | None = None
        self._owners: list[QueuedEvent] = []  # like whom the events of the ring are
        self.packed: list[QueuedEvent] = []
        self._packer = packer
        self._queues: dict[int, deque[QueuedEvent]] = {}  # only channels that have something
        self._latest: dict[tuple[int, Hashable], QueuedEvent] = {}
        self._numbers = 0
        self._due: int | None = None  # no event expires before

    @property
    def count(self) -> int:
        """Events that wait."""
        return self._count if self._ring is None else self._count + self._ring.count

    @property
    def bytes(self) -> int:
        """What they take."""
        return self._bytes if self._ring is None else self._bytes + self._ring.bytes

    @property
    def accepted(self) -> int:
        """Events that the ring took."""
        return 0 if self._ring is None else self._ring.accepted

    @property
    def limit_events(self) -> int:
        """How many may wait."""
        return self._limit_events

    @limit_events.setter
    def limit_events(self, events: int) -> None:
        self._limit_events = events
        if self._ring is not None:
            self._ring.limit_events = events

    # The ring in front

    def ring(self) -> Ring:
        """The ring, made when it is first wanted."""
        if self._ring is None:
            from ._fast import Ring

            self._ring = Ring(self.limit_events, self.limit_events, self.limit_bytes)
            self._ring.open = self._count == 0
        return self._ring

    def owner_of(self, like: QueuedEvent) -> int | None:
        """The number for events of this channel, expiry and key in the ring; None where there are too many kinds."""
        for number, known in enumerate(self._owners):
            same = known.channel == like.channel and known.expires_ms == like.expires_ms and known.rules == like.rules
            if same and known.key == like.key and type(known.key) is type(like.key):
                return number
        if len(self._owners) == _OWNERS:
            return None
        self._owners.append(like)
        return len(self._owners) - 1

    def calm(self, total_bytes: int, used_bytes: int) -> None:
        """Reports of so much memory, and no more of it used, have nothing to say; -1: all have."""
        if self._ring is not None:
            self._ring.calm_total, self._ring.calm_used = total_bytes, used_bytes

    def _settle(self) -> None:
        """Move what the ring holds into the queues."""
        ring = self._ring
        if ring is None or not ring.count:
            return
        ring.open = False
        for owner, layout, stamp_ms, body in ring.take_all():
            like = self._owners[owner]
            key = (None, layout) if like.key is None else like.key
            self._append(QueuedEvent(like.channel, layout, body, stamp_ms, like.rules, like.expires_ms, key))

    # In

    def fits(self, size: int) -> bool:
        """Whether an event of this size has room."""
        return self.count < self.limit_events and self.bytes + size <= self.limit_bytes

    def put(self, event: QueuedEvent) -> None:
        """Take an event; the caller has made room."""
        self._settle()
        if self._ring is not None:
            self._ring.open = False
        self._append(event)

    def _append(self, event: QueuedEvent) -> None:
        self._numbers += 1
        event.number = self._numbers
        queue = self._queues.get(event.channel)
        if queue is None:
            queue = self._queues[event.channel] = deque()
        queue.append(event)
        self._count += 1
        self._bytes += event.size
        if event.rules.policy == LATEST_WINS:
            self._latest[(event.channel, event.key)] = event
        self._expires(event)

    def waiting(self, channel: int, key: Hashable) -> QueuedEvent | None:
        """The event that a newer one of this key replaces."""
        return self._latest.get((channel, key))

    def replace(self, older: QueuedEvent, newer: QueuedEvent) -> None:
        """The newer event takes the older one's place in the queue; the caller has made room."""
        self._bytes += newer.size - older.size
        older.body, older.size, older.rules = newer.body, newer.size, newer.rules
        older.stamp_ms, older.expires_ms = newer.stamp_ms, newer.expires_ms
        self._expires(older)

    # Out

    def oldest_droppable(self, but: QueuedEvent | None = None) -> QueuedEvent | None:
        """The oldest event of a channel whose policy lets it go; never `but`."""
        self._settle()
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
        self._count -= 1
        self._bytes -= event.size
        if not self._count and self._ring is not None:
            self._ring.open = True
        key = (event.channel, event.key)
        if self._latest.get(key) is event:
            del self._latest[key]

    def expire(self, now: int) -> list[QueuedEvent]:
        """Remove and return what has waited too long."""
        ring = self._ring
        if ring is not None and ring.has_due and elapsed(now, ring.due_ms) >= 0:
            self._settle()
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
        ring, due = self._ring, self._due
        if ring is not None and ring.has_due and (due is None or elapsed(ring.due_ms, due) < 0):
            due = ring.due_ms
        return longest_ms if due is None else max(0, min(longest_ms, -elapsed(now, due)))

    def everything(self) -> list[QueuedEvent]:
        """All that waits, as it was emitted."""
        self._settle()
        return sorted((event for queue in self._queues.values() for event in queue), key=lambda event: event.number)

    def next(self, now: int) -> QueuedEvent | None:
        """The event that goes first."""
        self._settle()
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
        ring = self._ring
        if ring is not None and ring.count and not ring.mixed:
            written = ring.pack(out, offset, limit, now, max_events, delta)
            self.packed = [self._owners[ring.owner]] * ring.packed
            return written
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
