"""The ring against a plain-Python model of it, and its edges."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib

FULL, EMPTY, TOO_LARGE = -3, -4, -5


def slots_for(body_bytes: int, slot_bytes: int) -> int:
    heads = 12 if body_bytes <= 1016 else 16
    return -(-(heads + body_bytes) // slot_bytes)


@dataclass
class Model:
    """What the ring promises, as a list: entries of (slots, event or None for a filler)."""

    slots: int
    slot_bytes: int
    entries: list[tuple[int, tuple[int, int, int, bytes] | None]] = field(default_factory=list)
    tail: int = 0

    def put(self, channel: int, layout: int, stamp: int, body: bytes) -> int:
        need = slots_for(len(body), self.slot_bytes)
        if need > max(1, min(255, self.slots // 2)):
            return TOO_LARGE
        free = self.slots - sum(slots for slots, _ in self.entries)
        to_end = self.slots - self.tail
        filler = to_end if need > to_end else 0
        if filler + need > free:
            return FULL
        if filler:
            self.entries.append((filler, None))
        self.entries.append((need, (channel, layout, stamp, body)))
        self.tail = (self.tail + filler + need) % self.slots
        return 0

    def peek(self) -> tuple[int, int, int, bytes] | None:
        if self.entries and self.entries[0][1] is None:
            self.entries.pop(0)
        return self.entries[0][1] if self.entries else None

    def count(self) -> int:
        return sum(event is not None for _, event in self.entries)


class Ring:
    def __init__(self, slots: int, slot_bytes: int) -> None:
        self.guard = ffi.new("uint8_t[]", slots * slot_bytes + 64)
        ffi.buffer(self.guard)[:] = b"\xa5" * (slots * slot_bytes + 64)
        self.size = slots * slot_bytes
        self.ring = ffi.new("flight_ring *")
        self.event = ffi.new("flight_event *")
        assert lib.flight_ring_init(self.ring, self.guard + 32, slots, slot_bytes) == 0

    def put(self, channel: int, layout: int, stamp: int, body: bytes) -> int:
        return lib.flight_ring_put(self.ring, channel, layout, stamp, body, len(body))

    def peek(self) -> tuple[int, int, int, bytes] | None:
        if lib.flight_ring_peek(self.ring, self.event) != 0:
            return None
        event = self.event
        body = bytes(ffi.buffer(event.body, event.body_bytes))
        head = 4 if len(body) <= 1016 else 8
        assert event.record_bytes == head + len(body)
        assert event.body - event.record == head
        assert int(ffi.cast("uintptr_t", event.body)) % 4 == 0
        return event.channel, event.layout, event.stamp_ms, body

    def intact(self) -> bool:
        memory = bytes(ffi.buffer(self.guard))
        return memory[:32] == memory[32 + self.size :] == b"\xa5" * 32


@settings(max_examples=300)
@given(st.integers(1, 12), st.sampled_from([16, 20, 64]), st.data())
def test_the_ring_does_what_its_model_does(slots: int, slot_bytes: int, data: st.DataObject) -> None:
    model, ring = Model(slots, slot_bytes), Ring(slots, slot_bytes)
    steps = data.draw(st.lists(st.one_of(st.none(), st.integers(0, slots * slot_bytes // 4)), max_size=60))
    for number, words in enumerate(steps):
        if words is None:
            assert ring.peek() == model.peek()
            expected = 0 if model.peek() else EMPTY
            assert lib.flight_ring_release(ring.ring) == expected
            if model.entries:
                model.entries.pop(0)
        else:
            event = (number % 3, number % 7 + 1, number * 1000, bytes([number]) * (4 * words))
            assert ring.put(*event) == model.put(*event)
        assert lib.flight_ring_count(ring.ring) == model.count()
    while model.peek():
        assert ring.peek() == model.peek()
        assert lib.flight_ring_release(ring.ring) == 0
        model.entries.pop(0)
    assert ring.peek() is None
    assert ring.intact()


@pytest.mark.parametrize("slots", [1, 2, 3, 32, 255, 1000, 32767])
def test_every_slot_can_be_used_and_not_one_more(slots: int) -> None:
    ring = Ring(slots, 16)
    for lap in range(3):
        assert [ring.put(1, 7, lap, b"body") for _ in range(slots)] == [0] * slots
        assert ring.put(1, 7, lap, b"body") == FULL
        assert lib.flight_ring_count(ring.ring) == slots
        assert [lib.flight_ring_release(ring.ring) for _ in range(slots)] == [0] * slots
        assert lib.flight_ring_release(ring.ring) == EMPTY


def test_a_48_byte_body_takes_one_slot_of_64() -> None:
    ring = Ring(4, 64)
    assert [ring.put(1, 7, 0, bytes(48)) for _ in range(5)] == [0, 0, 0, 0, FULL]


@pytest.mark.parametrize(("slots", "slot_bytes"), [(1, 16), (2, 16), (3, 64), (32, 64), (64, 64), (1024, 64), (9, 128)])
def test_the_largest_body_fits_an_empty_ring_wherever_it_stands(slots: int, slot_bytes: int) -> None:
    ring = Ring(slots, slot_bytes)
    limit = lib.flight_ring_body_limit(ring.ring)
    assert ring.put(1, 7, 0, bytes(limit + 4)) == TOO_LARGE
    for _ in range(slots):
        assert ring.put(1, 7, 0, bytes(limit)) == 0
        assert lib.flight_ring_release(ring.ring) == 0
        assert ring.put(1, 7, 0, b"") == 0
        assert lib.flight_ring_release(ring.ring) == 0


@pytest.mark.parametrize("body_bytes", [0, 4, 1012, 1016, 1020, 1024, 16000])
def test_lengths_round_the_long_form_come_back(body_bytes: int) -> None:
    ring = Ring(1024, 64)
    body = bytes(index % 251 for index in range(body_bytes))
    assert ring.put(5, 7, 77, body) == 0
    assert ring.peek() == (5, 7, 77, body)


def test_a_reservation_is_invisible_until_its_commit_and_can_be_replaced() -> None:
    ring = Ring(4, 16)
    body = ffi.new("void **")
    assert lib.flight_ring_reserve(ring.ring, 1, 7, 4, body) == 0
    assert ring.peek() is None
    assert lib.flight_ring_reserve(ring.ring, 2, 7, 4, body) == 0
    ffi.buffer(body[0], 4)[:] = b"data"
    assert lib.flight_ring_commit(ring.ring, 9) == 0
    assert ring.peek() == (2, 7, 9, b"data")
    assert lib.flight_ring_count(ring.ring) == 1


def test_a_commit_without_a_reservation_is_refused_on_every_lap() -> None:
    ring = Ring(3, 16)
    for _ in range(10):
        assert lib.flight_ring_commit(ring.ring, 0) == -1
        assert ring.put(1, 7, 0, b"body") == 0
        assert lib.flight_ring_release(ring.ring) == 0


def test_impossible_rings_and_bodies_are_refused() -> None:
    ring = ffi.new("flight_ring *")
    memory = ffi.new("uint32_t[]", 64)
    for slots, slot_bytes in [(0, 64), (32768, 16), (4, 12), (4, 18), (4, 65536)]:
        assert lib.flight_ring_init(ring, memory, slots, slot_bytes) == -1
    assert lib.flight_ring_init(ring, ffi.cast("uint8_t *", memory) + 2, 1, 16) == -1
    assert lib.flight_ring_init(ring, ffi.NULL, 1, 16) == -1
    assert lib.flight_ring_init(ring, memory, 4, 64) == 0
    assert lib.flight_ring_put(ring, 1, 7, 0, b"abc", 3) == -1
    assert lib.flight_ring_put(ring, 1, 7, 0, ffi.NULL, 4) == -1
