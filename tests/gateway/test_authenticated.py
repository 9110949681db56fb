"""Frames with authentication tags against a real gateway: what is right is taken, and nothing else ever is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client.errors import TagError
from flight_client.proof import client_key, gateway_key
from flight_client.session import spec
from flight_client.wire.frames import FrameReader, encode_frame
from flight_client.wire.tags import DOWN, UP, FrameTags
from tests.support.bench import Bench, hurry
from tests.support.raw import (
    NONCE,
    Frame,
    RawPoller,
    RawStream,
    Session,
    critical_frame,
    frames_of,
    hello_frame,
    lossy_frame,
    of_kind,
    open_frame,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
DEVICE = b"keyed-1"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A gateway that has a key of one device."""
    path = tmp_path / "device-keys"
    path.write_text(f"# a console\n{DEVICE.decode()} {KEY.hex()}\n")
    path.chmod(0o600)
    made = Bench(tmp_path, device_keys=path)
    await made.start()
    yield made
    await made.stop()


def opened(session: Session, frame: Frame, generation: int = 0) -> bytes:
    """The payload of a frame of the gateway, whose tag must be right."""
    assert frame.flags & spec.FLAG_AUTHENTICATED
    assert session.key.tags is not None
    data = encode_frame(frame.kind, frame.flags, frame.channel, frame.seq, frame.ack, frame.payload)
    reader = FrameReader(spec.FLAGS_PLAIN | spec.FLAG_AUTHENTICATED)
    reader.feed(data)
    assert reader.next()
    session.key.tags.check(generation, reader)
    return data[reader.start : reader.end]


async def greeted(raw: RawStream, bench: Bench) -> Session:
    session = await raw.hello(bench.token(), DEVICE, device_key=KEY)
    await raw.send(session.tagged(open_frame(1, b"log")))
    answer = await raw.expect(spec.TYPE_OPENED)
    assert opened(session, answer)[0] == spec.CODE_OK
    return session


def stored(bench: Bench) -> int:
    return bench.gateway.hub.counters().stored


def forged(bench: Bench) -> int:
    return bench.gateway.registry.counters.forged


async def test_every_frame_of_a_session_has_its_tag_in_both_directions(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.send(hello_frame(bench.token(), DEVICE, auth=spec.AUTH_HMAC))
        welcome = await raw.expect(spec.TYPE_WELCOME)
        session = Session(bench.token(), welcome.payload, KEY)
        assert opened(session, welcome)[86] == spec.AUTH_HMAC
        await raw.send(session.tagged(open_frame(1, b"log")))
        assert opened(session, await raw.expect(spec.TYPE_OPENED))[0] == spec.CODE_OK
        await raw.send(session.tagged(critical_frame(1, 1, 1)))
        ack = await raw.expect(spec.TYPE_ACK)
        opened(session, ack)
        assert ack.ack == 2
    async with RawStream(bench.address) as raw:
        await raw.send(session.attach_frame(1))
        resumed = await raw.expect(spec.TYPE_RESUMED)
        with pytest.raises(TagError):
            opened(session, resumed, 0)
        opened(session, resumed, 1)
    assert (stored(bench), forged(bench)) == (1, 0)


def bad_tags(session: Session) -> dict[str, bytes]:
    """One critical frame in every wrong form."""
    plain = critical_frame(1, 1, 1)
    good = session.tagged(plain)
    other = client_key(OTHER_KEY)
    other.begin(b"x", NONCE, b"another.")
    echo = FrameTags(DOWN, UP)
    echo.begin(session.key._key)
    [whole] = frames_of(plain)
    fields = (whole.kind, whole.flags, whole.channel, whole.seq, whole.ack)
    flags = whole.flags | spec.FLAG_AUTHENTICATED
    assert other.tags is not None
    return {
        "none": plain,
        "one bit of the tag": good[:-1] + bytes((good[-1] ^ 1,)),
        "one bit of the payload": good[:-12] + bytes((good[-12] ^ 4,)) + good[-11:],
        "another key": other.tags.encode(0, *fields, whole.payload),
        "the other direction": echo.encode(0, *fields, whole.payload),
        "another generation": session.tagged(plain, 1),
        "of another header": encode_frame(*(fields[0], flags, 1, 1, 1), good[16:]),
        "cut by a byte": encode_frame(fields[0], flags, 1, 1, 0, good[16:-1]),
        "nothing but a part of it": encode_frame(fields[0], flags, 1, 1, 0, good[-4:]),
        "an empty payload": encode_frame(fields[0], flags, 1, 1, 0, b""),
        "twice": encode_frame(fields[0], flags, 1, 1, 0, good[16:] + good[-8:]),
        "zeros": encode_frame(fields[0], flags, 1, 1, 0, whole.payload + bytes(8)),
    }


WRONG = (
    "none", "one bit of the tag", "one bit of the payload", "another key", "the other direction", "another generation",
    "of another header", "cut by a byte", "nothing but a part of it", "an empty payload", "twice", "zeros",
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_tag_ends_the_transport_and_not_the_session(bench: Bench, wrong: str) -> None:
    async with RawStream(bench.address) as raw:
        session = await greeted(raw, bench)
        await raw.send(bad_tags(session)[wrong])
        close = await raw.expect(spec.TYPE_CLOSE)
        assert opened(session, close)[0] == spec.CODE_MALFORMED
    assert (stored(bench), forged(bench)) == (0, 1)
    async with RawStream(bench.address) as raw:
        await raw.send(session.attach_frame(1))
        await raw.expect(spec.TYPE_RESUMED)
        session.generation = 1
        await raw.send(session.tagged(critical_frame(1, 1, 1)))
        assert (await raw.expect(spec.TYPE_ACK)).ack == 2
    assert stored(bench) == 1


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_tag_in_a_polling_request_does_not_reach_the_session(bench: Bench, wrong: str) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token(), DEVICE, device_key=KEY)
        await poller.poll(session.poll_frame(1), session.tagged(open_frame(1, b"log")))
        [close] = await poller.poll(session.poll_frame(2), bad_tags(session)[wrong])
        assert (close.kind, close.code) == (spec.TYPE_CLOSE, spec.CODE_MALFORMED)
        assert (stored(bench), forged(bench)) == (0, 1)
        answers = await poller.poll(session.poll_frame(3), session.tagged(critical_frame(1, 1, 1)))
    assert answers[-1].ack == 2


async def test_a_recorded_frame_is_worth_nothing_on_a_later_transport(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        session = await greeted(raw, bench)
        recorded = session.tagged(lossy_frame(1))
        await raw.send(recorded, session.tagged(critical_frame(1, 1, 1)))
        await raw.expect(spec.TYPE_ACK)
    assert stored(bench) == 2
    async with RawStream(bench.address) as raw:
        await raw.send(session.attach_frame(1))
        await raw.expect(spec.TYPE_RESUMED)
        await raw.send(recorded)
        await raw.expect(spec.TYPE_CLOSE)
    assert (stored(bench), forged(bench)) == (2, 1)


async def test_a_repeated_frame_of_the_same_transport_is_stored_once(bench: Bench) -> None:
    """Somebody on the line records a lossy frame and sends it again behind it."""
    async with RawStream(bench.address) as raw:
        session = await greeted(raw, bench)
        recorded, other = session.tagged(lossy_frame(1)), session.tagged(lossy_frame(1))
        assert recorded != other  # though both say the same
        await raw.send(recorded, other, session.tagged(critical_frame(1, 1, 1)))
        await raw.expect(spec.TYPE_ACK)
        assert stored(bench) == 3
        await raw.send(recorded)
        await raw.expect(spec.TYPE_CLOSE)
    assert (stored(bench), forged(bench)) == (3, 1)
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token(), DEVICE, device_key=KEY)
        await poller.poll(session.poll_frame(1), session.tagged(open_frame(1, b"log")))
        request, recorded = session.poll_frame(2), session.tagged(lossy_frame(1))
        await poller.poll(request, recorded)
        again = await poller.poll(request, recorded)  # a proxy that tries again: answered, not stored
        assert of_kind(again, spec.TYPE_ACK)
        [close] = await poller.poll(session.poll_frame(3), recorded)  # behind another POLL
        assert (close.kind, close.code) == (spec.TYPE_CLOSE, spec.CODE_MALFORMED)
        await poller.poll(session.poll_frame(4), session.tagged(lossy_frame(1)))
    assert (stored(bench), forged(bench)) == (5, 2)


async def test_attach_and_poll_need_their_tags_too(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        session = await greeted(raw, bench)
    [attach] = frames_of(session.attach_frame(1))
    bare = encode_frame(spec.TYPE_ATTACH, spec.FLAG_CHECKED, 0, 0, 0, attach.payload[:40])
    later = bytearray(attach.payload)
    later[20] += 1  # the next expected number: frames would be skipped
    changed = encode_frame(spec.TYPE_ATTACH, attach.flags, 0, 0, 0, bytes(later))
    for frame in (bare, changed):
        async with RawStream(bench.address) as raw:
            await raw.send(frame)
            assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_MALFORMED
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token(), DEVICE, device_key=KEY)
        [poll] = frames_of(session.poll_frame(1))
        more = encode_frame(spec.TYPE_POLL, poll.flags, 0, 0, 1, poll.payload)  # another acknowledgement
        bare = encode_frame(spec.TYPE_POLL, spec.FLAG_CHECKED, 0, 0, 0, poll.payload[:40])
        for frame in (more, bare):
            [close] = await poller.poll(frame)
            assert close.kind == spec.TYPE_CLOSE
    assert forged(bench) == 4


async def test_a_tag_where_none_was_agreed_on_is_malformed(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        session = await raw.hello(bench.token())
        with_key = Session(bench.token(), session.session_id + bytes(72), KEY)
        await raw.send(with_key.tagged(open_frame(1, b"log")))
        assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_MALFORMED
    [attach] = frames_of(session.attach_frame(1))
    tagged = encode_frame(spec.TYPE_ATTACH, attach.flags | spec.FLAG_AUTHENTICATED, 0, 0, 0, attach.payload + bytes(8))
    tagged_hello = encode_frame(
        spec.TYPE_HELLO, spec.FLAG_CHECKED | spec.FLAG_AUTHENTICATED, 0, 0, 0, frames_of(hello_frame("t"))[0].payload
    )
    for frame in (tagged, tagged_hello):
        async with RawStream(bench.address) as raw:
            await raw.send(frame)
            assert (await raw.expect(spec.TYPE_CLOSE)).code == spec.CODE_MALFORMED
    await bench.serves()


async def test_a_device_with_a_key_must_use_it_and_one_without_cannot(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        [answer] = await poller.poll(hello_frame(bench.token(), DEVICE))
        assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_FORBIDDEN)
        [answer] = await poller.poll(hello_frame(bench.token(), b"keyless", auth=spec.AUTH_HMAC))
        assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_UNSUPPORTED)


async def test_a_client_with_its_key_delivers_and_resumes(bench: Bench, transport: str) -> None:
    from flight_client import Log

    tool, reader = await bench.tool("log", channels=["log"])
    client = hurry(await bench.connected(DEVICE.decode(), transport, device_key=KEY.hex()))
    for number in range(3):
        assert client.channel("log").emit(Log(f"{number}"), critical=True).accepted
        assert await client.flush(10)
    client._driver._link_failed(client._driver._transport, TagError("cut"))  # type: ignore[arg-type]
    for number in range(3, 6):
        assert client.channel("log").emit(Log(f"{number}"), critical=True).accepted
    assert await client.flush(10)
    assert [event.data for event in await reader.take(6)] == [Log(f"{number}") for number in range(6)]
    assert forged(bench) == 0
    assert client.counters().reconnects == 1
    assert tool.counters().reconnects == 0


async def test_both_ends_derive_the_same_key_and_another_device_key_another_one() -> None:
    ends = [client_key(KEY), gateway_key(KEY), client_key(OTHER_KEY), client_key(None)]
    for end in ends:
        end.begin(b"token", b"12345678", b"87654321")
    assert ends[0]._key == ends[1]._key
    assert len({end._key for end in ends}) == 3
    assert KEY.hex() not in repr(ends[0])
