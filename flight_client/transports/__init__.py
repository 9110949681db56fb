"""The only place with sockets on the client's side. One file per transport, one small interface (base.py)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .address import Address
from .base import Transport, TransportFactory
from .catalog import available, factory
from .memory import MemoryEnd, MemoryTransport
from .options import TransportOptions

if TYPE_CHECKING:
    from .polling import PollingTransport
    from .serial_line import SerialTransport
    from .tcp import TcpTransport
    from .websocket import WebSocketTransport

__all__ = [
    "Address",
    "MemoryEnd",
    "MemoryTransport",
    "PollingTransport",
    "SerialTransport",
    "TcpTransport",
    "Transport",
    "TransportFactory",
    "TransportOptions",
    "WebSocketTransport",
    "available",
    "factory",
]

_HOME = {
    "PollingTransport": "polling",
    "SerialTransport": "serial_line",
    "TcpTransport": "tcp",
    "WebSocketTransport": "websocket",
}


def __getattr__(name: str) -> Any:
    """Import a transport on first use (catalog.py says why)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value
