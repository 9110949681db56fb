"""The hub: what is stored reaches every subscriber, and a slow one hurts nobody else."""

import pytest

from flight_client.gateway.engines import (
    AppendStatus,
    Entry,
)
from flight_client.gateway.hub import Gap, SubscriberLimits
from flight_client.session import spec
from tests.gateway.desk import BENCH, LIFE, Desk, HeldEngine, drain, make_desk, nothing, settle

# Fan-out


async def test_a_live_subscriber_gets_what_is_published_after_it_came(desk: Desk) -> None:
    desk.publish(2)
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    assert subscription.starts_after == 2
    desk.publish(3)
    assert drain(subscription) == [3, 4, 5]


async def test_an_entry_carries_the_time_at_which_the_gateway_got_it(desk: Desk) -> None:
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish()
    entry = subscription.next()
    assert isinstance(entry, Entry)
    assert entry.received_ms == 1_700_000_000_000


async def test_all_subscribers_share_one_payload(desk: Desk) -> None:
    subscriptions = [await desk.hub.subscribe("log", spec.START_LIVE, nothing) for _ in range(3)]
    desk.publish()
    first, second, third = (subscription.next() for subscription in subscriptions)
    assert isinstance(first, Entry)
    assert first is second is third


async def test_a_subscriber_of_another_channel_gets_nothing(desk: Desk) -> None:
    subscription = await desk.hub.subscribe("frame-time", spec.START_LIVE, nothing)
    desk.publish()
    assert drain(subscription) == []


async def test_nothing_is_fanned_out_before_it_is_stored() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish(counter=1)
    assert (drain(subscription), desk.results) == ([], [])
    engine.answer()
    assert drain(subscription) == [1]
    assert desk.results[0].status is AppendStatus.STORED


async def test_a_batch_that_could_not_be_stored_is_never_fanned_out() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish(counter=1)
    engine.answer(fail=True)
    assert drain(subscription) == []
    assert desk.results[0].error == "disk is full"


async def test_a_duplicate_is_not_fanned_out_again(desk: Desk) -> None:
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish(counter=1, events=3)
    desk.publish(counter=1, events=3)
    assert drain(subscription) == [1]
    assert [result.status for result in desk.results] == [AppendStatus.STORED, AppendStatus.DUPLICATE]


async def test_what_was_on_its_way_when_an_append_failed_cannot_overtake_it() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    desk.publish(3, counter=1, events=2)
    engine.answer(fail=True)
    engine.answer()
    engine.answer()
    assert [result.status for result in desk.results] == [AppendStatus.FAILED] * 3
    desk.publish(3, counter=1, events=2)
    for _ in range(3):
        engine.answer()
    assert [result.mark for result in desk.results[3:]] == [2, 4, 6]


async def test_batches_sent_again_while_the_failed_ones_are_on_their_way_are_stored() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    desk.publish(2, counter=1, events=2)
    engine.answer(fail=True)
    desk.publish(2, counter=1, events=2)
    for _ in range(3):
        engine.answer()
    failed, stored = AppendStatus.FAILED, AppendStatus.STORED
    assert [result.status for result in desk.results] == [failed, failed, stored, stored]
    assert desk.hub._on_the_way == {}


async def test_the_counters_account_for_every_event(desk: Desk) -> None:
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish(counter=1, events=4)
    desk.publish(counter=3, events=4)
    desk.publish(counter=1, events=2)
    desk.publish(2, events=5)
    desk.hub.publish("No Such Name", BENCH, LIFE, 0, 7, 0, bytes(28), desk.results.append)
    drain(subscription)
    now = desk.hub.counters()
    assert (now.batches, now.published, now.stored, now.duplicate, now.failed) == (6, 27, 16, 4, 7)
    assert now.published == now.stored + now.duplicate + now.failed
    assert now.delivered == 16
    subscription.close()
    assert desk.hub.counters() == now


# Ready


async def test_a_subscriber_is_told_once_until_it_has_taken_everything(desk: Desk) -> None:
    told: list[int] = []
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, lambda: told.append(1))
    desk.publish(5)
    assert len(told) == 1
    subscription.next()
    desk.publish(1)
    assert len(told) == 1
    drain(subscription)
    desk.publish(2)
    assert len(told) == 2


async def test_a_subscriber_that_raises_does_not_stop_the_others(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("a fault of one connection")

    await desk.hub.subscribe("log", spec.START_LIVE, fail)
    other = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish()
    assert drain(other) == [1]
    assert desk.results[0].status is AppendStatus.STORED
    assert "could not be told" in caplog.text


async def test_a_subscriber_may_leave_while_it_is_told(desk: Desk) -> None:
    first = await desk.hub.subscribe("log", spec.START_LIVE, lambda: first.close())  # noqa: PLW0108  not there yet
    second = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish(2)
    assert drain(second) == [1, 2]
    assert desk.hub.subscribers() == 1


async def test_a_closed_subscription_gets_and_holds_nothing(desk: Desk) -> None:
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    desk.publish(3)
    subscription.close()
    subscription.close()
    desk.publish(3)
    assert (len(subscription), subscription.queued_bytes, desk.hub.subscribers()) == (0, 0, 0)


async def test_a_subscriber_with_history_is_told_without_waiting_for_new_events(desk: Desk) -> None:
    desk.publish(3)
    told: list[int] = []
    await desk.hub.subscribe("log", spec.START_LAST, lambda: told.append(1), count=2)
    await settle()
    assert told == [1]


# Slow subscribers


async def test_a_full_queue_drops_its_oldest_entries_counts_them_and_says_the_gap(desk: Desk) -> None:
    limits = SubscriberLimits(entries=4)
    slow = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=limits)
    desk.publish(2)
    assert drain(slow) == [1, 2]
    desk.publish(9, events=3)
    assert len(slow) == 4
    assert (slow.dropped_entries, slow.dropped_events, slow.dropped_critical) == (5, 15, 0)
    assert drain(slow) == [Gap(2, 7, spec.GAP_SLOW), 8, 9, 10, 11]
    assert desk.hub.counters().dropped == 15


async def test_dropped_critical_events_are_counted_on_their_own(desk: Desk) -> None:
    slow = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=SubscriberLimits(entries=1))
    desk.publish(3, counter=1, events=2)
    assert (slow.dropped_events, slow.dropped_critical) == (4, 4)


async def test_the_queue_is_bounded_in_bytes_too(desk: Desk) -> None:
    slow = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=SubscriberLimits(bytes=1000))
    desk.publish(10, body=252)  # 300 bytes each
    assert (len(slow), slow.queued_bytes) == (3, 900)
    assert drain(slow) == [Gap(0, 7, spec.GAP_SLOW), 8, 9, 10]
    assert slow.queued_bytes == 0


async def test_an_entry_larger_than_the_whole_queue_is_a_gap_at_once(desk: Desk) -> None:
    small = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=SubscriberLimits(bytes=100))
    desk.publish(1, body=400)
    assert drain(small) == [Gap(0, 1, spec.GAP_SLOW)]
    desk.publish(1)
    assert drain(small) == [2]


async def test_an_entry_larger_than_the_subscribers_frames_is_a_gap_with_that_reason(desk: Desk) -> None:
    console = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=SubscriberLimits(entry_bytes=600))
    desk.publish(1)
    desk.publish(1, body=800)
    desk.publish(1)
    assert drain(console) == [1, Gap(1, 2, spec.GAP_LIMIT), 3]
    assert (console.too_large_entries, console.delivered_entries) == (1, 2)


async def test_one_stalled_subscriber_costs_the_others_nothing(desk: Desk) -> None:
    stalled = await desk.hub.subscribe("log", spec.START_LIVE, nothing, limits=SubscriberLimits(entries=8))
    others = [await desk.hub.subscribe("log", spec.START_LIVE, nothing) for _ in range(3)]
    taken: list[list[int | Gap]] = [[], [], []]
    for _ in range(100):
        desk.publish(10)
        for index, other in enumerate(others):
            taken[index] += drain(other)
    assert taken == [list(range(1, 1001))] * 3
    assert [other.dropped_entries for other in others] == [0, 0, 0]
    assert len(stalled) == 8
