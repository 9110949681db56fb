"""JSON over polling: a POST carries messages up, its reply those that wait.

The first request is a hello, and the reply to it has the `pollKey` that the others name, beside the session's token. Each has
the next number; one that comes again with the same number is answered again with the same bytes and not carried out twice,
so that a lost reply loses nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any

from aiohttp import web

from flight_client.errors import RefusedError
from flight_client.gateway.bodies import BadBody, read_body
from flight_client.gateway.forwarding import Forwarder, Gone
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.json_protocol.greeting import greet
from flight_client.gateway.json_protocol.session import JsonSession
from flight_client.gateway.names import refusal
from flight_client.gateway.polling import hold_ms
from flight_client.gateway.registry import Registry
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec

_REPLY_BYTES = messages.MESSAGE_BYTES
# A reply ends with the message that goes over its size, and 64 KiB of small records are some MiB of text.
_FORWARDED_BYTES = 16 << 20
_RETRY_MS = 1000
_SETTLE_S = 5.0
_WAITING_REQUESTS = 4
_HEADERS = {"Cache-Control": "no-store"}


class PollTurns:
    """The requests of one session, one after the other."""

    def __init__(self, session: JsonSession) -> None:
        self._session = session
        self._number = 0
        self._reply = b""
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._awake = asyncio.Event()
        session.on_wake = self._awake.set

    async def turn(self, registry: Registry, poll: messages.Poll, wait_ms: int) -> bytes | None:
        """The reply to one request; None when too many wait. Raises RefusedError."""
        if self._waiting >= _WAITING_REQUESTS:
            return None
        self._waiting += 1
        self._awake.set()  # the one that is held is answered now
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._turn(registry, poll, wait_ms)
        finally:
            self._lock.release()

    async def _turn(self, registry: Registry, poll: messages.Poll, wait_ms: int) -> bytes:
        session = self._session
        session.heard_at = registry.clock()
        if poll.number == self._number and self._number:
            return self._reply
        if poll.number != self._number + 1:
            raise refusal(spec.CODE_SEQUENCE, f"number is not {self._number + 1}", str(poll.number))
        self._number = poll.number
        for message in poll.messages:
            if session.ending is None:
                session.take(message, registry.clock())
        if poll.messages:
            await session.settle(_SETTLE_S)
        texts = self._collect()
        if not texts and not poll.messages and wait_ms:
            texts = await self._hold(wait_ms)
        if session.ending is not None:
            if session.ending["code"] != "ok":
                texts.append(messages.encode(session.ending))
            registry.drop(session, spec.CODE_OK)
        self._reply = b'{"messages":[' + b",".join(texts) + b"]}"
        return self._reply

    async def _hold(self, wait_ms: int) -> list[bytes]:
        try:
            async with asyncio.timeout(wait_ms / 1000):
                while not (texts := self._collect()) and self._session.ending is None and not self._waiting:
                    self._awake.clear()
                    await self._awake.wait()
                return texts
        except TimeoutError:
            return []

    def _collect(self) -> list[bytes]:
        texts: list[bytes] = []
        size = 0
        while size < _REPLY_BYTES and (text := self._session.next_text()) is not None:
            texts.append(text)
            size += len(text)
        return texts


async def serve_json_poll(
    registry: Registry, request: web.Request, strangers: Strangers, forwarder: Forwarder | None = None
) -> web.Response:
    """POST /v1/poll with the content type application/json. forwarder: the way to the other nodes, if there are some."""
    try:
        data = await read_body(request, messages.MESSAGE_BYTES)
    except BadBody as error:
        answer = _answer(messages.refusal_message(spec.CODE_TOO_LARGE, error.text), error.status)
        if error.closes:
            answer.force_close()
        return answer
    if b'"pollKey"' not in data:
        return await _hello(registry, request, data, strangers)
    try:
        poll = messages.read_poll(data)
    except messages.Unreadable as error:
        registry.counters.malformed += 1
        return _answer({"type": "error", **messages.error_of(error)}, 400)
    owner = forwarder.owner(_session_id(poll), request) if forwarder is not None else ""
    if forwarder is not None and owner:
        return await _forward(forwarder, owner, request, data, strangers)
    try:
        session = _session(registry, poll)
        strangers.forget(request.transport)
        turns: PollTurns = session.turns
        reply = await turns.turn(registry, poll, hold_ms(request))
    except RefusedError as error:
        return _answer(messages.refusal_message(error.code, error.text), 409)
    if reply is None:
        return _answer(messages.refusal_message(spec.CODE_TOO_MANY, "requests of one session at a time"), 429)
    return web.Response(body=reply, content_type="application/json", headers=_HEADERS)


async def _hello(registry: Registry, request: web.Request, data: bytes, strangers: Strangers) -> web.Response:
    session = await greet(registry, data, "json-polling", request.remote or "")
    if not isinstance(session, JsonSession):
        return _answer(session, 400)
    strangers.forget(request.transport)
    session.turns = PollTurns(session)
    welcome = session.next_text()
    assert welcome is not None
    head = messages.encode({"pollKey": session.session_id.hex()})
    return web.Response(
        body=head[:-1] + b',"messages":[' + welcome + b"]}", content_type="application/json", headers=_HEADERS
    )


async def _forward(
    forwarder: Forwarder, owner: str, request: web.Request, data: bytes, strangers: Strangers
) -> web.Response:
    """The reply of the session's owner, whatever it may be; what the client shall do when there is none."""
    try:
        answer = await forwarder.forward(owner, request, spec.TYPE_POLL, data, _FORWARDED_BYTES)
    except Gone:
        return _answer(messages.refusal_message(spec.CODE_UNKNOWN_SESSION, "its gateway is gone: say hello again"), 409)
    if answer.status == 502:
        text = "the gateway of this session did not answer: send the same request again"
        return _answer(messages.refusal_message(spec.CODE_BUSY, text, _RETRY_MS), 502)
    if answer.status == 200:
        strangers.forget(request.transport)
    return answer


def _session_id(poll: messages.Poll) -> bytes:
    """Whose request it is; b'' for a key that is none."""
    try:
        return bytes.fromhex(poll.poll_key)
    except ValueError:
        return b""


def _session(registry: Registry, poll: messages.Poll) -> JsonSession:
    """The session of a request; RefusedError unless it is proven to be the client's."""
    found = registry.session(_session_id(poll))
    if not isinstance(found, JsonSession) or found.turns is None:
        raise RefusedError(spec.CODE_UNKNOWN_SESSION, "say hello again")
    shown = hashlib.sha256(poll.token.encode("utf-8", "replace")).hexdigest()[:32]
    # The former token too: a request that renewed it may come again because its reply was lost.
    if not any(hmac.compare_digest(shown, known) for known in (found.tenure.identity.fingerprint, found.former)):
        raise RefusedError(spec.CODE_PROOF, "the token is not the session's")
    return found


def _answer(fields: dict[str, Any], status: int) -> web.Response:
    body = messages.encode({"messages": [fields]})
    return web.Response(body=body, status=status, content_type="application/json", headers=_HEADERS)
