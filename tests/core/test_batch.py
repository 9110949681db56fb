"""Batches: packed from the ring, read back, and refused where they are not canonical."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from flight_client._tables import LAYOUTS
from tests.core.test_ring import Ring

RECORD, NO_ROOM = -14, -2
UNKNOWN = 0xFFFFFFFF


def pack(ring: Ring, capacity: int = 4096, now: int = 0, limit: int = 100) -> tuple[bytes, int, int]:
    out = ffi.new("uint8_t[]", capacity + 8)
    ffi.buffer(out)[:] = b"\xa5" * (capacity + 8)
    batch = ffi.new("flight_batch *")
    size = lib.flight_batch_pack(ring.ring, out, capacity, now, limit, batch)
    data = bytes(ffi.buffer(out))
    assert data[max(size, 0) :] == b"\xa5" * (capacity + 8 - max(size, 0))
    return data[: max(size, 0)] if size >= 0 else b"error%d" % size, batch.events, batch.channel


def read(data: bytes) -> list[tuple[int, int, bytes]]:
    found: list[tuple[int, int, bytes]] = []
    record = ffi.new("flight_record *")
    kept = ffi.from_buffer("uint8_t[]", data)
    offset = 0
    while True:
        size = lib.flight_batch_next(kept + offset, len(data) - offset, record)
        assert size >= 0, size
        if size == 0:
            return found
        found.append((record.layout, record.age_ms, bytes(ffi.buffer(record.body, record.body_bytes))))
        offset += size


def count(data: bytes) -> int:
    return lib.flight_batch_count(data, len(data))


@pytest.mark.parametrize(
    ("stamp", "now", "age_ms"),
    [
        (0, 0, 0),
        (1000, 1250, 250),
        (0, 32767, 32767),
        (0, 32768, 32768),
        (0, 32999, 32768),
        (0, 33000, 33000),
        (0, 32_766_999, 32_766_000),
        (0, 32_767_000, UNKNOWN),
        (0, 2**29, UNKNOWN),
        (2**30 - 5, 5, 10),  # the clock wrapped
        (100, 99, 0),  # stamped between two looks at the clock
        (60_000, 0, 0),
    ],
)
def test_an_age_is_what_the_clock_says(stamp: int, now: int, age_ms: int) -> None:
    ring = Ring(4, 64)
    ring.put(1, 7, stamp, b"body")
    assert read(pack(ring, now=now)[0]) == [(7, age_ms, b"body")]


@given(st.integers(0, 2**25))
def test_seconds_are_exact_without_a_division(age_ms: int) -> None:
    expected = age_ms if age_ms < 32768 else 0xFFFF if age_ms // 1000 > 0x7FFE else 0x8000 | age_ms // 1000
    assert lib.flight_age_encode(age_ms) == expected


def test_every_second_is_exact_at_both_of_its_ends() -> None:
    for seconds in range(33, 0x7FFF):
        assert lib.flight_age_encode(seconds * 1000) == 0x8000 | seconds
        assert lib.flight_age_encode(seconds * 1000 - 1) == 0x8000 | seconds - 1


def test_each_of_the_65536_ages_is_refused_or_comes_back() -> None:
    out = ffi.new("uint32_t *")
    refused = []
    for age in range(65536):
        if lib.flight_age_decode(age, out) == 0:
            assert lib.flight_age_encode(out[0]) == age
        else:
            refused.append(age)
    assert refused == list(range(0x8000, 0x8020))


def test_another_channel_ends_a_batch() -> None:
    ring = Ring(8, 64)
    for channel in (5, 5, 6, 5):
        ring.put(channel, 7, 0, channel.to_bytes(4, "little"))
    assert [pack(ring)[1:] for _ in range(4)] == [(2, 5), (1, 6), (1, 5), (0, 0)]


def test_a_batch_ends_at_the_limit_of_events() -> None:
    ring = Ring(8, 64)
    for _ in range(5):
        ring.put(1, 7, 0, b"body")
    assert [pack(ring, limit=limit)[1] for limit in (0, 2, 1, 16)] == [0, 2, 1, 2]


@pytest.mark.parametrize("capacity", range(90))
def test_every_capacity_is_respected_and_nothing_is_lost(capacity: int) -> None:
    ring = Ring(32, 64)
    bodies = [bytes([index]) * (4 * (index % 5 + 1)) for index in range(12)]
    for body in bodies:
        ring.put(1, 7, 0, body)
    found: list[bytes] = []
    while lib.flight_ring_count(ring.ring):
        data, events, _ = pack(ring, capacity)
        if not events:
            assert data == b"error-2"
            assert ring.peek() == (1, 7, 0, bodies[len(found)])
            assert capacity < 4 + len(bodies[len(found)])
            return
        assert len(data) <= capacity
        found += [body for _, _, body in read(data)]
    assert found == bodies


def test_sixteen_events_of_48_bytes_take_832_bytes() -> None:
    ring = Ring(16, 64)
    for _ in range(16):
        assert ring.put(1, 7, 0, bytes(48)) == 0
    assert len(pack(ring)[0]) == 16 * 52


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from([5, 7]), st.integers(1, 280)), max_size=20), st.integers(0, 20))
def test_what_was_put_is_what_is_read_and_skipping_lands_between_records(
    shapes: list[tuple[int, int]], skip: int
) -> None:
    ring = Ring(512, 64)
    events = [(layout, bytes([index]) * (4 * words)) for index, (layout, words) in enumerate(shapes)]
    for layout, body in events:
        assert ring.put(1, layout, 0, body) == 0
    data, number, _ = pack(ring, 65000)
    assert [(layout, body) for layout, _, body in read(data)] == events
    assert count(data) == number == len(events)
    offset = lib.flight_batch_skip(data, len(data), skip)
    if skip > len(events):
        assert offset == -1
    else:
        assert [(layout, body) for layout, _, body in read(data[offset:])] == events[skip:]


def test_every_truncation_of_a_batch_is_refused_except_between_records() -> None:
    ring = Ring(64, 64)
    for words in (1, 3, 255, 2):
        ring.put(1, 7, 0, bytes(4 * words))
    data = pack(ring)[0]
    whole = [size for size in range(len(data) + 1) if count(data[:size]) >= 0]
    assert whole == [0, 8, 24, 24 + 8 + 1020, len(data)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bytes([0, 1, 0, 0]) + bytes(4), "layout 0"),
        (bytes([10, 1, 0, 0]) + bytes(4), "unknown layout"),
        (bytes([0x85, 1, 0, 0]) + bytes(4), "a wide form of a layout without sizes"),
        (bytes([7, 0, 0, 0]), "no fixed part"),
        (bytes([1, 4, 0, 0]) + bytes(16), "fixed part cut"),
        (bytes([0x81, 8, 0, 0]) + bytes(32), "wide fixed part cut"),
        (bytes([7, 1, 0, 0x80]) + bytes(4), "0 s instead of 0 ms"),
        (bytes([7, 1, 31, 0x80]) + bytes(4), "31 s instead of 31,000 ms"),
        (bytes([7, 255, 0, 0]) + (1016).to_bytes(4, "little") + bytes(1016), "long form of a short body"),
        (bytes([7, 255, 0, 0]) + (1022).to_bytes(4, "little") + bytes(1022), "length no multiple of 4"),
        (bytes([7, 255, 0, 0]) + (2**32 - 4).to_bytes(4, "little") + bytes(1020), "length over the data"),
        (bytes([7, 255, 0, 0]), "length missing"),
        (bytes([7, 1, 0]), "head cut"),
    ],
)
def test_records_that_no_sender_writes_are_refused(data: bytes, why: str) -> None:
    assert count(data) == RECORD, why


@given(st.binary(max_size=80))
def test_whatever_is_accepted_would_be_written_the_same_way(data: bytes) -> None:
    if count(data) < 0:
        return
    ring = Ring(64, 64)
    for layout, age_ms, body in read(data):
        stamp = -(2**27 if age_ms == UNKNOWN else age_ms) % 2**30
        assert ring.put(1, layout, stamp, body) == 0
    assert pack(ring)[0] == data


def test_the_core_knows_the_layouts_of_the_spec_and_their_sizes() -> None:
    known = {layout: lib.flight_layout_bytes(layout) for layout in range(256) if lib.flight_layout_bytes(layout)}
    sizes = {"u8": 1, "u16": 2, "i16": 2, "u32": 4}
    expected = {}
    for spec in LAYOUTS:
        for wide in [False, True][: 1 + spec["wide"]]:
            sizes["size"] = 8 if wide else 4
            expected[spec["id"] | 0x80 * wide] = sum(sizes[item["kind"]] for item in spec["fields"])
    assert known == expected


def test_null_pointers_are_refused() -> None:
    record = ffi.new("flight_record *")
    assert lib.flight_batch_next(ffi.NULL, 0, record) == -1
    assert lib.flight_batch_count(ffi.NULL, 0) == -1
    assert lib.flight_batch_skip(ffi.NULL, 0, 0) == -1
    assert lib.flight_age_decode(0, ffi.NULL) == -1
