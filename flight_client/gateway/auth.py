"""Tokens: who may connect, as which device, and what it may do. JSON Web Tokens, HS256, keys by id.

A token is read in this order, and the first thing wrong ends it: size and shape, header (only the members we write,
only HS256), key id, signature, claims. Claims are looked at only once the signature holds. What a stranger hears is
one of three codes; what the log gets never holds the token or a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.names import check_device_id, printable, refusal
from flight_client.session import spec

try:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey
except ImportError as _error:
    raise CallerError(
        what="the gateway needs the package joserfc for its tokens",
        value=str(_error),
        next_step="pip install 'flight-realtime[gateway]'",
    ) from _error

ALGORITHM = "HS256"
AUDIENCE = "flight"
ISSUER = "flight-gateway"
ROLES: Mapping[str, int] = {"publish": spec.MODE_PUBLISH, "subscribe": spec.MODE_SUBSCRIBE}
KEY_FILE = "development-key.json"
KEY_BYTES = 32
CLOCK_SLACK_S = 60  # another host may have made the token; its clock may be a little ahead
LIFETIME_LIMIT_S = 400 * 86400
DEVELOPMENT_LIFETIME_S = 30 * 86400

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_HEADER_MEMBERS = {"alg", "kid", "typ"}
_CLAIMS = {"iss", "aud", "sub", "roles", "iat", "exp", "nbf", "jti"}
_KEY_MEMBERS = {"kty", "alg", "use", "kid", "k", "development"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with its id. The secret never shows in a repr, a log or an error."""

    key_id: str
    secret: bytes = field(repr=False)
    development: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says."""

    subject: str  # a device id, or a beginning of one with a `*` behind it
    roles: frozenset[str]
    expires_s: int
    key_id: str
    fingerprint: str = ""  # of the token (revoked.py)

    def allows_device(self, device_id: str) -> bool:
        if self.subject.endswith("*"):
            return device_id.startswith(self.subject[:-1])
        return device_id == self.subject

    def check_device(self, device_id: str) -> None:
        """RefusedError(bad-name) or RefusedError(forbidden) unless the token is for this device id."""
        check_device_id(device_id)
        if not self.allows_device(device_id):
            raise refusal(
                spec.CODE_FORBIDDEN,
                f"the token is for the device {printable(self.subject)} and not for",
                printable(device_id),
            )


def permits(identity: Identity, _channel: str, mode: int) -> bool:
    """The hub's permission hook: each mode needs its role. Roles hold for every channel; no role, no right."""
    return any(role in identity.roles for role, bit in ROLES.items() if bit == mode)


def make_token(
    key: SigningKey, subject: str, roles: Iterable[str], lifetime_s: int, *, clock_s: Callable[[], float] = time.time
) -> str:
    """Sign a token for one device id, or for all whose id begins like `subject` when that ends in `*`."""
    names = sorted(set(roles))
    unknown = [name for name in names if name not in ROLES]
    if unknown or not names:
        raise CallerError(
            what="a token needs at least one known role", value=", ".join(names), next_step=f"use {_known_roles()}"
        )
    if not _valid_subject(subject):
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
    now = int(clock_s())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "roles": names, "iat": now, "exp": now + int(lifetime_s),
    }  # fmt: skip
    header = {"alg": ALGORITHM, "kid": key.key_id, "typ": "JWT"}
    payload = json.dumps(claims, separators=(",", ":"))
    token = jws.serialize_compact(header, payload, OctKey.import_key(key.secret), algorithms=[ALGORITHM])
    assert len(token) <= spec.TOKEN_BYTES  # every part is bounded above; HELLO could not carry more
    return token


class TokenVerifier:
    """Checks tokens against a set of keys. Several keys are valid at once, so that one can follow another."""

    def __init__(self, keys: Iterable[SigningKey], *, clock_s: Callable[[], float] = time.time) -> None:
        self._keys = {key.key_id: OctKey.import_key(key.secret) for key in keys}
        self._clock_s = clock_s

    def verify_token(self, token: str) -> Identity:
        """The identity, or RefusedError with the code credential, expired-token or forbidden."""
        if len(token) > spec.TOKEN_BYTES:
            raise _bad("the token is too long", f"{len(token)} characters, at most {spec.TOKEN_BYTES}")
        if _TOKEN.fullmatch(token) is None:
            raise _bad("the token is not three base64url parts with dots between", f"{len(token)} characters")
        header = _object(_decode(token.split(".", 1)[0], "header"), "header")
        key_id = self._check_header(header)
        try:
            payload = jws.deserialize_compact(token, self._keys[key_id], algorithms=[ALGORITHM]).payload
        except (JoseError, ValueError, TypeError, KeyError):
            raise _bad("the token's signature is wrong", f"key {key_id}") from None
        assert payload is not None
        mark = hashlib.sha256(token.encode()).hexdigest()[:32]
        return replace(self._identity(_object(payload, "claims"), key_id), fingerprint=mark)

    def _check_header(self, header: dict[str, Any]) -> str:
        extra = sorted(set(header) - _HEADER_MEMBERS)
        if extra:  # crit, jku, jwk, x5u, cty, b64, zip ...: each would have us do what the signer of the key did not
            raise _bad("the token's header has a member that is not taken", printable(extra[0]))
        if header.get("alg") != ALGORITHM:
            raise _bad(f"the token is not signed with {ALGORITHM}", printable(header.get("alg")))
        if header.get("typ", "JWT") != "JWT":
            raise _bad("the token's type is not JWT", printable(header["typ"]))
        key_id = header.get("kid")
        if not isinstance(key_id, str) or key_id not in self._keys:
            raise _bad("the token's key is not known here", printable(key_id))
        return key_id

    def _identity(self, claims: dict[str, Any], key_id: str) -> Identity:
        extra = sorted(set(claims) - _CLAIMS)
        if extra:
            raise _bad("the token has a claim that is not known", printable(extra[0]))
        if claims.get("iss") != ISSUER:
            raise _bad("the token's issuer (iss) is another one", printable(claims.get("iss")))
        if claims.get("aud") != AUDIENCE:
            raise _bad("the token's audience (aud) is another one", printable(claims.get("aud")))
        subject = claims.get("sub")
        if not isinstance(subject, str) or not _valid_subject(subject):
            raise _bad("the token's subject (sub) is neither a device id nor a pattern", printable(subject))
        expires_s = self._check_times(claims)
        roles = claims.get("roles")
        if not isinstance(roles, list) or not roles or not all(isinstance(role, str) for role in roles):
            raise refusal(spec.CODE_FORBIDDEN, "the token has no roles", printable(roles))
        unknown = [role for role in roles if role not in ROLES]
        if unknown:
            raise refusal(
                spec.CODE_FORBIDDEN, f"the token has a role other than {_known_roles()}", printable(unknown[0])
            )
        return Identity(subject, frozenset(roles), expires_s, key_id)

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


def development_key(state_dir: Path) -> SigningKey:
    """The key that the first start made, made now if this is the first start. CallerError when it cannot be trusted."""
    path = state_dir / KEY_FILE
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.path.lexists(path):
            _write_key(path, SigningKey(f"dev-{secrets.token_hex(4)}", secrets.token_bytes(KEY_BYTES), True))
    except OSError as error:
        raise CallerError(
            what=f"the key file cannot be made ({error.strerror})",
            value=str(path),
            next_step="choose a folder that this user may write: --state-dir FOLDER",
        ) from error
    return load_key(path)


def load_key(path: Path) -> SigningKey:
    """Read a key file. Anything doubtful ends the start: a gateway with a wrong key would turn every device away."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(4096)
    except OSError as error:
        raise CallerError(
            what=f"the key file cannot be read ({error.strerror})",
            value=str(path),
            next_step="give this user the right to read it, or move it away to have a new key made (old tokens end)",
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CallerError(
            what=f"others may read the key file (mode {stat.S_IMODE(mode):04o})",
            value=str(path),
            next_step=f"chmod 600 {path}, and make a new key if somebody may have read it",
        )
    key = _parse_key(data)
    if isinstance(key, str):
        raise CallerError(
            what=f"the key file is not a key of ours: {key}",
            value=str(path),
            next_step="restore it from a copy, or move it away to have a new key made (old tokens end)",
        )
    return key


def _parse_key(data: bytes) -> SigningKey | str:
    """The key, or what is wrong with it; never a part of the file, which may be a damaged secret."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(members, dict) or set(members) - _KEY_MEMBERS:
        return "not an object with the members of a key"
    if members.get("kty") != "oct" or members.get("alg") != ALGORITHM:
        return f"kty is not oct or alg is not {ALGORITHM}"
    key_id, text, development = members.get("kid"), members.get("k"), members.get("development", False)
    if not isinstance(key_id, str) or _KEY_ID.fullmatch(key_id) is None:
        return "kid is missing or not a short name"
    if not isinstance(text, str) or not isinstance(development, bool):
        return "k or development has the wrong type"
    secret = _base64url(text)
    if secret is None or not KEY_BYTES <= len(secret) <= 1024:
        return f"k is not base64url of at least {KEY_BYTES} bytes"
    return SigningKey(key_id, secret, development)


def _write_key(path: Path, key: SigningKey) -> None:
    """Complete or not at all: a process killed half way must not leave a file that the next start refuses."""
    text = json.dumps(
        {
            "kty": "oct", "alg": ALGORITHM, "use": "sig", "kid": key.key_id,
            "k": base64.urlsafe_b64encode(key.secret).rstrip(b"=").decode(), "development": key.development,
        }
    )  # fmt: skip
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(
                beside, path
            )  # unlike a rename it never replaces the key of a gateway that started at the same time
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _valid_subject(subject: str) -> bool:
    if subject == "*":
        return True
    try:
        check_device_id(subject.removesuffix("*"))
    except RefusedError:
        return False
    return True


def _known_roles() -> str:
    return ", ".join(ROLES)


def _base64url(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # The only spelling of these bytes: no second text may stand for the same token.
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else None


def _decode(part: str, what: str) -> bytes:
    data = _base64url(part)
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
