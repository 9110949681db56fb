"""What stands in a recording instead of token, session id and proofs, so that it can be shown to others.

A token and a session id become text of the same length, made with a key that is thrown away with the recorder: equal ones
stay equal within one file, and nobody can test a guess. Proofs are made again with the key that follows from the masked
token, which is what a replay makes too. All other bytes stay as they are.
"""

from __future__ import annotations

import hmac
import os
from collections import deque

from flight_client.proof import SessionKey
from flight_client.session.common.fields import Buffer, get_u32
from flight_client.session.spec import (
    PROOF_BYTES,
    SESSION_ID_BYTES,
    TYPE_ATTACH,
    TYPE_HELLO,
    TYPE_POLL,
    TYPE_TOKEN,
    TYPE_WELCOME,
)

_PROOF_AT = 24
_ATTACH_BYTES = _PROOF_AT + PROOF_BYTES


class Masks:
    """Of one recording."""

    def __init__(self, *, with_secrets: bool) -> None:
        self._kept = with_secrets
        self._thrown_away = os.urandom(32)
        self._shadow = SessionKey()
        self._begun = False
        self._tokens: deque[bytes] = deque(maxlen=4)  # the last ones: a frame may hold the one before

    def token(self, token: bytes) -> bytes:
        """What stands for a token."""
        if token in self._tokens:
            self._tokens.remove(token)
        if token:
            self._tokens.append(token)
        return self._mask(b"token", token)

    def frame_in(self, kind: int, payload: bytes) -> bytes:
        """A received payload: WELCOME begins with the session id."""
        if kind != TYPE_WELCOME:
            return payload
        return self._mask(b"session", payload[:SESSION_ID_BYTES]) + payload[SESSION_ID_BYTES:]

    def begin(self, token: bytes, client_nonce: Buffer, server_nonce: Buffer) -> None:
        """The session derived its key: ours follows."""
        self._shadow.begin(self.token(token), client_nonce, server_nonce)
        self._begun = True

    def frame_out(self, kind: int, payload: bytearray) -> bytes:
        """A payload that goes out. Those that carry a token end with its length and itself: HELLO, and what renews it."""
        if kind == TYPE_ATTACH or kind == TYPE_POLL:
            return self._proven(kind, payload)
        if kind in _WITH_TOKEN:
            for token in self._tokens:
                if payload.endswith(len(token).to_bytes(2, "little") + token):
                    return bytes(payload[: -len(token)]) + self.token(token)
        return bytes(payload)

    def _proven(self, kind: int, payload: bytearray) -> bytes:
        if len(payload) != _ATTACH_BYTES or not self._begun:
            return bytes(len(payload))  # no session of ours writes such a frame
        masked = bytearray(payload)
        masked[:SESSION_ID_BYTES] = self._mask(b"session", bytes(payload[:SESSION_ID_BYTES]))
        generation = get_u32(payload, SESSION_ID_BYTES)
        if kind == TYPE_ATTACH:
            self._shadow.attach(masked, _PROOF_AT, generation)
        else:
            self._shadow.poll(masked, _PROOF_AT, generation, get_u32(payload, SESSION_ID_BYTES + 4))
        return bytes(masked)

    def _mask(self, what: bytes, secret: bytes) -> bytes:
        if self._kept:
            return bytes(secret)
        size = len(secret)
        text = b""
        while len(text) < size:
            text += (
                hmac.digest(self._thrown_away, what + len(text).to_bytes(2, "big") + secret, "sha256").hex().encode()
            )
        return text[:size]


_WITH_TOKEN = (TYPE_HELLO, TYPE_TOKEN)
