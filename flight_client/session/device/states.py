"""The states of the device role and every transition between them.

Theory of operation
-------------------
One *session* outlives any number of transports. A session begins with HELLO -> WELCOME and goes on over each new
transport with ATTACH -> RESUMED; when the gateway no longer knows it, RESET sends us back to HELLO on the same
transport. All that is sent and not acknowledged lies in the store and is sent again after RESUMED (same numbers) or
WELCOME (new numbers, same counters), so neither way loses or doubles a critical event.

    idle      nothing was asked for yet
    waiting   between two attempts; the policy says how long
    opening   the driver opens a transport
    greeting  HELLO is on its way, WELCOME awaited
    attaching ATTACH is on its way, RESUMED awaited
    ready     frames flow both ways
    closing   the application closed us: what is queued goes first, then CLOSE
    closed    over, by our own wish
    stopped   over, by a refusal that no retry can heal; `reason` says which
    paused    the application wants no connection for now: nothing is tried, nothing is spent, what is queued stays

Pausing a ready session waits until the turn under way is with the peer (machine.py), then the transport goes. `go-on`
opens one at once, and the session goes on with ATTACH where it was.

A happening that a state does not name changes nothing: it is late news of a transport that was given up.
"""

from ..spec import (
    STATE_ATTACHING,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
)

START = 0  # the application wants to be connected
DUE = 1  # the wait is over
OPENED_NEW = 2  # the transport is open, we have no session
OPENED_KNOWN = 3  # the transport is open, we have a session to go on with
FAILED = 4  # the transport could not be opened, died, or stayed silent
WELCOMED = 5
RESUMED = 6
RESET = 7  # the gateway does not know our session
FATAL = 8  # a refusal that no retry can heal
CLOSE = 9  # the application closes
DONE = 10  # the last frame is out
UPGRADE = 11  # a better transport answered a probe
PAUSE = 12  # the application wants no connection for now
GO_ON = 13  # ... and wants one again

HAPPENINGS = (
    "start",
    "due",
    "opened-new",
    "opened-known",
    "failed",
    "welcomed",
    "resumed",
    "reset",
    "fatal",
    "close",
    "done",
    "upgrade",
    "pause",
    "go-on",
)

TRANSITIONS = (
    (STATE_IDLE, START, STATE_OPENING),
    (STATE_IDLE, CLOSE, STATE_CLOSED),
    (STATE_IDLE, PAUSE, STATE_PAUSED),
    (STATE_WAITING, DUE, STATE_OPENING),
    (STATE_WAITING, CLOSE, STATE_CLOSED),
    (STATE_WAITING, PAUSE, STATE_PAUSED),
    (STATE_OPENING, OPENED_NEW, STATE_GREETING),
    (STATE_OPENING, OPENED_KNOWN, STATE_ATTACHING),
    (STATE_OPENING, FAILED, STATE_WAITING),
    (STATE_OPENING, CLOSE, STATE_CLOSED),
    (STATE_OPENING, PAUSE, STATE_PAUSED),
    (STATE_GREETING, WELCOMED, STATE_READY),
    (STATE_GREETING, FAILED, STATE_WAITING),
    (STATE_GREETING, FATAL, STATE_STOPPED),
    (STATE_GREETING, CLOSE, STATE_CLOSED),
    (STATE_GREETING, PAUSE, STATE_PAUSED),
    (STATE_ATTACHING, RESUMED, STATE_READY),
    (STATE_ATTACHING, RESET, STATE_GREETING),
    (STATE_ATTACHING, FAILED, STATE_WAITING),
    (STATE_ATTACHING, FATAL, STATE_STOPPED),
    (STATE_ATTACHING, CLOSE, STATE_CLOSED),
    (STATE_ATTACHING, PAUSE, STATE_PAUSED),
    (STATE_READY, RESET, STATE_GREETING),
    (STATE_READY, FAILED, STATE_WAITING),
    (STATE_READY, FATAL, STATE_STOPPED),
    (STATE_READY, UPGRADE, STATE_OPENING),
    (STATE_READY, CLOSE, STATE_CLOSING),
    (STATE_READY, PAUSE, STATE_PAUSED),
    (STATE_CLOSING, DONE, STATE_CLOSED),
    (STATE_CLOSING, RESET, STATE_CLOSED),
    (STATE_CLOSING, FAILED, STATE_CLOSED),
    (STATE_CLOSING, FATAL, STATE_CLOSED),
    (STATE_PAUSED, GO_ON, STATE_OPENING),
    (STATE_PAUSED, CLOSE, STATE_CLOSED),
)

_WIDTH = len(HAPPENINGS)


def _table() -> bytearray:
    states = STATE_PAUSED + 1
    table = bytearray(states * _WIDTH)
    for state in range(states):
        for happening in range(_WIDTH):
            table[state * _WIDTH + happening] = state
    for state, happening, target in TRANSITIONS:
        table[state * _WIDTH + happening] = target
    return table


_NEXT = _table()


def next_state(state: int, happening: int) -> int:
    """The state after a happening."""
    return _NEXT[state * _WIDTH + happening]
