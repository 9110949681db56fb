"""The guide's establishConnection: from a ClientInfo and a token to a connected client."""

from __future__ import annotations

import os
from typing import Any

from . import arguments
from ._tables import NAMES
from .client import Client
from .client_info import ClientInfo
from .platforms import get_platform
from .sources import DEFAULT_ADDRESS, AddressSource, TokenSource


async def establish_connection(
    client_info: ClientInfo,
    platform: str,
    auth_token: TokenSource,
    *,
    address: AddressSource | None = None,
    timeout_s: float | None = None,
    **options: Any,
) -> Client:
    """Connect, and come back with the client when the gateway has said welcome; close it, or use it with `async with`.

    client_info: what the client says of itself, capabilities included; its platform must be `platform`. auth_token: a JWT, or a
    callable that is asked for one before each attempt. address: of the gateway, as Client takes it; by default the environment
    variable FLIGHT_GATEWAY, else http://127.0.0.1:8080. timeout_s: how long to wait, in seconds; None = as long as it takes.
    options: everything else that Client takes, such as device_id.

    Raises CallerError for a value that cannot work, RefusedError when the gateway refuses for good, and LinkError when the time is
    over; nothing stays open then. The client belongs to the event loop that this is awaited on.
    """
    arguments.check_kind(
        "client_info", client_info, ClientInfo, "a ClientInfo", "make it with create_flight_core_client_info()"
    )
    if arguments.text("platform", platform) != client_info.platform:
        raise arguments.refuse(
            "platform", "is not the one of client_info", platform, f"say {client_info.platform!r} twice"
        )
    if not callable(auth_token):
        arguments.text("auth_token", auth_token)
    bits = _capability_bits(client_info)
    if address is None:
        address = os.environ.get("FLIGHT_GATEWAY") or DEFAULT_ADDRESS
    client = Client(address, token=auth_token, platform=platform, version=client_info.version, **options)
    identity = client._session.identity
    identity.capabilities = bits
    identity.client_type = NAMES["client_types"][client_info.client_type]
    try:
        await client.connect(timeout_s)
    except BaseException:
        await client.close()
        raise
    return client


def _capability_bits(client_info: ClientInfo) -> int:
    """What HELLO says of the capabilities. Raises CallerError for more than the platform's profile has."""
    bits = 0
    for name in client_info.capabilities:
        bits |= NAMES["capabilities"][name]
    beyond = bits & ~get_platform(client_info.platform).capability_bits
    if beyond:
        names = ", ".join(name for name, bit in NAMES["capabilities"].items() if bit & beyond)
        raise arguments.refuse(
            "capabilities", f"name what {client_info.platform} cannot do", names, "announce the profile's, or fewer"
        )
    return bits
