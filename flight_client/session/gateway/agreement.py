"""What a gateway grants a device for one session, given what HELLO offers. docs/protocol.md, "Agreement"."""

from ..spec import AUTH_HMAC, AUTH_NONE, CODE_FORBIDDEN, CODE_OK, CODE_UNSUPPORTED, LANE_CRITICAL, LANE_LOSSY
from .messages import Hello

_LANES = LANE_CRITICAL | LANE_LOSSY


class Agreement:
    """Flags in both directions, lanes, and how large a payload each side puts together."""

    def __init__(self, hello: Hello, reads: int = 0, sends: int = 0, unpacked_bytes: int = 0):
        """reads, sends: flags by agreement that this gateway understands; unpacked_bytes: its own bound."""
        self.up: int = hello.flags_sent & reads  # bits that we do not know fall out here
        self.down: int = hello.flags_read & sends
        self.lanes: int = hello.lanes
        self.auth: int = hello.auth
        self.unpacked_in_bytes = unpacked_bytes
        self.unpacked_out_bytes: int = hello.unpacked_bytes

    def may_send(self, critical: bool) -> bool:
        """Whether the device asked for this lane."""
        return self.lanes & (LANE_CRITICAL if critical else LANE_LOSSY) != 0


def refusal_of(hello: Hello, has_key: bool = False) -> int:
    """Why a HELLO asks for what no session here can give: a code, or CODE_OK. has_key: we have a key of this device.

    A device with a key must use it: else whoever has its token could leave the key out.
    """
    if hello.lanes & ~_LANES or hello.auth not in (AUTH_NONE, AUTH_HMAC):
        return CODE_UNSUPPORTED
    if hello.auth == AUTH_HMAC and not has_key:
        return CODE_UNSUPPORTED
    if hello.auth == AUTH_NONE and has_key:
        return CODE_FORBIDDEN
    return CODE_OK
