"""The session key, the proofs and, with a device key, the tags of frames (docs/protocol.md, 11)."""

from micropython import const

from .hmac_sha256 import Hmac, same_code, sha256
from .session.common.fields import get_u32, put_u32
from .session.device.prover import Prover
from .session.spec import STATE_GREETING, TYPE_DATA, TYPE_POLL, TYPE_WELCOME

_SERVER_NONCE = const(40)  # in WELCOME
_POLL_NUMBER = const(36)  # in the frame of POLL


class SessionKey(Prover):
    """The key of one session; it never leaves the board."""

    def __init__(self, device_key: bytes = b"") -> None:
        self.device_key = device_key
        self._mac = Hmac(b"")
        self._server_nonce = bytes(8)
        self._said = bytearray(10)  # direction, generation; generation, number
        self._number = bytearray(8)  # poll number and count of unsequenced DATA
        self._generation = 0

    def begin(self, token: bytes, client_nonce, server_nonce) -> None:
        """Derive the key."""
        self._begin_count(0)
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

    def _tag(self, direction: int, generation: int, number: bytes, frame) -> bytes:
        """The tag of header and payload; `number` is that of unsequenced DATA, else nothing."""
        self._said[4] = direction
        put_u32(self._said, 5, generation)
        return self._mac.digest(b"frame" + bytes(self._said[4:9]) + number, bytes(frame))[:8]

    def write_tag(self, buffer: bytearray, at: int, generation: int) -> None:
        """Behind the payload that ends there, whose header counts the tag already."""
        number = b""
        counts = buffer[1] == TYPE_DATA and not buffer[8] | buffer[9] | buffer[10] | buffer[11]
        if counts:
            if generation != self._generation:
                self._begin_count(generation)
            number = bytes(self._number)
        buffer[at : at + 8] = self._tag(0, generation, number, memoryview(buffer)[:at])
        if counts:
            put_u32(self._number, 4, get_u32(self._number, 4) + 1)
        elif buffer[1] == TYPE_POLL:
            self._begin_count(generation)
            self._number[:4] = buffer[_POLL_NUMBER : _POLL_NUMBER + 4]

    def _begin_count(self, generation: int) -> None:
        """Unsequenced DATA is counted anew in each generation, and on polling in each request."""
        self._generation = generation
        for i in range(8):
            self._number[i] = 0

    def take_tag(self, data: bytearray, frame, session) -> bool:
        """Whether the frame ends with its right tag, which then no longer counts as payload."""
        generation = session.generation
        view = memoryview(data)
        if frame.type == TYPE_WELCOME and session.state == STATE_GREETING:
            generation = 0  # the frame carries what the key is made with; a wrong one makes a key that nobody has
            at = frame.start + _SERVER_NONCE
            self.begin(session.identity.token, session.nonce, view[at : at + 8])
        end = frame.end - 8
        if end < frame.start:
            return False
        tag = self._tag(1, generation, b"", view[frame.start - 16 : end])
        frame.end = end
        return same_code(bytes(view[end : end + 8]), tag)
