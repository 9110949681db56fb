"""The send store against a plain-Python model of it: policies, acknowledgement, and counters that add up."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from tests.core.test_batch import read

ARGUMENT, NO_ROOM, FULL, TOO_LARGE = -1, -2, -3, -5
KEEP, OLDEST, LATEST, CONTROL = range(4)
QUEUED, REPLACED, DROPPED_OLDEST = range(3)


class Store:
    def __init__(self, entries: int, body_bytes: int = 8, reserved: int = 0) -> None:
        self.size = lib.flight_store_need(entries, body_bytes)
        self.memory = ffi.new("uint8_t[]", self.size + 32)
        ffi.buffer(self.memory)[:] = b"\xa5" * (self.size + 32)
        self.store = ffi.new("flight_store *")
        assert lib.flight_store_init(self.store, self.memory + 16, entries, body_bytes, reserved) == 0

    def put(self, policy: int, channel: int, key: int, body: bytes, stamp: int = 0) -> int:
        kept = ffi.from_buffer("uint8_t[]", body)
        fields = {"body": kept, "body_bytes": len(body), "stamp_ms": stamp, "key": key, "channel": channel}
        event = ffi.new("flight_store_event *", {**fields, "layout": 7, "policy": policy})
        return lib.flight_store_put(self.store, event)

    def pack(self, kept: int, seq: int = 1, limit: int = 100, capacity: int = 4096) -> list[bytes] | int:
        out, batch = ffi.new("uint8_t[]", capacity + 8), ffi.new("flight_batch *")
        ffi.buffer(out)[:] = b"\xa5" * (capacity + 8)
        size = lib.flight_store_pack(self.store, kept, out, capacity, 0, limit, seq, batch)
        assert bytes(ffi.buffer(out))[max(size, 0) :] == b"\xa5" * (capacity + 8 - max(size, 0))
        if size < 0:
            return size
        found = [body for _, _, body in read(bytes(ffi.buffer(out, size)))]
        assert len(found) == batch.events
        return found

    def counts(self) -> tuple[int, int, int]:
        return tuple(item.count for item in self.store.lists)[1:]

    def sound(self) -> bool:
        store = self.store
        gone = store.settled + store.replaced + store.dropped_oldest
        memory = bytes(ffi.buffer(self.memory))
        guards = memory[:16] == memory[-16:] == b"\xa5" * 16
        return guards and store.accepted == gone + sum(self.counts())


@dataclass
class Model:
    entries: int
    reserved: int
    lossy: list[tuple[int, int | None, bytes]] = field(default_factory=list)  # channel, key of LATEST, body
    kept: list[tuple[int, bytes]] = field(default_factory=list)
    sent: list[tuple[int, int, bytes]] = field(default_factory=list)  # seq, channel, body

    def put(self, policy: int, channel: int, key: int, body: bytes) -> int:
        if policy == LATEST:
            for number, (other, other_key, _) in enumerate(self.lossy):
                if (other, other_key) == (channel, key):
                    self.lossy[number] = (channel, key, body)
                    return REPLACED
        free = self.entries - len(self.lossy) - len(self.kept) - len(self.sent)
        outcome = QUEUED
        if free <= (0 if policy == CONTROL else self.reserved):
            if policy in (KEEP, CONTROL) or not self.lossy:
                return FULL
            self.lossy.pop(0)
            outcome = DROPPED_OLDEST
        if policy in (KEEP, CONTROL):
            self.kept.append((channel, body))
        else:
            self.lossy.append((channel, key if policy == LATEST else None, body))
        return outcome

    def pack(self, kept: int, seq: int, limit: int) -> list[bytes]:
        found: list[bytes] = []
        channel = next((item[0] for item in (self.kept if kept else self.lossy)), 0)
        while len(found) < limit:
            if kept and self.kept and self.kept[0][0] == channel:
                self.sent.append((seq, *self.kept.pop(0)))
                found.append(self.sent[-1][2])
            elif not kept and self.lossy and self.lossy[0][0] == channel:
                found.append(self.lossy.pop(0)[2])
            else:
                break
        return found


STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 3), st.integers(1, 2), st.integers(0, 5)),
    st.tuples(st.just("pack"), st.integers(0, 1), st.integers(0, 4)),
    st.tuples(st.just("ack"), st.integers(0, 30)),
    st.tuples(st.just("rewind")),
)


@settings(max_examples=300)
@given(st.integers(1, 9), st.integers(0, 3), st.lists(STEP, max_size=60))
def test_the_store_does_what_its_model_does(entries: int, reserved: int, steps: list[tuple[object, ...]]) -> None:
    reserved = min(reserved, entries - 1)
    model, store, seq = Model(entries, reserved), Store(entries, 8, reserved), 0
    for number, step in enumerate(steps):
        if step[0] == "put":
            policy, channel, key = int(str(step[1])), int(str(step[2])), int(str(step[3]))
            body = number.to_bytes(4, "little") + (b"more" if number % 2 else b"")
            assert store.put(policy, channel, key, body) == model.put(policy, channel, key, body)
        elif step[0] == "pack":
            seq += 1
            kept, limit = int(str(step[1])), int(str(step[2]))
            assert store.pack(kept, seq, limit) == model.pack(kept, seq, limit)
        elif step[0] == "ack":
            settled = [item for item in model.sent if item[0] < int(str(step[1]))]
            model.sent = model.sent[len(settled) :]
            assert lib.flight_store_ack(store.store, int(str(step[1]))) == len(settled)
            assert lib.flight_store_ack(store.store, int(str(step[1]))) == 0
        else:
            assert lib.flight_store_rewind(store.store) == len(model.sent)
            model.kept[:0] = [(channel, body) for _, channel, body in model.sent]
            model.sent = []
        assert store.counts() == (len(model.lossy), len(model.kept), len(model.sent))
        assert store.sound()


def test_a_thousand_keys_keep_their_latest_event_and_the_index_never_fills_up() -> None:
    store = Store(1000, 8)
    for lap in range(5):
        for key in range(1000):
            assert store.put(LATEST, 3, key * 65537, lap.to_bytes(4, "little")) == (REPLACED if lap else QUEUED)
    assert store.pack(0, limit=1000, capacity=8000) == [(4).to_bytes(4, "little")] * 1000
    assert (store.store.replaced, store.store.settled) == (4000, 1000)
    assert store.put(LATEST, 3, 0, b"anew") == QUEUED
    assert store.sound()


def test_control_events_have_room_when_everything_else_is_refused() -> None:
    store = Store(4, 8, reserved=1)
    assert [store.put(KEEP, 1, 0, b"keep") for _ in range(4)] == [QUEUED] * 3 + [FULL]
    assert store.put(OLDEST, 1, 0, b"lost") == FULL
    assert store.put(CONTROL, 1, 0, b"ctrl") == QUEUED
    assert store.put(CONTROL, 1, 0, b"ctrl") == FULL
    assert store.store.refused_full == 3
    assert store.sound()


def test_lossy_events_never_push_out_what_must_be_kept() -> None:
    store = Store(3)
    assert [store.put(KEEP, 1, 0, b"keep") for _ in range(2)] == [QUEUED, QUEUED]
    assert [store.put(OLDEST, 1, 0, bytes([n] * 4)) for n in range(5)] == [QUEUED] + [DROPPED_OLDEST] * 4
    assert store.pack(0) == [bytes([4] * 4)]
    assert store.pack(1) == [b"keep", b"keep"]


def test_an_event_that_does_not_fit_is_refused_and_counted_and_a_small_frame_changes_nothing() -> None:
    store = Store(3)
    assert store.put(KEEP, 1, 0, bytes(12)) == TOO_LARGE
    assert store.store.refused_too_large == 1
    assert store.put(KEEP, 1, 0, bytes(8)) == QUEUED
    assert store.pack(1, capacity=11) == NO_ROOM
    assert store.counts() == (0, 1, 0)


def test_impossible_stores_and_events_are_refused() -> None:
    store, memory = ffi.new("flight_store *"), ffi.new("uint32_t[]", 64)
    for entries, body_bytes, reserved in [(0, 8, 0), (16385, 8, 0), (4, 6, 0), (4, 65536, 0), (4, 8, 4)]:
        assert lib.flight_store_init(store, memory, entries, body_bytes, reserved) == ARGUMENT
    assert lib.flight_store_init(store, ffi.NULL, 4, 8, 0) == ARGUMENT
    assert lib.flight_store_init(store, ffi.cast("uint8_t *", memory) + 1, 1, 8, 0) == ARGUMENT
    good = Store(2)
    assert good.put(4, 1, 0, b"body") == ARGUMENT
    assert good.put(KEEP, 1, 0, b"odd") == ARGUMENT
    assert lib.flight_store_put(good.store, ffi.new("flight_store_event *", {"body_bytes": 4})) == ARGUMENT
    with pytest.raises(OverflowError):
        good.put(KEEP, 65536, 0, b"body")
