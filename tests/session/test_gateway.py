"""The gateway's half of a session: numbers, acknowledgements, windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.session.common.clock import MASK, later
from flight_client.session.gateway import messages
from flight_client.session.gateway.machine import IGNORE, TAKE, VIOLATION, GatewaySession
from flight_client.session.spec import (
    ACK_DELAY_MS,
    NUMBER_LIMIT,
    TYPE_ACK,
    TYPE_DELIVER,
    TYPE_HEARTBEAT,
    TYPE_OPENED,
    TYPE_RESEND,
)

T0 = MASK - 20  # the clock wraps in the midst of each test


def session(window=8, window_bytes=4096, window_in_bytes=1 << 20):
    gateway = GatewaySession(window, window_bytes, 5000, window, window_in_bytes)
    gateway.heard_at = gateway.sent_at = T0
    return gateway


def kinds(gateway, now=T0):
    """The types of all frames that wait."""
    found = []
    while (frame := gateway.next_frame(now)) is not None:
        found.append(frame[0])
    return found


def numbers(gateway, now=T0):
    """The sequence numbers of all frames that wait."""
    found = []
    while (frame := gateway.next_frame(now)) is not None:
        found.append(frame[3])
    return found


# Verdicts


def test_the_next_number_is_taken_and_only_once():
    gateway = session()
    assert [gateway.receive(seq, 0, T0) for seq in (1, 2, 3)] == [TAKE, TAKE, TAKE]
    assert gateway.receive(2, 0, T0) == IGNORE
    assert gateway.duplicates == 1
    assert gateway.next_in == 4


def test_more_frames_than_the_window_that_was_granted_are_a_violation():
    gateway = session(window=3)
    assert [gateway.receive(seq, 0, T0) for seq in (1, 2, 3, 4)] == [TAKE, TAKE, TAKE, VIOLATION]
    gateway = session(window=3)
    for seq in (1, 2, 3):
        gateway.receive(seq, 0, T0)
    gateway.done(2, T0)  # stored, but not acknowledged: it still fills the window
    assert gateway.receive(4, 0, T0) == VIOLATION
    gateway.done(1, T0)
    assert gateway.receive(4, 0, T0) == TAKE


def test_a_device_that_provokes_answers_without_reading_them_floods():
    gateway = session()
    for _ in range(320):
        gateway.control(TYPE_OPENED, 1, b"")
    assert not gateway.flooded()
    gateway.control(TYPE_OPENED, 1, b"")
    assert gateway.flooded()
    gateway = session(window=8)
    for _ in range(336):
        gateway.send(TYPE_DELIVER, 0, 1, b"")
    assert not gateway.flooded()
    gateway.send(TYPE_DELIVER, 0, 1, b"")
    assert gateway.flooded()


def test_unsequenced_frames_are_always_taken():
    gateway = session()
    assert [gateway.receive(0, 0, T0) for _ in range(3)] == [TAKE] * 3
    assert gateway.next_in == 1


def test_a_gap_provokes_one_request_to_resend_not_one_per_frame():
    gateway = session()
    assert gateway.receive(1, 0, T0) == TAKE
    assert [gateway.receive(seq, 0, T0) for seq in (3, 4, 5, 6)] == [IGNORE] * 4
    assert kinds(gateway) == [TYPE_RESEND]
    assert [gateway.receive(seq, 0, T0) for seq in (2, 3)] == [TAKE] * 2
    assert gateway.receive(5, 0, T0) == IGNORE  # another gap, another request
    assert kinds(gateway).count(TYPE_RESEND) == 1


def test_a_new_transport_may_ask_for_the_same_gap_again():
    gateway = session()
    gateway.receive(3, 0, T0)
    assert gateway.attach(1, 1, T0)
    assert kinds(gateway) == []
    gateway.receive(3, 0, T0)
    assert kinds(gateway) == [TYPE_RESEND]


def test_a_number_half_the_range_ahead_is_a_violation():
    assert session().receive(1 + NUMBER_LIMIT // 2, 0, T0) == VIOLATION
    assert session().receive(NUMBER_LIMIT // 2, 0, T0) == IGNORE


def test_an_acknowledgement_beyond_what_was_sent_is_a_violation():
    gateway = session()
    gateway.send(TYPE_DELIVER, 0, 1, b"a")
    assert gateway.receive(0, 2, T0) == TAKE
    assert gateway.receive(0, 3, T0) == VIOLATION
    assert gateway.receive(1, 3, T0) == VIOLATION
    assert gateway.next_in == 1


# Acknowledgements


def test_nothing_is_acknowledged_before_it_is_stored():
    gateway = session()
    for seq in (1, 2, 3):
        gateway.receive(seq, 0, T0)
    assert gateway.ack() == 1
    assert not gateway.settled()
    gateway.done(1, T0)
    assert gateway.ack() == 2


def test_frames_stored_out_of_order_are_acknowledged_in_order():
    gateway = session()
    for seq in (1, 2, 3, 4):
        gateway.receive(seq, 0, T0)
    gateway.done(3, T0)
    gateway.done(2, T0)
    assert gateway.ack() == 1
    gateway.done(1, T0)
    assert gateway.ack() == 4
    gateway.done(4, T0)
    assert gateway.ack() == 5
    assert gateway.settled()


@given(st.permutations(range(1, 9)))
def test_the_acknowledgement_is_the_first_number_that_is_not_stored_in_any_order(order):
    gateway = session()
    for seq in range(1, 9):
        gateway.receive(seq, 0, T0)
    stored: set[int] = set()
    for seq in order:
        gateway.done(seq, T0)
        stored.add(seq)
        assert gateway.ack() == next(number for number in range(1, 10) if number not in stored)


def test_an_acknowledgement_waits_at_most_its_delay():
    gateway = session()
    gateway.receive(1, 0, T0)
    gateway.done(1, T0)
    assert gateway.next_frame(later(T0, ACK_DELAY_MS - 1)) is None
    assert gateway.wake_in_ms(T0) == ACK_DELAY_MS
    frame = gateway.next_frame(later(T0, ACK_DELAY_MS))
    assert frame is not None
    assert frame[0] == TYPE_ACK
    assert gateway.next_frame(later(T0, ACK_DELAY_MS)) is None


def test_half_a_window_is_acknowledged_at_once():
    gateway = session(window=8)
    for seq in (1, 2, 3):
        gateway.receive(seq, 0, T0)
        gateway.done(seq, T0)
    assert kinds(gateway) == []
    gateway.receive(4, 0, T0)
    gateway.done(4, T0)
    assert gateway.wake_in_ms(T0) == 0
    assert kinds(gateway) == [TYPE_ACK]


def test_an_acknowledgement_rides_on_any_other_frame():
    gateway = session()
    gateway.receive(1, 0, T0)
    gateway.done(1, T0)
    gateway.control(TYPE_OPENED, 1, b"")
    assert kinds(gateway) == [TYPE_OPENED]
    assert kinds(gateway, later(T0, ACK_DELAY_MS)) == []


def test_an_acknowledgement_is_not_acknowledged():
    gateway = session()
    gateway.send(TYPE_DELIVER, 0, 1, b"a")
    assert kinds(gateway) == [TYPE_DELIVER]
    gateway.receive(0, 2, T0)
    assert kinds(gateway, later(T0, 4999)) == []


def test_a_duplicate_is_acknowledged_again():
    gateway = session()
    gateway.receive(1, 0, T0)
    gateway.done(1, T0)
    kinds(gateway, later(T0, ACK_DELAY_MS))
    gateway.receive(1, 0, later(T0, 100))
    assert kinds(gateway, later(T0, 100 + ACK_DELAY_MS)) == [TYPE_ACK]


def test_a_polling_reply_says_everything_at_once():
    gateway = session()
    gateway.ack_now(T0)
    assert kinds(gateway) == [TYPE_ACK]


def test_what_was_stored_twice_changes_nothing():
    gateway = session()
    gateway.receive(1, 0, T0)
    gateway.done(1, T0)
    gateway.done(1, T0)
    assert gateway.ack() == 2


# Sending


def test_control_goes_before_data_and_data_in_order():
    gateway = session()
    gateway.send(TYPE_DELIVER, 0, 1, b"a")
    gateway.send(TYPE_DELIVER, 0, 1, b"b")
    gateway.control(TYPE_OPENED, 1, b"")
    assert gateway.wake_in_ms(T0) == 0
    assert numbers(gateway) == [0, 1, 2]
    assert gateway.out_frames == 3


def test_the_window_has_room_in_frames_and_in_bytes():
    gateway = session(window=3, window_bytes=100)
    for _ in range(3):
        assert gateway.can_send()
        gateway.send(TYPE_DELIVER, 0, 1, b"x")
    assert not gateway.can_send()
    gateway.acknowledge(2)
    assert gateway.can_send()
    gateway.send(TYPE_DELIVER, 0, 1, bytes(99))
    gateway.acknowledge(3)
    assert gateway.held() == 2
    assert not gateway.can_send()
    gateway.acknowledge(5)
    assert gateway.held() == 0
    assert gateway.can_send()


def test_after_attach_what_was_not_acknowledged_goes_again_in_order():
    gateway = session()
    for _ in range(4):
        gateway.send(TYPE_DELIVER, 0, 1, b"x")
    assert numbers(gateway) == [1, 2, 3, 4]
    gateway.control(TYPE_OPENED, 1, b"")  # for the transport that is gone
    assert gateway.attach(1, 3, later(T0, 100))
    assert gateway.generation == 1
    assert numbers(gateway, later(T0, 100)) == [3, 4]


@pytest.mark.parametrize("next_expected", [0, 1, 2, 6])
def test_attach_with_impossible_numbers_is_refused(next_expected):
    gateway = session()
    for _ in range(4):
        gateway.send(TYPE_DELIVER, 0, 1, b"x")
    gateway.acknowledge(3)
    assert not gateway.attach(1, next_expected, T0)
    assert gateway.generation == 0


def test_a_request_to_resend_sends_everything_again():
    gateway = session()
    for _ in range(3):
        gateway.send(TYPE_DELIVER, 0, 1, b"x")
    numbers(gateway)
    gateway.receive(0, 2, T0)
    gateway.rewind()
    assert numbers(gateway) == [2, 3]


def test_a_repeated_poll_is_not_new():
    gateway = session()
    assert gateway.new_poll(1)
    assert not gateway.new_poll(1)
    assert gateway.new_poll(2)
    assert not gateway.new_poll(1)


def test_a_heartbeat_is_sent_when_nothing_else_was():
    gateway = session()
    gateway.lossy_stored = 7
    gateway.spread_ms = 4500
    assert gateway.next_frame(later(T0, 4999)) is None
    assert gateway.wake_in_ms(later(T0, 4000)) == 1000
    frame = gateway.next_frame(later(T0, 5000))
    assert frame == (TYPE_HEARTBEAT, 0, 0, 0, messages.counts(7, 4500))
    assert gateway.next_frame(later(T0, 9999)) is None


def test_a_silent_device_is_dead_after_two_heartbeats():
    gateway = session()
    assert not gateway.dead(later(T0, 10_000))
    assert gateway.dead(later(T0, 10_001))
    gateway.receive(0, 0, later(T0, 10_001))
    assert not gateway.dead(later(T0, 20_001))


# Payloads


def test_more_bytes_than_were_granted_are_a_violation_and_stored_ones_count_no_more():
    gateway = GatewaySession(8, 4096, 5000, 8, 1000)
    assert gateway.receive(1, 0, T0, 600) == TAKE
    assert gateway.receive(2, 0, T0, 400) == TAKE
    assert gateway.receive(3, 0, T0, 1) == VIOLATION
    gateway.done(2, T0)
    assert gateway.receive(3, 0, T0, 401) == VIOLATION  # 1 is not stored, so nothing is acknowledged
    gateway.done(1, T0)
    assert gateway.ack() == 3
    assert gateway.receive(3, 0, T0, 5000) == TAKE  # one frame alone is always taken
    assert gateway.receive(4, 0, T0, 0) == VIOLATION
