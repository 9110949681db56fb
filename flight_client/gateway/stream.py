"""WebSocket in the gateway: the handshake, and the connection as a carrier of a duplex pipe."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from flight_client._tables import STRINGS
from flight_client.gateway.peer_parts import Violation
from flight_client.gateway.pipe import DuplexPipe
from flight_client.gateway.registry import Registry
from flight_client.gateway.socket_messages import SocketMessages
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec

# A client's turn ends behind the frame that passes its limit, so a message may be one frame longer than that.
_MESSAGE_BYTES = 2 * spec.POLL_BODY_BYTES + 1  # the library refuses a message of this size
_CLOSE_S = 2.0


class WebSocketCarrier:
    """An accepted WebSocket."""

    name = "websocket"

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, strangers: Strangers
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._strangers = strangers
        self._messages = SocketMessages(socket)

    async def receive(self) -> bytes:
        """The next binary message."""
        message = await self._messages.next()
        if message.type is WSMsgType.BINARY:
            data: bytes = message.data
            return data
        if message.type is WSMsgType.TEXT:
            raise Violation(spec.CODE_MALFORMED, "text where frames belong")
        raise ConnectionResetError(f"close code {self._socket.close_code}")

    async def send(self, body: bytes) -> None:
        """One binary message."""
        await self._socket.send_bytes(body)

    def admit(self) -> None:
        """Its peer is known now. Messages are bounded by what carries them, and frames by the greeting."""
        self._messages.admit()
        self._strangers.forget(self._transport)

    async def close(self) -> None:
        """The closing handshake, within a moment. What a peer that reads nothing has not taken by then is given up."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.close()
        except (TimeoutError, asyncio.CancelledError):
            if self._transport is not None:
                self._transport.abort()  # close() would wait for what is never taken
            raise


async def serve_stream(registry: Registry, request: web.Request, strangers: Strangers) -> web.StreamResponse:
    """GET /v1/stream."""
    subprotocol = STRINGS["subprotocol"]
    socket = web.WebSocketResponse(
        protocols=(subprotocol,), compress=False, max_msg_size=_MESSAGE_BYTES, autoping=False, timeout=_CLOSE_S
    )
    try:
        await socket.prepare(request)
    except web.HTTPException as error:
        return web.Response(status=400, text=f"not a WebSocket handshake: {error.text}\n")
    carrier = WebSocketCarrier(socket, request.transport, strangers)
    await DuplexPipe(registry, carrier, request.remote or "").run()
    return socket
