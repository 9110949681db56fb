"""Raw TCP: frames one behind the other, full duplex, on a port of its own."""

from __future__ import annotations

import asyncio

from ..errors import LinkError, PeerError
from ..session.spec import MAX_FRAME_BYTES
from .address import Address
from .frame_stream import FrameStream
from .http_errors import unreachable
from .options import TransportOptions

_LINGER_S = 0.25  # for the gateway to read our goodbye


class TcpTransport:
    """One TCP connection to a gateway's second port."""

    turn_based = False
    hold_ms = 0

    def __init__(self, address: Address, options: TransportOptions = TransportOptions()):  # noqa: B008 - frozen
        self._address = address
        self._options = options
        self._stream: FrameStream | None = None

    async def open(self) -> None:
        """Connect."""
        loop = asyncio.get_running_loop()
        stream = FrameStream(MAX_FRAME_BYTES)
        secure = self._options.tls(self._address.secure)
        try:
            await loop.create_connection(lambda: stream, self._address.host, self._address.tcp_port, ssl=secure)
        except OSError as error:
            raise unreachable(self._address.tcp_url, error) from error
        self._stream = stream

    async def send(self, body: bytes) -> bytes:
        """Send frames; waits only while the socket's buffer is full."""
        assert self._stream is not None
        try:
            await self._stream.send(body)
        except ConnectionError as error:
            raise self._ended(error) from error
        return b""

    async def receive(self) -> bytes:
        """The next frames."""
        assert self._stream is not None
        try:
            return await self._stream.receive()
        except ConnectionError as error:
            raise self._ended(error) from error
        except PeerError as error:
            raise PeerError(
                what=f"what answers at {self._address.tcp_url} sends no frames: {error.what}",
                value=error.value,
                next_step="check that this is the TCP port of a Flight gateway (`flight gateway` prints it)",
            ) from error

    async def close(self) -> None:
        """Say goodbye to the socket, in a moment."""
        if self._stream is not None:
            await self._stream.close(_LINGER_S)

    def _ended(self, error: ConnectionError) -> LinkError:
        return LinkError(
            what=f"the connection to {self._address.tcp_url} ended",
            value=str(error),
            next_step="nothing: the client comes back by itself",
        )
