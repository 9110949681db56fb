"""The events: what a program emits and what a subscriber receives.

Each class carries the fields of one layout of the spec under the same names, as natural Python values:

    sizes, counts, times    int; where None is allowed it means "unknown", which is not 0
    shares, degrees, rates  float, rounded to the resolution on the wire (1/10,000 or 1/100)
    states, levels          one of the spec's names, as str
    metadata                dict

A value that does not fit is refused with EventError, which names field, value and limit; nothing is ever cut. Values are
checked when the event is encoded, so an event may be filled field by field.
"""

import json
import math
import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, TypeAlias

from flight_client._tables import LAYOUTS, NAMES
from flight_client.errors import CallerError, EventError
from flight_client.sizes import ComponentViews, MemoryViews

__all__ = [
    "EVENT_TYPES",
    "CommandRequest",
    "CommandResult",
    "ComponentUpdate",
    "Event",
    "FrameTime",
    "Log",
    "MemoryUpdate",
    "Payload",
    "SystemMonitoring",
    "V6REvent",
    "decode_event",
    "encode_event",
]


@dataclass(slots=True)
class MemoryUpdate(MemoryViews):
    """Memory of a machine. Give what was measured and leave the rest unknown."""

    event_name: ClassVar[str] = "memory-update"
    total_bytes: int | None = None
    used_bytes: int | None = None
    available_bytes: int | None = None
    budget_bytes: int | None = None
    fragmentation: float | None = None


@dataclass(slots=True)
class ComponentUpdate(ComponentViews):
    """A component of a program was created, changed its state, or reports itself."""

    event_name: ClassVar[str] = "component-update"
    id: str
    name: str
    version: str = ""
    state: str = "active"
    memory_bytes: int | None = None
    created_age_ms: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SystemMonitoring:
    """How a machine is doing. Give what was measured and leave the rest unknown."""

    event_name: ClassVar[str] = "system-monitoring"
    memory_used_bytes: int | None = None
    network_received_bytes: int | None = None
    network_sent_bytes: int | None = None
    dropped_events: int | None = None
    cpu: float | None = None
    battery: float | None = None
    temperature_c: float | None = None
    frames_per_second: float | None = None
    queue_fill: float | None = None


@dataclass(slots=True)
class V6REvent:
    """Something happened to a virtual machine."""

    event_name: ClassVar[str] = "v6r-event"
    event_type: str
    resource: str
    organization: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Log:
    """One line for a person."""

    event_name: ClassVar[str] = "log"
    text: str
    level: str = "info"


@dataclass(slots=True)
class FrameTime:
    """Times of the frames drawn since the last one."""

    event_name: ClassVar[str] = "frame-time"
    minimum_us: int
    mean_us: int
    maximum_us: int
    count: int
    over_budget: int = 0


@dataclass(slots=True)
class Payload:
    """The application's own bytes under its own number."""

    event_name: ClassVar[str] = "payload"
    kind: int
    data: bytes = b""


@dataclass(slots=True)
class CommandRequest:
    """Something that a device is asked to do. Client.command() makes it; `target` is a device id, or empty for all."""

    event_name: ClassVar[str] = "command-request"
    name: str
    target: str = ""
    data: bytes = b""
    request: int = 0
    timeout_ms: int = 0


@dataclass(slots=True)
class CommandResult:
    """What became of a command. `asker` is the device id of whoever asked, `request` the number that it gave."""

    event_name: ClassVar[str] = "command-result"
    request: int
    asker: str
    code: str = "done"
    text: str = ""
    data: bytes = b""


Event: TypeAlias = (
    MemoryUpdate
    | ComponentUpdate
    | SystemMonitoring
    | V6REvent
    | Log
    | FrameTime
    | Payload
    | CommandRequest
    | CommandResult
)

_CLASSES: Final[tuple[type[Event], ...]] = (
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

#: The class of each event name.
EVENT_TYPES: Final[dict[str, type[Event]]] = {cls.event_name: cls for cls in _CLASSES}

_WIDE = 0x80
_ABSENT = 0xFFFF
_BITS = {"u8": 8, "u16": 16, "u32": 32, "i16": 16}
_LENGTH = struct.Struct("<H")


# ---- fixed fields ----------------------------------------------------------------------------------------------------


class _Field:
    """One field of a fixed part, in one of its two widths: Python value to wire number and back."""

    __slots__ = ("highest", "lowest", "name", "names", "optional", "reserved", "scale", "unknown", "values")

    def __init__(self, spec: dict[str, Any], wide: bool) -> None:
        bits = (64 if wide else 32) if spec["kind"] == "size" else _BITS[spec["kind"]]
        signed = spec["kind"] == "i16"
        self.name: str = spec["name"]
        self.reserved: bool = spec.get("reserved", False)
        self.optional: bool = spec.get("optional", False)
        self.scale: int = spec.get("scale", 0)
        # "Unknown" is the end of the range that nobody measures: the largest number, or the lowest where there is a sign.
        self.unknown = -(1 << bits - 1) if signed else (1 << bits) - 1
        self.lowest = self.unknown + self.optional if signed else 0
        self.highest = (1 << bits - 1) - 1 if signed else (1 << bits) - 1 - self.optional
        self.values: dict[str, int] = NAMES[spec["enum"]] if "enum" in spec else {}
        self.names = {number: name for name, number in self.values.items()}

    def to_wire(self, value: Any) -> int:
        if value is None:
            if self.optional:
                return self.unknown
            raise _refused(self.name, "is required", None, None, "give it a value")
        if self.values:
            return self._enum_to_wire(value)
        number = self._scaled(value) if self.scale else _integer(self.name, value)
        if not self.lowest <= number <= self.highest:
            divisor = self.scale or 1
            limit = (self.lowest / divisor, self.highest / divisor) if self.scale else (self.lowest, self.highest)
            raise _refused(self.name, f"is outside {limit[0]} to {limit[1]}", value, limit, "send a value inside")
        return number

    def _enum_to_wire(self, value: Any) -> int:
        number = self.values.get(value) if isinstance(value, str) else None
        if number is None:
            names = ", ".join(self.values)
            raise _refused(self.name, "is not a known name", value, tuple(self.values), f"use one of {names}")
        return number

    def _scaled(self, value: Any) -> int:
        """The nearest number that can be sent."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _refused(self.name, "is not a finite number", value, None, "send a float, or None for unknown")
        return round(value * self.scale)

    def from_wire(self, number: int) -> Any:
        if self.optional and number == self.unknown:
            return None
        if self.names:
            if number not in self.names:
                raise _unreadable(self.name, "is a number without a name", number)
            return self.names[number]
        return number / self.scale if self.scale else number


def _integer(name: str, value: Any) -> int:
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise _refused(name, "is not an integer", value, None, "send an int, or None for unknown where that is allowed")


# ---- tails -----------------------------------------------------------------------------------------------------------


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _no_constant(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are not JSON


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant, object_pairs_hook=_no_doubles)


def _text_to_wire(name: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _refused(name, "is not text", value, None, "send a str")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise _refused(name, "is not valid Unicode", value, None, "remove the lone surrogates") from None


def _text_from_wire(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _unreadable(name, "is not valid UTF-8", raw) from None


def _json_to_wire(name: str, value: Any) -> bytes:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _refused(name, "is not a dict with text keys", value, None, "send a dict of str to JSON values")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise _refused(name, "cannot be written as JSON", value, None, "use str, int, float, bool, None") from None
    return _text_to_wire(name, text)


def _json_from_wire(name: str, raw: bytes) -> dict[str, Any]:
    try:
        value = _JSON.decode(raw.decode())
        json.dumps(value, ensure_ascii=False).encode()  # \ud800 alone is legal JSON, but no text
    except (ValueError, RecursionError):
        raise _unreadable(name, "is not valid JSON", raw) from None
    if not isinstance(value, dict):
        raise _unreadable(name, "is not a JSON object", raw)
    return value


def _map_to_wire(name: str, value: Any) -> bytes:
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise _refused(name, "is not a dict of text to text", value, None, "send a dict of str to str")
    return _json_to_wire(name, value)


def _map_from_wire(name: str, raw: bytes) -> dict[str, str]:
    value = _json_from_wire(name, raw)
    if not all(isinstance(item, str) for item in value.values()):
        raise _unreadable(name, "holds values that are not text", raw)
    return value


def _bytes_to_wire(name: str, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _refused(name, "is not bytes", value, None, "send bytes")
    return bytes(value)


def _bytes_from_wire(_name: str, raw: bytes) -> bytes:
    return raw


_TAILS: Final[dict[str, tuple[Callable[[str, Any], bytes], Callable[[str, bytes], Any]]]] = {
    "text": (_text_to_wire, _text_from_wire),
    "json": (_json_to_wire, _json_from_wire),
    "map": (_map_to_wire, _map_from_wire),
    "bytes": (_bytes_to_wire, _bytes_from_wire),
}


class _Tail:
    """One length-prefixed field behind the fixed part."""

    __slots__ = ("limit", "name", "optional", "read", "write")

    def __init__(self, spec: dict[str, Any]) -> None:
        self.name: str = spec["name"]
        self.limit: int = spec["limit"]
        self.optional: bool = spec.get("optional", False)
        self.write, self.read = _TAILS[spec["kind"]]

    def to_wire(self, value: Any) -> bytes:
        if value is None and self.optional:
            return b"\xff\xff"
        raw = self.write(self.name, value)
        if len(raw) > self.limit:
            raise _refused(
                self.name, f"has {len(raw)} bytes, the limit is {self.limit}", value, self.limit, "shorten it"
            )
        return _LENGTH.pack(len(raw)) + raw

    def from_wire(self, body: bytes, offset: int) -> tuple[Any, int]:
        """The value, and the offset behind it."""
        if offset + 2 > len(body):
            raise _unreadable(self.name, "is missing at the end of the body", len(body))
        (length,) = _LENGTH.unpack_from(body, offset)
        offset += 2
        if length == _ABSENT and self.optional:
            return None, offset
        if length > self.limit or offset + length > len(body):
            raise _unreadable(self.name, "has a length over its limit or over the body", length)
        return self.read(self.name, body[offset : offset + length]), offset + length


# ---- layouts ---------------------------------------------------------------------------------------------------------


class _Layout:
    """One layout in one width. Field order on the wire is the spec's; in Python it is the class's."""

    __slots__ = ("_numbers", "cls", "fields", "fixed", "id", "tails")

    def __init__(self, spec: dict[str, Any], wide: bool) -> None:
        self.cls = EVENT_TYPES[spec["name"]]
        self.id: int = spec["id"] | (_WIDE if wide else 0)
        self.fixed = struct.Struct(spec["format_wide" if wide else "format"])
        self.fields = [_Field(entry, wide) for entry in spec["fields"]]
        self.tails = [_Tail(entry) for entry in spec["tail"]]
        # Of each field its range, where an int in it is the number on the wire; every other value goes the long way.
        self._numbers = [
            (entry, entry.name, *((1, 0) if entry.scale or entry.values else (entry.lowest, entry.highest)))
            for entry in self.fields if not entry.reserved
        ]  # fmt: skip
        assert all(entry.reserved for entry in self.fields[len(self._numbers) :]), "reserved fields stand last"

    def encode(self, event: Event) -> bytes:
        numbers = []
        for entry, name, lowest, highest in self._numbers:
            value = getattr(event, name)
            numbers.append(value if type(value) is int and lowest <= value <= highest else entry.to_wire(value))
        numbers += [0] * (len(self.fields) - len(numbers))
        body = self.fixed.pack(*numbers)
        if self.tails:
            body += b"".join([tail.to_wire(getattr(event, tail.name)) for tail in self.tails])
            body += bytes(-len(body) % 4)
        return body

    def decode(self, body: bytes) -> Event:
        size = self.fixed.size
        if len(body) < size:
            raise _unreadable("body", f"is shorter than the {size} bytes of its fixed part", len(body))
        values: dict[str, Any] = {}
        for entry, number in zip(self.fields, self.fixed.unpack_from(body), strict=True):
            if not entry.reserved:
                values[entry.name] = entry.from_wire(number)
            elif number:
                raise _unreadable(entry.name, "is reserved and must be 0", number)
        for tail in self.tails:
            values[tail.name], size = tail.from_wire(body, size)
        if len(body) != size + (-size % 4) or any(body[size:]):
            raise _unreadable("padding", "must be up to three zero bytes at the end", body[size:])
        return self.cls(**values)


def _build() -> tuple[dict[int, _Layout], dict[type[Event], tuple[_Layout, _Layout]]]:
    """Layouts by id, and by class as (narrow, wide); both are the same where there are no sizes."""
    by_id: dict[int, _Layout] = {}
    by_class: dict[type[Event], tuple[_Layout, _Layout]] = {}
    for spec in LAYOUTS:
        narrow = _Layout(spec, wide=False)
        wide = _Layout(spec, wide=True) if spec["wide"] else narrow
        by_id[narrow.id] = narrow
        by_id[wide.id] = wide
        by_class[narrow.cls] = (narrow, wide)
    return by_id, by_class


_BY_ID, _BY_CLASS = _build()
_NARROW_LIMIT = 0xFFFFFFFE
_SIZES: Final[dict[type[Event], tuple[str, ...]]] = {
    EVENT_TYPES[spec["name"]]: tuple(entry["name"] for entry in spec["fields"] if entry["kind"] == "size")
    for spec in LAYOUTS
}


def encode_event(event: Event, wide: bool = False) -> tuple[int, bytes]:
    """An event as (layout, body). wide: send sizes in 64 bits; without it they get them only where 32 are too few.

    Raises EventError for a value that does not fit, naming field, value and limit.
    """
    cls = type(event)
    if cls not in _BY_CLASS:
        raise CallerError(
            "this is not an event",
            value=cls.__name__,
            next_step=f"send one of {', '.join(known.__name__ for known in _CLASSES)}",
        )
    if not wide:
        for name in _SIZES[cls]:
            size = getattr(event, name)
            if isinstance(size, int) and size > _NARROW_LIMIT:
                wide = True
    layout = _BY_CLASS[cls][wide]
    return layout.id, layout.encode(event)


def decode_event(layout: int, body: bytes | bytearray | memoryview) -> Event:
    """The event in a record's body. Raises EventError for a body that no sender may write."""
    if layout not in _BY_ID:
        raise EventError(
            "the layout of this event is not known",
            field="layout",
            value=layout,
            limit=tuple(sorted(_BY_ID)),
            next_step="update this side, or leave the event out",
            fault="peer",
        )
    return _BY_ID[layout].decode(bytes(body))


def _refused(name: str, what: str, value: object, limit: object, next_step: str) -> EventError:
    return EventError(f"{name} {what}", field=name, value=value, limit=limit, next_step=next_step)


def _unreadable(name: str, what: str, value: object) -> EventError:
    return EventError(
        f"a received event cannot be read: {name} {what}",
        field=name,
        value=value,
        next_step="leave the event out; its sender breaks the protocol",
        fault="peer",
    )


# A class that lacks a field of its layout would lose data without a word; so the program does not start.
for _layout in _BY_ID.values():
    _wanted = {entry.name for entry in _layout.fields if not entry.reserved} | {tail.name for tail in _layout.tails}
    assert {entry.name for entry in fields(_layout.cls)} == _wanted, _layout.cls
