"""A device that authenticates its frames believes nothing else, and is not stopped by a stranger."""

import pytest

from flight_client.session.device import codes
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    AUTH_HMAC,
    AUTH_NONE,
    CODE_CREDENTIAL,
    CODE_GOING_AWAY,
    CODE_UNKNOWN_SESSION,
    FLAG_AUTHENTICATED,
    STATE_ATTACHING,
    STATE_GREETING,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TAG_BYTES,
    TRAILER_BYTES,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DELIVER,
    TYPE_HEARTBEAT,
    TYPE_HELLO,
    TYPE_OPENED,
    TYPE_REFUSED,
    TYPE_RENEWED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_WELCOME,
)
from tests.session.device_world import emit
from tests.session.harness import World

BOTH = (TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)


def keyed(transports=BOTH, start=True):
    world = World(transports)
    world.device.agreement.auth = AUTH_HMAC
    if start:
        world.start()
        assert world.device.state == STATE_READY
    return world


@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), (TRANSPORT_POLLING,)])
def test_all_frames_but_hello_are_flagged_and_leave_room_for_the_tag(transports):
    world = World(transports)
    world.device.agreement.auth = AUTH_HMAC
    seen = {}
    original = world.device.emit

    def emit_frame(kind, flags, channel, seq, buffer, count):
        result = original(kind, flags, channel, seq, buffer, count)
        seen.setdefault(kind, set()).add(world.device.out.flags & FLAG_AUTHENTICATED)
        assert 16 + count + TAG_BYTES + TRAILER_BYTES <= len(buffer)
        return result

    world.device.emit = emit_frame  # type: ignore[method-assign]
    world.start()
    world.device.channels.add(b"events", 3)
    emit(world, 2000)
    emit(world, 200, critical=False)
    world.sleep_ms(20_000)
    world.cut()
    world.sleep_ms(20_000)
    world.device.close(world.now)
    world.sleep_ms(2000)
    assert seen.pop(TYPE_HELLO) == {0}
    assert len(seen) > 4
    assert all(flags == {FLAG_AUTHENTICATED} for flags in seen.values())
    assert world.device.out.room + world.device.out.at + TAG_BYTES + TRAILER_BYTES == world.device.out.frame_room


@pytest.mark.parametrize(
    "kind", [TYPE_ACK, TYPE_HEARTBEAT, TYPE_DELIVER, TYPE_OPENED, TYPE_REFUSED, TYPE_RENEWED, TYPE_RESEND, TYPE_CLOSE]
)
def test_a_frame_without_a_tag_ends_the_transport_and_changes_nothing_else(kind):
    world = keyed()
    world.gateway.hold = True
    emit(world, 3)
    world.run()
    held = world.device.store.used
    payload = messages.ending(CODE_CREDENTIAL) if kind == TYPE_CLOSE else bytes(40)
    assert world.receive(kind, ack=2, payload=payload) == codes.FORGED
    assert world.device.state == STATE_WAITING
    assert (world.device.tally.forged, world.device.store.used, world.device.known) == (1, held, True)
    world.sleep_ms(20_000)
    assert (world.device.state, world.device.resumed) == (STATE_READY, True)
    world.gateway.flush(world.now)
    world.sleep_ms(5000)
    assert world.store.critical_events == [0, 1, 2]


def test_welcome_and_resumed_without_a_tag_are_not_believed():
    world = keyed(start=False)
    world.lose_replies = True
    world.start()
    numbers = (5000, 8, 4096, 250, 0, 0, 60000, 4096, 0, 0, 0, 0, AUTH_HMAC)
    welcome = messages.welcome(bytes(16), bytes(8), b"incarnat", b"epoch--1", bytes(8), numbers)
    assert world.device.state == STATE_GREETING
    assert world.receive(TYPE_WELCOME, payload=welcome) == codes.FORGED
    assert not world.device.known
    world = keyed()
    world.cut()
    world.lose_replies = True
    world.pass_ms(2000)
    assert world.device.state == STATE_ATTACHING
    resumed = messages.resumed(world.device.generation, 1, 0, 250)
    assert world.receive(TYPE_RESUMED, payload=resumed) == codes.FORGED
    assert (world.device.state, world.device.known) == (STATE_WAITING, True)


@pytest.mark.parametrize("state", [STATE_READY, STATE_ATTACHING])
def test_a_stranger_cannot_stop_a_device_that_has_a_session(state):
    world = keyed()
    if state == STATE_ATTACHING:
        world.cut()
        world.lose_replies = True
        world.pass_ms(2000)
    assert world.device.state == state
    for code in (CODE_CREDENTIAL, CODE_GOING_AWAY, CODE_UNKNOWN_SESSION):
        world.receive(TYPE_RESET, payload=messages.ending(code))
    world.receive(TYPE_CLOSE, payload=messages.ending(CODE_CREDENTIAL))
    assert world.device.state != STATE_STOPPED
    world.lose_replies = False
    emit(world, 1)
    world.sleep_ms(60_000)
    assert world.device.state == STATE_READY
    assert world.store.critical_events == [0]


def test_the_peer_itself_can_stop_it():
    world = keyed()
    world.receive(TYPE_CLOSE, payload=messages.ending(CODE_CREDENTIAL), flags=FLAG_AUTHENTICATED)
    assert world.device.state == STATE_STOPPED
    world = keyed(start=False)
    world.gateway.answer = (TYPE_CLOSE, CODE_CREDENTIAL, 0)
    world.start()
    assert world.device.state == STATE_STOPPED


def test_a_tag_that_was_not_agreed_on_breaks_the_protocol():
    world = World()
    assert world.device.agreement.auth == AUTH_NONE
    world.start()
    assert world.receive(TYPE_ACK, payload=bytes(4), flags=FLAG_AUTHENTICATED) == codes.BROKEN
