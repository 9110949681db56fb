"""Delta batches: the same records as raw ones, in fewer bytes, written in exactly one way."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from tests.core.compiled import run_c
from tests.core.test_batch import UNKNOWN
from tests.core.test_batch import read as read_raw
from tests.core.test_ring import Ring

RECORD, NO_ROOM, FULL = -14, -2, -3
FIXED = {1: 20, 2: 12, 3: 28, 4: 4, 5: 4, 6: 16, 7: 4, 0x81: 36, 0x82: 16, 0x83: 40}
TAILS = (2, 4, 5, 7, 0x82)
Event = tuple[int, int, bytes]  # layout, stamp_ms, body


def pack(events: list[Event], now: int = 0, capacity: int = 50000, *, delta: bool = True) -> bytes:
    ring = Ring(1000, 64)
    for layout, stamp, body in events:
        assert ring.put(1, layout, stamp, body) == 0
    out = ffi.new("uint8_t[]", capacity + 8)
    ffi.buffer(out)[:] = b"\xa5" * (capacity + 8)
    batch = ffi.new("flight_batch *")
    call = lib.flight_delta_pack if delta else lib.flight_batch_pack
    size = call(ring.ring, out, capacity, now, 5000, batch)
    assert size >= 0
    assert batch.events == len(events)
    assert bytes(ffi.buffer(out))[size:] == b"\xa5" * (capacity + 8 - size)
    assert ring.intact()
    return bytes(ffi.buffer(out, size))


def read(data: bytes, scratch_bytes: int = 65536) -> list[tuple[int, int, bytes]] | int:
    """The records of a delta batch, or the error."""
    delta, record = ffi.new("flight_delta *"), ffi.new("flight_record *")
    scratch = ffi.new("uint8_t[]", scratch_bytes + 1)
    kept = ffi.from_buffer("uint8_t[]", data)
    assert lib.flight_delta_start(delta, kept, len(data), scratch, scratch_bytes) == 0
    found: list[tuple[int, int, bytes]] = []
    while True:
        size = lib.flight_delta_next(delta, record)
        assert scratch[scratch_bytes] == 0
        if size <= 0:
            return size if size < 0 else found
        found.append((record.layout, record.age_ms, bytes(ffi.buffer(record.body, record.body_bytes))))


def unpack(data: bytes, capacity: int = 65536) -> bytes | int:
    out = ffi.new("uint8_t[]", capacity + 8)
    ffi.buffer(out)[:] = b"\xa5" * (capacity + 8)
    size = lib.flight_delta_unpack(ffi.new("flight_delta *"), data, len(data), out, capacity)
    assert bytes(ffi.buffer(out))[capacity:] == b"\xa5" * 8
    return bytes(ffi.buffer(out, size)) if size >= 0 else size


def words(*values: int) -> bytes:
    return b"".join((value % 2**32).to_bytes(4, "little") for value in values)


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    """Events of a few layouts that change slowly or wildly, with tails where the layout has some."""
    seed = draw(st.integers(0, 2**32))
    layouts = draw(st.lists(st.sampled_from(sorted(FIXED)), min_size=1, max_size=6))
    chance = random.Random(seed)
    bodies = {layout: bytearray(chance.randbytes(size)) for layout, size in FIXED.items()}
    events, stamp = [], chance.randrange(2**30)
    for _ in range(draw(st.integers(0, 40))):
        layout = chance.choice(layouts)
        body = bodies[layout]
        for at in range(0, len(body), 4):
            if chance.random() < 0.4:
                old = int.from_bytes(body[at : at + 4], "little")
                body[at : at + 4] = words(
                    old + chance.choice([1, -1, 63, -64, 64, 8191, -8192, 2**31, 2**21, 77777777])
                )
        tail = chance.randbytes(4 * chance.choice([0, 0, 1, 5, 33, 250, 260])) if layout in TAILS else b""
        events.append((layout, stamp, bytes(body) + tail))
        stamp = (stamp + chance.choice([0, 16, 16, 16, 17, 1000, 40_000])) % 2**30
    return events


@settings(max_examples=150)
@given(event_lists(), st.integers(0, 2**30 - 1))
def test_a_delta_batch_holds_the_same_records_as_a_raw_one(events: list[Event], now: int) -> None:
    raw, delta = pack(events, now, delta=False), pack(events, now)
    assert read(delta) == read_raw(raw)
    assert unpack(delta) == raw
    assert unpack(delta, len(raw)) == raw
    if raw:
        assert unpack(delta, len(raw) - 1) == NO_ROOM


def rewrite(records: list[tuple[int, int, bytes]]) -> bytes:
    return pack([(layout, -(2**27 if age == UNKNOWN else age) % 2**30, body) for layout, age, body in records])


# The fuzzers' finding: 3 ms and 1 ms foresee an age of -1, which the writer took for "no event yet" at the next keyframe.
@pytest.mark.parametrize("ages", [(3, 1, 0, 0), (1, 0, 0, 0), (32767, 16383, 5, 5), (3, 1, 1, 40_000)])
def test_ages_before_a_keyframe_may_foresee_any_number(ages: tuple[int, int, int, int]) -> None:
    now = 100_000
    layouts = (0x83, 0x83, 7, 7)
    events = [(layout, now - age, bytes(FIXED[layout])) for layout, age in zip(layouts, ages, strict=True)]
    found = read(pack(events, now))
    assert found == read_raw(pack(events, now, delta=False))
    assert isinstance(found, list)
    assert [age for _, age, _ in found] == list(ages)


@settings(max_examples=150)
@given(event_lists(), st.data())
def test_whatever_is_accepted_would_be_written_the_same_way(events: list[Event], data: st.DataObject) -> None:
    batch = bytearray(pack(events, 50))
    for _ in range(data.draw(st.integers(1, 3))):
        if batch:
            batch[data.draw(st.integers(0, len(batch) - 1))] = data.draw(st.integers(0, 255))
    found = read(bytes(batch))
    assert found == RECORD or (not isinstance(found, int) and rewrite(found) == bytes(batch))


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_canonical(tail: bytes) -> None:
    data = pack([(1, 0, words(1, 2, 3, 4, 5))]) + tail
    found = read(data)
    assert found == RECORD or (not isinstance(found, int) and rewrite(found) == data)


def test_every_flip_of_one_bit_is_refused_or_canonical() -> None:
    events = [(3, 16 * number, words(number, 5000 * number, 7, 0, number % 3, 9, 1)) for number in range(8)]
    events += [(7, 130, words(5) + b"tail" * number) for number in range(4)]
    number = int.from_bytes(pack(events, 200), "little")
    size = len(pack(events, 200))
    for bit in range(8 * size):
        data = (number ^ 1 << bit).to_bytes(size, "little")
        found = read(data)
        assert found == RECORD or (not isinstance(found, int) and rewrite(found) == data)


def test_every_truncation_is_refused_except_between_records() -> None:
    events = [(3, 16 * number, words(number, 5000 * number, 7, 0, number % 3, 9, 1)) for number in range(5)]
    events += [(7, 100, words(1, 2)), (7, 100, words(2, 2, 3))]
    data = pack(events, 200)
    whole = [size for size in range(len(data) + 1) if not isinstance(read(data[:size]), int)]
    assert whole == [len(pack(events[:number], 200)) for number in range(len(events) + 1)]


@pytest.mark.parametrize("capacity", range(0, 150, 1))
def test_every_capacity_is_respected_and_nothing_is_lost(capacity: int) -> None:
    ring = Ring(64, 64)
    bodies = [words(number, 3000 * number, 7, 0, -number) for number in range(12)]
    for body in bodies:
        assert ring.put(1, 1, 0, body) == 0
    out, batch = ffi.new("uint8_t[]", 200), ffi.new("flight_batch *")
    found: list[bytes] = []
    while lib.flight_ring_count(ring.ring):
        ffi.buffer(out)[:] = b"\xa5" * 200
        size = lib.flight_delta_pack(ring.ring, out, capacity, 0, 100, batch)
        if size < 0:
            assert size == NO_ROOM
            assert capacity < 24
            assert lib.flight_ring_count(ring.ring) == 12
            return
        assert 0 < size <= capacity
        assert bytes(ffi.buffer(out))[size:] == b"\xa5" * (200 - size)
        records = read(bytes(ffi.buffer(out, size)))
        assert not isinstance(records, int)
        assert len(records) == batch.events
        found += [body for _, _, body in records]
    assert found == bodies


def test_sixteen_memory_updates_take_less_than_a_third_of_their_raw_size() -> None:
    chance, used, events = random.Random(7), 8_000_000, []
    for number in range(16):
        used += chance.randrange(-4000, 4000)
        events.append((1, 5000 * number, words(16777216, used, 16777216 - used, -1, 1250 + number % 2)))
    assert len(pack(events, 90_000, delta=False)) == 16 * 24
    assert len(pack(events, 90_000)) <= 16 * 24 // 3


def test_sixteen_system_monitorings_take_less_than_half_of_their_raw_size() -> None:
    chance, used, events = random.Random(7), 8_000_000, []
    for number in range(16):
        used += chance.randrange(-4000, 4000)
        cpu, fps = 4000 + chance.randrange(-200, 200), 5990 + chance.randrange(-9, 9)
        body = words(used, 70_000 + 900 * number, 90_000 + 1700 * number, 0, cpu | 8000 << 16, 4150 | fps << 16, 12)
        events.append((3, 1000 * number, body))
    assert len(pack(events, 20_000, delta=False)) == 16 * 32
    assert len(pack(events, 20_000)) <= 16 * 32 // 2


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (bytes([0x41]), "a layout that is not kept"),
        (bytes([0x60]), "bit 5"),
        (bytes([0xC0]), "bit 7"),
        (bytes([0x44]), "age missing"),
        (bytes([0x44, 0]), "age difference of 0"),
        (bytes([0x44, 0x80]), "varint without end"),
        (bytes([0x44, 0x82, 0]), "varint longer than need be"),
        (bytes([0x44, 0x80, 0x80, 4]), "age difference over 16 bits"),
        (bytes([0x44, 0xBF, 0x80, 4]), "age difference over 16 bits"),
        (bytes([0x48, 0]), "the mask that would have been taken anyway"),
        (bytes([0x48, 0x20]), "a word behind the fixed part"),
        (bytes([0x48, 1]), "value missing"),
        (bytes([0x48, 1, 0]), "value of 0"),
        (bytes([0x48, 1, 0x80, 0x80, 0x80, 0x80, 0x80]), "varint of more than five bytes"),
        (bytes([0x48, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x10]), "varint over 32 bits"),
        (bytes([0x50]), "tail length missing"),
        (bytes([0x50, 0]), "tail of 0 words"),
        (bytes([0x50, 2]) + bytes(7), "tail cut"),
        (bytes([0x50, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]) + bytes(4), "tail length that wraps at 32 bits"),
        (bytes([0x50, 0x80, 0x80, 0x80, 0x80, 0x04]) + bytes(4), "tail of 2^30 words"),
        (bytes([1, 5, 0, 0]) + bytes(20), "a record of a kept layout"),
    ],
)
def test_entries_that_no_sender_writes_are_refused(entry: bytes, why: str) -> None:
    first = pack([(1, 0, words(1, 2, 3, 4, 5))])
    assert read(first + bytes([0x40])) == [(1, 0, words(1, 2, 3, 4, 5))] * 2
    assert read(first + entry) == RECORD, why
    assert unpack(first + entry) == RECORD, why
    assert read(entry) == RECORD or entry[0] == 1, why


def test_an_age_that_no_sender_writes_is_refused() -> None:
    first = pack([(1, 0, words(1, 2, 3, 4, 5))], 0x7FFF)
    assert read(first + bytes([0x44, 2])) == RECORD  # 0x8000: 0 s
    assert read(first + bytes([0x44, 0x42])) == [(1, 0x7FFF, words(1, 2, 3, 4, 5)), (1, 32768, words(1, 2, 3, 4, 5))]


def test_a_short_frame_cannot_grow_beyond_a_frames_worth_of_records() -> None:
    first = pack([(0x83, 0, words(*range(10)))])
    most = 65536 // 44
    assert len(unpack(first + bytes([0x40]) * (most - 1))) == most * 44  # type: ignore[arg-type]
    assert unpack(first + bytes([0x40]) * most) == RECORD


def test_a_batch_that_would_grow_beyond_a_frames_worth_of_records_is_ended_earlier() -> None:
    ring = Ring(2000, 64)
    for _ in range(2000):
        assert ring.put(1, 0x83, 0, words(*range(10))) == 0
    out, batch = ffi.new("uint8_t[]", 65536), ffi.new("flight_batch *")
    size = lib.flight_delta_pack(ring.ring, out, 65536, 0, 5000, batch)
    assert batch.events == 65536 // 44
    assert len(read(bytes(ffi.buffer(out, size)))) == batch.events  # type: ignore[arg-type]


def test_a_tail_needs_scratch_and_only_a_tail() -> None:
    data = pack([(7, 0, words(1)), (7, 0, words(2)), (7, 0, words(2) + b"tail")])
    assert len(read(data, 8)) == 3  # type: ignore[arg-type]
    assert read(data, 7) == NO_ROOM
    assert len(read(data[:-7], 0)) == 2  # type: ignore[arg-type]


def test_only_four_layouts_are_kept_and_the_others_stay_whole() -> None:
    events = [(layout, 0, bytes(FIXED[layout])) for layout in (1, 2, 3, 6, 0x81, 0x83)] * 2
    data = pack(events)
    assert len(data) == sum(4 + FIXED[layout] for layout in (1, 2, 3, 6, 0x81, 0x83, 0x81, 0x83)) + 4
    assert read(data) == [(layout, 0, body) for layout, _, body in events]


def test_null_pointers_are_refused() -> None:
    delta, record, out = ffi.new("flight_delta *"), ffi.new("flight_record *"), ffi.new("uint8_t[]", 8)
    assert lib.flight_delta_start(ffi.NULL, b"", 0, out, 8) == -1
    assert lib.flight_delta_start(delta, ffi.NULL, 0, out, 8) == -1
    assert lib.flight_delta_next(ffi.NULL, record) == -1
    assert lib.flight_delta_next(delta, ffi.NULL) == -1
    assert lib.flight_delta_unpack(ffi.NULL, b"", 0, out, 8) == -1
    assert lib.flight_delta_unpack(delta, ffi.NULL, 0, out, 8) == -1
    assert lib.flight_delta_unpack(delta, b"", 0, ffi.NULL, 8) == -1
    assert lib.flight_delta_pack(ffi.NULL, out, 8, 0, 1, ffi.new("flight_batch *")) == -1


SIXTEEN = """
#include <stdio.h>
#include <string.h>
#include "flight.h"
/* 16 events of 48 bytes: a time in ms, constants, two totals that move by a few KB, a count, a fragmentation. */
int main(void)
{
    static uint32_t memory[16 * 16];
    static uint8_t buffer[1024];
    uint32_t w[12] = {0x9f3b2a10u, 0x19a, 0x12345678, 16777216, 9000000, 0, 0, 7u << 16 | 1250, 0x201};
    uint32_t seed = 12345;
    flight_ring ring;
    flight_batch batch;
    flight_frame frame = {0};

    flight_ring_init(&ring, memory, 16, 64);
    for (uint32_t i = 0; i < 16; i++) {
        seed = seed * 1664525u + 1013904223u;
        w[0] += 1000 + (seed >> 28) % 3;
        w[4] += (seed >> 19) - 4096;
        w[5] = w[3] - w[4];
        w[6]++;
        w[7] += (seed >> 8 & 3) == 0 ? seed >> 10 & 7 : 0;
        if (flight_ring_put(&ring, 7, FLIGHT_TEST_LAYOUT, 1000 * i, w, sizeof w) != 0) {
            return 1;
        }
    }
    frame.payload_bytes = (uint32_t)flight_delta_pack(&ring, buffer + 16, sizeof buffer - 20, 16000, 16, &batch);
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_DELTA | FLIGHT_FLAG_CHECKED;
    printf("%u %d\\n", (unsigned)batch.events, flight_frame_seal(buffer, sizeof buffer, &frame));
    return 0;
}
"""


def test_sixteen_events_of_48_bytes_take_at_most_224_bytes_with_everything(tmp_path: Path) -> None:
    events, size = map(int, run_c(tmp_path, SIXTEEN, "-DFLIGHT_TEST_LAYOUT=15").split())
    assert events == 16
    assert size <= 224
