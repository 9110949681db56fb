"""The session key and the proofs made with it (docs/protocol.md, Proofs).

The key comes from the token and from both nonces, so it differs for every session even where a client's randomness is
weak; it never leaves the process.
"""

from __future__ import annotations

import hashlib
import hmac

from .session.common.fields import Buffer
from .session.device.prover import Prover
from .session.spec import PROOF_BYTES


class SessionKey(Prover):
    """The key of one session, for both roles."""

    def __init__(self) -> None:
        self._key = b""
        self._server_nonce = b""

    def begin(self, token: bytes, client_nonce: Buffer, server_nonce: Buffer) -> None:
        """Derive the key: SHA-256 over token, client nonce, server nonce."""
        self._server_nonce = bytes(server_nonce)
        self._key = hashlib.sha256(token + bytes(client_nonce) + self._server_nonce).digest()

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
