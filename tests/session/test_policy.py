"""When a client comes back, and over which transport."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.session.common.clock import MASK, later
from flight_client.session.common.profile import Profile
from flight_client.session.device.policy import Policy, uniform
from flight_client.session.spec import (
    HEALTHY_MS,
    PROBE_BASE_MS,
    PROBE_CAP_MS,
    PROBE_FIRST_MS,
    PROFILES,
    RECONNECT_SPREAD_FLEET,
    RECONNECT_SPREAD_FLEET_MS,
    RECONNECT_SPREAD_MS,
    UPGRADE_HEALTHY_MS,
)

T0 = MASK - 3000  # the clock wraps in the midst of each test
RANDOMS = range(0, 65536, 13)


def policy(platform="host", transports=None):
    profile = Profile(PROFILES[platform])
    return Policy(profile, transports or profile.transports)


def healthy_then_dead(p, now=T0):
    p.heard()
    p.ready(now)
    p.failed(later(now, HEALTHY_MS))


def step_down(p, now=T0):
    """Fail until the transport changes."""
    before = p.switches
    for _ in range(10):
        p.failed(now)
        if p.switches != before:
            return
    raise AssertionError("it did not step down")


@given(st.integers(0, 100_000), st.integers(0, 200_000), st.integers(0, 65535))
def test_a_uniform_number_lies_between_its_bounds(low, width, bits):
    assert low <= uniform(low, low + width, bits) <= low + width


@pytest.mark.parametrize("span", [1, 2, 100, 750, 4500, 8191, 8192, 30_000, 100_000])
def test_uniform_numbers_fill_the_range_evenly_and_stay_small_integers(span):
    counts = Counter(uniform(0, span, bits) * 10 // (span + 1) for bits in range(65536))
    if span > 10:
        assert set(counts) == set(range(10))
        assert max(counts.values()) < 1.25 * 65536 / 10
    assert uniform(0, span, 0) == 0
    assert uniform(0, span, 65535) >= span - span // 1000
    assert (span + 1 >> 4) * 65535 < 1 << 30  # no heap on a 32-bit board


def test_a_range_without_width_is_its_low_end():
    assert uniform(7, 7, 65535) == 7
    assert uniform(7, 3, 65535) == 7


@pytest.mark.parametrize("platform", PROFILES)
def test_the_first_retry_after_a_healthy_connection_is_uniform_over_the_spread(platform):
    p = policy(platform)
    p.announce(4500)
    healthy_then_dead(p)
    waits = [p.wait_ms(bits) for bits in RANDOMS]
    assert min(waits) < 10
    assert max(waits) > 4490
    by_tenth = Counter(wait * 10 // 4501 for wait in waits)
    assert max(by_tenth.values()) < 1.1 * len(waits) / 10


def test_the_spread_is_the_spec_s_until_a_gateway_says_another():
    p = policy()
    assert p.spread_ms == RECONNECT_SPREAD_MS
    p.announce(0)
    assert p.spread_ms == RECONNECT_SPREAD_MS
    p.announce(-1)  # a number that does not fit
    assert p.spread_ms == RECONNECT_SPREAD_MS
    p.announce(900)
    assert p.spread_ms == 900


@pytest.mark.parametrize("platform", PROFILES)
def test_later_retries_have_full_jitter_between_floor_and_a_doubling_ceiling_up_to_the_cap(platform):
    profile = Profile(PROFILES[platform])
    p = policy(platform)
    ceiling = profile.connect_retry_interval_ms
    waits = [0]
    for _ in range(12):
        p.failed(T0)
        waits = [p.wait_ms(bits) for bits in RANDOMS]
        top = min(ceiling, profile.backoff_cap_ms)
        assert min(waits) == profile.backoff_floor_ms
        assert top - top // 500 - 16 <= max(waits) <= top
        ceiling *= 2
    assert max(waits) > 0.99 * profile.backoff_cap_ms


def test_only_a_healthy_connection_resets_the_attempts():
    p = policy("dreamcast")
    for _ in range(6):
        p.failed(T0)
    p.ready(T0)
    p.failed(later(T0, HEALTHY_MS - 1))
    assert max(p.wait_ms(bits) for bits in RANDOMS) > 9000
    p.ready(T0)
    p.failed(later(T0, HEALTHY_MS))
    assert max(p.wait_ms(bits) for bits in RANDOMS) <= RECONNECT_SPREAD_MS
    p.failed(T0)  # and the one after it begins at the lowest ceiling
    assert max(p.wait_ms(bits) for bits in RANDOMS) <= 5000


@pytest.mark.parametrize("platform", ["vita", "host", "micro", "web", "v6r-cloud"])
def test_it_steps_down_after_the_profile_s_failures_without_a_frame_back(platform):
    profile = Profile(PROFILES[platform])
    p = policy(platform)
    for failures in range(1, profile.max_retries):
        p.failed(T0)
        assert p.transport() == profile.transports[0], failures
    p.failed(T0)
    assert p.transport() == profile.transports[1]
    assert p.switches == 1


def test_when_the_last_transport_failed_as_often_it_starts_at_the_top():
    profile = Profile(PROFILES["vita"])
    p = policy("vita")
    seen = []
    for _ in range(len(profile.transports) * profile.max_retries + 1):
        seen.append(p.transport())
        p.failed(T0)
    expected = [transport for transport in profile.transports for _ in range(profile.max_retries)]
    assert seen == [*expected, profile.transports[0]]


def test_a_single_transport_is_tried_for_ever():
    p = policy("dreamcast")
    for _ in range(50):
        p.failed(T0)
        assert p.transport() == 3
    assert p.switches == 0


def test_a_frame_back_resets_the_failures_of_the_transport():
    p = policy("host")
    for _ in range(20):
        p.failed(T0)
        p.failed(T0)
        p.heard()
    assert p.index == 0


def test_a_healthy_connection_that_dies_is_no_failure_of_its_transport():
    p = policy("host")
    for _ in range(20):
        healthy_then_dead(p)
    assert p.index == 0


def probe_waits(p, now, count):
    """How long it takes until each of the next probes, all of which fail."""
    waits = []
    for _ in range(count):
        wait = 0
        while not p.probe_due(later(now, wait)):
            wait += 1000
        now = later(now, wait)
        waits.append(wait)
        p.probing = True
        assert not p.probe_due(now)
        p.probe_failed(now)
    return waits


def test_probes_come_5_s_after_a_step_down_then_at_30_s_doubling_to_10_min():
    p = policy("host")
    step_down(p)
    p.ready(T0)
    waits = probe_waits(p, T0, 9)
    assert waits == [PROBE_FIRST_MS, 30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000, 600_000]
    assert waits[-1] == PROBE_CAP_MS


def test_a_probe_asks_for_the_next_better_transport():
    p = policy("vita")
    step_down(p)
    step_down(p)
    assert p.transport() == 3
    assert p.probe_target() == 2


def test_after_a_reconnect_without_step_down_the_next_probe_waits_its_time():
    p = policy("host")
    step_down(p)
    p.ready(T0)
    p.failed(later(T0, HEALTHY_MS))
    p.ready(T0)
    assert not p.probe_due(later(T0, PROBE_BASE_MS - 1))
    assert p.probe_due(later(T0, PROBE_BASE_MS))


def test_nothing_is_probed_before_the_connection_is_ready():
    p = policy("host")
    step_down(p)
    assert not p.probe_due(later(T0, PROBE_CAP_MS))


def test_nothing_is_probed_at_the_top():
    p = policy("host")
    p.ready(T0)
    assert not p.probe_due(later(T0, PROBE_CAP_MS))
    assert p.probe_wait_ms(T0, 777_777) == 777_777


@pytest.mark.parametrize("platform", ["micro", "dreamcast", "psp"])
def test_no_probe_where_the_profile_forbids_it(platform):
    p = policy(platform, (1, 2, 3))
    step_down(p)
    p.ready(T0)
    assert not any(p.probe_due(later(T0, wait)) for wait in range(0, 2 * PROBE_CAP_MS, 1000))
    assert p.probe_wait_ms(T0, 777_777) == 777_777


def test_the_wait_for_a_probe_ends_when_it_is_due():
    p = policy("host")
    step_down(p)
    p.ready(T0)
    assert p.probe_wait_ms(T0, 60_000) == PROBE_FIRST_MS
    assert p.probe_wait_ms(T0, 10) == 10
    assert p.probe_wait_ms(later(T0, PROBE_FIRST_MS), 60_000) == 0


def upgraded():
    p = policy("host")
    step_down(p)
    p.ready(T0)
    p.probing = True
    p.upgrade()
    assert p.index == 0
    return p


def test_an_upgrade_is_a_switch_to_the_better_transport():
    p = upgraded()
    assert p.switches == 2
    assert p.transport() == 2
    assert not p.probing


@pytest.mark.parametrize("lived_ms", [0, HEALTHY_MS - 1, HEALTHY_MS, UPGRADE_HEALTHY_MS - 1])
def test_an_upgrade_that_dies_within_60_s_doubles_the_wait(lived_ms):
    p = upgraded()
    p.ready(T0)
    p.failed(later(T0, lived_ms))
    step_down(p)
    p.ready(T0)
    assert probe_waits(p, T0, 2) == [2 * PROBE_BASE_MS, 2 * PROBE_BASE_MS]


def test_an_upgrade_that_dies_before_a_frame_came_back_doubles_the_wait_too():
    p = upgraded()
    step_down(p)
    p.ready(T0)
    assert probe_waits(p, T0, 1) == [2 * PROBE_BASE_MS]


def test_an_upgrade_that_keeps_dying_is_tried_ever_more_rarely():
    p = policy("host")
    waits = []
    for _ in range(8):
        step_down(p)
        p.ready(T0)
        wait = 0
        while not p.probe_due(later(T0, wait)):
            wait += 1000
        waits.append(wait)
        p.upgrade()
        p.ready(T0)
        p.failed(later(T0, 1000))
    assert waits == [PROBE_FIRST_MS, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000, 600_000]


def test_an_upgrade_that_lives_makes_the_waits_short_again():
    p = policy("host")
    step_down(p)
    p.ready(T0)
    probe_waits(p, T0, 6)
    p.upgrade()
    p.ready(T0)
    p.failed(later(T0, UPGRADE_HEALTHY_MS))
    step_down(p)
    p.ready(T0)
    assert probe_waits(p, T0, 3) == [PROBE_FIRST_MS, 30_000, 60_000]


def test_a_long_life_on_a_lower_transport_says_nothing_of_the_better_one():
    p = policy("host")
    step_down(p)
    p.ready(T0)
    assert probe_waits(p, T0, 3) == [PROBE_FIRST_MS, 30_000, 60_000]
    p.failed(later(T0, UPGRADE_HEALTHY_MS))
    p.ready(T0)
    assert probe_waits(p, T0, 1) == [240_000]  # all probes were in vain: it gets no shorter


def test_a_server_s_hint_is_obeyed_once_with_the_spread_on_top():
    p = policy("host")
    p.announce(1000)
    p.failed(T0)
    p.hint(20_000)
    assert p.wait_ms(0) == 20_000
    p.hint(20_000)
    assert 20_990 <= p.wait_ms(65535) <= 21_000
    assert max(p.wait_ms(bits) for bits in RANDOMS) <= 2000  # then the usual waits


def test_a_hint_of_days_is_no_wait_in_the_past():
    p = policy("host")
    p.announce((1 << 30) - 1)
    p.hint((1 << 30) - 1)
    assert 0 < p.wait_ms(65535) < 1 << 29


# Chance puts 3 to 4 standard deviations into the worst of 4,400 windows, so the mean must lie well below the limit.
def test_a_fleet_of_10000_puts_at_most_2_5_percent_into_any_100_ms():
    worst = max(worst_share(RECONNECT_SPREAD_FLEET_MS, seed) for seed in range(5))
    print(f"worst 100 ms of 5 fleets: {worst:.4f}")
    assert worst <= 0.025


def test_twice_the_fleet_with_twice_the_spread_puts_half_as_much_into_any_100_ms():
    assert worst_share(2 * RECONNECT_SPREAD_FLEET_MS, 1) <= 0.015


def worst_share(spread_ms, seed):
    """The largest part of 10,000 clients whose first retry falls into one window of 100 ms."""
    rng = random.Random(seed)
    per_ms: Counter[int] = Counter()
    for _ in range(RECONNECT_SPREAD_FLEET):
        p = policy("host")
        p.announce(spread_ms)
        healthy_then_dead(p)
        per_ms[p.wait_ms(rng.getrandbits(16))] += 1
    window = sum(per_ms[ms] for ms in range(100))
    worst = window
    for start in range(spread_ms):
        window += per_ms[start + 100] - per_ms[start]
        worst = max(worst, window)
    return worst / RECONNECT_SPREAD_FLEET


def test_a_fleet_that_fails_again_stays_as_spread_as_it_was_announced():
    p = policy("host")
    p.announce(RECONNECT_SPREAD_FLEET_MS)
    healthy_then_dead(p)
    p.failed(T0)  # the gateway died again before the connection was healthy
    waits = [p.wait_ms(bits) for bits in RANDOMS]
    assert min(waits) >= RECONNECT_SPREAD_FLEET_MS  # not among those who come for the first time
    assert max(waits) > 1.95 * RECONNECT_SPREAD_FLEET_MS
    assert max(waits) <= 2 * RECONNECT_SPREAD_FLEET_MS
