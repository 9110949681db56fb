"""HTTP polling: a request carries frames up, its reply carries frames down. Keep-alive, one request at a time."""

from __future__ import annotations

import aiohttp

from .._tables import STRINGS
from ..errors import PeerError
from ..session.spec import POLL_BODY_BYTES
from .address import Address
from .http_errors import refused_status, unreachable

_HEADERS = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}


class PollingTransport:
    """POST /v1/poll with frames both ways."""

    turn_based = True

    def __init__(self, address: Address):
        self._address = address
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Nothing to connect: the first request does it."""
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1), auto_decompress=False)

    async def send(self, body: bytes) -> bytes:
        """One request; its reply. The session's own time-out bounds it."""
        assert self._http is not None
        try:
            async with self._http.post(
                self._address.poll_url, data=body, headers=_HEADERS, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise refused_status(response.status, self._address, STRINGS["poll_path"])
                reply = await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self._address, error) from error
        return reply

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
        """Drop the connection."""
        if self._http is not None:
            await self._http.close()
