"""The other forms of entries: unpacked for those who read no compression, packed for those who do.

An entry stays in a memory engine's log for as long as its history says, and its log is bounded by what was stored. A form that was
made for a subscriber is not part of that, so all forms of a process share one bound here: the oldest are let go, and made
again should somebody want them.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

FORMS_BYTES = 8 * 1024 * 1024
"""What all forms may take, entries included: those of the last moments, which many subscribers want at once."""


class Formed(Protocol):
    """An entry, as far as it is looked at here."""

    payload: bytes

    def let_go(self, form: bytes) -> None:
        """Forget this form."""


class Forms:
    """The forms that are kept. May be used by several threads: a process may have a gateway in each."""

    def __init__(self, limit_bytes: int = FORMS_BYTES) -> None:
        self.bytes: int = 0
        self._limit_bytes = limit_bytes
        self._kept: deque[tuple[Formed, bytes]] = deque()
        self._lock = threading.Lock()

    def keep(self, entry: Formed, form: bytes) -> None:
        """A form that was just made; the oldest ones go for it, and this one too where it alone is too large."""
        with self._lock:
            self._kept.append((entry, form))
            self.bytes += _size(entry, form)
            while self.bytes > self._limit_bytes:
                older, over = self._kept.popleft()
                self.bytes -= _size(older, over)
                older.let_go(over)


def _size(entry: Formed, form: bytes) -> int:
    return len(entry.payload) + len(form)  # to keep the form is to keep the entry
