"""Who a client is: what HELLO says of it."""

from ..spec import DEVICE_ID_BYTES, PLATFORM_BYTES, TOKEN_BYTES, VERSION_BYTES


class Identity:
    """The fixed part of HELLO. Texts are UTF-8 bytes within the limits of the spec.

    `incarnation` is eight zero bytes until a gateway gave one; a client that kept it across a restart puts it here.
    `boot` is any eight bytes that differ from boot to boot; it only helps people to tell boots apart.
    """

    def __init__(self, device_id: bytes, platform: bytes, platform_number: int, version: bytes, client_type: int):
        self.device_id = device_id
        self.platform = platform
        self.platform_number = platform_number
        self.version = version
        self.client_type = client_type
        self.capabilities = 0
        self.token = b""
        self.boot: bytearray = bytearray(8)
        self.incarnation: bytearray = bytearray(8)

    def fits(self) -> bool:
        """Whether every text is within its limit, so that HELLO fits one frame."""
        return (
            0 < len(self.device_id) <= DEVICE_ID_BYTES
            and len(self.platform) <= PLATFORM_BYTES
            and len(self.version) <= VERSION_BYTES
            and len(self.token) <= TOKEN_BYTES
        )
