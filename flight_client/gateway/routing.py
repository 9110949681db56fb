"""What a device is not given: types of events that its capabilities leave out, and events that do not fit its frames.

A console or a board says in HELLO what it can take; its platform's profile says the most that it may claim. An event of a type that
needs a capability which it did not name is left out for it, and it is told a gap; so is one that is larger than it can be given.
Host tools, browsers and cloud peers take every type: for them a capability says what they are about, not what they can hold. So does
whoever speaks JSON, which no console does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flight_client._tables import LAYOUTS, NAMES
from flight_client.errors import FrameError
from flight_client.gateway.engines.base import Source, layout_bit
from flight_client.gateway.subscription import Subscription
from flight_client.platforms import PLATFORMS
from flight_client.session import spec
from flight_client.wire.coding import plain_records
from flight_client.wire.records import records

# Event -> the capability that it needs. Every other event is basic messaging, which there is no device without.
NEEDS: Mapping[str, str] = {
    "memory-update": "memory-updates",
    "component-update": "component-events",
    "system-monitoring": "system-monitoring",
    "v6r-event": "v6r-events",
}

LEFT_OUT_CHANNEL = "left-out"  # where binary senders are told (left_out_events.py)
_NOTES = 1024  # devices and channels that one telling is about

_BITS = [
    (layout_bit(layout["id"]), NAMES["capabilities"][NEEDS[layout["name"]]])
    for layout in LAYOUTS
    if layout["name"] in NEEDS
]
# Offset, previous, time, source and its padding, and that of a portion: what stands before the records of a DELIVER.
_HEAD_BYTES = 40 + spec.PORTION_BYTES


def left_out_layouts(platform: str, capabilities: int) -> int:
    """The layouts, as bits, that a subscriber is not given."""
    if not PLATFORMS.get(platform, {}).get("memory_bytes"):
        return 0  # no console and no board
    return sum(bit for bit, needed in _BITS if not capabilities & needed)


def left_out(subscriptions: Iterable[Subscription], source: Source, batch: bytes, coding: int = 0) -> dict[str, int]:
    """How many of these will not be given some of a batch, by why: for its sender, who is told."""
    found: dict[str, int] = {}
    limits = [one.limits for one in subscriptions]
    if all(not one.layouts_left_out and one.entry_bytes > spec.MAX_FRAME_BYTES for one in limits):
        return found
    layouts = largest = 0
    try:
        if coding:
            batch = plain_records(batch, 0, len(batch), coding)
        for layout, _, start, end in records(batch, 0, len(batch)):
            layouts |= layout_bit(layout)
            largest = max(largest, end - start)
    except FrameError:  # it was looked at when it came
        return found
    needed = _HEAD_BYTES + len(source.tail) + spec.RECORD_HEAD_BYTES + largest
    for one in limits:
        if one.layouts_left_out & layouts:
            found["capability"] = found.get("capability", 0) + 1
        elif needed > one.entry_bytes:
            found["payload"] = found.get("payload", 0) + 1
    return found


class LeftOutKey(NamedTuple):
    """Of whom a note is."""

    org: str
    device_id: str
    channel: str  # as the sender calls it


class LeftOutSum:
    """What was noted of one device and channel since it was told last."""

    __slots__ = ("events", "receivers")

    def __init__(self) -> None:
        self.events: int = 0
        self.receivers: dict[str, int] = {}

    def add(self, events: int, found: Mapping[str, int]) -> None:
        """One batch more."""
        self.events += events
        for reason, count in found.items():
            self.receivers[reason] = max(count, self.receivers.get(reason, 0))


class LeftOutNotes:
    """What is to be told to those who follow the channel, and whether there are any."""

    def __init__(self) -> None:
        self.asked_by: set[str] = set()
        """Organisations in which somebody follows the channel here."""
        self._sums: dict[LeftOutKey, LeftOutSum] = {}

    def add(self, key: LeftOutKey, events: int, found: Mapping[str, int]) -> None:
        """One batch. A flood of devices is not told whole: the first ones are."""
        if key in self._sums or len(self._sums) < _NOTES:
            self._sums.setdefault(key, LeftOutSum()).add(events, found)

    def take(self) -> dict[LeftOutKey, LeftOutSum]:
        """What was noted; it is told by whoever takes it."""
        sums, self._sums = self._sums, {}
        return sums
