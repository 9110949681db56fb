"""HTTP polling in the gateway: a request carries frames up, its reply carries what waits for the device."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from flight_client.errors import FrameError, RefusedError
from flight_client.gateway.greeting import closing, greet, malformed, reset, untagged_end
from flight_client.gateway.peer import Peer, Violation
from flight_client.gateway.registry import Registry
from flight_client.session import spec
from flight_client.session.gateway import messages
from flight_client.wire.frames import FrameReader

_log = logging.getLogger("flight.gateway")

_REPLY_BYTES = spec.POLL_BODY_BYTES // 2 + 1  # collect() may go one frame over: the reply stays within the limit
_SETTLE_S = 5.0  # how long a reply waits for the store; what is not stored by then is acknowledged by the next one
_HEADERS = {"Cache-Control": "no-store"}  # a proxy must not answer for us


class PollPipe:
    """The transport of a peer that polls: it holds nothing, the next request takes what waits."""

    turn_based = True

    def __init__(self, peer: Peer) -> None:
        self.ending: bytes | None = None
        self._peer = peer

    def wake(self) -> None:
        """Nothing to do: the device asks."""

    def end(self, code: int, retry_after_ms: int = 0, text: str = "") -> None:
        """Told with the next reply, if there is one."""
        self.ending = self._peer.sealing.closing(code, retry_after_ms, text)


async def serve_poll(registry: Registry, request: web.Request) -> web.Response:
    """POST /v1/poll."""
    if request.content_length is not None and request.content_length > spec.POLL_BODY_BYTES:
        return _too_large()
    try:
        async with asyncio.timeout(spec.PREAUTH_MS / 1000):
            data = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _too_large()
    except TimeoutError:
        return _given_up(408, f"the request was not complete after {spec.PREAUTH_MS} ms")
    except (web.RequestPayloadError, ConnectionError):
        return _given_up(400, "the request ended early")
    reader = FrameReader(spec.FLAGS_PLAIN | spec.FLAG_AUTHENTICATED)  # ATTACH and POLL may have a tag
    reader.feed(data, spec.MAX_FRAME_BYTES)
    try:
        if not reader.next():
            return _reply(malformed(registry, "an empty request"))
        if reader.type != spec.TYPE_POLL:
            peer, answer = await greet(registry, reader, data)
            if peer is not None:
                peer.attach(PollPipe(peer), "polling")
            return _reply(answer)
        asked = messages.read_attach(data, reader.start, untagged_end(reader))
        if asked is None:
            return _reply(malformed(registry, "POLL cannot be read"))
        peer = registry.polled(asked)
        async with peer.poll_lock:
            if registry.polled(asked) is not peer:  # while it waited the session may have ended, or moved on
                raise RefusedError(spec.CODE_UNKNOWN_SESSION)
            reader.allowed_flags = peer.sealing.allowed_flags
            peer.sealing.open(reader)
            return _reply(await _poll(registry, peer, asked.number, reader, data))
    except FrameError as error:
        registry.unreadable(error)
        return _reply(closing(spec.CODE_MALFORMED, 0, error.what))
    except RefusedError as error:
        return _reply(reset(error.code, error.text))


async def _poll(registry: Registry, peer: Peer, number: int, reader: FrameReader, data: bytes) -> bytes:
    pipe = peer.pipe
    fresh = peer.session.new_poll(number)
    now = registry.clock()
    peer.session.heard_at = now
    try:
        if reader.ack and not peer.session.acknowledge(reader.ack):  # POLL itself acknowledges the last reply
            raise Violation(spec.CODE_SEQUENCE, f"acknowledgement {reader.ack}")
        while reader.next():
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
    if isinstance(pipe, PollPipe) and pipe.ending is not None:
        return pipe.ending
    # What the request does not acknowledge went with a reply that nobody read: its own, or one to a copy of a request.
    peer.session.rewind()
    now = registry.clock()
    peer.session.ack_now(now)
    return peer.collect(_REPLY_BYTES, now)


def _reply(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/octet-stream", headers=_HEADERS)


def _given_up(status: int, text: str) -> web.Response:
    """Answer and close: what may still come of this request is nobody's business."""
    response = web.Response(status=status, text=f"{text}\n")
    response.force_close()
    return response


def _too_large() -> web.Response:
    return web.Response(status=413, text=f"a polling request has at most {spec.POLL_BODY_BYTES} bytes\n")
