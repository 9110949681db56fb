"""A critical frame that the gateway's store refuses: one REFUSED, then the same number again, as DATA or as SKIP."""

import pytest

from flight_client import Log
from flight_client.gateway.engines.base import AppendResult, AppendStatus, Batch, OnResult, failed
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import RawStream, critical_frame
from tests.support.waiting import eventually


class SlowDisk:
    """The gateway's engine answers when the test says so."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = bench.gateway.hub.engine
        self.waiting: list[tuple[Batch, OnResult]] = []
        self._append = engine.append
        monkeypatch.setattr(engine, "append", lambda batch, done: self.waiting.append((batch, done)))

    async def has(self, count: int) -> None:
        await eventually(lambda: len(self.waiting) == count, f"{count} batches in the store")

    def fail(self) -> None:
        _, done = self.waiting.pop(0)
        done(failed("the disk is full"))

    def store(self) -> AppendStatus:
        results: list[AppendResult] = []
        batch, done = self.waiting.pop(0)
        self._append(batch, results.append)
        done(results[0])
        return results[0].status


async def test_what_was_on_its_way_behind_a_refused_frame_is_forgotten_with_its_late_results(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(7, b"log")
        disk = SlowDisk(bench, monkeypatch)
        await raw.send(*(critical_frame(7, seq, seq, Log(str(seq))) for seq in (1, 2, 3)))
        await disk.has(3)
        disk.fail()  # 1
        refused = await raw.expect(spec.TYPE_REFUSED)
        assert int.from_bytes(refused.payload[:4], "little") == 1
        assert (refused.payload[4], refused.ack) == (spec.CODE_STORE, 1)
        disk.fail()  # 2: the session has forgotten it
        ack = refused.seq + 1
        await raw.send(critical_frame(7, 2, 2, Log("2"), ack=ack))  # not what the gateway waits for
        await raw.send(*(critical_frame(7, seq, seq, Log(str(seq)), ack=ack) for seq in (1, 2)))
        await disk.has(3)  # the old 3, the new 1 and 2
        disk.fail()  # the old 3
        assert [disk.store(), disk.store()] == [AppendStatus.STORED] * 2
        stored = await raw.expect(spec.TYPE_ACK)
        assert stored.ack == 3  # no second refusal came, and only what was stored is acknowledged
        [peer] = bench.gateway.registry.peers()
        assert (peer.counters.refused, peer.counters.stored) == (1, 2)


async def test_a_device_that_gives_the_frame_up_answers_skip_and_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(7, b"log")
        disk = SlowDisk(bench, monkeypatch)
        await raw.send(critical_frame(7, 1, 1, Log("1")))
        await disk.has(1)
        disk.fail()
        refused = await raw.expect(spec.TYPE_REFUSED)
        ack = refused.seq + 1
        skip = encode_frame(spec.TYPE_SKIP, 0, 0, 1, ack, b"")
        await raw.send(skip, critical_frame(7, 2, 2, Log("2"), ack=ack))
        await disk.has(1)
        assert disk.store() is AppendStatus.STORED
        assert (await raw.expect(spec.TYPE_ACK)).ack == 3
    assert bench.gateway.hub.counters().stored == 1
