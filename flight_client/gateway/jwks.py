"""A JWKS: the public keys that a gateway checks tokens with, as a file or at a URL.

    {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "...", "kid": "2027-a", "exp": 1830000000}]}

Taken are keys of Ed25519 and P-256 with a `kid`. `exp` is the second since 1970 at which a key ends. Keys for another use and of
other kinds, as identity services publish them too, are passed over. A secret in the file ends the reading: it does not belong there,
and a shared one would let whoever can read the file make tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from flight_client.gateway.jwks_source import wrong
from flight_client.gateway.keys import (
    CURVES,
    EDDSA,
    HEADER_NAMES,
    KEY_ID,
    SigningKey,
    VerifyKey,
    base64url,
    public_material,
)
from flight_client.gateway.names import printable

JWKS_BYTES = 65536
JWKS_KEYS = 64

_SECRETS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def parse_jwks(data: bytes, source: str) -> dict[str, VerifyKey]:
    """Keys by id. CallerError says what is wrong; a JWKS without a key that can be used is wrong too."""
    if len(data) > JWKS_BYTES:
        raise wrong(source, f"is larger than {JWKS_BYTES} bytes", "remove keys that have ended")
    try:
        members = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise wrong(source, "is not JSON with each member once", "write it anew") from None
    keys = members.get("keys") if isinstance(members, dict) else None
    if not isinstance(keys, list):
        raise wrong(source, "is not an object with a list of keys", 'write {"keys": [...]}')
    if len(keys) > JWKS_KEYS:
        raise wrong(source, f"has more than {JWKS_KEYS} keys", "remove keys that have ended")
    found: dict[str, VerifyKey] = {}
    for number, members in enumerate(keys, 1):
        key = _key(members)
        if isinstance(key, str):
            raise wrong(source, f"has a key {number} that cannot be used: {key}", "correct or remove that key")
        if key is None:
            continue
        if key.key_id in found:
            raise wrong(source, f"has the kid {printable(key.key_id)} twice", "give each key its own kid")
        found[key.key_id] = key
    if not found:
        raise wrong(source, "has no key of Ed25519 or P-256", "make one with `flight token key new`")
    return found


def jwks_text(keys: Iterable[SigningKey], ends_s: int | None = None, text: str = "") -> str:
    """The JWKS of the public parts, behind the keys of a JWKS that there is already. ends_s: when the new ones end."""
    members = json.loads(text) if text else {"keys": []}
    end = {} if ends_s is None else {"exp": ends_s}
    members["keys"] += [{**key.public_jwk(), **end} for key in keys]
    return json.dumps(members, indent=1) + "\n"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def _key(members: Any) -> VerifyKey | str | None:
    """The key, what is wrong with it, or None for one that is not for us. Never shows a value: it may be a secret."""
    if not isinstance(members, dict):
        return "not an object"
    if set(members) & _SECRETS:
        return "it has a secret part; a JWKS holds public keys only"
    algorithm = CURVES.get((str(members.get("kty")), str(members.get("crv"))))
    if algorithm is None or members.get("use", "sig") != "sig":
        return None
    key_id = members.get("kid")
    if not isinstance(key_id, str) or KEY_ID.fullmatch(key_id) is None:
        return "kid is missing or not a short name"
    if str(members.get("alg", algorithm)) not in HEADER_NAMES[algorithm]:
        return f"alg is not {algorithm}, which the curve asks for"
    operations = members.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return "key_ops does not have verify"
    ends_s = members.get("exp")
    if ends_s is not None and (type(ends_s) is not int or not 0 < ends_s < 1 << 40):
        return "exp is not a time in whole seconds"
    names = ("x",) if algorithm == EDDSA else ("x", "y")
    values = {name: str(members.get(name)) for name in names}
    if not all(len(base64url(value) or b"") == 32 for value in values.values()):
        return f"{' or '.join(names)} is not base64url of 32 bytes"
    material = public_material(algorithm, values)
    if material is None:
        return "its numbers are no point of the curve"
    return VerifyKey(key_id, algorithm, material, ends_s)
