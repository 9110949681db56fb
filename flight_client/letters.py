"""Dead letters: critical events that were accepted and could not be delivered, kept so that nothing goes in silence."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable

from .events import Event, decode_event
from .session.spec import LETTER_BYTES, LETTER_EVENTS


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DeadLetter:
    """One critical event that left without being stored.

    `cause` is a drop cause of the reference: refused, expired, too-large, closed. `code` says why the gateway refused it,
    0 otherwise. `sent` is True where the gateway may have stored it all the same and nobody can say any more: sending such
    an event again may double it. `stamp_ms` is the client's monotonic clock at emit.
    """

    channel: str
    cause: str
    code: int
    sent: bool
    layout: int
    body: bytes
    stamp_ms: int

    @property
    def event(self) -> Event:
        """What was emitted."""
        return decode_event(self.layout, self.body)


class DeadLetters:
    """The letters of one client, bounded in number and bytes: the oldest goes first, counted."""

    def __init__(self, limit_events: int = LETTER_EVENTS, limit_bytes: int = LETTER_BYTES) -> None:
        self.added = 0
        self.dropped = 0
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
