"""Events as JSON, with the guide's names: `{"type": "memory-update", "data": {...}}`.

Theory of operation
- Every layout of the spec has a JSON form. A field keeps its name in camelCase, but for the guide's own names: memory as
  `{bytes, humanReadable}`, `fragmentationRatio`, `memoryUsage`, `createdAt`.
- `data` has a `timestamp` in ms since 1970: when the event was made, by the gateway's clock: received, minus its ages.
- What is unknown is null, never 0, and `humanReadable` says "unknown" then. Bytes are base64.
- What the gateway adds (humanReadable, sessionId, platform) may stand in what a client sends, so that an event can be
  published as it was received; it is not looked at.
- Nothing is cut or guessed: an unknown field is refused by its name, and a value by encode_event() as everywhere.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Callable
from typing import Any

from flight_client._tables import LAYOUTS
from flight_client.arguments import SAFE_INTEGER
from flight_client.errors import EventError
from flight_client.events import EVENT_TYPES, Event
from flight_client.session.spec import MAX_MESSAGE_AGE_MS, MAX_MESSAGE_FUTURE_MS
from flight_client.sizes import human_readable


def camel(name: str) -> str:
    """memory_used_bytes -> memoryUsedBytes."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _memory(value: int | None) -> dict[str, Any]:
    return {"bytes": value, "humanReadable": human_readable(value)}


def _bytes_of(name: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, dict):
        extra = sorted(set(value) - {"bytes", "humanReadable"})
        if not extra and "bytes" in value:
            return value["bytes"]
    raise _bad(name, "is not an object with `bytes`", value, '{"bytes": 8808038}')


def _to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _from_base64(name: str, value: Any) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _bad(name, "is not base64", value, "the bytes as base64 text")


def _same(value: Any) -> Any:
    return value


def _as_it_is(_name: str, value: Any) -> Any:
    return value


_OF_THE_GATEWAY = {"timestamp", "sessionId", "platform"}


class _Member:
    """One field of an event on both sides."""

    __slots__ = ("field", "memory", "name", "read", "relative", "write")

    def __init__(self, entry: dict[str, Any]) -> None:
        """entry: the field in the spec's layout."""
        form = entry.get("json_form", "")
        self.field: str = entry["name"]
        self.name: str = entry.get("json") or camel(self.field)
        self.memory = form == "memory"
        self.relative = form == "moment"
        self.write: Callable[[Any], Any] = _same
        self.read: Callable[[str, Any], Any] = _as_it_is
        if self.memory:
            self.write, self.read = _memory, _bytes_of
        elif entry["kind"] == "bytes":
            self.write, self.read = _to_base64, _from_base64


def members_of(layout: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Of a layout: field, name in JSON, and whether it is memory."""
    return [(member.field, member.name, member.memory) for member in _members(layout)]


def _members(layout: dict[str, Any]) -> list[_Member]:
    both = [*layout["fields"], *layout["tail"]]
    return [_Member(entry) for entry in both if not entry.get("reserved")]


def known_members(kind: str) -> set[str]:
    """The names that may stand in the data of an event of this type; only the gateway's, where there is no such type."""
    return {member.name for member in _MEMBERS.get(kind, ())} | _OF_THE_GATEWAY


_MEMBERS = {layout["name"]: _members(layout) for layout in LAYOUTS}


def event_to_json(event: Event, made_ms: int, session_id: str, platform: str) -> dict[str, Any]:
    """`{"type", "data"}` of an event that was made at this time, ms since 1970."""
    data: dict[str, Any] = {"timestamp": made_ms, "sessionId": session_id, "platform": platform}
    for member in _MEMBERS[event.event_name]:
        value = getattr(event, member.field)
        if member.relative:
            data[member.name] = None if value is None else made_ms - value
        elif value is not None or member.field != "organization":  # the guide: absent, not null
            data[member.name] = member.write(value)
    return {"type": event.event_name, "data": data}


def event_from_json(kind: str, data: dict[str, Any], now_ms: int) -> tuple[Event, int]:
    """An event and its age in ms. Raises EventError, which names field, value and what would be right."""
    made = EVENT_TYPES.get(kind)
    if made is None:
        raise _bad("type", "is not a known type of event", kind, "one of " + ", ".join(EVENT_TYPES))
    members = {member.name: member for member in _MEMBERS[kind]}
    for name, value in data.items():
        if name not in members and name not in _OF_THE_GATEWAY:
            raise _bad(name, f"is not a field of {kind}", value, "fields of " + ", ".join(members))
    made_ms = _moment("timestamp", data.get("timestamp"), now_ms)
    age_ms = now_ms - made_ms
    if age_ms > MAX_MESSAGE_AGE_MS:
        raise _bad("timestamp", f"is {age_ms} ms ago, over {MAX_MESSAGE_AGE_MS}", made_ms, "newer events")
    if age_ms < -MAX_MESSAGE_FUTURE_MS:
        raise _bad(
            "timestamp", f"is {-age_ms} ms ahead, over {MAX_MESSAGE_FUTURE_MS}", made_ms, "a clock that is right"
        )
    values: dict[str, Any] = {}
    for name, member in members.items():
        if name in data:
            value = data[name]
            if member.relative:
                values[member.field] = None if value is None else _since(name, value, made_ms)
            else:
                values[member.field] = member.read(name, value)
    try:
        return made(**values), max(0, age_ms)
    except TypeError:
        needed = [name for name, field in made.__dataclass_fields__.items() if _required(field)]
        missing = [member.name for member in members.values() if member.field in needed and member.name not in data]
        raise _bad(missing[0], f"is missing, which a {kind} needs", None, "a value for it") from None


def _required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _moment(name: str, value: Any, otherwise: int) -> int:
    if value is None:
        return otherwise
    if type(value) is not int or not 0 <= value <= SAFE_INTEGER:
        raise _bad(name, "is not a time in whole ms since 1970", value, "Date.now(), or nothing for now")
    return value


def _since(name: str, value: Any, made_ms: int) -> int:
    since_ms = made_ms - _moment(name, value, made_ms)
    if since_ms < 0:
        raise _bad(name, "is later than the event's timestamp", value, "a time before it, or null")
    return since_ms


def _bad(name: str, what: str, value: object, right: str) -> EventError:
    return EventError(f"{name} {what}", field=name, value=value, next_step=f"send {right}")
