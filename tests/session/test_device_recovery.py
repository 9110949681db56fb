"""A failed connection that the application judges."""

import pytest

from flight_client.session.device.codes import ADVICE_BACK_OFF, ADVICE_NONE, ADVICE_POLLING
from flight_client.session.spec import (
    HEALTHY_MS,
    RECONNECT_SPREAD_MS,
    STATE_READY,
    STATE_WAITING,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
    TYPE_CLOSE,
)
from tests.session.device_world import BOTH, EVERY_STATE, POLLING, in_state, ready


def failed_after_health(transports=BOTH):
    world = ready(transports, "host")
    world.pass_ms(HEALTHY_MS, 1000)
    world.cut()
    assert world.device.state == STATE_WAITING
    return world


def wait_of(world):
    return world.device.wake_in_ms(world.now)


def test_without_advice_the_policy_alone_decides():
    world = failed_after_health()
    wait = wait_of(world)
    world.device.recover(ADVICE_NONE)
    assert wait_of(world) == wait
    assert world.device.policy.transport() == TRANSPORT_WEBSOCKET


def test_polling_next_is_a_step_down_from_which_probes_lead_back():
    world = failed_after_health()
    world.device.recover(ADVICE_POLLING)
    assert world.device.policy.transport() == TRANSPORT_POLLING
    assert world.device.policy.switches == 1
    world.pass_ms(7000)
    assert world.opens[-1][1] == TRANSPORT_POLLING or world.probes
    assert world.probes
    world.pass_ms(2000)
    assert world.device.policy.transport() == TRANSPORT_WEBSOCKET
    assert world.device.state == STATE_READY


def test_polling_next_changes_nothing_where_it_is_used_already_or_is_not_ours():
    for transports in (POLLING, (TRANSPORT_WEBSOCKET,)):
        world = failed_after_health(transports)
        world.device.recover(ADVICE_POLLING)
        assert world.device.policy.transport() == transports[0]
        assert world.device.policy.switches == 0


def test_a_transport_above_the_present_one_is_no_step_down():
    world = failed_after_health((TRANSPORT_POLLING, TRANSPORT_WEBSOCKET))
    world.device.policy.index = 1
    world.device.recover(ADVICE_POLLING)
    assert world.device.policy.index == 0
    assert not world.device.policy._stepped_down


def waits_after(advice, failures):
    """Longest wait after a healthy connection that broke, then after each failure that follows."""
    world = failed_after_health()
    world.device.recover(advice)
    policy = world.device.policy
    waits = [policy.wait_ms(65535)]
    for _ in range(failures):
        policy.failed(world.now)
        waits.append(policy.wait_ms(65535))
    return waits


def test_backing_off_leaves_the_first_retry_within_the_spread_and_waits_longer_after_the_next_failure():
    world = failed_after_health()
    wait = wait_of(world)
    world.device.recover(ADVICE_BACK_OFF)
    assert wait_of(world) == wait <= RECONNECT_SPREAD_MS
    left, backed = waits_after(ADVICE_NONE, 3), waits_after(ADVICE_BACK_OFF, 2)
    assert backed[1:] == left[2:]
    assert backed[1] > left[1]


def test_backing_off_after_a_repeated_failure_is_what_happens_anyway():
    world = failed_after_health()
    world.reachable = set()
    world.pass_ms(1000)
    assert world.device.state == STATE_WAITING
    before = (wait_of(world), world.device.policy._attempt)
    assert before[1] > 0
    world.device.recover(ADVICE_BACK_OFF)
    assert (wait_of(world), world.device.policy._attempt) == before


def test_a_server_s_hint_stays_obeyed():
    world = ready(BOTH, "host")
    world.pass_ms(HEALTHY_MS, 1000)
    world.receive(TYPE_CLOSE, payload=bytes((10, 0, 0, 0)) + (20_000).to_bytes(4, "little"))
    assert world.device.state == STATE_WAITING
    world.device.recover(ADVICE_BACK_OFF)
    assert wait_of(world) >= 20_000


@pytest.mark.parametrize("state", EVERY_STATE)
@pytest.mark.parametrize("advice", [ADVICE_POLLING, ADVICE_BACK_OFF])
def test_advice_counts_only_while_the_session_waits(state, advice):
    world = in_state(state)
    before = (world.device.policy.index, world.device.policy._attempt, wait_of(world), world.device.state)
    world.device.recover(advice)
    after = (world.device.policy.index, world.device.policy._attempt, wait_of(world), world.device.state)
    assert after == before or state == STATE_WAITING


def test_failures_are_counted_for_whoever_judges_them():
    world = failed_after_health()
    assert world.device.policy.failed_total == 1
    world.reachable = set()
    world.pass_ms(30_000)
    assert world.device.policy.failed_total > 3
