"""What a client lets its user see: state, changes, counters, gaps."""

from __future__ import annotations

import dataclasses
import enum

from .enums import ConnectionState
from .session.spec import (
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_IDLE,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
)

__all__ = ["ConnectionState", "Counters", "Gap", "Outcome", "StateChange", "connection_state", "plain"]

_STATES = {
    STATE_IDLE: ConnectionState.DISCONNECTED,
    STATE_PAUSED: ConnectionState.DISCONNECTED,
    STATE_READY: ConnectionState.CONNECTED,
    STATE_CLOSING: ConnectionState.CONNECTED,
    STATE_CLOSED: ConnectionState.CLOSED,
    STATE_STOPPED: ConnectionState.FAILED,
}


def connection_state(session_state: int, connections: int) -> ConnectionState:
    """The user's view of a session state; `connections` is how often the session was ready before."""
    between = ConnectionState.RECONNECTING if connections else ConnectionState.CONNECTING
    return _STATES.get(session_state, between)


class Outcome(enum.Enum):
    """What became of one event. QUEUED and REPLACED mean that it was accepted; publish() can answer STORED."""

    QUEUED = "queued"
    STORED = "stored by the gateway"
    REPLACED = "queued in place of an older event of the same key, which will not be sent"
    REFUSED_FULL = "refused: the queue is full"
    REFUSED_TOO_LARGE = "refused: larger than the platform allows"
    REFUSED_CHANNEL = "refused: the gateway does not allow this channel"
    REFUSED_CLOSED = "refused: the client is closed"

    @property
    def accepted(self) -> bool:
        """Whether the event will be delivered, or counted as dropped with a cause."""
        return self in (Outcome.QUEUED, Outcome.REPLACED, Outcome.STORED)


@dataclasses.dataclass(frozen=True, slots=True)
class StateChange:
    """One change of the connection. `reason` is a sentence, `next_attempt_ms` 0 where no attempt is planned."""

    old: ConnectionState
    new: ConnectionState
    transport: str
    reason: str
    next_attempt_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """Entries of a channel that will not come: offsets in (after, to] of the log named `epoch`."""

    channel: str
    reason: str
    after: int
    to: int
    epoch: str


@dataclasses.dataclass(frozen=True, slots=True)
class Counters:
    """A snapshot of a client's counters.

    At any moment accepted == settled + queued + sum(dropped.values()). settled = critical events acknowledged + lossy
    events handed to a transport. Refused emits were never accepted and stand apart. Of the dropped events the critical ones
    lie among the dead letters: `dead_letters` are there now, `dead_letters_dropped` had no room there any more.
    callback_errors: how often a hook, or another function that the application gave, raised.
    """

    accepted: int
    acked: int
    settled: int
    queued: int
    dropped: dict[str, int]
    dead_letters: int
    dead_letters_dropped: int
    refused_emits: dict[str, int]
    delivered: int
    duplicates: int
    resent_frames: int
    connections: int
    reconnects: int
    transport_switches: int
    forged: int = 0  # frames without their right authentication tag
    callback_errors: int = 0

    @property
    def law_holds(self) -> bool:
        """Whether every accepted event has exactly one visible fate."""
        return self.accepted == self.settled + self.queued + sum(self.dropped.values())


def plain(text: str) -> str:
    """Somebody else's words for a log or a terminal: control characters spelt out."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
