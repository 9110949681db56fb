"""TLS behind the gate of strangers: whoever shakes hands is counted and timed like everybody else.

The server of asyncio tells nobody of a connection before its handshake is over, so a thousand that never finish one would
be seen by no limit. Here the plain connection passes the gate first, and the handshake begins behind it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from flight_client.session.spec import HELLO_FRAME_BYTES

_log = logging.getLogger("flight.gateway")

_SHUTDOWN_S = 1.0

# begun(plain, secure): the connection that was counted goes on as another one.
Begun = Callable[[asyncio.BaseTransport, asyncio.BaseTransport], None]


class _Begun:
    """A coroutine that was taken to its first wait at once.

    There start_tls() has put its protocol in place. A task would begin it a turn of the loop later, and what the client
    has sent by then would have gone to the wrong one: uvloop reads that early.
    """

    def __init__(self, work: Coroutine[Any, Any, asyncio.Transport | None]) -> None:
        self._work = work
        self._first = work.send(None)

    def __await__(self) -> Generator[Any, Any, asyncio.Transport | None]:
        yield self._first
        return (yield from self._work.__await__())


class SecureGate(asyncio.BufferedProtocol):
    """Stands where the real protocol will, until the handshake is over.

    What the client sent behind its part of the handshake may come before the handshake's task goes on: one small buffer
    keeps it, and no second one is needed, because reading goes on only after that task did.
    """

    def __init__(self, context: ssl.SSLContext, make: Callable[[], Any], begun: Begun, patience_s: float) -> None:
        self._context = context
        self._make = make
        self._begun = begun
        self._patience_s = patience_s
        self._early = bytearray(HELLO_FRAME_BYTES)
        self._filled = 0
        self._real: Any = None
        self._lost = False

    def shake_hands(
        self, transport: asyncio.BaseTransport, done: Callable[[asyncio.BaseTransport], None]
    ) -> asyncio.Task[None]:
        """Begin on a plain connection; done(transport): it came to nothing. To cancel the task ends the connection."""
        loop = asyncio.get_running_loop()
        work = loop.start_tls(
            transport,  # type: ignore[arg-type]  # a socket's transport
            self,
            self._context,
            server_side=True,
            ssl_handshake_timeout=self._patience_s,
            ssl_shutdown_timeout=_SHUTDOWN_S,
        )
        return loop.create_task(self._shake_hands(transport, _Begun(work), done))

    async def _shake_hands(
        self,
        transport: asyncio.BaseTransport,
        work: Awaitable[asyncio.Transport | None],
        done: Callable[[asyncio.BaseTransport], None],
    ) -> None:
        try:
            secure = await work
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError and TimeoutError are OSErrors
            _log.debug("a TLS handshake failed: %s", error)
            transport.abort()  # type: ignore[attr-defined]  # a socket's transport has it
            done(transport)
            return
        # A connection that ended without an error: asyncio gives None then, and uvloop something that leads nowhere.
        if secure is None or self._lost or transport.is_closing():
            done(transport)
            return
        self._begun(transport, secure)
        self._real = self._make()
        secure.set_protocol(self._real)
        self._real.connection_made(secure)
        self._hand_on_early()

    def _hand_on_early(self) -> None:
        if not self._filled:
            return
        early = bytes(self._early[: self._filled])
        if isinstance(self._real, asyncio.BufferedProtocol):
            memoryview(self._real.get_buffer(len(early)))[: len(early)] = early  # fresh, and as large as ours at least
            self._real.buffer_updated(len(early))
        else:
            self._real.data_received(early)

    # What asyncio calls

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio.BufferedProtocol."""
        return memoryview(self._early)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio.BufferedProtocol."""
        self._filled += nbytes

    def eof_received(self) -> bool:
        """asyncio.BufferedProtocol: no half of a conversation here."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.BaseProtocol; also for a connection that ended in the moment of the handing over."""
        self._lost = True
        if self._real is not None:
            self._real.connection_lost(exc)
