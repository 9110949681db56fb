"""The first message of a connection in JSON: hello, or nothing comes of it."""

from __future__ import annotations

import logging
from typing import Any

from flight_client.errors import RefusedError
from flight_client.gateway.greeting import RETRY_MS
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.json_protocol.session import JsonSession
from flight_client.gateway.registry import Registry
from flight_client.session import spec

_log = logging.getLogger("flight.gateway")


async def greet(registry: Registry, text: str | bytes, transport: str, address: str) -> JsonSession | dict[str, Any]:
    """The session that a first message leads to, or the `error` that answers it."""
    try:
        hello = messages.read_message(text)
    except messages.Unreadable as error:
        registry.counters.malformed += 1
        return {"type": "error", **messages.error_of(error)}
    if not isinstance(hello, messages.Hello):
        return messages.refusal_message(spec.CODE_NOT_HELLO, f"the first message is {hello.__struct_config__.tag}")
    try:
        frame = messages.hello_frame(hello)
        accepted = await registry.accept(frame, address)
    except RefusedError as error:
        _log.info("hello in JSON refused: %s", error.what)
        return messages.refusal_message(error.code, error.text, RETRY_MS.get(error.code, 0))
    version = frame.version.decode("utf-8", "replace")
    session = JsonSession(registry.hub, accepted, version, transport, registry.clock())
    registry.seat(session)
    return session
