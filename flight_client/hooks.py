"""What an application hung into a client: called at once, on the client's loop, and never able to harm it.

A hook may call any method of the client. One that wants to wait (for close(), flush(), publish()) is an async function:
it runs as a task of its own, which the client ends with itself.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from .letters import DeadLetter
from .observe import Gap, StateChange

_log = logging.getLogger("flight.client")

_Told = TypeVar("_Told")

Hook = Callable[[_Told], object]
"""A function, or an async function; what it returns is not looked at."""


async def called(callback: Callable[[_Told], object], value: _Told) -> object:
    """What a callback answers, waited for where it is an async function.

    What it awaits may be cancelled by somebody else. That is an error of the callback like any other: the task in which it
    runs, with all that waits behind it, goes on.
    """
    try:
        answer = callback(value)
        return await answer if inspect.isawaitable(answer) else answer
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("what the callback waited for was cancelled") from error


class HookList(Generic[_Told]):
    """The hooks of one kind."""

    def __init__(self, owner: Hooks) -> None:
        self._owner = owner
        self._hooks: list[Hook[_Told]] = []

    def add(self, hook: Hook[_Told]) -> None:
        """Call it from now on."""
        self._hooks.append(hook)

    def tell(self, value: _Told) -> None:
        """Call all that were there when it happened; one that raises is reported and the others are called."""
        for hook in tuple(self._hooks):
            self._owner.call(hook, value)


class Hooks:
    """All hooks of one client, and the tasks of those that wait."""

    def __init__(self) -> None:
        self.state: HookList[StateChange] = HookList(self)
        self.gap: HookList[Gap] = HookList(self)
        self.letter: HookList[DeadLetter] = HookList(self)
        self.raised: int = 0
        """How often a hook, or another callback of the application, raised."""
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self, hook: Hook[_Told], value: _Told) -> None:
        """Call one hook."""
        try:
            answer = hook(value)
            if inspect.iscoroutine(answer):
                self.run(answer)
        except Exception:
            self.report("a hook of the client")

    def report(self, who: str) -> None:
        """Inside `except`: a callback of the application raised."""
        self.raised += 1
        _log.exception("%s raised; the client goes on", who)

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """As a task that ends with the client."""
        guarded = self._guarded(work)
        try:
            task = asyncio.get_running_loop().create_task(guarded)
        except RuntimeError:  # called before there is a loop: the hook cannot wait there
            guarded.close()
            work.close()
            raise
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception:
            self.report("a hook of the client")

    async def finish(self, limit_s: float, but: set[asyncio.Task[Any]]) -> None:
        """Give hooks that still run a moment, then end them; those in `but` end by themselves."""
        left = self._tasks - but
        if left:
            _, late = await asyncio.wait(left, timeout=limit_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=limit_s)
