"""The transports that this package has, by name.

A transport is imported when a client is made that may take it: the library behind WebSocket and polling takes longer to import
than everything else together.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CallerError
from .address import Address
from .base import Transport, TransportFactory
from .options import TransportOptions

Maker = Callable[[Address, TransportOptions], Transport]


def _tcp() -> Maker:
    from .tcp import TcpTransport

    return TcpTransport


def _websocket() -> Maker:
    from .websocket import WebSocketTransport

    return WebSocketTransport


def _polling() -> Maker:
    from .polling import PollingTransport

    return PollingTransport


def _serial() -> Maker:
    from .serial_line import SerialTransport

    return lambda address, _options: SerialTransport(address)


_MAKERS: dict[str, Callable[[], Maker]] = {"tcp": _tcp, "websocket": _websocket, "polling": _polling, "serial": _serial}


def available() -> tuple[str, ...]:
    """Names of the transports that this package has."""
    return tuple(_MAKERS)


def factory(name: str, options: TransportOptions = TransportOptions()) -> TransportFactory:  # noqa: B008 - frozen
    """The transport with this name; CallerError when there is none."""
    find = _MAKERS.get(name)
    if find is None:
        raise CallerError(what="unknown transport", value=name, next_step=f"use one of: {', '.join(_MAKERS)}")
    maker = find()
    return lambda address: maker(address, options)
