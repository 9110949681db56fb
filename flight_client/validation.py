"""Whether a message may be taken: the guide's validateRealtimeMessage, for clients and for gateways.

Three questions, in this order: is it a message at all, is its payload small enough for its platform, is it young enough. The
last one protects against what is sent again by somebody else. A cloud, web or host peer has a clock: its timestamp may be at most
MAX_MESSAGE_AGE_MS old and MAX_MESSAGE_FUTURE_MS ahead. A console or a board has none to rely on: of its timestamp nothing is asked
but that there is one, and its age is what the session measured, if that is given.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

from . import arguments
from .errors import CallerError
from .json_codec import from_json
from .messages import RealtimeMessage
from .platform_config import get_max_payload_size, profile_named
from .session.spec import MAX_MESSAGE_AGE_MS, MAX_MESSAGE_FUTURE_MS

__all__ = ["MAX_MESSAGE_AGE_MS", "MAX_MESSAGE_FUTURE_MS", "Validation", "validate_realtime_message"]


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found: true in a condition where the message is valid; else `reason` is a sentence that says why not."""

    valid: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.valid


@overload
def validate_realtime_message(
    message: RealtimeMessage | Mapping[str, Any],
    explain: Literal[False] = False,
    *,
    now_ms: int | None = None,
    transit_ms: int | None = None,
) -> bool: ...


@overload
def validate_realtime_message(
    message: RealtimeMessage | Mapping[str, Any],
    explain: Literal[True],
    *,
    now_ms: int | None = None,
    transit_ms: int | None = None,
) -> Validation: ...


def validate_realtime_message(
    message: RealtimeMessage | Mapping[str, Any],
    explain: bool = False,
    *,
    now_ms: int | None = None,
    transit_ms: int | None = None,
) -> bool | Validation:
    """Whether a message, or the JSON object of one, may be taken; anything else is no message, and False.

    explain: answer a Validation, which has the reason. now_ms: the time in milliseconds since 1970; by default this machine's.
    transit_ms: how long ago the session says that the message was made, in milliseconds; for consoles and boards, whose
    clock is not asked. May be called from every thread. Raises CallerError only for wrong values of the other arguments.
    """
    arguments.truth("explain", explain)
    now = time.time_ns() // 1_000_000 if now_ms is None else arguments.whole("now_ms", now_ms)
    transit = 0 if transit_ms is None else arguments.whole("transit_ms", transit_ms)
    reason = _reason(message, now, transit)
    return Validation(not reason, reason) if explain else not reason


def _reason(message: object, now_ms: int, transit_ms: int) -> str:
    """Why a message is not valid; '' where it is."""
    if not isinstance(message, RealtimeMessage):
        try:
            message = from_json(RealtimeMessage, dict(message) if isinstance(message, Mapping) else message)
        except CallerError as error:
            return str(error)
    for name in ("id", "message_type", "timestamp_ms"):
        if not getattr(message, name):
            return f"{name} is missing"
    try:
        most, profile = get_max_payload_size(message.platform), profile_named(message.platform)
    except CallerError as error:
        return str(error)
    size = len(message.payload.encode())
    if size > most:
        return f"the payload has {size} bytes, the limit of {message.platform} is {most}"
    if profile["memory_bytes"]:
        age_ms, ahead_ms = transit_ms, 0
    else:
        age_ms, ahead_ms = now_ms - message.timestamp_ms, message.timestamp_ms - now_ms
    if age_ms > MAX_MESSAGE_AGE_MS:
        return f"it is {age_ms} ms old, over {MAX_MESSAGE_AGE_MS}"
    if ahead_ms > MAX_MESSAGE_FUTURE_MS:
        return f"it is {ahead_ms} ms ahead of our clock, over {MAX_MESSAGE_FUTURE_MS}"
    return ""
