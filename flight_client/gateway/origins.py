"""Web pages that may talk to the gateway: its own, and the origins that were allowed.

A browser names the page that asks; pages we do not know get nothing, on every route. One that is allowed and comes from
elsewhere is told so in the words of CORS, else the browser would keep the answers from it. No cookie is ever used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

_METHODS = "GET, POST"
_HEADERS = "Authorization, Content-Type, Prefer"
_PREFLIGHT_S = "600"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def check_origins(allowed: tuple[str, ...]) -> Middleware:
    """The middleware of a gateway that allows these origins beside its own."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or origin == f"{request.url.scheme}://{request.host}":
            return await handler(request)
        if origin not in allowed and "*" not in allowed:
            return web.Response(status=403, text="this origin is not allowed; see --allow-origin\n")
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            answer: web.StreamResponse = web.Response(status=204)
            answer.headers["Access-Control-Allow-Methods"] = _METHODS
            answer.headers["Access-Control-Allow-Headers"] = _HEADERS
            answer.headers["Access-Control-Max-Age"] = _PREFLIGHT_S
        else:
            answer = await handler(request)
        if not answer.prepared:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Vary"] = "Origin"
        return answer

    return check
