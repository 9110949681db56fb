"""The token of a running session: renewed in band, ended, revoked; judged by the gateway's own clock."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client import ConnectionState, Log
from flight_client.errors import RefusedError
from flight_client.gateway.auth import Identity, SigningKey, TokenVerifier, make_token
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench, hurry
from tests.support.raw import Frame, RawPoller, RawStream, critical_frame, lossy_frame, open_frame
from tests.support.waiting import eventually, within

LIFE_S = 600
GRACE_S = spec.TOKEN_GRACE_MS / 1000


class Hands(Bench):
    """A gateway whose clock is moved by hand, and whose tokens can be revoked."""

    shift_s = 0.0

    def wall_s(self) -> float:
        return time.time() + self.shift_s

    async def start(self) -> None:
        await super().start()
        registry = self.gateway.registry
        self.revoked: set[str] = set()
        registry._wall_s = self.wall_s
        registry._verify_signed = TokenVerifier([self.gateway.key], clock_s=self.wall_s).verify_token
        registry._revoked = self.is_revoked

    def is_revoked(self, identity: Identity) -> bool:
        return identity.subject in self.revoked

    def new(
        self, subject: str = "raw-1", life_s: int = LIFE_S, roles: tuple[str, ...] = ("publish", "subscribe")
    ) -> str:
        return make_token(self.gateway.key, subject, roles, life_s, clock_s=self.wall_s)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Hands]:
    made = Hands(tmp_path)
    await made.start()
    yield made
    await made.stop()


def token_frame(token: str, **other: int) -> bytes:
    secret = token.encode()
    return encode_frame(spec.TYPE_TOKEN, 0, 0, 0, 0, other.get("size", len(secret)).to_bytes(2, "little") + secret)


async def renew(raw: RawStream, token: str) -> Frame:
    await raw.send(token_frame(token))
    return await raw.expect(spec.TYPE_RENEWED)


def left_ms(frame: Frame) -> int:
    return int.from_bytes(frame.payload[4:8], "little")


async def test_a_new_token_is_accepted_and_its_life_is_told(bench: Hands) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new())
        bench.shift_s = 300
        answer = await renew(raw, bench.new(life_s=3600))
        assert answer.payload[0:2] == bytes((spec.CODE_OK, 0))
        assert 3_590_000 < left_ms(answer) <= 3_600_000
        assert answer.seq == 0
        bench.shift_s = 700  # behind the end of the first
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 1, 1))
        assert (await raw.expect(spec.TYPE_ACK)).ack == 2
    await bench.serves()


async def refused(bench: Hands, token: str) -> Frame:
    """The answer to this token; the session goes on with its own."""
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new())
        answer = await renew(raw, token)
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 1, 1))
        assert (await raw.expect(spec.TYPE_ACK)).ack == 2
    assert left_ms(answer) == 0
    return answer


async def test_what_is_no_new_token_of_this_device_is_refused(bench: Hands) -> None:
    foreign = SigningKey("other", bytes(32))
    expired = make_token(bench.gateway.key, "raw-1", ["publish"], 60, clock_s=lambda: time.time() - 100)
    cases = {
        bench.new("raw-2"): spec.CODE_FORBIDDEN,
        bench.new("*"): spec.CODE_FORBIDDEN,
        bench.new("raw-*"): spec.CODE_FORBIDDEN,
        bench.new(life_s=60): spec.CODE_FORBIDDEN,  # an older one, recorded and sent again
        expired: spec.CODE_EXPIRED_TOKEN,
        make_token(foreign, "raw-1", ["publish"], 3600): spec.CODE_CREDENTIAL,
        "": spec.CODE_CREDENTIAL,
        "x" * 480: spec.CODE_CREDENTIAL,
        "a.b.c\x00": spec.CODE_CREDENTIAL,
        "ä": spec.CODE_CREDENTIAL,
    }
    for token, code in cases.items():
        assert (await refused(bench, token)).code == code, token
    bench.revoked.add("gone")
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new("raw-1"))
        bench.revoked.add("raw-1")
        assert (await renew(raw, bench.new("raw-1", 3600))).code == spec.CODE_CREDENTIAL
        bench.revoked.clear()
    await bench.serves()


@pytest.mark.parametrize("frame", [encode_frame(spec.TYPE_TOKEN, 0, 0, 0, 0, body) for body in (
    b"", b"\1", b"\1\0", b"\1\0ab", b"\xff\xff" + b"x" * 600, (481).to_bytes(2, "little") + b"x" * 481)])  # fmt: skip
async def test_a_malformed_token_frame_ends_the_session(bench: Hands, frame: bytes) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new())
        await raw.send(frame)
        assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_MALFORMED


async def test_a_storm_of_tokens_is_not_looked_at_and_then_ended(bench: Hands) -> None:
    looked = []
    verify = bench.gateway.registry._verify_signed

    def look(token: str) -> Identity:
        looked.append(token)
        return verify(token)

    bench.gateway.registry._verify_signed = look
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new())
        looked.clear()
        bench.gateway.registry.clock = lambda: 1000  # no time passes
        await raw.send(*[token_frame(bench.new(life_s=3600 + n)) for n in range(200)])
        frames = await raw.to_the_end()
    answers = [frame.code for frame in frames if frame.kind == spec.TYPE_RENEWED]
    assert len(looked) == 1
    assert frames[-1].kind == spec.TYPE_CLOSE
    assert frames[-1].code == spec.CODE_TOO_MANY
    assert set(answers[1:]) <= {spec.CODE_TOO_MANY}
    assert len(answers) <= 17


async def test_a_token_of_fewer_rights_closes_what_it_does_not_allow(bench: Hands) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new())
        await raw.open(1, b"log")
        await raw.open(2, b"other", 2)
        answer = await renew(raw, bench.new(life_s=3600, roles=("subscribe",)))
        assert answer.code == spec.CODE_OK
        opened = await raw.expect(spec.TYPE_OPENED)
        assert (opened.channel, opened.code, opened.payload[1]) == (1, spec.CODE_FORBIDDEN, 0)
        await raw.send(lossy_frame(1))
        assert (await raw.expect(spec.TYPE_REFUSED)).payload[4] == spec.CODE_UNKNOWN_CHANNEL
        assert bench.gateway.hub.subscribers() == 1


async def test_at_the_end_nothing_is_delivered_or_stored_and_a_new_token_brings_it_all(bench: Hands) -> None:
    device = await bench.connected("healthy")
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.new())
        await raw.open(1, b"log", 3)
        bench.shift_s = LIFE_S + 1
        assert device.channel("log").emit(Log("withheld"), critical=True).accepted
        assert await device.flush(10)
        told = await raw.expect(spec.TYPE_RENEWED)
        assert told.payload[:8] == bytes((spec.CODE_EXPIRED_TOKEN, 1, 0, 0, 0, 0, 0, 0))
        stored = bench.gateway.hub.counters().stored
        await raw.send(critical_frame(1, 1, 1), lossy_frame(1), open_frame(2, b"late"))
        answer = await raw.frame()
        assert answer is not None
        assert (answer.kind, answer.ack) == (spec.TYPE_OPENED, 1)
        assert bench.gateway.hub.counters().stored == stored
        assert (await renew(raw, bench.new())).code == spec.CODE_OK
        kinds = {}
        while spec.TYPE_DELIVER not in kinds or spec.TYPE_REFUSED not in kinds:
            frame = await raw.frame()
            assert frame is not None
            kinds[frame.kind] = frame
        assert kinds[spec.TYPE_REFUSED].payload[4] == spec.CODE_EXPIRED_TOKEN
        await raw.send(critical_frame(1, 1, 1))
        await eventually(lambda: bench.gateway.hub.counters().stored == stored + 1, "the critical frame")


async def test_the_grace_outlives_transports_and_then_the_session_ends(bench: Hands) -> None:
    async with RawStream(bench.address) as raw:
        session = await raw.hello(bench.new())
        bench.shift_s = LIFE_S + 1
        await raw.send(open_frame(1, b"log"))
        assert (await raw.expect(spec.TYPE_RENEWED)).payload[1] == 1
    bench.gateway.registry.expire()
    async with RawStream(bench.address) as raw:
        await raw.send(session.attach_frame(1))
        await raw.expect(spec.TYPE_RESUMED)
        assert (await raw.expect(spec.TYPE_RENEWED)).payload[1] == 1
        bench.shift_s = LIFE_S + GRACE_S - 1
        bench.gateway.registry.expire()
        assert len(bench.gateway.registry) == 1
        bench.shift_s = LIFE_S + GRACE_S + 1
        bench.gateway.registry.expire()
        assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_EXPIRED_TOKEN
    assert len(bench.gateway.registry) == 0


async def test_a_revoked_token_ends_its_session_without_a_grace(bench: Hands) -> None:
    async with RawPoller(bench.address) as poller, RawStream(bench.address) as raw:
        await poller.hello(bench.new("other"), b"other")
        await raw.hello(bench.new())
        bench.revoked.add("raw-1")
        bench.gateway.registry.expire()
        assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_CREDENTIAL
    assert len(bench.gateway.registry) == 1
    assert bench.gateway.registry.counters.revoked == 1


async def test_a_client_goes_on_over_many_tokens(bench: Hands, transport: str) -> None:
    given = []

    async def source() -> str:
        given.append(bench.new("d-1", 4))
        return given[-1]

    tool, reader = await bench.tool("log", channels=["log"])
    client = await bench.connected("d-1", transport, token=source)
    for number in range(9):
        assert client.channel("log").emit(Log(f"{number}"), critical=True).accepted
        assert await within(client.flush(30), 40)
        bench.shift_s += 1.0
        await eventually(lambda: client.state is ConnectionState.CONNECTED, "the connection")
    assert [event.data for event in await reader.take(9)] == [Log(f"{number}") for number in range(9)]
    assert tool.state is ConnectionState.CONNECTED


async def test_expired_is_fatal_for_a_fixed_token_and_not_for_a_source(bench: Hands, transport: str) -> None:
    old = make_token(bench.gateway.key, "d-1", ["publish"], 60, clock_s=lambda: time.time() - 100)
    fixed = bench.client("d-1", transport, token=old)
    with pytest.raises(RefusedError) as caught:
        await within(fixed.connect())
    assert caught.value.code == spec.CODE_EXPIRED_TOKEN
    tokens = [old, bench.new("d-1")]
    hurried = hurry(bench.client("d-1", transport, token=lambda: tokens.pop(0)))
    await within(hurried.connect())
    assert tokens == []
    stale = hurry(bench.client("d-2", transport, token=lambda: old))
    with pytest.raises(RefusedError):
        await within(stale.connect())
