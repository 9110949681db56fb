"""flight_poll in steps: wherever its budget ends, the same bytes go out, and it ends in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from flight_client.events import CommandRequest, encode_event
from flight_client.session.spec import TRANSPORT_POLLING, TRANSPORT_SERIAL, TRANSPORT_TCP, TRANSPORT_WEBSOCKET
from flight_client.wire.records import write_record
from tests.console.test_records import crash, record
from tests.console.world import BACKLOG, CRITICAL, LATEST, NAMES, World

ALL = [TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING, TRANSPORT_SERIAL]
LAYOUT_REQUEST = 8
JUMP_US = 600  # less than a millisecond: the session's clock does not see it


@cache
def crash_record() -> bytes:
    """What a game that crashed left behind."""
    world = World()
    world.connect()
    assert crash(world) == 0
    return record(world, 2)


def play(world: World, poll: Callable[[World, int], None]) -> bytes:
    """A little game: begin after a crash, connect, log, tell values, hear messages, carry out commands, lose the connection, come
    back, close. What was sent."""
    frame = 0
    world.lib.rig_set_record(2, crash_record(), len(crash_record()))

    def go(frames: int, ms: int = 16) -> None:
        nonlocal frame
        for _ in range(frames):
            frame += 1
            world.pass_ms(ms)
            poll(world, frame)
            world.carry()

    assert world.start() == 0
    world.listen("messages")
    assert world.lib.rig_on_command() == 0
    go(6)
    for number in range(40):
        world.log(f"line {number} of the game")
        world.send("player", number % 3, bytes(8 + number), LATEST)
        world.send("scores", number, bytes((number,)) * 40)
        world.lib.flight_frame_took(world.client, 16000 + number)
        go(1)
    world.deliver("messages", *[(number, b"go %d" % number) for number in range(12)])
    for number in range(3):
        ask(world, number)
    go(400)
    ask(world, 1)
    go(20)
    world.script.dead = 1
    go(3)
    world.script.dead = 0
    world.send("scores", 1, b"after", CRITICAL)
    go(60, 100)
    world.lib.flight_close(world.client)
    go(60, 100)
    return bytes(world.sent)


def ask(world: World, request: int) -> None:
    """A command of tool-1 for this device."""
    body = encode_event(CommandRequest("go", "console-1", b"data", request, 0))[1]
    entry = bytearray(200)
    size = write_record(entry, 0, LAYOUT_REQUEST, 0, body)
    world.deliver_entry("commands", bytes(entry[:size]))


def unlimited(world: World, _: int) -> None:
    world.poll()


def stepwise(world: World, _: int) -> None:
    world.stepwise = True
    world.poll()


def game(transport: int) -> World:
    crash_record()  # one client at a time
    return World(transport, commands=8, critical_slots=64)


@pytest.mark.parametrize("transport", ALL, ids=lambda number: NAMES[number])
def test_a_budget_of_one_step_gives_the_same_bytes_on(transport: int) -> None:
    whole = game(transport)
    expected = play(whole, unlimited)
    lines, events, messages = whole.lines(), whole.gateway.events, whole.messages()
    assert len(lines) == 43, "three of the crash"
    assert len(messages) == 12
    assert whole.seen.tasks == 3, "the fourth is the second one again"
    assert len(whole.stored("command-results")) == 4
    cut = game(transport)
    assert play(cut, stepwise) == expected
    assert (cut.lines(), cut.gateway.events, cut.messages()) == (lines, events, messages)


@pytest.mark.parametrize("transport", ALL, ids=lambda number: NAMES[number])
def test_a_cut_at_any_step_of_any_frame_gives_the_same_bytes_on(transport: int) -> None:
    expected = play(game(transport), unlimited)
    most = 0

    def count(world: World, _: int) -> None:
        nonlocal most
        world.poll()
        most = max(most, world.seen.readings)

    play(game(transport), count)
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

        assert play(game(transport), cut_there) == expected, f"cut at reading {reading} of {most}"
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
