"""The public types as JSON, with the guide's names, and back.

    to_json(value)              dicts and lists, for whoever writes the text otherwise
    from_json(ClientInfo, obj)  the other way
    encode_json(value)          the text, as bytes
    decode_json(ClientInfo, text)

Theory of operation
- A field keeps its name in camelCase, but `updateInterval` and `timestamp`, which the guide calls so. What is None is left out.
- A RealtimeEvent is `{"type", "data"}`, by the same code as the gateway's (json_events.py). Read back it has the time, platform and
  session id of its data; what only a delivery says (device id, offset, counter) is empty.
- An event is rounded to the quanta of the wire first, so that JSON and binary say the same: shares to 1/10,000, degrees and rates
  to 1/100.
- A field that is not known is refused by its name. `lenient=True` passes over it: a gateway's messages may get new fields.
- Errors are CallerError and EventError; their fault is "peer" where what was read is wrong, "caller" where the call is.

All of this may be called from every thread.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, cast

from . import json_text
from .channel_info import ChannelInfo
from .client_info import ClientInfo
from .errors import CallerError
from .events import Event, decode_event, encode_event
from .json_events import camel, event_from_json, event_to_json, known_members
from .messages import MessageRouting, RealtimeMessage, RetryConfig
from .platform_config import BatchingConfig, PlatformConfig
from .rules import usual_channel
from .streams import RealtimeEvent, Source

Jsonable = (
    ClientInfo
    | ChannelInfo
    | RealtimeMessage
    | MessageRouting
    | RetryConfig
    | PlatformConfig
    | BatchingConfig
    | RealtimeEvent
)
"""What has a JSON form."""

_Kind = TypeVar("_Kind", bound=Jsonable)

_KINDS = (ClientInfo, ChannelInfo, RealtimeMessage, MessageRouting, RetryConfig, PlatformConfig, BatchingConfig)
_GUIDE_NAMES = {
    (PlatformConfig, "update_interval_ms"): "updateInterval",
    (RealtimeMessage, "timestamp_ms"): "timestamp",
}
_PARTS: dict[tuple[type[Any], str], type[Any]] = {
    (RealtimeMessage, "routing"): MessageRouting,
    (MessageRouting, "retry_config"): RetryConfig,
    (PlatformConfig, "batching"): BatchingConfig,
}


def names_of(kind: type[Any]) -> dict[str, str]:
    """Of a type with a JSON form: the name of each field in JSON -> the field."""
    return {_GUIDE_NAMES.get((kind, entry.name), camel(entry.name)): entry.name for entry in dataclasses.fields(kind)}


_NAMES = {kind: names_of(kind) for kind in _KINDS}


def to_json(value: Jsonable) -> dict[str, Any]:
    """A value as JSON's own types, a new dict each time. Raises CallerError for what has no JSON form."""
    if isinstance(value, RealtimeEvent):
        return _event_to_json(value)
    kind = type(value)
    if kind not in _NAMES:
        raise CallerError("this has no JSON form", value=kind.__name__, next_step=f"give one of: {_known()}")
    found: dict[str, Any] = {}
    for name, field in _NAMES[kind].items():
        item = getattr(value, field)
        if item is not None:
            found[name] = _plain(kind, field, item)
    return found


def from_json(kind: type[_Kind], value: object, *, lenient: bool = False) -> _Kind:
    """A value of this type from JSON's own types. lenient: pass over fields that are not known.

    Raises CallerError (EventError for an event), which names field, value and what would be right.
    """
    if not any(kind is known for known in (*_KINDS, RealtimeEvent)):
        raise CallerError("this is no type with a JSON form", value=kind, next_step=f"give one of: {_known()}")
    try:
        if kind is RealtimeEvent:
            return cast("_Kind", _event_from_json(value, lenient))
        return cast("_Kind", _from_json(kind, value, lenient))
    except CallerError as error:
        error.fault = "peer"
        raise


def encode_json(value: Jsonable) -> bytes:
    """A value as JSON text in UTF-8. Raises CallerError for what has no JSON form."""
    return json_text.write(to_json(value))


def decode_json(kind: type[_Kind], text: str | bytes | bytearray | memoryview, *, lenient: bool = False) -> _Kind:
    """A value of this type from JSON text. Raises CallerError as from_json(), and for what is no JSON."""
    return from_json(kind, json_text.read(text), lenient=lenient)


def _plain(kind: type[Any], field: str, item: Any) -> Any:
    if (kind, field) in _PARTS:
        return to_json(item)
    if isinstance(item, list):
        return list(item)
    if isinstance(item, dict):
        return dict(item)
    return str(item) if isinstance(item, str) else item


def _from_json(kind: type[Any], value: object, lenient: bool) -> Any:
    found = _object(kind.__name__, value)
    names = _NAMES[kind]
    given: dict[str, Any] = {}
    for name, item in found.items():
        field = names.get(name)
        if field is None:
            if lenient:
                continue
            raise _wrong(f"{name!r} is not a field of {kind.__name__}", item, f"use {', '.join(names)}")
        part = _PARTS.get((kind, field))
        given[field] = item if part is None or item is None else _from_json(part, item, lenient)
    for name, field in names.items():
        entry = kind.__dataclass_fields__[field]
        required = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if required and field not in given:
            raise _wrong(f"{name} is missing, which {kind.__name__} needs", None, "give it a value")
    return kind(**given)


def _event_to_json(event: RealtimeEvent) -> dict[str, Any]:
    made_ms = event.received_ms if event.timestamp_ms is None else event.timestamp_ms
    return event_to_json(_rounded(event.data), made_ms, event.source.session_id, event.source.platform)


def _event_from_json(value: object, lenient: bool) -> RealtimeEvent:
    found = _object("RealtimeEvent", value)
    extra = sorted(map(str, set(found) - {"type", "data"}))
    if extra and not lenient:
        raise _wrong(f"{extra[0]!r} is not a field of RealtimeEvent", found[extra[0]], "use type, data")
    kind, data = found.get("type"), _object("data", found.get("data"))
    if not isinstance(kind, str):
        raise _wrong("type is not text", kind, "give the event's type, such as memory-update")
    if lenient:
        known = known_members(kind)
        data = {name: item for name, item in data.items() if name in known}
    made_ms = data.get("timestamp")
    if made_ms is None:
        raise _wrong("timestamp is missing, which every event has", None, "give ms since 1970")
    # By its own clock it has just happened: how old it is, is the gateway's question, who knows what time it is.
    event, _ = event_from_json(kind, data, made_ms if type(made_ms) is int else 0)
    source = Source("", _text(data, "platform"), _text(data, "sessionId"))
    return RealtimeEvent(kind, _rounded(event), usual_channel(kind), source, 0, made_ms, 0, 0)


def _rounded(event: Event) -> Event:
    """The event as it comes out of the wire. Raises EventError for a value that the wire cannot carry."""
    return decode_event(*encode_event(event))


def _text(data: dict[str, Any], name: str) -> str:
    item = data.get(name, "")
    if not isinstance(item, str):
        raise _wrong(f"{name} is not text", item, "give a str")
    return item


def _object(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _wrong(f"{name} is not a JSON object", value, "give a dict with text keys")
    return value


def _wrong(what: str, value: object, next_step: str) -> CallerError:
    return CallerError(what, value=value, next_step=next_step)


def _known() -> str:
    return ", ".join(kind.__name__ for kind in (*_KINDS, RealtimeEvent))
