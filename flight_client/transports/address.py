"""Where a gateway is: one text for all transports."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import parse_qs, urlsplit

from .._tables import STRINGS
from ..errors import CallerError

_SCHEMES = {"http": False, "https": True, "ws": False, "wss": True}
_LINE_SCHEMES = ("serial", "pipe")
_DEVICE = re.compile(r"/dev/[A-Za-z0-9._/-]{1,200}|COM[0-9]{1,3}", re.ASCII)
_BAUD = 115200
_BAUD_HIGHEST = 10_000_000
_HTTP_PORT = 8080


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A byte pipe that may lose or damage bytes: a serial port, or a TCP port behind which there is one."""

    device: str = ""
    """/dev/ttyUSB0 or COM3; empty for a TCP port."""
    baud: int = 0
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.device:
            slash = "" if self.device.startswith("/") else "/"
            return f"serial://{slash}{self.device}?baud={self.baud}"
        return f"pipe://{_netloc(self.host, self.port)}"


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Host and ports of a gateway; every transport takes its own of it.

    `only` names the one transport of an address that fits no other: tcp://, tls:// or a line.
    """

    host: str
    port: int
    secure: bool
    tcp_port: int = 0
    """Of raw TCP; by default the one above the port of HTTP. 0 where there is none: behind a proxy that speaks TLS there is
    no second port, so tls:// names the port of a gateway that does so itself."""
    line: Line | None = None
    only: str = ""

    def __post_init__(self) -> None:
        if not self.tcp_port and not self.secure and self.line is None and self.port < 65535:
            object.__setattr__(self, "tcp_port", self.port + 1)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        `http://host:port` (or `host:port`, `https://…`, `ws://…`, `wss://…`): WebSocket and polling on this port, raw TCP
        on the next one. `tcp://host:port`: raw TCP on this port, nothing else; `tls://host:port`: the same in TLS. `serial:///dev/ttyUSB0?baud=115200`,
        `serial:///COM3`: a serial port with a bridge at its other end. `pipe://host:port`: such a line behind a TCP port.

        Raises CallerError, also when the text carries a user, a password, a path or a query of another kind: a token never
        belongs into an address.
        """
        try:
            text.encode()  # a lone surrogate is in no address
            parts = urlsplit(text if "://" in text else f"http://{text}")
        except ValueError:
            raise _no_address(text) from None
        if parts.scheme == "serial":
            return _serial_address(text)
        try:
            port = parts.port
        except ValueError:
            port = -1
        extra = parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/")
        if parts.scheme in ("tcp", "tls", "pipe") and parts.hostname and port and port != -1 and not extra:
            if parts.scheme == "pipe":
                return cls("", 0, False, line=Line(host=parts.hostname, port=port), only="serial")
            return cls(parts.hostname, port, parts.scheme == "tls", tcp_port=port, only="tcp")
        if parts.scheme not in _SCHEMES or not parts.hostname or port == -1 or extra:
            raise _no_address(text)
        secure = _SCHEMES[parts.scheme]
        return cls(parts.hostname, port or (443 if secure else _HTTP_PORT), secure)

    @property
    def netloc(self) -> str:
        """host:port, an IPv6 host in brackets."""
        return _netloc(self.host, self.port)

    @property
    def stream_url(self) -> str:
        """URL of the WebSocket."""
        return f"{'wss' if self.secure else 'ws'}://{self.netloc}{STRINGS['stream_path']}"

    @property
    def poll_url(self) -> str:
        """URL of the polling endpoint."""
        return f"{'https' if self.secure else 'http'}://{self.netloc}{STRINGS['poll_path']}"

    @property
    def tcp_url(self) -> str:
        """Where raw TCP is, as a person would write it."""
        return f"{'tls' if self.secure else 'tcp'}://{_netloc(self.host, self.tcp_port)}"

    def has(self, transport: str) -> bool:
        """Whether this address leads anywhere for the transport."""
        if self.only:
            return transport in (self.only, "memory")
        return transport != "serial" and (transport != "tcp" or bool(self.tcp_port))

    def advice(self, transport: str) -> str:
        """What to do for a transport that this address does not have."""
        if transport == "serial":
            return "give the line itself: serial:///dev/ttyUSB0?baud=115200 or pipe://127.0.0.1:10004"
        if transport == "tcp" and self.secure:
            return (
                "give the second port of a gateway that speaks TLS itself, tls://host:port, or use websocket or polling"
            )
        return f"give the gateway's HTTP address, http://host:port, for {transport}"

    def __str__(self) -> str:
        if self.line is not None:
            return str(self.line)
        if self.only:
            return self.tcp_url
        return f"{'https' if self.secure else 'http'}://{self.netloc}"


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _serial_address(text: str) -> Address:
    parts = urlsplit(text)
    device = parts.path if not parts.path.startswith("/COM") else parts.path[1:]
    asked = parse_qs(parts.query, keep_blank_values=True)
    baud = asked.pop("baud", [str(_BAUD)])
    sound = not parts.netloc and not parts.fragment and not asked and _DEVICE.fullmatch(device) is not None
    if not sound or len(baud) != 1 or re.fullmatch(r"[0-9]{2,8}", baud[0], re.ASCII) is None:
        raise _no_address(text)
    if not 50 <= int(baud[0]) <= _BAUD_HIGHEST:
        raise _no_address(text)
    return Address("", 0, False, line=Line(device=device, baud=int(baud[0])), only="serial")


def _no_address(text: str) -> CallerError:
    shown = text if "@" not in text and "?" not in text else "(hidden: it may hold a secret)"
    if text.startswith("serial:") and "@" not in text:
        shown = text.partition("?")[0]
    return CallerError(
        what="not a gateway address",
        value=shown,
        next_step="write it like http://192.168.1.10:8080, https://gateway.example:8443, tcp://192.168.1.10:8081, serial:///dev/ttyUSB0?baud=115200 or "
        "pipe://127.0.0.1:10004",
    )
