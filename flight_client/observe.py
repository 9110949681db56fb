"""What a client lets its user see: state, changes, gaps."""

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

__all__ = ["ConnectionState", "Gap", "Outcome", "StateChange", "connection_state", "plain"]

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


def plain(text: str) -> str:
    """Somebody else's words for a log or a terminal: control characters spelt out."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
