"""What the bindings in other languages have in common: the fields of events as JSON names them, enums, profiles, constants.

Each language gets all of it: that constants.ts and generated_constants.go say the same is meant, since neither package can import
the other's, and nobody keeps them alike by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from build_scripts.public_enums import ENUMS

_ENUM_OF = {table: name for name, (table, _) in ENUMS.items()}

# The guide's names of the events' data.
STRUCTS = {
    "memory-update": "MemoryUpdateData",
    "component-update": "ComponentData",
    "v6r-event": "V6RData",
    "system-monitoring": "SystemMonitoringData",
    "log": "LogData",
    "frame-time": "FrameTimeData",
    "payload": "PayloadData",
    "command-request": "CommandRequestData",
    "command-result": "CommandResultData",
}

_TAIL_DOCS = {"json": "a bounded JSON object", "map": "text to text", "bytes": "base64", "text": "text"}

Spec = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """A field of an event's data. kind: memory, number (whole), share (with a fraction), enum, text, bytes, json or map."""

    name: str
    kind: str
    optional: bool
    doc: str
    enum: str = ""


def camel(name: str) -> str:
    """memory_used_bytes -> memoryUsedBytes."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def pascal(name: str) -> str:
    """vm-created -> VmCreated."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("_", "-").split("-"))


def members(layout: dict[str, Any]) -> list[Member]:
    """The fields of a layout as JSON has them."""
    found = [_fixed(field) for field in layout["fields"] if not field.get("reserved")]
    return found + [_tail(tail) for tail in layout["tail"]]


def _fixed(field: dict[str, Any]) -> Member:
    name, form = field.get("json") or camel(field["name"]), field.get("json_form", "")
    optional = bool(field.get("optional"))
    doc = "when it was made, in ms since 1970" if form == "moment" else field["doc"]
    if form == "memory":
        return Member(name, "memory", optional, doc)
    if "enum" in field:
        return Member(name, "enum", optional, doc, _ENUM_OF[field["enum"]])
    return Member(name, "share" if "scale" in field else "number", optional, doc)


def _tail(tail: dict[str, Any]) -> Member:
    doc = f"{_TAIL_DOCS[tail['kind']]}, at most {tail['limit']} bytes"
    return Member(camel(tail["name"]), tail["kind"], bool(tail.get("optional")), doc)


def constants(spec: Spec) -> list[tuple[str, int | str, str]]:
    """Name in the words of the spec, value, and what it is for."""
    timing, limits, frame = spec["timing"], spec["limits"], spec["frame"]
    oldest_ms = (frame["age_unknown"] - frame["age_seconds_flag"] - 1) * 1000  # what the age of a record can say
    return [
        ("json_subprotocol", spec["protocol"]["json_subprotocol"], "The protocol that this client speaks."),
        ("stream_path", spec["protocol"]["stream_path"], "Where a gateway takes WebSockets."),
        ("poll_path", spec["protocol"]["poll_path"], "Where a gateway takes polling requests."),
        ("max_message_age_ms", oldest_ms, "Older messages are refused: an age on the wire cannot say more."),
        ("max_message_future_ms", limits.get("max_message_future_ms", 60000), "How far ahead a peer's clock may be."),
        ("device_id_bytes", limits["device_id_bytes"], "The longest name of a device."),
        ("retry_count", timing["retry_count"], "How often a critical event goes again that could not be stored."),
        ("retry_interval_ms", timing["retry_interval_ms"], "... each time this much later."),
        ("reconnect_spread_ms", timing["reconnect_spread_ms"], "The first attempt after a break comes within this."),
        ("healthy_ms", timing["healthy_ms"], "Only a connection that lived this long resets the backoff."),
        (
            "probe_first_ms",
            timing["probe_first_ms"],
            "After a step down to polling the WebSocket is tried again after this.",
        ),
        ("probe_base_ms", timing["probe_base_ms"], "... then after this, and twice as long each time."),
        ("probe_cap_ms", timing["probe_cap_ms"], "... and this at most."),
        (
            "upgrade_healthy_ms",
            timing["upgrade_healthy_ms"],
            "A WebSocket that lived this long makes the waits short again.",
        ),
        ("close_wait_ms", timing["close_wait_ms"], "close() ends within this."),
        ("letter_events", limits["letter_events"], "Dead letters that are kept."),
        ("pressure_queue_events", limits["pressure_queue_events"], "What a console keeps queued under pressure."),
    ]


def profile_values(profile: dict[str, Any]) -> dict[str, Any]:
    """Of a platform: what a program in JSON needs to know, in the words of the bindings."""
    return {
        "platform": profile["name"],
        "client_type": profile["client_type"],
        "memory_constraint": profile["memory"],
        "connection_mode": profile["connection_mode"],
        "update_interval": profile["update_interval_ms"],
        "max_retries": profile["max_retries"],
        "retry_interval_ms": profile["retry_interval_ms"],
        "connect_timeout_ms": profile["connect_timeout_ms"],
        "connect_retry_interval_ms": profile["connect_retry_interval_ms"],
        "backoff_floor_ms": profile["backoff_floor_ms"],
        "backoff_cap_ms": profile["backoff_cap_ms"],
        "poll_floor_ms": profile["poll_floor_ms"],
        "max_payload_bytes": profile["message_bytes"],
        "max_connections": profile["max_connections"],
        "history_events": profile["history_events"],
        "capabilities": profile["capabilities"],
        "billing_enabled": profile.get("billing_enabled", False),
        "subscription_tier": profile.get("subscription_tier", ""),
    }
