"""Token buckets: what may leave in a time, and what never waits for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.session.common.clock import MASK, later
from flight_client.session.common.profile import Profile
from flight_client.session.device.bucket import HIGHEST_PER_S, Bucket
from flight_client.session.spec import (
    PROFILES,
    STATE_CLOSED,
    TRANSPORT_WEBSOCKET,
    TYPE_ACK,
    TYPE_DATA,
    TYPE_HEARTBEAT,
    TYPE_OPEN,
)
from tests.session.device_world import POLLING, emit, kinds, ready
from tests.session.harness import World

T0 = MASK - 3000  # the clock wraps in the midst of each test


def test_a_second_s_worth_may_leave_at_once_and_then_as_much_per_second():
    bucket = Bucket(1000, 1000, 1)
    assert bucket.wait_ms(T0) == 0
    bucket.take(1000)
    assert bucket.wait_ms(T0) == 1
    assert bucket.wait_ms(later(T0, 1)) == 0
    bucket.take(500)
    assert bucket.wait_ms(later(T0, 1)) == 500
    assert bucket.wait_ms(later(T0, 500)) == 1
    assert bucket.wait_ms(later(T0, 501)) == 0


def test_time_without_traffic_saves_up_no_more_than_a_second_s_worth():
    bucket = Bucket(1000, 1000, 1)
    assert bucket.room(later(T0, 3_600_000), 9999) == 1000


def test_a_clock_that_wrapped_while_nothing_left_fills_the_bucket():
    bucket = Bucket(1000, 1000, 1)
    assert bucket.wait_ms(0) == 0
    bucket.take(1500)
    assert bucket.room((1 << 29) + 5, 9999) == 1000  # as far as the clock can tell this was before 0


@pytest.mark.parametrize("per_s", [0, -5, HIGHEST_PER_S + 1, 1 << 40])
def test_without_a_limit_nothing_ever_waits(per_s):
    bucket = Bucket(per_s, per_s, 1)
    for _ in range(1000):
        bucket.take(65536)
        assert bucket.wait_ms(T0) == 0
    assert bucket.room(T0, 32) == 32


@given(
    st.integers(1, HIGHEST_PER_S),
    st.lists(st.tuples(st.integers(1, 65536), st.integers(0, 70_000)), min_size=1, max_size=60),
)
def test_over_any_run_no_more_leaves_than_the_rate_a_second_s_worth_and_one_frame(per_s, frames):
    bucket = Bucket(per_s, per_s, 1)
    now, passed, left = T0, 0, 0
    for size, pause_ms in frames:
        now, passed = later(now, pause_ms), passed + pause_ms
        wait = bucket.wait_ms(now)
        assert 0 <= wait <= 65536 * 1000 // per_s + 1
        if wait == 0:
            bucket.take(size)
            left += size
            assert left * 1000 <= per_s * passed + per_s * 1000 + size * 1000
        else:
            if wait > 1:
                assert bucket.wait_ms(later(now, wait - 1)) > 0
            now, passed = later(now, wait), passed + wait
            assert bucket.wait_ms(now) == 0
        assert -(1 << 30) < bucket._level < 1 << 30  # no heap on a 32-bit board
        assert bucket._level <= bucket._most


def limited(transports=(TRANSPORT_WEBSOCKET,), platform="vita", **limits):
    world = ready(transports, platform)
    if "link" in limits:
        world.device.sender.limit_link(limits["link"])
    if "pace" in limits:
        world.device.sender.limit_pace(limits["pace"])
    return world


def drained_in_ms(world, most_ms=120_000):
    """Sleep as the session says until nothing waits."""
    passed = 0
    while world.critical or world.lossy or world.device.store.used:
        world.sleep_ms(50)
        passed += 50
        assert passed < most_ms
    return passed


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_the_application_s_own_limit_holds_for_both_lanes(critical, transports):
    world = limited(transports, pace=10)
    emit(world, 100, critical)
    took = drained_in_ms(world)
    assert 8_500 <= took <= 11_000  # 10 at once, then 10 per second
    stored = world.store.critical_events if critical else world.store.lossy_events
    assert stored == list(range(100))


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_a_link_gets_no_more_bytes_than_it_drains(critical, transports):
    world = limited(transports, "micro", link=200)
    emit(world, 200, critical)
    passed, sent = 0, []
    total = 0
    send = world.device.sender.link.take

    def counted(amount):
        nonlocal total
        total += amount
        send(amount)

    world.device.sender.link.take = counted
    while world.critical or world.lossy or world.device.store.used:
        world.sleep_ms(50)
        passed += 50
        sent.append(total)
        assert total <= 200 * passed // 1000 + 640 + 100 * (1 + passed // 3000)  # polls of the interval go in any case
        assert passed < 600_000
    assert passed > 3000
    assert world.store.critical_events + world.store.lossy_events == list(range(200))


def test_what_is_no_event_never_waits():
    world = limited(link=50)
    world.device.channels.add(b"events", 3)
    assert world.device.sender.link.wait_ms(world.now) == 0
    world.device.sender.link.take(5000)
    emit(world, 60, critical=False)
    world.run()
    assert len(world.lossy) == 60  # the link has enough for now
    assert TYPE_OPEN in kinds(world)
    world.device.channels.add(b"more", 2)
    since = len(world.sent)
    world.run()
    assert kinds(world, since) == [TYPE_OPEN]
    world.store.log.append(b"0001")
    since = len(world.sent)
    world.pass_ms(60)
    assert TYPE_ACK in kinds(world, since)
    world.device.sender.link.take(5000)  # a long time of silence for events
    since = len(world.sent)
    world.pass_ms(12_000)
    assert kinds(world, since).count(TYPE_HEARTBEAT) >= 2
    assert TYPE_DATA not in kinds(world, since)
    assert len(world.opens) == 1


def test_a_session_sleeps_until_its_limit_lets_events_go_and_no_longer():
    world = limited(pace=2)
    emit(world, 6)
    world.run()
    assert len(world.critical) == 4
    assert world.device.wake_in_ms(world.now) == 500
    world.advance(499)
    world.run()
    assert len(world.critical) == 4
    assert world.device.wake_in_ms(world.now) == 1
    turns = world.sleep_ms(2001)
    assert not world.critical
    assert turns < 20


def test_resent_frames_wait_for_the_link_and_the_application_s_limit_does_not_count_them_twice():
    world = limited(link=1000, pace=4)
    world.gateway.hold = True
    emit(world, 4)
    world.run()
    world.device.sender.link.take(20_000)
    world.device.store.rewind()
    since = len(world.sent)
    world.pass_ms(3000)
    assert TYPE_DATA not in kinds(world, since)
    assert 0 < world.device.wake_in_ms(world.now) <= world.device.sender.heartbeat_ms
    world.gateway.hold = False
    world.gateway.flush(world.now)
    drained_in_ms(world)
    assert world.store.critical_events == [0, 1, 2, 3]


def test_what_goes_again_by_polling_waits_for_the_link_and_not_for_the_interval():
    world = limited(POLLING, "vita", link=1000)
    world.gateway.hold = True
    emit(world, 2)
    world.sleep_ms(200)
    sender = world.device.sender
    assert sender.link.wait_ms(world.now) == 0
    sender.link.take(6000)
    assert world.device.store.used > 0
    world.device.store.rewind()
    wait_ms = sender.link.wait_ms(world.now)
    assert 0 < wait_ms < 60_000
    assert not sender.urgent(world.now)
    assert sender.urgent_in_ms(world.now, 60_000) == wait_ms
    assert sender.urgent_in_ms(world.now, 50) == 50
    assert sender.urgent(later(world.now, wait_ms))


def test_pieces_of_a_large_event_wait_for_the_link_too():
    world = World((TRANSPORT_WEBSOCKET,), "vita", 1, 640)
    world.start()
    world.device.sender.limit_link(300)
    for number in (4, 10, 16):
        world.emit(number, False)
    world.run()
    assert world.device.wake_in_ms(world.now) > 0
    took = drained_in_ms(world)
    assert took > 1000
    world.sleep_ms(10_000)
    assert world.device.sender._piece_at == world.device.sender._piece_end


def test_a_closing_session_ends_in_its_time_whatever_the_limit():
    world = limited(pace=1)
    emit(world, 50)
    world.run()
    world.device.close(world.now)
    world.sleep_ms(1100)
    assert world.device.state == STATE_CLOSED


def test_a_dreamcast_begins_with_the_rate_of_its_modem():
    world = ready(POLLING, "dreamcast")
    assert world.device.sender.link.per_s == 0
    world.device.adapt()
    assert world.device.sender.link.per_s == Profile(PROFILES["dreamcast"]).link_bytes_per_s == 3600
    world.device.sender.limit_link(0)
    assert world.device.sender.link.wait_ms(world.now) == 0


def test_an_urgent_poll_waits_for_the_limit_and_not_for_the_interval():
    world = limited(POLLING, "dreamcast", pace=1)
    emit(world, 2)
    world.run()
    world.pass_ms(500)
    assert len(world.critical) == 1
    assert world.device.wake_in_ms(world.now) <= 1000
    world.sleep_ms(1500)
    assert not world.critical
