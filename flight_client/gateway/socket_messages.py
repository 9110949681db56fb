"""The data messages of a WebSocket. Pings between them are answered; a stranger's are few."""

from __future__ import annotations

from aiohttp import WSMessage, WSMsgType, web

from flight_client.gateway.peer_parts import Violation
from flight_client.session import spec

_STRANGERS_PINGS = 8  # each is kept until its answer is taken: a flood of them is more than a message may be


class SocketMessages:
    """Of a WebSocket that was made with autoping=False."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._pings_left: int | None = _STRANGERS_PINGS

    def admit(self) -> None:
        """The peer is known: as many pings as it likes. One that does not read the answers is read no further."""
        self._pings_left = None

    async def next(self) -> WSMessage:
        """The next one that is neither ping nor pong. Raises Violation for a stranger that only pings."""
        while True:
            message: WSMessage = await self._socket.receive()
            if message.type is WSMsgType.PING:
                await self._answer(message.data)
            elif message.type is not WSMsgType.PONG:
                return message

    async def _answer(self, data: bytes) -> None:
        if self._pings_left is not None:
            self._pings_left -= 1
            if self._pings_left < 0:
                raise Violation(spec.CODE_MALFORMED, f"more than {_STRANGERS_PINGS} pings before HELLO")
        await self._socket.pong(data)
