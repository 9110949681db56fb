"""Coded records and pieces against a real gateway, frame by frame: what is hostile ends its own session, in words."""

import struct

import pytest

from flight_client import Log, MemoryUpdate, Payload
from flight_client.events import Event, encode_event
from flight_client.session import spec
from flight_client.wire import EventRing, compress_payload, encode_frame, plain_records, records
from tests.support.bench import Bench
from tests.support.raw import Frame, RawStream, Session, record
from tests.support.waiting import within

BATCH, MORE, DELTA, COMPRESSED = spec.FLAG_BATCH, spec.FLAG_MORE, spec.FLAG_DELTA, spec.FLAG_COMPRESSED
CRITICAL = BATCH | spec.FLAG_CRITICAL
ALL = MORE | DELTA | COMPRESSED


async def session_of(raw: RawStream, bench: Bench, device_id: bytes = b"raw-1", **other: int) -> Session:
    other.setdefault("flags_read", ALL)
    session = await raw.hello(
        bench.token(), device_id, flags_sent=ALL, unpacked_bytes=other.pop("unpacked_bytes", 65536), **other
    )
    await raw.open(1, b"log", 3)
    return session


def data(flags: int, payload: bytes, seq: int = 0, channel: int = 1) -> bytes:
    return encode_frame(spec.TYPE_DATA, flags, channel, seq, 0, payload)


def prefixed(counter: int, payload: bytes) -> bytes:
    return struct.pack("<IHH", counter, 0, 0) + payload


def piece(message: int, number: int, total: int, payload: bytes) -> bytes:
    return struct.pack("<HHI", message, number, total) + payload


def differences(*events: Event) -> bytes:
    ring = EventRing(64, 64)
    out = bytearray(4096)
    for event in events:
        layout, body = encode_event(event)
        ring.put(1, layout, 0, body)
    size = ring.pack(out, 0, len(out), 0, 64, delta=True)
    assert ring.packed_events == len(events)
    return bytes(out[:size])


def memories(count: int) -> list[Event]:
    return [MemoryUpdate(total_bytes=1 << 24, used_bytes=1000 + 4 * i) for i in range(count)]


def large(size: int = 20000) -> bytes:
    layout, body = encode_event(Payload(1, bytes(range(256)) * (size // 256)))
    return bytes((layout, 255)) + bytes(2) + len(body).to_bytes(4, "little") + body


async def refused(raw: RawStream, *frames: bytes) -> str:
    """Send them; the session must end as malformed. What the gateway says."""
    await raw.send(*frames)
    close = await raw.expect(spec.TYPE_CLOSE)
    assert close.payload[0] == spec.CODE_MALFORMED
    return close.text


def entry_of(frame: Frame) -> bytes:
    """The records of a DELIVER as they stand in it."""
    return frame.payload[40 + (frame.payload[39] + 3 & ~3) :]


async def test_coded_records_are_stored_as_they_come_and_given_as_they_are_read(bench: Bench) -> None:
    coded = differences(*memories(16))
    plain = plain_records(coded, 0, len(coded), DELTA)
    both = compress_payload(plain)
    assert both is not None
    async with RawStream(bench.address) as raw, RawStream(bench.address) as old:
        await session_of(raw, bench)
        await session_of(old, bench, b"old-1", flags_read=0)
        await raw.send(
            data(CRITICAL | DELTA, prefixed(1, coded), 1), data(CRITICAL | COMPRESSED, prefixed(17, both), 2)
        )
        for reader, forms in ((raw, ((DELTA, coded), (COMPRESSED, both))), (old, ((0, plain), (0, plain)))):
            for flags, expected in forms:
                frame = await reader.expect(spec.TYPE_DELIVER)
                assert (frame.flags & ALL, entry_of(frame)) == (flags, expected)
    hub = bench.gateway.hub.counters()
    assert (hub.stored, hub.failed) == (32, 0)


async def test_a_batch_across_the_mark_is_cut_whatever_its_coding(bench: Bench) -> None:
    first, again = differences(*memories(4)), differences(*memories(6))
    async with RawStream(bench.address) as raw:
        session = await session_of(raw, bench)
        await raw.send(data(CRITICAL | DELTA, prefixed(1, first), 1))
        await raw.expect(spec.TYPE_DELIVER)
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench, incarnation=session.incarnation)  # type: ignore[arg-type]
        await raw.send(data(CRITICAL | DELTA, prefixed(1, again), 1))
        frame = await raw.expect(spec.TYPE_DELIVER)
    assert frame.flags & ALL == 0
    assert int.from_bytes(frame.payload[32:36], "little") == 5
    found = records(entry_of(frame), 0, len(entry_of(frame)))
    assert len(found) == 2


@pytest.mark.parametrize("critical", [True, False])
async def test_a_large_event_is_stored_once_and_delivered_in_pieces_or_whole(bench: Bench, critical: bool) -> None:
    whole = prefixed(1, large()) if critical else large()
    parts = [whole[at : at + 9000] for at in range(0, len(whole), 9000)]
    flags = CRITICAL | MORE if critical else BATCH | MORE
    frames = [
        data(flags, piece(5, i, len(whole), part), i + 1 if critical else 0) for i, part in enumerate(parts)
    ]  # fmt: skip
    async with RawStream(bench.address) as raw, RawStream(bench.address) as small:
        await session_of(raw, bench, frame_bytes=32768)
        await session_of(small, bench, b"small-1", frame_bytes=1024, flags_read=MORE)
        await raw.send(frames[0])
        if critical:
            await raw.send(frames[0])  # again, as after a lost acknowledgement
        await raw.send(frames[1], frames[2])
        frame = await raw.expect(spec.TYPE_DELIVER)
        decoded = entry_of(frame)
        assert plain_records(decoded, 0, len(decoded), frame.flags) == large()
        total = 40 + 8 + len(large())
        got = b""
        number = 0
        while len(got) < total:
            frame = await small.expect(spec.TYPE_DELIVER)
            assert frame.flags & MORE
            assert struct.unpack("<HI", frame.payload[2:8]) == (number, total)
            assert len(frame.payload) <= 1024 - 20
            got += frame.payload[8:]
            number += 1
            await small.send(encode_frame(spec.TYPE_ACK, 0, 0, 0, frame.seq + 1, bytes(4)))
        assert got[48:] == large()
    assert bench.gateway.hub.counters().stored == 1


async def test_pieces_are_acknowledged_only_when_the_whole_is_stored(bench: Bench) -> None:
    whole = prefixed(1, large(4096))
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        await raw.send(data(CRITICAL | MORE, piece(1, 0, len(whole), whole[:3000]), 1))
        opened = await raw.open(2, b"log")
        assert opened.ack == 1
        await raw.send(data(CRITICAL | MORE, piece(1, 1, len(whole), whole[3000:]), 2))
        assert (await raw.expect(spec.TYPE_DELIVER)).ack == 3


async def test_a_message_whose_rest_is_skipped_is_forgotten(bench: Bench) -> None:
    whole = prefixed(1, large(4096))
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        await raw.send(
            data(CRITICAL | MORE, piece(1, 0, len(whole), whole[:3000]), 1),
            encode_frame(spec.TYPE_SKIP, 0, 0, 2, 0, b""),
            data(CRITICAL, prefixed(2, record()), 3),
        )
        frame = await raw.expect(spec.TYPE_DELIVER)
        assert frame.ack == 4
        assert int.from_bytes(frame.payload[32:36], "little") == 2
    assert bench.gateway.hub.counters().stored == 1


async def test_a_large_event_for_a_channel_that_is_not_open_is_refused_as_a_whole(bench: Bench) -> None:
    whole = prefixed(1, large(4096))
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        for i, at in enumerate((0, 3000)):
            part = whole[at : at + 3000]
            await raw.send(data(CRITICAL | MORE, piece(1, i, len(whole), part), i + 1, channel=9))
        no = await raw.expect(spec.TYPE_REFUSED)
        assert struct.unpack("<IB3xI", no.payload[:12]) == (1, spec.CODE_UNKNOWN_CHANNEL, 1)


BLOCK = compress_payload(b"words " * 500)
HUGE = (65537).to_bytes(4, "little") + bytes(400)
LYING = (60000).to_bytes(4, "little") + b"\x10a"
SHORT = compress_payload(record(Log("x" * 200)) * 2) or b""


@pytest.mark.parametrize(
    ("flags", "payload", "words"),
    [
        (BATCH | COMPRESSED, HUGE, "compressed"),
        (BATCH | COMPRESSED, LYING, "compressed"),
        (BATCH | COMPRESSED, bytes(4), "compressed"),
        (BATCH | COMPRESSED, b"", "compressed"),
        (BATCH | COMPRESSED, SHORT[:-1], "compressed"),
        (BATCH | COMPRESSED, BLOCK, "record"),  # what comes out is no record
        (BATCH | COMPRESSED, compress_payload(SHORT) or SHORT[:4] + b"\xf0" + bytes(9), ""),  # nested
        (BATCH | DELTA, b"\x40\x00", "record"),  # a difference without anything before it
        (BATCH | DELTA, b"\x60" + record()[1:], "record"),
        (BATCH | DELTA, differences(*memories(3))[:-1], "record"),
        (BATCH | DELTA | COMPRESSED, SHORT[:9], ""),
        (BATCH | DELTA, b"", "empty"),
        (BATCH | MORE, piece(1, 0, 65537, bytes(100)), "65536"),
        (BATCH | MORE, piece(1, 0, 0, bytes(100)), "piece"),
        (BATCH | MORE, piece(1, 0, 50, b""), "piece"),
        (BATCH | MORE, b"\0\0", "piece"),
        (BATCH | MORE, piece(1, 0, 10, bytes(10)), "record"),  # whole, and no batch
        (BATCH | MORE | COMPRESSED, piece(1, 0, len(HUGE), HUGE), "compressed"),
        (CRITICAL | MORE, piece(1, 0, 50, bytes(10)), "critical"),  # no number
        (MORE, piece(1, 0, 50, bytes(10)), "critical"),  # no batch
    ],
)
async def test_what_no_sender_may_write_ends_the_session_in_words(
    bench: Bench, flags: int, payload: bytes, words: str
) -> None:
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        text = await refused(raw, data(flags, payload))
        assert words in text.lower()
    assert bench.gateway.hub.counters().stored == 0
    await bench.serves()


@pytest.mark.parametrize(
    "second",
    [
        (CRITICAL | MORE, piece(1, 2, 90, bytes(30))),  # one is missing
        (CRITICAL | MORE, piece(1, 0, 90, bytes(30))),  # it begins again
        (CRITICAL | MORE, piece(2, 0, 90, bytes(30))),  # another one begins
        (CRITICAL | MORE, piece(2, 1, 90, bytes(30))),
        (CRITICAL | MORE, piece(1, 1, 91, bytes(30))),
        (CRITICAL | MORE, piece(1, 1, 90, bytes(61))),  # more than was said
        (CRITICAL | MORE | DELTA, piece(1, 1, 90, bytes(30))),
        (CRITICAL, prefixed(1, record())),  # a batch between
    ],
    ids=range(8),
)
async def test_a_sequenced_piece_out_of_place_ends_the_session(bench: Bench, second: tuple[int, bytes]) -> None:
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        await refused(raw, data(CRITICAL | MORE, piece(1, 0, 90, bytes(30)), 1), data(*second, 2))
    await bench.serves()


async def test_lossy_pieces_out_of_place_are_left_out_and_the_session_lives(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        for number in (1, 2, 7, 0, 2, 2, 1):
            await raw.send(data(BATCH | MORE, piece(1, number, 4000, bytes(1000))))
        await raw.send(data(BATCH, record()))
        assert entry_of(await raw.expect(spec.TYPE_DELIVER)) == record()
    assert bench.gateway.hub.counters().stored == 1


async def test_endless_messages_cost_the_gateway_no_more_than_one(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await session_of(raw, bench)
        peer = next(peer for peer in bench.gateway.registry.peers() if peer.source.device_id == "raw-1")
        for message in range(60):
            await raw.send(data(BATCH | MORE, piece(message, 0, 65536, bytes(30000))))
        await raw.open(2, b"log")  # everything before it was read
        assert len(peer._parts._lossy.buffer) == 30000
        assert peer._parts.abandoned == 59
        await raw.send(data(BATCH, record()))
        await raw.expect(spec.TYPE_DELIVER)


async def test_pieces_go_on_over_a_new_transport_and_the_lossy_lane_begins_anew(bench: Bench) -> None:
    whole = prefixed(1, large(4096))
    first = data(CRITICAL | MORE, piece(1, 0, len(whole), whole[:3000]), 1)
    async with RawStream(bench.address) as raw:
        session = await session_of(raw, bench)
        await raw.send(first, data(BATCH | MORE, piece(2, 0, len(large()), large()[:9000])))
        await raw.open(2, b"log")
    async with RawStream(bench.address) as raw:
        await raw.send(session.attach_frame(1, 1))
        resumed = await raw.expect(spec.TYPE_RESUMED)
        assert int.from_bytes(resumed.payload[4:8], "little") == 1  # nothing of it is stored
        await raw.send(first, data(CRITICAL | MORE, piece(1, 1, len(whole), whole[3000:]), 2))
        await raw.send(data(BATCH | MORE, piece(2, 1, len(large()), large()[9000:])))
        frame = await within(raw.expect(spec.TYPE_DELIVER))
        assert frame.ack in (1, 3)
        await raw.open(3, b"log")
    assert bench.gateway.hub.counters().stored == 1


async def test_a_channel_that_is_left_in_the_midst_of_an_entry_gives_it_up(bench: Bench) -> None:
    async with RawStream(bench.address) as small, RawStream(bench.address) as raw:
        await session_of(small, bench, b"small-1", frame_bytes=1024, flags_read=MORE, window_frames=2)
        await session_of(raw, bench)
        await raw.send(data(BATCH, large()))
        first = await small.expect(spec.TYPE_DELIVER)
        second = await small.expect(spec.TYPE_DELIVER)
        assert first.flags & second.flags & MORE
        await small.send(encode_frame(spec.TYPE_ACK, 0, 0, 0, second.seq, bytes(4)))
        third = await small.expect(spec.TYPE_DELIVER)
        await small.open(1, b"", 0, count=0)
        await small.send(encode_frame(spec.TYPE_ACK, 0, 0, 0, third.seq + 1, bytes(4)))
        skip = await small.expect(spec.TYPE_SKIP)
        assert (skip.channel, skip.seq) == (1, third.seq + 1)
        await small.open(1, b"log", 2)
        await raw.send(data(BATCH, record()))
        frame = await small.expect(spec.TYPE_DELIVER)
        assert entry_of(frame) == record()
