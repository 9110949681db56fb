"""Fake time: a minute of back-off, of heartbeats or of a console's polls passes in a moment.

Where everybody waits, the clock jumps to the next thing that is due. So a test says `await asyncio.sleep(60)` and a minute
has passed, for the client, for a gateway in memory and for the program that is tested. Work that is outside of the event
loop (threads, sockets, processes) takes no fake time: the clock jumps past it. For that, use real time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from ..errors import CallerError
from ..session.common.clock import MASK
from .virtual_loop import START_S, Stuck, VirtualLoop

DAY_S = 86_400.0
EPOCH_S = 1_800_000_000.0
"""What time.time() says when the clock begins: a day in January 2027, the same in every run."""

T = TypeVar("T")


class FakeClock:
    """A clock that a test rules.

    Two ways to use it. `clock.run(story())` runs a coroutine on a loop of its own: no test framework is needed. `with
    clock:` in a coroutine takes over the loop that runs, of pytest-asyncio or anyio on asyncio; that must be a loop of the
    standard library. Inside, the loop, time.monotonic() and time.time() show the fake time, everywhere in the process.
    """

    def __init__(self, *, now_s: float = START_S, epoch_s: float = EPOCH_S, limit_s: float = 30 * DAY_S) -> None:
        """now_s: of the monotonic clock. epoch_s: the time of day at that moment. limit_s: fake seconds after which a test is
        over with Stuck, as it waits for what never comes.
        """
        self._now_s = now_s
        self._start_s = now_s
        self._epoch_s = epoch_s
        self._limit_s = limit_s
        self._loop: VirtualLoop | None = None
        self._taken: _TakenLoop | None = None
        self._kept: list[tuple[str, Any]] = []

    @property
    def now_s(self) -> float:
        """Seconds of the monotonic clock."""
        return self._now_s if self._loop is None else self._loop.now_s

    @property
    def now_ms(self) -> int:
        """The same as the session has it: milliseconds that wrap at 30 bits."""
        return int(self.now_s * 1000) & MASK

    @property
    def passed_s(self) -> float:
        """Seconds since the clock was made."""
        return self.now_s - self._start_s

    def time(self) -> float:
        """Seconds since 1970, as time.time() has them: for what takes a clock as an argument."""
        return self._epoch_s + self.passed_s

    def advance(self, seconds: float) -> None:
        """Let time leap, as for a machine that was asleep: every timer in between is late. To let it pass, sleep."""
        if seconds < 0:
            raise CallerError(
                "a clock goes forward only", value=seconds, next_step="use a number of seconds of 0 or more"
            )
        if self._loop is None:
            self._now_s += seconds
        else:
            self._loop.now_s += seconds

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in fake time; tasks that it left are ended.

        Raises what it raises, Stuck when nothing is due any more, and what reached the loop as an error that nobody took.
        """
        self._check_free(work)
        loop = self._loop = VirtualLoop(self._now_s, self._now_s + self._limit_s)
        self._patch()
        try:
            result: T = loop.run(work)
        finally:
            self._now_s, self._loop = loop.now_s, None
            self._restore()
        if loop.errors:
            error = loop.errors[0]
            raise error.get("exception") or AssertionError(f"the loop heard of an error: {error['message']}")
        return result

    def __enter__(self) -> Self:
        self._check_free()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise CallerError(
                "there is no running loop to take over", value="none", next_step="use clock.run(coroutine)"
            ) from None
        # The timers that the loop has already stay where they are.
        self._now_s, before = max(self._now_s, loop.time()), self.passed_s
        self._start_s = self._now_s - before
        self._taken = _TakenLoop(self, loop, self._now_s + self._limit_s)
        self._patch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._taken is not None
        self._taken.give_back()
        self._taken = None
        self._restore()

    def _check_free(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        if self._loop is not None or self._taken is not None or _ruling:
            if work is not None:
                work.close()
            raise CallerError(
                "a fake clock rules already", value="FakeClock", next_step="leave it before you begin another"
            )

    def _patch(self) -> None:
        _ruling.append(self)
        for name, fake in (
            ("monotonic", lambda: self.now_s),
            ("monotonic_ns", lambda: int(self.now_s * 1e9)),
            ("time", self.time),
            ("time_ns", lambda: int(self.time() * 1000) * 1_000_000),
        ):
            self._kept.append((name, getattr(time, name)))
            setattr(time, name, fake)

    def _restore(self) -> None:
        _ruling.remove(self)
        while self._kept:
            setattr(time, *self._kept.pop())


_ruling: list[FakeClock] = []


class _TakenLoop:
    """A loop of the standard library whose time is the clock's, until it is given back."""

    def __init__(self, clock: FakeClock, loop: Any, limit_s: float) -> None:
        self._loop: Any = loop
        self._selector: Any = getattr(loop, "_selector", None)
        if self._selector is None or not isinstance(loop, asyncio.BaseEventLoop):
            raise CallerError(
                "this loop's clock cannot be taken over",
                value=type(loop).__name__,
                next_step="use a loop of the standard library, or clock.run(coroutine)",
            )
        self._clock = clock
        self._limit_s = limit_s
        self._loop._selector = self
        self._loop.time = lambda: clock.now_s

    def select(self, timeout: float | None) -> list[Any]:
        """What the loop waits with."""
        events: list[Any] = self._selector.select(0 if timeout is not None else None)
        if not events and timeout is not None and timeout > 0:
            self._clock.advance(timeout)
            if self._clock.now_s > self._limit_s:
                raise Stuck(f"no end after {self._clock.passed_s:.0f} s of fake time: what is waited for never comes")
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def give_back(self) -> None:
        self._loop._selector = self._selector
        del self._loop.time
