"""The file of a key that makes tokens: a JSON Web Key with its secret, readable by its owner only.

Anything doubtful ends the start: a gateway with a wrong key would turn every device away.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError, file_step
from flight_client.gateway.keys import (
    CURVES,
    HS256,
    KEY_BYTES,
    KEY_ID,
    SigningKey,
    base64url,
    to_base64url,
    valid_secret,
)

KEY_FILE = "development-key.json"

_SYMMETRIC = {"kty", "alg", "use", "kid", "k", "development"}
_ASYMMETRIC = {"kty", "crv", "alg", "use", "kid", "x", "y", "d"}


def development_key(state_dir: Path) -> SigningKey:
    """The key that the first start made, made now if this is the first start. CallerError when it cannot be trusted."""
    path = state_dir / KEY_FILE
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.path.lexists(path):
            key = SigningKey(f"dev-{secrets.token_hex(4)}", secrets.token_bytes(KEY_BYTES), True)
            write_secret(path, key_text(key))
    except OSError as error:
        raise CallerError(
            what=f"the key file cannot be made ({error.strerror})",
            value=str(path),
            next_step="choose a folder that this user may write: --state-dir FOLDER",
        ) from error
    return load_key(path)


def load_key(path: Path) -> SigningKey:
    """Read a key file, of any of the algorithms."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(4096)
    except OSError as error:
        away = (
            "" if isinstance(error, FileNotFoundError) else ", or move it away to have a new key made (old tokens end)"
        )
        raise CallerError(
            what=f"the key file cannot be read ({error.strerror})",
            value=str(path),
            next_step=f"{file_step(error)}{away}",
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CallerError(
            what=f"others may read the key file (mode {stat.S_IMODE(mode):04o})",
            value=str(path),
            next_step=f"chmod 600 {path}, and make a new key if somebody may have read it",
        )
    key = _parse(data)
    if isinstance(key, str):
        raise CallerError(
            what=f"the key file is not a key of ours: {key}",
            value=str(path),
            next_step="restore it from a copy, or move it away to have a new key made (old tokens end)",
        )
    return key


def key_text(key: SigningKey) -> str:
    """What stands in the file."""
    if key.asymmetric:
        return json.dumps({**key.public_jwk(), "d": to_base64url(key.secret)}) + "\n"
    return (
        json.dumps(
            {
                "kty": "oct", "alg": HS256, "use": "sig", "kid": key.key_id, "k": to_base64url(key.secret),
                "development": key.development,
            }
        )
        + "\n"
    )  # fmt: skip


def write_secret(path: Path, text: str) -> None:
    """Complete or not at all: a process killed half way must not leave a file that the next start refuses.

    A file that is there stays as it is: it may be the key of a gateway that started at the same time.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(beside, path)  # unlike a rename it never replaces
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _parse(data: bytes) -> SigningKey | str:
    """The key, or what is wrong with it; never a part of the file, which may be a damaged secret."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(members, dict):
        return "not an object with the members of a key"
    key_id = members.get("kid")
    if not isinstance(key_id, str) or KEY_ID.fullmatch(key_id) is None:
        return "kid is missing or not a short name"
    if members.get("kty") in ("OKP", "EC"):
        return _asymmetric(members, key_id)
    return _symmetric(members, key_id)


def _symmetric(members: dict[str, Any], key_id: str) -> SigningKey | str:
    if set(members) - _SYMMETRIC:
        return "not an object with the members of a key"
    if members.get("kty") != "oct" or members.get("alg") != HS256:
        return f"kty is not oct or alg is not {HS256}"
    text, development = members.get("k"), members.get("development", False)
    if not isinstance(text, str) or not isinstance(development, bool):
        return "k or development has the wrong type"
    secret = base64url(text)
    if secret is None or not valid_secret(HS256, secret):
        return f"k is not base64url of at least {KEY_BYTES} bytes"
    return SigningKey(key_id, secret, development)


def _asymmetric(members: dict[str, Any], key_id: str) -> SigningKey | str:
    if set(members) - _ASYMMETRIC:
        return "not an object with the members of a private key"
    algorithm = CURVES.get((str(members.get("kty")), str(members.get("crv"))))
    if algorithm is None or members.get("alg", algorithm) != algorithm:
        return "the curve is neither Ed25519 nor P-256, or alg is of another one"
    text = members.get("d")
    if text is None:
        return "it has no private part (d): a public key checks tokens and makes none"
    secret = base64url(text) if isinstance(text, str) else None
    if secret is None or not valid_secret(algorithm, secret):
        return f"d is not base64url of a private key of {KEY_BYTES} bytes"
    key = SigningKey(key_id, secret, False, algorithm)
    public = key.public_jwk()
    if any(members.get(name) != public[name] for name in ("x", "y") if name in public):
        return "its public part (x, y) is not that of its private part"
    return key
