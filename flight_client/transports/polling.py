"""HTTP polling: a request carries frames up, its reply carries frames down. Keep-alive, POST both ways.

Short: one request at a time, answered at once. Long: the gateway may hold the reply to a request that brought nothing
until it has something to say. Another turn may be sent meanwhile, on a second connection; the gateway then answers the
held request first. Replies are handed on in the order of their requests, whichever arrives first.
"""

from __future__ import annotations

import asyncio

import aiohttp

from .._tables import STRINGS
from ..errors import PeerError
from ..session.spec import POLL_BODY_BYTES
from .address import Address
from .http_errors import refused_status, unreachable
from .options import TransportOptions

_HEADERS = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}


class PollingTransport:
    """POST /v1/poll with frames both ways."""

    turn_based = True

    def __init__(self, address: Address, options: TransportOptions = TransportOptions()):  # noqa: B008 - frozen
        self.hold_ms: int = options.hold_ms
        self._address = address
        self._options = options
        self._http: aiohttp.ClientSession | None = None
        self._last: asyncio.Event | None = None  # set when the reply to the request before was handed on
        # Whole seconds, as RFC 7240 has it: a hold of less than one is none.
        self._headers = {**_HEADERS, "Prefer": f"wait={self.hold_ms // 1000}"} if self.hold_ms >= 1000 else _HEADERS

    async def open(self) -> None:
        """Nothing to connect: the first request does it."""
        connector = aiohttp.TCPConnector(limit=2 if self.hold_ms else 1)
        self._http = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, trust_env=self._options.from_environment
        )

    async def send(self, body: bytes) -> bytes:
        """One request; its reply, behind the reply to the request before. The session's own time-out bounds it."""
        before, own = self._last, asyncio.Event()
        self._last = own
        try:
            reply = await self._request(body)
            if before is not None:
                await before.wait()
        finally:
            own.set()
        return reply

    async def _request(self, body: bytes) -> bytes:
        assert self._http is not None
        try:
            async with self._http.post(
                self._address.poll_url,
                data=body,
                headers=self._headers,
                allow_redirects=False,
                proxy=self._options.proxy_url,
                ssl=self._options.tls(self._address.secure) or True,
            ) as response:
                if response.status != 200:
                    raise refused_status(response.status, self._address, STRINGS["poll_path"])
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self._address, error) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole reply, never more than the limit in memory."""
        parts = bytearray()
        async for chunk in response.content.iter_any():
            parts += chunk
            if len(parts) > POLL_BODY_BYTES:
                raise PeerError(
                    what="the gateway's reply is too large",
                    value=f"over {POLL_BODY_BYTES} bytes",
                    next_step="check that the address is a Flight gateway",
                )
        return bytes(parts)

    async def receive(self) -> bytes:
        """Never called: a turn-based transport answers in send()."""
        raise AssertionError("a polling transport receives in send()")

    async def close(self) -> None:
        """Drop the connections."""
        if self._http is not None:
            await self._http.close()
