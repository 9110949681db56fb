"""The body of a request, bounded in size and time: the same for polling, JSON and REST."""

from __future__ import annotations

import asyncio

from aiohttp import web

from flight_client.session.spec import PREAUTH_MS


class BadBody(Exception):  # noqa: N818 - it is answered, it is no error of this program
    """A body that is not taken: the HTTP status, and why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    @property
    def closes(self) -> bool:
        """Whether what may still come of the request is nobody's business."""
        return self.status != 413


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body. Raises BadBody."""
    too_large = BadBody(413, f"a request to {request.path} has at most {limit_bytes} bytes")
    length = request.content_length
    if length is not None:
        if length > limit_bytes:
            raise too_large
        if request.content.is_eof() and request.content.exception() is None:
            return request.content.read_nowait()  # all of it came with its head: nothing to wait for, nothing to time
    try:
        async with asyncio.timeout(PREAUTH_MS / 1000):
            data = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    except TimeoutError:
        raise BadBody(408, f"the request was not complete after {PREAUTH_MS} ms") from None
    except (web.RequestPayloadError, ConnectionError):
        raise BadBody(400, "the request ended early") from None
    if len(data) > limit_bytes:
        raise too_large
    return data
