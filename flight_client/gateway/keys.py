"""Keys: what a token is signed with, and what its signature is checked with. The algorithm belongs to the key.

HS256 has one secret on both sides. EdDSA (Ed25519) and ES256 (P-256) have a private key, which stays with who makes tokens,
and a public one, which is all that a gateway needs. What a token's header says of its algorithm chooses nothing: it must be
that of the key, or the token is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flight_client.errors import CallerError

try:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from joserfc.jwk import ECKey, OctKey, OKPKey
    from joserfc.jws import JWSRegistry
except ImportError as _error:
    raise CallerError(
        what="the gateway needs the package joserfc for its tokens",
        value=str(_error),
        next_step="pip install 'flight-realtime[gateway]'",
    ) from _error

HS256, EDDSA, ES256 = "HS256", "EdDSA", "ES256"
# algorithm -> its names in a header: RFC 9864 gives EdDSA with Ed25519 a second one
HEADER_NAMES: Mapping[str, frozenset[str]] = {
    HS256: frozenset({"HS256"}),
    EDDSA: frozenset({"EdDSA", "Ed25519"}),
    ES256: frozenset({"ES256"}),
}
CURVES: Mapping[tuple[str, str], str] = {("OKP", "Ed25519"): EDDSA, ("EC", "P-256"): ES256}
KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that makes tokens, with its id. The secret never shows in a repr, a log or an error."""

    key_id: str
    secret: bytes = field(repr=False)  # HS256: shared with the gateway; else the private key, 32 bytes
    development: bool = False
    algorithm: str = HS256

    @property
    def asymmetric(self) -> bool:
        return self.algorithm != HS256

    def sign(self, text: bytes) -> bytes:
        """The signature of `text`."""
        signature: bytes = JWSRegistry.algorithms[self.algorithm].sign(text, self._material())
        return signature

    def verify_key(self) -> VerifyKey:
        """What checks the tokens of this key."""
        return VerifyKey(self.key_id, self.algorithm, self._material() if not self.asymmetric else self._public())

    def public_jwk(self) -> dict[str, Any]:
        """The public key as a member of a JWKS. Only of an asymmetric key: the other has nothing that is public."""
        assert self.asymmetric
        values = self._public().as_dict(private=False)
        return {**values, "kid": self.key_id, "alg": self.algorithm, "use": "sig"}

    def _material(self) -> Any:
        if self.algorithm == HS256:
            return OctKey.import_key(self.secret)
        if self.algorithm == EDDSA:
            return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(self.secret))
        return ECKey.import_key(ec.derive_private_key(int.from_bytes(self.secret), ec.SECP256R1()))

    def _public(self) -> Any:
        material = self._material()
        return type(material).import_key(material.public_key)


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A key that checks tokens, bound to its one algorithm."""

    key_id: str
    algorithm: str
    material: Any = field(repr=False)
    ends_s: int | None = None  # second since 1970 from which on no token of it is taken

    def is_signature(self, text: bytes, signature: bytes) -> bool:
        """Whether this key has signed `text` so. The comparison does not tell by its time how far it got."""
        try:
            return bool(JWSRegistry.algorithms[self.algorithm].verify(text, signature, self.material))
        except (ValueError, TypeError):
            return False

    def same_as(self, other: VerifyKey) -> bool:
        """Whether both check the same signatures."""
        mine, theirs = (key.material.as_dict(private=key.algorithm == HS256) for key in (self, other))
        return self.algorithm == other.algorithm and mine == theirs


def new_key(algorithm: str, key_id: str = "", *, development: bool = False) -> SigningKey:
    """A fresh key of this machine's random source. CallerError for an id or an algorithm that is none."""
    key_id = key_id or f"key-{secrets.token_hex(4)}"
    if KEY_ID.fullmatch(key_id) is None:
        raise CallerError(
            what="the key's id is not a short name",
            value=key_id,
            next_step="use 1 to 32 of A-Z, a-z, 0-9 and . _ -, a letter or digit first",
        )
    if algorithm not in HEADER_NAMES:
        raise CallerError(
            what="the algorithm is not known", value=algorithm, next_step=f"use {', '.join(HEADER_NAMES)}"
        )
    secret = secrets.token_bytes(KEY_BYTES)
    while not valid_secret(algorithm, secret):
        secret = secrets.token_bytes(KEY_BYTES)
    return SigningKey(key_id, secret, development, algorithm)


def public_material(algorithm: str, values: Mapping[str, str]) -> Any:
    """The key that checks, from the numbers of a JWK; None when they are no point of the curve."""
    try:
        if algorithm == EDDSA:
            material: Any = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": values["x"]})
        else:
            material = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": values["x"], "y": values["y"]})
        return material if material.public_key is not None else None  # read now, not with the first token
    except (ValueError, TypeError):
        return None


def valid_secret(algorithm: str, secret: bytes) -> bool:
    """Whether these bytes are a key. On P-256 a private key is a number from 1 to the order of the group less 1."""
    if algorithm == HS256:
        return KEY_BYTES <= len(secret) <= 1024
    return len(secret) == KEY_BYTES and (algorithm == EDDSA or 0 < int.from_bytes(secret) < _P256_ORDER)


_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def base64url(text: str) -> bytes | None:
    """The bytes, or None. Only their one spelling is taken: no second text may stand for the same token."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if to_base64url(data) == text else None


def to_base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
