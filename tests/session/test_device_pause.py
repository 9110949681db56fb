"""A session that the application pauses: radio off, and on again."""

import pytest

from flight_client.session.device import codes
from flight_client.session.spec import (
    CLOSE_WAIT_MS,
    HEALTHY_MS,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
    TRANSPORT_WEBSOCKET,
    TYPE_ATTACH,
    TYPE_CLOSE,
    TYPE_HELLO,
    TYPE_RESET,
)
from tests.session.device_world import BOTH, EVERY_STATE, POLLING, emit, in_state, kinds, ready

HOUR_MS = 3_600_000


def pause(world):
    world.device.pause(world.now)
    world.run()


def go_on(world):
    world.device.go_on(world.now)
    world.run()


@pytest.mark.parametrize("state", EVERY_STATE)
def test_from_every_state_that_may_connect_pausing_ends_all_attempts(state):
    world = in_state(state)
    pause(world)
    if state in (STATE_CLOSING, STATE_CLOSED, STATE_STOPPED):
        assert world.device.state == state
        return
    assert world.device.state == STATE_PAUSED
    assert not world.pipe_open
    opens, sent = len(world.opens), len(world.sent)
    attempt, index = world.device.policy._attempt, world.device.policy.index
    world.sleep_ms(HOUR_MS)
    assert (len(world.opens), len(world.sent)) == (opens, sent)
    assert (world.device.policy._attempt, world.device.policy.index) == (attempt, index)
    assert world.device.state == STATE_PAUSED


@pytest.mark.parametrize("transports", [BOTH, POLLING])
def test_going_on_connects_at_once_and_loses_nothing(transports):
    world = ready(transports)
    world.gateway.hold = True
    emit(world, 3)
    world.pass_ms(3000)
    pause(world)
    world.pass_ms(2000)
    assert world.device.state == STATE_PAUSED
    emit(world, 3)
    world.pass_ms(5000)
    world.gateway.hold = False
    opens, sent = len(world.opens), len(world.sent)
    go_on(world)
    assert world.opens[opens:] == [(world.now, transports[0])]
    assert kinds(world, sent)[0] == TYPE_ATTACH
    world.pass_ms(6000)
    assert sorted(world.store.critical_events) == list(range(6))


def test_going_on_does_not_wait_for_the_back_off_of_earlier_failures():
    world = ready()
    world.reachable = set()
    world.cut()
    world.pass_ms(20_000)
    pause(world)
    world.reachable = {TRANSPORT_WEBSOCKET}
    world.pass_ms(1000)
    go_on(world)
    assert world.device.state == STATE_READY


def test_a_pause_is_no_failure_of_the_transport():
    world = ready(BOTH)
    for _ in range(20):
        pause(world)
        world.pass_ms(50)
        go_on(world)
    assert world.device.state == STATE_READY
    assert world.device.policy.index == 0
    assert world.device.policy._attempt == 0


def test_a_connection_that_was_healthy_when_it_was_paused_clears_the_earlier_failures():
    world = ready()
    world.device.policy._attempt = 5
    world.pass_ms(HEALTHY_MS - 1, 1000)
    pause(world)
    assert world.device.policy._attempt == 5
    go_on(world)
    world.pass_ms(HEALTHY_MS, 1000)
    pause(world)
    assert world.device.policy._attempt == 0


def test_the_turn_under_way_ends_before_the_link_goes():
    world = ready(POLLING)
    world.slow_turns = True
    emit(world, 2)
    world.pass_ms(2000)
    assert world.device._awaiting
    world.device.pause(world.now)
    world.device.pause(world.now)  # once is enough
    world.run()
    assert world.device.state == STATE_READY
    assert 0 < world.device.wake_in_ms(world.now) <= CLOSE_WAIT_MS
    world.pass_ms(300)
    world.device.turn_done(world.now)
    world.run()
    assert world.device.state == STATE_PAUSED


def test_a_turn_that_does_not_end_is_given_a_second():
    world = ready(POLLING)
    world.slow_turns = True
    emit(world, 2)
    world.pass_ms(2000)
    pause(world)
    world.sleep_ms(CLOSE_WAIT_MS - 1)
    assert world.device.state == STATE_READY
    world.sleep_ms(1)
    assert world.device.state == STATE_PAUSED


def pausing():
    world = ready(POLLING)
    world.slow_turns = True
    emit(world, 1)
    world.pass_ms(2000)
    pause(world)
    assert world.device.state == STATE_READY
    return world


def test_a_transport_that_dies_while_pausing_is_no_failure():
    world = pausing()
    world.cut()
    assert world.device.state == STATE_PAUSED
    assert world.device.policy._attempt == 0


def test_a_session_that_is_reset_while_pausing_says_no_hello_before_it_goes_on():
    world = pausing()
    world.receive(TYPE_RESET, payload=bytes((4, 0, 0, 0, 0, 0, 0, 0)))
    sent = len(world.sent)
    world.run()
    assert world.device.state == STATE_PAUSED
    world.slow_turns = False
    go_on(world)
    assert kinds(world, sent)[0] == TYPE_HELLO


def test_a_refusal_for_good_while_pausing_stops():
    world = pausing()
    world.receive(TYPE_CLOSE, payload=bytes((3, 0, 0, 0, 0, 0, 0, 0)))
    world.run()
    assert world.device.state == STATE_STOPPED


def test_going_on_while_pausing_keeps_the_connection():
    world = pausing()
    world.slow_turns = False
    go_on(world)
    world.device.turn_done(world.now)
    world.pass_ms(10_000)
    assert world.device.state == STATE_READY
    assert len(world.opens) == 1


@pytest.mark.parametrize("early", [True, False])
def test_a_paused_session_can_be_closed(early):
    world = pausing() if early else in_state(STATE_READY)
    if not early:
        pause(world)
    world.device.close(world.now)
    world.pass_ms(2000)
    assert world.device.state == STATE_CLOSED


def test_pausing_and_going_on_before_the_driver_looks_still_changes_the_transport_cleanly():
    world = ready()
    world.device.pause(world.now)
    assert world.device.wake_in_ms(world.now) == 0
    world.device.go_on(world.now)
    assert world.device.poll(world.now, 0) == codes.DROP
    assert world.device.poll(world.now, 0) == codes.OPEN
    assert world.device.state == STATE_OPENING


def test_what_a_client_paused_before_it_began_waits_for_going_on():
    world = in_state(STATE_IDLE)
    pause(world)
    world.start()
    assert world.device.state == STATE_PAUSED
    go_on(world)
    assert world.device.state == STATE_READY


def test_going_on_without_a_pause_changes_nothing():
    for state in EVERY_STATE:
        world = in_state(state)
        world.device.go_on(world.now)
        assert world.device.state == state


def test_a_probe_that_answers_after_the_pause_moves_nothing():
    world = ready(BOTH)
    world.device.policy.index = 1
    world.device.policy.probing = True
    pause(world)
    world.device.probed(True, world.now)
    assert world.device.policy.index == 1
    assert world.device.state == STATE_PAUSED
