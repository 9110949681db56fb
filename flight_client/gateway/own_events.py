"""Events of the gateway itself: critical, one batch after the other; what could not be stored comes again first."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections import deque
from collections.abc import Sequence

from flight_client._profiles import PROFILES
from flight_client.events import Event, encode_event
from flight_client.gateway.engines.base import AppendResult, AppendStatus, Source
from flight_client.gateway.hub import Hub
from flight_client.gateway.names import GATEWAY_ID
from flight_client.session import spec
from flight_client.wire.records import write_record

_HOST = next(profile["id"] for profile in PROFILES if profile["name"] == "host")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._:-]", re.ASCII)

_log = logging.getLogger("flight.gateway")


def device_id_of(node: str) -> str:
    """Under which id a gateway speaks: `gateway`, or among several `gateway:HOST:PORT`."""
    address = _NOT_IN_IDS.sub("-", node.partition("://")[2])
    return f"{GATEWAY_ID}:{address}"[: spec.DEVICE_ID_BYTES] if address else GATEWAY_ID


class OwnEvents:
    """What a gateway says in one channel."""

    def __init__(self, hub: Hub, channel: str, node: str = "", limit: int = 64) -> None:
        """channel: its inner name. limit: batches that may wait."""
        self.given_up: int = 0
        """Batches that waited too long for the engine."""
        self.source: Source = Source(device_id_of(node), _HOST, secrets.token_hex(spec.SHORT_ID_BYTES // 2).encode())
        self._hub = hub
        self._channel = channel
        self._limit = limit
        self._incarnation = os.urandom(8)
        self._counter = 1
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._under_way = False

    @property
    def idle(self) -> bool:
        """Whether everything is stored."""
        return not self._waiting

    def tell(self, events: Sequence[Event]) -> None:
        """One batch for everybody who follows the channel."""
        self._waiting.append((len(events), _records(events)))
        # The first one may have been handed to the engine under its number already: it stays.
        while len(self._waiting) > self._limit:
            del self._waiting[1]
            self.given_up += 1
        self.go_on()

    def go_on(self) -> None:
        """Publish what waits. Called again after a while, it tries again what failed."""
        if not self._waiting or self._under_way:
            return
        self._under_way = True
        events, records = self._waiting[0]
        self._hub.publish(
            self._channel, self.source, self._incarnation, self._counter, events, 0, records, self._stored
        )

    def _stored(self, result: AppendResult) -> None:
        self._under_way = False
        if result.status is AppendStatus.FAILED:
            _log.info("the gateway's own events could not be published, they are tried again: %s", result.error)
            return
        self._counter += self._waiting.popleft()[0]
        self.go_on()


def _records(events: Sequence[Event]) -> bytes:
    encoded = [encode_event(event) for event in events]
    out = bytearray(sum(len(body) + 8 for _, body in encoded))
    at = 0
    for layout, body in encoded:
        at += write_record(out, at, layout, 0, body)
    return bytes(memoryview(out)[:at])
