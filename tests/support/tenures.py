"""Sessions whose tokens hold for ever, for tests that make a peer by hand."""

from flight_client.gateway.auth import Identity
from flight_client.gateway.tenure import Tenure

ANYBODY = Identity("*", frozenset({"publish", "subscribe"}), 1 << 33, "test")


def endless() -> Tenure:
    """A tenure that nothing ends."""
    return Tenure(ANYBODY, lambda _token: ANYBODY, lambda: 0.0)
