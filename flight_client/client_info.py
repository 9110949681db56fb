"""Who a client says it is: the guide's ClientInfo."""

from __future__ import annotations

from dataclasses import dataclass

from . import arguments
from .enums import Capability, ClientType
from .platform_config import get_platform_capabilities, profile_named
from .session.spec import PLATFORM_BYTES, VERSION_BYTES


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What a client says of itself when it connects.

    client_type: what kind of program it is. platform: the name of a platform. version: of the program, 1 to 16 bytes.
    capabilities: names of Capability; a gateway refuses more than the platform's profile has, and takes less.

    Raises CallerError for a value that cannot be sent. May be made in every thread; it never changes.
    """

    client_type: ClientType
    platform: str
    version: str
    capabilities: list[str]

    def __post_init__(self) -> None:
        """Check every value, and take "host-tool" for ClientType.HOST_TOOL."""
        object.__setattr__(self, "client_type", arguments.word("client_type", self.client_type, ClientType))
        arguments.text("platform", self.platform, PLATFORM_BYTES)
        arguments.text("version", self.version, VERSION_BYTES)
        names = [
            str(arguments.word("capabilities", name, Capability))
            for name in arguments.words("capabilities", self.capabilities)
        ]
        object.__setattr__(self, "capabilities", names)


def create_flight_core_client_info(platform: str, version: str) -> ClientInfo:
    """What a console or a board says of itself, with everything that its platform can do.

    version: of the program, 1 to 16 bytes of text. Raises CallerError for an unknown platform, for one that is no console and
    no board, and for a version that cannot be sent.
    """
    kind = profile_named(platform)["client_type"]
    if kind != ClientType.FLIGHT_CORE_NATIVE:
        raise arguments.refuse(
            "platform", f"is of the type {kind}, not flight-core-native", platform, "make ClientInfo(...) yourself"
        )
    return ClientInfo(ClientType.FLIGHT_CORE_NATIVE, platform, version, get_platform_capabilities(platform))
