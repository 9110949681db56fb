"""What routing left out of binary senders' events, as events in the channel `left-out` of their organisation: log events of the
gateway, so that every device can be told.

    left out device=my-dc channel=memory-updates events=16 capability=2 payload=1

Theory of operation
- Whoever sends by JSON or REST has it in his answer. The binary wire has no answer but the acknowledgement, which says that
  an event is stored; so a sender that wants to know follows this channel, and so may a tool.
- Nothing is looked at while nobody follows it at this gateway: it costs the hub's senders one look at an empty set.
- Told every few seconds, added up by device and channel: `events` are those of the batches in question, `capability` and
  `payload` the most that were not given some of one batch, for that reason.
"""

from __future__ import annotations

from flight_client.events import Log
from flight_client.gateway.hub import Hub
from flight_client.gateway.names import inner_name
from flight_client.gateway.own_events import OwnEvents
from flight_client.gateway.routing import LEFT_OUT_CHANNEL, LeftOutKey, LeftOutSum

_EVENTS = 32  # in one batch


def event_of(key: LeftOutKey, found: LeftOutSum) -> Log:
    """What is told of one device and channel."""
    reasons = "".join(f" {name}={count}" for name, count in sorted(found.receivers.items()))
    return Log(f"left out device={key.device_id} channel={key.channel} events={found.events}{reasons}", "warning")


class LeftOutEvents:
    """The writers of one gateway, by organisation."""

    def __init__(self, hub: Hub, node: str = "") -> None:
        self._hub = hub
        self._node = node
        self._writers: dict[str, OwnEvents] = {}

    def look(self) -> None:
        """Tell what was noted since the last look, and again what could not be stored."""
        by_org: dict[str, list[Log]] = {}
        for key, found in self._hub.left_out_notes.take().items():
            by_org.setdefault(key.org, []).append(event_of(key, found))
        for org, writer in list(self._writers.items()):
            if org not in by_org:
                if writer.idle and org not in self._hub.left_out_notes.asked_by:
                    del self._writers[org]
                else:
                    writer.go_on()
        for org, events in by_org.items():
            self._tell(org, events)

    def _tell(self, org: str, events: list[Log]) -> None:
        writer = self._writers.get(org)
        if writer is None:
            writer = self._writers[org] = OwnEvents(self._hub, inner_name(org, LEFT_OUT_CHANNEL), self._node)
        for start in range(0, len(events), _EVENTS):
            writer.tell(events[start : start + _EVENTS])
