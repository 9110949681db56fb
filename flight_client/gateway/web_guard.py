"""Which HTTP requests are let in by where they come from: the page that asks (Origin) and the name it was asked by (Host).

A page of another site may not use the reader's browser to talk to a gateway on the reader's network. The browser says in Origin
whose page it is. A site can also give its own name the gateway's address (DNS rebinding): its pages then are of the gateway's own
origin by every header but Host, which has the site's name. An address cannot be rebound, so addresses are let in, and of names
those of this machine and those that were allowed. A request without Host, as balancers send to look whether a gateway is well, is no
browser's and is let in.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from flight_client.gateway.names import printable

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?", re.ASCII)
_SAID_LIMIT = 16  # different hosts that the log names

_log = logging.getLogger("flight.gateway")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebGuard:
    """The checks of one gateway, before every route."""

    def __init__(self, origins: tuple[str, ...], hosts: tuple[str, ...], bound_to: str) -> None:
        """origins, hosts: what was allowed, "*" for any. bound_to: the address that the gateway listens on."""
        self._origins = frozenset(origins)
        own = socket.gethostname().lower()
        named = {host.lower() for host in hosts} | {_name(origin.partition("://")[2]) for origin in origins}
        short = own.partition(".")[0]
        self._hosts = named | {"localhost", own, short, f"{short}.local", bound_to.lower()}
        self._any_host = "*" in hosts
        self._said: set[str] = set()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what is not let in, hand on what is."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) > 1 or not all(map(self._knows, hosts)):
            self._say(hosts)
            return web.Response(status=421, text="this gateway does not go by that name; see --allow-host\n")
        origins = request.headers.getall("Origin", [])
        if not origins:
            return await handler(request)
        own = f"{request.url.scheme}://{hosts[0]}" if hosts else None
        if not (len(origins) == 1 and self._allows(origins[0], own)):
            return web.Response(status=403, text="this origin is not allowed; see --allow-origin\n")
        if origins[0] == own:
            return await handler(request)
        return _readable(origins[0], _preflight(request) or await handler(request))

    def _allows(self, origin: str, own: str | None) -> bool:
        return origin == own or origin in self._origins or "*" in self._origins

    def _knows(self, host: str) -> bool:
        if self._any_host:
            return True
        if _HOST.fullmatch(host) is None:
            return False
        name = _name(host)
        return name in self._hosts or _is_address(name)

    def _say(self, hosts: list[str]) -> None:
        shown = printable(", ".join(hosts))
        if len(self._said) < _SAID_LIMIT and shown not in self._said:
            self._said.add(shown)
            _log.warning(
                "a request for the host %s was refused: if that is this gateway, start it with --allow-host", shown
            )


def _preflight(request: web.Request) -> web.Response | None:
    """The answer to a browser that asks whether a page of an allowed origin may ask. No cookie is ever used."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    answer = web.Response(status=204)
    answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
    answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Prefer"
    answer.headers["Access-Control-Max-Age"] = "600"
    return answer


def _readable(origin: str, answer: web.StreamResponse) -> web.StreamResponse:
    """The same answer, which the browser may show to a page of another, allowed origin."""
    if not answer.prepared:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Vary"] = "Origin"
    return answer


def _name(host: str) -> str:
    """Without its port, in lower case."""
    match = _HOST.fullmatch(host)
    return match[1].lower().rstrip(".") if match is not None else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
