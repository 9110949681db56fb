"""Polling requests of a real gateway: bodies, proofs, numbers, two at a time, and the change of transport."""

import asyncio
import zlib
from collections.abc import AsyncIterator

import pytest

from flight_client import Log, Payload
from flight_client.gateway.engines import Batch
from flight_client.gateway.engines.base import OnResult
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import (
    RawPoller,
    RawStream,
    critical_frame,
    frames_of,
    hello_frame,
    lossy_frame,
    of_kind,
    open_frame,
)
from tests.support.waiting import eventually, within


async def test_an_empty_poll_body_is_refused(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        [answer] = await poller.poll(b"")
    assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_MALFORMED)
    assert answer.text == "an empty request"
    await bench.serves()


async def test_a_poll_body_over_the_limit_is_refused_with_the_limit(bench: Bench) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(8192)

    async with RawPoller(bench.address) as poller:
        for body in (bytes(spec.POLL_BODY_BYTES + 1), pieces()):  # with and without its length
            status, text = await poller.request(body)
            assert status == 413
            assert str(spec.POLL_BODY_BYTES).encode() in text
        status, _ = await poller.request(hello_frame(bench.token()) + bytes(spec.POLL_BODY_BYTES - 700))
        assert status == 200
    await bench.serves()


async def test_a_compressed_body_is_never_unpacked(bench: Bench) -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    assert len(bomb) < spec.POLL_BODY_BYTES
    async with RawPoller(bench.address) as poller:
        status, body = await poller.request(bomb, headers={"Content-Encoding": "deflate"})
    assert status == 200
    assert frames_of(body)[0].code == spec.CODE_MALFORMED
    await bench.serves()


async def test_a_poll_with_a_foreign_id_a_wrong_proof_or_an_old_generation_is_reset(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        other = await poller.hello(bench.token(), b"raw-2")
        tries = {
            spec.CODE_UNKNOWN_SESSION: session.poll_frame(1, session_id=b"x" * 16),
            spec.CODE_PROOF: session.poll_frame(1, session_id=other.session_id),
            spec.CODE_STALE_GENERATION: session.poll_frame(1, 5),
        }
        for code, frame in tries.items():
            [answer] = await poller.poll(frame, lossy_frame(1))
            assert (answer.kind, answer.code) == (spec.TYPE_RESET, code)
        [answer] = await poller.poll(session.poll_frame(1, proof=bytes(16)))
        assert (answer.kind, answer.code) == (spec.TYPE_RESET, spec.CODE_PROOF)
        assert bench.gateway.registry.counters.resets == 4
        opened = await poller.poll(session.poll_frame(1), open_frame(1, b"log"))  # the owner was not disturbed
        assert of_kind(opened, spec.TYPE_OPENED)
    await bench.serves()


async def test_attach_with_a_foreign_id_a_wrong_proof_or_an_old_generation_is_reset(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        tries = [
            (spec.CODE_UNKNOWN_SESSION, session.attach_frame(1, session_id=b"x" * 16)),
            (spec.CODE_PROOF, session.attach_frame(1, proof=b"y" * 16)),
            (spec.CODE_STALE_GENERATION, session.attach_frame(0)),
        ]
        for code, frame in tries:
            async with RawStream(bench.address) as raw:
                await raw.send(frame)
                answer = await raw.expect(spec.TYPE_RESET)
                assert answer.code == code
        async with RawStream(bench.address) as raw:
            await raw.send(session.attach_frame(3))
            assert int.from_bytes((await raw.expect(spec.TYPE_RESUMED)).payload[:4], "little") == 3
            [stale] = await poller.poll(session.poll_frame(1))
            assert (stale.kind, stale.code) == (spec.TYPE_RESET, spec.CODE_STALE_GENERATION)
            async with RawStream(bench.address) as late:
                await late.send(session.attach_frame(2))
                assert (await late.expect(spec.TYPE_RESET)).code == spec.CODE_STALE_GENERATION
            await raw.open(1, b"log")
    await bench.serves()


async def test_attach_with_an_impossible_number_ends_the_session(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        session = await raw.hello(bench.token())
        async with RawStream(bench.address) as second:
            await second.send(session.attach_frame(1, 99))
            assert (await second.expect(spec.TYPE_RESET)).code == spec.CODE_UNKNOWN_SESSION
    assert len(bench.gateway.registry) == 0
    await bench.serves()


async def test_a_newer_transport_ends_the_older_one(bench: Bench) -> None:
    async with RawStream(bench.address) as old, RawStream(bench.address) as new:
        session = await old.hello(bench.token())
        await old.open(1, b"log")
        await new.send(session.attach_frame(1))
        await new.expect(spec.TYPE_RESUMED)
        assert (await old.to_the_end())[-1].code == spec.CODE_STALE_GENERATION
        await new.send(critical_frame(1, 1, 1))
        assert (await new.expect(spec.TYPE_ACK)).ack == 2
    await bench.serves()


async def test_a_repeated_poll_is_answered_again_and_its_lossy_events_count_once(bench: Bench) -> None:
    device = await bench.connected("bench-1")
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        await poller.poll(session.poll_frame(1), open_frame(1, b"log", 3), open_frame(2, b"news", 2))
        assert device.channel("news").emit(Log("breaking"), critical=True).accepted
        assert await within(device.flush())
        body = (session.poll_frame(2), lossy_frame(1, Log("a"), Log("b")), critical_frame(1, 1, 1))
        first = await poller.poll(*body)
        again = await poller.poll(*body)
        assert bench.gateway.hub.counters().stored == 3 + 1
        for reply in (first, again):
            assert of_kind(reply, spec.TYPE_DELIVER)[0].payload == of_kind(first, spec.TYPE_DELIVER)[0].payload
            assert reply[-1].ack == 2
        assert len(of_kind(again, spec.TYPE_DELIVER)) == len(of_kind(first, spec.TYPE_DELIVER))
        ack = of_kind(first, spec.TYPE_DELIVER)[-1].seq + 1
        last = await poller.poll(session.poll_frame(3, ack=ack))
        assert last
        assert not {frame.kind for frame in last} & {spec.TYPE_DELIVER, spec.TYPE_CLOSE}
    await bench.serves()


class Stalling:
    """An engine's append that waits until the test lets it go."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting: list[tuple[Batch, OnResult]] = []
        engine = bench.gateway.hub.engine
        self._append = engine.append
        monkeypatch.setattr(engine, "append", lambda batch, done: self.waiting.append((batch, done)))

    def release(self) -> None:
        waiting, self.waiting = self.waiting, []
        for batch, done in waiting:
            self._append(batch, done)


async def test_two_polls_in_flight_are_served_one_after_the_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        await poller.poll(session.poll_frame(1), open_frame(1, b"log"))
        stalling = Stalling(bench, monkeypatch)
        first = asyncio.create_task(poller.poll(session.poll_frame(2), critical_frame(1, 1, 1)))
        await eventually(lambda: stalling.waiting)
        second = asyncio.create_task(poller.poll(session.poll_frame(3), critical_frame(1, 2, 2)))
        await eventually(lambda: bench.gateway.registry.peers()[0].poll_lock._waiters)
        assert len(stalling.waiting) == 1
        stalling.release()
        assert (await within(first))[-1].ack == 2
        await eventually(lambda: stalling.waiting)
        stalling.release()
        assert (await within(second))[-1].ack == 3
        monkeypatch.undo()
    assert bench.gateway.hub.counters().stored == 2
    await bench.serves()


async def test_a_poll_that_waited_while_a_newer_transport_came_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        await poller.poll(session.poll_frame(1), open_frame(1, b"log"))
        stalling = Stalling(bench, monkeypatch)
        first = asyncio.create_task(poller.poll(session.poll_frame(2), critical_frame(1, 1, 1)))
        await eventually(lambda: stalling.waiting)
        second = asyncio.create_task(poller.poll(session.poll_frame(3), lossy_frame(1, Log("late"))))
        await eventually(lambda: bench.gateway.registry.peers()[0].poll_lock._waiters)
        async with RawStream(bench.address) as raw:
            await raw.send(session.attach_frame(1))
            await eventually(lambda: bench.gateway.registry.counters.attaches == 1)
            stalling.release()
            monkeypatch.undo()
            resumed = await raw.expect(spec.TYPE_RESUMED)
            assert int.from_bytes(resumed.payload[4:8], "little") == 2
            assert (await within(first))[-1].code == spec.CODE_STALE_GENERATION
            answer = (await within(second))[-1]
            assert (answer.kind, answer.code) == (spec.TYPE_RESET, spec.CODE_STALE_GENERATION)
    assert bench.gateway.hub.counters().published == 1
    await bench.serves()


async def test_a_long_backlog_comes_in_replies_within_the_limit(bench: Bench) -> None:
    device = await bench.connected("bench-1")
    channel = device.channel("big")
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        await poller.poll(session.poll_frame(1), open_frame(1, b"big", 2))
        for _ in range(20):
            assert channel.emit(Payload(1, bytes(12000)), critical=True).accepted
            assert await within(device.flush())
        got, number, ack = 0, 1, 1
        while got < 20:
            number += 1
            status, body = await poller.request(session.poll_frame(number, ack=ack))
            assert status == 200
            assert len(body) <= spec.POLL_BODY_BYTES
            delivered = of_kind(frames_of(body), spec.TYPE_DELIVER)
            assert delivered
            got += len(delivered)
            ack = delivered[-1].seq + 1
    await bench.serves()


async def test_a_poll_that_acknowledges_what_was_never_sent_ends_the_session(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        [answer] = await poller.poll(session.poll_frame(1, ack=99))
        assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_SEQUENCE)
    assert len(bench.gateway.registry) == 0
    await bench.serves()


async def test_a_session_that_says_close_is_over_on_both_transports(bench: Bench) -> None:
    goodbye = encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, bytes(8))
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 1, 1), goodbye)
        await raw.to_the_end()
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        await poller.poll(session.poll_frame(1), open_frame(1, b"log"))
        [answer] = await poller.poll(session.poll_frame(2), critical_frame(1, 1, 1), goodbye)
        assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_OK)
    assert len(bench.gateway.registry) == 0
    assert bench.gateway.hub.counters().stored == 2
    await bench.serves()
