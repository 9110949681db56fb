"""HMAC (RFC 2104) with SHA-256: the interpreter's, or that of sha256.py, which is loaded only where there is no other."""

try:
    import hashlib
except ImportError:
    hashlib = None  # type: ignore[assignment]

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

BLOCK_BYTES = 64

_best: "Any" = getattr(hashlib, "sha256", None)
if _best is None:
    from .sha256 import OwnSha256

    _best = OwnSha256


def sha256(data: bytes) -> bytes:
    """The digest of `data`, 32 bytes."""
    return _best(data).digest()


class Hmac:
    """One key, for any number of messages."""

    def __init__(self, key: bytes, sha256_of=_best) -> None:
        """sha256_of: what makes a hash, as hashlib.sha256 does."""
        self._hash = sha256_of
        if len(key) > BLOCK_BYTES:
            key = self._hash(key).digest()
        self._inner = bytearray(BLOCK_BYTES)
        self._outer = bytearray(BLOCK_BYTES)
        for i in range(BLOCK_BYTES):
            byte = key[i] if i < len(key) else 0
            self._inner[i] = byte ^ 0x36
            self._outer[i] = byte ^ 0x5C

    def digest(self, first: bytes, second: bytes = b"") -> bytes:
        """The code of both parts, one behind the other; 32 bytes, of which a proof or a tag takes the first."""
        inner = self._hash(self._inner)
        inner.update(first)
        inner.update(second)
        outer = self._hash(self._outer)
        outer.update(inner.digest())
        return outer.digest()


def same_code(a: bytes, b: bytes) -> bool:
    """Whether two codes are equal, in a time that does not tell where they differ."""
    if len(a) != len(b):
        return False
    differs = 0
    for i in range(len(a)):
        differs |= a[i] ^ b[i]
    return differs == 0
