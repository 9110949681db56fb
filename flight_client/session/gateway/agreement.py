"""What a gateway grants a device for one session, given what HELLO offers. docs/protocol.md, "Agreement"."""

from ..spec import AUTH_NONE, CODE_OK, CODE_UNSUPPORTED, LANE_CRITICAL, LANE_LOSSY
from .messages import Hello

_LANES = LANE_CRITICAL | LANE_LOSSY


class Agreement:
    """Flags in both directions, lanes, and how large a payload each side puts together."""

    def __init__(self, hello: Hello, reads: int = 0, sends: int = 0, unpacked_bytes: int = 0):
        """reads, sends: flags by agreement that this gateway understands; unpacked_bytes: its own bound."""
        self.up = hello.flags_sent & reads  # bits that we do not know fall out here
        self.down = hello.flags_read & sends
        self.lanes = hello.lanes
        self.auth = hello.auth
        self.unpacked_in_bytes = unpacked_bytes
        self.unpacked_out_bytes = hello.unpacked_bytes

    def may_send(self, critical: bool) -> bool:
        """Whether the device asked for this lane."""
        return self.lanes & (LANE_CRITICAL if critical else LANE_LOSSY) != 0


def refusal_of(hello: Hello) -> int:
    """Why a HELLO asks for what no session here can give: a code, or CODE_OK."""
    if hello.lanes & ~_LANES or hello.auth != AUTH_NONE:
        return CODE_UNSUPPORTED
    return CODE_OK
