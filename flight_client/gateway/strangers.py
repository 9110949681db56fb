"""Connections whose peer has not shown yet that it may talk to us: bounded in number, by address and in time.

Whoever connects is a stranger until the gateway has answered it with WELCOME or RESUMED, or has taken a POLL from it. Each
stranger costs a socket and at most one message, so their number bounds what strangers can cost. One too many is closed
before a byte of it is read. One that has not become known in its time, headers that never end included, is closed too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from flight_client.gateway.secure_gate import SecureGate
from flight_client.gateway.tls import TlsFiles
from flight_client.session.spec import PREAUTH_MS

PATIENCE_S = PREAUTH_MS / 1000  # from the connection's first moment, whatever comes on it


_SOMEBODY = "behind a balancer"  # who has not been named yet


class Strangers:
    """Those of one gateway, on all its ports."""

    def __init__(
        self,
        limit: int,
        limit_per_address: int,
        tls: TlsFiles | None = None,
        is_proxy: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        """tls: connections begin with a handshake, as strangers. is_proxy: which addresses are balancers that say for whom
        they ask; their connections count by address once they have said it (is_of).
        """
        self._is_proxy = is_proxy
        self.tls = tls
        self.refused: int = 0
        """Connections closed because there were too many."""
        self.cut: int = 0
        """Connections closed because they took too long."""
        self.patience_s = PATIENCE_S
        self.handshakes: set[asyncio.Task[None]] = set()
        """Of TLS, under way."""
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._waiting: dict[asyncio.BaseTransport, tuple[str, asyncio.TimerHandle]] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def gate(self, make: Callable[[], Any]) -> Callable[[], asyncio.Protocol]:
        """The same factory of protocols, for those that are let in."""
        return lambda: _Gate(self, make)

    def arrived(self, transport: asyncio.BaseTransport) -> bool:
        """Whether this connection is let in."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if self._is_proxy(address):
            address = _SOMEBODY
        if self._full(address):
            for other in [other for other in self._waiting if other.is_closing()]:
                self.forget(other)
            if self._full(address):
                self.refused += 1
                return False
        timer = asyncio.get_running_loop().call_later(self.patience_s, self._cut, transport)
        self._waiting[transport] = address, timer
        self._by_address[address] += 1
        return True

    def is_of(self, transport: asyncio.BaseTransport, address: str) -> bool:
        """A balancer has said who this stranger is. Whether he is let in; of one who is no stranger it says yes."""
        found = self._waiting.get(transport)
        if found is None or found[0] == address:
            return True
        self._leave(found[0])
        if self._by_address[address] >= self._limit_per_address:
            for other in [other for other in self._waiting if other.is_closing()]:
                self.forget(other)
        fits = self._by_address[address] < self._limit_per_address
        now = address if fits else _SOMEBODY
        self._waiting[transport] = now, found[1]
        self._by_address[now] += 1
        self.refused += not fits
        return fits

    def goes_on_as(self, transport: asyncio.BaseTransport, secure: asyncio.BaseTransport) -> None:
        """After the handshake it is another object, and as much a stranger as before; its time goes on."""
        found = self._waiting.pop(transport, None)
        if found is None:
            return
        address, timer = found
        left_s = timer.when() - asyncio.get_running_loop().time()
        timer.cancel()
        timer = asyncio.get_running_loop().call_later(max(0.0, left_s), self._cut, secure)
        self._waiting[secure] = address, timer

    def forget(self, transport: asyncio.BaseTransport | None) -> None:
        """It is a stranger no more: known, or gone."""
        if transport not in self._waiting:
            return
        address, timer = self._waiting.pop(transport)
        timer.cancel()
        self._leave(address)

    def close(self) -> None:
        """Forget all, and end those that are still in their handshake."""
        for transport in list(self._waiting):
            self.forget(transport)
        for task in self.handshakes:
            task.cancel()

    def _leave(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _full(self, address: str) -> bool:
        if len(self._waiting) >= self._limit:
            return True
        return address != _SOMEBODY and self._by_address[address] >= self._limit_per_address

    def _cut(self, transport: asyncio.BaseTransport) -> None:
        self.forget(transport)
        if not transport.is_closing():
            self.cut += 1
            transport.abort()  # type: ignore[attr-defined]  # a socket's transport has it


class _Gate(asyncio.Protocol):
    """Stands where the real protocol will, until its peer is let in."""

    def __init__(self, strangers: Strangers, make: Callable[[], Any]) -> None:
        self._strangers = strangers
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or close it."""
        if not self._strangers.arrived(transport):
            transport.abort()  # type: ignore[attr-defined]  # a socket's transport has it
            return
        strangers = self._strangers
        if strangers.tls is not None:
            gate = SecureGate(strangers.tls.context, self._make, strangers.goes_on_as, strangers.patience_s)
            task = gate.shake_hands(transport, strangers.forget)
            strangers.handshakes.add(task)
            task.add_done_callback(strangers.handshakes.discard)
            return
        protocol = self._make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
