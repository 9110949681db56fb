"""How long lossy events collect, how many go together, and how both follow the memory and the link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.session.common.clock import MASK, later
from flight_client.session.common.profile import Profile
from flight_client.session.device.batching import Batching
from flight_client.session.spec import (
    PRESSURE_QUEUE_EVENTS,
    PROFILES,
    STATE_CLOSED,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
    TYPE_DATA,
    TYPE_POLL,
)
from tests.session.device_world import POLLING, emit, kinds
from tests.session.harness import World

T0 = MASK - 300  # the clock wraps in the midst of each test


def batching(platform, link=0):
    profile = Profile(PROFILES[platform])
    profile.link_bytes_per_s = link
    b = Batching(profile)
    b.begin()
    return b


def figures(b):
    return b.events, b.delay_ms, b.queue_events


def test_before_it_has_begun_nothing_collects_and_nothing_is_bounded():
    b = Batching(Profile(PROFILES["dreamcast"]))
    b.memory(0)
    assert not b.full(1 << 20)
    assert b.due(1, T0)
    assert b.events == b.queue_events == 1 << 28


@pytest.mark.parametrize("platform", PROFILES)
def test_with_memory_and_a_fast_link_the_profile_s_values_hold(platform):
    profile = Profile(PROFILES[platform])
    b = batching(platform)
    for free_share in (10000, 7000, 5000, -1):
        b.memory(free_share)
        assert figures(b) == (profile.batch_events, profile.batch_delay_ms, profile.lossy_slots)


@pytest.mark.parametrize("platform", PROFILES)
def test_as_free_memory_falls_batches_go_earlier_and_smaller_down_to_a_quarter(platform):
    b = batching(platform)
    first = figures(b)
    before = first
    for free_share in range(5000, -1, -50):
        b.memory(free_share)
        assert all(now <= then for now, then in zip(figures(b), before, strict=True))
        before = figures(b)
    assert before == (first[0] // 4, first[1] // 4, max(PRESSURE_QUEUE_EVENTS, first[2] // 4))
    b.memory(1000)
    assert figures(b) == before
    b.memory(3000)  # half way
    assert b.events == first[0] * 10 // 16
    b.memory(10000)
    assert figures(b) == first


@given(st.sampled_from(sorted(PROFILES)), st.integers(-1, 10000), st.integers(0, 2_000_000), st.integers(1, 1024))
def test_the_bounds_hold_for_every_memory_link_and_wish(platform, free_share, link, wish):
    profile = Profile(PROFILES[platform])
    b = batching(platform, link)
    b.memory(free_share)
    b.limit_queue(min(wish, profile.lossy_slots))
    assert 1 <= b.events <= profile.batch_events
    assert profile.batch_delay_ms // 4 <= b.delay_ms <= max(250, profile.batch_delay_ms)
    assert 1 <= b.queue_events <= profile.lossy_slots


def test_on_a_slow_link_a_batch_is_what_it_drains_in_a_quarter_of_a_second():
    assert figures(batching("vita", 11_520))[:2] == (32, 100)  # 45 would fit: the profile's
    assert figures(batching("vita", 3_600))[:2] == (14, 250)
    assert figures(batching("dreamcast", 3_600))[:2] == (14, 1000)
    assert figures(batching("vita", 960))[:2] == (3, 250)
    assert figures(batching("vita", 10))[:2] == (1, 250)


def test_a_batch_goes_when_it_is_full_when_its_queue_is_half_full_or_when_it_is_old():
    b = batching("dreamcast")
    assert not b.full(15)
    assert b.full(16)
    b.limit_queue(10)
    assert b.full(5)
    assert not b.full(4)
    assert not b.due(1, T0)
    assert b.due_in_ms(1, T0) == 1000
    assert not b.due(2, later(T0, 999))
    assert b.due_in_ms(2, later(T0, 999)) == 1
    assert b.due(2, later(T0, 1000))


def test_when_a_batch_is_due_all_goes_that_waits_and_then_the_delay_begins_again():
    b = batching("dreamcast")
    assert b.due(40, T0)
    assert b.due(8, T0)  # what one frame left behind
    assert b.due_in_ms(8, T0) == 0
    assert not b.due(0, T0)
    assert not b.due(1, later(T0, 500))
    assert b.due_in_ms(1, later(T0, 500)) == 1000


def collecting(transport=TRANSPORT_TCP, platform="vita"):
    world = World((transport,), platform, adapts=True)
    world.start()
    return world


@pytest.mark.parametrize("platform", PROFILES)
@pytest.mark.parametrize("transport", [TRANSPORT_TCP, TRANSPORT_WEBSOCKET])
def test_lossy_events_collect_for_the_profile_s_delay_and_the_session_sleeps_until_then(platform, transport):
    world = collecting(transport, platform)
    delay_ms = world.profile.batch_delay_ms
    since = len(world.sent)
    emit(world, 1, critical=False)
    world.run()
    world.pass_ms(delay_ms - 10)
    emit(world, 1, critical=False)
    world.run()
    assert TYPE_DATA not in kinds(world, since)
    assert world.device.wake_in_ms(world.now) == 10
    world.sleep_ms(10)
    assert kinds(world, since).count(TYPE_DATA) == 1
    assert world.store.lossy_events == [0, 1]


def test_critical_events_do_not_collect():
    world = collecting(platform="dreamcast")
    emit(world, 1)
    world.run()
    assert world.store.critical_events == [0]


@pytest.mark.parametrize("count", [16, 40])
def test_a_full_batch_goes_at_once(count):
    world = collecting(platform="dreamcast")
    world.device.sender.limit_link(0)
    emit(world, 15, critical=False)
    world.run()
    assert world.store.lossy_events == []
    emit(world, count - 15, critical=False)
    world.run()
    assert world.store.lossy_events == list(range(count))


@pytest.mark.parametrize("transport", [TRANSPORT_TCP, POLLING[0]])
def test_a_dreamcast_at_60_events_a_second_overflows_no_queue(transport):
    world = collecting(transport, "dreamcast")
    most = 0
    for _ in range(600):  # 10 s of frames
        emit(world, 1, critical=False)
        world.sleep_ms(17)
        most = max(most, len(world.lossy))
    assert most <= world.profile.lossy_slots
    world.sleep_ms(6000)
    assert world.store.lossy_events == list(range(600))


def test_a_full_batch_starts_a_poll_as_soon_as_it_may():
    world = collecting(POLLING[0], "dreamcast")
    world.pass_ms(5100)
    since = len(world.sent)
    emit(world, 8, critical=False)
    world.sleep_ms(1000)
    assert TYPE_POLL not in kinds(world, since)
    emit(world, 8, critical=False)
    world.run()
    assert TYPE_POLL in kinds(world, since)
    world.sleep_ms(600)
    assert len(world.store.lossy_events) == 16


def test_less_memory_reported_sends_smaller_batches_earlier():
    world = collecting(platform="host")
    world.profile.batch_delay_ms = 1000
    world.device.batching.settle()
    emit(world, 16, critical=False)
    world.pass_ms(400)
    assert world.store.lossy_events == []
    world.device.batching.memory(500)
    world.run()
    assert len(world.store.lossy_events) == 16
    emit(world, 1, critical=False)
    world.pass_ms(240)
    assert len(world.store.lossy_events) == 16
    world.pass_ms(20)
    assert len(world.store.lossy_events) == 17


def test_a_flush_and_a_close_do_not_wait_for_a_batch():
    world = collecting(platform="dreamcast")
    world.device.sender.flushing = 1
    emit(world, 1, critical=False)
    world.run()
    assert world.store.lossy_events == [0]
    world.device.sender.flushing = 0
    emit(world, 1, critical=False)
    world.run()
    assert world.store.lossy_events == [0]
    world.device.close(world.now)
    world.run()
    assert world.store.lossy_events == [0, 1]
    assert world.device.state == STATE_CLOSED


def test_a_flush_starts_a_poll_as_soon_as_it_may():
    world = collecting(POLLING[0], "dreamcast")
    world.pass_ms(5600)
    world.device.sender.flushing = 1
    emit(world, 1, critical=False)
    world.sleep_ms(600)
    assert world.store.lossy_events == [0]
