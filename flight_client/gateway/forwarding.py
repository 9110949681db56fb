"""Polling requests that reached the wrong node: passed on to the session's owner, and its reply back.

Only ATTACH, POLL and polls in JSON are passed on, only to nodes of the list, and only once: the header says that a request was. A node
that cannot be reached has lost its sessions as far as the device is concerned: RESET(unknown-session), and the device says
HELLO to whoever hears it. What it had sent is safe: the mark in the common log keeps it from being stored twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets

import aiohttp
from aiohttp import web
from yarl import URL

from flight_client.errors import FrameError
from flight_client.gateway.node_list import TAG_BYTES, tag_of
from flight_client.session import spec
from flight_client.wire.frames import FrameReader

_log = logging.getLogger("flight.gateway")

HEADER = "Flight-Forwarded"
_CONNECT_S = 2.0  # a node of the same network answers in a moment, or is gone
_STATUSES = (200, 400, 408, 409, 413, 429)  # that a gateway answers to a polling request
_ATTACH_S = 4.0  # a device gives its gateway 10 s (most profiles): it hears RESET before it gives this node up too
_ASK_S = 3.0  # what REST asks of all: whoever hangs is left out of the answer
_REPLY_S = 45.0  # the longest hold of a reply, and the store's time at both ends of it


class Gone(Exception):  # noqa: N818 - it is an answer, not an error of this program
    """The owner cannot be reached."""


class Forwarder:
    """The way from this node to the others."""

    def __init__(self, node: str, nodes: tuple[str, ...]) -> None:
        self.life: str = secrets.token_hex(8)
        """Of this process: what comes back with it has gone round."""
        self.tag: bytes = tag_of(node)
        """How this node's session ids begin."""
        self.forwarded: int = 0
        """Requests that were passed on."""
        self.unreachable: int = 0
        """... that could not be."""
        self.attach_s = _ATTACH_S
        self.ask_s = _ASK_S
        self._others = {tag_of(other): other for other in nodes if other != node}
        self._http: aiohttp.ClientSession | None = None

    def owner(self, session_id: bytes, request: web.Request) -> str:
        """The node to ask; '' for a session that is ours or nobody's, and for a request that was passed on already."""
        if HEADER in request.headers:
            return ""
        return self._others.get(session_id[:TAG_BYTES], "")

    async def forward(
        self, owner: str, request: web.Request, kind: int, data: bytes, limit_bytes: int = spec.POLL_BODY_BYTES
    ) -> web.Response:
        """The owner's reply to a request that begins with ATTACH or POLL, or to one in JSON, which counts as POLL.

        502 when it is not known what became of the request. Raises Gone when there is nobody to give a reply.
        """
        try:
            status, content_type, body = await self._ask(owner, request, kind, data, limit_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.info("%s did not answer: %s", owner, type(error).__name__)
            nobody = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            if nobody or kind == spec.TYPE_ATTACH:
                self.unreachable += 1
                raise Gone from error
            # What POLL brought may have been stored or not: the device asks with ATTACH.
            return web.Response(status=502, text="the node of this session did not answer\n")
        if status not in _STATUSES or len(body) > limit_bytes:
            _log.warning("%s answered with status %d and %d bytes: is that a gateway?", owner, status, len(body))
            return web.Response(status=502, text="the node of this session gave an answer that is none\n")
        self.forwarded += 1
        return web.Response(status=status, body=body, content_type=content_type, headers={"Cache-Control": "no-store"})

    async def _ask(
        self, owner: str, request: web.Request, kind: int, data: bytes, limit_bytes: int
    ) -> tuple[int, str, bytes]:
        headers = {HEADER: "1", "Content-Type": request.content_type}
        if "Prefer" in request.headers:
            headers["Prefer"] = request.headers["Prefer"]
        total_s = self.attach_s if kind == spec.TYPE_ATTACH else _REPLY_S
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=_CONNECT_S, connect=_CONNECT_S)
        async with self._session().post(
            owner + request.path, data=data, headers=headers, allow_redirects=False, timeout=timeout
        ) as answer:
            return answer.status, answer.content_type, await _at_most(answer, limit_bytes)

    def asked_itself(self, request: web.Request) -> bool:
        """Whether a question of this gateway to the others came back to it: the list has another name for it."""
        return request.headers.get(HEADER) == self.life

    async def ask_others(self, request: web.Request, limit_bytes: int) -> dict[str, bytes | None]:
        """The same GET of every other node, with the caller's token, all at once; None for who gives no answer to it."""
        headers = {HEADER: self.life, "Authorization": request.headers.get("Authorization", "")}
        timeout = aiohttp.ClientTimeout(total=self.ask_s, sock_connect=_CONNECT_S, connect=_CONNECT_S)

        async def ask(owner: str) -> bytes | None:
            try:
                async with self._session().get(
                    URL(owner + request.rel_url.raw_path_qs, encoded=True),
                    headers=headers,
                    allow_redirects=False,
                    timeout=timeout,
                ) as answer:
                    body = await _at_most(answer, limit_bytes)
                    if answer.status == 200 and len(body) <= limit_bytes:
                        return body
                    _log.warning(
                        "%s answered %s with status %d%s", owner, request.path, answer.status, _hint(answer.status)
                    )
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                _log.info("%s did not answer: %s", owner, type(error).__name__)
            self.unreachable += 1
            return None

        owners = list(self._others.values())
        return dict(zip(owners, await asyncio.gather(*map(ask, owners)), strict=True))

    async def close(self) -> None:
        """Drop the connections to the other nodes."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # every request here is one of a client: bounded there
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._http


def _hint(status: int) -> str:
    if status == 400:
        return ": is that this gateway under another name? FLIGHT_NODES names each once"
    return ": do both take the same tokens?" if status in (401, 403) else ""


async def _at_most(answer: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """Its body; a longer one is cut somewhere behind the limit."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > limit_bytes:
            break
    return bytes(body)


def knows_session(reply: bytes) -> bool:
    """Whether a reply is one to a device with a session: not RESET, not CLOSE, and no page of a proxy."""
    reader = FrameReader(spec.FLAGS_SUPPORTED)
    try:
        reader.feed(reply, spec.MAX_FRAME_BYTES)
        return reader.next() and reader.type not in (spec.TYPE_RESET, spec.TYPE_CLOSE)
    except FrameError:
        return False
