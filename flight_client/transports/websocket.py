"""WebSocket: full duplex, one binary message is one or more whole frames."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from .._tables import STRINGS
from ..errors import LinkError, PeerError
from ..session.spec import POLL_BODY_BYTES
from .address import Address
from .http_errors import refused_status, unreachable
from .options import TransportOptions

# Two turns: the largest message either side sends is one turn (spec: poll_body_bytes) plus one frame.
_MAX_MESSAGE_BYTES = 2 * POLL_BODY_BYTES + 1  # the library refuses a message of this size

_CLOSE_S = 0.2


class WebSocketTransport:
    """One WebSocket to a gateway. Compression is off: it costs memory per connection and frames are short."""

    turn_based = False
    hold_ms = 0

    def __init__(self, address: Address, options: TransportOptions = TransportOptions()):  # noqa: B008 - frozen
        self._address = address
        self._options = options
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def open(self) -> None:
        """Connect and agree on the subprotocol."""
        # aiohttp follows redirects of a handshake; the token goes to the address that was given and nowhere else.
        watch = aiohttp.TraceConfig()
        watch.on_request_redirect.append(self._redirected)
        self._http = aiohttp.ClientSession(trace_configs=[watch], trust_env=self._options.from_environment)
        try:
            self._socket = await self._http.ws_connect(
                self._address.stream_url,
                protocols=[STRINGS["subprotocol"]],
                compress=0,
                max_msg_size=_MAX_MESSAGE_BYTES,
                autoping=True,
                proxy=self._options.proxy_url,
                ssl=self._options.tls(self._address.secure) or True,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise refused_status(error.status, self._address, STRINGS["stream_path"]) from None
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self._address, error) from error
        if self._socket.protocol != STRINGS["subprotocol"]:
            raise PeerError(
                what=f"the server at {self._address} does not speak {STRINGS['subprotocol']}",
                value=self._socket.protocol,
                next_step="check that the address is a Flight gateway of a fitting version",
            )

    async def _redirected(
        self, _session: aiohttp.ClientSession, _context: object, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        params.response.close()
        raise refused_status(params.response.status, self._address, STRINGS["stream_path"])

    async def send(self, body: bytes) -> bytes:
        """Send one message; waits only while the socket's buffer is full."""
        assert self._socket is not None
        try:
            await self._socket.send_bytes(body)
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self._address, error) from error
        return b""

    async def receive(self) -> bytes:
        """The next message."""
        assert self._socket is not None
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data)
        if message.type is aiohttp.WSMsgType.TEXT:
            raise PeerError(
                what="the gateway sent text where frames belong",
                value=message.data[:40],
                next_step="check that the address is a Flight gateway",
            )
        raise LinkError(
            what=f"the connection to {self._address} ended",
            value=f"close code {self._socket.close_code}",
            next_step="nothing: the client comes back by itself",
        )

    async def close(self) -> None:
        """Close without waiting for the peer's answer; what a peer that reads nothing has not taken is given up."""
        if self._http is not None:
            connection = self._socket._response.connection if self._socket is not None else None
            pipe = connection.transport if connection is not None else None
            closing = asyncio.ensure_future(self._http.close())
            done, _ = await asyncio.wait({closing}, timeout=_CLOSE_S)
            if not done and pipe is not None:
                pipe.abort()
            await closing
        if self._socket is not None:  # its connection is gone, so this only lets go of what belonged to it
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._socket.close()
