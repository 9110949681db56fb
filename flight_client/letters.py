"""Dead letters: critical events that could not be delivered, or handled, kept so that nothing goes in silence."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable

from .events import Event, decode_event
from .session.spec import LETTER_BYTES, LETTER_EVENTS


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DeadLetter:
    """One critical event that went wrong for good.

    `cause` of an event that left without being stored is a drop cause of the reference: refused, expired, too-large, closed.
    `unanswered` is a command that was stored and that no device answered; `handler` an event that was received, and whose
    handler raised as often as it was tried (`from_device` says who sent it). `code` says why the gateway refused an event,
    0 otherwise. `sent` is True where it may have been stored, or carried out, all the same and nobody can say any more:
    sending such an event again may double it. `stamp_ms` is the client's monotonic clock at emit, or when the handler gave
    up.
    """

    channel: str
    cause: str
    code: int
    sent: bool
    layout: int
    body: bytes
    stamp_ms: int
    from_device: str = ""
    again: Callable[[], bool] | None = dataclasses.field(default=None, repr=False)
    """How replay() does it: hand the event to its handler; None: emit it."""

    @property
    def event(self) -> Event:
        """What was emitted."""
        return decode_event(self.layout, self.body)


class DeadLetters:
    """The letters of one client, bounded in number and bytes: the oldest goes first, counted."""

    def __init__(self, limit_events: int = LETTER_EVENTS, limit_bytes: int = LETTER_BYTES) -> None:
        self.added: int = 0
        self.dropped: int = 0
        """Letters that the bound threw away."""
        self._limit_events = limit_events
        self._limit_bytes = limit_bytes
        self._letters: deque[DeadLetter] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._letters)

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter."""
        self.added += 1
        self._letters.append(letter)
        self._bytes += len(letter.body)
        while len(self._letters) > self._limit_events or self._bytes > self._limit_bytes:
            self._bytes -= len(self._letters.popleft().body)
            self.dropped += 1

    def all(self) -> tuple[DeadLetter, ...]:
        """The oldest first."""
        return tuple(self._letters)

    def remove(self, letters: Iterable[DeadLetter]) -> None:
        """Forget these; a letter that is not there any more is passed over."""
        gone = {id(letter) for letter in letters}
        self._letters = deque(letter for letter in self._letters if id(letter) not in gone)
        self._bytes = sum(len(letter.body) for letter in self._letters)
