"""A better transport is tried on a throw-away connection while the session goes on over the worse one."""

from __future__ import annotations

import pytest

from flight_client.session.spec import (
    PROBE_BASE_MS,
    PROBE_FIRST_MS,
    TRANSPORT_POLLING,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
    TYPE_PROBE,
)
from tests.console.sim import ACCEPTS, REFUSES
from tests.console.sim_world import SimWorld
from tests.console.world import CRITICAL, PLATFORM_PSP, PLATFORM_VITA

PAIRS = [
    (TRANSPORT_TCP, TRANSPORT_POLLING),
    (TRANSPORT_WEBSOCKET, TRANSPORT_POLLING),
    (TRANSPORT_TCP, TRANSPORT_WEBSOCKET),
    (TRANSPORT_POLLING, TRANSPORT_TCP),
]
CLOSED = 0  # of a connection of the simulated stack


def stepped_down(better: int, worse: int, platform: int = PLATFORM_VITA, *, has_second: bool = True) -> SimWorld:
    """A console whose better transport did not work at first."""
    world = SimWorld("vita-wifi", better, worse, platform=platform)
    if not has_second:
        world.port.probe_io = world.ffi.NULL
        world.start()
    world.lib.flight_sim_answer(world.sim, REFUSES)
    while world.status().transport != worse:
        world.frame()
    world.lib.flight_sim_answer(world.sim, ACCEPTS)
    world.connect(within_s=30)
    return world


def play(world: SimWorld, seconds: float) -> list[str]:
    """Ten log lines a second, and what they were."""
    lines = []
    for number in range(int(seconds * 10)):
        lines.append(f"line {number}")
        assert world.log(lines[-1]) >= 0
        world.run(0.1)
    return lines


@pytest.mark.parametrize(("better", "worse"), PAIRS)
def test_a_session_goes_back_to_the_better_transport_and_loses_nothing(better: int, worse: int) -> None:
    world = stepped_down(better, worse)
    before = world.status()
    lines = play(world, 12)
    world.run(3)
    after = world.status()
    assert (after.transport, after.connections, after.failures) == (better, 2, before.failures)
    assert world.lines() == lines
    assert [frame.kind for frame in world.probe.asked] == [TYPE_PROBE]
    assert world.probes == 1
    assert world.sim.links[1].state == CLOSED, "the throw-away connection was thrown away"
    assert world.gateway.sessions == 1, "a probe makes no session, and none is lost by stepping up"


@pytest.mark.parametrize("answers", ["", "wrong"])
def test_a_probe_without_its_answer_is_tried_again_ever_later(answers: str) -> None:
    world = stepped_down(*PAIRS[0])
    world.probe.answers = answers
    began = world.now_us
    tries: list[float] = []
    while world.now_us - began < 150_000_000:
        if world.probes != len(tries):
            tries.append((world.now_us - began) / 1_000_000)
        world.frame()
    print("tries after", tries)
    status = world.status()
    assert len(tries) == 3
    assert tries[0] < PROBE_FIRST_MS / 1000 + 1
    assert tries[1] - tries[0] >= PROBE_BASE_MS / 1000
    assert tries[2] - tries[1] >= 2 * PROBE_BASE_MS / 1000
    assert (status.transport, status.connections) == (TRANSPORT_POLLING, 1)
    assert world.sim.links[1].state == CLOSED


def test_a_server_that_floods_a_probe_is_no_gateway() -> None:
    world = stepped_down(*PAIRS[0])
    world.probe.answers = ""
    while not world.probe.asked:
        world.frame()
    world.give(bytes(4000), 1)
    world.run(1)
    assert world.sim.links[1].state == CLOSED
    assert (world.status().transport, world.status().connections) == (TRANSPORT_POLLING, 1)


def test_a_connection_that_dies_ends_the_probe_beside_it() -> None:
    world = stepped_down(TRANSPORT_TCP, TRANSPORT_WEBSOCKET)
    world.probe.answers = ""
    while not world.probe.asked:
        world.frame()
    world.lib.flight_sim_peer_reset(world.sim, 0)
    world.run(0.2)
    assert world.sim.links[1].state == CLOSED
    world.send("scores", b"x", CRITICAL)
    world.run(6)
    assert world.status().connections == 2
    assert [event.channel for event in world.gateway.events] == ["scores"]


@pytest.mark.parametrize("why", ["the port has one connection only", "the profile does not ask for it"])
def test_nothing_is_tried_where(why: str) -> None:
    if why.startswith("the profile"):
        world = stepped_down(*PAIRS[0], platform=PLATFORM_PSP)
    else:
        world = stepped_down(*PAIRS[0], has_second=False)
    world.run(60)
    assert (world.status().transport, world.status().connections) == (TRANSPORT_POLLING, 1)
    assert world.sim.links[1].connection == 0
