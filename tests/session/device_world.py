"""What the tests of the device share: a world in a given state, events, deliveries."""

from flight_client.session.spec import (
    FATAL_CODES,
    STATE_ATTACHING,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
    TYPE_CLOSE,
)
from tests.session.harness import World

ALL_CODES = range(21)
POLLING = (TRANSPORT_POLLING,)
BOTH = (TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)


def ready(transports=(TRANSPORT_WEBSOCKET,), platform="vita", seed=1):
    world = World(transports, platform, seed)
    world.start()
    assert world.device.state == STATE_READY
    return world


def emit(world, count, critical=True):
    first = world.accepted
    for number in range(first, first + count):
        world.emit(number, critical)


def kinds(world, since=0):
    """The types of the frames that the device sent."""
    return [frame[1] for frame in world.sent[since:]]


def in_state(state):
    """A world whose device is in this state."""
    world = World()
    if state == STATE_IDLE:
        return world
    if state == STATE_OPENING:
        world.mute = {TRANSPORT_WEBSOCKET}
    if state == STATE_WAITING:
        world.reachable = set()
    if state == STATE_GREETING:
        world.lose_replies = True
    if state == STATE_STOPPED:
        world.gateway.answer = (TYPE_CLOSE, FATAL_CODES[0], 0)
    world.start()
    if state == STATE_ATTACHING:
        world.cut()
        world.lose_replies = True
        world.pass_ms(2000)
    if state in (STATE_CLOSING, STATE_CLOSED):
        world.gateway.hold = True
        emit(world, 1)
        world.run()
        world.device.close(world.now)
        world.run()
    if state == STATE_CLOSED:
        world.pass_ms(1100)
    assert world.device.state == state
    return world


EVERY_STATE = (
    STATE_IDLE, STATE_WAITING, STATE_OPENING, STATE_GREETING, STATE_ATTACHING, STATE_READY, STATE_CLOSING, STATE_CLOSED,
    STATE_STOPPED,
)  # fmt: skip


def subscribed(window=16):
    world = ready()
    world.device.channels.add(b"events", 2)
    world.run()
    world.profile.window_frames = window
    return world


def deliver(offset, previous, body=b"abcd", device=b"x1"):
    head = offset.to_bytes(8, "little") + previous.to_bytes(8, "little") + bytes(23)
    return head + bytes((len(device),)) + device + bytes(-len(device) & 3) + body
