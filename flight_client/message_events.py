"""The event that a message of the guide's form holds."""

from __future__ import annotations

import time
from typing import Any

from . import json_text
from .arguments import check_kind, refuse
from .enums import MessagePriority
from .errors import CallerError
from .events import EVENT_TYPES, Event
from .json_events import event_from_json
from .messages import RealtimeMessage
from .platforms import Platform
from .validation import validate_realtime_message


def event_of(message: RealtimeMessage, platform: Platform) -> tuple[Event, int]:
    """The event in a message of a client on this platform, and how old it is in ms.

    Raises CallerError for what is no message of it that may go, and EventError for data that such an event cannot have.
    """
    check_kind("message", message, RealtimeMessage, "a RealtimeMessage", "make one, or read it with from_json()")
    if message.platform != platform.name:
        raise refuse("platform", "is not the one of this client", message.platform, f"say {platform.name!r}")
    found = validate_realtime_message(message, explain=True)
    if not found:
        raise refuse("message", f"may not be sent: {found.reason}", message.id, "make it anew")
    kind = message.message_type
    if kind not in EVENT_TYPES:
        step = f"use one of {', '.join(EVENT_TYPES)}; a type of your own goes as a Payload"
        raise refuse("message_type", "is no type of event", kind, step)
    data = _object_in(message.payload)
    made_ms: Any = data.get("timestamp")
    if made_ms is None:
        made_ms = data["timestamp"] = message.timestamp_ms
    now_ms = made_ms if platform.memory_bytes else time.time_ns() // 1_000_000
    event, age_ms = event_from_json(kind, data, now_ms)
    return event, age_ms


def is_acknowledged(message: RealtimeMessage) -> bool:
    """Whether its sender waits until it is stored; for a critical one always."""
    return message.routing.requires_ack or message.priority is MessagePriority.CRITICAL


def _object_in(payload: str) -> dict[str, Any]:
    try:
        data = json_text.read(payload)
    except CallerError as error:
        problem = error.what.removeprefix("this ")
        raise refuse("payload", problem, payload, "give the event's data as a JSON object") from None
    if not isinstance(data, dict):
        raise refuse("payload", "is no JSON object", payload, "give the event's data as one")
    return data
