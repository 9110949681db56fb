"""The transports that this package has, by name."""

from __future__ import annotations

from ..errors import CallerError
from .base import TransportFactory
from .polling import PollingTransport
from .websocket import WebSocketTransport

_FACTORIES: dict[str, TransportFactory] = {"websocket": WebSocketTransport, "polling": PollingTransport}


def available() -> tuple[str, ...]:
    """Names of the transports that this package has."""
    return tuple(_FACTORIES)


def factory(name: str) -> TransportFactory:
    """The transport with this name; CallerError when there is none."""
    found = _FACTORIES.get(name)
    if found is None:
        raise CallerError(what="unknown transport", value=name, next_step=f"use one of: {', '.join(_FACTORIES)}")
    return found
