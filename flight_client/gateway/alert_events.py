"""Alerts as events in the channel `system-monitoring`: a component-update of the gateway, state error or active.

    {"type": "component-update", "data": {"id": "alert/queue-fill", "name": "queue-fill", "state": "error",
      "metadata": {"alert": "raised", "value": 0.91, "raiseAt": 0.8, "clearAt": 0.5, "unit": "share", "text": "..."}}}

While the engine does not store, they wait, and the oldest of too many are given up; the log of the gateway has them all.
"""

from __future__ import annotations

from flight_client.events import ComponentUpdate
from flight_client.gateway.alerts import Change
from flight_client.gateway.hub import Hub
from flight_client.gateway.own_events import OwnEvents
from flight_client.version import __version__

ALERT_CHANNEL = "system-monitoring"


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


class AlertEvents(OwnEvents):
    """The alerts of one gateway."""

    def __init__(self, hub: Hub, node: str = "") -> None:
        super().__init__(hub, ALERT_CHANNEL, node)

    def tell_change(self, change: Change) -> None:
        """To everybody who follows the channel."""
        self.tell([event_of(change)])
