"""A device on polling, between transports, with refused and lost events, and how it closes."""

from itertools import pairwise

import pytest

from flight_client.session.common.clock import elapsed
from flight_client.session.device import codes
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    CODE_GOING_AWAY,
    CODE_OK,
    CODE_UNKNOWN_SESSION,
    FATAL_CODES,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_READY,
    STATE_STOPPED,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_OPENED,
    TYPE_REFUSED,
    TYPE_RESET,
)
from tests.session.device_world import (
    BOTH,
    EVERY_STATE,
    POLLING,
    emit,
    in_state,
    kinds,
    ready,
)
from tests.session.harness import World
from tests.session.parts import Store

# Refused events


@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
@pytest.mark.parametrize("critical", [True, False])
def test_refused_events_are_counted_as_refused(transports, critical):
    world = ready(transports)
    emit(world, 4, critical)
    world.sleep_ms(3000)
    world.gateway.refuse = True
    emit(world, 6, critical)
    world.sleep_ms(3000)
    world.gateway.refuse = False
    emit(world, 4, critical)
    world.sleep_ms(9000)
    tally = world.device.tally
    assert tally.refused == 6
    assert tally.critical_acked + tally.lossy_settled == 8
    assert world.inbox.refused_code == 15
    assert codes.EVENTS_REFUSED in world.happened
    assert world.store.critical_events + world.store.lossy_events == [0, 1, 2, 3, 10, 11, 12, 13]


def test_a_refusal_that_is_lost_with_its_transport_is_forgotten_and_the_frame_is_judged_again():
    world = ready()
    world.gateway.refuse = True
    world.cut_after = 1  # REFUSED is lost; RESUMED asks for the frame again
    emit(world, 8)
    world.run()
    world.gateway.refuse = False
    world.sleep_ms(3000)
    assert world.device.tally.refused == 0
    assert world.device.tally.critical_acked == 8
    assert world.store.critical_events == list(range(8))


def test_a_refusal_behind_a_control_frame_still_counts():
    world = ready()
    world.gateway.refuse = True
    world.device.channels.add(b"a", 1)
    emit(world, 4)
    world.run()
    assert [entry[0] for entry in world.log[-2:]] == [TYPE_OPENED, TYPE_REFUSED]
    assert world.device.tally.refused == 4
    assert world.device.tally.critical_acked == 0


def test_a_refusal_of_what_was_acknowledged_is_a_breach():
    world = ready()
    emit(world, 4)
    world.sleep_ms(100)
    assert world.receive(TYPE_REFUSED, payload=messages.refused(1, 15, 4)) == codes.BROKEN
    assert (world.device.tally.critical_acked, world.device.tally.refused) == (4, 0)


@pytest.mark.parametrize("events", [0, 5, 1 << 30])
def test_a_refusal_of_more_than_was_sent_is_not_believed(events):
    world = ready()
    world.gateway.hold = True
    emit(world, 4, critical=False)
    world.run()
    world.receive(TYPE_REFUSED, payload=messages.refused(0, 15, events))
    assert world.device.tally.refused == 0
    assert world.device.tally.lossy_settled == 4


# Lossy events


def test_lossy_events_that_a_dead_link_took_are_counted():
    world = ready()
    world.lose_requests = True
    emit(world, 10, critical=False)
    world.run()
    assert world.device.tally.lossy_settled == 10
    world.lose_requests = False
    emit(world, 3, critical=False)
    world.run()
    world.cut()
    world.sleep_ms(2000)
    assert world.device.tally.link_dropped == 10
    assert world.device.tally.lossy_settled == 3 == len(world.store.lossy_events)


def test_lossy_events_that_were_lost_before_a_new_session_are_counted():
    world = ready()
    emit(world, 2, critical=False)
    world.run()
    world.lose_requests = True
    emit(world, 10, critical=False)
    world.run()
    world.lose_requests = False
    world.restart_gateway()
    world.sleep_ms(2000)
    assert world.device.tally.link_dropped == 10
    assert world.device.tally.lossy_settled == 2 == len(world.store.lossy_events)
    assert not world.device.resumed


def test_lossy_events_whose_fate_went_with_the_gateways_log_are_unconfirmed_not_lost_with_the_link():
    world = ready()
    emit(world, 10, critical=False)
    world.run()  # the gateway has them, its next count has not come yet
    assert world.device.tally.lossy_confirmed < 10
    world.restart_gateway(Store(b"epoch--2"))
    world.sleep_ms(2000)
    tally = world.device.tally
    assert (tally.unconfirmed, tally.link_dropped, tally.lossy_settled) == (10, 0, 0)
    assert world.balance(10) == 0


def test_a_gateway_that_counts_less_than_it_confirmed_lost_its_store_and_we_lose_no_balance():
    world = ready()
    emit(world, 10, critical=False)
    world.sleep_ms(6000)
    assert world.device.tally.lossy_confirmed == 10
    world.store.lossy = 4
    world.cut()
    world.sleep_ms(2000)
    assert world.device.tally.link_dropped == 0
    assert world.device.tally.lossy_handed == 4
    world.receive(TYPE_ACK, payload=messages.counts(99))  # more than was ever handed over
    assert world.device.tally.lossy_confirmed == 4


# Polling


@pytest.mark.parametrize("platform", ["dreamcast", "psp", "vita"])
def test_an_idle_client_polls_at_its_interval(platform):
    world = ready(POLLING, platform)
    world.sleep_ms(1000)
    world.gateway.polls.clear()
    world.sleep_ms(100_000)
    waits = [elapsed(b, a) for a, b in pairwise(world.gateway.polls)]
    assert set(waits) == {world.profile.update_interval_ms}


@pytest.mark.parametrize("platform", ["dreamcast", "psp", "vita"])
def test_a_critical_event_polls_at_once_but_not_faster_than_the_floor(platform):
    world = ready(POLLING, platform)
    world.sleep_ms(world.profile.update_interval_ms + world.profile.poll_floor_ms)
    emit(world, 1)
    world.run()
    assert world.store.critical_events == [0]
    for _ in range(20):
        emit(world, 1)
        world.sleep_ms(37)
    world.sleep_ms(2000)
    polls = world.gateway.polls
    waits = [elapsed(b, a) for a, b in pairwise(polls)]
    assert min(waits[1:]) >= world.profile.poll_floor_ms
    assert world.store.critical_events == list(range(21))


def test_a_lossy_event_waits_for_the_interval():
    world = ready(POLLING, "dreamcast")
    world.sleep_ms(100)
    polls = len(world.gateway.polls)
    emit(world, 1, critical=False)
    world.sleep_ms(4000)
    assert len(world.gateway.polls) == polls
    world.sleep_ms(1000)
    assert world.store.lossy_events == [0]


def test_more_to_fetch_polls_at_the_floor():
    world = ready(POLLING, "dreamcast")
    world.sleep_ms(100)
    polls = len(world.gateway.polls)
    world.device.poll_soon()
    world.sleep_ms(600)
    assert len(world.gateway.polls) == polls + 1


def test_after_a_lost_reply_it_resumes_exactly_once():
    world = ready(POLLING, "vita")
    world.device.channels.add(b"events", 2)
    world.sleep_ms(3000)
    world.store.log.append(b"1234")
    emit(world, 6)
    emit(world, 3, critical=False)
    world.lose_replies = True
    world.sleep_ms(200)
    world.lose_replies = False
    assert world.store.critical_events == list(range(6))
    world.sleep_ms(9000)
    assert world.gateway.resumes == 0  # it waits for the reply as long as for a connection
    world.sleep_ms(4000)
    assert world.gateway.resumes == 1
    assert world.gateway.sessions == 1
    assert world.store.critical_events == list(range(6))
    assert world.device.tally.critical_acked == 6
    assert world.device.tally.lossy_settled == 3
    assert world.delivered == [b"1234"]


def test_every_poll_has_its_proof_and_number():
    world = ready(POLLING)
    world.sleep_ms(10_000)
    assert world.prover.polled == len(world.gateway.polls) > 5


# Transports


def test_a_client_steps_down_probes_and_comes_back_up():
    world = World(BOTH, "host")
    world.reachable = {TRANSPORT_POLLING}
    world.start()
    emit(world, 5)
    world.sleep_ms(10_000)
    assert world.device.state == STATE_READY
    assert world.device.policy.transport() == TRANSPORT_POLLING
    world.reachable.add(TRANSPORT_WEBSOCKET)
    emit(world, 5)
    world.sleep_ms(60_000)
    assert world.device.policy.transport() == TRANSPORT_WEBSOCKET
    assert world.gateway.sessions == 1
    assert world.device.resumed
    emit(world, 5)
    world.run()
    assert world.store.critical_events == list(range(15))
    assert {target for _, target in world.probes} == {TRANSPORT_WEBSOCKET}


def test_a_probe_that_answers_when_the_connection_is_gone_changes_nothing():
    world = World(BOTH, "host")
    world.device.policy.index = 1
    world.start()
    world.device.policy.probing = True
    world.cut()
    world.device.probed(True, world.now)
    assert world.device.policy.index == 1
    assert not world.device.policy.probing


# Closing


@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_closing_sends_what_is_queued_then_says_goodbye(transports):
    world = ready(transports)
    world.sleep_ms(500)
    emit(world, 20)
    emit(world, 3, critical=False)
    world.device.close(world.now)
    world.sleep_ms(1000)
    assert world.device.state == STATE_CLOSED
    assert world.store.critical_events == list(range(20))
    assert world.store.lossy_events == [20, 21, 22]
    assert world.gateway.closed
    assert not world.pipe_open
    assert kinds(world)[-1] == TYPE_CLOSE


@pytest.mark.parametrize("state", EVERY_STATE)
def test_close_ends_within_a_second_in_every_state(state):
    world = in_state(state)
    world.gateway.hold = True
    emit(world, 3)
    world.device.close(world.now)
    world.device.close(world.now)
    world.sleep_ms(1000)
    assert world.device.state == (STATE_STOPPED if state == STATE_STOPPED else STATE_CLOSED)


@pytest.mark.parametrize("platform", ["dreamcast", "psp", "vita", "host"])
@pytest.mark.parametrize("trouble", ["none", "hold", "lose_replies", "lose_requests"])
@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_close_ends_within_a_second_whatever_the_link_does(platform, trouble, transports):
    for before_ms in range(0, 1600, 130):
        world = ready(transports, platform)
        world.sleep_ms(before_ms)
        emit(world, 30)
        if trouble == "hold":
            world.gateway.hold = True
        elif trouble != "none":
            setattr(world, trouble, True)
        world.sleep_ms(before_ms)
        world.device.close(world.now)
        world.sleep_ms(1000)
        assert world.device.state == STATE_CLOSED, before_ms


def test_closing_ends_when_the_transport_dies_or_the_gateway_ends_it():
    for payload in (None, messages.ending(CODE_GOING_AWAY), messages.ending(FATAL_CODES[0]), messages.ending(CODE_OK)):
        world = in_state(STATE_CLOSING)
        if payload is None:
            world.cut()
        else:
            world.receive(TYPE_CLOSE, payload=payload)
        assert world.device.state == STATE_CLOSED
    world = in_state(STATE_CLOSING)
    world.receive(TYPE_RESET, payload=messages.ending(CODE_UNKNOWN_SESSION))
    assert world.device.state == STATE_CLOSED


def test_what_the_store_holds_can_be_counted_and_taken_out_after_the_end():
    world = in_state(STATE_CLOSED)
    store = world.device.store
    assert store.events_held == 1
    assert store.abandon()
    assert (store.events_held, store.letter_events, store.letter_sent) == (0, 1, True)
    assert not store.abandon()
