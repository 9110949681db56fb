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
    expires_ms: int
    retries: int
    retry_ms: int
    tag: int  # the first byte of its records
    doubt: str = "no"  # "maybe", "for ever"
    given_up: bool = False

    @property
    def payload_bytes(self) -> int:
        return 0 if self.given_up else CRITICAL_PREFIX_BYTES + self.record_bytes


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
        self.wait: tuple[int, int] | None = None  # number and time
        self.accepted = 0
        self.acked = 0
        self.letters = 0

    def drop_first(self, count):
        acked = sum(held.events for held in self.held[:count] if not held.given_up)
        del self.held[:count]
        self.base += count
        self.cursor = max(0, self.cursor - count)
        self.sent = max(0, self.sent - count)
        self.acked += acked
        assert self.store.acked_events == acked

    def give_up(self, held):
        held.given_up = True
        self.letters += held.events
        assert self.store.letter_events == held.events
        assert self.store.letter_sent == (held.doubt != "no")

    @rule(ms=st.integers(0, 50_000))
    def time_passes(self, ms):
        self.now = later(self.now, ms)

    @precondition(lambda self: self.store.room())
    @rule(
        events=st.integers(1, 5),
        channel=st.integers(1, 9),
        record_bytes=st.integers(4, 40),
        expires_ms=st.sampled_from([0, 1, 20_000]),
        retries=st.integers(0, 2),
        retry_ms=st.sampled_from([0, 30_000]),
    )
    def commit(self, events, channel, record_bytes, expires_ms, retries, retry_ms):
        slot = self.store.free_slot()
        self.store.free_buffer()[24] = self.next_counter & 255
        self.store.commit(record_bytes, events, channel, self.next_counter, self.now, expires_ms, retries, retry_ms)
        assert self.store.channel(slot) == channel
        self.held.append(
            Held(
                events, self.next_counter, channel, record_bytes, self.now, expires_ms, retries, retry_ms,
                self.next_counter & 255,
            )
        )  # fmt: skip
        self.next_counter += events
        self.accepted += events

    def waits_ms(self):
        if self.wait is None or self.wait[0] != self.base + self.cursor:
            return 0
        return max(0, (self.wait[1] - self.now + (1 << 29)) % (1 << 30) - (1 << 29))

    @rule(window=st.integers(1, 6), window_bytes=st.sampled_from([1, 60, 100, 1000]))
    def take(self, window, window_bytes):
        out = sum(held.payload_bytes for held in self.held[: self.cursor])
        due = self.cursor < min(len(self.held), window) and not self.waits_ms()
        due = due and (not self.cursor or out + self.held[self.cursor].payload_bytes <= window_bytes)
        assert self.store.hold_ms(self.now, 1000) == min(1000, self.waits_ms())
        assert self.store.to_send(window, window_bytes, self.now) == due
        if not due:
            return
        held = self.held[self.cursor]
        over = not held.given_up and held.expires_ms and (self.now - held.packed_at) % (1 << 30) >= held.expires_ms
        assert self.store.expire(self.now) == bool(over)
        if over:
            self.give_up(held)
        slot = self.store.take(self.now)
        buffer = self.store.buffer(slot)
        assert get_u32(buffer, HEADER_BYTES) == held.counter
        assert self.store.skipped(slot) == held.given_up
        assert self.store.payload_bytes(slot) == held.payload_bytes
        if not held.given_up:
            assert get_u16(buffer, HEADER_BYTES + 4) == age_code((self.now - held.packed_at) & 0x3FFFFFFF)
            held.doubt = "maybe" if held.doubt == "no" else held.doubt
        assert self.store.channel(slot) == held.channel
        if self.wait is not None and self.wait[0] == self.base + self.cursor:
            self.wait = None
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
            assert self.store.acked_events == 0

    @rule(back=st.integers(-2, 6))
    def acknowledge_counters(self, back):
        mark = self.next_counter - 1 - back
        self.store.acknowledge_counters(mark)
        count = 0
        while count < len(self.held) and (
            self.held[count].given_up or self.held[count].counter + self.held[count].events - 1 <= mark
        ):
            count += 1
        self.drop_first(count)

    @rule(at=st.integers(-2, 4), again=st.booleans())
    def refuse(self, at, again):
        letter = self.store.letter_slot = -1
        known = self.store.refuse(self.base + at, again, self.now)
        assert known == (0 <= at < self.sent)
        if known:
            held = self.held[at]
            self.cursor = min(self.cursor, at)
            self.wait = None
            held.doubt = "no" if held.doubt == "maybe" else held.doubt
            if not held.given_up and again and held.retries:
                held.retries -= 1
                self.wait = (self.base + at, later(self.now, held.retry_ms))
            elif not held.given_up:
                self.give_up(held)
                letter = self.store.letter_slot
                assert self.store.buffer(letter)[24] == held.tag
        assert self.store.letter_slot == letter

    @rule()
    def rewind(self):
        self.store.rewind()
        self.cursor = 0

    @rule(same_log=st.booleans())
    def settled(self, same_log):
        self.store.settled(same_log)
        self.wait = None
        for held in self.held:
            if held.doubt == "maybe":
                held.doubt = "no" if same_log else "for ever"

    @rule()
    def renumber(self):
        self.store.renumber()
        self.store.settled(True)
        self.base = 1
        self.cursor = self.sent = 0
        self.wait = None
        for held in self.held:
            held.doubt = "no" if held.doubt == "maybe" else held.doubt

    @rule(counter=st.integers(1, 1 << 29))
    def recount(self, counter):
        end = self.store.recount(counter)
        for held in self.held:
            held.counter = counter
            counter += 0 if held.given_up else held.events
        assert end == counter
        self.next_counter = counter

    @rule()
    def abandon(self):
        for held in self.held:
            if not held.given_up:
                assert self.store.abandon()
                self.give_up(held)
        assert not self.store.abandon()
        self.base += len(self.held)
        self.held = []
        self.cursor = self.sent = 0

    @invariant()
    def both_look_the_same(self):
        store = self.store
        assert (store.base, store.used, store.cursor, store.sent) == (self.base, len(self.held), self.cursor, self.sent)
        assert store.events_held == sum(held.events for held in self.held if not held.given_up)
        assert store.bytes_out == sum(held.payload_bytes for held in self.held[: self.cursor])
        assert store.room() == (len(self.held) < self.frames)
        waits = (self.now - self.sent_at[self.base]) & 0x3FFFFFFF if self.cursor else 0
        assert store.oldest_wait_ms(self.now) == waits

    @invariant()
    def every_event_has_one_fate(self):
        assert self.accepted == self.acked + self.letters + self.store.events_held


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


@pytest.mark.parametrize("mark", range(10))
def test_a_mark_in_the_midst_of_a_frame_keeps_the_frame(mark):
    store = filled()
    store.acknowledge_counters(mark)
    assert store.events_held == 8 - 2 * (mark // 2 if mark < 8 else 4)


def test_what_was_given_up_is_not_the_oldest_event_that_is_not_settled():
    store = filled(frames=3, sent=3)
    assert store.first_counter(7) == 1
    assert store.refuse(1, False, 0)
    assert store.first_counter(7) == 3
    for seq in (2, 3):
        assert store.refuse(seq, False, 0)
    assert store.first_counter(7) == 7
    assert SendStore(1, 64).first_counter(5) == 5


def test_a_closing_owner_gets_a_letter_for_each_frame_that_was_not_given_up_before():
    store = filled(frames=3, sent=2)
    assert store.refuse(1, False, 0)
    letters = []
    while store.abandon():
        letters.append((store.letter_events, store.letter_sent))
    assert letters == [(2, True), (2, False)]
    assert (store.used, store.events_held, store.bytes_out) == (0, 0, 0)
