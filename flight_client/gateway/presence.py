"""Who is here, as events in the channel `presence` of an organisation: component-updates of the gateway.

    {"type": "component-update", "data": {"id": "my-dc", "name": "dreamcast", "version": "1.0.0", "state": "active",
      "metadata": {"presence": "here", "sessionId": "77b0c1d2", "transport": "polling", "gateway": "gateway", "life": "1f09c2aa"}}}

Theory of operation
- Nothing is said before somebody asks: from the first subscription on, or where the log has the channel already, the gateway tells
  first of itself, then who has a session here. The events reach every gateway of a shared engine, which thereby knows that
  somebody asks, and tells of its own.
- Then it tells differences: every few seconds it compares its sessions with what it told last. So a device that comes and goes
  between two looks costs nothing, and nothing has to be noticed in the paths of sessions.
- `here` (connected), `away` (its session is kept for it), `gone`. With a gateway's own event and a `life` that is new, those
  whom it told of before are gone: it was started anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from flight_client.events import ComponentUpdate, Event
from flight_client.gateway.hub import Hub
from flight_client.gateway.json_protocol.batches import platform_name
from flight_client.gateway.names import inner_name, outer_name
from flight_client.gateway.own_events import OwnEvents
from flight_client.gateway.registry import Registry
from flight_client.version import __version__

PRESENCE_CHANNEL = "presence"
_EVENTS = 32  # in one batch
_BATCHES = 64  # in one look


class Present(NamedTuple):
    """What is told of one device."""

    session_id: str
    platform: str
    version: str
    transport: str
    attached: bool

    def event(self, device_id: str, writer: OwnEvents, *, gone: bool = False) -> Event:
        """As it is told."""
        presence = "gone" if gone else "here" if self.attached else "away"
        metadata = {
            "presence": presence,
            "sessionId": self.session_id,
            "transport": self.transport,
            "gateway": writer.source.device_id,
            "life": writer.source.short_id.decode(),
        }
        state = "active" if presence == "here" else "inactive"
        version = self.version.encode()[:32].decode(errors="ignore")
        return ComponentUpdate(id=device_id, name=self.platform, version=version, state=state, metadata=metadata)


class Room:
    """One organisation."""

    def __init__(self, hub: Hub, org: str, node: str) -> None:
        self.writer: OwnEvents = OwnEvents(hub, inner_name(org, PRESENCE_CHANNEL), node, _BATCHES + 1)
        self._told: dict[str, Present] = {}
        self.tell_own("here")

    def tell_own(self, presence: str) -> None:
        """Of the gateway itself."""
        writer = self.writer
        metadata = {
            "presence": presence,
            "gateway": writer.source.device_id,
            "life": writer.source.short_id.decode(),
        }
        state = "active" if presence == "here" else "inactive"
        name = writer.source.device_id
        writer.tell([ComponentUpdate(id=name, name="gateway", version=__version__, state=state, metadata=metadata)])

    def tell(self, now: Mapping[str, Present]) -> None:
        """What is other than it was told, as much as fits; the rest the next time."""
        told, writer = self._told, self.writer
        gone = [(device_id, None) for device_id in told if device_id not in now]
        other = [(device_id, present) for device_id, present in now.items() if told.get(device_id) != present]
        changes = iter([*gone, *other])
        for _ in range(_BATCHES):
            events: list[Event] = []
            for device_id, present in islice(changes, _EVENTS):
                if present is None:
                    events.append(told.pop(device_id).event(device_id, writer, gone=True))
                else:
                    told[device_id] = present
                    events.append(present.event(device_id, writer))
            if not events:
                break
            writer.tell(events)


class Presence:
    """The rooms of one gateway."""

    def __init__(self, registry: Registry, node: str = "") -> None:
        self._registry = registry
        self._hub = registry.hub
        self._node = node
        self._rooms: dict[str, Room] = {}

    def look(self) -> None:
        """Tell what changed, wherever somebody asks."""
        asked = {name.rpartition(":")[0] for name in self._hub.channels() if outer_name(name) == PRESENCE_CHANNEL}
        self._rooms = {org: room for org, room in self._rooms.items() if org in asked}
        if not asked:
            return
        now: dict[str, dict[str, Present]] = {org: {} for org in asked}
        for session in self._registry.sessions():
            room_of = now.get(session.tenure.identity.org)
            if room_of is not None:
                source = session.source
                room_of[source.device_id] = Present(
                    source.short_id.decode(), platform_name(source.platform), session.version, session.transport,
                    session.attached,
                )  # fmt: skip
        for org in sorted(asked):
            room = self._rooms.get(org)
            if room is None:
                room = self._rooms[org] = Room(self._hub, org, self._node)
            if room.writer.idle:
                room.tell(now[org])
            else:
                room.writer.go_on()

    def close(self) -> None:
        """The gateway stops: whoever it told of is not here any more."""
        for room in self._rooms.values():
            room.tell_own("gone")
