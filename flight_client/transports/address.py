"""Where a gateway listens."""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from .._tables import STRINGS
from ..errors import CallerError

_SCHEMES = {"http": False, "https": True, "ws": False, "wss": True}


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Host and port of a gateway; every transport makes its own URL of it."""

    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `http://host:port`, `https://…`, `ws://…`, `wss://…` or `host:port`.

        Raises CallerError, also when the text carries a user, a password, a path or a query: a token never belongs
        into an address.
        """
        parts = urlsplit(text if "://" in text else f"http://{text}")
        try:
            port = parts.port
        except ValueError:
            port = -1
        extra = parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/")
        if parts.scheme not in _SCHEMES or not parts.hostname or port == -1 or extra:
            shown = text if "@" not in text and "?" not in text else "(hidden: it may hold a secret)"
            raise CallerError(
                what="not a gateway address", value=shown, next_step="write it like http://192.168.1.10:8080"
            )
        secure = _SCHEMES[parts.scheme]
        return cls(parts.hostname, port or (443 if secure else 8080), secure)

    @property
    def netloc(self) -> str:
        """host:port, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def stream_url(self) -> str:
        """URL of the WebSocket."""
        return f"{'wss' if self.secure else 'ws'}://{self.netloc}{STRINGS['stream_path']}"

    @property
    def poll_url(self) -> str:
        """URL of the polling endpoint."""
        return f"{'https' if self.secure else 'http'}://{self.netloc}{STRINGS['poll_path']}"

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.netloc}"
