"""Commands on a scripted gateway: what is too old, what is no command, and answers that find no room at first."""

from __future__ import annotations

import struct

import pytest

from flight_client.events import CommandRequest, CommandResult, decode_event, encode_event
from flight_client.session.spec import TYPE_DELIVER
from flight_client.wire.records import write_record
from tests.console.world import CRITICAL, World

ARGUMENT, FULL = -1, -3
LAYOUT_REQUEST = 8


def listening(**config: int) -> World:
    world = World(commands=8, **config)
    world.connect()
    assert world.lib.rig_on_command() == 0
    world.settle()
    return world


def deliver(world: World, body: bytes, received_ms: int = 0, held_ms: int = 0, layout: int = LAYOUT_REQUEST) -> None:
    """An entry of `commands` from tool-1 that the gateway got at that time of its clock."""
    record = bytearray(1100)
    size = write_record(record, 0, layout, 0, body)
    number = next(number for number, known in world.gateway.names.items() if known == "commands")
    offset = len(world.store.log) + 1
    world.store.log.append(bytes(record[:size]))
    world.gateway.position = offset
    head = struct.pack("<QQQ8xIHB", offset, offset - 1, received_ms, 1, held_ms, 0)
    world.gateway.session.send(TYPE_DELIVER, 0, number, head + b"\6tool-1\0\0" + bytes(record[:size]))
    world.settle()


def body_of(request: int, timeout_ms: int = 0, data: bytes = b"", target: str = "console-1") -> bytes:
    return encode_event(CommandRequest("go", target, data, request, timeout_ms))[1]


def answers(world: World) -> list[tuple[int, bytes]]:
    world.run(2000)
    found = [decode_event(event.layout, event.body) for event in world.stored("command-results")]
    assert all(isinstance(result, CommandResult) and result.asker == "tool-1" for result in found)
    return [(result.request, result.data) for result in found if isinstance(result, CommandResult)]


def test_a_command_that_lay_too_long_is_left() -> None:
    world = listening()
    deliver(world, body_of(1, 1000), received_ms=50_000)
    world.pass_ms(5000)
    deliver(world, body_of(2, 1000), received_ms=54_500)  # it lay half a second
    deliver(world, body_of(3, 1000), received_ms=54_900, held_ms=950)  # younger here, but it waited at its sender
    deliver(world, body_of(4, 0), received_ms=54_900)  # always worth it
    deliver(world, body_of(5, 300), received_ms=54_900)
    world.pass_ms(5000)
    deliver(world, body_of(6, 1000), received_ms=56_000)
    deliver(world, body_of(1, 1000), received_ms=56_000)  # asked again: the answer is there
    assert [request for request, _ in answers(world)] == [1, 2, 4, 5, 1]
    assert world.seen.tasks == 4
    assert world.status().unhandled == 2


def test_a_gateway_whose_clock_was_set_back_is_believed() -> None:
    world = listening()
    deliver(world, body_of(1, 1000), received_ms=1 << 40)
    deliver(world, body_of(2, 1000), received_ms=(1 << 40) - 3_600_000)
    assert [request for request, _ in answers(world)] == [1, 2]


@pytest.mark.parametrize("cut", range(0, 36, 4))
def test_a_body_that_is_no_command_is_left_and_counted(cut: int) -> None:
    world = listening()
    whole = body_of(1, data=b"12345678")
    assert len(whole) > cut
    deliver(world, whole[:cut])
    deliver(world, whole + bytes(4))
    deliver(world, struct.pack("<IIH", 1, 0, 0xFFFF) + bytes(22))
    deliver(world, whole, layout=7)
    assert (answers(world), world.status().unhandled) == ([], 4)


def test_others_commands_are_left_without_a_count() -> None:
    world = listening()
    for target in ("console-2", "console", "console-12"):
        deliver(world, body_of(1, target=target))
    deliver(world, body_of(2, target=""))
    assert (answers(world), world.status().unhandled) == ([(2, b"\1")], 0)


def test_an_answer_that_finds_no_room_goes_when_there_is_some() -> None:
    world = listening(critical_slots=16, window_frames=1)
    world.mute = True  # nothing is acknowledged
    while world.send("own", 1, b"x", CRITICAL) >= 0:
        world.frame(1)
    refused = world.status().refused_full
    world.mute = False
    world.reachable = True
    number = next(number for number, known in world.gateway.names.items() if known == "commands")
    assert number
    deliver(world, body_of(7, data=b"!"))
    assert answers(world) == [(7, b"\1!")]
    assert world.status().refused_full == refused, "no call of the game's was refused"


def test_a_client_without_room_for_commands_says_so() -> None:
    world = World()
    assert world.start() == 0
    assert world.lib.rig_on_command() == ARGUMENT
    world = World(commands=8, channels=1)
    assert world.start() == 0
    assert world.lib.rig_on_command() == FULL
    for change in (
        {"commands": 7},
        {"commands": 8, "answer_bytes": 321},
        {"commands": 8, "answer_bytes": 320, "critical_slots": 8},
    ):
        assert World(**change).start() == ARGUMENT, change
    assert World(commands=8, answer_bytes=320).start() == 0
