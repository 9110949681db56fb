"""Tokens: who may connect, as which device, and what it may do. JSON Web Tokens, signed by a key with an id.

A token is read in this order, and the first thing wrong ends it: size and shape, header (only the members we write), key id,
the algorithm of that key, signature, claims. Claims are looked at only once the signature holds. What a stranger hears is one of
three codes; what the log gets never holds the token or a key.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.keys import HEADER_NAMES, SigningKey, VerifyKey, base64url, to_base64url
from flight_client.gateway.names import printable, refusal
from flight_client.gateway.rights import (
    PERMISSIONS_LIMIT,
    ROLES,
    Identity,
    valid_organisation,
    valid_permission,
    valid_subject,
)
from flight_client.session import spec

AUDIENCE = "flight"
ISSUER = "flight-gateway"
CLOCK_SLACK_S = 60  # another host may have made the token; its clock may be a little ahead
LIFETIME_LIMIT_S = 400 * 86400
DEVELOPMENT_LIFETIME_S = 30 * 86400

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_HEADER_MEMBERS = {"alg", "kid", "typ"}
_CLAIMS = {"iss", "aud", "sub", "roles", "permissions", "org", "iat", "exp", "nbf", "jti"}


def make_token(
    key: SigningKey,
    subject: str,
    roles: Iterable[str],
    lifetime_s: int,
    *,
    permissions: Iterable[str] = (),
    org: str = "",
    clock_s: Callable[[], float] = time.time,
) -> str:
    """Sign a token for one device id, or for all whose id begins like `subject` when that ends in `*`."""
    names, words = sorted(set(roles)), sorted(set(permissions))
    _check_asked(subject, names, words, org, lifetime_s)
    now = int(clock_s())
    claims: dict[str, Any] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "roles": names, "iat": now, "exp": now + int(lifetime_s),
    }  # fmt: skip
    if words:
        claims["permissions"] = words
    if org:
        claims["org"] = org
    header = {"alg": key.algorithm, "kid": key.key_id, "typ": "JWT"}
    text = ".".join(to_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    token = f"{text}.{to_base64url(key.sign(text.encode()))}"
    if len(token) > spec.TOKEN_BYTES:  # HELLO could not carry it
        raise CallerError(
            what="the token is too long for a device",
            value=f"{len(token)} characters, at most {spec.TOKEN_BYTES}",
            next_step="give it fewer or shorter permissions, or a key with a shorter id",
        )
    return token


def _check_asked(subject: str, roles: list[str], permissions: list[str], org: str, lifetime_s: int) -> None:
    if not roles or not set(roles) <= set(ROLES):
        raise CallerError(
            what="a token needs at least one known role", value=", ".join(roles), next_step=f"use {', '.join(ROLES)}"
        )
    if len(permissions) > PERMISSIONS_LIMIT or not all(map(valid_permission, permissions)):
        raise CallerError(
            what=f"a token has at most {PERMISSIONS_LIMIT} permissions, each a short name",
            value=", ".join(permissions),
            next_step="use names of a-z, 0-9 and . _ : -, as a channel's required_permissions has them",
        )
    if org and not valid_organisation(org):
        raise CallerError(
            what="the organisation is not a short name",
            value=org,
            next_step="use 1 to 32 of a-z, 0-9 and -, a letter or digit first",
        )
    if not valid_subject(subject):
        raise CallerError(
            what="the subject is neither a device id nor the beginning of one with a `*` behind it",
            value=subject,
            next_step="use a device id such as bench-1, a pattern such as bench-*, or * for every device",
        )
    if not 1 <= lifetime_s <= LIFETIME_LIMIT_S:
        raise CallerError(
            what="the token's lifetime is out of range",
            value=f"{lifetime_s} s",
            next_step=f"use 1 to {LIFETIME_LIMIT_S} s",
        )


def key_id_of(token: str) -> str | None:
    """The key id that a token's header names, or None. Nothing about it is proven."""
    try:
        key_id = _read_header(token).get("kid")
    except RefusedError:
        return None
    return key_id if isinstance(key_id, str) else None


class TokenVerifier:
    """Checks tokens against a set of keys. Several keys are valid at once, so that one can follow another."""

    def __init__(
        self,
        keys: Iterable[SigningKey | VerifyKey] | Mapping[str, VerifyKey],
        *,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """keys: keys, or a mapping by id that is asked anew for each token."""
        self._keys: Mapping[str, VerifyKey]
        if isinstance(keys, Mapping):
            self._keys = keys
        else:
            self._keys = {key.key_id: key.verify_key() if isinstance(key, SigningKey) else key for key in keys}
        self._clock_s = clock_s

    def verify_token(self, token: str) -> Identity:
        """The identity, or RefusedError with the code credential, expired-token or forbidden."""
        key = self._check_header(_read_header(token))
        text, _, signature = token.rpartition(".")
        signed = base64url(signature)
        if signed is None or not key.is_signature(text.encode(), signed):
            raise _bad("the token's signature is wrong", f"key {key.key_id}")
        if key.ends_s is not None and self._clock_s() >= key.ends_s:
            raise _bad("the token's key has ended", f"key {key.key_id}")
        return self._identity(_object(_decode(text.partition(".")[2], "claims"), "claims"), key, _mark(key, token))

    def _check_header(self, header: dict[str, Any]) -> VerifyKey:
        extra = sorted(set(header) - _HEADER_MEMBERS)
        if extra:  # crit, jku, jwk, x5u, cty, b64, zip ...: each would have us do what the signer of the key did not
            raise _bad("the token's header has a member that is not taken", printable(extra[0]))
        if header.get("typ", "JWT") != "JWT":
            raise _bad("the token's type is not JWT", printable(header["typ"]))
        key_id = header.get("kid")
        key = self._keys.get(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise _bad("the token's key is not known here", printable(key_id))
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in HEADER_NAMES[key.algorithm]:
            raise _bad(f"the token is not signed with {key.algorithm}, as its key is", printable(algorithm))
        return key

    def _identity(self, claims: dict[str, Any], key: VerifyKey, mark: str) -> Identity:
        extra = sorted(set(claims) - _CLAIMS)
        if extra:
            raise _bad("the token has a claim that is not known", printable(extra[0]))
        if claims.get("iss") != ISSUER:
            raise _bad("the token's issuer (iss) is another one", printable(claims.get("iss")))
        if claims.get("aud") != AUDIENCE:
            raise _bad("the token's audience (aud) is another one", printable(claims.get("aud")))
        subject = claims.get("sub")
        if not isinstance(subject, str) or not valid_subject(subject):
            raise _bad("the token's subject (sub) is neither a device id nor a pattern", printable(subject))
        org = claims.get("org", "")
        if "org" in claims and not valid_organisation(org):
            raise _bad("the token's organisation (org) is not a short name", printable(org))
        expires_s = self._check_times(claims)
        if key.ends_s is not None:
            expires_s = min(expires_s, key.ends_s)
        roles = _check_roles(claims.get("roles"))
        return Identity(subject, roles, expires_s, key.key_id, mark, org, _check_permissions(claims))

    def _check_times(self, claims: dict[str, Any]) -> int:
        now = self._clock_s()
        issued_s, expires_s = _time(claims, "iat"), _time(claims, "exp")
        if issued_s > now + CLOCK_SLACK_S:
            raise _bad("the token was issued in the future (iat)", str(issued_s))
        if "nbf" in claims and _time(claims, "nbf") > now + CLOCK_SLACK_S:
            raise _bad("the token is not valid yet (nbf)", str(claims["nbf"]))
        if not 0 < expires_s - issued_s <= LIFETIME_LIMIT_S:
            raise _bad(f"the token's lifetime (exp - iat) is not 1 to {LIFETIME_LIMIT_S} s", str(expires_s - issued_s))
        if expires_s <= now:
            raise refusal(spec.CODE_EXPIRED_TOKEN, "seconds since its end (exp)", str(int(now) - expires_s))
        return expires_s


def _check_roles(roles: Any) -> frozenset[str]:
    if not isinstance(roles, list) or not roles or not all(isinstance(role, str) for role in roles):
        raise refusal(spec.CODE_FORBIDDEN, "the token has no roles", printable(roles))
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise refusal(spec.CODE_FORBIDDEN, f"the token has a role other than {', '.join(ROLES)}", printable(unknown[0]))
    return frozenset(roles)


def _check_permissions(claims: dict[str, Any]) -> frozenset[str]:
    words = claims.get("permissions", [])
    if not isinstance(words, list) or len(words) > PERMISSIONS_LIMIT:
        what = f"the token's permissions are not a list of at most {PERMISSIONS_LIMIT}"
        raise refusal(spec.CODE_FORBIDDEN, what, printable(words))
    for word in words:
        if not valid_permission(word):
            raise refusal(spec.CODE_FORBIDDEN, "the token has a permission that is no name", printable(word))
    return frozenset(words)


def _mark(key: VerifyKey, token: str) -> str:
    """What a token is known by once it is revoked. An ES256 signature can be written anew by anybody who has it (with the
    negative of its second number), so that of an asymmetric key does not count.
    """
    marked = token if key.algorithm == "HS256" else token.rpartition(".")[0]
    return hashlib.sha256(marked.encode()).hexdigest()[:32]


def _read_header(token: str) -> dict[str, Any]:
    if len(token) > spec.TOKEN_BYTES:
        raise _bad("the token is too long", f"{len(token)} characters, at most {spec.TOKEN_BYTES}")
    if _TOKEN.fullmatch(token) is None:
        raise _bad("the token is not three base64url parts with dots between", f"{len(token)} characters")
    return _object(_decode(token.partition(".")[0], "header"), "header")


def _decode(part: str, what: str) -> bytes:
    data = base64url(part)
    if data is None:
        raise _bad(f"the token's {what} is not base64url", f"{len(part)} characters")
    return data


def _object(data: bytes, what: str) -> dict[str, Any]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a member stands twice")
        return dict(pairs)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=members)
    except (ValueError, RecursionError):
        raise _bad(f"the token's {what} is not a JSON object with each member once", f"{len(data)} bytes") from None
    if not isinstance(value, dict):
        raise _bad(f"the token's {what} is not a JSON object", f"{len(data)} bytes")
    return value


def _time(claims: dict[str, Any], name: str) -> int:
    """Whole seconds. bool is an int in Python, and 1e999 is a float: neither is a time."""
    value = claims.get(name)
    if type(value) is not int or not 0 < value < 1 << 40:
        raise _bad(f"the token's {name} is not a time in whole seconds", printable(value))
    return value


def _bad(what: str, value: str) -> RefusedError:
    return refusal(spec.CODE_CREDENTIAL, what, value)
