"""What is agreed on: events that were packed for one gateway reach another that reads less, and nothing coded comes down."""

from __future__ import annotations

import struct

import pytest

from flight_client.session.gateway.messages import read_hello
from flight_client.session.spec import (
    FLAG_COMPRESSED,
    FLAG_CRITICAL,
    FLAG_DELTA,
    FLAG_MORE,
    TRANSPORT_POLLING,
    TRANSPORT_SERIAL,
    TRANSPORT_TCP,
    TYPE_DELIVER,
    TYPE_HELLO,
)
from flight_client.wire.frames import encode_frame
from tests.console.world import CRITICAL, RealGateway, World

BROKEN = 15
LAYOUT_MONITORING, MONITORING_BYTES = 0x83, 40


def goes_to_another(world: World) -> None:
    """What was sent as differences is lost with its gateway; the next one reads none."""
    assert any(frame.flags & FLAG_DELTA and frame.flags & FLAG_CRITICAL for frame in world.frames)
    world.script.dead = 1
    world.frame()
    world.script.dead = 0
    world.store.mark = 0
    world.gateway = RealGateway(world.store)
    world.gateway.reads = 0
    world.mute = False
    world.run(20_000)
    assert (world.status().connections, world.status().queued) == (2, 0)


@pytest.mark.parametrize("transport", [TRANSPORT_TCP, TRANSPORT_POLLING, TRANSPORT_SERIAL])
def test_what_was_packed_for_another_gateway_goes_plain_to_one_that_reads_no_differences(transport: int) -> None:
    world = World(transport)
    world.connect()
    world.mute = True
    lines = [f"line {number}" for number in range(12)]
    for line in lines:
        world.log(line)
    world.run(2000)
    goes_to_another(world)
    assert world.lines() == lines
    assert world.status().too_large == 0


def test_what_does_not_fit_a_frame_once_it_is_plain_is_counted_as_too_large() -> None:
    world = World(TRANSPORT_TCP)
    world.connect()
    world.mute = True
    number = world.channel("figures")
    for at in range(16):
        body = struct.pack("<I", at) + bytes(MONITORING_BYTES - 4)
        world.lib.flight_send_event(world.client, number, LAYOUT_MONITORING, body, len(body), CRITICAL)
    world.send("figures", 1, b"after", CRITICAL)
    world.run(2000)
    goes_to_another(world)
    assert world.status().too_large == 16
    assert len(world.stored("figures")) == 1, "what stood behind them goes on"


def test_hello_claims_to_read_nothing_that_needs_an_agreement() -> None:
    world = World()
    world.connect()
    hello = next(frame for frame in world.frames if frame.kind == TYPE_HELLO)
    read = read_hello(hello.payload, 0, len(hello.payload))
    assert read is not None
    assert (read.flags_read, read.flags_sent) == (0, FLAG_DELTA)


@pytest.mark.parametrize("flag", [FLAG_DELTA, FLAG_COMPRESSED, FLAG_MORE])
def test_a_gateway_that_sends_what_was_not_agreed_on_breaks_the_protocol(flag: int) -> None:
    world = World()
    world.connect()
    world.listen("commands")
    world.settle()
    world.give(encode_frame(TYPE_DELIVER, flag, 3, 1, 0, bytes(60)))
    world.frame()
    assert world.status().trouble == BROKEN
