"""What a client asks for before each attempt, token and address, and which transports an address leaves."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable

from ._tables import NAMES
from .errors import CallerError
from .platforms import Platform
from .transports import Address, available, factory

TokenSource = str | Callable[[], str] | Callable[[], Awaitable[str]]
AddressSource = str | Address | Callable[[], str | Address] | Callable[[], Awaitable[str | Address]]

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
    told = source if isinstance(source, str) else source()
    if inspect.isawaitable(told):
        told = await told
    address = told if isinstance(told, Address) else Address.parse(told)
    name = _TRANSPORT_NAMES[transport]
    if not address.has(name):
        raise CallerError(what=f"{address} leads to no {name}", value=name, next_step=address.advice(name))
    return address


def fixed_address(source: AddressSource) -> Address | None:
    """The address when it is no callable's business."""
    return Address.parse(source) if isinstance(source, str) else source if isinstance(source, Address) else None


def choose_transports(
    transports: Iterable[str] | None, own: Collection[str], platform: Platform, address: Address | None
) -> tuple[str, ...]:
    """The names to try, in order. An address that is yet to be asked for (None) is looked at then."""
    if transports is None:
        if address is not None and address.only:
            return (address.only,)
        known = available()
        return tuple(
            name for name in platform.transports
            if name in own or (name in known and (address is None or address.has(name)))
        )  # fmt: skip
    chosen = tuple(transports)
    for name in chosen:
        if name not in own or name not in NAMES["transports"]:
            factory(name)
        if name not in own and address is not None and not address.has(name):
            raise CallerError(what=f"{address} leads to no {name}", value=name, next_step=address.advice(name))
    if not chosen:
        raise CallerError(what="no transport to use", value="()", next_step="leave `transports` out")
    return chosen
