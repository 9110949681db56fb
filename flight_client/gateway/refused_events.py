"""Which events this gateway refused lately, whose, and why: what their senders keep as dead letters.

The events themselves are not kept here: whoever sent them has them, can change what was wrong and replay them.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

KEPT = 1000  # refusals; older ones are in the counters only


class RefusedEvents(NamedTuple):
    """One refusal."""

    at_ms: int  # since 1970
    org: str
    device_id: str
    channel: str  # as the sender calls it; empty for a number that it had not opened
    code: int
    events: int


class RefusedList:
    """The last ones, over all organisations."""

    def __init__(self) -> None:
        self._kept: deque[RefusedEvents] = deque(maxlen=KEPT)

    def add(self, refused: RefusedEvents) -> None:
        """The newest."""
        self._kept.append(refused)

    def of(self, org: str, count: int) -> list[RefusedEvents]:
        """The newest of an organisation, oldest first."""
        found = [refused for refused in self._kept if refused.org == org]
        return found[-count:]
