"""What the holders of one token may take of a gateway: channel names and sessions."""

from pathlib import Path

from flight_client.gateway.auth import make_token
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import Frame, RawPoller, hello_frame, open_frame, record

PUBLISH, SUBSCRIBE = spec.MODE_PUBLISH, spec.MODE_SUBSCRIBE


def new(bench: Bench, subject: str, org: str = "", life_s: int = 600) -> str:
    return make_token(bench.gateway.key, subject, ["developer"], life_s, org=org)


async def opened(bench: Bench, token: str, device: bytes, names: list[str], mode: int = PUBLISH) -> list[int]:
    """The codes with which a new session of the device opens these channels."""
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(token, device)
        opens = [open_frame(number, name.encode(), mode) for number, name in enumerate(names, 1)]
        frames = await poller.poll(session.poll_frame(1), *opens)
    return [frame.code for frame in frames if frame.kind == spec.TYPE_OPENED]


async def test_the_holders_of_a_token_share_their_names_and_others_have_theirs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, channels=20, channels_per_token=8)
    await bench.start()
    ok, full = spec.CODE_OK, spec.CODE_TOO_MANY
    names = [f"n-{number}" for number in range(10)]
    assert await opened(bench, new(bench, "a-*"), b"a-1", names) == [ok] * 8 + [full] * 2
    # Neither another device, nor another session, nor another token of that subject has more.
    assert await opened(bench, new(bench, "a-*", life_s=900), b"a-2", ["other"]) == [full]
    assert await opened(bench, new(bench, "a-*"), b"a-1", names) == [ok] * 8 + [full] * 2
    assert await opened(bench, new(bench, "a-*"), b"a-1", ["other"], SUBSCRIBE) == [full]
    # Others open what is there, and have names of their own.
    assert await opened(bench, new(bench, "b-*"), b"b-1", names) == [ok] * 10
    assert await opened(bench, new(bench, "a-*", "acme"), b"a-1", names[:8]) == [ok] * 8
    assert len(bench.gateway.hub.channels()) == 18
    await bench.stop()


async def test_names_that_were_only_listened_to_come_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, channels_per_token=3)
    await bench.start()
    for turn in range(5):
        names = [f"turn-{turn}-{number}" for number in range(3)]
        assert await opened(bench, new(bench, "a"), b"a", names, SUBSCRIBE) == [spec.CODE_OK] * 3
    assert len(bench.gateway.hub.channels()) == 3  # of the session that is still there
    await bench.stop()


async def test_the_refusal_counts_nothing_of_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path, channels=2)
    await bench.start()
    assert await opened(bench, new(bench, "a", "acme"), b"a", ["one", "two"]) == [spec.CODE_OK] * 2
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(new(bench, "b"), b"b")
        frames = await poller.poll(session.poll_frame(1), open_frame(1, b"three"))
        [answer] = [frame for frame in frames if frame.kind == spec.TYPE_OPENED]
    assert answer.code == spec.CODE_TOO_MANY
    assert b"acme" not in answer.payload
    await bench.stop()


async def hello(poller: RawPoller, token: str, device: bytes) -> Frame:
    [answer] = await poller.poll(hello_frame(token, device))
    return answer


async def test_the_sessions_of_one_subject_are_bounded_and_end_with_their_sessions(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sessions_per_token=3)
    await bench.start()
    async with RawPoller(bench.address) as poller:
        for number in range(3):
            assert (await hello(poller, new(bench, "a-*"), b"a-%d" % number)).kind == spec.TYPE_WELCOME
        for token in (new(bench, "a-*"), new(bench, "a-*", life_s=900)):
            answer = await hello(poller, token, b"a-4")
            assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_TOO_MANY)
        assert (await hello(poller, new(bench, "b-*"), b"b-1")).kind == spec.TYPE_WELCOME
        assert (await hello(poller, new(bench, "a-*", "acme"), b"a-4")).kind == spec.TYPE_WELCOME
        # A device that comes anew replaces its own session.
        assert (await hello(poller, new(bench, "a-*"), b"a-0")).kind == spec.TYPE_WELCOME
        [gone] = [peer for peer in bench.gateway.registry.peers() if peer.source.device_id == "a-2"]
        bench.gateway.registry.drop(gone, spec.CODE_OK)
        assert (await hello(poller, new(bench, "a-*"), b"a-4")).kind == spec.TYPE_WELCOME
    for peer in bench.gateway.registry.peers():
        bench.gateway.registry.drop(peer, spec.CODE_OK)
    assert not bench.gateway.registry._by_holder
    await bench.stop()


async def test_a_channel_that_was_not_opened_takes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(new(bench, "a"), b"a")
        frames = await poller.poll(
            session.poll_frame(1), encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 7, 0, 0, record())
        )
    [refused] = [frame for frame in frames if frame.kind == spec.TYPE_REFUSED]
    assert refused.payload[4] == spec.CODE_UNKNOWN_CHANNEL
    assert bench.gateway.hub.channels() == []
    await bench.stop()
