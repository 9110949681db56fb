"""What outlives a power cycle: the numbers of a session, and what an exception handler wrote down."""

from __future__ import annotations

import pytest

from flight_client.session.common.resume import Resume
from tests.console.world import CLOSED, CRITICAL, World

READY = 5
WORDS = [0x8C010000 + 4 * number for number in range(20)]


def record(world: World, number: int) -> bytes:
    out = world.ffi.new("uint8_t[256]")
    size = world.lib.rig_record(number, out)
    return bytes(world.ffi.buffer(out, max(0, size)))


def crash(world: World, reason: bytes = b"address error", count: int = 16) -> int:
    words = world.ffi.new("uint32_t[]", WORDS)
    return int(world.lib.rig_crash(reason, 0x8C012345, words, count))


def restart(world: World) -> None:
    """The console is switched off and on again."""
    world.script.dead = 0
    assert world.start() == 0
    world.run(1000)
    assert world.status().state == READY


def test_a_console_that_is_switched_off_goes_on_with_its_numbers() -> None:
    world = World()
    world.connect()
    for number in range(40):
        world.send("scores", number, b"x", CRITICAL)
        world.frame()
        if number % 10 == 9:
            world.run(1000)
            restart(world)
    world.run(1000)
    assert len(world.stored("scores")) == 40
    assert world.store.incarnations == 1, "the gateway knows it again"
    status = world.status()
    assert status.resume == 1
    assert world.seen.stores == 5, "once a connection"


def test_what_was_not_acknowledged_before_the_power_went_is_lost_but_nothing_is_stored_twice() -> None:
    world = World()
    world.connect()
    for number in range(30):
        world.send("scores", number, b"x", CRITICAL)
        world.frame()
        if number % 7 == 6:
            restart(world)
    world.run(1000)
    kinds = [event.body[0] for event in world.stored("scores")]
    assert kinds == sorted(set(kinds))


def test_the_record_is_the_one_of_the_reference() -> None:
    world = World()
    world.connect()
    found = Resume()
    assert found.unpack(record(world, 0), 0)
    assert bytes(found.incarnation) == bytes((1, 1, 1, 1, 1, 1, 1, 1))
    assert bytes(found.epoch) == world.store.epoch
    assert (found.serial, found.starts, found.mark) == (1, 1, 0)


def test_a_damaged_copy_is_passed_over_for_the_other_one() -> None:
    world = World()
    world.connect()
    world.send("scores", 1, b"x", CRITICAL)
    world.run(1000)
    world.lib.flight_close(world.client)
    while not world.frame() & CLOSED:
        pass
    world.frame()
    assert (len(record(world, 0)), len(record(world, 1))) == (64, 64)
    broken = bytearray(record(world, 1))
    broken[9] ^= 1
    world.lib.rig_set_record(1, bytes(broken), 64)
    restart(world)
    assert world.store.incarnations == 1


def test_the_record_of_another_device_is_not_used() -> None:
    world = World()
    world.connect()
    world.lib.rig_text(2, b"console-2")
    restart(world)
    assert world.store.incarnations == 2


@pytest.mark.parametrize("stores", [0, 1])
def test_without_a_place_for_records_resume_is_off_and_said_to_be(stores: int) -> None:
    world = World()
    world.script.stores = stores
    world.script.store_fails = stores
    world.connect()
    assert world.status().resume == 0
    assert crash(world) < 0
    world.send("scores", 1, b"x", CRITICAL)
    world.run(500)
    assert len(world.stored("scores")) == 1


def test_a_crash_is_told_after_the_next_start_and_only_once() -> None:
    world = World()
    world.connect()
    world.log("before")
    world.run(500)
    assert crash(world) == 0
    restart(world)
    world.run(2000)
    lines = world.lines()
    assert lines[0] == "before"
    assert lines[1].startswith("crash: address error, pc 8c012345, ")
    assert lines[2] == "crash words 0:" + "".join(f" {word:08x}" for word in WORDS[:8])
    assert lines[3] == "crash words 8:" + "".join(f" {word:08x}" for word in WORDS[8:16])
    assert len(record(world, 2)) == 4, "wiped when the gateway had it"
    restart(world)
    world.run(2000)
    assert len(world.lines()) == 4
    assert world.stored("log")[1].body[0] == 3, "an error"


def test_a_crash_stays_written_until_the_gateway_has_it() -> None:
    world = World()
    world.reachable = False
    assert world.start() == 0
    assert crash(world, b"y" * 200, 0) == 0
    for _ in range(3):
        assert world.start() == 0
        world.run(500)
    assert len(record(world, 2)) == 148
    world.reachable = True
    restart(world)
    world.run(1000)
    (line,) = world.lines()
    assert line.startswith("crash: " + "y" * 63 + ", pc ")


def test_a_crash_record_that_is_damaged_is_none() -> None:
    world = World()
    world.connect()
    assert crash(world) == 0
    whole = record(world, 2)
    for at in range(0, len(whole), 7):
        broken = bytearray(whole)
        broken[at] ^= 0x40
        world.lib.rig_set_record(2, bytes(broken), len(broken))
        assert world.start() == 0
        assert world.status().queued == 0, at
    world.lib.rig_set_record(2, whole, len(whole) - 1)
    assert world.start() == 0
    assert world.status().queued == 0
