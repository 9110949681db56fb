"""Critical frames that are given up: expiry, refusals, retries, and the SKIP that takes their number. Windows, priorities."""

import pytest

from flight_client.session.common.clock import elapsed
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    RETRY_COUNT,
    RETRY_INTERVAL_MS,
    STATE_READY,
    TYPE_DATA,
    TYPE_RESET,
    TYPE_SKIP,
)
from tests.session.device_world import BOTH, POLLING, emit, kinds, ready
from tests.session.harness import World
from tests.session.parts import Store

WEB = (2,)


def events_sent(world, since=0):
    return [kind for kind in kinds(world, since) if kind in (TYPE_DATA, TYPE_SKIP)]


def held_up(count, expires_ms, **other):
    """A device whose gateway has its frames and stores nothing."""
    world = ready(**other)
    world.expires_ms = expires_ms
    world.gateway.hold = True
    emit(world, count)
    world.run()
    return world


# Expiry


@pytest.mark.parametrize("transports", [WEB, POLLING])
def test_a_packed_frame_whose_time_is_over_is_not_sent_again_and_skip_takes_its_number(transports):
    world = ready(transports)
    world.expires_ms = 5000
    world.lose_requests = True
    emit(world, 4)
    world.sleep_ms(100)
    world.expires_ms = 0
    emit(world, 4)
    world.sleep_ms(1000)
    world.cut()
    world.reachable = set()
    world.sleep_ms(20000)
    sent = len(world.sent)
    world.lose_requests = False
    world.reachable = {2, 3}
    world.sleep_ms(20000)
    assert world.store.critical_events == [4, 5, 6, 7]
    assert world.letters == [("expired", False, [0, 1, 2, 3])]  # RESUMED said that it was not stored
    assert world.device.tally.expired == 4
    assert events_sent(world, sent) == [TYPE_SKIP, TYPE_DATA]
    assert world.device.store.used == 0
    assert world.device.state == STATE_READY


def test_a_frame_goes_again_as_long_as_its_time_is_not_over():
    world = ready()
    world.expires_ms = 60000
    world.lose_requests = True
    emit(world, 4)
    world.run()
    world.cut()
    world.lose_requests = False
    world.sleep_ms(5000)
    assert world.store.critical_events == [0, 1, 2, 3]
    assert world.letters == []


def test_a_frame_that_expires_while_the_gateway_may_be_storing_it_may_have_been_stored():
    world = held_up(4, 3000)
    world.sleep_ms(4500)  # the acknowledgement is overdue: it would go again now
    assert world.letters == [("expired", True, [0, 1, 2, 3])]
    world.gateway.hold = False
    world.gateway.flush(world.now)
    emit(world, 4)
    world.sleep_ms(100)
    assert world.store.critical_events == list(range(8))
    assert world.device.tally.critical_acked == 4
    assert world.device.tally.expired == 4
    assert world.device.store.used == 0


def test_a_frame_that_was_sent_to_a_log_that_is_gone_may_have_been_stored():
    world = held_up(4, 3000)
    world.restart_gateway(Store(b"epoch--2"))
    world.reachable = set()
    world.sleep_ms(5000)
    world.reachable = {2}
    world.sleep_ms(20000)
    assert world.letters == [("expired", True, [0, 1, 2, 3])]
    assert world.store.critical_events == []


def test_a_frame_of_a_session_that_is_gone_was_not_stored_if_the_log_says_so():
    world = held_up(4, 3000)
    world.restart_gateway()
    world.reachable = set()
    world.sleep_ms(5000)
    world.reachable = {2}
    world.sleep_ms(20000)
    assert world.letters == [("expired", False, [0, 1, 2, 3])]
    assert world.device.store.used == 0  # a SKIP at the head of a new session needs no number


def test_a_given_up_frame_between_others_keeps_its_place_in_a_new_session():
    world = held_up(4, 0)
    world.expires_ms = 1000
    emit(world, 4)
    world.run()
    world.expires_ms = 0
    emit(world, 4)
    world.run()
    world.restart_gateway()
    world.reachable = set()
    world.sleep_ms(5000)
    world.reachable = {2}
    sent = len(world.sent)
    world.sleep_ms(20000)
    assert events_sent(world, sent) == [TYPE_DATA, TYPE_SKIP, TYPE_DATA]
    assert world.store.critical_events == [0, 1, 2, 3, 8, 9, 10, 11]
    assert world.device.store.used == 0


def test_what_was_given_up_is_not_given_up_twice():
    world = held_up(4, 1000)
    world.sleep_ms(30000)
    assert len(world.letters) == 1
    world.cut()
    world.sleep_ms(30000)
    assert len(world.letters) == 1


# Refusals


@pytest.mark.parametrize("transports", [WEB, POLLING])
def test_a_frame_that_the_store_refused_goes_again_after_the_interval_and_keeps_its_place(transports):
    world = ready(transports)
    world.sleep_ms(10000)
    world.gateway.store_fails = True
    emit(world, 8)
    world.sleep_ms(1500)
    world.gateway.store_fails = False
    assert world.gateway.refused_events == 4
    assert world.store.critical_events == []
    world.sleep_ms(5000)
    assert world.store.critical_events == list(range(8))
    assert world.letters == []
    assert world.device.tally.refused == 0


def test_lossy_events_go_while_a_refused_frame_waits():
    world = ready()
    world.gateway.store_fails = True
    emit(world, 4)
    world.run()
    world.gateway.store_fails = False
    emit(world, 4)
    emit(world, 2, critical=False)
    world.run()
    assert world.store.critical_events == []
    assert world.store.lossy_events == [8, 9]
    world.sleep_ms(RETRY_INTERVAL_MS + 100)
    assert world.store.critical_events == list(range(8))


@pytest.mark.parametrize("retries", [-1, 0, 1])
def test_a_frame_that_is_refused_once_more_than_it_may_go_again_becomes_a_letter(retries):
    world = ready()
    world.retries = retries
    world.gateway.store_fails = True
    emit(world, 4)
    tries = 1 + (RETRY_COUNT if retries < 0 else retries)
    began = world.now
    while not world.letters:
        world.pass_ms(10)
    waited = (tries - 1) * RETRY_INTERVAL_MS
    assert waited <= elapsed(world.now, began) <= waited + 100
    assert world.gateway.refused_events == 4 * tries
    assert world.letters == [("refused", False, [0, 1, 2, 3])]
    world.gateway.store_fails = False
    emit(world, 4)
    world.sleep_ms(1000)
    assert world.store.critical_events == [4, 5, 6, 7]
    assert world.device.tally.refused == 4
    assert world.inbox.refused_code == 16


def test_a_refusal_that_is_definite_spends_no_retry():
    world = ready()
    world.gateway.refuse = True
    emit(world, 8)
    world.run()
    assert world.letters == [("refused", False, [0, 1, 2, 3]), ("refused", False, [4, 5, 6, 7])]
    assert world.inbox.refused_code == 15
    assert world.device.store.events_held == 0


def test_an_outage_spends_no_retry_and_ends_the_wait():
    world = ready()
    world.retries = 1
    world.gateway.store_fails = True
    emit(world, 4)
    world.run()
    assert world.device.store.hold_ms(world.now, 5000) == RETRY_INTERVAL_MS
    for _ in range(5):
        world.lose_requests = True
        world.cut()
        world.sleep_ms(15000)
    world.gateway.store_fails = False
    world.lose_requests = False
    world.cut()
    world.sleep_ms(15000)
    assert world.store.critical_events == [0, 1, 2, 3]
    assert world.letters == []


def test_a_frame_that_expires_while_it_waits_for_its_retry_is_given_up_with_certainty():
    world = ready()
    world.expires_ms = 1000
    world.gateway.store_fails = True
    emit(world, 4)
    world.run()
    world.sleep_ms(RETRY_INTERVAL_MS + 100)
    assert world.letters == [("expired", False, [0, 1, 2, 3])]
    assert world.gateway.refused_events == 4
    assert world.device.store.used == 0


def test_a_refusal_of_what_has_expired_meanwhile_is_answered_by_skip_again():
    world = held_up(4, 3000)
    world.sleep_ms(4500)
    assert len(world.letters) == 1
    sent = len(world.sent)
    world.gateway.session.refuse(1, 1, messages.refused(1, 16, 4))
    world.sleep_ms(100)
    assert events_sent(world, sent) == [TYPE_SKIP]
    assert len(world.letters) == 1
    assert world.device.store.used == 0


def test_the_device_sleeps_until_the_retry_is_due():
    world = ready()
    world.gateway.store_fails = True
    emit(world, 4)
    world.run()
    turns = world.sleep_ms(RETRY_INTERVAL_MS - 10)
    assert turns <= 3
    assert world.device.wake_in_ms(world.now) <= 10


def test_a_refusal_does_not_move_the_sending_forward_over_what_goes_again():
    """RESEND and REFUSED may come together: what RESEND asked for is sent first."""
    world = held_up(12, 0)
    world.gateway.waiting.clear()
    world.device.store.rewind()
    assert world.device.store.refuse(3, True, world.now)
    assert world.device.store.cursor == 0
    assert world.device.store.hold_ms(world.now, 5000) == 0  # the first two do not wait
    sent = len(world.sent)
    world.run()
    assert [frame[2] for frame in world.sent[sent:] if frame[1] == TYPE_DATA] == [1, 2]


def test_a_frame_of_a_log_that_is_gone_may_have_been_stored_there_although_the_new_one_refuses_it():
    world = held_up(4, 0)
    world.restart_gateway(Store(b"epoch--2"))
    world.gateway.refuse = True
    world.sleep_ms(5000)
    assert world.letters == [("refused", True, [0, 1, 2, 3])]


# Windows


def test_the_device_keeps_to_the_gateways_window_in_bytes():
    world = ready()
    payload = 8 + 16
    world.lose_requests = True
    world.device.sender.window_bytes = world.profile.frame_bytes + 2 * payload
    emit(world, 40)
    world.run()
    assert world.device.store.used == 3  # a fourth, full one, would not fit
    world.device.sender.window_bytes = 2 * payload
    world.cut()
    world.lose_requests = False
    world.gateway.hold = True
    sent = len(world.sent)
    world.sleep_ms(2000)
    assert events_sent(world, sent) == [TYPE_DATA] * 2
    assert world.device.store.bytes_out == 2 * payload
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(5000)
    assert world.store.critical_events == list(range(40))


def test_a_window_smaller_than_a_frame_lets_one_frame_at_a_time_through():
    world = ready()
    world.device.sender.window_bytes = 1
    emit(world, 12)
    world.sleep_ms(5000)
    assert world.store.critical_events == list(range(12))
    assert world.gateway.most_held == 1


# Priorities


def order(world, since):
    """Of each DATA frame: critical or lossy."""
    return ["critical" if frame[2] else "lossy" for frame in world.sent[since:] if frame[1] == TYPE_DATA]


def test_critical_events_go_first_where_the_priority_is_the_same():
    world = ready()
    emit(world, 4, critical=False)
    emit(world, 4)
    sent = len(world.sent)
    world.run()
    assert order(world, sent) == ["critical", "lossy"]


def test_lossy_events_of_a_higher_priority_take_turns_with_critical_ones():
    world = ready()
    world.device.lossy_priority = 2
    world.device.critical_priority = 1
    emit(world, 12)
    emit(world, 40, critical=False)
    sent = len(world.sent)
    world.run()
    assert order(world, sent)[:6] == ["critical", "lossy"] * 3


def test_critical_events_that_never_end_let_a_lossy_frame_through_after_eight():
    world = World(WEB, "host")
    world.gateway.window = 32
    world.start()
    emit(world, 80)
    emit(world, 4, critical=False)
    sent = len(world.sent)
    world.run()
    assert order(world, sent) == ["critical"] * 8 + ["lossy"] + ["critical"] * 12


def test_a_new_session_does_not_forget_what_was_given_up():
    world = ready(BOTH)
    world.gateway.refuse = True
    emit(world, 4)
    world.run()
    world.receive(TYPE_RESET, payload=messages.ending(4))
    world.gateway.refuse = False
    world.sleep_ms(5000)
    assert world.letters == [("refused", False, [0, 1, 2, 3])]
    assert world.store.critical_events == []
