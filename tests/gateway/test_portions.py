"""Entries that are too large for a small subscriber reach it in portions: every event once, in order, also over a new session."""

import asyncio
import random
import struct
from pathlib import Path

import pytest

from flight_client import Client, Log, Outcome, Payload
from flight_client.events import encode_event
from flight_client.gateway.engines.base import Batch, Entry, Portion
from flight_client.gateway.hub import Gap
from flight_client.gateway.portions import portions
from flight_client.session import spec
from flight_client.wire import records
from flight_client.wire.records import write_record
from tests.support.bench import Bench, Reader, hurry, subscribed
from tests.support.raw import Frame, RawStream, critical_frame, lossy_frame
from tests.support.waiting import eventually, within

from .desk import BENCH, LIFE, Desk, nothing

SMALL = 640  # the frames of a Dreamcast


def record(size: int) -> bytes:
    """One record with so many bytes of application data."""
    layout, body = encode_event(Payload(1, bytes(size)))
    out = bytearray(len(body) + 8)
    return bytes(out[: write_record(out, 0, layout, 0, body)])


def entry(sizes: list[int], counter: int = 7) -> Entry:
    data = b"".join(record(size) for size in sizes)
    return Entry(Batch("log", BENCH, LIFE, counter, len(sizes), 0, 1, data), 9, 4)


def head(payload: bytes) -> tuple[int, int, int, int, bytes]:
    """Offset, previous, counter, events so far (0: the last portion) and records of a DELIVER payload."""
    offset, previous = struct.unpack_from("<QQ", payload)
    (counter,) = struct.unpack_from("<I", payload, 32)
    length = payload[39]
    at = 40 + ((length & 0x7F) + 3 & ~3)
    so_far = 0
    if length & 0x80:
        so_far, reserved = struct.unpack_from("<HH", payload, at)
        assert so_far > 0
        assert reserved == 0
        at += 4
    return offset, previous, counter, so_far, payload[at:]


def count(payload: bytes) -> int:
    data = head(payload)[4]
    return len(records(data, 0, len(data)))


def test_an_entry_is_cut_between_records_into_as_few_payloads_as_fit() -> None:
    parts, whole = portions(entry([100] * 20), 600)
    assert whole
    assert [part.events for part in parts] == [4, 4, 4, 4, 4]
    assert all(len(part.payload) <= 600 for part in parts)
    assert [head(part.payload)[:4] for part in parts] == [
        (9, 4, 7, 4), (9, 4, 11, 8), (9, 4, 15, 12), (9, 4, 19, 16), (9, 4, 23, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_sizes_no_event_is_lost_doubled_or_reordered(seed: int) -> None:
    chance = random.Random(seed)
    sizes = [chance.choice((0, 30, 200, 900)) + chance.randrange(60) for _ in range(chance.randrange(1, 60))]
    one = entry(sizes, chance.choice((0, 100)))
    had = chance.randrange(len(sizes)) if chance.random() < 0.5 else 0
    room = chance.choice((120, 400, 600))
    limit = room - len(one.head()) - spec.PORTION_BYTES
    fitting = [number for number in range(had, len(sizes)) if len(record(sizes[number])) <= limit]
    parts, whole = portions(one, room, had)
    assert whole == (len(fitting) == len(sizes) - had), seed
    found: list[int] = []
    for part in parts:
        assert len(part.payload) <= room, seed
        _, _, counter, so_far, data = head(part.payload)
        first = (so_far or len(sizes)) - part.events
        assert counter == (one.counter + first if one.counter else 0), seed
        bodies = [data[start:end] for _, _, start, end in records(data, 0, len(data))]
        assert len(bodies) == part.events, seed
        assert bodies == [encode_event(Payload(1, bytes(sizes[first + i])))[1] for i in range(len(bodies))], seed
        found += range(first, first + len(bodies))
    assert found == fitting, seed
    marks = [head(part.payload)[3] for part in parts]
    assert all(marks[:-1]), seed
    assert not parts or (marks[-1] == 0) == whole, seed


def test_records_that_cannot_be_read_are_left_out_as_a_whole() -> None:
    broken = Entry(Batch("log", BENCH, LIFE, 1, 1, 0, 1, bytes(900)), 1, 0)
    assert portions(broken, 600) == ([], False)


def put(desk: Desk, sizes: list[int]) -> None:
    data = b"".join(record(size) for size in sizes)
    desk.hub.publish("log", BENCH, LIFE, 0, len(sizes), 0, data, desk.results.append)


async def test_a_subscription_hands_out_portions_and_says_only_what_is_too_large_by_itself(desk: Desk) -> None:
    limits = desk.hub.subscriber_limits._replace(entry_bytes=600)
    console = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=limits)
    put(desk, [50])
    put(desk, [100] * 8 + [900] + [100] * 2)
    put(desk, [50])
    found: list[object] = []
    while (item := console.next()) is not None:
        found.append(item.events if isinstance(item, Portion) else item)
    assert [type(item).__name__ for item in found] == ["Entry", "int", "int", "int", "Gap", "Entry"]
    assert found[1:5] == [4, 4, 2, Gap(1, 2, spec.GAP_LIMIT)]
    assert (console.too_large_entries, console.delivered_entries, console.delivered_events) == (1, 2, 12)


@pytest.mark.parametrize(("had", "expected"), [(3, [4, 1]), (8, [Gap(0, 1, spec.GAP_LIMIT)]), (20, [Gap(0, 1, 5)])])
async def test_a_new_subscription_begins_behind_what_was_had(desk: Desk, had: int, expected: list[object]) -> None:
    put(desk, [100] * 8)
    limits = desk.hub.subscriber_limits._replace(entry_bytes=600)
    epoch = desk.hub.epoch
    console = await desk.hub.subscribe(
        "log", spec.START_AFTER, nothing, epoch=epoch, offset=0, count=had, limits=limits
    )
    for _ in range(20):
        await asyncio.sleep(0)
    found: list[object] = []
    while (item := console.next()) is not None:
        found.append(item.events if isinstance(item, Portion) else item)
    assert found == expected


async def test_what_was_had_of_an_entry_that_is_gone_skips_nothing_of_the_next(desk: Desk) -> None:
    put(desk, [100] * 8)
    put(desk, [10] * 3)
    await desk.hub.engine.trim("log", 1)
    epoch = desk.hub.epoch
    console = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=epoch, offset=0, count=4)
    for _ in range(20):
        await asyncio.sleep(0)
    assert console.next() == Gap(0, 1, spec.GAP_TRIMMED)
    whole = console.next()
    assert isinstance(whole, Entry)
    assert whole.events == 3


def texts(first: int, count: int) -> list[Log]:
    return [Log(f"{number:04} " + "." * 60) for number in range(first, first + count)]


async def delivered(raw: RawStream, last: int) -> list[Frame]:
    """DELIVERs until event number `last` was among them."""
    found = []
    while True:
        frame = await raw.expect(spec.TYPE_DELIVER)
        found.append(frame)
        if f"{last:04} ".encode() in frame.payload:
            return found


@pytest.mark.parametrize("critical", [True, False])
async def test_a_small_device_gets_a_full_batch_of_a_host_frame_by_frame(bench: Bench, critical: bool) -> None:
    batch = texts(0, 64)
    async with RawStream(bench.address) as host, RawStream(bench.address) as small:
        await host.hello(bench.token(), b"host-1")
        await host.open(1, b"log", 1)
        session = await small.hello(bench.token(), b"small-1", frame_bytes=SMALL, window_frames=32)
        await small.open(3, b"log", 2)
        await host.send(critical_frame(1, 1, 1, *batch) if critical else lossy_frame(1, *batch))
        frames = await delivered(small, 63)
        assert all(len(frame.payload) + 16 <= SMALL for frame in frames)
        assert sum(count(frame.payload) for frame in frames) == 64
        assert [head(frame.payload)[0] for frame in frames] == [1] * len(frames)
        assert [head(frame.payload)[3] == 0 for frame in frames] == [False] * (len(frames) - 1) + [True]
        assert {frame.flags for frame in frames} == {spec.FLAG_BATCH | (spec.FLAG_CRITICAL if critical else 0)}
        had = head(frames[2].payload)[3]
    async with RawStream(bench.address) as again:
        await again.hello(bench.token(), b"small-1", frame_bytes=SMALL)
        await again.open(3, b"log", 2, start=spec.START_AFTER, epoch=session.epoch, offset=0, count=had)
        rest = await delivered(again, 63)
    assert [head(frame.payload)[2:] for frame in rest] == [head(frame.payload)[2:] for frame in frames[3:]]


class Slow(Reader):
    """What an application has got, in the order it got it."""

    def __init__(self, client: Client, channel: str) -> None:
        super().__init__(client.events(channels=[channel]))
        self.got: list[str] = []
        self.task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for event in self.stream:
            assert isinstance(event.data, Log)
            self.got.append(event.data.text)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("critical", [True, False])
async def test_a_dreamcast_loses_nothing_of_what_a_host_sends_in_full_batches(
    bench: Bench, transport: str, critical: bool
) -> None:
    gaps: list[object] = []
    console = hurry(bench.client("dc-1", transport, platform="dreamcast"))
    console._session.profile.poll_floor_ms = 5
    console.on_gap(gaps.append)
    await console.connect()
    reader = Slow(console, "news")
    await subscribed(console)
    host = await bench.connected("host-1", "websocket")
    sent = [f"{number:04} " + "x" * 200 for number in range(400)]
    for text in sent:
        while not host.channel("news", policy="refuse").emit(Log(text), critical=critical).accepted:
            await host.flush()
    await host.flush()
    await eventually(lambda: len(reader.got) >= len(sent), "all events on the console")
    assert reader.got == sent
    assert gaps == []
    [log] = [
        subscription
        for peer in bench.gateway.registry.peers()
        for channel in peer._channels.values()
        if (subscription := channel.subscription) is not None
    ]
    assert log.too_large_entries == 0
    assert log.delivered_events == len(sent)
    assert log.delivered_entries < len(sent)  # it did come in batches


async def test_a_gateway_that_dies_between_two_portions_doubles_and_loses_nothing(tmp_path: Path) -> None:
    """The device comes back with a new session and says how far in the entry it is."""
    bench = Bench(tmp_path, f"sqlite:{tmp_path}/events.db")
    await bench.start()
    console = hurry(bench.client("dc-1", "websocket", platform="dreamcast"))
    await console.connect()
    reader = Slow(console, "news")
    await subscribed(console)
    host = hurry(await bench.connected("host-1", "websocket"))
    sent = [f"{number:04} " + "x" * 300 for number in range(120)]
    channel = host.channel("news")
    cut = 0
    for text in sent:  # as many at once as there is room for, so that entries are large whatever else the machine does
        if not channel.emit(Log(text), critical=True).accepted:
            assert await channel.put(Log(text), critical=True) is Outcome.QUEUED
    state = next(state for state in console._session.channels.items if state.name == b"news")

    async def inside_an_entry() -> None:
        # Looked at in every turn of the loop: an entry is longer than the console's window, so that some turn is inside it.
        while True:
            if state.taken or len(reader.got) == len(sent):
                return
            await asyncio.sleep(0)

    for _ in range(4):
        await within(inside_an_entry())
        cut += state.taken > 0
        await bench.restart()
    await eventually(lambda: len(reader.got) >= len(sent), "all events on the console")
    assert reader.got == sent
    assert cut > 0
    await bench.stop()
