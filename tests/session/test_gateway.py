"""The gateway's half of a session, and the payloads that it reads and writes."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flight_client.session.common.clock import MASK, later
from flight_client.session.common.profile import Profile
from flight_client.session.device.channels import ChannelState
from flight_client.session.device.identity import Identity
from flight_client.session.device.messages import Ending, Welcome, write_attach, write_hello, write_open, write_poll
from flight_client.session.gateway import messages
from flight_client.session.gateway.machine import IGNORE, TAKE, VIOLATION, GatewaySession
from flight_client.session.spec import (
    ACK_DELAY_MS,
    NUMBER_LIMIT,
    PROFILES,
    TEXT_BYTES,
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


def hello_bytes(token=b"token"):
    identity = Identity(b"vita-1", b"vita", 3, b"1.2.3", 1)
    identity.token = token
    identity.capabilities = 15
    identity.incarnation[:] = b"incarnat"
    identity.boot[:] = b"boot----"
    out = bytearray(640)
    count = write_hello(out, identity, Profile(PROFILES["vita"]), b"nonce---")
    return bytes(out[16 : 16 + count])


def attach_bytes():
    out = bytearray(640)
    count = write_attach(out, b"0123456789abcdef", 7, 9)
    out[40:56] = b"proofproofproof!"
    return bytes(out[16 : 16 + count])


def open_bytes():
    state = ChannelState(b"memory-updates", 3, 2, 10)
    state.epoch[:] = b"epoch--1"
    state.offset[:] = (77).to_bytes(8, "little")
    out = bytearray(640)
    count = write_open(out, state)
    return bytes(out[16 : 16 + count])


def test_hello_reads_as_it_was_written():
    data = hello_bytes()
    hello = messages.read_hello(data, 0, len(data))
    assert hello is not None
    assert (hello.device_id, hello.platform, hello.version, hello.token) == (b"vita-1", b"vita", b"1.2.3", b"token")
    assert (hello.client_type, hello.platform_number, hello.version_min, hello.version_max) == (1, 3, 1, 1)
    assert (hello.frame_bytes, hello.window_frames, hello.window_bytes) == (4096, 16, 65536)
    assert (hello.incarnation, hello.boot, hello.nonce, hello.capabilities) == (
        b"incarnat",
        b"boot----",
        b"nonce---",
        15,
    )


def test_the_largest_hello_fits_its_frame_and_no_larger_one_is_made():
    identity = Identity(b"d" * 32, b"p" * 16, 3, b"v" * 16, 1)
    identity.token = b"t" * 480
    assert identity.fits()
    out = bytearray(640)
    count = write_hello(out, identity, Profile(PROFILES["vita"]), bytes(8))
    assert 16 + count + 4 <= 640
    assert messages.read_hello(out, 16, 16 + count) is not None
    for name, value in (("device_id", b""), ("device_id", b"d" * 33), ("platform", b"p" * 17), ("version", b"v" * 17),
                        ("token", b"t" * 481)):  # fmt: skip
        other = Identity(b"d", b"p", 3, b"v", 1)
        setattr(other, name, value)
        assert not other.fits(), name


def test_attach_poll_and_open_read_as_they_were_written():
    data = attach_bytes()
    attach = messages.read_attach(data, 0, 40)
    assert attach is not None
    assert (attach.session_id, attach.generation, attach.number) == (b"0123456789abcdef", 7, 9)
    assert attach.proof == b"proofproofproof!"
    out = bytearray(640)
    assert write_poll(out, b"0123456789abcdef", 7, 9) == 40
    assert bytes(out[16:40]) == data[:24]
    data = open_bytes()
    opened = messages.read_open(data, 0, len(data))
    assert opened is not None
    assert (opened.mode, opened.start, opened.count, opened.epoch, opened.offset, opened.name) == (
        3, 2, 10, b"epoch--1", 77, b"memory-updates",
    )  # fmt: skip


READERS = [
    (messages.read_hello, hello_bytes()),
    (messages.read_attach, attach_bytes()),
    (messages.read_open, open_bytes()),
]


@pytest.mark.parametrize(("read", "data"), READERS)
def test_every_truncation_is_refused_and_so_is_a_byte_too_many(read, data):
    assert read(data, 0, len(data)) is not None
    for end in range(len(data)):
        assert read(data, 0, end) is None, end
        assert read(data[:end], 0, end) is None, end
    assert read(data + b"x", 0, len(data) + 1) is None


@pytest.mark.parametrize(("read", "data"), READERS)
@settings(max_examples=300)
@given(noise=st.binary(max_size=700))
def test_random_bytes_are_read_or_refused_without_an_exception(read, data, noise):
    read(noise, 0, len(noise))


@pytest.mark.parametrize(("read", "data"), READERS)
@settings(max_examples=300)
@given(
    edits=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=4),
    start=st.integers(0, 5),
)
def test_damaged_payloads_are_read_or_refused_without_an_exception(read, data, edits, start):
    damaged = bytearray(bytes(start) + data)
    for at, value in edits:
        damaged[start + at % len(data)] = value
    read(damaged, start, len(damaged))


def test_numbers_over_the_limit_and_empty_windows_are_refused():
    data = bytearray(hello_bytes())
    for at, value in ((7, 0x40), (15, 0x40)):
        damaged = bytearray(data)
        damaged[at] = value
        assert messages.read_hello(damaged, 0, len(damaged)) is None
    for at, count in ((8, 2), (10, 2), (12, 4)):
        damaged = bytearray(data)
        damaged[at : at + count] = bytes(count)
        assert messages.read_hello(damaged, 0, len(damaged)) is None
    for at in (19, 23):
        damaged = bytearray(attach_bytes())
        damaged[at] = 0x40
        assert messages.read_attach(damaged, 0, 40) is None


def test_welcome_reads_as_it_was_written_and_no_truncation_does():
    sent = messages.welcome(b"0123456789abcdef", b"abcdefgh", b"incarnat", b"epoch--1", b"nonce---",
                            (5000, 8, 1 << 20, 250, 3, 4, 60_000))  # fmt: skip
    welcome = Welcome()
    assert welcome.read(sent, 0, len(sent))
    assert (welcome.heartbeat_ms, welcome.window_frames, welcome.frame_bytes) == (5000, 8, 0xFFFF)
    assert (welcome.spread_ms, welcome.mark, welcome.lossy_stored, welcome.session_ttl_ms) == (250, 3, 4, 60_000)
    assert (
        bytes(welcome.session_id + welcome.short_id + welcome.incarnation + welcome.epoch + welcome.server_nonce)
        == (sent[:48])
    )
    assert not any(Welcome().read(sent, 0, end) for end in range(72))
    for at in (51, 59, 63, 67, 71):
        damaged = bytearray(sent)
        damaged[at] = 0x40
        assert not Welcome().read(damaged, 0, 72)
    for at, count in ((48, 4), (52, 2), (54, 2)):
        damaged = bytearray(sent)
        damaged[at : at + count] = bytes(count)
        assert not Welcome().read(damaged, 0, 72)


@given(st.text(max_size=200))
@example("\u20ac" * 60)
@example("\U0001f680" * 41)
@example("x" * 161)
def test_a_text_is_cut_to_its_limit_and_stays_utf_8(text):
    sent = messages.ending(10, 1234, text)
    ending = Ending()
    assert ending.read(sent, 0, len(sent))
    assert (ending.code, ending.retry_after_ms) == (10, 1234)
    said = sent[ending.text_start : ending.text_end]
    assert len(said) <= TEXT_BYTES
    assert text.startswith(said.decode())
    assert len(said) > TEXT_BYTES - 4 or said.decode() == text
    for end in range(len(sent)):
        assert not Ending().read(sent, 0, end)
    assert messages.opened(3, 2, bytes(8), 5, text)[20:] == said
    assert messages.refused(3, 2, 5, text)[12:] == said


def test_an_ending_with_a_wait_over_the_limit_is_refused():
    assert not Ending().read(bytes((1, 0, 0, 0, 0, 0, 0, 0x40)), 0, 8)


def test_the_other_writers_lay_out_what_the_specification_says():
    assert messages.resumed(1, 2, 3, 4) == bytes((1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0))
    assert messages.gap(3, b"epoch--1", 5, 6) == b"\x03\0\0\0epoch--1" + bytes((5, *bytes(7), 6, *bytes(7)))
    assert messages.counts(5) == bytes((5, 0, 0, 0))
    assert messages.counts(5, 0) == bytes((5, 0, 0, 0, 0, 0, 0, 0))
    assert messages.refused(9, 15, 2) == bytes((9, 0, 0, 0, 15, 0, 0, 0, 2, 0, 0, 0))
    assert messages.opened(0, 3, b"epoch--1", 9) == b"\0\x03\0\0epoch--1" + bytes((9, *bytes(7)))
