"""The gateways that a client was given: at which of them the next attempt goes.

Each client has its own order of them, drawn once, so that a fleet spreads evenly. It stays with one node until that node
was lost for good: the retries of its profile have failed there without a session, or the gateway sent it away with a time
to come back (it stops, or is full). Then the next one of the order is tried, round and round.

The policy of the session knows nothing of nodes. Of its own accord it would step down to another transport once the
retries are spent, as one address gives no other choice; here it does so only when every node was tried on the transport.
"""

from __future__ import annotations

from collections.abc import Callable

from .session.device.policy import Policy
from .transports import Address

Shuffle = Callable[[list[Address]], None]


class Nodes:
    """The order of one client, and its place in it."""

    def __init__(self, addresses: tuple[Address, ...], retries: int, shuffle: Shuffle) -> None:
        """retries: attempts at one node that fail in a row before the next one is tried."""
        self.taken_back: int = 0
        """Changes of transport that the policy counted and that never were."""
        self._order = list(addresses)
        shuffle(self._order)
        self._retries = max(1, retries)
        self._at = 0
        self._failed_here = 0  # attempts in a row, since the last session
        self._tried = 0  # nodes that were left in a row on the present transport
        self._connections = 0  # of the session, when it was last looked at
        self._transport = 0  # of the attempt that is to come
        self._sent_away = False

    def current(self) -> Address:
        """Where the next attempt goes."""
        return self._order[self._at]

    def opening(self, transport: int) -> None:
        """An attempt begins on this transport (spec: transports)."""
        if transport != self._transport:
            self._tried = 0
        self._transport = transport

    def sent_away(self) -> None:
        """The gateway ended the connection and said when to come back: another one may have room now."""
        self._sent_away = True

    def failed(self, policy: Policy, connections: int) -> None:
        """A connection or an attempt failed, and the policy has counted it. connections: sessions that were ready so far."""
        if connections != self._connections:
            self._connections = connections
            self._failed_here = self._tried = 0
        else:
            self._failed_here += 1
        stepped = self._transport != 0 and policy.transport() != self._transport
        if not (stepped or self._sent_away or self._failed_here >= self._retries):
            return
        self._sent_away = False
        self._failed_here = 0
        self._tried += 1
        self._at = (self._at + 1) % len(self._order)
        if stepped and self._tried < len(self._order):
            switches = policy.switches
            policy.use(self._transport)
            self.taken_back += 1 + policy.switches - switches
