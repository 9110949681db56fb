"""The store of critical frames against a plain model: a list."""

import dataclasses

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flight_client.session.common.clock import later
from flight_client.session.common.fields import age_code, get_u16, get_u32
from flight_client.session.device.store import SendStore
from flight_client.session.spec import CRITICAL_PREFIX_BYTES, HEADER_BYTES


@dataclasses.dataclass
class Held:
    events: int
    counter: int
    channel: int
    record_bytes: int
    packed_at: int
    refused: bool = False


class StoreMachine(RuleBasedStateMachine):
    """Every operation is done on the store and on a list; then both must look the same."""

    @initialize(frames=st.integers(1, 5), now=st.integers(0, (1 << 30) - 1))
    def begin(self, frames, now):
        self.store = SendStore(frames, 64)
        self.frames = frames
        self.now = now
        self.held: list[Held] = []
        self.base = 1
        self.cursor = 0
        self.sent = 0
        self.sent_at: dict[int, int] = {}
        self.next_counter = 1

    def drop_first(self, count):
        acked = sum(held.events for held in self.held[:count] if not held.refused)
        refused = sum(held.events for held in self.held[:count] if held.refused)
        del self.held[:count]
        self.base += count
        self.cursor = max(0, self.cursor - count)
        self.sent = max(0, self.sent - count)
        assert (self.store.acked_events, self.store.refused_events) == (acked, refused)

    @rule(ms=st.integers(0, 50_000))
    def time_passes(self, ms):
        self.now = later(self.now, ms)

    @precondition(lambda self: self.store.room())
    @rule(events=st.integers(1, 5), channel=st.integers(1, 9), record_bytes=st.integers(4, 40))
    def commit(self, events, channel, record_bytes):
        self.store.free_buffer()[24] = self.next_counter & 255
        self.store.commit(record_bytes, events, channel, self.next_counter, self.now)
        self.held.append(Held(events, self.next_counter, channel, record_bytes, self.now))
        self.next_counter += events

    @rule(window=st.integers(1, 6))
    def take(self, window):
        due = self.cursor < min(len(self.held), window)
        assert self.store.to_send(window) == due
        if not due:
            return
        slot = self.store.take(self.now)
        held = self.held[self.cursor]
        buffer = self.store.buffer(slot)
        assert get_u32(buffer, HEADER_BYTES) == held.counter
        assert get_u16(buffer, HEADER_BYTES + 4) == age_code((self.now - held.packed_at) & 0x3FFFFFFF)
        assert self.store.payload_bytes(slot) == CRITICAL_PREFIX_BYTES + held.record_bytes
        assert self.store.channel(slot) == held.channel
        self.sent_at[self.base + self.cursor] = self.now
        self.cursor += 1
        self.sent = max(self.sent, self.cursor)

    @rule(ahead=st.integers(-3, 6))
    def acknowledge(self, ahead):
        ack = self.base + ahead
        before = (self.store.used, self.store.base)
        known = self.store.acknowledge(ack)
        assert known == (ack <= self.base + self.sent)
        if known:
            self.drop_first(max(0, ahead))
        else:
            assert (self.store.used, self.store.base) == before
            assert (self.store.acked_events, self.store.refused_events) == (0, 0)

    @rule(back=st.integers(-2, 6))
    def acknowledge_counters(self, back):
        mark = self.next_counter - 1 - back
        self.store.acknowledge_counters(mark)
        count = 0
        while count < len(self.held) and self.held[count].counter + self.held[count].events - 1 <= mark:
            count += 1
        self.drop_first(count)

    @rule(at=st.integers(-2, 4))
    def refuse(self, at):
        seq = self.base + at
        was_sent = 0 < seq < self.base + self.sent
        assert self.store.was_sent(seq) == was_sent
        if not was_sent:
            return
        assert self.store.refuse(seq) == (at >= 0)
        if at >= 0:
            self.held[at].refused = True

    @rule()
    def rewind(self):
        self.store.rewind()
        self.cursor = 0

    @rule()
    def renumber(self):
        self.store.renumber()
        self.base = 1
        self.cursor = self.sent = 0
        for held in self.held:
            held.refused = False

    @rule(counter=st.integers(1, 1 << 29))
    def recount(self, counter):
        end = self.store.recount(counter)
        for held in self.held:
            held.counter = counter
            counter += held.events
        assert end == counter
        self.next_counter = counter

    @rule()
    def clear(self):
        self.store.clear()
        self.base += len(self.held)
        self.held = []
        self.cursor = self.sent = 0

    @invariant()
    def both_look_the_same(self):
        store = self.store
        assert (store.base, store.used, store.cursor, store.sent) == (self.base, len(self.held), self.cursor, self.sent)
        assert store.events_held == sum(held.events for held in self.held)
        assert store.room() == (len(self.held) < self.frames)
        waits = (self.now - self.sent_at[self.base]) & 0x3FFFFFFF if self.cursor else 0
        assert store.oldest_wait_ms(self.now) == waits


StoreMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=60, deadline=None)
TestStoreAgainstAList = StoreMachine.TestCase


def filled(frames=4, sent=2):
    store = SendStore(frames, 64)
    for i in range(frames):
        store.commit(8, 2, 1, 1 + 2 * i, 0)
    for _ in range(sent):
        store.take(0)
    return store


def test_an_acknowledgement_of_what_was_never_sent_is_refused():
    store = filled(sent=2)
    assert not store.acknowledge(4)
    assert store.used == 4
    assert store.acknowledge(3)
    assert store.acked_events == 4


def test_an_acknowledgement_of_the_last_transport_still_counts_after_a_rewind():
    store = filled(sent=3)
    store.rewind()
    assert store.acknowledge(4)
    assert (store.used, store.cursor, store.sent) == (1, 0, 0)


def test_an_older_acknowledgement_changes_nothing():
    store = filled(sent=4)
    assert store.acknowledge(4)
    assert store.acknowledge(2)
    assert store.used == 1


def test_a_refused_frame_is_counted_when_it_leaves():
    store = filled(sent=3)
    assert store.refuse(2)
    assert store.acknowledge(4)
    assert (store.acked_events, store.refused_events) == (4, 2)
    assert not store.refuse(2)


def test_a_new_session_decides_again_about_a_refused_frame():
    store = filled(sent=1)
    store.refuse(1)
    store.renumber()
    store.take(0)
    assert store.acknowledge(2)
    assert (store.acked_events, store.refused_events) == (2, 0)


@pytest.mark.parametrize("mark", range(10))
def test_a_mark_in_the_midst_of_a_frame_keeps_the_frame(mark):
    store = filled()
    store.acknowledge_counters(mark)
    assert store.events_held == 8 - 2 * (mark // 2 if mark < 8 else 4)
