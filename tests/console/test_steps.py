"""flight_poll in steps: wherever its budget ends, the same bytes go out, and it ends in time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flight_client.session.spec import TRANSPORT_POLLING, TRANSPORT_SERIAL, TRANSPORT_TCP, TRANSPORT_WEBSOCKET
from tests.console.world import BACKLOG, CRITICAL, LATEST, NAMES, World

ALL = [TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING, TRANSPORT_SERIAL]
JUMP_US = 600  # less than a millisecond: the session's clock does not see it


def play(world: World, poll: Callable[[World, int], None]) -> bytes:
    """A little game: connect, log, tell values, take commands, lose the connection, come back, close. What was sent."""
    frame = 0

    def go(frames: int, ms: int = 16) -> None:
        nonlocal frame
        for _ in range(frames):
            frame += 1
            world.pass_ms(ms)
            poll(world, frame)
            world.carry()

    assert world.start() == 0
    world.listen("commands")
    go(6)
    for number in range(40):
        world.log(f"line {number} of the game")
        world.send("player", number % 3, bytes(8 + number), LATEST)
        world.send("scores", number, bytes((number,)) * 40)
        world.lib.flight_frame_took(world.client, 16000 + number)
        go(1)
    if world.gateway.names:
        world.deliver("commands", *[(number, b"go %d" % number) for number in range(12)])
    go(400)
    world.script.dead = 1
    go(3)
    world.script.dead = 0
    world.send("scores", 1, b"after", CRITICAL)
    go(60, 100)
    world.lib.flight_close(world.client)
    go(60, 100)
    return bytes(world.sent)


def unlimited(world: World, _: int) -> None:
    world.poll()


def stepwise(world: World, _: int) -> None:
    world.stepwise = True
    world.poll()


@pytest.mark.parametrize("transport", ALL, ids=lambda number: NAMES[number])
def test_a_budget_of_one_step_gives_the_same_bytes_on(transport: int) -> None:
    whole = World(transport)
    expected = play(whole, unlimited)
    lines, events, messages = whole.lines(), whole.gateway.events, whole.messages()
    assert len(lines) == 40
    assert len(messages) == 12
    cut = World(transport)
    assert play(cut, stepwise) == expected
    assert (cut.lines(), cut.gateway.events, cut.messages()) == (lines, events, messages)


def test_a_cut_at_any_step_of_any_frame_gives_the_same_bytes() -> None:
    expected = play(World(), unlimited)
    most = 0

    def count(world: World, _: int) -> None:
        nonlocal most
        world.poll()
        most = max(most, world.seen.readings)

    play(World(), count)
    cuts = 0
    for reading in range(2, most + 1):

        def cut_there(world: World, _: int, reading: int = reading) -> None:
            nonlocal cuts
            world.script.jump_at, world.script.jump_us = reading, JUMP_US
            left = world.poll(500) & BACKLOG
            world.script.jump_at = 0
            if left:
                cuts += 1
                world.poll()

        assert play(World(), cut_there) == expected, f"cut at reading {reading} of {most}"
    assert cuts > most  # every position was met, most of them in many frames
    print(f"{most - 1} positions, {cuts} cuts, {len(expected)} bytes equal")


@pytest.mark.parametrize("transport", ALL, ids=lambda number: NAMES[number])
def test_a_poll_goes_on_for_its_budget_and_one_step_on(transport: int) -> None:
    world = World(transport)
    world.connect()
    world.script.tick_us = 100
    for number in range(30):
        world.send("scores", number, bytes(40), CRITICAL)
    world.listen("commands")
    found = 0
    for _ in range(200):
        bits = world.frame(16, 500)
        assert world.seen.readings <= 500 // 100 + 1, "it did not stop when its time was over"
        found += bits & BACKLOG != 0
    assert found > 0
    assert len(world.stored("scores")) == 30


def test_a_poll_with_nothing_to_do_calls_the_port_once() -> None:
    world = World()
    world.connect()
    world.run(500)
    before = world.seen.calls
    world.frame()
    assert world.seen.calls == before + 1, "recv, and nothing else"
