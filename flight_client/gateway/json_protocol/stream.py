"""JSON over WebSocket: one text message is one message."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSMsgType, web

from flight_client.gateway.json_protocol import messages
from flight_client.gateway.json_protocol.greeting import greet
from flight_client.gateway.json_protocol.session import JsonSession
from flight_client.gateway.peer_parts import Violation
from flight_client.gateway.registry import Registry
from flight_client.gateway.socket_messages import SocketMessages
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec

_log = logging.getLogger("flight.gateway")

_CLOSE_S = 2.0
_SEND_S = 20.0  # a client that takes nothing for so long is gone
_HEARTBEAT_S = 20.0
_CLOSE_CODE = 4000  # and the code of the table


async def serve_json_stream(registry: Registry, request: web.Request, strangers: Strangers) -> web.StreamResponse:
    """GET /v1/stream with the subprotocol flight.v1.json."""
    socket = web.WebSocketResponse(
        protocols=(messages.SUBPROTOCOL,), compress=False, max_msg_size=messages.MESSAGE_BYTES, autoping=False,
        timeout=_CLOSE_S, heartbeat=_HEARTBEAT_S,
    )  # fmt: skip
    try:
        await socket.prepare(request)
    except web.HTTPException as error:
        return web.Response(status=400, text=f"not a WebSocket handshake: {error.text}\n")
    await _Connection(registry, socket, request, strangers).run()
    return socket


class _Connection:
    """One connection, from hello to its end."""

    def __init__(
        self,
        registry: Registry,
        socket: web.WebSocketResponse,
        request: web.Request,
        strangers: Strangers,
    ) -> None:
        self._registry = registry
        self._socket = socket
        self._messages = SocketMessages(socket)
        self._transport = request.transport
        self._address = request.remote or ""
        self._strangers = strangers
        self._awake = asyncio.Event()

    async def run(self) -> None:
        try:
            session = await self._greet()
        except Violation as error:
            await self._close(messages.refusal_message(error.code, error.text))
            return
        except (TimeoutError, ConnectionError):
            _log.debug("a connection in JSON did not say who it is")
            return
        if session is None:
            return
        self._strangers.forget(self._transport)
        self._messages.admit()
        session.on_wake = self._awake.set
        self._awake.set()
        writer = asyncio.get_running_loop().create_task(self._write(session))
        try:
            await self._read(session)
        finally:
            ended = session.ending is not None
            self._registry.drop(session, spec.CODE_OK)
            if ended:  # what it is told last is on its way
                await asyncio.wait({writer}, timeout=_CLOSE_S)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _greet(self) -> JsonSession | None:
        async with asyncio.timeout(spec.PREAUTH_MS / 1000):
            message = await self._messages.next()
        if message.type is not WSMsgType.TEXT:
            if message.type is WSMsgType.BINARY:
                await self._close(messages.refusal_message(spec.CODE_MALFORMED, "frames where JSON belongs"))
            return None
        session = await greet(self._registry, message.data, "json-websocket", self._address)
        if isinstance(session, JsonSession):
            return session
        await self._close(session)
        return None

    async def _read(self, session: JsonSession) -> None:
        registry = self._registry
        while session.ending is None:
            message = await self._messages.next()
            if message.type is WSMsgType.BINARY:
                registry.counters.malformed += 1
                session.end_transport(spec.CODE_MALFORMED, 0, "frames where JSON belongs")
            elif message.type is not WSMsgType.TEXT:
                return
            else:
                try:
                    session.take(messages.read_message(message.data), registry.clock())
                except messages.Unreadable as error:
                    registry.counters.malformed += 1
                    session.unreadable(error, registry.clock())

    async def _write(self, session: JsonSession) -> None:
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                while (text := session.next_text() if session.ending is None else None) is not None:
                    async with asyncio.timeout(_SEND_S):
                        await self._socket.send_frame(text, WSMsgType.TEXT)
                if session.ending is not None:
                    await self._close(session.ending)
                    return
        except (ConnectionError, TimeoutError):
            if self._transport is not None:
                self._transport.abort()

    async def _close(self, last: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                code = messages.CODE_NUMBERS[str(last["code"])]
                if code:
                    await self._socket.send_frame(messages.encode(last), WSMsgType.TEXT)
                await self._socket.close(code=_CLOSE_CODE + code if code else 1000, message=str(last["code"]).encode())
        except (ConnectionError, TimeoutError):
            _log.debug("a connection in JSON ended before it heard why")
            if self._transport is not None:
                self._transport.abort()  # a socket that is closed would wait for what is never taken
