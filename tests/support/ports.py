"""Ports for servers of tests: below the ephemeral range, so that no outgoing connection takes one while it is free."""

import os
import socket

_FIRST, _COUNT = 17000, 2800
_given = 0


def free_port() -> int:
    """A port that nobody listens on, another one at each call."""
    global _given  # noqa: PLW0603 - one counter per process is the point
    while True:
        _given += 1
        port = _FIRST + (os.getpid() * 89 + _given) % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
