"""What a real gateway grants on HELLO, and that it keeps to it. Driven frame by frame."""

import pytest

from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import RawPoller, RawStream, critical_frame, hello_frame, lossy_frame, record


def number(payload: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(payload[at : at + size], "little")


async def test_welcome_names_windows_limits_and_the_rest_of_the_tokens_life(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        [welcome] = await poller.poll(hello_frame(bench.token(), platform=b"vita", platform_number=3, client_type=1))
    assert number(welcome.payload, 52, 2) == 16
    assert number(welcome.payload, 72) == 16 * 4096
    assert 0 < number(welcome.payload, 76) <= spec.TOKEN_EXPIRES_MS
    assert welcome.payload[86:] == bytes(2)


@pytest.mark.parametrize(("lanes", "auth"), [(4, 0), (0x83, 0), (3, 1), (3, 200)])
async def test_lanes_and_authentication_that_are_not_there_are_refused(bench: Bench, lanes: int, auth: int) -> None:
    async with RawPoller(bench.address) as poller:
        [answer] = await poller.poll(hello_frame(bench.token(), lanes=lanes, auth=auth))
    assert (answer.kind, answer.payload[0]) == (spec.TYPE_CLOSE, spec.CODE_UNSUPPORTED)
    assert "lanes" in answer.text
    await bench.serves()


@pytest.mark.parametrize(("lanes", "critical"), [(2, True), (1, False), (0, True), (0, False)])
async def test_a_batch_on_a_lane_that_was_not_asked_for_ends_the_session(
    bench: Bench, lanes: int, critical: bool
) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), lanes=lanes)
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 1, 1) if critical else lossy_frame(1))
        close = await raw.expect(spec.TYPE_CLOSE)
    assert close.payload[0] == spec.CODE_MALFORMED
    assert "lane" in close.text


async def test_bits_that_nobody_knows_are_offered_in_vain(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        [welcome] = await poller.poll(hello_frame(bench.token(), flags_read=0xA3, flags_sent=0xB3))
    assert welcome.kind == spec.TYPE_WELCOME
    assert welcome.payload[84:86] == bytes(2)


@pytest.mark.parametrize("flag", [spec.FLAG_DELTA, spec.FLAG_MORE, spec.FLAG_COMPRESSED])
async def test_a_flag_that_was_not_agreed_on_ends_the_session(bench: Bench, flag: int) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), flags_read=0xFF)
        await raw.open(1, b"log")
        await raw.send(encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH | flag, 1, 0, 0, record()))
        assert (await raw.expect(spec.TYPE_CLOSE)).payload[0] == spec.CODE_MALFORMED
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        frame = encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH | flag, 1, 0, 0, record())
        answers = await poller.poll(session.poll_frame(1) + frame)
        assert answers[0].payload[0] == spec.CODE_MALFORMED
    await bench.serves()
