"""How everything is doing, once per interval: this client's own figures, and the performance of each platform that reports.

A device says how it is doing with memory-update, system-monitoring and frame-time events. The newest of each device is kept;
a sample has their mean per platform. A figure that no device reported is None, which is not 0. A device that has been silent
for a minute does not count any more.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from .clock import monotonic_ms
from .counting import Counters
from .events import FrameTime, MemoryUpdate, SystemMonitoring
from .observe import ConnectionState
from .session.common.clock import elapsed
from .streams import RealtimeEvent, Stream

METRIC_TYPES = ("memory-update", "system-monitoring", "frame-time")
SHORTEST_MS, LONGEST_MS = 10, 3_600_000

_DEVICES = 1000  # that are kept: those heard last
_SILENT_MS = 60_000


@dataclasses.dataclass(frozen=True, slots=True)
class RealtimeMetrics:
    """This client's own figures. Rates are events per second over `elapsed_ms`, the time since the sample before.

    dropped: accepted events that were dropped in that time, whatever the cause. by_type: events in that time of the types
    that this sample is made of.
    """

    state: ConnectionState
    transport: str
    elapsed_ms: int
    emitted_per_s: float
    received_per_s: float
    dropped: int
    queued: int
    by_type: dict[str, int]
    counters: Counters


@dataclasses.dataclass(frozen=True, slots=True)
class PlatformPerformance:
    """The devices of one platform: means of what each said last. Shares are 0 to 1; None is unknown."""

    platform: str
    devices: int
    events: int
    cpu: float | None
    memory_used: float | None
    fragmentation: float | None
    frames_per_second: float | None
    temperature_c: float | None
    battery: float | None
    queue_fill: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class MetricsSample:
    """One item of Client.metrics()."""

    metrics: RealtimeMetrics
    platform_performance: dict[str, PlatformPerformance]


_FIGURES = ("cpu", "memory_used", "fragmentation", "frames_per_second", "temperature_c", "battery", "queue_fill")


class _Device:
    """What one device said last."""

    __slots__ = ("figures", "heard_at", "platform")

    def __init__(self) -> None:
        self.platform = ""
        self.heard_at = 0
        self.figures: dict[str, float] = {}

    def take(self, event: RealtimeEvent) -> None:
        self.platform = event.source.platform
        self.heard_at = monotonic_ms()
        data = event.data
        if isinstance(data, MemoryUpdate):
            if data.total_bytes and data.used_bytes is not None:
                self.figures["memory_used"] = data.used_bytes / data.total_bytes
            if data.fragmentation is not None:
                self.figures["fragmentation"] = data.fragmentation
        elif isinstance(data, FrameTime) and data.mean_us:
            self.figures["frames_per_second"] = 1_000_000 / data.mean_us
        elif isinstance(data, SystemMonitoring):
            for name in _FIGURES:
                value = getattr(data, name, None)
                if value is not None:
                    self.figures[name] = value


class MetricsStream(Stream[MetricsSample]):
    """A sample per interval, the first one interval after it was asked for; samples that nobody reads are not made."""

    def __init__(
        self,
        interval_ms: int,
        look: Callable[[], tuple[ConnectionState, str, Counters]],
        on_close: Callable[[Any], None],
        history_events: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """look: state, transport and counters of the client now."""
        super().__init__(on_close, history_events, check)
        self.interval_ms = interval_ms
        self._look = look
        self._devices: OrderedDict[str, _Device] = OrderedDict()
        self._types: Counter[str] = Counter()
        self._platforms: Counter[str] = Counter()
        self._begun = monotonic_ms()
        self._before = look()[2]

    def put(self, event: RealtimeEvent) -> None:
        """A device said how it is doing."""
        device = self._devices.get(event.source.device_id)
        if device is None:
            device = self._devices[event.source.device_id] = _Device()
            if len(self._devices) > _DEVICES:
                self._devices.popitem(last=False)
        self._devices.move_to_end(event.source.device_id)
        device.take(event)
        self._types[event.type] += 1
        self._platforms[event.source.platform] += 1

    async def wait(self) -> bool:
        """Wait until the next sample is due, and make it; False when the client was closed."""
        self._check()
        while not self._waiting:
            if self._over:
                if self._error is not None:
                    raise self._error
                return False
            left_ms = self.interval_ms - elapsed(monotonic_ms(), self._begun)
            if left_ms <= 0:
                self._add(self._sample())
                break
            self._wake.clear()
            try:
                async with asyncio.timeout(left_ms / 1000):
                    await self._wake.wait()
            except TimeoutError:
                pass  # it is due
        return True

    def _sample(self) -> MetricsSample:
        now = monotonic_ms()
        passed_ms = max(1, elapsed(now, self._begun))
        state, transport, counters = self._look()
        before, self._before, self._begun = self._before, counters, now
        metrics = RealtimeMetrics(
            state=state,
            transport=transport,
            elapsed_ms=passed_ms,
            emitted_per_s=(counters.accepted - before.accepted) * 1000 / passed_ms,
            received_per_s=(counters.delivered - before.delivered) * 1000 / passed_ms,
            dropped=sum(counters.dropped.values()) - sum(before.dropped.values()),
            queued=counters.queued,
            by_type=dict(self._types),
            counters=counters,
        )
        performance = self._performance(now)
        self._types.clear()
        self._platforms.clear()
        return MetricsSample(metrics, performance)

    def _performance(self, now: int) -> dict[str, PlatformPerformance]:
        by_platform: dict[str, list[_Device]] = {}
        for device_id, device in list(self._devices.items()):
            if elapsed(now, device.heard_at) > _SILENT_MS:
                del self._devices[device_id]
            else:
                by_platform.setdefault(device.platform, []).append(device)
        return {
            name: PlatformPerformance(
                name, len(devices), self._platforms[name], *(_mean(devices, figure) for figure in _FIGURES)
            )
            for name, devices in sorted(by_platform.items())
        }


def _mean(devices: list[_Device], figure: str) -> float | None:
    known = [device.figures[figure] for device in devices if figure in device.figures]
    return sum(known) / len(known) if known else None
