"""Alerts as events in the channel `system-monitoring`: a component-update of the gateway, state error or active.

    {"type": "component-update", "data": {"id": "alert/queue-fill", "name": "queue-fill", "state": "error",
      "metadata": {"alert": "raised", "value": 0.91, "raiseAt": 0.8, "clearAt": 0.5, "unit": "share", "text": "..."}}}

They are critical: stored once, in order. While the engine does not store, they wait, and the oldest of too many are given up;
the log of the gateway has them all.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections import deque

from flight_client._tables import PROFILES
from flight_client.events import ComponentUpdate, encode_event
from flight_client.gateway.alerts import Change
from flight_client.gateway.engines.base import AppendResult, AppendStatus, Source
from flight_client.gateway.hub import Hub
from flight_client.session import spec
from flight_client.version import __version__
from flight_client.wire.records import write_record

ALERT_CHANNEL = "system-monitoring"
_WAITING = 64
_HOST = next(profile["id"] for profile in PROFILES if profile["name"] == "host")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._:-]", re.ASCII)

_log = logging.getLogger("flight.gateway")


def event_of(change: Change) -> ComponentUpdate:
    """What is published."""
    rule = change.rule
    metadata = {
        "alert": "raised" if change.raised else "cleared",
        "value": round(change.value, 4),
        "raiseAt": rule.raise_at,
        "clearAt": rule.clear_at,
        "unit": rule.unit,
        "text": rule.text,
    }
    state = "error" if change.raised else "active"
    return ComponentUpdate(id=f"alert/{rule.name}", name=rule.name, version=__version__, state=state, metadata=metadata)


def device_id_of(node: str) -> str:
    """Under which id a gateway speaks: `gateway`, or among several `gateway:HOST:PORT`."""
    address = _NOT_IN_IDS.sub("-", node.partition("://")[2])
    return f"gateway:{address}"[: spec.DEVICE_ID_BYTES] if address else "gateway"


class AlertEvents:
    """Publishes one after the other; what could not be stored comes again first."""

    def __init__(self, hub: Hub, node: str = "") -> None:
        self.given_up = 0
        """Alerts that waited too long for the engine."""
        self._hub = hub
        self._source = Source(device_id_of(node), _HOST, secrets.token_hex(spec.SHORT_ID_BYTES // 2).encode())
        self._incarnation = os.urandom(8)
        self._counter = 1
        self._waiting: deque[bytes] = deque()
        self._under_way = False

    def tell(self, change: Change) -> None:
        """To everybody who follows the channel."""
        layout, body = encode_event(event_of(change))
        out = bytearray(len(body) + 16)
        size = write_record(out, 0, layout, 0, body)
        self._waiting.append(bytes(out[:size]))
        # The first one may have been handed to the engine under its number already: it stays.
        while len(self._waiting) > _WAITING:
            del self._waiting[1]
            self.given_up += 1
        self.go_on()

    def go_on(self) -> None:
        """Publish what waits. Called again after a while, it tries again what failed."""
        if not self._waiting or self._under_way:
            return
        self._under_way = True
        self._hub.publish(
            ALERT_CHANNEL, self._source, self._incarnation, self._counter, 1, 0, self._waiting[0], self._stored
        )

    def _stored(self, result: AppendResult) -> None:
        self._under_way = False
        if result.status is AppendStatus.FAILED:
            _log.info("an alert could not be published, it is tried again: %s", result.error)
            return
        self._counter += 1
        self._waiting.popleft()
        self.go_on()
