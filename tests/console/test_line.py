"""A byte pipe: what it loses, damages or doubles costs a connection at most, and no event."""

from __future__ import annotations

import random

from flight_client.session.spec import TRANSPORT_SERIAL, TYPE_CLOSE, TYPE_HEARTBEAT
from flight_client.transports.line_frames import LINE_FRAME_BYTES, to_line
from flight_client.wire.frames import encode_frame
from tests.console.wires import LineWire
from tests.console.world import CRITICAL, PLATFORM_PSP, World, ending

READY, WAITING = 5, 1
LINE, REFUSED = 11, 13
SEED = 20261123


def connected(**config: int) -> tuple[World, LineWire]:
    world = World(TRANSPORT_SERIAL, **config)
    world.connect()
    assert isinstance(world.wire, LineWire)
    return world, world.wire


def test_frames_are_checked_numbered_and_small_enough_for_a_line() -> None:
    world, wire = connected(platform=PLATFORM_PSP)
    for number in range(40):
        world.send("scores", number, bytes(400), CRITICAL)
        world.frame(50)
    world.run(3000)
    assert len(world.stored("scores")) == 40
    assert wire.expected > 10
    assert max(16 + len(frame.payload) + 8 for frame in world.frames) <= LINE_FRAME_BYTES


def test_a_missing_frame_ends_the_connection_and_the_session_goes_on() -> None:
    world, wire = connected()
    wire.sent += 1
    world.send("scores", 1, b"x", CRITICAL)
    world.run(200)
    assert world.status().trouble == LINE
    first = wire.line
    world.run(3000)
    status = world.status()
    assert (status.state, status.connections) == (READY, 2)
    assert wire.line == (first + 1) % 0x10000
    assert len(world.stored("scores")) == 1


def test_a_doubled_frame_and_one_of_another_connection_are_passed_over() -> None:
    world, wire = connected()
    beat = encode_frame(TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8))
    for data in to_line(beat, wire.line, wire.sent):
        world.give(data + data)
        wire.sent += 1
    for data in to_line(beat, wire.line + 1, 7):
        world.give(data)
    world.run(500)
    assert (world.status().state, world.status().failures) == (READY, 0)


def test_a_close_of_this_connection_is_taken_whatever_its_number() -> None:
    world, wire = connected()
    for data in to_line(encode_frame(TYPE_CLOSE, 0, 0, 0, 0, ending(0x13)), wire.line, 999):
        world.give(data)
    world.frame()
    assert (world.status().state, world.status().trouble) == (WAITING, REFUSED)


def test_garbage_around_frames_is_counted_and_nothing_else() -> None:
    world, _ = connected()
    world.give(b"KallistiOS v2.3.0\r\n" * 5)
    world.send("scores", 1, b"x", CRITICAL)
    world.run(500)
    status = world.status()
    assert (status.state, status.failures, status.garbage_bytes) == (READY, 0, 95)
    assert len(world.stored("scores")) == 1


def test_half_a_frame_is_given_up_after_a_silence() -> None:
    world, wire = connected()
    (data,) = to_line(encode_frame(TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(300)), wire.line, wire.sent)
    world.give(data[:100])
    world.run(400)
    world.send("scores", 1, b"x", CRITICAL)
    world.run(1000)
    assert (world.status().state, world.status().failures) == (READY, 0)
    assert world.status().garbage_bytes > 0


def test_a_line_that_damages_bytes_loses_no_critical_event() -> None:
    world, wire = connected()
    source = random.Random(SEED)
    print("seed", SEED)
    real_give = world.give

    def damaged(data: bytes) -> None:
        out = bytearray(data)
        if source.random() < 0.15:
            out[source.randrange(len(out))] ^= 1 << source.randrange(8)
        real_give(bytes(out))

    world.give = damaged  # type: ignore[method-assign]
    sent = 0
    for number in range(400):
        sent += world.send("scores", number, b"x", CRITICAL) == 0
        world.frame(50)
    world.give = real_give  # type: ignore[method-assign]
    world.run(30000, 50)
    assert wire.line >= 0
    status = world.status()
    assert len(world.stored("scores")) == sent
    assert (status.queued, status.state) == (0, READY)
    assert status.connections > 3
