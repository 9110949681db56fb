"""The hub: a subscriber that begins in the past gets everything once, or a gap that says what is missing."""

import random
from pathlib import Path

import pytest

from flight_client.errors import RefusedError
from flight_client.gateway.engines import (
    EngineLimits,
    open_engine,
)
from flight_client.gateway.engines.base import Portion
from flight_client.gateway.engines.memory import MemoryEngine
from flight_client.gateway.hub import Gap, Hub, SubscriberLimits, Subscription
from flight_client.session import spec
from tests.gateway.desk import LIFE, Desk, HeldEngine, allow, drain, drain_all, make_desk, nothing, settle, skip_records

# History


async def test_the_last_entries_come_first_and_then_the_live_ones(desk: Desk) -> None:
    desk.publish(10)
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=3)
    assert subscription.starts_after == 7
    desk.publish(2)
    assert await drain_all(subscription) == [8, 9, 10, 11, 12]
    desk.publish()
    assert drain(subscription) == [13]


async def test_more_than_there_is_gives_everything(desk: Desk) -> None:
    desk.publish(3)
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=99)
    assert await drain_all(subscription) == [1, 2, 3]


async def test_history_of_a_channel_without_entries_is_empty_and_then_live(desk: Desk) -> None:
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=5)
    assert subscription.starts_after == 0
    desk.publish(2)
    assert await drain_all(subscription) == [1, 2]


async def test_after_an_offset_nothing_is_missed_and_nothing_doubled(desk: Desk) -> None:
    desk.publish(6)
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=desk.hub.epoch, offset=4)
    assert subscription.starts_after == 4
    desk.publish(2)
    assert await drain_all(subscription) == [5, 6, 7, 8]


async def test_after_the_newest_offset_it_is_live_at_once(desk: Desk) -> None:
    desk.publish(6)
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=desk.hub.epoch, offset=6)
    assert not subscription.catching_up
    desk.publish()
    assert drain(subscription) == [7]


async def test_history_longer_than_the_queue_is_read_in_steps_and_nothing_is_dropped(desk: Desk) -> None:
    desk.publish(1000)
    limits = SubscriberLimits(entries=16, bytes=2000)
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=1000, limits=limits)
    taken: list[int | Gap] = []
    while len(taken) < 1100:
        await settle()
        assert len(subscription) <= 16
        assert subscription.queued_bytes <= 2000
        step = drain(subscription)
        if len(taken) < 100:
            desk.publish(100 - len(taken) if len(taken) + len(step) >= 100 else len(step))
        taken += step
    assert taken == list(range(1, 1101))
    assert subscription.dropped_entries == 0


async def test_a_trimmed_beginning_is_a_gap_with_its_range() -> None:
    desk = await make_desk(MemoryEngine(skip_records, EngineLimits(history_entries=5)))
    desk.publish(20)
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=desk.hub.epoch, offset=3)
    assert await drain_all(subscription) == [Gap(3, 15, spec.GAP_TRIMMED), 16, 17, 18, 19, 20]


async def test_a_log_that_was_emptied_is_a_gap_without_waiting_for_an_entry(desk: Desk) -> None:
    desk.publish(6)
    await desk.hub.engine.trim("log", 0)
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=desk.hub.epoch, offset=2)
    assert await drain_all(subscription) == [Gap(2, 6, spec.GAP_TRIMMED)]
    desk.publish()
    assert drain(subscription) == [7]


async def test_a_log_trimmed_past_a_slow_reader_of_history_is_a_gap() -> None:
    desk = await make_desk(MemoryEngine(skip_records, EngineLimits(history_entries=50)))
    desk.publish(50)
    limits = SubscriberLimits(entries=10)
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=50, limits=limits)
    await settle()
    desk.publish(100)
    taken = await drain_all(subscription)
    assert taken == [*range(1, 11), Gap(10, 100, spec.GAP_TRIMMED), *range(101, 151)]


async def test_a_log_emptied_under_a_reader_of_history_is_a_gap(desk: Desk) -> None:
    desk.publish(50)
    limits = SubscriberLimits(entries=10)
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=50, limits=limits)
    await settle()
    await desk.hub.engine.trim("log", 0)
    assert await drain_all(subscription) == [*range(1, 11), Gap(10, 50, spec.GAP_TRIMMED)]


async def test_another_epoch_is_a_gap_and_everything_still_there_comes(desk: Desk) -> None:
    desk.publish(3)
    told: list[int] = []
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, lambda: told.append(1), epoch=b"\7" * 8, offset=2)
    assert subscription.starts_after == 0
    assert await drain_all(subscription) == [Gap(0, 0, spec.GAP_EPOCH), 1, 2, 3]
    assert told == [1]


async def test_another_epoch_on_an_empty_log_is_said_too(desk: Desk) -> None:
    told: list[int] = []
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, lambda: told.append(1), epoch=b"\7" * 8, offset=2)
    await settle()
    assert told == [1]
    assert drain(subscription) == [Gap(0, 0, spec.GAP_EPOCH)]


async def test_another_epoch_of_a_trimmed_log_names_what_is_gone() -> None:
    desk = await make_desk(MemoryEngine(skip_records, EngineLimits(history_entries=2)))
    desk.publish(5)
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=bytes(8), offset=0)
    assert await drain_all(subscription) == [Gap(0, 3, spec.GAP_EPOCH), 4, 5]


async def test_an_offset_that_the_log_never_had_is_treated_as_another_epoch(desk: Desk) -> None:
    desk.publish(2)
    subscription = await desk.hub.subscribe("log", spec.START_AFTER, nothing, epoch=desk.hub.epoch, offset=99)
    assert await drain_all(subscription) == [Gap(0, 0, spec.GAP_EPOCH), 1, 2]


async def test_an_unknown_start_mode_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError) as caught:
        await desk.hub.subscribe("log", 9, nothing)
    assert caught.value.code == spec.CODE_UNSUPPORTED


async def test_history_that_cannot_be_read_is_logged_and_comes_when_it_can(caplog: pytest.LogCaptureFixture) -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    desk.publish(3)
    for _ in range(3):
        engine.answer()
    engine.unreadable = True
    subscription = await desk.hub.subscribe("log", spec.START_LAST, nothing, count=3)
    await settle()
    assert drain(subscription) == []
    assert "waits for its history" in caplog.text
    engine.unreadable = False
    desk.publish()
    engine.answer()
    assert await drain_all(subscription) == [1, 2, 3, 4]
    subscription.close()


async def test_an_entry_that_the_hub_was_not_told_of_is_read_from_the_log(desk: Desk) -> None:
    """As after a commit whose answer was lost, or from another gateway on the same log."""
    subscription = await desk.hub.subscribe("log", spec.START_LIVE, nothing)
    engine = desk.hub.engine
    assert isinstance(engine, MemoryEngine)
    desk.publish()
    engine._on_entry = lambda entry: None
    desk.publish(2)
    engine._on_entry = desk.hub._fan_out
    desk.publish(2)
    assert await drain_all(subscription) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("url", ["memory:", "sqlite:"])
async def test_in_any_order_of_steps_a_subscriber_sees_each_offset_once_or_in_a_gap(
    url: str, seed: int, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    engine = open_engine(
        url if url == "memory:" else f"sqlite:{tmp_path / 'flight.db'}", skip_records, EngineLimits(history_entries=60)
    )
    hub = Hub(engine, permit=allow)
    await hub.start()
    desk = Desk(hub)
    limits = SubscriberLimits(entries=draw.choice([2, 7, 40]), bytes=draw.choice([300, 4000]))
    followed: list[tuple[Subscription, int, list[int | Gap]]] = []
    published = 0
    for _ in range(120):
        step = draw.randrange(6)
        if step < 2:
            count = draw.randrange(1, 12)
            published += count
            desk.publish(count)
        elif step == 2 and len(followed) < 6:
            start = draw.choice([spec.START_LIVE, spec.START_AFTER, spec.START_LAST])
            subscription = await hub.subscribe(
                "log",
                start,
                nothing,
                epoch=hub.epoch,
                offset=0,
                limits=limits,
                count=draw.randrange(80) if start == spec.START_LAST else 0,
            )
            followed.append((subscription, subscription.cursor, []))
        elif step == 3 and followed:
            subscription, _, taken = draw.choice(followed)
            for _ in range(draw.randrange(30)):
                item = subscription.next()
                assert not isinstance(item, Portion)
                if item is not None:
                    taken.append(item if isinstance(item, Gap) else item.offset)
        else:
            await settle()
    await hub.engine.marks("bench-1", LIFE)
    for subscription, start_after, taken in followed:
        while subscription.cursor < published:
            taken.extend(drain(subscription))
            await hub.engine.bounds("log")
            await settle()
        position = start_after
        for seen in taken:
            if isinstance(seen, Gap):
                assert seen.after == position, f"seed {seed}"
                assert seen.to > seen.after
                position = seen.to
            else:
                assert seen == position + 1, f"seed {seed}"
                position = seen
        assert position == published
        assert len(subscription) <= limits.entries
    await hub.close()
