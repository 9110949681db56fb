"""Tokens and keys: what is not exactly right is refused, with one of three codes and without a secret in the text."""

import base64
import hashlib
import hmac
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.auth import (
    AUDIENCE,
    ISSUER,
    KEY_FILE,
    Identity,
    SigningKey,
    TokenVerifier,
    development_key,
    load_key,
    make_token,
    permits,
)
from flight_client.session import spec

NOW = 1_800_000_000
KEY = SigningKey("key-1", b"k" * 31 + b"1")
OTHER = SigningKey("key-2", b"k" * 31 + b"2")
BOTH = ("publish", "subscribe")


def clock() -> float:
    return float(NOW)


def encode(data: bytes | str | dict[str, Any]) -> str:
    if isinstance(data, dict):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: SigningKey = KEY, algorithm: Callable[[], Any] = hashlib.sha256) -> str:
    """A token made by hand, with a right signature whatever it says."""
    text = f"{encode(header)}.{encode(claims)}"
    return f"{text}.{encode(hmac.new(key.secret, text.encode(), algorithm).digest())}"


HEADER: dict[str, Any] = {"alg": "HS256", "kid": "key-1", "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "bench-1",
    "roles": ["publish", "subscribe"],
    "iat": NOW - 10,
    "exp": NOW + 3600,
}


def header(**changes: Any) -> str:
    return signed({name: value for name, value in (HEADER | changes).items() if value is not ...}, CLAIMS)


def claims(**changes: Any) -> str:
    return signed(HEADER, {name: value for name, value in (CLAIMS | changes).items() if value is not ...})


def raw_claims(old: str, new: str) -> str:
    text = json.dumps(CLAIMS)
    assert old in text
    return signed(HEADER, text.replace(old, new))


GOOD = claims()
PARTS = GOOD.split(".")
JWK = {"kty": "oct", "k": encode(b"a key that the attacker chose 123")}

BAD: dict[str, str] = {
    # Shape
    "empty": "",
    "one part": PARTS[0],
    "two parts": ".".join(PARTS[:2]),
    "four parts": GOOD + ".x",
    "five parts, as an encrypted token": GOOD + ".x.y",
    "an empty signature": f"{PARTS[0]}.{PARTS[1]}.",
    "spaces around": f" {GOOD} ",
    "a line end behind": GOOD + "\n",
    "padding": GOOD + "==",
    "the standard alphabet": GOOD.replace("-", "+").replace("_", "/") + "+",
    "a NUL": GOOD[:30] + "\0" + GOOD[31:],
    "letters beyond ASCII": GOOD[:30] + "é" + GOOD[31:],
    "481 characters": f"{PARTS[0]}.{PARTS[1]}.{'A' * (481 - len(PARTS[0]) - len(PARTS[1]) - 2)}",
    "a megabyte": "A" * (1 << 20),
    # Header
    "a header that is not base64url": f"A.{PARTS[1]}.{PARTS[2]}",
    "a header that is not JSON": signed("{", CLAIMS),
    "a header that is a list": signed("[]", CLAIMS),
    "a header that is not UTF-8": signed(b'{"alg":"\xff"}', CLAIMS),
    "a header nested too deep": f"{encode('[' * 200)}.{PARTS[1]}.{PARTS[2]}",
    "alg none without a signature": f"{encode(HEADER | {'alg': 'none'})}.{PARTS[1]}.",
    "alg none": header(alg="none"),
    "alg None": header(alg="None"),
    "alg NONE": header(alg="NONE"),
    "alg nOnE": header(alg="nOnE"),
    "alg of another case": header(alg="hs256"),
    "no alg": header(alg=...),
    "alg null": header(alg=None),
    "alg as a list": header(alg=["HS256"]),
    "alg HS512, signed so": signed(HEADER | {"alg": "HS512"}, CLAIMS, algorithm=hashlib.sha512),
    "alg HS384, signed so": signed(HEADER | {"alg": "HS384"}, CLAIMS, algorithm=hashlib.sha384),
    "alg RS256, signed with the shared key": header(alg="RS256"),
    "alg ES256": header(alg="ES256"),
    "alg EdDSA": header(alg="EdDSA"),
    "alg twice": signed('{"alg":"none","alg":"HS256","kid":"key-1"}', CLAIMS),
    "no kid": header(kid=...),
    "an unknown kid": header(kid="key-9"),
    "kid of another key": header(kid="key-2"),
    "kid as a path": header(kid="../../dev/null"),
    "kid as a URL": header(kid="http://evil.example/key"),
    "kid as SQL": header(kid="key-1' OR '1'='1"),
    "kid as a list": header(kid=["key-1"]),
    "kid as an object": header(kid={"key-1": 1}),
    "kid null": header(kid=None),
    "jku": header(jku="http://evil.example/keys"),
    "x5u": header(x5u="http://evil.example/cert"),
    "jwk": signed(HEADER | {"jwk": JWK}, CLAIMS, SigningKey("x", b"a key that the attacker chose 123")),
    "crit": header(crit=["exp"]),
    "crit with an unknown extension": header(crit=["x-more"], **{"x-more": 1}),
    "crit empty": header(crit=[]),
    "b64 false": header(b64=False),
    "cty, as a nested token": header(cty="JWT"),
    "zip": header(zip="DEF"),
    "typ of another kind": header(typ="at+jwt"),
    "typ as a number": header(typ=1),
    # Signature
    "a signature of another key": signed(HEADER, CLAIMS, OTHER),
    "a signature of the empty key": signed(HEADER, CLAIMS, SigningKey("key-1", b"")),
    "a signature cut short": GOOD[:-4],
    "a signature made longer": GOOD + "AAAA",
    "a changed signature": f"{PARTS[0]}.{PARTS[1]}.{'A' * len(PARTS[2])}",
    "another spelling of the signature's last bits": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "claims of another token": f"{PARTS[0]}.{encode(CLAIMS | {'sub': '*'})}.{PARTS[2]}",
    "header of another token": f"{encode({'alg': 'HS256', 'kid': 'key-1'})}.{PARTS[1]}.{PARTS[2]}",
    # Claims
    "claims that are not JSON": signed(HEADER, "claims"),
    "claims that are a list": signed(HEADER, "[]"),
    "claims that are a token, nested": signed(HEADER, PARTS[2]),
    "no claims": signed(HEADER, "{}"),
    "no iss": claims(iss=...),
    "another iss": claims(iss="evil"),
    "iss as a list": claims(iss=[ISSUER]),
    "no aud": claims(aud=...),
    "another aud": claims(aud="other"),
    "aud as a prefix": claims(aud="fli"),
    "aud with more": claims(aud="flight2"),
    "aud as a list": claims(aud=["flight"]),
    "aud of another case": claims(aud="Flight"),
    "no sub": claims(sub=...),
    "an empty sub": claims(sub=""),
    "sub null": claims(sub=None),
    "sub as a number": claims(sub=1),
    "sub with two stars": claims(sub="**"),
    "sub with a star inside": claims(sub="a*b"),
    "sub with a star in front": claims(sub="*a"),
    "sub too long": claims(sub="a" * 33),
    "sub with a line end": claims(sub="a\r\nb"),
    "no exp": claims(exp=...),
    "exp null": claims(exp=None),
    "exp as text": claims(exp=str(NOW + 10)),
    "exp as a float": claims(exp=NOW + 10.5),
    "exp true": claims(exp=True),
    "exp negative": claims(exp=-1),
    "exp 0": claims(exp=0),
    "exp 1e999": raw_claims(str(NOW + 3600), "1e999"),
    "exp Infinity": raw_claims(str(NOW + 3600), "Infinity"),
    "exp NaN": raw_claims(str(NOW + 3600), "NaN"),
    "exp of a hundred digits": raw_claims(str(NOW + 3600), "1" * 100),
    "exp in a thousand years": claims(exp=NOW + 1000 * 365 * 86400),
    "exp before iat": claims(iat=NOW - 10, exp=NOW - 20),
    "no iat": claims(iat=...),
    "iat in the future": claims(iat=NOW + 1000),
    "iat as text": claims(iat="now"),
    "nbf in the future": claims(nbf=NOW + 1000),
    "nbf as text": claims(nbf="0"),
    "nbf null": claims(nbf=None),
    "an unknown claim": claims(admin=True),
    "sub twice": raw_claims('"sub": "bench-1"', '"sub": "bench-1", "sub": "*"'),
    "exp twice": raw_claims('"iat"', f'"exp": {NOW + 99}, "iat"'),
}
FORBIDDEN: dict[str, str] = {
    "no roles": claims(roles=...),
    "an empty list of roles": claims(roles=[]),
    "roles as text": claims(roles="publish"),
    "roles as an object": claims(roles={"publish": True}),
    "a number among the roles": claims(roles=["publish", 1]),
    "an unknown role": claims(roles=["publish", "king"]),
    "a star as a role": claims(roles=["*"]),
    "a role of another case": claims(roles=["Publish"]),
}
EXPIRED: dict[str, str] = {
    "expired now": claims(exp=NOW),
    "expired long ago": claims(iat=NOW - 9000, exp=NOW - 8000),
}


def verifier() -> TokenVerifier:
    return TokenVerifier([KEY, OTHER], clock_s=clock)


def refused(token: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        verifier().verify_token(token)
    text = str(caught.value)
    assert len(caught.value.text.encode()) <= spec.TEXT_BYTES
    assert text.isascii()
    assert text.isprintable()
    assert caught.value.next_step
    assert caught.value.fatal
    for secret in (KEY.secret.decode(), encode(KEY.secret), *PARTS[1:]):
        assert secret not in text
    # Nothing hangs on the error that a log of its causes would print.
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_a_bad_token_is_refused_as_a_credential(token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert refused(token).code == spec.CODE_CREDENTIAL
    assert caplog.text == ""


@pytest.mark.parametrize("token", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_token_without_a_known_right_is_forbidden(token: str) -> None:
    assert refused(token).code == spec.CODE_FORBIDDEN


@pytest.mark.parametrize("token", EXPIRED.values(), ids=EXPIRED.keys())
def test_an_expired_token_is_refused_as_expired(token: str) -> None:
    assert refused(token).code == spec.CODE_EXPIRED_TOKEN


def test_an_expired_token_with_a_wrong_signature_is_not_told_that_it_expired() -> None:
    assert refused(signed(HEADER, CLAIMS | {"exp": NOW - 5}, OTHER)).code == spec.CODE_CREDENTIAL


def test_every_changed_character_of_a_token_is_refused() -> None:
    for index, old in enumerate(GOOD):
        for new in "A_.":
            if new != old:
                refused(GOOD[:index] + new + GOOD[index + 1 :])


def test_every_truncation_of_a_token_is_refused() -> None:
    for length in range(len(GOOD)):
        refused(GOOD[:length])


def fingerprint_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def test_a_good_token_says_who_and_what_and_until_when() -> None:
    identity = verifier().verify_token(GOOD)
    assert identity == Identity("bench-1", frozenset(BOTH), NOW + 3600, "key-1", fingerprint_of(GOOD))


@pytest.mark.parametrize("token", [claims(nbf=NOW), claims(jti="7"), header(typ=...), claims(iat=NOW + 30)])
def test_what_is_optional_is_taken(token: str) -> None:
    assert verifier().verify_token(token).subject == "bench-1"


@pytest.mark.parametrize("subject", ["bench-1", "bench-*", "*", "d" * 32, "d" * 31 + "*", "aa:bb:cc:dd:ee:ff"])
def test_a_made_token_is_verified_and_fits_hello(subject: str) -> None:
    token = make_token(OTHER, subject, BOTH, 3600, clock_s=clock)
    assert len(token) <= spec.TOKEN_BYTES
    identity = verifier().verify_token(token)
    assert identity == Identity(subject, frozenset(BOTH), NOW + 3600, "key-2", fingerprint_of(token))


def test_the_longest_token_that_can_be_made_fits_hello() -> None:
    key = SigningKey("k" * 32, b"s" * 32)
    assert len(make_token(key, "d" * 32, BOTH, 400 * 86400, clock_s=clock)) <= spec.TOKEN_BYTES


@pytest.mark.parametrize("subject", ["", "**", "a*b", "a b", "d" * 33, "é", "a\n"])
def test_a_token_for_a_subject_that_is_no_device_cannot_be_made(subject: str) -> None:
    with pytest.raises(CallerError, match="subject"):
        make_token(KEY, subject, BOTH, 3600, clock_s=clock)


@pytest.mark.parametrize("roles", [[], ["king"], ["publish", "*"]])
def test_a_token_without_a_known_role_cannot_be_made(roles: list[str]) -> None:
    with pytest.raises(CallerError, match="role"):
        make_token(KEY, "bench-1", roles, 3600, clock_s=clock)


@pytest.mark.parametrize("lifetime_s", [0, -1, 400 * 86400 + 1])
def test_a_token_that_lives_too_long_or_not_at_all_cannot_be_made(lifetime_s: int) -> None:
    with pytest.raises(CallerError, match="lifetime"):
        make_token(KEY, "bench-1", BOTH, lifetime_s, clock_s=clock)


@pytest.mark.parametrize(
    ("subject", "device_id", "allowed"),
    [
        ("bench-1", "bench-1", True),
        ("bench-1", "bench-10", False),
        ("bench-1", "bench-", False),
        ("bench-1", "Bench-1", False),
        ("bench-*", "bench-1", True),
        ("bench-*", "bench-", True),
        ("bench-*", "bench", False),
        ("bench-*", "other", False),
        ("a*", "a.b", True),
        ("*", "anything", True),
    ],
)
def test_the_subject_binds_the_device_id(subject: str, device_id: str, *, allowed: bool) -> None:
    identity = Identity(subject, frozenset(BOTH), NOW, "key-1")
    assert identity.allows_device(device_id) is allowed
    if allowed:
        identity.check_device(device_id)
    else:
        with pytest.raises(RefusedError) as caught:
            identity.check_device(device_id)
        assert caught.value.code == spec.CODE_FORBIDDEN
        assert len(caught.value.text.encode()) <= spec.TEXT_BYTES


@pytest.mark.parametrize("device_id", ["", "*", "a*", "a b", "a\x1b[31m", "-a", "d" * 33, "é", "a/b", "a\n"])
def test_a_device_id_that_could_do_harm_is_refused_whatever_the_token(device_id: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Identity("*", frozenset(BOTH), NOW, "key-1").check_device(device_id)
    assert caught.value.code == spec.CODE_BAD_NAME
    assert str(caught.value).isprintable()


def test_each_role_permits_its_mode_and_no_role_permits_nothing() -> None:
    publisher = Identity("*", frozenset({"publish"}), NOW, "key-1")
    nobody = Identity("*", frozenset(), NOW, "key-1")
    assert permits(publisher, "log", spec.MODE_PUBLISH)
    assert not permits(publisher, "log", spec.MODE_SUBSCRIBE)
    assert not permits(publisher, "log", 0)
    assert not permits(publisher, "log", spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE)
    assert not permits(nobody, "log", spec.MODE_PUBLISH)


def test_a_key_that_is_gone_ends_its_tokens() -> None:
    with pytest.raises(RefusedError):
        TokenVerifier([OTHER], clock_s=clock).verify_token(GOOD)
    with pytest.raises(RefusedError):
        TokenVerifier([], clock_s=clock).verify_token(GOOD)


# Key files


def test_the_first_start_makes_a_key_and_the_next_finds_it(tmp_path: Path) -> None:
    first = development_key(tmp_path / "state" / "flight")
    second = development_key(tmp_path / "state" / "flight")
    assert first == second
    assert first.development
    assert len(first.secret) == 32
    assert [path.name for path in (tmp_path / "state" / "flight").iterdir()] == [KEY_FILE]


def test_two_state_folders_have_two_keys(tmp_path: Path) -> None:
    first, second = development_key(tmp_path / "a"), development_key(tmp_path / "b")
    assert first.secret != second.secret
    assert first.key_id != second.key_id


@pytest.mark.skipif(os.name != "posix", reason="the system has no file modes")
def test_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    development_key(tmp_path / "state")
    assert (tmp_path / "state" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="the system has no file modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_key_that_others_may_read_ends_the_start(tmp_path: Path, mode: int) -> None:
    development_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(CallerError, match="chmod 600"):
        development_key(tmp_path)


KEY_TEXT = {"kty": "oct", "alg": "HS256", "use": "sig", "kid": "mine", "k": encode(b"s" * 32)}


def without(name: str) -> str:
    return json.dumps({member: value for member, value in KEY_TEXT.items() if member != name})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 3000,
        "\0" * 10,
        "secret-in-a-damaged-file",
        without("kty"),
        without("alg"),
        without("kid"),
        without("k"),
        json.dumps(KEY_TEXT | {"kty": "RSA"}),
        json.dumps(KEY_TEXT | {"alg": "none"}),
        json.dumps(KEY_TEXT | {"kid": "../x"}),
        json.dumps(KEY_TEXT | {"kid": "k" * 33}),
        json.dumps(KEY_TEXT | {"k": encode(b"s" * 31)}),
        json.dumps(KEY_TEXT | {"k": ""}),
        json.dumps(KEY_TEXT | {"k": "not base64url!" * 9}),
        json.dumps(KEY_TEXT | {"k": 7}),
        json.dumps(KEY_TEXT | {"development": "no"}),
        json.dumps(KEY_TEXT | {"more": 1}),
    ],
)
def test_a_malformed_key_file_ends_the_start_and_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / KEY_FILE
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(CallerError) as caught:
        development_key(tmp_path)
    assert str(path) in str(caught.value)
    assert caught.value.next_step
    assert "secret-in" not in str(caught.value)
    assert encode(b"s" * 31) not in str(caught.value)
    assert path.read_text() == text


def test_a_key_of_the_operators_own_is_not_a_development_key(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(KEY_TEXT))
    path.chmod(0o600)
    assert load_key(path) == SigningKey("mine", b"s" * 32, development=False)


def test_a_key_file_that_is_not_there_or_a_folder_ends_the_start(tmp_path: Path) -> None:
    for path in (tmp_path / "not-there.json", tmp_path):
        with pytest.raises(CallerError, match="cannot be read"):
            load_key(path)


def test_a_state_folder_that_cannot_be_made_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CallerError, match="--state-dir"):
        development_key(tmp_path / "file" / "state")


def test_a_dangling_link_in_the_place_of_the_key_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CallerError, match="cannot be read"):
        development_key(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_made_by_a_gateway_that_started_at_the_same_time_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = development_key(tmp_path)
    monkeypatch.setattr("os.path.lexists", lambda path: False)
    assert development_key(tmp_path) == first


def test_a_file_system_without_links_gets_its_key_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", fail)
    first = development_key(tmp_path)
    assert development_key(tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_never_shows_its_secret() -> None:
    assert "kkkk" not in repr(KEY)
    assert "kkkk" not in f"{KEY}"


def test_without_joserfc_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("joserfc", "joserfc.jwk", "joserfc.jws"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("auth", "key_files", "keys"):
        monkeypatch.delitem(sys.modules, f"flight_client.gateway.{name}")
    with pytest.raises(CallerError, match=r"pip install 'flight-realtime\[gateway\]'"):
        __import__("flight_client.gateway.auth")
