"""Who is here: what the gateway tells in the channel `presence`, put together (flight_client/gateway/presence.py tells it).

The gateway tells changes, as component-updates of its own; the log of the channel has what was told before. A gateway that
was started anew says so with a new `life`, and those whom it told of before are gone until it tells of them again. Gateways
speak under ids that they let no device have; what anybody else publishes in the channel is passed over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from .events import ComponentUpdate
from .streams import RealtimeEvent, Stream

PRESENCE = "presence"
PRESENCE_HISTORY = 10000  # entries: what a gateway keeps of a channel

_GATEWAY = "gateway"  # the id of one, or how the ids of several begin, with a colon
_STATES = ("here", "away", "gone")


@dataclasses.dataclass(frozen=True, slots=True)
class Presence:
    """One device or tool. `state`: here (connected), away (its session is kept for it) or gone.

    session_id is the public short id, transport how it is connected, gateway which gateway says so.
    """

    device_id: str
    state: str
    platform: str
    version: str
    session_id: str
    transport: str
    gateway: str


class PresenceStream(Stream[Presence]):
    """The changes, and in `members` everybody who is here or away now."""

    def __init__(
        self, on_close: Callable[[Any], None], history_events: int = 0, check: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(on_close, history_events, check)
        self._members: dict[str, Presence] = {}
        self._lives: dict[str, str] = {}  # of each gateway

    @property
    def members(self) -> MappingProxyType[str, Presence]:
        """By device id, as it is at this moment; a copy, so that it may be kept and compared."""
        return MappingProxyType(dict(self._members))

    def put(self, event: RealtimeEvent) -> None:
        """The gateway told something."""
        update = event.data
        if not isinstance(update, ComponentUpdate):
            return
        said = {
            key: str(update.metadata.get(key, "")) for key in ("presence", "sessionId", "transport", "gateway", "life")
        }
        if said["presence"] not in _STATES or not _is_of_a_gateway(event, said["gateway"]):
            return  # not the gateway's words: somebody may publish there
        if "sessionId" not in update.metadata:
            self._of_a_gateway(said["gateway"], said["life"], said["presence"])
            return
        self._tell(
            Presence(
                update.id, said["presence"], update.name, update.version, said["sessionId"], said["transport"],
                said["gateway"],
            )
        )  # fmt: skip

    def _of_a_gateway(self, gateway: str, life: str, state: str) -> None:
        """It tells of itself: where it stops, or lives anew, those whom it told of are not here any more."""
        before = self._lives.get(gateway)
        self._lives[gateway] = life
        if state == "gone" or (before is not None and before != life):
            for member in list(self._members.values()):
                if member.gateway == gateway:
                    self._tell(dataclasses.replace(member, state="gone"))

    def _tell(self, change: Presence) -> None:
        known = self._members.get(change.device_id)
        if change.state == "gone":
            if known is None or known.gateway != change.gateway:
                return  # it is somewhere else meanwhile
            del self._members[change.device_id]
        else:
            if known == change:
                return
            self._members[change.device_id] = change
        self._add(change)


def _is_of_a_gateway(event: RealtimeEvent, gateway: str) -> bool:
    """Whether a gateway says this, and of itself."""
    speaker = event.source.device_id
    return speaker == gateway and speaker.partition(":")[0] == _GATEWAY
