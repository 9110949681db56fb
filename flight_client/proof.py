"""The session key, the proofs and the tags made with it (docs/protocol.md, Proofs).

The key comes from the token and from both nonces, so it differs for every session even where a client's randomness is
weak; it never leaves the process. All of these can be read on a line without TLS. A device key cannot: it never travels,
and with it the session key is secret from whoever listens.
"""

from __future__ import annotations

import hashlib
import hmac

from .errors import CallerError
from .session.common.fields import Buffer
from .session.device.prover import Prover
from .session.spec import AUTH_HMAC, AUTH_NONE, DEVICE_KEY_BYTES, DEVICE_KEY_MOST_BYTES, PROOF_BYTES
from .wire.tags import DOWN, UP, FrameTags


class SessionKey(Prover):
    """The key of one session, for both roles. Nothing of it shows in a repr."""

    def __init__(self, device_key: bytes = b"", tags: FrameTags | None = None) -> None:
        """device_key: b"" for none. tags: of the frames of this session, where they have them."""
        self.tags = tags
        self.auth = AUTH_NONE if tags is None else AUTH_HMAC
        self._device_key = device_key
        self._key = b""
        self._server_nonce = b""

    def begin(self, token: bytes, client_nonce: Buffer, server_nonce: Buffer) -> None:
        """Derive the key from token, client nonce and server nonce: their SHA-256, or their HMAC under the device key."""
        self._server_nonce = bytes(server_nonce)
        said = token + bytes(client_nonce) + self._server_nonce
        if self._device_key:
            self._key = hmac.digest(self._device_key, said, "sha256")
        else:
            self._key = hashlib.sha256(said).digest()
        if self.tags is not None:
            self.tags.begin(self._key)

    def attach(self, out: bytearray, at: int, generation: int) -> None:
        """Write the proof of ATTACH."""
        out[at : at + PROOF_BYTES] = self._attach_proof(generation)

    def poll(self, out: bytearray, at: int, generation: int, number: int) -> None:
        """Write the proof of POLL."""
        out[at : at + PROOF_BYTES] = self._poll_proof(generation, number)

    def attach_is_true(self, proof: bytes, generation: int) -> bool:
        """Whether this is the proof of that ATTACH; takes the same time for every wrong one."""
        return hmac.compare_digest(proof, self._attach_proof(generation))

    def poll_is_true(self, proof: bytes, generation: int, number: int) -> bool:
        """Whether this is the proof of that POLL; takes the same time for every wrong one."""
        return hmac.compare_digest(proof, self._poll_proof(generation, number))

    def _attach_proof(self, generation: int) -> bytes:
        return self._mac(b"attach" + self._server_nonce + generation.to_bytes(4, "little"))

    def _poll_proof(self, generation: int, number: int) -> bytes:
        return self._mac(b"poll" + generation.to_bytes(4, "little") + number.to_bytes(4, "little"))

    def _mac(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, "sha256")[:PROOF_BYTES]


def client_key(device_key: bytes | str | None) -> SessionKey:
    """For a device: with a device key its frames are authenticated."""
    return SessionKey() if device_key is None else SessionKey(read_device_key(device_key), FrameTags(UP, DOWN))


def gateway_key(device_key: bytes | None) -> SessionKey:
    """For a gateway: the same from the other side."""
    return SessionKey() if device_key is None else SessionKey(device_key, FrameTags(DOWN, UP))


def read_device_key(value: bytes | str) -> bytes:
    """A device key as bytes or as hexadecimal text. CallerError, which does not show it, when it is neither."""
    problem = ""
    key = b""
    try:
        key = value if isinstance(value, bytes) else bytes.fromhex(value)
    except (ValueError, TypeError):
        problem = "not hexadecimal"
    if not problem and not DEVICE_KEY_BYTES <= len(key) <= DEVICE_KEY_MOST_BYTES:
        problem = f"{len(key)} bytes"
    if problem:
        raise CallerError(
            what="not a device key",
            value=problem,
            next_step=f"use {DEVICE_KEY_BYTES} to {DEVICE_KEY_MOST_BYTES} random bytes, or twice as many hexadecimal digits",
        )
    return key
