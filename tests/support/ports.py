"""Ports for servers of tests: below the ephemeral range, so that no outgoing connection takes one while it is free."""

import os
import socket

from flight_client.transports import Address

_FIRST, _COUNT = 17000, 2800
_given = 0


def free_port() -> int:
    """A port that nobody listens on, another one at each call. The next one is free too: a gateway has two."""
    global _given  # noqa: PLW0603 - one counter per process is the point
    while True:
        _given += 2
        port = _FIRST + (os.getpid() * 90 + _given) % _COUNT
        if _is_free(port) and _is_free(port + 1):
            return port


def every_transport_at(port: int) -> Address:
    """For a server that is no gateway: raw TCP looks for it where HTTP does."""
    return Address("127.0.0.1", port, False, tcp_port=port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
