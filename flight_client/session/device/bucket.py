"""A token bucket: so much per second on average, a second's worth at once. Numbers in, numbers out.

What leaves is taken from the level, which may go below zero; nothing more leaves until time has brought it back. The level
counts in thousandths, so that a millisecond brings exactly `per_s` of them and nothing is rounded. All numbers stay below
2^30: a rate above HIGHEST_PER_S is no limit.
"""

from ..common.clock import elapsed

HIGHEST_PER_S = 500000
_DEEPEST = HIGHEST_PER_S * 1000


class Bucket:
    """One limit; `least` is what must be there before anything leaves."""

    def __init__(self, per_s: int, most: int, least: int):
        self.per_s: int = 0 if per_s > HIGHEST_PER_S else max(0, per_s)  # 0 = no limit
        self._most = max(min(most, HIGHEST_PER_S), least) * 1000
        self._least = least * 1000
        self._level = self._most
        self._at = 0

    def take(self, amount: int) -> None:
        """So much leaves."""
        if self.per_s:
            self._level = max(self._level - amount * 1000, -_DEEPEST)

    def wait_ms(self, now: int) -> int:
        """How long nothing more may leave; 0 = something may leave now."""
        if self.per_s == 0:
            return 0
        self._refill(now)
        missing = self._least - self._level
        return 0 if missing <= 0 else (missing + self.per_s - 1) // self.per_s

    def room(self, now: int, longest: int) -> int:
        """How much may leave now without a debt; `longest` at most, and where there is no limit."""
        if self.per_s == 0:
            return longest
        self._refill(now)
        return max(0, min(longest, self._level // 1000))

    def _refill(self, now: int) -> None:
        missing = self._most - self._level
        passed = elapsed(now, self._at)
        self._at = now
        if passed < 0 or passed > missing // self.per_s:  # below 0: the clock has wrapped since
            self._level = self._most
        else:
            self._level += passed * self.per_s
