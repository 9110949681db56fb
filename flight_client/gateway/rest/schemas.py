"""The schemas of REST's bodies: events from the layouts of the spec, the rest by hand."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from flight_client._tables import CODES, LAYOUTS, NAMES
from flight_client.events import EVENT_TYPES
from flight_client.json_events import members_of
from flight_client.session import spec

Schema = dict[str, Any]

TIMEOUT_MS = 10_000  # of a command
TIMEOUT_MOST_MS = 25_000  # proxies give up at 30 s and more

_HEX: Schema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 1}
_COUNTED: Schema = {"type": "integer", "minimum": 1}
DEVICE_ID: Schema = {
    "type": "string", "minLength": 1, "maxLength": spec.DEVICE_ID_BYTES, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]*$",
}  # fmt: skip
CURSOR: Schema = {"type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]*/[0-9a-f]*$"}
# Parts between slashes, of which none may be `.` or `..`.
_PART = r"([a-z0-9_-][a-z0-9._-]*|\.[a-z0-9_-][a-z0-9._-]*|\.\.[a-z0-9._-]+)"
CHANNEL_NAME: Schema = {
    "type": "string", "minLength": 1, "maxLength": spec.CHANNEL_NAME_BYTES, "pattern": f"^{_PART}(/{_PART})*$",
}  # fmt: skip
_COUNTER: Schema = {"type": "integer", "minimum": 1, "maximum": spec.NUMBER_LIMIT - 1}


def _object(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "properties": {**required, **optional}, "required": sorted(required)}


def _closed(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {**_object(required, **optional), "additionalProperties": False}


def ref(name: str) -> Schema:
    """A schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _value(entry: dict[str, Any], memory: bool) -> Schema:
    """Of one field of a layout."""
    kind = entry["kind"]
    if memory:
        return ref("Memory")
    if "enum" in entry:
        return {"type": "string", "enum": list(NAMES[entry["enum"]])}
    if kind == "bytes":
        return {"type": "string", "contentEncoding": "base64"}
    if kind == "json":
        return {"type": "object"}
    if kind == "map":
        return {"type": "object", "additionalProperties": _TEXT}
    if kind == "text":
        limit = entry["limit"]
        return {"type": "string", "maxLength": limit, "description": f"at most {limit} bytes of UTF-8"}
    if entry["name"] == "created_age_ms":
        return _or_null(_TIME)
    found = _range(entry)
    return _or_null(found) if entry.get("optional") else found


def _range(entry: dict[str, Any]) -> Schema:
    """What a number's place on the wire can hold; the end of the range that says `unknown` is null here."""
    bits = 64 if entry["kind"] == "size" else int(entry["kind"][1:])
    signed, unknown = entry["kind"][0] == "i", bool(entry.get("optional"))
    low = unknown - (1 << bits - 1) if signed else 0
    high = (1 << bits - 1) - 1 if signed else (1 << bits) - 1 - unknown
    scale = entry.get("scale")
    if scale:
        return {"type": "number", "minimum": low / scale, "maximum": high / scale}
    return {"type": "integer", "minimum": low, "maximum": high}


def schema_name(event: str) -> str:
    """memory-update -> MemoryUpdateEvent."""
    return "".join(part.capitalize() for part in event.split("-")) + "Event"


def _event(layout: dict[str, Any]) -> Schema:
    entries = {entry["name"]: entry for entry in [*layout["fields"], *layout["tail"]]}
    defined = EVENT_TYPES[layout["name"]].__dataclass_fields__
    needed = {name for name, one in defined.items() if one.default is MISSING and one.default_factory is MISSING}
    data: dict[str, Schema] = {"timestamp": _TIME, "sessionId": _TEXT, "platform": _TEXT}
    required: dict[str, Schema] = {}
    for field, name, memory in members_of(layout):
        (required if field in needed else data)[name] = _value(entries[field], memory)
    return _closed({"type": {"const": layout["name"]}, "data": _closed(required, **data)})


def _entry() -> Schema:
    return _object(
        {
            "channel": _TEXT, "offset": _NUMBER, "previousOffset": _NUMBER, "receivedAt": _NUMBER, "deviceId": _TEXT,
            "sessionId": _TEXT, "platform": _TEXT, "critical": {"type": "boolean"},
            "events": {"type": "array", "items": ref("Event")},
        },
        counter=_NUMBER,
        unreadable=_NUMBER,
    )  # fmt: skip


_TOGETHER: Schema = {"dependentRequired": {"incarnation": ["counter"], "counter": ["incarnation"]}}
_COMMAND: dict[str, Schema] = next(_event(layout) for layout in LAYOUTS if layout["name"] == "command-request")[
    "properties"
]["data"]["properties"]
_VM: dict[str, Schema] = next(_event(layout) for layout in LAYOUTS if layout["name"] == "v6r-event")["properties"][
    "data"
]["properties"]

SCHEMAS: dict[str, Schema] = {
    "Error": _object(
        {
            "code": {"type": "string", "enum": [code["name"] for code in CODES]},
            "fault": {"type": "string", "enum": ["caller", "peer", "none"]},
            "fatal": {"type": "boolean"}, "message": _TEXT, "value": _TEXT, "nextStep": _TEXT,
        }
    ),
    "Memory": _closed(
        {"bytes": _or_null({"type": "integer", "minimum": 0, "maximum": (1 << 64) - 2})}, humanReadable=_TEXT
    ),
    **{schema_name(layout["name"]): _event(layout) for layout in LAYOUTS},
    "Event": {"oneOf": [ref(schema_name(layout["name"])) for layout in LAYOUTS]},
    "Entry": _entry(),
    "Gap": _object({"reason": {"type": "string", "enum": ["trimmed", "epoch"]}, "after": _NUMBER, "to": _NUMBER}),
    "History": _object(
        {
            "channel": _TEXT, "epoch": _HEX, "first": _NUMBER, "last": _NUMBER, "next": _NUMBER,
            "entries": {"type": "array", "items": ref("Entry")},
        },
        gap=ref("Gap"),
    ),
    "Channels": _object(
        {
            "epoch": _HEX,
            "channels": {
                "type": "array",
                "items": _object({"name": _TEXT, "lastOffset": _NUMBER, "subscribers": _NUMBER}, channelType=_TEXT),
            },
            "nodes": ref("Nodes"),
        }
    ),
    "Presence": _object(
        {
            "devices": {
                "type": "array",
                "items": _object(
                    {
                        "deviceId": _TEXT, "sessionId": _TEXT, "platform": _TEXT, "version": _TEXT, "transport": _TEXT,
                        "connected": {"type": "boolean"},
                        "channels": {
                            "type": "array",
                            "items": _object(
                                {"name": _TEXT, "publish": {"type": "boolean"}, "subscribe": {"type": "boolean"}}
                            ),
                        },
                    }
                ),
            },
            "total": _NUMBER,
            "nodes": ref("Nodes"),
        },
        next=_TEXT,
    ),
    "Nodes": _object({"known": _COUNTED, "answered": _COUNTED}),
    "Publish": {
        **_closed(
            {"events": {"type": "array", "items": ref("Event"), "minItems": 1}},
            deviceId=DEVICE_ID, incarnation=_HEX, counter=_COUNTER, critical={"type": "boolean"},
        ), **_TOGETHER,
    },
    "VmEvent": {
        **_closed(
            {"eventType": {"type": "string", "enum": list(NAMES["v6r_event_types"])}, "resource": _VM["resource"]},
            organization=_or_null(_VM["organization"]), metadata=_VM["metadata"], timestamp=_or_null(_TIME),
            deviceId=DEVICE_ID, incarnation=_HEX, counter=_COUNTER,
        ), **_TOGETHER,
    },
    "Stored": _object(
        {"status": {"type": "string", "enum": ["stored", "duplicate"]}, "stored": _NUMBER, "epoch": _HEX},
        counter=_NUMBER, incarnation=_HEX, leftOut=_object({}, capability=_COUNTED, payload=_COUNTED),
    ),
    "DeadLetters": _object(
        {
            "deadLetters": {
                "type": "array",
                "items": _object(
                    {
                        "at": _NUMBER, "deviceId": _TEXT, "channel": _TEXT, "events": _COUNTED,
                        "code": {"type": "string", "enum": [code["name"] for code in CODES]},
                    }
                ),
            }
        }
    ),
    "Command": _closed(
        {"name": _COMMAND["name"]}, data=_COMMAND["data"], request=_COMMAND["request"], deviceId=DEVICE_ID,
        timeoutMs={"type": "integer", "minimum": 1, "maximum": TIMEOUT_MOST_MS, "default": TIMEOUT_MS},
    ),
    "CommandAnswer": _object(
        {"request": _NUMBER, "code": {"type": "string", "enum": [*NAMES["command_codes"], "unanswered"]}},
        text=_TEXT, data=_TEXT,
    ),
    "OpenApi": {"type": "object"},
    "AsyncApi": {"type": "object"},
}  # fmt: skip
