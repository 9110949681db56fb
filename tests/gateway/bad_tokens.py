"""Tokens that nobody may get in with, for the keys of every algorithm; each with the one code that refuses it."""

import base64
import hashlib
import hmac
import json
from typing import Any

from flight_client.gateway.auth import AUDIENCE, ISSUER, SigningKey, VerifyKey
from flight_client.gateway.keys import EDDSA, ES256, HS256
from flight_client.session import spec

# Fixed keys, so that every run has the same tokens but for the random number in an ES256 signature.
SHARED = SigningKey("shared", b"s" * 31 + b"1")
EDWARDS = SigningKey("edwards", b"e" * 31 + b"1", algorithm=EDDSA)
NIST = SigningKey("nist", b"n" * 31 + b"1", algorithm=ES256)
KEYS = (SHARED, EDWARDS, NIST)
STRANGERS = {
    HS256: SigningKey("shared", b"x" * 32),
    EDDSA: SigningKey("edwards", b"x" * 32, algorithm=EDDSA),
    ES256: SigningKey("nist", b"x" * 32, algorithm=ES256),
}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def encode(data: bytes | str | dict[str, Any]) -> str:
    if isinstance(data, dict):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def header_of(key: SigningKey, **changes: Any) -> dict[str, Any]:
    members: dict[str, Any] = {"alg": key.algorithm, "kid": key.key_id}
    return {name: value for name, value in (members | changes).items() if value is not ...}


def claims_at(now_s: int, **changes: Any) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "raw-1", "roles": ["developer"], "iat": now_s - 10, "exp": now_s + 3600,
    }  # fmt: skip
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def signed(key: SigningKey, header: Any, claims: Any) -> str:
    """A token made by hand, with a right signature whatever it says."""
    text = f"{encode(header)}.{encode(claims)}"
    return f"{text}.{encode(key.sign(text.encode()))}"


def good(key: SigningKey, now_s: int, **changes: Any) -> str:
    return signed(key, header_of(key), claims_at(now_s, **changes))


def bad_tokens(now_s: int) -> dict[str, tuple[str, int]]:
    """Each token by what is wrong with it, with the code."""
    found: dict[str, tuple[str, int]] = {}
    for key in KEYS:
        cases = _bad_claims(key, now_s) | _bad_headers(key, now_s) | _bad_signatures(key, now_s)
        found |= {f"{key.algorithm}: {name}": (token, spec.CODE_CREDENTIAL) for name, token in cases.items()}
        for name, token in _no_right(key, now_s).items():
            found[f"{key.algorithm}: {name}"] = token, spec.CODE_FORBIDDEN
        for name, token in _ended(key, now_s).items():
            found[f"{key.algorithm}: {name}"] = token, spec.CODE_EXPIRED_TOKEN
    found |= {name: (token, spec.CODE_CREDENTIAL) for name, token in _confused(now_s).items()}
    return found


def _bad_claims(key: SigningKey, now_s: int) -> dict[str, str]:
    changes: dict[str, dict[str, Any]] = {
        "no issuer": {"iss": ...},
        "another issuer": {"iss": "evil"},
        "issuer in a list": {"iss": [ISSUER]},
        "no audience": {"aud": ...},
        "another audience": {"aud": "other"},
        "beginning of the audience": {"aud": "fli"},
        "audience and more": {"aud": "flight2"},
        "audience in a list": {"aud": ["flight"]},
        "no subject": {"sub": ...},
        "an empty subject": {"sub": ""},
        "subject as a number": {"sub": 1},
        "a star inside the subject": {"sub": "a*b"},
        "a line end in the subject": {"sub": "a\r\nb"},
        "a slash in the subject": {"sub": "acme/raw-1"},
        "no end": {"exp": ...},
        "end as text": {"exp": str(now_s + 60)},
        "end as a fraction": {"exp": now_s + 60.5},
        "end as true": {"exp": True},
        "a negative end": {"exp": -1},
        "an end in a thousand years": {"exp": now_s + 1000 * 365 * 86400},
        "no time of issue": {"iat": ...},
        "issued in the future": {"iat": now_s + 1000},
        "not valid yet": {"nbf": now_s + 1000},
        "an unknown claim": {"admin": True},
        "an empty organisation": {"org": ""},
        "organisation null": {"org": None},
        "organisation as a list": {"org": ["acme"]},
        "organisation with a colon": {"org": "acme:log"},
        "organisation with a slash": {"org": "../acme"},
        "organisation with a star": {"org": "*"},
        "organisation in capitals": {"org": "ACME"},
        "an organisation of 33 letters": {"org": "a" * 33},
    }
    return {name: good(key, now_s, **change) for name, change in changes.items()}


def _bad_headers(key: SigningKey, now_s: int) -> dict[str, str]:
    claims = claims_at(now_s)
    changes: dict[str, dict[str, Any]] = {
        "alg none": {"alg": "none"},
        "alg NONE": {"alg": "NONE"},
        "no alg": {"alg": ...},
        "alg null": {"alg": None},
        "alg in a list": {"alg": [key.algorithm]},
        "alg of another case": {"alg": key.algorithm.swapcase()},
        "alg RS256": {"alg": "RS256"},
        "alg ES256K": {"alg": "ES256K"},
        "alg Ed448": {"alg": "Ed448"},
        "no kid": {"kid": ...},
        "an unknown kid": {"kid": "nobody"},
        "kid as a path": {"kid": f"../{key.key_id}"},
        "kid in a list": {"kid": [key.key_id]},
        "kid with a line end": {"kid": f"{key.key_id}\n"},
        "jku": {"jku": "http://evil.example/keys"},
        "x5c": {"x5c": ["MIIB"]},
        "crit": {"crit": ["exp"]},
        "b64 false": {"b64": False},
        "cty of a nested token": {"cty": "JWT"},
        "typ of another kind": {"typ": "at+jwt"},
    }
    tokens = {name: signed(key, header_of(key, **change), claims) for name, change in changes.items()}
    stranger = STRANGERS[key.algorithm]
    jwk = {"kty": "oct", "k": "x"} if not key.asymmetric else {"kty": "OKP", "x": "x"}
    tokens["a key of its own in the header"] = signed(stranger, header_of(key, jwk=jwk), claims)
    return tokens


def _bad_signatures(key: SigningKey, now_s: int) -> dict[str, str]:
    token = good(key, now_s)
    text, _, signature = token.rpartition(".")
    head, _, body = text.partition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return {
        "signed by somebody else": signed(STRANGERS[key.algorithm], header_of(key), claims_at(now_s)),
        "no signature": f"{text}.",
        "a signature of noughts": f"{text}.{encode(bytes(len(raw)))}",
        "a signature of ones": f"{text}.{encode(bytes([255]) * len(raw))}",
        "a signature cut by a byte": f"{text}.{encode(raw[:-1])}",
        "a signature longer by a byte": f"{text}.{encode(raw + bytes(1))}",
        "a signature with one bit changed": f"{text}.{encode(raw[:-1] + bytes([raw[-1] ^ 1]))}",
        "a signature with its halves changed": f"{text}.{encode(raw[len(raw) // 2 :] + raw[: len(raw) // 2])}",
        "another spelling of the signature": f"{text}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}",
        "padding behind the signature": f"{token}==",
        "claims of another token": f"{head}.{encode(claims_at(now_s, sub='*'))}.{signature}",
        "header of another token": f"{encode(header_of(key, typ='JWT'))}.{body}.{signature}",
        "the same header in other words": f"{encode(json.dumps(header_of(key), indent=1))}.{body}.{signature}",
    }


def _no_right(key: SigningKey, now_s: int) -> dict[str, str]:
    changes: dict[str, dict[str, Any]] = {
        "no roles": {"roles": ...},
        "an empty list of roles": {"roles": []},
        "roles as text": {"roles": "admin"},
        "an unknown role": {"roles": ["admin", "king"]},
        "a star as a role": {"roles": ["*"]},
        "permissions and no role": {"roles": ..., "permissions": ["admin"]},
        "permissions as text": {"permissions": "debug"},
        "permissions as an object": {"permissions": {"debug": True}},
        "permissions null": {"permissions": None},
        "a star as a permission": {"permissions": ["*"]},
        "a star behind a permission": {"permissions": ["debug.*"]},
        "an empty permission": {"permissions": [""]},
        "a number among the permissions": {"permissions": ["debug", 1]},
        "a permission with a line end": {"permissions": ["debug\n"]},
        "seventeen permissions": {"permissions": [f"p{number}" for number in range(17)]},
    }
    return {name: good(key, now_s, **change) for name, change in changes.items()}


def _ended(key: SigningKey, now_s: int) -> dict[str, str]:
    return {
        "ended now": good(key, now_s, exp=now_s),
        "ended long ago": good(key, now_s, iat=now_s - 9000, exp=now_s - 8000),
    }


def _confused(now_s: int) -> dict[str, str]:
    """One algorithm's key for another: what makes a public key a shared secret."""
    claims = claims_at(now_s)
    found = {}
    for key in (EDWARDS, NIST):
        public = key.public_jwk()
        secrets = {
            "the JWK": json.dumps(public).encode(),
            "the number": base64.urlsafe_b64decode(public["x"] + "="),
            "its text": public["x"].encode(),
        }
        for name, secret in secrets.items():
            for algorithm in ("HS256", key.algorithm):
                text = f"{encode(header_of(key, alg=algorithm))}.{encode(claims)}"
                mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
                found[f"{name} of {key.key_id} as a secret, alg {algorithm}"] = f"{text}.{encode(mac)}"
    for key in KEYS:
        for other in KEYS:
            if key is not other:
                names = f"{other.algorithm} of {other.key_id} under the id {key.key_id}"
                found[f"signed with {names}, its own alg"] = signed(other, header_of(other, kid=key.key_id), claims)
                found[f"signed with {names}, the key's alg"] = signed(other, header_of(key), claims)
    return found


def negated(token: str) -> str:
    """The same ES256 token with the other of its two signatures, which everybody can make of the first."""
    text, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    second = P256_ORDER - int.from_bytes(raw[32:])
    return f"{text}.{encode(raw[:32] + second.to_bytes(32))}"


def verify_keys() -> list[VerifyKey]:
    return [key.verify_key() for key in KEYS]
