"""Random bytes, as random as the board can."""

try:
    from os import urandom
except ImportError:  # a board without it: its nonces are weaker, see docs/protocol.md, Security considerations
    from random import getrandbits

    def urandom(count: int) -> bytes:
        """So many bytes."""
        out = bytearray(count)
        for i in range(count):
            out[i] = getrandbits(8)
        return bytes(out)
