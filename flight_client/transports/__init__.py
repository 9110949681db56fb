"""The only place with sockets on the client's side. One file per transport, one small interface (base.py)."""

from .address import Address
from .base import Transport, TransportFactory
from .catalog import available, factory
from .memory import MemoryEnd, MemoryTransport
from .options import TransportOptions
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
