"""Random bytes, as random as the board can."""

try:
    from os import urandom
except ImportError:  # a board without it: its nonces are weaker, see docs/protocol.md, Security considerations
    from random import getrandbits

    def urandom(n: int) -> bytes:
        """So many bytes."""
        out = bytearray(n)
        for i in range(n):
            out[i] = getrandbits(8)
        return bytes(out)
