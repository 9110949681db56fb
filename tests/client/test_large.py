"""Events larger than a frame, batches of differences and compressed ones, between real clients and a real gateway."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from flight_client import Client, ComponentUpdate, Log, MemoryUpdate, Outcome, Payload
from flight_client.events import Event
from flight_client.session import spec
from tests.support.bench import Bench, hurry
from tests.support.waiting import eventually, within

ALL = spec.FLAG_DELTA | spec.FLAG_COMPRESSED | spec.FLAG_MORE


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no block compresses."""
    return random.Random(seed).randbytes(size)


def offers(client: Client, flags: int) -> Client:
    """A client that knows of these flags only, before it connects."""
    agreement = client._session.agreement
    agreement.reads = agreement.sends = flags
    agreement.unpacked_bytes = spec.UNPACKED_BYTES if flags & (spec.FLAG_MORE | spec.FLAG_COMPRESSED) else 0
    return client


@pytest.mark.parametrize("critical", [True, False])
async def test_an_event_larger_than_a_frame_arrives_whole_on_every_transport(
    bench: Bench, transport: str, critical: bool
) -> None:
    _, reader = await bench.tool(channels=["own/large"])
    device = await bench.connected("bench-1", transport)
    sent = [Payload(number, noise(size)) for number, size in enumerate((10, 16001, 40000, 59992, 17))]
    for event in sent:
        assert device.channel("own/large").emit(event, critical=critical) is Outcome.QUEUED
        assert await within(device.flush())
    assert [entry.data for entry in await reader.take(len(sent))] == sent
    counters = device.counters()
    assert (counters.settled, counters.queued) == (len(sent), 0)


async def test_a_large_text_goes_compressed_and_arrives_as_it_was(bench: Bench) -> None:
    _, reader = await bench.tool(channels=["own/large"])
    device = await bench.connected("bench-1")
    text = json.dumps([{"name": f"voice-{i}", "state": "playing"} for i in range(800)]).encode()
    device.channel("own/large").emit(Payload(1, text), critical=True)
    (entry,) = await reader.take(1)
    assert entry.data == Payload(1, text)


@pytest.mark.parametrize("flags", [0, spec.FLAG_DELTA, spec.FLAG_COMPRESSED, spec.FLAG_MORE, ALL])
@pytest.mark.parametrize("read", [0, spec.FLAG_DELTA, spec.FLAG_COMPRESSED, spec.FLAG_MORE, ALL])
async def test_a_client_without_a_flag_gets_what_one_with_it_sent(bench: Bench, flags: int, read: int) -> None:
    tool = offers(bench.client("tool"), read)
    await within(tool.connect())
    stream = tool.events(channels=["mixed"])
    await eventually(lambda: all(state.opened for state in tool._session.channels.items))
    device = offers(bench.client("bench-1"), flags)
    await within(device.connect())
    channel = device.channel("mixed")
    sent: list[Event] = []
    for i in range(40):
        memory = MemoryUpdate(total_bytes=1 << 24, used_bytes=5000 + i)
        sent.append(memory if i % 3 else Log("the same words again " * 12))
        assert channel.emit(sent[-1], critical=i % 2 == 0) is Outcome.QUEUED
    sent.append(ComponentUpdate("a", "b", metadata={"text": "word " * 90}))
    channel.emit(sent[-1], critical=True)
    assert await within(device.flush())
    found = [(await within(anext(stream))).data for _ in sent]
    assert sorted(map(repr, found)) == sorted(map(repr, sent))


async def test_an_entry_that_a_subscriber_cannot_take_is_a_gap_as_ever(bench: Bench) -> None:
    old = offers(bench.client("old"), 0)
    await within(old.connect())
    gaps: list[str] = []
    old.on_gap(lambda gap: gaps.append(gap.reason))
    stream = old.events(channels=["own/large"])
    await eventually(lambda: all(state.opened for state in old._session.channels.items))
    device = await bench.connected("bench-1")
    device.channel("own/large").emit(Payload(1, noise(30000)), critical=True)
    device.channel("own/large").emit(Payload(2, b"small"), critical=True)
    assert (await within(anext(stream))).data == Payload(2, b"small")
    assert gaps == ["limit"]


async def test_what_is_larger_than_the_platform_says_is_refused_at_once(bench: Bench) -> None:
    for platform, limit in (("dreamcast", 512), ("psp", 896), ("vita", 8000)):
        device = bench.client(f"{platform}-1", "websocket", platform=platform)
        assert device.channel("own").emit(Payload(1, bytes(limit - 8))) is Outcome.QUEUED
        assert device.channel("own").emit(Payload(1, bytes(limit))) is Outcome.REFUSED_TOO_LARGE
        await within(device.connect())
        assert await within(device.flush())


async def test_without_pieces_the_limit_is_a_frame(bench: Bench) -> None:
    device = offers(bench.client("bench-1"), spec.FLAG_DELTA)
    channel = device.channel("own")
    assert channel.emit(Payload(1, bytes(16000))) is Outcome.REFUSED_TOO_LARGE
    await within(device.connect())
    assert channel.emit(Payload(1, bytes(16000))) is Outcome.REFUSED_TOO_LARGE
    assert channel.emit(Payload(1, bytes(15992))) is Outcome.QUEUED


async def test_large_and_small_events_are_stored_once_each_while_gateways_and_transports_die(tmp_path: Path) -> None:
    """Each large event takes four frames; a cut or a restart comes in the midst of some of them."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    bench = Bench(tmp_path, engine=f"sqlite:{tmp_path / 'log.db'}")
    await bench.start()
    try:
        device = hurry(await bench.connected("bench-1", "websocket"))
        channel = device.channel("own/large")
        sent: list[Event] = []
        for number in range(24):
            size = 59000 if number % 3 == 0 else 300
            sent.append(Payload(number, noise(size, number)))
            await eventually(lambda: channel.emit(sent[-1], critical=True) is Outcome.QUEUED, "room in the queue")
            if number % 4 == 3:
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                if chance.randrange(2):
                    await bench.restart()
                else:
                    peers = [peer for peer in bench.gateway.registry.peers() if peer.source.device_id == "bench-1"]
                    for peer in peers:
                        if peer.pipe is not None:
                            peer.pipe.end(spec.CODE_GOING_AWAY)
        assert await within(device.flush(), 60)
        assert device.counters().acked == len(sent)
        _, reader = await bench.tool(channels=["own/large"], history=1000)
        assert [entry.data for entry in await reader.take(len(sent))] == sent
        assert device.counters().reconnects > 0
    finally:
        await bench.stop()
