"""Old events go from the logs: what came before a limit of age is trimmed, whatever the limit of entries would still keep.

The age is that of an entry since the gateway received it. Where the cut lies is found by halving, with two questions a step, so a long
log costs little; a log whose oldest entry is young enough costs one. Whoever follows a channel and was behind the cut is told a gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from flight_client.errors import FlightError
from flight_client.gateway.engines.base import Engine

_EVERY_S = 60.0

_log = logging.getLogger("flight.gateway")


async def trim_old(engine: Engine, channel: str, oldest_ms: int) -> int:
    """Forget what a channel's log received before this time, ms since 1970; how many entries are kept, -1: all."""
    first, last = await engine.bounds(channel)
    if first > last or await _is_young(engine, channel, first - 1, oldest_ms):
        return -1
    # Of the newest `keep` entries the oldest is young enough; of `most` it is not.
    keep, most = 0, last - first + 1  # offsets may have holes: at least as many as there are entries
    while most - keep > 1:
        middle = (keep + most) // 2
        if await _is_young(engine, channel, await engine.before_last(channel, middle), oldest_ms):
            keep = middle
        else:
            most = middle
    await engine.trim(channel, keep)
    return keep


async def _is_young(engine: Engine, channel: str, after: int, oldest_ms: int) -> bool:
    entries = await engine.read(channel, after, 1)
    return not entries or entries[0].received_ms >= oldest_ms


class Aging:
    """Trims every log from time to time. Several gateways on one engine may all do it."""

    def __init__(self, engine: Engine, age_s: int, now_ms: Callable[[], int]) -> None:
        """age_s: 0 trims nothing."""
        self._engine = engine
        self._age_s = age_s
        self._now_ms = now_ms
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if there is a limit."""
        if self._age_s:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(_EVERY_S, self._age_s))
            await self.look()

    async def look(self) -> None:
        """Every channel once."""
        oldest_ms = self._now_ms() - self._age_s * 1000
        try:
            for channel in await self._engine.channels():
                await trim_old(self._engine, channel, oldest_ms)
        except FlightError as error:  # the engine is away: old entries wait
            _log.info("old events are not trimmed now: %s", error)
