"""How long lossy events collect and how many go together. Data from the profile, numbers in, numbers out.

A batch goes when it is full, when the queue behind it is half full, or when its first event has waited for the delay;
then everything goes that waits. Turns of a polling transport take along whatever waits; there a full batch only makes the
next turn come as soon as it may.

Until begin() nothing collects and nothing is bounded: a driver that batches by itself needs none of this. Then size and delay
are the profile's. On a slow link a batch is at most what the link drains in a quarter of a second, so
that a critical event never waits longer than that behind one, and collects at least as long. As the free memory falls,
size, delay and queue shrink together: all of it at half of the memory free or more, linearly less below, a quarter of it
at a tenth free or less, but never less than one event in a batch and ten in the queue.
"""

from ..common.clock import elapsed, later
from ..common.profile import Profile
from ..spec import PRESSURE_QUEUE_EVENTS

_QUARTER_MS = 250
_EVENT_BYTES = 64  # an event with its record head, as in the slots of the rings
_MANY = 5000  # 1/10000 of the memory free: the profile's values hold
_FEW = 1000  # ... and the smallest values
_PARTS = 16
_ANY = 1 << 28  # no bound


class Batching:
    """Size and delay of the batches of one client. Fields are for reading."""

    def __init__(self, profile: Profile):
        self.events: int = _ANY  # a batch is full with so many
        self.delay_ms: int = 0
        self.queue_events: int = _ANY  # lossy events that may wait
        self._profile = profile
        self._parts = _PARTS  # of 16: what the memory allows
        self._most_queued = profile.lossy_slots  # what the application allows
        self._collecting = False  # events wait, and since when
        self._due = False  # what waits goes: until nothing waits
        self._since = 0
        self._begun = False

    def begin(self) -> None:
        """Collect, from now on."""
        self._begun = True
        self.settle()

    def memory(self, free_share: int) -> None:
        """The free memory in 1/10000; below 0 where it is not known."""
        parts = _PARTS
        if 0 <= free_share < _MANY:
            parts = 4 + (max(free_share, _FEW) - _FEW) * 12 // (_MANY - _FEW)
        self._parts = parts
        self.settle()

    def limit_queue(self, events: int) -> None:
        """The application allows so many lossy events to wait."""
        self._most_queued = events
        self.settle()

    def settle(self) -> None:
        """Work the numbers out; call it when the profile was changed."""
        if not self._begun:
            return
        profile = self._profile
        events = profile.batch_events
        delay_ms = profile.batch_delay_ms
        if profile.link_bytes_per_s:
            drained = profile.link_bytes_per_s * _QUARTER_MS // 1000 // _EVENT_BYTES
            if drained < events:
                events = drained
                delay_ms = max(delay_ms, _QUARTER_MS)
        self.events = max(1, events * self._parts // _PARTS)
        self.delay_ms = delay_ms * self._parts // _PARTS
        queue_events = max(PRESSURE_QUEUE_EVENTS, profile.lossy_slots * self._parts // _PARTS)
        self.queue_events = min(queue_events, self._most_queued)

    def full(self, waiting: int) -> bool:
        """Whether so many waiting events make a batch that should not wait."""
        return waiting >= self.events or 2 * waiting >= self.queue_events

    def due(self, waiting: int, now: int) -> bool:
        """Whether what waits goes now; to be asked whenever the session looks for something to send."""
        if waiting == 0:
            self._collecting = False
            self._due = False
            return False
        if not self._collecting:
            self._collecting = True
            self._since = now
        if self.full(waiting) or elapsed(now, self._since) >= self.delay_ms:
            self._due = True
        return self._due

    def due_in_ms(self, waiting: int, now: int) -> int:
        """How long due() is going to say no, if nothing is added."""
        if self.due(waiting, now):
            return 0
        return -elapsed(now, later(self._since, self.delay_ms))
