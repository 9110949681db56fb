"""Waiting for something to become true about a client: connected, flushed, room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .errors import FlightError


class Waiters:
    """Who waits for what. Cancelling a wait takes nothing with it: nobody but the waiter knew of it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until look() finds the condition true; raises what fail() was told."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, future))
        await future

    def look(self) -> None:
        """Something changed: wake those whose condition is true now."""
        waiting, self._waiting = self._waiting, []
        for condition, future in waiting:
            if future.done():
                continue
            if condition():
                future.set_result(None)
            else:
                self._waiting.append((condition, future))

    def fail(self, error: FlightError) -> None:
        """What they wait for will never be: end every wait with this error."""
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)
