"""Ports for servers of tests: below the ephemeral range, so that no outgoing connection takes one while it is free."""

import os
import socket

from flight_client.transports import Address

_FIRST, _COUNT = 17000, 2800
# Processes that share the tests have their own part each: between the look at a port and its use is a moment.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PART = _COUNT // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) // 2 * 2
_given = 0


def free_port() -> int:
    """A port that nobody listens on, another one at each call. The next one is free too: a gateway has two."""
    global _given  # noqa: PLW0603 - one counter per process is the point
    while True:
        _given += 2
        port = _FIRST + _PROCESS * _PART + (os.getpid() * 90 + _given) % _PART
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
