"""A command to a device as one request: it is stored as any command is, and its answer waited for, up to a time.

Nothing is asked twice by the gateway: a caller that heard nothing may ask again with the same `request`, which a device carries out
once. So many requests may wait at a time, each with a subscription of its own.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from flight_client.errors import EventError, FrameError
from flight_client.events import CommandRequest, CommandResult, decode_event, encode_event
from flight_client.gateway.engines.base import Entry
from flight_client.gateway.hub import Hub, Subscription
from flight_client.gateway.names import refusal
from flight_client.gateway.rest.publishing import Publishing, Writer
from flight_client.gateway.rights import Identity
from flight_client.session import spec
from flight_client.wire.records import records, write_record

COMMANDS = "commands"
RESULTS = "command-results"
_WAITING = 64


class Commands:
    """Those that wait at one gateway."""

    def __init__(self, hub: Hub, publishing: Publishing) -> None:
        self._hub = hub
        self._publishing = publishing
        self._waiting = 0

    async def ask(self, identity: Identity, writer: Writer, command: CommandRequest) -> dict[str, Any]:
        """The answer, or that there was none in time. Raises RefusedError, and EventError for what does not fit."""
        channel = self._hub.open_channel(identity, COMMANDS, spec.MODE_PUBLISH)
        results = self._hub.open_channel(identity, RESULTS, spec.MODE_SUBSCRIBE)
        layout, body = encode_event(command)
        out = bytearray(len(body) + 16)
        data = bytes(out[: write_record(out, 0, layout, 0, body)])
        if self._waiting >= _WAITING:
            raise refusal(spec.CODE_TOO_MANY, "commands wait for their answers", str(_WAITING))
        ready = asyncio.Event()
        limits = self._hub.subscriber_limits._replace(entry_bytes=1 << 30)
        self._waiting += 1
        subscription = None
        try:
            subscription = await self._hub.subscribe(
                results, spec.START_LIVE, ready.set, limits=limits, holder=identity.holder
            )
            await self._publishing.publish(writer, channel, data, 1, True, None)
            async with asyncio.timeout(_wait_s(command)):
                return _fields(await _answer(subscription, ready, command, writer.source.device_id))
        except TimeoutError:
            return {"request": command.request, "code": "unanswered"}
        finally:
            self._waiting -= 1
            if subscription is not None:
                subscription.close()


def _wait_s(command: CommandRequest) -> float:
    return command.timeout_ms / 1000


async def _answer(
    subscription: Subscription, ready: asyncio.Event, command: CommandRequest, asker: str
) -> CommandResult:
    """What the target itself says to this request."""
    while True:
        item = subscription.next()
        if item is None:
            ready.clear()
            await ready.wait()
        elif isinstance(item, Entry) and item.source.device_id == command.target:
            for result in _results(item):
                if (result.request, result.asker) == (command.request, asker):
                    return result


def _results(entry: Entry) -> list[CommandResult]:
    found = []
    data = entry.records
    try:
        for layout, _, start, end in records(data, 0, len(data)):
            event = decode_event(layout, data[start:end])
            if isinstance(event, CommandResult):
                found.append(event)
    except (EventError, FrameError):  # a device may write what it likes
        pass
    return found


def _fields(result: CommandResult) -> dict[str, Any]:
    data = base64.b64encode(result.data).decode()
    return {"request": result.request, "code": result.code, "text": result.text, "data": data}
