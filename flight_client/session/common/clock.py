"""Time as wrapping milliseconds of 30 bits.

30 bits, because the largest small integer of MicroPython on 32-bit boards is 2^30 - 1: a larger one takes heap at every
step. Two times are compared by their difference only, and may lie at most 2^29 ms (6.2 days) apart.
"""

MASK = 0x3FFFFFFF
LONGEST_MS = 86400000  # a day: far from where this clock would take a wait for the past
_HALF = 0x20000000


def later(now: int, wait_ms: int) -> int:
    """The time `wait_ms` after `now`."""
    return (now + wait_ms) & MASK


def elapsed(now: int, then: int) -> int:
    """Milliseconds from `then` to `now`; negative when `then` is still to come."""
    return ((now - then + _HALF) & MASK) - _HALF
