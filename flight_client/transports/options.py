"""How a user wants the transports to behave, beyond the address."""

from __future__ import annotations

import dataclasses
import ssl
from urllib.parse import urlsplit

from ..errors import CallerError
from .tls import client_context

ENVIRONMENT = "environment"


@dataclasses.dataclass(frozen=True, slots=True)
class TransportOptions:
    """Options of all transports; each takes what concerns it."""

    hold_ms: int = 0
    """Long polling: how long the gateway may hold a reply back while it has nothing to say. 0: it answers at once."""
    proxy: str = ""
    """An HTTP proxy for WebSocket and polling, as http://host:port; `environment`: what HTTP_PROXY, HTTPS_PROXY and
    NO_PROXY say. Empty: none, whatever the environment says, because a gateway is usually on the same desk."""
    ca_file: str = ""
    """Certificates of the authorities that may vouch for a gateway with TLS, a PEM file. Empty: those of the system."""

    def __post_init__(self) -> None:
        if self.ca_file:
            client_context(self.ca_file)  # a file that cannot be used is a mistake of the caller, and told at once
        if self.proxy in ("", ENVIRONMENT):
            return
        parts = urlsplit(self.proxy)
        if parts.scheme != "http" or not parts.hostname:
            raise CallerError(
                what="not the address of an HTTP proxy",
                value=self.proxy if "@" not in self.proxy else "(hidden: it may hold a secret)",
                next_step="write it like http://proxy.example:3128, or `environment` for what HTTP_PROXY says",
            )

    def tls(self, secure: bool) -> ssl.SSLContext | None:
        """How to speak TLS, for an address that asks for it."""
        return client_context(self.ca_file) if secure else None

    @property
    def from_environment(self) -> bool:
        """What aiohttp calls trust_env."""
        return self.proxy == ENVIRONMENT

    @property
    def proxy_url(self) -> str | None:
        """What aiohttp calls proxy."""
        return self.proxy if self.proxy and not self.from_environment else None
