"""A gateway that is about to stop sends its clients away, and gives them a moment to go.

Nothing is at stake for critical events: what is not acknowledged goes with the device, and the mark in the log says at the
next gateway what was stored. The moment is for the clients: each is told when to come back, so that they do not arrive at
the other gateway at once, and a device that polls hears of it with its next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from flight_client.clock import Clock
from flight_client.gateway.greeting import GOING_AWAY_RETRY_MS
from flight_client.gateway.peer import Peer
from flight_client.gateway.registry import Registry, Session
from flight_client.session import spec
from flight_client.session.common.clock import elapsed, later
from flight_client.session.device.policy import uniform

_SETTLE_S = 2.0  # how long a session waits for the store before it is sent away
_LOOK_S = 0.02


def hint_ms(peer_spread_ms: int, spread_ms: int, random: int) -> int:
    """When a session is to come back. A client adds up to the spread that it knows; the hint adds what that lacks today."""
    return GOING_AWAY_RETRY_MS + uniform(0, max(0, spread_ms - peer_spread_ms), random)


class Drain:
    """One stop of one gateway."""

    def __init__(self, registry: Registry, clock: Clock, random: Callable[[int], int]) -> None:
        """random: so many fresh random bits."""
        self.told: int = 0
        """Sessions that were sent away."""
        self._registry = registry
        self._clock = clock
        self._random = random

    def left(self) -> int:
        """Sessions whose clients are still here."""
        return sum(1 for session in self._registry.sessions() if session.attached)

    async def run(self, limit_ms: int) -> int:
        """Let no session begin, send all away, wait until they are gone, at most so long. How many were left."""
        self._registry.draining = True
        until = later(self._clock(), limit_ms)
        spread_ms = self._registry.spread_ms()
        leaving = [
            asyncio.get_running_loop().create_task(self._send_away(session, spread_ms, limit_ms))
            for session in self._registry.sessions()
        ]
        if leaving:
            await asyncio.gather(*leaving)
        while self.left() and elapsed(self._clock(), until) < 0:  # noqa: ASYNC110 - a detached peer tells nobody
            await asyncio.sleep(_LOOK_S)
        return self.left()

    async def _send_away(self, session: Session, spread_ms: int, limit_ms: int) -> None:
        if not session.attached:
            return
        await session.settle(min(_SETTLE_S, limit_ms / 1000))  # what came in is stored when the client asks elsewhere
        if session.attached:
            self.told += 1
            known_ms = session.session.spread_ms if isinstance(session, Peer) else 0  # JSON has the hint alone
            wait_ms = hint_ms(known_ms, spread_ms, self._random(16))
            session.end_transport(spec.CODE_GOING_AWAY, wait_ms, "this gateway stops")
