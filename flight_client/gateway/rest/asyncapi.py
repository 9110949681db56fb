"""The AsyncAPI 3.0 description of the channels and of the messages of `flight.v1.json`, from the tables of the spec.

What a client may say is described by the very types that read it (json_protocol/messages.py); events are described by their layouts, as
in OpenAPI. Operations are the gateway's: it receives requests and sends answers and events.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flight_client._tables import CHANNELS, LAYOUTS, STRINGS
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.rest.schemas import SCHEMAS, ref, schema_name
from flight_client.session import spec
from flight_client.version import __version__

Schema = dict[str, Any]

# What is asked -> what answers it, beside an error; an empty text: nothing does.
REQUESTS = {
    "hello": "welcome", "subscribe": "subscribed", "unsubscribe": "unsubscribed", "publish": "ack", "token": "renewed",
    "ping": "pong", "close": "",
}  # fmt: skip
# What comes without being asked for.
UNASKED = ("events", "gap", "subscribed", "unsubscribed", "token-ended", "error")

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_HEX: Schema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_OFFSETS: dict[str, Schema] = {"epoch": _HEX, "offset": _NUMBER}
_ERROR: dict[str, Schema] = SCHEMAS["Error"]["properties"]
_NAMES = {"EventObject": "Event"}  # where the layouts say more than the type


def _message(kind: str, required: dict[str, Schema], **optional: Schema) -> Schema:
    members = {"type": {"const": kind}, **required}
    return {"type": "object", "properties": {**members, **optional}, "required": sorted(members)}


_SAID: dict[str, Schema] = {
    "welcome": _message(
        "welcome",
        {
            "protocol": {"const": STRINGS["json_subprotocol"]}, "sessionId": _TEXT, "incarnation": _HEX, "mark": _NUMBER,
            "epoch": _HEX, "tokenExpiresInMs": _NUMBER, "messageBytes": _NUMBER, "channels": _NUMBER,
        },
    ),
    "subscribed": _message(
        "subscribed", {"channel": _TEXT, **_OFFSETS}, id=_TEXT, channels={"type": "array", "items": _TEXT}
    ),
    "unsubscribed": _message("unsubscribed", {"channel": _TEXT}, id=_TEXT, error=ref("Error")),
    "ack": _message(
        "ack", {"id": _TEXT, "status": {"type": "string", "enum": ["stored", "duplicate"]}, "stored": _NUMBER},
        counter=_NUMBER, mark=_NUMBER, leftOut=SCHEMAS["Stored"]["properties"]["leftOut"],
    ),
    "renewed": _message("renewed", {"id": _TEXT, "tokenExpiresInMs": _NUMBER}),
    "pong": _message("pong", {"id": _TEXT}),
    "events": {**SCHEMAS["Entry"], "properties": {"type": {"const": "events"}, "epoch": _HEX, **SCHEMAS["Entry"]["properties"]},
               "required": sorted(["type", "epoch", *SCHEMAS["Entry"]["required"]])},
    "gap": _message(
        "gap",
        {
            "channel": _TEXT, "epoch": _HEX, "reason": {"type": "string", "enum": ["trimmed", "epoch", "slow", "limit"]},
            "after": _NUMBER, "to": _NUMBER,
        },
    ),
    "token-ended": _message("token-ended", {"graceMs": _NUMBER}),
    "error": _message("error", _ERROR, id=_TEXT, retryAfterMs=_NUMBER),
}  # fmt: skip


def description() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Flight gateway: channels",
            "version": __version__,
            "description": "Messages of flight.v1.json over WebSocket; over polling the same ones come in arrays. Channels "
            "and events are those of the binary protocol too, which docs/protocol.md describes. The token is a member of hello.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "{host}",
                "pathname": STRINGS["stream_path"],
                "protocol": "ws",
                "description": f"subprotocol {STRINGS['json_subprotocol']}; wss where the gateway has a certificate",
                "variables": {"host": {"default": "127.0.0.1:8080"}},
            }
        },
        "channels": {"connection": _connection(), **_channels()},
        "operations": {**_of_the_connection(), **_of_the_channels()},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def message_name(kind: str) -> str:
    """token-ended -> tokenEnded."""
    first, *rest = kind.split("-")
    return first + "".join(part.capitalize() for part in rest)


def payload_name(kind: str) -> str:
    """token-ended -> TokenEndedMessage."""
    return "".join(part.capitalize() for part in kind.split("-")) + "Message"


def _messages() -> dict[str, Any]:
    found = {
        message_name(kind): {"name": kind, "title": kind, "payload": ref(payload_name(kind))}
        for kind in [*REQUESTS, *_SAID]
    }
    for layout in LAYOUTS:
        name = schema_name(layout["name"])
        found[message_name(layout["name"])] = {
            "name": layout["name"],
            "title": layout["name"],
            "summary": "one of the events of a publish or an events message",
            "payload": ref(name),
        }
    return found


def _schemas() -> dict[str, Any]:
    known = ("Error", "Memory", "Event", *(schema_name(layout["name"]) for layout in LAYOUTS))
    asked = (
        messages.Hello, messages.Subscribe, messages.Unsubscribe, messages.Publish, messages.Token, messages.Ping,
        messages.Close,
    )  # fmt: skip
    refs, parts = msgspec.json.schema_components(asked, ref_template="#/components/schemas/{name}")
    names = {message.__name__: payload_name(kind) for message, kind in zip(asked, REQUESTS, strict=True)} | _NAMES
    found = {name: SCHEMAS[name] for name in known}
    for name, schema in parts.items():
        if name not in _NAMES:
            found[names.get(name, name)] = _renamed(schema, names)
    assert len(refs) == len(REQUESTS)
    return found | {payload_name(kind): schema for kind, schema in _SAID.items()}


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """The same with references to what the parts are called here."""
    if isinstance(schema, list):
        return [_renamed(one, names) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return ref(names.get(name, name))
    return {member: _renamed(value, names) for member, value in schema.items()}


def _refs(kinds: list[str], place: str) -> list[dict[str, str]]:
    return [{"$ref": f"{place}/{message_name(kind)}"} for kind in kinds]


def _in_components(kinds: list[str]) -> dict[str, Any]:
    return {message_name(kind): {"$ref": f"#/components/messages/{message_name(kind)}"} for kind in kinds}


def _connection() -> dict[str, Any]:
    return {
        "address": STRINGS["stream_path"],
        "title": "the connection",
        "description": "Requests have an id and get one answer with that id, or an error.",
        "messages": _in_components([*REQUESTS, *_SAID]),
    }


def _channels() -> dict[str, Any]:
    found = {
        name: {
            "address": name,
            "title": name,
            "description": f"{rule['event']} events, {'critical: stored once' if rule['critical'] else 'lossy'}",
            "messages": _in_components([rule["event"]]),
        }
        for name, rule in CHANNELS.items()
    }
    every = [layout["name"] for layout in LAYOUTS]
    found["any"] = {
        "address": "{channel}",
        "title": "any other channel",
        "description": "A channel is there as soon as somebody opens it; every event may go into every channel.",
        "parameters": {
            "channel": {"description": f"1 to {spec.CHANNEL_NAME_BYTES} of a-z, 0-9, '.', '-', '_' and '/'"},
        },
        "messages": _in_components(every),
    }
    return found


def _of_the_connection() -> dict[str, Any]:
    place = "#/channels/connection"
    found: dict[str, Any] = {}
    for kind, answer in REQUESTS.items():
        operation: dict[str, Any] = {
            "action": "receive",
            "channel": {"$ref": place},
            "messages": _refs([kind], f"{place}/messages"),
        }
        if answer:
            operation["reply"] = {
                "channel": {"$ref": place},
                "messages": _refs([answer, "error"], f"{place}/messages"),
            }
        found[message_name(kind)] = operation
    found["tell"] = {
        "action": "send",
        "summary": "what comes without being asked for",
        "channel": {"$ref": place},
        "messages": _refs(list(UNASKED), f"{place}/messages"),
    }
    return found


def _of_the_channels() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in [*CHANNELS, "any"]:
        of = {"channel": {"$ref": f"#/channels/{name}"}}
        camel = "".join(part.capitalize() for part in name.split("-"))
        found[f"publish{camel}"] = {"action": "receive", "summary": "events of a publish request", **of}
        found[f"deliver{camel}"] = {"action": "send", "summary": "events of an events message", **of}
    return found
