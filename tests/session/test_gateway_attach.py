"""The gateway's half of a session when a newer transport takes over."""

from flight_client.session.gateway import messages
from flight_client.session.gateway.machine import FORGOTTEN, IGNORE, TAKE, VIOLATION, WAITS
from flight_client.session.spec import TYPE_DELIVER, TYPE_GAP, TYPE_REFUSED, TYPE_SKIP
from tests.session.test_gateway import T0, kinds, session


def test_a_refusal_is_not_told_again_behind_resumed_which_says_what_is_stored():
    gateway = session()
    gateway.send(TYPE_DELIVER, 0, 1, b"")
    gateway.send(TYPE_REFUSED, 0, 1, messages.refused(0, 15, 3))
    assert gateway.receive(1, 0, T0) == TAKE
    gateway.refuse(1, 1, messages.refused(1, 15, 2))
    assert kinds(gateway) == [TYPE_DELIVER, TYPE_REFUSED, TYPE_REFUSED]
    assert gateway.attach(1, 1, T0)
    assert kinds(gateway) == [TYPE_DELIVER, TYPE_SKIP, TYPE_SKIP]
    assert gateway.receive(1, 0, T0) == TAKE  # judged anew: the device may not have read the refusal
    assert gateway.acknowledge(4)
    assert gateway.held() == 0


# Refusals


def test_nothing_is_taken_behind_a_refused_frame_before_the_device_has_read_the_refusal():
    gateway = session()
    assert [gateway.receive(seq, 0, T0) for seq in (1, 2, 3)] == [TAKE] * 3
    gateway.refuse(3, 1, messages.refused(3, 16, 1))
    assert [gateway.receive(seq, 1, T0) for seq in (3, 4, 5)] == [IGNORE] * 3
    assert kinds(gateway) == [TYPE_REFUSED]  # and no RESEND: the refusal says what to send
    assert [gateway.receive(seq, 2, T0) for seq in (4, 3, 4)] == [IGNORE, TAKE, TAKE]


def test_a_refusal_forgets_what_was_taken_behind_it_and_late_news_of_it():
    gateway = session()
    taken = []
    for seq in (1, 2, 3):
        assert gateway.receive(seq, 0, T0) == TAKE
        taken.append(gateway.taken())
    gateway.done(3, T0)
    gateway.refuse(2, 1, messages.refused(2, 16, 1))
    assert [frame[1] for frame in taken] == [WAITS, FORGOTTEN, FORGOTTEN]
    gateway.done(3, T0)
    gateway.done(1, T0)
    assert gateway.ack() == 2
    assert gateway.receive(2, 2, T0) == TAKE
    assert gateway.taken() is not taken[1]
    gateway.done(2, T0)
    assert gateway.ack() == 3


def test_an_earlier_frame_may_be_refused_after_a_later_one():
    gateway = session()
    for seq in (1, 2):
        assert gateway.receive(seq, 0, T0) == TAKE
    gateway.refuse(2, 1, messages.refused(2, 15, 1))
    gateway.refuse(1, 1, messages.refused(1, 16, 1))
    assert kinds(gateway) == [TYPE_REFUSED, TYPE_REFUSED]
    assert gateway.receive(2, 2, T0) == IGNORE  # the device has read the first refusal only
    assert gateway.receive(1, 2, T0) == IGNORE
    assert [gateway.receive(seq, 3, T0) for seq in (1, 2)] == [TAKE, TAKE]


# Windows


def test_more_bytes_than_the_window_are_a_violation_but_for_a_single_frame():
    gateway = session(window_in_bytes=100)
    assert gateway.receive(1, 0, T0, 101) == TAKE  # alone: no device could ever send it otherwise
    assert gateway.receive(2, 0, T0, 1) == VIOLATION
    gateway.done(1, T0)
    assert [gateway.receive(seq, 0, T0, 50) for seq in (2, 3)] == [TAKE, TAKE]
    assert gateway.receive(4, 0, T0, 1) == VIOLATION
    gateway.refuse(3, 1, messages.refused(3, 15, 2))
    assert [gateway.receive(seq, 2, T0, 25) for seq in (3, 4)] == [TAKE, TAKE]
    assert gateway.receive(5, 2, T0, 1) == VIOLATION


# Channels that are left


def test_entries_of_a_channel_that_was_left_are_not_sent_any_more():
    gateway = session()
    for kind, channel in ((TYPE_DELIVER, 1), (TYPE_DELIVER, 2), (TYPE_GAP, 1), (TYPE_REFUSED, 1)):
        gateway.send(kind, 0, channel, b"1234")
    assert kinds(gateway) == [TYPE_DELIVER, TYPE_DELIVER, TYPE_GAP, TYPE_REFUSED]
    gateway.forget(1)
    gateway.rewind()
    assert kinds(gateway) == [TYPE_SKIP, TYPE_DELIVER, TYPE_SKIP, TYPE_REFUSED]
    assert gateway.acknowledge(5)
    assert gateway.can_send()
