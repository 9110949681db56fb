"""Where a gateway is, and which links lead there."""

from .session.spec import TRANSPORT_POLLING, TRANSPORT_SERIAL, TRANSPORT_TCP, TRANSPORT_WEBSOCKET

_HTTP_PORT = 8080


class Address:
    """`http://host:port` (WebSocket and polling there, raw TCP on the next port), `tcp://host:port`, or a byte pipe."""

    def __init__(self, where) -> None:
        self.pipe = None
        self.host = ""
        self.port = 0
        self.tcp_port = 0
        self.transports: tuple = ()
        if not isinstance(where, str):
            self.pipe = where
            self.transports = (TRANSPORT_SERIAL,)
            return
        scheme, _, rest = where.partition("://")
        if not rest:
            scheme, rest = "http", where
        host, _, port = rest.rstrip("/").rpartition(":")
        if not host:
            host, port = rest.rstrip("/"), str(_HTTP_PORT)
        host = host.strip("[]")
        # An address never holds a token: "@" would be one.
        if scheme not in ("http", "ws", "tcp") or not host or not port.isdigit() or "@" in host or "/" in host:
            raise ValueError("not a gateway address (there is no TLS here): use http://HOST:PORT or tcp://HOST:PORT")
        self.host = host
        self.port = int(port)
        if not 0 < self.port < 65536:
            raise ValueError("no port: %d" % self.port)
        if scheme == "tcp":
            self.tcp_port = self.port
            self.transports = (TRANSPORT_TCP,)
        else:
            self.tcp_port = self.port + 1
            self.transports = (TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)

    def link(self, transport: int, limit_bytes: int):
        """A link of this kind; what it needs is loaded with the first of its kind."""
        if transport == TRANSPORT_SERIAL:
            from .line import Line

            return Line(self.pipe, limit_bytes)
        if transport == TRANSPORT_TCP:
            from .stream import Stream

            return Stream(self.host, self.tcp_port, limit_bytes)
        if transport == TRANSPORT_WEBSOCKET:
            from .websocket import WebSocket

            return WebSocket(self.host, self.port, limit_bytes)
        from .polling import Polling

        return Polling(self.host, self.port, limit_bytes)
