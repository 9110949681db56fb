"""The transports that this package has, by name."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CallerError
from .address import Address
from .base import Transport, TransportFactory
from .options import TransportOptions
from .polling import PollingTransport
from .serial_line import SerialTransport
from .tcp import TcpTransport
from .websocket import WebSocketTransport

_MAKERS: dict[str, Callable[[Address, TransportOptions], Transport]] = {
    "tcp": TcpTransport,
    "websocket": WebSocketTransport,
    "polling": PollingTransport,
    "serial": lambda address, _options: SerialTransport(address),
}


def available() -> tuple[str, ...]:
    """Names of the transports that this package has."""
    return tuple(_MAKERS)


def factory(name: str, options: TransportOptions = TransportOptions()) -> TransportFactory:  # noqa: B008 - frozen
    """The transport with this name; CallerError when there is none."""
    maker = _MAKERS.get(name)
    if maker is None:
        raise CallerError(what="unknown transport", value=name, next_step=f"use one of: {', '.join(_MAKERS)}")
    return lambda address: maker(address, options)
