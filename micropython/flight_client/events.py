"""The events: what a program emits and what a subscriber receives. Names and values as on CPython (docs/python-client.md).

An event may be filled field by field and emitted again and again: numbers then take no heap. A value that does not fit is
refused with EventError; nothing is ever cut. 32-bit and 64-bit numbers may have their full range; on boards whose integers
take heap from 2^30 on, a program that must not allocate writes such a number into an emitter's body itself.
"""

from struct import unpack_from

from .bodies import EventError, encode_into, get_tail, name_of
from .tables import EVENTS


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


class CommandRequest:
    """Something that a device is asked to do; `target` is a device id, or empty for all."""

    event_name = "command-request"

    def __init__(self, name, target="", data=b"", request=0, timeout_ms=0):
        self.name = name
        self.target = target
        self.data = data
        self.request = request
        self.timeout_ms = timeout_ms


class CommandResult:
    """What became of a command. `asker` is the device id of whoever asked, `request` the number that it gave."""

    event_name = "command-result"

    def __init__(self, request, asker, code="done", text="", data=b""):
        self.request = request
        self.asker = asker
        self.code = code
        self.text = text
        self.data = data


_CLASSES = (
    MemoryUpdate,
    ComponentUpdate,
    SystemMonitoring,
    V6REvent,
    Log,
    FrameTime,
    Payload,
    CommandRequest,
    CommandResult,
)


def event_class(name: str):
    """One of the classes above by its name."""
    for found in _CLASSES + (EventError,):
        if found.__name__ == name:
            return found
    raise AttributeError(name)


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
            value = name_of(names, value, name)
        elif scale != 1:
            value = value / scale
        setattr(event, name, value)
    for name, kind, limit, optional in tails:
        at = get_tail(event, data, at, end, name, kind, limit, optional)
    if not 0 <= end - at <= 3:
        raise EventError("%d bytes behind the last field" % (end - at))
    while at < end:
        if data[at]:
            raise EventError("padding is not 0")
        at += 1
    return event


__all__ = ["EVENTS", "EventError", "decode", "encode_into"]
