"""Hostile devices inside and at the door of a session: races, floods, loops, guessed and cached ids. Nobody else notices."""

import asyncio
import contextlib
import logging
import os
import random
import struct
from collections.abc import AsyncIterator

import aiohttp
import pytest

from flight_client import Log, Payload
from flight_client.events import encode_event
from flight_client.gateway import registry
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from flight_client.wire.records import write_record
from tests.support.bench import Bench, Reader, hurry, subscribed
from tests.support.raw import (
    POLL_PATH,
    Frame,
    RawPoller,
    RawStream,
    critical_frame,
    hello_frame,
    open_frame,
)
from tests.support.waiting import eventually, within

RACERS = 100


def large(size: int) -> bytes:
    """One record with so many bytes of application data."""
    layout, body = encode_event(Payload(1, bytes(size)))
    out = bytearray(len(body) + 8)
    return bytes(out[: write_record(out, 0, layout, 0, body)])


async def last_words(raw: RawStream) -> Frame:
    """How the gateway ends a connection that it does not go on with."""
    return (await raw.to_the_end())[-1]


@contextlib.asynccontextmanager
async def raced(bench: Bench, generations: list[int]) -> AsyncIterator[tuple[list[RawStream], list[Frame]]]:
    """ATTACH on as many connections at once; the connections, and the first answer on each."""
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(RawStream(bench.address))
        session = await first.hello(bench.token())
        await first.open(1, b"log")
        await first.send(critical_frame(1, 1, 1))
        await first.expect(spec.TYPE_ACK)
        racers = [await stack.enter_async_context(RawStream(bench.address)) for _ in generations]
        frames = [session.attach_frame(generation) for generation in generations]
        await asyncio.gather(*(racer.send(frame) for racer, frame in zip(racers, frames, strict=True)))
        answers = await asyncio.gather(*(racer.frame() for racer in racers))
        assert all(answer is not None for answer in answers)
        yield racers, [answer for answer in answers if answer is not None]


@pytest.mark.parametrize("seed", [1, 2])
async def test_of_a_hundred_transports_that_attach_at_once_the_highest_generation_has_the_session(
    bench: Bench, seed: int
) -> None:
    print(f"seed {seed}")
    generations = list(range(1, RACERS + 1))
    random.Random(seed).shuffle(generations)
    async with raced(bench, generations) as (racers, answers):
        for generation, answer in zip(generations, answers, strict=True):
            if answer.kind == spec.TYPE_RESUMED:
                assert struct.unpack_from("<II", answer.payload) == (generation, 2)
            else:
                assert answer.code == spec.CODE_STALE_GENERATION
        winner = racers[generations.index(RACERS)]
        assert answers[generations.index(RACERS)].kind == spec.TYPE_RESUMED
        await winner.send(critical_frame(1, 2, 2))
        assert (await winner.expect(spec.TYPE_ACK)).ack == 3
        for racer, answer in zip(racers, answers, strict=True):
            if racer is not winner and answer.kind == spec.TYPE_RESUMED:
                assert (await last_words(racer)).code == spec.CODE_STALE_GENERATION
        [peer] = bench.gateway.registry.peers()
        assert peer.session.generation == RACERS
        assert bench.gateway.hub.counters().stored == 2
    await bench.serves()


async def test_of_a_hundred_transports_with_one_generation_one_has_the_session(bench: Bench) -> None:
    async with raced(bench, [1] * RACERS) as (racers, answers):
        kinds = [answer.kind for answer in answers]
        assert kinds.count(spec.TYPE_RESUMED) == 1
        assert {answer.code for answer in answers if answer.kind == spec.TYPE_RESET} == {spec.CODE_STALE_GENERATION}
        winner = racers[kinds.index(spec.TYPE_RESUMED)]
        await winner.send(critical_frame(1, 2, 2))
        assert (await winner.expect(spec.TYPE_ACK)).ack == 3
    await bench.serves()


async def test_ten_thousand_acknowledgements_are_answered_by_none(bench: Bench) -> None:
    """No storm: an ACK carries no number, so nothing of it has to be acknowledged, and none of them costs a frame."""
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(1, b"log", 3)
        [peer] = bench.gateway.registry.peers()
        for _ in range(20):
            await raw.send(encode_frame(spec.TYPE_ACK, 0, 0, 0, 1, bytes(4)) * 500)
        await raw.send(open_frame(2, b"more"))
        answer = await raw.frame()
        assert answer is not None
        assert (answer.kind, answer.channel) == (spec.TYPE_OPENED, 2)
        assert len(peer.session._control) == 0
    await bench.serves()


async def test_a_thousand_times_subscribed_and_left_leaves_nothing(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        [peer] = bench.gateway.registry.peers()
        for turn in range(1000):
            name = b"loop-%d" % turn
            assert (await raw.open(1, name, spec.MODE_SUBSCRIBE)).code == spec.CODE_OK
            assert (await raw.open(1, name, 0)).code == spec.CODE_OK
        assert not peer._channels
        assert not peer._ready
        assert not [name for name in bench.gateway.hub._channels if name.startswith("loop-")]
        assert peer.pipe is not None
    await bench.serves()


async def test_ten_thousand_pieces_of_one_byte_are_one_event_and_cost_its_bytes(bench: Bench) -> None:
    whole = large(9_980)
    assert len(whole) > 9_980
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), flags_sent=spec.FLAG_MORE)
        await raw.open(1, b"log")
        [peer] = bench.gateway.registry.peers()
        pieces = [
            encode_frame(
                spec.TYPE_DATA,
                spec.FLAG_BATCH | spec.FLAG_MORE,
                1,
                0,
                0,
                struct.pack("<HHI", 7, number, len(whole)) + whole[number : number + 1],
            )
            for number in range(len(whole))
        ]
        for first in range(0, len(pieces) - 1, 500):
            await raw.send(*pieces[first : min(first + 500, len(pieces) - 1)])
        await raw.open(2, b"log")  # everything before it was read
        assert len(peer._parts._lossy.buffer) == len(whole) - 1
        assert bench.gateway.hub.counters().stored == 0
        await raw.send(pieces[-1])
        await eventually(lambda: bench.gateway.hub.counters().stored == 1, "the event")
        assert len(peer._parts._lossy.buffer) == 0
    await bench.serves()


async def test_a_frame_that_never_ends_is_no_sign_of_life(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte now and then: the session's connection ends after two heartbeats, the session stays."""
    monkeypatch.setitem(registry._PROFILES, "host", {**registry._PROFILES["host"], "heartbeat_ms": 200})
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.gateway.tcp_port)
    writer.write(hello_frame(bench.token()))
    await within(reader.readexactly(16 + 88 + 4))
    frame = encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, large(5000))
    ended = asyncio.create_task(reader.read())
    sent = 0
    while not ended.done() and sent < len(frame) - 1:
        writer.write(frame[sent : sent + 1])
        sent += 1
        await asyncio.sleep(0.01)
    await within(ended)
    writer.close()
    assert sent < len(frame) - 1
    assert len(bench.gateway.registry) == 1
    await bench.serves()


# Ids of sessions


async def test_ids_of_sessions_are_the_systems_random_bytes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []
    original = os.urandom

    def watched(size: int) -> bytes:
        given.append(original(size))
        return given[-1]

    monkeypatch.setattr(os, "urandom", watched)
    ids = []
    async with RawPoller(bench.address) as poller:
        for _ in range(20):
            session = await poller.hello(bench.token())
            ids.append(session.session_id)
    assert set(ids) <= set(given)  # nothing is put into them: no counter, no time, no device
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {16}
    await bench.serves()


async def test_an_id_that_a_stranger_chose_becomes_no_session(bench: Bench) -> None:
    chosen = b"chosen by anyone"
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        for frame in (session.attach_frame(1, session_id=chosen), session.poll_frame(1, session_id=chosen)):
            [answer] = await poller.poll(frame)
            assert (answer.kind, answer.code) == (spec.TYPE_RESET, spec.CODE_UNKNOWN_SESSION)
        assert [peer.session_id for peer in bench.gateway.registry.peers()] == [session.session_id]
    await bench.serves()


async def test_no_reply_may_be_kept_by_a_proxy_and_a_get_is_none_of_ours(bench: Bench) -> None:
    url = bench.address + POLL_PATH
    async with RawPoller(bench.address) as poller, aiohttp.ClientSession() as http:
        session = await poller.hello(bench.token())
        for body in (session.poll_frame(1), session.poll_frame(2, 9), b"garbage", hello_frame("no token")):
            async with http.post(url, data=body) as answer:
                assert answer.status == 200
                assert answer.headers["Cache-Control"] == "no-store"
        async with http.get(url, params={"session": session.session_id.hex()}) as answer:
            assert answer.status == 405
    await bench.serves()


async def test_a_reply_from_a_cache_delivers_nothing_twice(bench: Bench) -> None:
    """The device's side of it: what a reply held comes again byte by byte, and every number in it is an old one."""
    host = await bench.connected("host-1")
    device = hurry(bench.client("device-1", "polling", long_poll=False))
    device._session.profile.update_interval_ms = 20
    await within(device.connect())
    reader = Reader(device.events("log", channels=["news"]))
    await subscribed(device)
    transport = device._driver._transport
    assert transport is not None
    send, replies = transport.send, []

    async def kept(body: bytes) -> bytes:
        replies.append(await send(body))
        return replies[-1]

    transport.send = kept  # type: ignore[method-assign]
    assert host.channel("news").emit(Log("once"), critical=True).accepted
    [event] = await reader.take(1)
    assert event.data == Log("once")
    [old] = [reply for reply in replies if b"once" in reply]
    cached = [old]

    async def from_the_cache(body: bytes) -> bytes:
        return cached.pop() if cached else await send(body)

    transport.send = from_the_cache  # type: ignore[method-assign]
    assert device.channel("up").emit(Log("poll now"), critical=True).accepted
    await eventually(lambda: not cached, "the reply from the cache")
    assert host.channel("news").emit(Log("twice"), critical=True).accepted
    [event] = await reader.take(1, 20)
    assert event.data == Log("twice")
    assert await device.flush(20)
    assert device.counters().delivered == 2


async def test_no_id_token_or_proof_reaches_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = bench.token()
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(token)
        await poller.poll(session.poll_frame(1), open_frame(1, b"log"))
        await poller.poll(session.poll_frame(1, proof=bytes(16)))
        await poller.poll(session.attach_frame(1, session_id=b"y" * 16))
        await poller.poll(session.attach_frame(1))
        await poller.poll(session.poll_frame(2, 1), critical_frame(1, 9, 0))  # ends it, in words
    said = "\n".join(entry.getMessage() + repr(entry.args) for entry in caplog.records)
    assert session.short_id.decode() in said
    proof = session.attach_frame(1)[-20:-4]
    for secret in (session.session_id, proof, b"y" * 16):
        assert secret.hex() not in said
        assert repr(secret)[2:-1] not in said
    assert token not in said
    assert token.split(".")[2] not in said
