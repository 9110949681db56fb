"""Is this fatal? The application may know better than the protocol: a token that comes back, a device that must not retry."""

from __future__ import annotations

from collections.abc import Callable

from .errors import FlightError
from .hooks import Hooks

FatalJudge = Callable[[FlightError], bool | None]
"""True: stop for good. False: try again. None: as the client would decide alone."""


class Judgement:
    """Decides about every error that ends a connection or an attempt."""

    def __init__(self, judge: FatalJudge | None, hooks: Hooks) -> None:
        self._judge = judge
        self._hooks = hooks

    def is_fatal(self, error: FlightError, default: bool) -> bool:
        """Whether the client stops. A judge that raises is reported, and the default holds."""
        if self._judge is None:
            return default
        try:
            verdict = self._judge(error)
        except Exception:
            self.report("the `fatal` judgement")
            return default
        return default if verdict is None else bool(verdict)

    def report(self, who: str) -> None:
        """Inside `except`: a callable of the application raised."""
        self._hooks.report(who)
