"""The session key, the proofs and, with a device key, the tags of frames (docs/protocol.md, 11)."""

from .hmac_sha256 import Hmac, same_code, sha256
from .session.common.fields import put_u32
from .session.device.prover import Prover


class SessionKey(Prover):
    """The key of one session; it never leaves the board."""

    def __init__(self, device_key: bytes = b"") -> None:
        self.device_key = device_key
        self._mac = Hmac(b"")
        self._server_nonce = bytes(8)
        self._said = bytearray(10)  # direction, generation; generation, number

    def begin(self, token: bytes, client_nonce, server_nonce) -> None:
        """Derive the key."""
        self._server_nonce = bytes(server_nonce)
        said = token + bytes(client_nonce) + self._server_nonce
        self._mac = Hmac(Hmac(self.device_key).digest(said) if self.device_key else sha256(said))

    def attach(self, out: bytearray, at: int, generation: int) -> None:
        """Write the proof of ATTACH."""
        put_u32(self._said, 0, generation)
        self._write(out, at, b"attach" + self._server_nonce, 4)

    def poll(self, out: bytearray, at: int, generation: int, number: int) -> None:
        """Write the proof of POLL."""
        put_u32(self._said, 0, generation)
        put_u32(self._said, 4, number)
        self._write(out, at, b"poll", 8)

    def _write(self, out: bytearray, at: int, first: bytes, count: int) -> None:
        out[at : at + 16] = self._mac.digest(first, bytes(self._said[:count]))[:16]

    def tag(self, direction: int, generation: int, frame: bytes) -> bytes:
        """The tag of a frame's header and payload."""
        self._said[4] = direction
        put_u32(self._said, 5, generation)
        return self._mac.digest(b"frame" + self._said[4:9], frame)[:8]

    def tag_is_true(self, direction: int, generation: int, frame: bytes, tag: bytes) -> bool:
        """Whether this is the tag; takes the same time for every wrong one."""
        return same_code(tag, self.tag(direction, generation, frame))
