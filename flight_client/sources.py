"""What a client asks for before each attempt, token and address, and which transports an address leaves."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from ._tables import NAMES
from .errors import CallerError
from .platforms import Platform
from .transports import Address, available, factory

TokenSource = str | Callable[[], str] | Callable[[], Awaitable[str]]
AddressSource = (
    str | Address | Sequence[str | Address] | Callable[[], str | Address] | Callable[[], Awaitable[str | Address]]
)

DEFAULT_ADDRESS = "http://127.0.0.1:8080"
MOST_NODES = 64

_TRANSPORT_NAMES = {value: name for name, value in NAMES["transports"].items()}


async def fresh_token(source: TokenSource) -> bytes:
    """The token for this attempt."""
    token = source if isinstance(source, str) else source()
    if not isinstance(token, str):
        token = await token
    return token.encode()


async def fresh_address(source: AddressSource, transport: int) -> Address:
    """The address for this attempt. Raises CallerError for one that this transport cannot use."""
    if isinstance(source, Address):
        return source
    assert callable(source)  # the driver asks for one of a list
    told = source()
    if inspect.isawaitable(told):
        told = await told
    address = told if isinstance(told, Address) else Address.parse(told)
    name = _TRANSPORT_NAMES[transport]
    if not address.has(name):
        raise CallerError(what=f"{address} leads to no {name}", value=name, next_step=address.advice(name))
    return address


def fixed_addresses(source: AddressSource) -> tuple[Address, ...]:
    """The addresses, one or several; none where they are a callable's business. Raises CallerError."""
    if callable(source):
        return ()
    if isinstance(source, Address):
        return (source,)
    given = [part.strip() for part in source.split(",")] if isinstance(source, str) else list(source)
    found = tuple(one if isinstance(one, Address) else Address.parse(one) for one in given)
    if not 1 <= len(found) <= MOST_NODES:
        raise CallerError(
            what="a list of addresses of the wrong length",
            value=len(found),
            next_step=f"give 1 to {MOST_NODES}, as in http://a:8080,http://b:8080",
        )
    for number, address in enumerate(found):
        if address in found[:number]:
            raise CallerError(what="an address stands twice", value=address, next_step="name every gateway once")
        if address.only != found[0].only:
            raise CallerError(
                what="addresses of different kinds in one list",
                value=f"{found[0]} and {address}",
                next_step="give all nodes in the same form, such as http://host:port",
            )
    return found


def choose_transports(
    transports: Iterable[str] | None, own: Collection[str], platform: Platform, addresses: tuple[Address, ...]
) -> tuple[str, ...]:
    """The names to try, in order: what every node has. Without addresses (a callable's) each is looked at then."""
    if transports is None:
        if addresses and addresses[0].only:
            return (addresses[0].only,)
        known = available()
        return tuple(
            name for name in platform.transports
            if name in own or (name in known and all(address.has(name) for address in addresses))
        )  # fmt: skip
    chosen = tuple(transports)
    for name in chosen:
        if name not in own or name not in NAMES["transports"]:
            factory(name)
        for address in addresses if name not in own else ():
            if not address.has(name):
                raise CallerError(what=f"{address} leads to no {name}", value=name, next_step=address.advice(name))
    if not chosen:
        raise CallerError(what="no transport to use", value="()", next_step="leave `transports` out")
    return chosen
