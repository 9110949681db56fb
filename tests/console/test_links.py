"""What networks do to a client: it comes back, keeps its accounts, and never blocks or runs for ever."""

from __future__ import annotations

import itertools
import struct

import pytest

from flight_client.session.common.clock import elapsed
from flight_client.session.spec import (
    CODE_CREDENTIAL,
    CODE_GOING_AWAY,
    TRANSPORT_POLLING,
    TRANSPORT_SERIAL,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
    TYPE_CLOSE,
    TYPE_HEARTBEAT,
)
from flight_client.wire.frames import encode_frame
from tests.console.wires import Frame
from tests.console.world import (
    BACKLOG,
    CLOSED,
    CONNECTED,
    CRITICAL,
    GOT_DATA,
    LATEST,
    NAMES,
    NO_LIMIT,
    World,
    ending,
)

ALL = [TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING, TRANSPORT_SERIAL]
WAITING, READY, STOPPED = 1, 5, 8
STATUS, LINK, OPEN, DIED, GARBAGE, SILENT, REFUSED, RANDOM = 1, 7, 8, 9, 10, 12, 13, 16
RECONNECTS = 10_000


def named(transport: int) -> str:
    return NAMES[transport]


def break_link(world: World) -> None:
    world.script.dead = 1
    world.frame(1)
    world.script.dead = 0


@pytest.mark.parametrize("transport", ALL, ids=named)
def test_a_broken_connection_loses_no_critical_event_and_repeats_none(transport: int) -> None:
    world = World(transport)
    world.connect()
    sent = 0
    for number in range(300):
        if world.send("scores", number, b"x", CRITICAL) == 0:
            sent += 1
        if number % 23 == 22:
            world.mute = True
            world.frame(16)
            break_link(world)
            world.mute = False
        world.frame(100)
    world.run(15000, 100)
    assert len(world.stored("scores")) == sent
    status = world.status()
    assert (status.queued, status.state) == (0, READY)
    if transport != TRANSPORT_POLLING:  # there an idle connection may go at any time, that is no failure
        assert status.connections > 5
        assert world.gateway.resumes == status.connections - 1, "the session outlives its connections"


def test_ten_thousand_reconnects_leave_nothing_behind() -> None:
    world = World()
    world.connect()
    need = world.lib.flight_need(world.config)
    for number in range(RECONNECTS):
        world.send("scores", number & 0xFFFF, b"x", CRITICAL if number % 3 == 0 else LATEST)
        break_link(world)
        for _ in range(50):
            status = world.status()
            if world.frame(max(1, status.wait_ms) if status.state == WAITING else 1) & CONNECTED:
                break
        else:
            raise AssertionError(f"did not come back after {number}: {world.status()}")
        world.frame(1)
        world.sent.clear()
        world.frames.clear()
    world.run(2000)
    status = world.status()
    assert status.connections == status.failures + 1 == RECONNECTS + 1
    assert (world.seen.opens, world.seen.closes) == (RECONNECTS + 1, RECONNECTS)
    assert (status.queued, status.refused_full, status.full) == (0, 0, 0)
    assert status.accepted == RECONNECTS
    critical = [event for event in world.gateway.events if event.critical]
    assert len(critical) == (RECONNECTS + 2) // 3
    assert world.lib.flight_need(world.config) == need
    print(f"{RECONNECTS} reconnects: {need} bytes before and after, {status.settled} of {status.accepted} settled")


@pytest.mark.parametrize("transport", [TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_SERIAL], ids=named)
def test_a_server_that_floods_takes_no_more_of_a_frame_than_the_budget(transport: int) -> None:
    world = World(transport)
    world.connect()
    world.listen("commands")
    world.send("scores", 1, b"x", CRITICAL)
    world.frame()
    world.settle()
    world.script.tick_us = 20
    flood = [Frame(TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8))] * 400
    backlog = delivered = 0
    for number in range(60):
        for _ in range(4):
            world.deliver("commands", (number, b"flood" * 20))
        world.give(world.wire.give(flood))
        world.send("scores", number, b"y", CRITICAL)
        bits = world.frame(16, 500)
        assert world.seen.readings <= 500 // 20 + 1
        backlog += bits & BACKLOG != 0
        delivered += bits & GOT_DATA != 0
        if world.lib.rig_unread() > 500_000:
            break
    assert backlog > 30
    world.script.tick_us = 0
    world.run(4000)
    assert world.status().state == READY
    assert world.lib.rig_unread() == 0, "it catches up when the flood is over"
    assert len(world.stored("scores")) > 30
    assert delivered > 0


def test_a_gateway_that_says_nothing_is_left_after_its_time() -> None:
    world = World()
    world.connect()
    world.mute = True
    for _ in range(300):
        world.frame(100)
        if world.status().failures:
            break
    status = world.status()
    assert (status.failures, status.trouble, status.state) == (1, SILENT, WAITING)
    assert world.seen.is_open == 0
    world.mute = False
    world.run(3000)
    assert world.status().state == READY


def test_a_stall_of_two_seconds_disconnects_nobody() -> None:
    for transport in ALL:
        world = World(transport)
        world.connect()
        for number in range(200):
            world.send("scores", number, b"x", CRITICAL)
            world.script.send_room = 0 if 50 <= number < 170 else 0x7FFFFFFF  # 120 frames of 17 ms
            world.frame(17)
        world.script.send_room = 0x7FFFFFFF
        world.run(8000, 50)
        status = world.status()
        assert (status.connections, status.failures) == (1, 0), NAMES[transport]
        assert len(world.stored("scores")) == status.accepted


def test_without_a_network_nothing_is_tried_and_nothing_counts_as_a_failure() -> None:
    world = World()
    world.script.link = 0
    assert world.start() == 0
    world.run(60000, 100)
    assert (world.seen.opens, world.status().failures, world.status().trouble) == (0, 0, 0)
    world.script.link = 0xFFFFFFFF  # down for good: -1
    world.run(1000)
    assert (world.seen.opens, world.status().trouble, world.status().port_error) == (0, LINK, -1)
    world.script.link = 1
    world.run(1000)
    assert world.status().state == READY


def test_a_port_that_cannot_open_is_asked_again_with_growing_waits() -> None:
    world = World()
    world.script.open_result = 0x80410123
    assert world.start() == 0
    opens = []
    for _ in range(600):
        before = world.seen.opens
        world.frame(100)
        if world.seen.opens != before:
            opens.append(world.now_ms)
    status = world.status()
    assert status.trouble == OPEN
    assert status.port_error == struct.unpack("<i", struct.pack("<I", 0x80410123))[0]
    waits = [elapsed(later, earlier) for earlier, later in itertools.pairwise(opens)]
    assert 5 <= len(opens) <= 60
    assert max(waits) > 2000
    world.script.open_result = 0
    world.run(12000, 50)
    assert world.status().state == READY


def test_a_connection_that_never_comes_up_is_given_up_in_time() -> None:
    world = World()
    world.script.ready_result = 0
    assert world.start() == 0
    world.run(29000, 100)
    assert world.status().failures == 0
    world.run(2000, 100)
    assert world.status().failures == 1


def test_bytes_that_are_no_frames_end_the_connection() -> None:
    for transport, trouble in ((TRANSPORT_TCP, GARBAGE), (TRANSPORT_POLLING, STATUS)):
        world = World(transport)
        world.reachable = False
        assert world.start() == 0
        world.frame()
        world.frame()
        world.give(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        world.frame()
        status = world.status()
        assert (status.trouble, status.state) == (trouble, WAITING)
        assert status.detail == (404 if transport == TRANSPORT_POLLING else 0)


def test_no_random_bytes_no_connection() -> None:
    world = World()
    world.script.random_result = 0xFFFFFFFE
    assert world.start() == 0
    world.run(200)
    status = world.status()
    assert (status.trouble, status.port_error, bytes(world.sent)) == (RANDOM, -2, b"")


def test_weak_randomness_is_said() -> None:
    world = World()
    world.script.random_result = 1
    assert world.start() == 0
    assert world.status().random == 2, "not known yet"
    world.run(100)
    assert world.status().random == 1


def test_a_gateway_that_refuses_for_good_stops_the_client() -> None:
    world = World()
    assert world.start() == 0
    world.gateway.answer = (TYPE_CLOSE, CODE_CREDENTIAL, 0)
    world.send("scores", 1, b"x", CRITICAL)
    for _ in range(20):
        if world.frame() & CLOSED:
            break
    status = world.status()
    assert (status.state, status.reason, status.closed) == (STOPPED, CODE_CREDENTIAL, 1)
    assert (status.trouble, status.detail) == (REFUSED, CODE_CREDENTIAL)
    assert world.send("scores", 1, b"x", CRITICAL) == -32


def test_a_gateway_that_goes_away_names_when_to_come_back() -> None:
    world = World()
    world.connect()
    world.give(encode_frame(TYPE_CLOSE, 0, 0, 0, 0, ending(CODE_GOING_AWAY, 3000)))
    world.frame()
    assert world.status().state == WAITING
    world.run(2900, 100)
    assert world.status().state == WAITING
    world.run(600, 100)
    assert world.status().state == READY


def test_a_pause_lets_the_connection_go_and_keeps_what_is_queued() -> None:
    world = World()
    world.connect()
    world.lib.flight_pause(world.client)
    world.run(2000)
    assert world.seen.is_open == 0
    world.send("scores", 1, b"x", CRITICAL)
    world.run(30000, 100)
    assert world.status().queued == 1
    world.lib.flight_go_on(world.client)
    world.run(300)
    assert len(world.stored("scores")) == 1
    assert world.status().failures == 0


def test_commands_reach_their_handler_one_by_one() -> None:
    world = World()
    world.connect()
    world.listen("commands")
    world.settle()
    world.deliver("commands", *[(number, b"n%d" % number) for number in range(9)])
    world.frame()
    assert world.frame() & GOT_DATA
    assert world.messages() == [(number, b"n%d" % number) for number in range(9)]
    world.deliver("commands", (1, b""))
    world.run(100)
    assert world.messages() == [(1, b"")]
    assert (world.status().received, world.status().unhandled) == (10, 0)


def test_a_body_that_is_none_is_left_out_and_counted() -> None:
    world = World()
    world.connect()
    world.listen("commands")
    world.settle()
    bad = struct.pack("<HHH", 5, 0, 9) + b"ab"
    number = next(iter(world.gateway.names))
    world.store.log.append(b"")
    world.gateway.position = 1
    world.gateway.deliver(1, 0, struct.pack("<BBH", 7, 2, 0) + bad, b"tool", number)
    world.run(100)
    assert world.messages() == []
    assert (world.status().state, world.status().unhandled) == (READY, 1)


@pytest.mark.parametrize("rate", [3600, 11520])
def test_the_port_is_never_offered_more_than_the_link_drains(rate: int) -> None:
    world = World(TRANSPORT_TCP, link_bytes_per_s=rate)
    world.connect()
    history: list[tuple[int, int]] = []
    for number in range(1200):
        world.send("player", 1, bytes(40), LATEST)
        world.send("scores", number & 0xFFFF, bytes(30), CRITICAL)
        before, sends = len(world.sent), world.seen.sends
        world.frame(16)
        history.append((number * 16, len(world.sent) - before + 48 * (world.seen.sends - sends)))
    for start in range(0, 1100, 10):
        for frames in (1, 10, 60):
            spent = sum(size for _, size in history[start : start + frames])
            assert spent <= 720 + rate * 16 * frames // 1000, (start, frames)
    assert world.status().connections == 1
    values = world.stored("player")
    stamps = [event.stored_ms for event in values]
    assert max(later - earlier for earlier, later in itertools.pairwise(stamps)) < 1000


def test_values_stay_fresh_and_logs_whole_on_a_modem() -> None:
    world = World(TRANSPORT_TCP, link_bytes_per_s=0)  # the platform's own figure
    world.connect()
    lines = 0
    for number in range(1800):  # 30 s at 60 Hz
        world.send("player", 1, struct.pack("<I", number), LATEST)
        if number % 30 == 0:
            assert world.log(f"line {number}") == 0
            lines += 1
        world.frame(16)
    world.run(3000)
    newest = [(event.stored_ms, event.stored_ms - event.age_ms) for event in world.stored("player")]
    gaps = [
        later - value for (_, value), (later, _) in itertools.pairwise(newest)
    ]  # how old the newest value is, right before the next
    assert max(gaps) < 1000
    assert len(world.lines()) == lines
    print(f"newest value at most {max(gaps)} ms old at 3,600 bytes/s, {lines} of {lines} lines")


def test_no_limit_means_none() -> None:
    world = World(TRANSPORT_TCP, link_bytes_per_s=NO_LIMIT)
    world.connect()
    for number in range(30):
        world.send("scores", number, bytes(200), CRITICAL)
    world.settle()
    assert len(world.stored("scores")) >= 8
