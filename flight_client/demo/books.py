"""The books of a run: what the devices say they accepted against what the host tool received."""

from __future__ import annotations

from typing import Any

from ..observe import Gap
from ..streams import RealtimeEvent


class DeviceBook:
    """One device, from both ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: str = "starting"
        self.transport: str = ""
        self.done: bool = False
        self.law_held: bool = True
        self.critical_accepted: int = 0
        self.counters: dict[str, Any] = {}
        self.delivered: int = 0  # events that the host tool received, each once
        self.doubled: int = 0
        self.again: int = 0  # critical events that came once more because the log that had them was lost
        self.critical_seen: set[int] = set()
        self._of_lost_log: set[int] = set()
        self.memory: tuple[int | None, int | None, int | None] = (None, None, None)  # used, total, budget

    def report(self, report: dict[str, Any]) -> None:
        """Take a report of the device's process."""
        self.state = report["state"]
        self.transport = report["transport"]
        self.critical_accepted = report["critical"]
        self.law_held = report["law_held"]
        self.counters = report["counters"]
        self.done = report["done"]

    def deliver(self, event: RealtimeEvent) -> None:
        """Take an event that the host tool received."""
        data: Any = event.data
        if event.type == "component-update":
            number = data.metadata["number"]
            if number in self.critical_seen:
                self._came_again(number)
                return
            self.critical_seen.add(number)
        elif event.type == "memory-update":
            self.memory = (data.used_bytes, data.total_bytes, data.budget_bytes)
        self.delivered += 1

    def log_was_lost(self) -> None:
        """What came until now stood in a log that is gone; the device may not know that it was stored there."""
        self._of_lost_log = set(self.critical_seen)

    def _came_again(self, number: int) -> None:
        """A gateway that loses its log loses which acknowledgements were under way, so those may come once more, and once."""
        if number in self._of_lost_log:
            self._of_lost_log.discard(number)
            self.again += 1
        else:
            self.doubled += 1

    def number(self, name: str) -> int:
        """A counter of the device, 0 before its first report."""
        return int(self.counters.get(name, 0))

    @property
    def dropped(self) -> dict[str, int]:
        """Drops by cause."""
        causes: dict[str, int] = self.counters.get("dropped", {})
        return causes

    @property
    def missing(self) -> int:
        """Accepted, yet neither delivered, queued nor dropped with a cause.

        Below 0 by at most `unconfirmed`: those the host tool had before the gateway lost its log. Further below something
        came twice.
        """
        return self.number("accepted") - self.delivered - self.number("queued") - sum(self.dropped.values())

    @property
    def critical_lost(self) -> int:
        """Critical events that the device accepted and the host tool never received."""
        return self.critical_accepted - len(self.critical_seen)

    def summary(self) -> dict[str, Any]:
        """What --json prints of this device."""
        return {
            "accepted": self.number("accepted"),
            "delivered": self.delivered,
            "again": self.again,
            "acked": self.number("acked"),
            "queued": self.number("queued"),
            "dropped": self.dropped,
            "reconnects": self.number("reconnects"),
            "transport_switches": self.number("transport_switches"),
        }


class Books:
    """All devices of a run."""

    def __init__(self, names: list[str]) -> None:
        self.devices: dict[str, DeviceBook] = {name: DeviceBook(name) for name in names}
        self.gaps: list[Gap] = []

    def deliver(self, event: RealtimeEvent) -> None:
        """Take an event that the host tool received."""
        book = self.devices.get(event.source.device_id)
        if book is not None:
            book.deliver(event)

    def gap(self, gap: Gap) -> None:
        """Take a gap that the host tool was told."""
        self.gaps.append(gap)
        if gap.reason == "epoch":
            for book in self.devices.values():
                book.log_was_lost()

    @property
    def critical_lost(self) -> int:
        """Critical events that were accepted and never came."""
        return sum(book.critical_lost for book in self.devices.values())

    def balanced(self) -> bool:
        """Whether every accepted event is accounted for, without any announced loss."""
        return all(book.missing == 0 and book.doubled == 0 for book in self.devices.values())

    def law_holds(self) -> bool:
        """Whether each device's own books balance, nothing came twice, and nothing is missing without a GAP that says so.

        A gateway that lost its log cannot know how many events its GAP stands for, so behind one the count may be short. Nor
        can it know what the lost log had, so what was not acknowledged then may come again behind the GAP: that is counted.
        """
        for book in self.devices.values():
            if not book.law_held or book.doubled or book.missing < -book.dropped.get("unconfirmed", 0) or not book.done:
                return False
            if book.missing and not self.gaps:
                return False
        return True

    def result(self) -> dict[str, Any]:
        """The last line of --json."""
        return {
            "law_holds": self.law_holds(),
            "critical_lost": self.critical_lost,
            "gaps": [{"channel": gap.channel, "reason": gap.reason, "epoch": gap.epoch} for gap in self.gaps],
            "devices": {name: book.summary() for name, book in self.devices.items()},
        }
