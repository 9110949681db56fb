"""The clock of the board, as sessions want it: milliseconds of 30 bits that wrap."""

from time import ticks_ms

from .session.common.clock import MASK


def now_ms() -> int:
    """The time."""
    return ticks_ms() & MASK  # type: ignore[operator]
