"""Lanes, policies, priorities, expiry and dead letters of a client, with a clock that the test moves."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flight_client import Outcome
from flight_client.events import Log, encode_event
from flight_client.lanes import QueuedEvent
from flight_client.letters import DeadLetter, DeadLetters
from flight_client.outbox import Outbox
from flight_client.platforms import get_platform
from flight_client.rules import DROP_OLDEST, LATEST_WINS, POLICIES, PRIORITIES, REFUSE, ChannelRules
from flight_client.session.common.clock import MASK, later
from flight_client.session.spec import PRIORITY_STEP_MS
from flight_client.wire.records import records

T0 = MASK - 500  # the clock wraps soon: it must not matter
BIG = 4096


def outbox(platform: str = "dreamcast") -> Outbox:
    return Outbox(get_platform(platform), 4, lambda number: f"channel-{number}")


def event(text: str, channel: int = 1, at: int = T0, key: object = None, **rules: Any) -> QueuedEvent:
    layout, body = encode_event(Log(text))
    made = ChannelRules(**rules)
    made.check()
    return QueuedEvent(channel, layout, body, at, made, made.expires_ms, key)


def text_of(body: bytes) -> str:
    return body[6 : 6 + int.from_bytes(body[4:6], "little")].decode()


def packed(box: Outbox, critical: bool = False, now: int = T0, room: int = BIG, events: int = 16) -> list[str]:
    """The texts of the next batch."""
    lane = box.critical if critical else box.lossy
    out = bytearray(room)
    size = lane.pack(out, 0, room, now, events)
    found = [text_of(bytes(out[start:end])) for _, _, start, end in records(out, 0, size)]
    assert found == [text_of(entry.body) for entry in lane.packed]
    return found


def fill(box: Outbox, critical: bool = False, **rules: Any) -> int:
    """Put until there is no room; how many fitted."""
    lane = box.critical if critical else box.lossy
    count = 0
    while lane.fits(event("x").size):
        assert box.put(event(f"{count}", **rules), critical, T0) is Outcome.QUEUED
        count += 1
    return count


# Policies


def test_drop_oldest_lets_the_oldest_lossy_event_go_and_counts_it() -> None:
    box = outbox()
    count = fill(box)
    assert box.put(event("newest"), False, T0) is Outcome.QUEUED
    assert box.dropped["oldest"] == 1
    assert box.lossy.count == count
    assert packed(box, events=2) == ["1", "2"]


def test_refuse_takes_nothing_when_the_lane_is_full_and_never_loses_what_it_took() -> None:
    box = outbox()
    fill(box, policy=REFUSE)
    assert box.put(event("more", policy=REFUSE), False, T0) is Outcome.REFUSED_FULL
    assert box.put(event("other", 2, policy=DROP_OLDEST), False, T0) is Outcome.REFUSED_FULL  # nothing may go for it
    assert sum(box.dropped.values()) == 0


def test_drop_oldest_of_one_channel_spares_the_channels_that_refuse() -> None:
    box = outbox()
    box.put(event("spared", 2, policy=REFUSE), False, T0)
    fill(box)
    assert box.put(event("newest"), False, T0) is Outcome.QUEUED
    assert packed(box, events=1) == ["spared"]
    assert packed(box, events=1) == ["1"]


def test_latest_wins_replaces_the_waiting_event_of_its_channel_and_key_and_says_so() -> None:
    box = outbox()
    for text, channel, key, outcome in (
        ("a1", 1, "a", Outcome.QUEUED),
        ("b1", 1, "b", Outcome.QUEUED),
        ("c1", 2, "a", Outcome.QUEUED),
        ("a2", 1, "a", Outcome.REPLACED),
        ("a3", 1, "a", Outcome.REPLACED),
    ):
        assert box.put(event(text, channel, key=key, policy=LATEST_WINS), False, T0) is outcome
        assert outcome.accepted
    assert box.accepted == 5
    assert box.dropped["replaced"] == 2
    assert packed(box) == ["a3", "b1"]
    assert packed(box) == ["c1"]
    assert box.put(event("a4", 1, key="a", policy=LATEST_WINS), False, T0) is Outcome.QUEUED  # the older one is gone


def test_a_replacing_event_that_is_larger_makes_room_by_dropping_others_but_never_itself() -> None:
    box = outbox()
    assert box.put(event("first", key=1, policy=LATEST_WINS), False, T0) is Outcome.QUEUED
    while box.lossy.fits(event("y" * 40).size):
        assert box.put(event("y" * 40, 2), False, T0) is Outcome.QUEUED
    assert box.put(event("z" * 200, key=1, policy=LATEST_WINS), False, T0) is Outcome.REPLACED
    assert box.dropped["oldest"] > 0
    assert box.lossy.bytes <= box.lossy.limit_bytes
    assert packed(box) == ["z" * 200]
    box = outbox()
    assert box.put(event("first", key=1, policy=LATEST_WINS), False, T0) is Outcome.QUEUED
    while box.lossy.fits(event("y" * 40).size):
        assert box.put(event("y" * 40, 2, policy=REFUSE), False, T0) is Outcome.QUEUED
    assert box.put(event("z" * 200, key=1, policy=LATEST_WINS), False, T0) is Outcome.REFUSED_FULL
    assert packed(box) == ["first"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_critical_event_is_refused_when_its_lane_is_full_whatever_the_policy(policy: str) -> None:
    box = outbox()
    fill(box, critical=True, policy=policy)
    assert box.put(event("more", policy=policy), True, T0) is Outcome.REFUSED_FULL
    assert sum(box.dropped.values()) == 0
    assert box.put(event("more", policy=policy), False, T0) is Outcome.QUEUED  # the lanes do not share their room


def test_critical_events_do_not_replace_each_other() -> None:
    box = outbox()
    for text in ("1", "2"):
        assert box.put(event(text, key=1, policy=LATEST_WINS), True, T0) is Outcome.QUEUED
    assert packed(box, critical=True) == ["1", "2"]


@pytest.mark.parametrize("critical", [True, False])
def test_a_lane_is_bounded_in_bytes_too(critical: bool) -> None:
    box = outbox()
    lane = box.critical if critical else box.lossy
    for number in range(100):
        box.put(event(f"{number:0400}"), critical, T0)
        assert lane.bytes <= lane.limit_bytes
    assert 0 < lane.count < lane.limit_events


# Priorities


def test_the_highest_priority_goes_first_and_among_equals_what_was_emitted_first() -> None:
    box = outbox()
    for channel, priority in enumerate(("low", "normal", "high", "critical", "normal"), 1):
        box.put(event(priority + str(channel), channel, priority=priority), False, T0)
    assert [packed(box) for _ in range(5)] == [["critical4"], ["high3"], ["normal2"], ["normal5"], ["low1"]]


def test_order_within_a_channel_is_kept_and_a_batch_has_one_channel() -> None:
    box = outbox()
    for number in range(6):
        box.put(event(str(number), 1 + number % 2), True, T0)
    assert packed(box, critical=True) == ["0", "2", "4"]
    assert packed(box, critical=True) == ["1", "3", "5"]


def test_low_priority_is_not_starved_for_ever() -> None:
    box = outbox()
    box.put(event("low", 1, T0, priority="low"), True, T0)
    now = T0
    seconds = 0
    found: list[str] = []
    while found != ["low"]:
        for number in range(2):  # more than goes out
            box.put(event(str(number), 2, now, priority="critical"), True, now)
        found = packed(box, critical=True, now=now, events=1)
        now = later(now, 1000)
        seconds += 1
    assert 3 * PRIORITY_STEP_MS <= seconds * 1000 <= 3 * PRIORITY_STEP_MS + 2000


def test_the_urgency_of_a_lane_is_that_of_the_event_that_goes_first() -> None:
    box = outbox()
    assert box.lossy.priority(T0) == 0
    box.put(event("n", 1), False, T0)
    box.put(event("h", 2, priority="high"), False, T0)
    assert box.lossy.priority(T0) == PRIORITIES["high"]
    assert box.lossy.priority(later(T0, PRIORITY_STEP_MS)) == PRIORITIES["critical"]


# Expiry


def test_an_event_whose_time_is_over_is_never_packed_and_is_counted() -> None:
    box = outbox()
    box.put(event("stale", expires_ms=1000), False, T0)
    box.put(event("fresh", expires_ms=3000), False, T0)
    box.put(event("for ever", 2), False, T0)
    assert box.expires_in_ms(T0, 5000) == 1000
    now = later(T0, 1000)
    box.expire(now)
    assert box.dropped["expired"] == 1
    assert box.expires_in_ms(now, 5000) == 2000
    assert packed(box, now=now) == ["fresh"]
    assert packed(box, now=now) == ["for ever"]
    assert len(box.letters) == 0


def test_a_critical_event_that_expires_becomes_a_dead_letter() -> None:
    box = outbox()
    told: list[DeadLetter] = []
    box.on_letter = told.append
    box.put(event("stale", 3, expires_ms=1), True, T0)
    box.expire(later(T0, 1))
    [letter] = box.letters.all()
    assert told == [letter]
    assert (letter.channel, letter.cause, letter.sent, letter.event) == ("channel-3", "expired", False, Log("stale"))
    assert box.dropped["expired"] == 1


def test_a_full_lane_looks_for_expired_events_before_it_drops_or_refuses() -> None:
    box = outbox()
    count = fill(box, critical=True, expires_ms=1000)
    assert box.put(event("in time"), True, later(T0, 999)) is Outcome.REFUSED_FULL
    assert box.put(event("later"), True, later(T0, 1000)) is Outcome.QUEUED
    assert len(box.letters) == count


def test_a_frame_holds_only_events_that_expire_or_only_events_that_do_not() -> None:
    box = outbox()
    for text, expires_ms in (("a", 0), ("b", 1000), ("c", 3000), ("d", 0)):
        one = event(text)
        one.expires_ms = expires_ms
        box.put(one, True, T0)
    now = later(T0, 400)
    assert packed(box, critical=True, now=now) == ["a"]
    assert box.packed_critical(0, now) == (0, 3, 2000)
    assert packed(box, critical=True, now=now) == ["b", "c"]
    assert box.packed_critical(1, now)[0] == 2600  # the last of its events decides
    assert packed(box, critical=True, now=now) == ["d"]


def test_a_frame_has_the_retries_of_its_channel() -> None:
    box = outbox()
    box.put(event("a", retries=7, retry_interval_ms=50), True, T0)
    assert packed(box, critical=True) == ["a"]
    assert box.packed_critical(0, T0) == (0, 7, 50)


# Packing


def test_a_batch_keeps_to_its_room_and_the_rest_waits() -> None:
    box = outbox()
    for number in range(6):
        box.put(event(f"{number:040}"), True, T0)
    first = packed(box, critical=True, room=160)
    assert [int(text) for text in first] == [0, 1, 2]
    assert box.critical.count == 3
    assert [int(text) for text in packed(box, critical=True)] == [3, 4, 5]
    assert packed(box, critical=True) == []


def test_an_event_that_fits_no_frame_is_dropped_with_its_cause_and_the_next_one_goes() -> None:
    box = outbox()
    for critical in (True, False):
        box.put(event("v" * 300), critical, T0)
        box.put(event("short"), critical, T0)
        lane = box.critical if critical else box.lossy
        assert packed(box, critical, room=100) == []
        box.drop_too_large(lane, T0)
        assert packed(box, critical, room=100) == ["short"]
        box.drop_too_large(lane, T0)  # nothing there: nothing happens
    assert box.dropped["too-large"] == 2
    assert [letter.cause for letter in box.letters.all()] == ["too-large"]


# Dead letters


def letter(text: str) -> DeadLetter:
    layout, body = encode_event(Log(text))
    return DeadLetter("log", "refused", 16, False, layout, body, T0)


def test_dead_letters_are_bounded_in_number_and_the_oldest_goes_counted() -> None:
    box = DeadLetters(3, 10_000)
    for number in range(5):
        box.add(letter(str(number)))
    assert [kept.event for kept in box.all()] == [Log("2"), Log("3"), Log("4")]
    assert (box.added, box.dropped, len(box)) == (5, 2, 3)


def test_dead_letters_are_bounded_in_bytes() -> None:
    box = DeadLetters(100, 100)
    for number in range(3):
        box.add(letter(f"{number:040}"))
    assert len(box) == 2
    box.add(letter("u" * 400))  # larger than the bound itself
    assert len(box) == 0
    assert box.dropped == 4


def test_removed_letters_make_room_and_one_that_is_gone_is_passed_over() -> None:
    box = DeadLetters(2, 10_000)
    first, second = letter("1"), letter("1")  # equal, and not the same
    box.add(first)
    box.add(second)
    box.remove((first, letter("1")))
    assert box.all() == (second,)
    box.remove((first,))
    box.add(first)
    assert box.dropped == 0


def test_closing_makes_letters_of_what_is_critical_in_the_order_of_the_events() -> None:
    box = outbox()
    for number in range(3):
        box.put(event(str(number), 1 + number % 2), True, T0)
    box.put(event("lossy"), False, T0)
    packed(box, critical=True, events=1)
    box.packed_critical(2, T0)
    box.close_frame(2, True)
    box.close()
    assert [(kept.event, kept.sent) for kept in box.letters.all()] == [
        (Log("0"), True),
        (Log("1"), False),
        (Log("2"), False),
    ]
    assert box.dropped["closed"] == 4
    assert box.waiting == 0


@pytest.mark.parametrize(
    "rules",
    [{"policy": "newest"}, {"priority": "urgent"}, {"expires_ms": -1}, {"retries": 1 << 29}, {"retry_interval_ms": -5}],
)
def test_rules_that_cannot_work_are_refused_with_the_value(rules: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"policy|priority|out of range") as caught:
        ChannelRules(**rules).check()
    assert str(next(iter(rules.values()))) in str(caught.value)


class OutboxMachine(RuleBasedStateMachine):
    """Any order of calls: the bounds and the law of conservation hold, order per channel and key is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.box = outbox()
        self.now = T0
        self.number = 0
        self.settled = 0
        self.last: dict[tuple[bool, int, object], int] = {}

    @rule(
        channel=st.integers(1, 3),
        size=st.sampled_from([1, 60, 300]),
        critical=st.booleans(),
        expires_ms=st.sampled_from([0, 500, 5000]),
        key=st.integers(0, 1),
    )
    def put(self, channel: int, size: int, critical: bool, expires_ms: int, key: int) -> None:
        self.number += 1
        policy = POLICIES[channel - 1]
        one = event(f"{key}{self.number:0{size}}", channel, self.now, key, policy=policy, expires_ms=expires_ms)
        self.box.put(one, critical, self.now)

    @rule(ms=st.integers(0, 3000))
    def time_passes(self, ms: int) -> None:
        self.now = later(self.now, ms)
        self.box.expire(self.now)

    @rule(critical=st.booleans(), room=st.sampled_from([100, 500, 2000]))
    def pack(self, critical: bool, room: int) -> None:
        self.box.expire(self.now)
        lane = self.box.critical if critical else self.box.lossy
        found = packed(self.box, critical, self.now, room)
        self.settled += len(found)
        for one in lane.packed:
            assert not one.expired(self.now)
            key = (critical, one.channel, one.key)
            number = int(text_of(one.body)[1:])
            assert self.last.get(key, 0) < number
            self.last[key] = number

    @invariant()
    def bounds_and_law(self) -> None:
        box = self.box
        for lane in (box.critical, box.lossy):
            waiting = lane.everything()
            assert lane.count == len(waiting) <= lane.limit_events
            assert lane.bytes == sum(one.size for one in waiting) <= lane.limit_bytes
        assert box.accepted == self.settled + box.waiting + sum(box.dropped.values())


OutboxMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestOutbox = OutboxMachine.TestCase
