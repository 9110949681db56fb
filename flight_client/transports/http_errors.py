"""What HTTP says when a gateway, or something that is none, refuses."""

from __future__ import annotations

import os

from ..errors import FlightError, LinkError, PeerError
from .address import Address
from .tls import handshake_failed


def refused_status(status: int, address: Address, path: str) -> FlightError:
    """The error for an HTTP status that is not the one we want."""
    if status == 413:
        return PeerError(what="the gateway says the request is too large", value=status, next_step="send less at once")
    if status == 404:
        return PeerError(
            what=f"no Flight gateway answers at {address}{path}",
            value=f"HTTP {status}",
            next_step="check the address and port; start one with `flight gateway`",
        )
    if status == 403:
        return PeerError(
            what="the gateway refuses this origin or host name",
            value=f"HTTP {status}",
            next_step="start the gateway with --allow-origin or --lan",
        )
    return LinkError(
        what=f"{address} answered with an error", value=f"HTTP {status}", next_step="look at the gateway's log"
    )


def unreachable(address: Address | str, error: BaseException) -> LinkError:
    """The error for a gateway that cannot be reached."""
    if (insecure := handshake_failed(address, error)) is not None:
        return insecure
    reason = getattr(error, "os_error", None) or error
    number = getattr(reason, "errno", None)  # asyncio's own words repeat the address
    text = os.strerror(number) if isinstance(number, int) and number > 0 else str(reason) or type(error).__name__
    return LinkError(
        what=f"the gateway at {address} cannot be reached",
        value=text,
        next_step="is it running? start it with `flight gateway`, or check address, port and firewall",
    )
