"""Balancers that are believed when they say for whom they ask: X-Forwarded-For, from the addresses of a list and no others.

Closed by default: without a list the header means nothing, since any client could write it. From a balancer of the list it is
read from the right, over other balancers of the list, to the first address that is none: that one connected to the outermost
balancer that we trust, and what stands left of it is what a client says of itself. Where the header is missing or no address
can be read in it, the balancer itself is the client.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from flight_client.errors import CallerError
from flight_client.gateway.strangers import Strangers

MOST_PROXIES = 64
_HEADER = "X-Forwarded-For"
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_MAPPED_BITS = 96  # of ::ffff:a.b.c.d, in front of the IPv4 address
_MOST_HOPS = 32  # of one header; a longer one is a client's game

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The list, and what is done for each request that comes from one of it."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        """networks: addresses, or networks as in 10.0.0.0/8, checked before by check_proxies()."""
        self._networks = [_network(one) for one in networks]

    def trusts(self, address: str) -> bool:
        """Whether this is one of the list."""
        if not self._networks:
            return False
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)

    def client_of(self, proxy: str, headers: list[str]) -> str:
        """For whom a balancer of the list asks."""
        hops = ",".join(headers).split(",")
        client = proxy
        for hop in reversed(hops[-_MOST_HOPS:]):
            found = _address(_without_port(hop.strip()))
            if found is None:
                return client
            client = str(found)
            if not self.trusts(client):
                return client
        return client

    def middleware(self, strangers: Strangers) -> Middleware:
        """Before every route: the request is its client's, and so is the stranger's place that it takes."""

        @web.middleware
        async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
            proxy = request.remote or ""
            if not self.trusts(proxy):
                return await handler(request)
            client = self.client_of(proxy, request.headers.getall(_HEADER, []))
            if request.transport is not None and not strangers.is_of(request.transport, client):
                answer = web.Response(status=429, text="too many connections without a token from this address\n")
                answer.force_close()
                return answer
            return await handler(request.clone(remote=client))

        return serve


def check_proxies(networks: tuple[str, ...]) -> None:
    """Raises CallerError for a list that cannot work, or that believes everybody."""
    for one in networks:
        try:
            network = _network(one)
        except ValueError:
            raise _bad(one, "addresses, or networks as in 10.0.0.0/8") from None
        if network.prefixlen == 0:
            raise _bad(one, "the balancers' own addresses: with this one anybody could say that he is anybody")
        if isinstance(network, ipaddress.IPv6Network) and _MAPPED.subnet_of(network):
            raise _bad(one, "a smaller network: this one has all of IPv4 in it; IPv4 is written as in 10.0.0.0/8")
    if len(networks) > MOST_PROXIES:
        raise _bad(f"{len(networks)} of them", f"at most {MOST_PROXIES}: a network stands for many")


def _network(text: str) -> Network:
    """An IPv4 network that is written in IPv6's way is one of IPv4: so are the addresses that it is compared with."""
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _bad(value: str, allowed: str) -> CallerError:
    return CallerError("trusted_proxies has a value that is not allowed", value=value, next_step=f"use {allowed}")
