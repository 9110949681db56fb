"""The events: what a program emits and what a subscriber receives. Names and values as on CPython (docs/python-client.md).

An event may be filled field by field and emitted again and again: numbers then take no heap. A value that does not fit is
refused with EventError; nothing is ever cut. 32-bit and 64-bit numbers may have their full range; on boards whose integers
take heap from 2^30 on, a program that must not allocate writes such a number into an emitter's body itself.
"""

import json
from struct import pack_into, unpack_from

from micropython import const

from .fast import copy
from .tables import EVENTS

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

_ABSENT = const(0xFFFF)
_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF


class EventError(ValueError):
    """A value that the event cannot carry, or a body that is none."""


class MemoryUpdate:
    """Memory of a machine. Give what was measured and leave the rest unknown."""

    event_name = "memory-update"

    def __init__(self, total_bytes=None, used_bytes=None, available_bytes=None, budget_bytes=None, fragmentation=None):
        self.total_bytes = total_bytes
        self.used_bytes = used_bytes
        self.available_bytes = available_bytes
        self.budget_bytes = budget_bytes
        self.fragmentation = fragmentation


class ComponentUpdate:
    """A component of a program was created, changed its state, or reports itself."""

    event_name = "component-update"

    def __init__(self, id, name, version="", state="active", memory_bytes=None, created_age_ms=None, metadata=None):  # noqa: A002 - the field's name
        self.id = id
        self.name = name
        self.version = version
        self.state = state
        self.memory_bytes = memory_bytes
        self.created_age_ms = created_age_ms
        self.metadata = {} if metadata is None else metadata


class SystemMonitoring:
    """How a machine is doing. Give what was measured and leave the rest unknown."""

    event_name = "system-monitoring"

    def __init__(
        self,
        memory_used_bytes=None,
        network_received_bytes=None,
        network_sent_bytes=None,
        dropped_events=None,
        cpu=None,
        battery=None,
        temperature_c=None,
        frames_per_second=None,
        queue_fill=None,
    ):
        self.memory_used_bytes = memory_used_bytes
        self.network_received_bytes = network_received_bytes
        self.network_sent_bytes = network_sent_bytes
        self.dropped_events = dropped_events
        self.cpu = cpu
        self.battery = battery
        self.temperature_c = temperature_c
        self.frames_per_second = frames_per_second
        self.queue_fill = queue_fill


class V6REvent:
    """Something happened to a virtual machine."""

    event_name = "v6r-event"

    def __init__(self, event_type, resource, organization=None, metadata=None):
        self.event_type = event_type
        self.resource = resource
        self.organization = organization
        self.metadata = {} if metadata is None else metadata


class Log:
    """One line for a person."""

    event_name = "log"

    def __init__(self, text, level="info"):
        self.text = text
        self.level = level


class FrameTime:
    """Times of the frames drawn since the last one."""

    event_name = "frame-time"

    def __init__(self, minimum_us, mean_us, maximum_us, count, over_budget=0):
        self.minimum_us = minimum_us
        self.mean_us = mean_us
        self.maximum_us = maximum_us
        self.count = count
        self.over_budget = over_budget


class Payload:
    """The application's own bytes under its own number."""

    event_name = "payload"

    def __init__(self, kind, data=b""):
        self.kind = kind
        self.data = data


_CLASSES = (MemoryUpdate, ComponentUpdate, SystemMonitoring, V6REvent, Log, FrameTime, Payload)


def event_class(name: str):
    """One of the classes above by its name."""
    for found in _CLASSES + (EventError,):
        if found.__name__ == name:
            return found
    raise AttributeError(name)


def encode_into(event, out: bytearray, wide: bool = False) -> int:
    """Write the body of an event; its bytes. Raises EventError, and IndexError where `out` is too short."""
    _, fields, tails = EVENTS[event.event_name]
    at = 0
    for name, code, scale, optional, names in fields:
        size = 1 if code == "B" else 4 if code == "I" else (8 if wide else 4) if code == "Z" else 2
        if at + size > len(out):
            raise EventError("too large")
        if name is None:
            pack_into("B" if size == 1 else "H", out, at, 0)
        else:
            _put(out, at, name, size, code == "h", scale, optional, names, getattr(event, name))
        at += size
    for name, kind, limit, optional in tails:
        at = _put_tail(out, at, name, kind, limit, optional, getattr(event, name))
    while at & 3:
        out[at] = 0
        at += 1
    return at


def _put(out: bytearray, at: int, name: str, size: int, signed: bool, scale: int, optional: bool, names, value) -> None:
    highest = 255 if size == 1 else 0x7FFF if signed else 0xFFFF if size == 2 else _U32 if size == 4 else _U64
    lowest = -0x8000 if signed else 0
    if names:
        value = names.get(value)
    if value is None:
        if not optional:
            raise EventError("%s: is required, or no known name" % name)
        value = lowest if signed else highest
    else:
        if scale != 1:
            value = round(value * scale)
        if optional:
            lowest += signed
            highest -= not signed
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise EventError("%s: %r is no whole number from %d to %d" % (name, value, lowest, highest))
    pack_into(
        "<B" if size == 1 else "<h" if signed else "<H" if size == 2 else "<I" if size == 4 else "<Q", out, at, value
    )


def _put_tail(out: bytearray, at: int, name: str, kind: str, limit: int, optional: bool, value) -> int:
    if value is None and optional:
        pack_into("<H", out, at, _ABSENT)
        return at + 2
    if kind in ("json", "map"):
        if not isinstance(value, dict) or not _keys_are_text(value, kind == "map"):
            raise EventError("%s: is no dict with text keys%s" % (name, " and values" if kind == "map" else ""))
        value = json.dumps(value, separators=(",", ":"))
    if kind != "bytes":
        if not isinstance(value, str):
            raise EventError("%s: is not text" % name)
        value = value.encode()
    size = len(value)
    if size > limit:
        raise EventError("%s: has %d bytes, the limit is %d" % (name, size, limit))
    if at + 5 + size > len(out):
        raise EventError("too large")
    out[at] = size & 0xFF
    out[at + 1] = size >> 8
    copy(out, at + 2, value, 0, size)
    return at + 2 + size


def _keys_are_text(value: dict, values: bool) -> bool:
    for key, item in value.items():
        if not isinstance(key, str) or (values and not isinstance(item, str)):
            return False
    return True


def decode(layout: int, data, start: int, end: int):
    """The event of a record's body. Raises EventError where its sender wrote it against the rules."""
    wide = layout & 0x80
    cls = _CLASSES[(layout & 0x7F) - 1]
    _, fields, tails = EVENTS[cls.event_name]
    event = object.__new__(cls)
    at = start
    for name, code, scale, optional, names in fields:
        size = 1 if code == "B" else 4 if code == "I" else (8 if wide else 4) if code == "Z" else 2
        form = "<Q" if size == 8 else "<I" if size == 4 else "<" + code
        value = unpack_from(form, data, at)[0]
        at += size
        if name is None:
            if value:
                raise EventError("reserved: is %d" % value)
            continue
        if optional and value == (-0x8000 if code == "h" else (1 << 8 * size) - 1):
            value = None
        elif names:
            value = _name_of(names, value, name)
        elif scale != 1:
            value = value / scale
        setattr(event, name, value)
    for name, kind, limit, optional in tails:
        at = _get_tail(event, data, at, end, name, kind, limit, optional)
    if not 0 <= end - at <= 3:
        raise EventError("%d bytes behind the last field" % (end - at))
    while at < end:
        if data[at]:
            raise EventError("padding is not 0")
        at += 1
    return event


def _name_of(names: dict, value: int, field: str) -> str:
    for name, number in names.items():
        if number == value:
            return name
    raise EventError("%s: %d has no name" % (field, value))


def _get_tail(event, data, at: int, end: int, name: str, kind: str, limit: int, optional: bool) -> int:
    if at + 2 > end:
        raise EventError("%s: is missing" % name)
    size = data[at] | data[at + 1] << 8
    at += 2
    if size == _ABSENT and optional:
        setattr(event, name, None)
        return at
    if size > limit or at + size > end:
        raise EventError("%s: says %d bytes" % (name, size))
    value: "Any" = bytes(memoryview(data)[at : at + size])
    if kind != "bytes":
        try:
            value = value.decode()
            if kind != "text":
                value = json.loads(value)
        except (ValueError, UnicodeError):
            raise EventError("%s: is not valid %s" % (name, kind)) from None
        if kind != "text" and (not isinstance(value, dict) or not _keys_are_text(value, kind == "map")):
            raise EventError("%s: is no object" % name)
    setattr(event, name, value)
    return at + size
