"""What the driver needs of a transport: a pipe for whole frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .address import Address


class Transport(Protocol):
    """One connection, used once: open, then send and receive, then close.

    Every method raises LinkError when the link fails, and RefusedError or PeerError when the gateway said no; after an
    error only close() may be called. Cancelling any call is safe.
    """

    turn_based: bool
    """Whether frames come back only as the reply to send(); then receive() is never called."""

    hold_ms: int
    """How long a reply may be held back while there is nothing to say (long polling); another turn may be sent meanwhile,
    one. 0 elsewhere."""

    async def open(self) -> None:
        """Connect."""

    async def send(self, body: bytes) -> bytes:
        """Send one turn: whole frames. Returns the reply of a turn-based transport, otherwise b''."""

    async def receive(self) -> bytes:
        """The next whole frames from the gateway."""

    async def close(self) -> None:
        """Release everything; never raises, never takes longer than a moment."""


TransportFactory = Callable[[Address], Transport]
