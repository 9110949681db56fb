"""What HELLO offers and WELCOME grants holds for a session, and nothing else does."""

import pytest

from flight_client.session.device import codes
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    AUTH_HMAC,
    FLAG_COMPRESSED,
    FLAG_DELTA,
    FLAG_MORE,
    STATE_READY,
    STATE_WAITING,
    TYPE_ACK,
    TYPE_DELIVER,
    TYPE_HEARTBEAT,
    TYPE_HELLO,
    TYPE_WELCOME,
)
from tests.session.device_world import ready
from tests.session.harness import World


def welcome(flags_up=0, flags_down=0, auth=0, window_bytes=4096, unpacked_bytes=0):
    numbers = (5000, 8, 4096, 250, 0, 0, 60000, window_bytes, 0, unpacked_bytes, flags_up, flags_down, auth)
    return messages.welcome(bytes(16), bytes(8), b"incarnat", b"epoch--1", bytes(8), numbers)


def test_both_sides_come_to_the_same_agreement():
    world = World()
    world.device.agreement.reads = FLAG_DELTA | FLAG_MORE
    world.device.agreement.sends = FLAG_DELTA | FLAG_COMPRESSED
    world.device.agreement.unpacked_bytes = 3000
    world.gateway.reads = FLAG_COMPRESSED | FLAG_MORE
    world.gateway.sends = FLAG_MORE
    world.start()
    mine, theirs = world.device.agreement, world.gateway.agreement
    assert theirs is not None
    assert (mine.up, mine.down) == (theirs.up, theirs.down) == (FLAG_COMPRESSED, FLAG_MORE)
    assert (mine.unpacked_out_bytes, theirs.unpacked_out_bytes) == (4096, 3000)
    assert (mine.window_out_frames, mine.window_out_bytes, mine.frame_bytes) == (8, 1 << 20, 4096)
    assert world.device.welcome.token_expires_in_ms == 0


def test_an_agreement_outlives_transports_and_ends_with_the_session():
    world = World()
    world.device.agreement.sends = FLAG_DELTA
    world.gateway.reads = FLAG_DELTA
    world.start()
    world.cut()
    world.sleep_ms(5000)
    assert (world.device.resumed, world.device.agreement.up) == (True, FLAG_DELTA)
    world.gateway.reads = 0
    world.restart_gateway()
    world.sleep_ms(5000)
    assert (world.device.resumed, world.device.agreement.up) == (False, 0)


@pytest.mark.parametrize(
    "granted",
    [
        {"flags_up": FLAG_MORE},
        {"flags_up": 0x80},
        {"flags_down": FLAG_DELTA},
        {"flags_down": 0x10},
        {"auth": AUTH_HMAC},
    ],
)
def test_a_welcome_that_grants_what_was_not_asked_for_breaks_the_protocol(granted):
    world = World()
    world.device.agreement.sends = FLAG_DELTA
    world.device.agreement.reads = FLAG_MORE
    world.lose_replies = True
    world.start()
    assert world.receive(TYPE_WELCOME, payload=welcome(**granted)) == codes.BROKEN
    assert world.device.state == STATE_WAITING
    assert not world.device.known
    assert world.device.agreement.up == 0


def test_a_welcome_that_grants_less_is_taken():
    world = World()
    world.device.agreement.sends = FLAG_DELTA | FLAG_MORE
    world.lose_replies = True
    world.start()
    assert world.receive(TYPE_WELCOME, payload=welcome(flags_up=FLAG_MORE)) == codes.CONNECTED
    assert world.device.agreement.up == FLAG_MORE


@pytest.mark.parametrize("flag", [FLAG_DELTA, FLAG_MORE, FLAG_COMPRESSED])
def test_a_flag_on_a_frame_that_does_not_take_it_breaks_the_protocol(flag):
    for kind in (TYPE_ACK, TYPE_HEARTBEAT):
        world = ready()
        assert world.receive(kind, payload=bytes(8), flags=flag) == codes.BROKEN
        assert world.device.state == STATE_WAITING
    world = ready()
    payload = bytes(4) + (100).to_bytes(4, "little") + bytes(44)  # as good a first piece as any
    world.inbox.pieces.limit = 100
    assert world.receive(TYPE_DELIVER, channel=9, seq=1, payload=payload, flags=flag) == codes.QUIET
    assert world.device.state == STATE_READY


def test_a_flag_on_welcome_breaks_the_protocol():
    world = World()
    world.lose_replies = True
    world.start()
    assert world.sent[0][1] == TYPE_HELLO
    assert world.receive(TYPE_WELCOME, payload=welcome(), flags=FLAG_DELTA) == codes.BROKEN
