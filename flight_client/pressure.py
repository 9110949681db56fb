"""Memory of the machine that a client runs on: what is reported, how it is judged, and what is let go for it."""

from __future__ import annotations

import dataclasses
import enum
import gc
import logging
from collections.abc import Callable

from .arguments import check_function, check_kind, whole
from .errors import CallerError
from .events import MemoryUpdate, encode_event
from .outbox import Outbox
from .platforms import PLATFORMS, Platform
from .session.device.batching import Batching
from .session.device.pressure import CALM, PRESSURE, WARNING, free_share, judge
from .session.spec import PRESSURE_FRAGMENTATION, PRESSURE_QUEUE_EVENTS, PRESSURE_USED, WARNING_FRAGMENTATION

_log = logging.getLogger("flight.client")

_ONE = 10000
_PLENTY = 5000  # free share from which on the batches are as large as ever (session/device/batching.py)
# Where pressure is relieved without being asked (guide: handleMemoryPressure), and on registered platforms that are like them.
_RELIEVED = ("dreamcast", "psp")


class PressureLevel(enum.Enum):
    """How the memory is doing."""

    CALM = "calm"
    WARNING = "warning"
    PRESSURE = "pressure"


_LEVELS = {CALM: PressureLevel.CALM, WARNING: PressureLevel.WARNING, PRESSURE: PressureLevel.PRESSURE}


@dataclasses.dataclass(frozen=True, slots=True)
class PressureLimits:
    """Where the levels begin. Strict: a value that equals its limit is below the level. Compared in whole 1/10000."""

    warning_fragmentation: float = WARNING_FRAGMENTATION / _ONE
    pressure_fragmentation: float = PRESSURE_FRAGMENTATION / _ONE
    pressure_used: float = PRESSURE_USED / _ONE

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise CallerError(what=f"{field.name} is not a number", value=value, next_step="use 0 to 1")
            if not 0 <= value <= 1:
                raise CallerError(what=f"{field.name} is not a share", value=value, next_step="use 0 to 1")


@dataclasses.dataclass(frozen=True, slots=True)
class MemoryPressure:
    """What on_pressure() tells. `dropped` events were let go for it, with the cause `pressure`."""

    level: PressureLevel
    platform: str
    total_bytes: int | None
    used_bytes: int | None
    fragmentation: float | None
    dropped: int


class PressureControl:
    """`client.pressure`. Fields to set:

    limits       where the levels begin
    relieves     whether pressure is relieved before the hooks are called: on dreamcast and psp unless changed

    Fields to read: level; queue_events, batch_events and batch_delay_ms: what the memory allows at the moment.
    """

    def __init__(
        self,
        platform: Platform,
        outbox: Outbox,
        batching: Batching,
        clear_history: Callable[[], int],
        call: Callable[[Callable[[MemoryPressure], object], MemoryPressure], None],
    ) -> None:
        self._limits = PressureLimits()
        self._relieves = PLATFORMS[platform.name].get("like", platform.name) in _RELIEVED
        self.level: PressureLevel = PressureLevel.CALM
        self.platform = platform
        self._outbox = outbox
        self._batching = batching
        self._call = call
        self.clear_history = clear_history
        """Client.clear_event_history()."""
        self._hooks: list[Callable[[MemoryPressure], object]] = []
        self._wanted = platform.lossy_slots  # what the application set
        self._relieved = False  # the queue is short because of pressure

    @property
    def limits(self) -> PressureLimits:
        """Where the levels begin."""
        return self._limits

    @limits.setter
    def limits(self, limits: PressureLimits) -> None:
        check_kind("limits", limits, PressureLimits, "a PressureLimits")
        self._outbox.lossy.calm(-1, -1)
        self._limits = limits

    @property
    def relieves(self) -> bool:
        """Whether pressure is relieved before the hooks are called."""
        return self._relieves

    @relieves.setter
    def relieves(self, relieves: bool) -> None:
        check_kind("relieves", relieves, bool, "True or False")
        self._relieves = relieves

    @property
    def queue_events(self) -> int:
        """Lossy events that may wait."""
        return self._outbox.lossy.limit_events

    @property
    def batch_events(self) -> int:
        """Events that make a full batch."""
        return self._batching.events

    @property
    def batch_delay_ms(self) -> int:
        """How long lossy events collect on a transport that sends at any time."""
        return self._batching.delay_ms

    def add_hook(self, hook: Callable[[MemoryPressure], object]) -> None:
        """Client.on_pressure()."""
        check_function("hook", hook)
        self._hooks.append(hook)

    def report(self, update: MemoryUpdate) -> PressureLevel:
        """Judge what was measured, adapt the batches, relieve where that is wanted, tell the hooks."""
        check_kind("update", update, MemoryUpdate, "a MemoryUpdate")
        self._outbox.lossy.calm(-1, -1)
        encode_event(update, wide=True)  # refuses what no MemoryUpdate may say
        total, used = _known(update.total_bytes), _known(update.used_bytes)
        fragmentation = -1 if update.fragmentation is None else round(update.fragmentation * _ONE)
        self._batching.memory(free_share(total, used))
        limits = self.limits
        found = judge(
            total,
            used,
            fragmentation,
            round(limits.warning_fragmentation * _ONE),
            round(limits.pressure_fragmentation * _ONE),
            round(limits.pressure_used * _ONE),
        )
        before, self.level = self.level, _LEVELS[found]
        dropped = 0
        if found == PRESSURE and self.relieves:
            dropped = self.relieve()
        elif found != PRESSURE:
            self._relieved = False
        self._set_queue()
        if found != CALM or before is not PressureLevel.CALM:
            told = MemoryPressure(
                self.level, self.platform.name, update.total_bytes, update.used_bytes, update.fragmentation, dropped
            )
            for hook in tuple(self._hooks):  # those that were there when it happened
                self._call(hook, told)
        elif fragmentation < 0:
            self._remember_calm(total, used)
        return self.level

    def _remember_calm(self, total: int, used: int) -> None:
        """While at least half of the memory is free a report changes nothing: the bound emitters need not make one."""
        most, full = total // 2, round(self.limits.pressure_used * _ONE)
        plenty = free_share(total, most) >= _PLENTY and judge(total, most, -1, pressure_used=full) == CALM
        if 0 <= used <= most < 1 << 62 and plenty:
            self._outbox.lossy.calm(total, most)
        else:
            self._outbox.lossy.calm(-1, -1)

    def relieve(self) -> int:
        """Clear the history, keep the newest 10 lossy events, collect garbage. Returns how many events were dropped."""
        self.clear_history()
        self._outbox.lossy.calm(-1, -1)
        self._relieved = True
        dropped = self._outbox.shrink(PRESSURE_QUEUE_EVENTS)
        self._set_queue()
        gc.collect()
        if dropped:
            _log.warning("memory is short: %d lossy events were dropped", dropped)
        return dropped

    def set_queue(self, events: int) -> int:
        """Client.set_max_queue_size()."""
        most = self.platform.lossy_slots
        self._outbox.lossy.calm(-1, -1)
        whole("events", events, 1, most)
        self._wanted = events
        dropped = self._outbox.shrink(events)
        self._set_queue()
        return dropped

    def _set_queue(self) -> None:
        wanted = min(self._wanted, PRESSURE_QUEUE_EVENTS) if self._relieved else self._wanted
        self._batching.limit_queue(wanted)
        self._outbox.lossy.limit_events = self._batching.queue_events


def _known(value: int | None) -> int:
    return -1 if value is None else value
