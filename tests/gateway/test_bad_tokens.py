"""A corpus of bad tokens for every algorithm: each refused with its one code, by the verifier and by a running gateway."""

import logging
import time
from pathlib import Path

import pytest

from flight_client.errors import RefusedError
from flight_client.gateway.auth import SigningKey, TokenVerifier, make_token
from flight_client.gateway.jwks import jwks_text
from flight_client.gateway.key_files import key_text
from flight_client.gateway.revoked import FILE, revoke
from flight_client.session import spec
from tests.gateway.bad_tokens import (
    EDWARDS,
    KEYS,
    NIST,
    SHARED,
    bad_tokens,
    claims_at,
    good,
    header_of,
    negated,
    signed,
    verify_keys,
)
from tests.support.bench import Bench
from tests.support.raw import RawPoller, hello_frame, open_frame

NOW = 1_800_000_000
CORPUS = bad_tokens(NOW)


def verifier() -> TokenVerifier:
    return TokenVerifier(verify_keys(), clock_s=lambda: float(NOW))


def test_the_corpus_is_large_and_says_everything_once() -> None:
    tokens = [token for token, _ in CORPUS.values()]
    print(f"{len(tokens)} bad tokens")
    assert len(tokens) >= 250
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_token_is_refused_with_its_one_code(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token, code = CORPUS[name]
    with pytest.raises(RefusedError) as caught:
        verifier().verify_token(token)
    assert caught.value.code == code
    text = str(caught.value)
    assert text.isascii()
    assert text.isprintable()
    assert len(caught.value.text.encode()) <= spec.TEXT_BYTES
    assert token.rpartition(".")[2] not in text or token.endswith(".")
    assert caught.value.__cause__ is None
    assert caplog.text == ""


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm)
def test_the_tokens_that_the_bad_ones_were_made_of_are_good(key: SigningKey) -> None:
    identity = verifier().verify_token(good(key, NOW, permissions=["debug"], org="acme"))
    assert (identity.key_id, identity.org) == (key.key_id, "acme")
    assert identity.permissions == {"debug"}


@pytest.mark.parametrize("key", [EDWARDS, NIST], ids=lambda key: key.algorithm)
def test_every_changed_character_of_an_asymmetric_token_is_refused(key: SigningKey) -> None:
    token = good(key, NOW)
    for index, old in enumerate(token):
        new = "A" if old != "A" else "B"
        with pytest.raises(RefusedError):
            verifier().verify_token(token[:index] + new + token[index + 1 :])


def test_ed25519_by_its_second_name_is_taken() -> None:
    token = signed(EDWARDS, header_of(EDWARDS, alg="Ed25519"), claims_at(NOW))
    assert verifier().verify_token(token).subject == "raw-1"


def test_a_revoked_token_does_not_come_back_with_the_other_of_its_signatures(tmp_path: Path) -> None:
    token = good(NIST, NOW)
    other = negated(token)
    assert other != token
    identity, again = verifier().verify_token(token), verifier().verify_token(other)
    assert identity.fingerprint == again.fingerprint
    assert revoke(tmp_path / FILE, identity)
    assert not revoke(tmp_path / FILE, again)


async def test_a_running_gateway_refuses_every_bad_token_with_its_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With all three keys at once: the key file's and those of a JWKS."""
    (tmp_path / "keys.json").write_text(jwks_text([EDWARDS, NIST]))
    own = tmp_path / "own.json"
    own.write_text(key_text(SHARED))
    own.chmod(0o600)
    bench = Bench(tmp_path, jwks=str(tmp_path / "keys.json"), key_file=own, audit_log=tmp_path / "audit")
    await bench.start()
    caplog.set_level(logging.WARNING)
    corpus = bad_tokens(int(time.time()))
    refused = 0
    async with RawPoller(bench.address) as poller:
        for name, (token, code) in corpus.items():
            if len(token) > spec.TOKEN_BYTES:  # HELLO does not carry it
                continue
            [answer] = await poller.poll(hello_frame(token))
            assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, code), name
            refused += 1
        for key in KEYS:
            await poller.hello(make_token(key, "raw-1", ["developer"], 600))
    print(f"{refused} of {len(corpus)} refused by a gateway")
    assert refused >= 250
    assert len(bench.gateway.registry) == 1
    assert bench.gateway.registry.counters.refused == refused
    assert "Traceback" not in caplog.text
    assert not caplog.records, caplog.text
    await bench.serves()
    await bench.stop()
    text = (tmp_path / "audit").read_text()
    for token, _ in corpus.values():
        assert token.rpartition(".")[2] not in text or token.endswith(".")


async def test_a_token_with_each_algorithm_opens_a_channel(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(jwks_text([EDWARDS, NIST]))
    bench = Bench(tmp_path, jwks=str(tmp_path / "keys.json"))
    await bench.start()
    async with RawPoller(bench.address) as poller:
        for key in (EDWARDS, NIST):
            session = await poller.hello(make_token(key, "raw-1", ["developer"], 600))
            [opened] = [
                frame
                for frame in await poller.poll(session.poll_frame(1), open_frame(1, b"log", 3))
                if frame.kind == spec.TYPE_OPENED
            ]
            assert (opened.code, opened.payload[1]) == (spec.CODE_OK, 3)
    await bench.stop()
