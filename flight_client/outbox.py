"""What a client has accepted and not yet settled: two lanes, the events of packed frames, dead letters, counters."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from .lanes import Lane, QueuedEvent
from .letters import DeadLetter, DeadLetters
from .observe import Outcome
from .platforms import Platform
from .rules import LATEST_WINS, REFUSE
from .session.common.clock import elapsed
from .wire.ring import EventRing

Frame = tuple[QueuedEvent, ...]


def _nobody(_: DeadLetter) -> None:
    """No hook is set."""


class Outbox:
    """Everything here belongs to one event loop. `name_of` gives the name of a channel number."""

    def __init__(self, platform: Platform, window_frames: int, name_of: Callable[[int], str]) -> None:
        packer = EventRing(max(platform.critical_slots, platform.lossy_slots), platform.slot_bytes)
        self.critical: Lane = Lane(platform.critical_slots, platform.critical_slots * platform.slot_bytes, packer)
        self.lossy: Lane = Lane(platform.lossy_slots, platform.lossy_slots * platform.slot_bytes, packer)
        self.letters: DeadLetters = DeadLetters()
        self._accepted = 0
        self.dropped: dict[str, int] = dict.fromkeys(
            ("oldest", "replaced", "expired", "closed", "too-large", "pressure"), 0
        )
        self.refused_emits: dict[Outcome, int] = {}
        self.on_letter: Callable[[DeadLetter], None] = _nobody
        self._limit_bytes = platform.message_bytes
        self._frames: list[Frame] = [()] * window_frames  # by the slot of the session's store
        self._under_way: deque[Frame] = deque()  # the same in order, without those that were given up
        self._acked = 0
        self._name_of = name_of

    @property
    def waiting(self) -> int:
        """Events that are not packed yet."""
        return self.critical.count + self.lossy.count

    @property
    def accepted(self) -> int:
        """Events that were taken."""
        return self._accepted + self.lossy.accepted

    # In

    def put(self, event: QueuedEvent, critical: bool, now: int) -> Outcome:
        """Take an event, by the rules of its channel. A refused one is not counted here."""
        lane = self.critical if critical else self.lossy
        if len(event.body) > self._limit_bytes or event.size > lane.limit_bytes:
            return Outcome.REFUSED_TOO_LARGE
        if not lane.fits(event.size):
            self.expire(now)
        if not critical and event.rules.policy == LATEST_WINS:
            older = lane.waiting(event.channel, event.key)
            if older is not None:
                return self._replace(lane, older, event)
        if not self._make_room(lane, event, critical):
            return Outcome.REFUSED_FULL
        lane.put(event)
        self._accepted += 1
        return Outcome.QUEUED

    def has_room(self, size: int, critical: bool) -> bool:
        """Whether an event that nothing is dropped for would be taken now."""
        return (self.critical if critical else self.lossy).fits(size)

    def refuse(self, outcome: Outcome) -> Outcome:
        """Count an event that was not accepted."""
        self.refused_emits[outcome] = self.refused_emits.get(outcome, 0) + 1
        return outcome

    def _make_room(self, lane: Lane, event: QueuedEvent, critical: bool) -> bool:
        while not lane.fits(event.size):
            oldest = None if critical or event.rules.policy == REFUSE else lane.oldest_droppable()
            if oldest is None:
                return False
            self._drop_oldest(lane, oldest)
        return True

    def _replace(self, lane: Lane, older: QueuedEvent, event: QueuedEvent) -> Outcome:
        while lane.bytes - older.size + event.size > lane.limit_bytes:
            oldest = lane.oldest_droppable(older)
            if oldest is None:
                return Outcome.REFUSED_FULL
            self._drop_oldest(lane, oldest)
        lane.replace(older, event)
        self._accepted += 1
        self.dropped["replaced"] += 1
        return Outcome.REPLACED

    def _drop_oldest(self, lane: Lane, oldest: QueuedEvent) -> None:
        lane.remove(oldest)
        self.dropped["oldest"] += 1

    def shrink(self, events: int) -> int:
        """Keep the newest lossy events, so many of them; memory is short. Returns how many were dropped."""
        over = self.lossy.everything()[: max(0, self.lossy.count - events)]
        for event in over:
            self.lossy.remove(event)
        self.dropped["pressure"] += len(over)
        return len(over)

    # Out

    def expire(self, now: int) -> None:
        """Let go of what has waited too long."""
        over = self.critical.expire(now)
        self.dropped["expired"] += len(over) + len(self.lossy.expire(now))
        self._write_letters(over, "expired")

    def expires_in_ms(self, now: int, longest_ms: int) -> int:
        """How long until expire() may have something to do; at most `longest_ms`."""
        return self.lossy.expires_in_ms(now, self.critical.expires_in_ms(now, longest_ms))

    def drop_too_large(self, lane: Lane, now: int) -> None:
        """The event that goes first does not fit the frames which the gateway takes: it can never go."""
        event = lane.next(now)
        if event is None:
            return
        lane.remove(event)
        self.dropped["too-large"] += 1
        if lane is self.critical:
            self._write_letters((event,), "too-large")

    def packed_critical(self, slot: int, now: int) -> tuple[int, int, int]:
        """What the critical lane packed lies in this slot of the store. Returns expires_ms, retries, retry_ms of the frame."""
        events = self._frames[slot] = tuple(self.critical.packed)
        self._under_way.append(events)
        left_ms = max(event.expires_ms - elapsed(now, event.stamp_ms) for event in events)
        rules = events[0].rules
        return max(1, left_ms) if events[0].expires_ms else 0, rules.retries, rules.retry_interval_ms

    def acknowledged(self, total: int) -> None:
        """So many critical events have been stored since the client was made: tell who waits for that."""
        while self._under_way and self._acked + len(self._under_way[0]) <= total:
            frame = self._under_way.popleft()
            self._acked += len(frame)
            for event in frame:
                if event.fate is not None:
                    event.fate(None)

    def give_up(self, slot: int, cause: str, sent: bool, code: int = 0) -> None:
        """The session gave the frame in this slot up, and has counted its events."""
        frame, self._frames[slot] = self._frames[slot], ()
        self._under_way = deque(other for other in self._under_way if other is not frame)
        self._write_letters(frame, cause, sent, code)

    def close_frame(self, slot: int, sent: bool) -> None:
        """The session was closed with the frame in this slot unsettled."""
        self.dropped["closed"] += len(self._frames[slot])
        self.give_up(slot, "closed", sent)

    def close(self) -> None:
        """Nothing more can go: what waits counts as closed."""
        self.dropped["closed"] += self.waiting
        letters = self.critical.everything()
        for lane in (self.critical, self.lossy):
            for event in lane.everything():
                lane.remove(event)
        self._write_letters(letters, "closed")  # last: a hook that is told may call us

    def _write_letters(self, events: Iterable[QueuedEvent], cause: str, sent: bool = False, code: int = 0) -> None:
        for event in events:
            name = self._name_of(event.channel)
            letter = DeadLetter(name, cause, code, sent, event.layout, event.body, event.stamp_ms)
            self.letters.add(letter)
            if event.fate is not None:
                event.fate(letter)
            self.on_letter(letter)
