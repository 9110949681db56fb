"""The monotonic clock, in the form that the session wants. Tests pass their own."""

from __future__ import annotations

import time
from collections.abc import Callable

from .session.common.clock import MASK

Clock = Callable[[], int]


def monotonic_ms() -> int:
    """Milliseconds since some moment, wrapping at 30 bits."""
    return int(time.monotonic() * 1000) & MASK
