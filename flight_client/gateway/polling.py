"""HTTP polling in the gateway: a request carries frames up, its reply carries what waits for the device.

Long polling: a request with the header `Prefer: wait=SECONDS` (RFC 7240) that carries nothing but POLL may be answered
later, when there is something to say or the time is over. A second request of the session ends the hold at once; replies
leave in the order of the requests.
"""

from __future__ import annotations

import asyncio
import logging
import re

from aiohttp import web

from flight_client.errors import FrameError, RefusedError
from flight_client.gateway.bodies import BadBody, read_body
from flight_client.gateway.forwarding import Forwarder, Gone, knows_session
from flight_client.gateway.greeting import closing, greet, malformed, reset, untagged_end
from flight_client.gateway.peer import Peer
from flight_client.gateway.peer_parts import Violation
from flight_client.gateway.registry import Registry
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec
from flight_client.session.common.clock import elapsed, later
from flight_client.session.gateway import messages
from flight_client.wire.frames import FrameReader

_log = logging.getLogger("flight.gateway")

_REPLY_BYTES = spec.POLL_BODY_BYTES // 2 + 1  # collect() may go one frame over: the reply stays within the limit
_SETTLE_S = 5.0  # how long a reply waits for the store; what is not stored by then is acknowledged by the next one
_HEADERS = {"Cache-Control": "no-store"}  # a proxy must not answer for us
_HOLD_LIMIT_MS = 25_000  # proxies give up at 30 s and more
_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,5})(?![0-9])', re.ASCII | re.IGNORECASE)
_WAITING_REQUESTS = 4  # behind the one that is processed; a device has at most one


class PollPipe:
    """The transport of a peer that polls: the next request takes what waits, or the one that is held does."""

    turn_based = True

    def __init__(self, peer: Peer) -> None:
        self.ending: bytes | None = None
        self.waiting = 0  # requests behind the one that is processed
        self._awake = asyncio.Event()
        self._peer = peer

    def wake(self) -> None:
        """A held request may be answered."""
        self._awake.set()

    def end(self, code: int, retry_after_ms: int = 0, text: str = "") -> None:
        """Told with the next reply, if there is one."""
        self.ending = self._peer.sealing.closing(code, retry_after_ms, text)
        self._awake.set()

    async def nap(self, wait_ms: int) -> None:
        """Until wake(), or this long."""
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._awake.wait()
        except TimeoutError:
            pass
        self._awake.clear()


async def serve_poll(
    registry: Registry, request: web.Request, strangers: Strangers, forwarder: Forwarder | None = None
) -> web.Response:
    """POST /v1/poll. forwarder: the way to the other nodes, where this one is one of several."""
    try:
        data = await read_body(request, spec.POLL_BODY_BYTES)
    except BadBody as error:
        return web.Response(status=413, text=f"{error}\n") if not error.closes else _given_up(error.status, error.text)
    reader = FrameReader(spec.FLAGS_PLAIN | spec.FLAG_AUTHENTICATED)  # ATTACH and POLL may have a tag
    reader.feed(data, spec.MAX_FRAME_BYTES)
    try:
        if not reader.next():
            return _reply(malformed(registry, "an empty request"))
        if forwarder is not None and reader.type in (spec.TYPE_ATTACH, spec.TYPE_POLL):
            session_id = bytes(data[reader.start : reader.end][: spec.SESSION_ID_BYTES])
            owner = forwarder.owner(session_id, request)
            if owner:
                return await _forward(forwarder, owner, request, reader.type, data, strangers)
        if reader.type != spec.TYPE_POLL:
            peer, answer = await greet(registry, reader, data, request.remote or "")
            if peer is not None:
                strangers.forget(request.transport)
                peer.attach(PollPipe(peer), "polling")
            return _reply(answer)
        asked = messages.read_attach(data, reader.start, untagged_end(reader))
        if asked is None:
            return _reply(malformed(registry, "POLL cannot be read"))
        peer = registry.polled(asked)
        strangers.forget(request.transport)
        pipe = peer.pipe
        assert isinstance(pipe, PollPipe)
        if pipe.waiting >= _WAITING_REQUESTS:
            return _given_up(429, "too many requests of one session at a time")
        alone = not pipe.waiting and not peer.poll_lock.locked()
        pipe.waiting += 1
        try:
            pipe.wake()
            await peer.poll_lock.acquire()
        finally:
            pipe.waiting -= 1
        try:
            if not alone and registry.polled(asked) is not peer:  # it waited: the session may have ended, or moved on
                raise RefusedError(spec.CODE_UNKNOWN_SESSION)
            reader.allowed_flags = peer.sealing.allowed_flags
            peer.sealing.open(reader)
            return _reply(await _poll(registry, peer, asked.number, reader, data, hold_ms(request)))
        finally:
            peer.poll_lock.release()
    except FrameError as error:
        registry.unreadable(error)
        return _reply(closing(spec.CODE_MALFORMED, 0, error.what))
    except RefusedError as error:
        return _reply(reset(error.code, error.text))


async def _forward(
    forwarder: Forwarder, owner: str, request: web.Request, kind: int, data: bytes, strangers: Strangers
) -> web.Response:
    """The reply of the session's owner."""
    try:
        answer = await forwarder.forward(owner, request, kind, data)
    except Gone:
        return _reply(reset(spec.CODE_UNKNOWN_SESSION))
    assert isinstance(answer.body, bytes | None)
    if answer.status == 200 and knows_session(answer.body or b""):
        strangers.forget(request.transport)
    return answer


def hold_ms(request: web.Request) -> int:
    """How long the device lets us hold the reply; 0 where it does not say so."""
    asked = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(asked[1]) * 1000, _HOLD_LIMIT_MS) if asked is not None else 0


async def _poll(registry: Registry, peer: Peer, number: int, reader: FrameReader, data: bytes, hold_ms: int) -> bytes:
    pipe = peer.pipe
    fresh = peer.session.new_poll(number)
    now = registry.clock()
    peer.session.heard_at = now
    try:
        if reader.ack and not peer.session.acknowledge(reader.ack):  # POLL itself acknowledges the last reply
            raise Violation(spec.CODE_SEQUENCE, f"acknowledgement {reader.ack}")
        while reader.next():
            hold_ms = 0  # what it brought is answered for at once
            flags = peer.sealing.open(reader)
            if reader.type == spec.TYPE_CLOSE:
                await peer.settle(_SETTLE_S)
                registry.drop(peer, spec.CODE_OK)
                return peer.sealing.closing(spec.CODE_OK)
            peer.take(
                reader.type,
                flags,
                reader.channel,
                reader.seq,
                reader.ack,
                data,
                reader.start,
                reader.end,
                now,
                fresh,
            )
    except Violation as error:
        registry.counters.malformed += 1
        _log.warning("%s: %s", peer.source.device_id, error.text)
        registry.drop(peer, error.code, error.text)
        return peer.sealing.closing(error.code, 0, error.text)
    await peer.settle(_SETTLE_S)
    assert isinstance(pipe, PollPipe)
    # What the request does not acknowledge went with a reply that nobody read: its own, or one to a copy of a request.
    peer.session.rewind()
    body = await _hold(registry, peer, pipe, hold_ms) if fresh and hold_ms else b""
    if pipe.ending is not None:
        peer.detach(pipe, registry.clock())
        return pipe.ending
    if body:
        return body
    now = registry.clock()
    peer.session.ack_now(now)
    return peer.collect(_REPLY_BYTES, now)


async def _hold(registry: Registry, peer: Peer, pipe: PollPipe, hold_ms: int) -> bytes:
    """Wait for something to say; b'' when the time is over, another request waits, or the transport ends."""
    until = later(registry.clock(), hold_ms)
    while pipe.ending is None and not pipe.waiting:
        now = registry.clock()
        peer.session.heard_at = now
        body = peer.collect(_REPLY_BYTES, now)
        left_ms = -elapsed(now, until)
        if body or left_ms <= 0:
            return body
        # An acknowledgement that the engine's answer brings is due within its delay: the session says when.
        await pipe.nap(max(1, min(left_ms, peer.session.wake_in_ms(now))))
    return b""


def _reply(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/octet-stream", headers=_HEADERS)


def _given_up(status: int, text: str) -> web.Response:
    """Answer and close: what may still come of this request is nobody's business."""
    response = web.Response(status=status, text=f"{text}\n")
    response.force_close()
    return response
