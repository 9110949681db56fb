"""Watches the gateway's own figures, and says once when one goes over its threshold and once when it is over.

Theory of operation
- Values are taken at every look of the gateway, each few seconds. A value at or over `raise_at` for `for_s` raises the alert; below `clear_at` for `for_s`
  clears it. Anything between leaves it as it is.
- Rates are events between two looks, by the time between them.
- The engine's lag is measured by a question that it answers in turn: after every append that came before. One question is
  out at a time; as long as it has no answer, or a bad one, the lag is the time since it, or the first bad one, was asked.
  A question costs a broker a message, so none is asked while nothing is published and the last answer came at once.
- What is raised and cleared goes into the log of the gateway at once, and as events to whoever listens (alert_events.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from flight_client.clock import Clock
from flight_client.errors import FlightError
from flight_client.gateway.alert_rules import AlertRule
from flight_client.gateway.engines.base import EngineLimits
from flight_client.gateway.hub import Hub
from flight_client.session.common.clock import elapsed

_NOBODY = "gateway"  # whose marks are asked for; any name does
_LIFE = bytes(8)
_AT_ONCE_MS = 100

_log = logging.getLogger("flight.gateway")


class Change(NamedTuple):
    """An alert was raised, or cleared."""

    rule: AlertRule
    raised: bool
    value: float


class _Alert:
    """One rule and where it stands."""

    __slots__ = ("raised", "rule", "since", "value")

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.raised = False
        self.value = 0.0
        self.since: int | None = None  # when the value went to the other side

    def look(self, value: float, now: int) -> Change | None:
        self.value = value
        rule = self.rule
        other_side = value < rule.clear_at or not value if self.raised else value >= rule.raise_at
        if not other_side:
            self.since = None
            return None
        if self.since is None:
            self.since = now
        if elapsed(now, self.since) < rule.for_s * 1000:
            return None
        self.since = None
        self.raised = not self.raised
        return Change(rule, self.raised, value)


class EngineProbe:
    """How long the engine takes to answer what it answers in turn."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._last_ms = 0
        self._published = -1  # events, when it was asked last; the first question is always asked
        self._since: int | None = None  # since when nothing was answered well
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Ask again, unless a question is out or there is nothing to learn."""
        published = self._hub.counters().published
        quiet = published == self._published and self._since is None and self._last_ms <= _AT_ONCE_MS
        if self._task is None and not quiet:
            self._published = published
            if self._since is None:
                self._since = self._clock()
            self._task = asyncio.get_running_loop().create_task(self._ask(self._clock()))

    async def _ask(self, asked: int) -> None:
        try:
            await self._hub.engine.marks(_NOBODY, _LIFE)
        except FlightError:
            pass  # the engine says so itself, in the log and on the health page
        else:
            self._last_ms = elapsed(self._clock(), asked)
            self._since = None
        finally:
            self._task = None

    def lag_ms(self) -> int:
        """Of the last answer, or the time without one."""
        waited = 0 if self._since is None else elapsed(self._clock(), self._since)
        return max(self._last_ms, waited)

    async def close(self) -> None:
        """Wait for no answer any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class AlertWatch:
    """The alerts of one gateway."""

    def __init__(
        self,
        hub: Hub,
        limits: EngineLimits,
        rules: Mapping[str, AlertRule],
        clock: Clock,
        on_change: Callable[[Change], None],
    ) -> None:
        self.probe: EngineProbe = EngineProbe(hub, clock)
        self._hub = hub
        self._limits = limits
        self._clock = clock
        self._on_change = on_change
        self._alerts = [_Alert(rule) for rule in rules.values()]
        self._before = self._counts()
        self._before_at = clock()

    def raised(self) -> dict[str, bool]:
        """Every alert that is enabled, and whether it is raised now."""
        return {alert.rule.name: alert.raised for alert in self._alerts}

    def queue_fill(self) -> float:
        """Share of the engine's queue that is in use, in batches or bytes, whichever is more."""
        health, limits = self._hub.engine.health(), self._limits
        return max(health.queued / limits.queue_entries, health.queued_bytes / limits.queue_bytes)

    def look(self) -> None:
        """Compare every value with its thresholds, and tell what changed."""
        now = self._clock()
        values = self._values(now)
        for alert in self._alerts:
            change = alert.look(values[alert.rule.name], now)
            if change is not None:
                _say(change)
                self._on_change(change)
        self.probe.ask()

    def _counts(self) -> tuple[int, int]:
        return self._hub.counters().dropped, sum(self._hub.refused.values())

    def _values(self, now: int) -> dict[str, float]:
        counts = self._counts()
        passed_s = max(1, elapsed(now, self._before_at)) / 1000
        dropped, refused = (max(0, new - old) / passed_s for new, old in zip(counts, self._before, strict=True))
        self._before, self._before_at = counts, now
        return {
            "queue-fill": self.queue_fill(),
            "drop-rate": dropped,
            "dead-letters": refused,
            "engine-lag": float(self.probe.lag_ms()),
        }


def _say(change: Change) -> None:
    rule = change.rule
    value = f"{rule.text}: {round(change.value, 2):g} {rule.unit}"
    if change.raised:
        _log.warning("alert %s: %s, from %g on it is an alert", rule.name, value, rule.raise_at)
    else:
        _log.warning("alert %s is over: %s", rule.name, value)
