"""An asyncio event loop whose time is a number: where a real loop would wait, this one moves its clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

START_S = 1000.0


class Stuck(Exception):  # noqa: N818 - it is what happened, not a mistake of the caller
    """Nothing is due and nothing will ever be: somebody waits for what nobody does."""


class OrderedTask(asyncio.Task[Any]):
    """A task whose hash is its number: sets of tasks are walked in the same order in every run."""

    def __init__(self, number: int, *args: Any, **other: Any) -> None:
        self.number = number
        super().__init__(*args, **other)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Jump:
    """Stands where the selector of a real loop stands, and moves the clock instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing is due any more")
        if timeout > 0:
            self._loop.now_s += timeout
            if self._loop.now_s > self._loop.limit_s:
                raise Stuck(f"no end at {self._loop.now_s:.0f} s of virtual time: what is waited for never comes")
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks and timers in the order of their times; no thread, no socket, no real second."""

    def __init__(self, start_s: float = START_S, limit_s: float = float("inf")) -> None:
        """limit_s: when Stuck is raised, as time of this loop."""
        super().__init__()
        self.now_s: float = start_s
        self.limit_s = limit_s
        self.errors: list[dict[str, Any]] = []
        self._selector = _Jump(self)
        self._tasks_made = 0
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]  # typeshed does not know `context`
        self.set_exception_handler(lambda _loop, context: self.errors.append(context))

    def time(self) -> float:
        """The virtual time in seconds."""
        return self.now_s

    def jump(self, seconds: float) -> None:
        """The whole machine was asleep: every timer in between is late."""
        self.now_s += seconds

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end of `work`, then end every task and every asynchronous generator that is left."""
        asyncio.set_event_loop(self)
        try:
            return self.run_until_complete(work)
        finally:
            left = sorted((task for task in asyncio.all_tasks(self) if not task.done()), key=_number)
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.run_until_complete(self.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            self.close()

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], context: Context | None = None
    ) -> OrderedTask:
        self._tasks_made += 1
        return OrderedTask(self._tasks_made, work, loop=loop, context=context)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody outside can wake this loop."""


def _number(task: asyncio.Task[Any]) -> int:
    return task.number if isinstance(task, OrderedTask) else 0
