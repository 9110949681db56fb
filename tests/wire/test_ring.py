"""The ring and the batches through Python."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.errors import CallerError, FrameError
from flight_client.wire import (
    EventRing,
    count_records,
    decode_age,
    encode_age,
    records,
    skip_records,
    unpack_delta,
)


def packed(ring: EventRing, limit: int = 4096, now_ms: int = 0, max_events: int = 10000) -> bytes:
    out = bytearray(limit + 32)
    size = ring.pack(out, 16, limit, now_ms, max_events)
    assert not any(out[:16])
    assert not any(out[16 + size :])
    return bytes(out[16 : 16 + size])


def test_events_come_out_in_order_by_channel_with_their_ages() -> None:
    ring = EventRing(32, 64)
    assert ring.head_channel() == -1
    for channel, stamp in [(5, 100), (5, 200), (6, 300)]:
        assert ring.put(channel, 7, stamp, stamp.to_bytes(4, "little"))
    assert (ring.count, ring.head_channel(), ring.head_bytes()) == (3, 5, 8)
    data = packed(ring, now_ms=350)
    assert records(data, 0, len(data)) == [(7, 250, 4, 8), (7, 150, 12, 16)]
    assert (ring.packed_events, ring.packed_channel, ring.count, ring.head_channel()) == (2, 5, 1, 6)
    assert len(packed(ring, now_ms=350)) == 8
    assert packed(ring) == b""
    assert (ring.packed_events, ring.packed_channel, ring.count, ring.head_bytes()) == (0, 0, 0, 0)


def test_the_highest_channel_and_the_largest_batch_come_through() -> None:
    ring = EventRing(1024, 64)
    while ring.put(65535, 7, 0, bytes(52)):
        pass
    assert ring.count == 1024
    assert len(packed(ring, limit=65536)) == 1024 * 56
    assert (ring.packed_events, ring.packed_channel, ring.count) == (1024, 65535, 0)


def test_a_batch_of_exactly_64_kib_is_counted_right() -> None:
    ring = EventRing(1024, 256)
    for _ in range(1024):
        assert ring.put(1, 7, 0, bytes(60))
    assert len(packed(ring, limit=65536)) == 65536
    assert ring.count == 0


def test_a_full_ring_says_so_and_dropping_the_oldest_makes_room() -> None:
    ring = EventRing(4, 64)
    assert [ring.put(1, 7, index, b"body") for index in range(5)] == [True] * 4 + [False]
    assert (ring.drop_oldest(), ring.count) == (1, 3)
    assert ring.put(1, 7, 4, b"body")
    data = packed(ring, now_ms=4)
    assert [age for _, age, _, _ in records(data, 0, len(data))] == [3, 2, 1, 0]
    assert ring.drop_oldest() == 0


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_may_be_any_kind_of_bytes(kind: type[bytes]) -> None:
    ring = EventRing(4, 64)
    assert ring.put(1, 7, 0, kind(b"bodybody"))
    assert packed(ring)[4:] == b"bodybody"


@pytest.mark.parametrize(
    ("channel", "layout", "stamp", "body"),
    [
        (65536, 7, 0, b"body"),
        (-1, 7, 0, b"body"),
        (1, 256, 0, b"body"),
        (1, 7, -1, b"body"),
        (1, 7, 0, b"odd"),
        (1, 7, 0, bytes(128 - 12 + 4)),
    ],
)
def test_what_never_fits_is_the_callers_fault_and_changes_nothing(
    channel: int, layout: int, stamp: int, body: bytes
) -> None:
    ring = EventRing(4, 64)
    assert ring.body_limit == 128 - 12
    with pytest.raises(CallerError):
        ring.put(channel, layout, stamp, body)
    assert ring.count == 0
    assert ring.head_channel() == -1


@pytest.mark.parametrize(("slots", "slot_bytes"), [(0, 64), (-1, 64), (40000, 64), (4, 8), (4, 66), (4, 2**20)])
def test_an_impossible_ring_is_refused(slots: int, slot_bytes: int) -> None:
    with pytest.raises(CallerError, match="ring"):
        EventRing(slots, slot_bytes)


@pytest.mark.parametrize(("offset", "limit"), [(-1, 4), (0, -1), (0, 33), (30, 3), (2**40, 1)])
def test_packing_outside_the_buffer_is_refused(offset: int, limit: int) -> None:
    ring = EventRing(4, 64)
    ring.put(1, 7, 0, b"body")
    with pytest.raises(CallerError, match="outside the buffer"):
        ring.pack(bytearray(32), offset, limit, 0, 1)
    assert ring.count == 1


def test_an_event_larger_than_the_room_stays_and_pack_returns_0() -> None:
    ring = EventRing(4, 64)
    ring.put(1, 7, 0, bytes(48))
    assert packed(ring, limit=51) == b""
    assert (ring.count, ring.packed_events, ring.head_bytes()) == (1, 0, 52)
    assert len(packed(ring, limit=52)) == 52


def test_more_records_than_one_chunk_are_listed_whole() -> None:
    data = b"head" + b"".join(bytes([7, 1, 0, 0]) + index.to_bytes(4, "little") for index in range(1000)) + b"tail"
    found = records(data, 4, len(data) - 4)
    assert [int.from_bytes(data[start:end], "little") for _, _, start, end in found] == list(range(1000))
    assert count_records(data, 4, len(data) - 4) == 1000
    assert skip_records(data, 4, len(data) - 4, 10) == 84
    assert records(memoryview(data), 4, 4) == []


def test_broken_records_and_ranges_are_refused() -> None:
    data = bytes([7, 1, 0, 0]) + bytes(4) + bytes([9, 1, 0, 0]) + bytes(4)
    for call in (records, count_records):
        with pytest.raises(FrameError, match="event record"):
            call(data, 0, 16)
        for start, end in [(-1, 8), (9, 8), (0, 17)]:
            with pytest.raises(CallerError, match="outside the data"):
                call(data, start, end)
    with pytest.raises(FrameError, match="event record"):
        skip_records(data, 0, 16, 2)
    with pytest.raises(CallerError, match="fewer records"):
        skip_records(data, 0, 8, 2)


def test_a_delta_batch_gives_the_same_records_as_a_raw_one_in_fewer_bytes() -> None:
    batches = []
    for delta in (False, True):
        ring = EventRing(32, 64)
        for number in range(16):
            assert ring.put(9, 1, 16 * number, bytes([number]) + bytes(19))
        out = bytearray(1024)
        size = ring.pack(out, 16, 1000, 300, 100, delta=delta)
        assert (ring.packed_events, ring.packed_channel, ring.count) == (16, 9, 0)
        batches.append(bytes(out[16 : 16 + size]))
    raw, packed_delta = batches
    assert len(packed_delta) < len(raw) // 4
    assert unpack_delta(packed_delta, 0, len(packed_delta)) == raw
    framed = b"head" + packed_delta + b"tail"
    end = len(framed) - 4
    assert records(framed, 4, end, delta=True) == records(raw, 0, len(raw))
    assert count_records(framed, 4, end, delta=True) == 16
    with pytest.raises(FrameError, match="event record"):
        unpack_delta(framed, 4, end + 1)
    with pytest.raises(CallerError, match="outside the data"):
        unpack_delta(framed, 4, 1000)


@given(st.one_of(st.none(), st.integers(0, 2**30)))
def test_an_age_comes_back_in_ms_then_seconds_then_unknown(age_ms: int | None) -> None:
    back = decode_age(encode_age(age_ms))
    if age_ms is None or age_ms >= 32_767_000:
        assert back is None
    else:
        assert back == (age_ms if age_ms < 32768 else max(32768, age_ms // 1000 * 1000))


def test_an_age_that_is_not_canonical_or_below_zero_is_refused() -> None:
    with pytest.raises(FrameError, match="canonical"):
        decode_age(0x8001)
    with pytest.raises(CallerError, match="below zero"):
        encode_age(-1)


def test_a_missing_core_says_how_to_build_it() -> None:
    code = "import sys; sys.modules['flight_client._core'] = None\nimport flight_client.wire"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "CoreMissingError" in run.stderr
    assert "pip install --editable ." in run.stderr
    code = (
        "import sys; sys.modules['flight_client._core'] = None\n"
        "try:\n    import flight_client.wire\nexcept ImportError:\n    print('caught')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "caught\n"
