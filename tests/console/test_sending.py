"""What a game sends: taken or refused as the call says, kept or replaced by its flags, counted to the last event."""

from __future__ import annotations

import itertools
import struct

import pytest

from flight_client.session.spec import TRANSPORT_TCP
from tests.console.world import (
    CLOSED,
    CRITICAL,
    DROPPED,
    LATEST,
    LAYOUT_FRAME_TIME,
    LOSSY,
    PLATFORM_DREAMCAST,
    PLATFORM_PSP,
    PLATFORM_VITA,
    World,
)

QUEUED, REPLACED, DROPPED_OLDEST, FOLDED = 0, 1, 2, 3
ARGUMENT, FULL, TOO_LARGE, REFUSED_CLOSED, UNKNOWN = -1, -3, -5, -32, -33
UNKNOWN_BYTES = 0xFFFFFFFF


def value(body: bytes) -> bytes:
    """The bytes of a payload event."""
    return body[6 : 6 + struct.unpack_from("<H", body, 4)[0]]


def test_events_arrive_with_their_channel_kind_bytes_and_age() -> None:
    world = World()
    world.connect()
    assert world.send("player", 7, b"hello", CRITICAL) == QUEUED
    world.run(200)
    (event,) = world.stored("player")
    assert struct.unpack_from("<H", event.body)[0] == 7
    assert value(event.body) == b"hello"
    assert event.critical
    assert event.age_ms <= 16


def test_only_the_newest_of_a_kind_waits() -> None:
    world = World()
    assert world.start() == 0
    answers = [world.send("player", kind, bytes((number,)), LATEST) for number in range(5) for kind in (1, 2)]
    assert answers == [QUEUED, QUEUED] + [REPLACED] * 8
    for _ in range(40):
        world.frame(50)
    assert [value(event.body) for event in world.stored("player")] == [b"\4", b"\4"]
    status = world.status()
    assert (status.accepted, status.replaced, status.settled) == (10, 8, 2)


def test_a_newer_value_goes_with_the_age_of_the_newer_one() -> None:
    world = World()
    world.connect()
    for number in range(120):
        world.send("player", 1, bytes((number,)), LATEST)
        world.frame()
    events = world.stored("player")
    assert len(events) >= 3
    assert all(event.age_ms <= 16 for event in events)
    stamps = [event.stored_ms for event in events]
    assert max(later - earlier for earlier, later in itertools.pairwise(stamps)) <= 600


def test_the_oldest_lossy_event_goes_when_the_queue_is_full_and_the_call_says_so() -> None:
    world = World(lossy_slots=16)
    assert world.start() == 0
    answers = [world.send("scores", number, bytes(8), LOSSY) for number in range(20)]
    assert answers[:16] == [QUEUED] * 16
    assert answers[16:] == [DROPPED_OLDEST] * 4
    assert world.poll() & DROPPED
    assert not world.poll() & DROPPED, "told once"
    status = world.status()
    assert (status.accepted, status.oldest, status.queued) == (20, 4, 16)


def test_critical_events_are_refused_when_their_ring_is_full_and_none_is_lost() -> None:
    world = World()
    assert world.start() == 0
    answers = [world.send("scores", number, b"x", CRITICAL) for number in range(40)]
    taken = answers.count(QUEUED)
    assert answers == [QUEUED] * taken + [FULL] * (40 - taken)
    for _ in range(400):
        world.frame(50)
    assert [struct.unpack_from("<H", event.body)[0] for event in world.stored("scores")] == list(range(taken))
    status = world.status()
    assert (status.accepted, status.settled, status.refused_full) == (taken, taken, 40 - taken)


def test_what_can_never_go_is_refused_at_once() -> None:
    world = World()
    assert world.start() == 0
    assert world.send("scores", 1, bytes(2000)) == TOO_LARGE
    assert world.send("scores", 1, bytes(500), CRITICAL) == QUEUED
    assert world.lib.flight_send(world.client, 99, 1, b"x", 1, LOSSY) == ARGUMENT
    assert world.lib.flight_send(world.client, 1, 1, b"x", 1, 3) == ARGUMENT
    assert world.lib.flight_send(world.client, 1, 1, world.ffi.NULL, 1, LOSSY) == ARGUMENT
    assert world.lib.flight_send_event(world.client, 1, LAYOUT_FRAME_TIME, bytes(16), 12, LOSSY) == ARGUMENT
    assert world.lib.flight_send_event(world.client, 1, 99, bytes(16), 16, LOSSY) == ARGUMENT
    world.run(2000)
    assert world.status().refused_too_large == 1
    assert [len(value(event.body)) for event in world.stored("scores")] == [500]


def test_channels_have_one_number_each_and_no_more_than_there_are_places_for() -> None:
    world = World(channels=3)
    assert world.start() == 0
    assert [world.channel(name) for name in ("a", "b", "a", "c", "d", "")] == [1, 2, 1, 3, FULL, ARGUMENT]


def test_frames_become_one_event_an_interval() -> None:
    world = World()
    world.connect()
    answers = []
    for number in range(200):
        answers.append(world.lib.flight_frame_took(world.client, 16000 + 1000 * (number % 5)))
        world.frame()
    assert answers.count(QUEUED) == 3
    assert answers.count(FOLDED) == 197
    world.run(1000)
    events = [struct.unpack("<IIIHH", event.body) for event in world.stored("frame-time")]
    assert len(events) == 3
    least, mean, most, count, over = events[0]
    assert (least, most, count) == (16000, 20000, 64)
    assert mean == sum(16000 + 1000 * (number % 5) for number in range(64)) // 64
    assert over == sum(number % 5 > 0 for number in range(64))


def test_memory_is_what_the_port_says_and_fragmentation_one_minus_the_largest_block() -> None:
    world = World()
    world.script.memory = [16 << 20, 12 << 20, 4 << 20, 3 << 20]
    world.connect()
    assert world.lib.flight_memory(world.client) == QUEUED
    world.run(1000)
    (event,) = world.stored("memory-updates")
    assert struct.unpack("<IIIIHH", event.body) == (16 << 20, 12 << 20, 4 << 20, UNKNOWN_BYTES, 2500, 0)


def test_what_the_port_does_not_know_stays_unknown() -> None:
    world = World()
    world.connect()
    assert world.lib.flight_memory(world.client) == UNKNOWN
    world.script.memory = [16 << 20, UNKNOWN_BYTES, 4 << 20, UNKNOWN_BYTES]
    assert world.lib.flight_memory(world.client) == QUEUED
    world.run(1000)
    (event,) = world.stored("memory-updates")
    assert struct.unpack("<IIIIHH", event.body) == (16 << 20, UNKNOWN_BYTES, 4 << 20, UNKNOWN_BYTES, 0xFFFF, 0)


@pytest.mark.parametrize(
    ("platform", "relieved"), [(PLATFORM_DREAMCAST, True), (PLATFORM_PSP, True), (PLATFORM_VITA, False)]
)
def test_pressure_is_told_and_relieved_where_memory_is_short_by_nature(platform: int, relieved: bool) -> None:
    world = World(TRANSPORT_TCP, platform)
    assert world.start() == 0
    world.lib.rig_on_pressure()
    for number in range(25):
        world.send("scores", number, bytes(8))
    calm = [32 << 20, 10 << 20, 22 << 20, 22 << 20]
    world.script.memory = calm
    world.lib.flight_memory(world.client)
    assert world.seen.pressure == 0
    world.script.memory = [32 << 20, 31 << 20, 1 << 20, 1 << 20]
    world.lib.flight_memory(world.client)
    assert (world.seen.pressure, world.seen.level) == (1, 2)
    assert world.status().pressure == (26 - 10 if relieved else 0)
    world.script.memory = calm
    world.lib.flight_memory(world.client)
    world.lib.flight_memory(world.client)
    assert (world.seen.pressure, world.seen.level) == (2, 0), "told once more when all is calm"


def test_slowly_changing_events_go_as_differences() -> None:
    world = World()
    assert world.start() == 0
    body = struct.pack("<IIIIIIIHHHHHHHH", *range(1000, 1007), *range(8))[:28] + bytes(12)
    for number in range(16):
        fixed = struct.pack("<IIII", 1000 + number, 2000, 3000, number) + bytes(12)
        assert world.lib.flight_send_event(world.client, world.channel("system"), 3, fixed, 28, CRITICAL) >= 0
    assert body
    world.run(1500)
    assert world.store.coded >= 1
    assert len(world.stored("system")) == 16
    assert struct.unpack_from("<IIII", world.stored("system")[9].body) == (1009, 2000, 3000, 9)


def test_closing_sends_what_is_queued_then_takes_nothing_more() -> None:
    world = World()
    world.connect()
    for number in range(10):
        world.send("scores", number, b"x", CRITICAL)
    world.lib.flight_close(world.client)
    assert world.send("scores", 11, b"x", CRITICAL) == REFUSED_CLOSED
    for _ in range(100):
        if world.frame() & CLOSED:
            break
    else:
        raise AssertionError("never closed")
    status = world.status()
    assert (status.settled, status.queued, status.closed) == (10, 0, 0)
    assert world.gateway.closed
    assert world.seen.is_open == 0


def test_closing_without_a_gateway_counts_what_is_lost() -> None:
    world = World()
    world.reachable = False
    assert world.start() == 0
    for number in range(10):
        world.send("scores", number, b"x", CRITICAL if number % 2 else LOSSY)
    world.run(200)
    world.lib.flight_close(world.client)
    for _ in range(200):
        if world.frame() & CLOSED:
            break
    status = world.status()
    assert (status.accepted, status.queued, status.closed) == (10, 0, 10)


def test_the_memory_that_is_asked_for_is_enough_to_the_byte() -> None:
    for platform in (PLATFORM_DREAMCAST, PLATFORM_PSP, PLATFORM_VITA):
        for slots in (16, 64):
            world = World(TRANSPORT_TCP, platform, critical_slots=slots, lossy_slots=slots, window_frames=4, channels=5)
            assert world.lib.flight_need(world.config) > 0
            assert world.start(1) == -2, "one byte less is too little"
            world.connect()
            for number in range(100):
                world.send("scores", number, bytes(number), number % 3)
                world.frame()


def test_a_config_that_cannot_be_is_refused_with_a_reason() -> None:
    for change in ({"platform": 99}, {"transport_count": 4}, {"device_key_bytes": 3}):
        world = World()
        if "device_key_bytes" in change:
            world.config.device_key = world.ffi.cast("const uint8_t *", world.config.host)
        for name, number in change.items():
            setattr(world.config, name, number)
        assert world.start() == ARGUMENT, change
    world = World()
    world.lib.rig_text(1, b"x" * 599)
    assert world.start() == ARGUMENT, "a token over its limit"
    world = World()
    world.config.host = world.ffi.NULL
    assert world.start() == ARGUMENT
