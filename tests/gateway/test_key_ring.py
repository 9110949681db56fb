"""Keys that come and go: key files, the JWKS as a file and at a URL, rotation with overlap, ends, and servers that fail."""

import asyncio
import json
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from flight_client.cli.main import main
from flight_client.errors import CallerError
from flight_client.gateway.auth import SigningKey, TokenVerifier, development_key, load_key, make_token, new_key
from flight_client.gateway.jwks import JWKS_BYTES, jwks_text, parse_jwks
from flight_client.gateway.jwks_fetch import TIMEOUT_S, fetch_jwks
from flight_client.gateway.jwks_source import check_source
from flight_client.gateway.key_files import key_text
from flight_client.gateway.key_ring import KEEP_S, UNKNOWN_SPACING_S, KeyRing
from flight_client.gateway.settings import GatewaySettings
from flight_client.session import spec
from tests.gateway.bad_tokens import EDWARDS, NIST, SHARED
from tests.support.bench import Bench
from tests.support.ports import free_port
from tests.support.raw import RawPoller, RawStream, hello_frame
from tests.support.waiting import eventually, within

NEXT = SigningKey("next", b"N" * 32, algorithm="EdDSA")


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


class KeyServer:
    """A web server that answers with a JWKS, or as the test says."""

    def __init__(self) -> None:
        self.keys: list[SigningKey] = [EDWARDS]
        self.answer: web.Response | None = None
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.hold: asyncio.Event | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys.json"

    async def serve(self, _request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answer or web.Response(text=jwks_text(self.keys), headers=self.headers)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/keys.json", self.serve)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    made = KeyServer()
    await made.start()
    yield made
    await made.runner.cleanup()


async def ring_of(server: KeyServer, clock: Clock) -> KeyRing:
    ring = KeyRing(None, server.url, clock_s=clock)
    await ring.start()
    return ring


async def looked(ring: KeyRing) -> None:
    """What look() begins is over."""
    ring.look()
    if ring._fetching is not None:
        await within(ring._fetching)


# Key files


@pytest.mark.parametrize("key", [SHARED, EDWARDS, NIST], ids=lambda key: key.algorithm)
def test_a_key_file_is_read_as_it_was_written_and_shows_no_secret(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "key.json"
    path.write_text(key_text(key))
    path.chmod(0o600)
    assert load_key(path) == key
    assert repr(key.secret) not in repr(key)
    assert "secret" not in repr(key.verify_key())


@pytest.mark.parametrize("key", [EDWARDS, NIST], ids=lambda key: key.algorithm)
def test_a_private_key_file_that_is_not_right_is_refused_without_its_secret(tmp_path: Path, key: SigningKey) -> None:
    members = json.loads(key_text(key))
    other = json.loads(key_text(SigningKey("x", b"y" * 32, algorithm=key.algorithm)))
    wrong: list[dict[str, Any]] = [
        {**members, "d": ""},
        {**members, "d": 5},
        {**members, "d": members["d"][:-2]},
        {**members, "d": other["d"]},
        {**members, "x": other["x"]},
        {**members, "crv": "X25519"},
        {**members, "crv": "P-384"},
        {**members, "alg": "HS256"},
        {**members, "alg": "RS256"},
        {**members, "kid": "../x"},
        {**members, "more": 1},
        {name: value for name, value in members.items() if name != "d"},
        {name: value for name, value in members.items() if name != "kid"},
        {name: value for name, value in members.items() if name != "x"},
    ]
    path = tmp_path / "key.json"
    for case in wrong:
        path.write_text(json.dumps(case))
        path.chmod(0o600)
        with pytest.raises(CallerError, match="not a key of ours") as caught:
            load_key(path)
        assert members["d"] not in str(caught.value)
    if key.algorithm == "ES256":
        for secret in (bytes(32), b"\xff" * 32):  # no number of the group
            text = key_text(key).replace(members["d"], json.loads(key_text(SigningKey("x", secret)))["k"])
            path.write_text(text)
            with pytest.raises(CallerError, match="not a key of ours"):
                load_key(path)


def test_new_keys_differ_and_an_unknown_algorithm_is_told() -> None:
    assert new_key("EdDSA").secret != new_key("EdDSA").secret
    for algorithm in ("RS256", "none", "ES512", ""):
        with pytest.raises(CallerError, match="algorithm is not known"):
            new_key(algorithm)
    with pytest.raises(CallerError, match="short name"):
        new_key("EdDSA", "a/b")


# JWKS


def jwk(key: SigningKey = EDWARDS, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (key.public_jwk() | changes).items() if value is not ...}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "no key of"),
        ([{"kty": "RSA", "n": "x", "e": "AQAB", "kid": "a"}], "no key of"),
        ([jwk(use="enc")], "no key of"),
        ([jwk(crv="X25519")], "no key of"),
        ([jwk(NIST, crv="P-384")], "no key of"),
        ([jwk(), {"kty": "oct", "kid": "s", "k": "c2VjcmV0"}], "secret part"),
        ([json.loads(key_text(EDWARDS))], "secret part"),
        ([json.loads(key_text(NIST))], "secret part"),
        ([jwk(), {"kty": "RSA", "n": "x", "e": "AQAB", "kid": "a", "d": "x"}], "secret part"),
        ([jwk(kid=...)], "kid is missing"),
        ([jwk(kid="../x")], "kid is missing"),
        ([jwk(kid=["edwards"])], "kid is missing"),
        ([jwk(kid="k" * 33)], "kid is missing"),
        ([jwk(), jwk()], "twice"),
        ([jwk(), jwk(NIST, kid="edwards")], "twice"),
        ([jwk(alg="HS256")], "alg is not"),
        ([jwk(alg="none")], "alg is not"),
        ([jwk(alg="ES256")], "alg is not"),
        ([jwk(alg=None)], "alg is not"),
        ([jwk(NIST, alg="EdDSA")], "alg is not"),
        ([jwk(key_ops=["sign"])], "key_ops"),
        ([jwk(key_ops="verify")], "key_ops"),
        ([jwk(exp="1800000000")], "exp is not"),
        ([jwk(exp=1.5)], "exp is not"),
        ([jwk(exp=0)], "exp is not"),
        ([jwk(exp=True)], "exp is not"),
        ([jwk(x="")], "base64url of 32"),
        ([jwk(x=...)], "base64url of 32"),
        ([jwk(x=EDWARDS.public_jwk()["x"] + "=")], "base64url of 32"),
        ([jwk(NIST, y=...)], "base64url of 32"),
        ([jwk(NIST, y=NIST.public_jwk()["x"])], "no point"),
        (["key"], "not an object"),
        ([None], "not an object"),
    ],
)  # fmt: skip
def test_a_jwks_that_is_not_right_is_refused_whole(keys: list[Any], said: str) -> None:
    with pytest.raises(CallerError, match=said):
        parse_jwks(json.dumps({"keys": keys}).encode(), "keys.json")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'{"keys": {}}', b'{"keys": [], "keys": []}', b"\xff", b"[" * 5000, b" " * (JWKS_BYTES + 1)],
)  # fmt: skip
def test_what_is_no_jwks_is_refused(data: bytes) -> None:
    with pytest.raises(CallerError, match="JWKS"):
        parse_jwks(data, "keys.json")


def test_keys_for_others_are_passed_over() -> None:
    others = [{"kty": "RSA", "n": "x", "e": "AQAB", "kid": "a"}, jwk(NIST, use="enc")]
    assert list(parse_jwks(json.dumps({"keys": [*others, jwk()]}).encode(), "keys.json")) == ["edwards"]


@pytest.mark.parametrize(
    "source",
    ["http://keys.example/jwks", "http://127.0.0.1.evil.example/", "https://user:pw@keys.example/", "https://", "http://[::2]/k"],
)  # fmt: skip
def test_a_url_that_others_could_answer_for_is_refused(source: str) -> None:
    with pytest.raises(CallerError, match="JWKS"):
        check_source(source)
    with pytest.raises(CallerError, match="JWKS"):
        GatewaySettings(jwks=source)


# The file


def test_a_gateway_does_not_start_without_the_keys_it_was_given(tmp_path: Path) -> None:
    for text in (None, "", '{"keys": []}'):
        path = tmp_path / "keys.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(CallerError, match="JWKS"):
            KeyRing(None, str(path))


def write_later(path: Path, text: str) -> None:
    """So that the file's time differs, however coarse the file system's clock is."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 2_000_000_000, before + 2_000_000_000))


async def test_a_file_is_rotated_with_overlap_and_a_key_that_is_gone_ends_its_sessions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(jwks_text([EDWARDS]))
    bench = Bench(tmp_path, jwks=str(path), audit_log=tmp_path / "audit")
    await bench.start()
    gateway = bench.gateway
    old, new = (make_token(key, "raw-1", ["developer"], 600) for key in (EDWARDS, NEXT))
    async with RawPoller(bench.address) as poller, RawStream(bench.address) as raw:
        [refused] = await poller.poll(hello_frame(new))
        assert refused.code == spec.CODE_CREDENTIAL
        write_later(path, jwks_text([EDWARDS, NEXT]))
        gateway.security.look(gateway.registry)
        await poller.hello(make_token(NEXT, "other", ["developer"], 600), b"other")
        await raw.hello(old)
        gateway.registry.expire()
        assert len(gateway.registry) == 2
        write_later(path, "damaged")
        gateway.security.look(gateway.registry)
        gateway.security.look(gateway.registry)
        assert caplog.text.count("the keys known so far stay") == 1
        write_later(path, jwks_text([NEXT]))
        gateway.security.look(gateway.registry)
        gateway.registry.expire()
        assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_CREDENTIAL
        assert len(gateway.registry) == 1
        [refused] = await poller.poll(hello_frame(old))
        assert refused.code == spec.CODE_CREDENTIAL
    await bench.stop()
    said = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    rotated = [(line.get("added"), line.get("removed")) for line in said if line["what"] == "key-rotated"]
    assert rotated == [(["next"], []), ([], ["edwards"])]


async def test_a_gateway_with_public_keys_only_makes_no_tokens_and_takes_no_development_key(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(jwks_text([EDWARDS]))
    bench = Bench(tmp_path, jwks=str(tmp_path / "keys.json"))
    await bench.start()
    with pytest.raises(CallerError, match="makes none"):
        _ = bench.gateway.key
    async with RawPoller(bench.address) as poller:
        [refused] = await poller.poll(hello_frame(make_token(development_key(tmp_path), "raw-1", ["admin"], 600)))
    assert refused.code == spec.CODE_CREDENTIAL
    await bench.stop()


async def test_a_key_ends_at_its_end_and_cuts_the_life_of_its_tokens(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(jwks_text([EDWARDS], int(time.time()) + 300))
    bench = Bench(tmp_path, jwks=str(path))
    await bench.start()
    token = make_token(EDWARDS, "raw-1", ["developer"], 86400)
    async with RawPoller(bench.address) as poller:
        await poller.hello(token)
        [peer] = bench.gateway.registry.peers()
        assert peer.tenure.left_ms() <= 300_000
        write_later(path, jwks_text([EDWARDS], int(time.time()) - 1))
        bench.gateway.security.look(bench.gateway.registry)
        [refused] = await poller.poll(hello_frame(token))
    assert refused.code == spec.CODE_CREDENTIAL
    await bench.stop()


def test_the_key_files_id_may_not_stand_for_another_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [jwk(NEXT, kid="shared")]}))
    with pytest.raises(CallerError, match="another key"):
        KeyRing(SHARED.verify_key(), str(path))


# The URL


async def test_keys_are_fetched_at_the_start_and_again_when_they_are_old(server: KeyServer) -> None:
    clock = Clock()
    server.headers = {"Cache-Control": "public, max-age=600"}
    ring = await ring_of(server, clock)
    assert list(ring) == ["edwards"]
    server.keys = [EDWARDS, NEXT]
    clock.now_s += 599
    await looked(ring)
    assert server.asked == 1
    clock.now_s += 2
    await looked(ring)
    assert (server.asked, set(ring)) == (2, {"edwards", "next"})
    server.keys = [NEXT]
    clock.now_s += 601
    await looked(ring)
    assert list(ring) == ["next"]


@pytest.mark.parametrize(
    ("said", "fresh_s"), [("max-age=1", 60), ("max-age=99999999", 3600), ("no-cache", 300), ("", 300)]
)
async def test_how_long_keys_are_fresh_is_bounded(server: KeyServer, said: str, fresh_s: int) -> None:
    server.headers = {"Cache-Control": said}
    assert (await fetch_jwks(server.url)).fresh_s == fresh_s


async def test_a_token_with_a_new_key_makes_a_fetch_at_most_once_a_minute(server: KeyServer) -> None:
    clock = Clock()
    ring = await ring_of(server, clock)
    server.keys = [EDWARDS, NEXT]
    token = make_token(NEXT, "raw-1", ["developer"], 600)
    for _ in range(20):
        await ring.prepare(token)
    assert (server.asked, list(ring)) == (1, ["edwards"])  # the start was a moment ago
    clock.now_s += UNKNOWN_SPACING_S
    await asyncio.gather(*(ring.prepare(token) for _ in range(20)))
    assert (server.asked, set(ring)) == (2, {"edwards", "next"})
    for bad in ("", "x", "a.b.c", make_token(SigningKey("nobody", b"x" * 32), "raw-1", ["admin"], 60)):
        await ring.prepare(bad)
    assert server.asked == 2


async def test_a_server_that_fails_leaves_the_keys_for_a_day_and_is_complained_about(
    server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    ring = await ring_of(server, clock)
    changes: list[tuple[list[str], list[str]]] = []
    ring.on_change = lambda added, removed: changes.append((added, removed))
    for answer in (
        web.Response(status=500),
        web.Response(status=302, headers={"Location": server.url}),
        web.Response(text="<html>"),
        web.Response(text='{"keys": []}'),
        web.Response(text=" " * (JWKS_BYTES + 1)),
        web.Response(text=key_text(EDWARDS)),
    ):
        server.answer = answer
        clock.now_s += 3601
        caplog.clear()
        asked = server.asked
        await looked(ring)
        assert server.asked == asked + 1
        assert "the keys known so far stay for" in caplog.text
        assert list(ring) == ["edwards"]
        await looked(ring)
        assert server.asked == asked + 1  # not at once again
    clock.now_s += KEEP_S
    await looked(ring)
    assert not ring
    assert changes == [([], ["edwards"])]
    server.answer = None
    clock.now_s += 61
    await looked(ring)
    assert list(ring) == ["edwards"]


async def test_a_gateway_whose_url_does_not_answer_does_not_start(tmp_path: Path, server: KeyServer) -> None:
    server.answer = web.Response(status=404)
    bench = Bench(tmp_path, jwks=server.url)
    with pytest.raises(CallerError, match="answers 404"):
        await bench.start()
    await bench.gateway.security.close()
    dead = Bench(tmp_path, jwks=f"http://127.0.0.1:{free_port()}/keys.json")
    with pytest.raises(CallerError, match="cannot be fetched"):
        await dead.start()


async def test_a_body_that_is_too_large_is_not_read_to_its_end(server: KeyServer) -> None:
    server.answer = web.Response(body=b" " * (8 << 20))
    with pytest.raises(CallerError, match=f"more than {JWKS_BYTES} bytes"):
        await within(fetch_jwks(server.url))


async def test_a_server_that_never_ends_its_answer_is_given_up(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_client.gateway.jwks_fetch.TIMEOUT_S", 0.05)
    server.hold = asyncio.Event()
    with pytest.raises(CallerError, match="no answer within"):
        await within(fetch_jwks(server.url))
    server.hold.set()
    assert TIMEOUT_S <= spec.PREAUTH_MS / 1000  # else a device that waits for it would be sent away first


async def test_a_device_with_a_token_of_a_new_key_gets_in_at_its_first_hello(tmp_path: Path, server: KeyServer) -> None:
    bench = Bench(tmp_path, jwks=server.url)
    await bench.start()
    server.keys = [EDWARDS, NEXT]
    bench.gateway.security.keys._asked_s -= UNKNOWN_SPACING_S
    client = bench.client("dc-1", token=make_token(NEXT, "dc-1", ["developer"], 600))
    await within(client.connect())
    await eventually(lambda: len(bench.gateway.registry) == 1, "the session")
    await bench.stop()


# The command


def test_a_key_pair_is_made_added_to_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, public = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "a.jwks.json"
    assert main(["token", "key", "new", str(first), "--days", "30"]) == 0
    words = ["token", "key", "new", str(second), "--jwks", str(public), "--algorithm", "ES256", "--key-id", "b"]
    assert main(words) == 0
    assert stat.S_IMODE(first.stat().st_mode) == stat.S_IMODE(second.stat().st_mode) == 0o600
    keys = parse_jwks(public.read_bytes(), "a.jwks.json")
    assert [key.algorithm for key in keys.values()] == ["EdDSA", "ES256"]
    ends_s = keys[load_key(first).key_id].ends_s
    assert ends_s is not None
    assert abs(ends_s - time.time() - 30 * 86400) < 3600
    assert json.loads(key_text(load_key(first)))["d"] not in public.read_text()
    capsys.readouterr()
    for path in (first, second):
        made = ["token", "new", "--key", str(path), "--role", "viewer", "--org", "acme", "--permission", "debug"]
        assert main(made) == 0
        identity = TokenVerifier(keys).verify_token(capsys.readouterr().out.strip())
        assert identity.org == "acme"
        assert identity.permissions == {"debug"}
        assert identity.roles == {"viewer"}
    for again in (["token", "key", "new", str(first)], words):
        assert main(again) == 2
        assert "not written over" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--algorithm", "HS256"], "no public part"),
        (["--algorithm", "RS256"], "algorithm is not known"),
        (["--key-id", "a b"], "short name"),
        (["--days", "0"], "out of range"),
        (["--jwks", "bad"], "JWKS"),
    ],
)
def test_mistakes_with_key_pairs_are_told_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (tmp_path / "bad").write_text("bad")
    words = [str(tmp_path / "bad") if word == "bad" else word for word in words]
    assert main(["token", "key", "new", str(tmp_path / "k.json"), *words]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]
