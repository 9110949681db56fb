"""A polling request without HTTP: what the gateway's handler reads of one, and what it answers."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .._tables import STRINGS


class _Body:
    """Of a request, all of it there with the head."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def is_eof(self) -> bool:
        return True

    def exception(self) -> None:
        return None

    def read_nowait(self) -> bytes:
        return self._body


class PollRequest:
    """Stands for the request of aiohttp."""

    def __init__(self, body: bytes) -> None:
        self.path: str = STRINGS["poll_path"]
        self.content_length: int = len(body)
        self.headers: dict[str, str] = {}
        self.transport: Any = None
        self.remote: str | None = None
        self.content: _Body = _Body(body)
        self._body = body

    async def read(self) -> bytes:
        """The whole body."""
        return self._body


def body_of(response: web.Response) -> bytes:
    """The frames of a reply; b"" for every other answer."""
    body = response.body
    return bytes(body) if isinstance(body, bytes) and response.status == 200 else b""
