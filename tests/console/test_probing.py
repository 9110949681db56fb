"""A better transport is tried on a throw-away connection while the session goes on over the worse one."""

from __future__ import annotations

from typing import Any

import cffi
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
from tests.console.sim_world import BUDGET_US, SimWorld
from tests.console.world import BACKLOG, CRITICAL, PLATFORM_PSP, PLATFORM_VITA

PAIRS = [
    (TRANSPORT_TCP, TRANSPORT_POLLING),
    (TRANSPORT_WEBSOCKET, TRANSPORT_POLLING),
    (TRANSPORT_TCP, TRANSPORT_WEBSOCKET),
    (TRANSPORT_POLLING, TRANSPORT_TCP),
]
CLOSED = 0  # of a connection of the simulated stack
ANSWERED, WRONG, DIES = "an answer", "a wrong answer", "the session's connection dies beside it"


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


class CutWorld(SimWorld):
    """The clock jumps beyond the budget at a reading of each frame's poll; what is left is done by another one."""

    JUMP_US = 600  # more than the budget, less than a millisecond: the session's clock does not see it
    STEP_US = 16_000  # whole milliseconds, for the same reason

    def __init__(self, pair: tuple[int, int], ending: str, cut_at: int = 0, *, always: bool = False) -> None:
        """cut_at: the reading, 0: nowhere. always: what is left is cut again."""
        self.cut_at, self.always, self.ending = cut_at, always, ending
        self.readings = self.most_readings = self.cuts = self.cuts_of_probe = self.resets = 0
        self.sent = {0: b"", 1: b""}
        super().__init__("vita-wifi", *pair, platform=PLATFORM_VITA)

    def machine(self, profile: str, options: tuple[str, ...]) -> tuple[cffi.FFI, Any, Any, Any]:
        ffi, lib, sim, port = super().machine(profile, options)
        own: Any = ffi.new("flight_sim_profile *", sim.profile[0])
        own.call_us = 0  # a poll that is cut makes one call more
        sim.profile = self._own = own

        def read(_: Any) -> int:
            self.readings += 1
            jumps = self.cut_at and self.readings >= self.cut_at
            return int(sim.now_us) + (self.JUMP_US if jumps else 0)

        self._read = ffi.callback("uint64_t (*)(void *)", read)
        port.now_us = self._read
        return ffi, lib, sim, port

    def poll(self) -> int:
        self.readings = 0
        bits = int(self.lib.flight_poll(self.client, BUDGET_US))
        self.most_readings = max(self.most_readings, self.readings)
        cuts = 0
        while bits & BACKLOG:
            assert self.cut_at, "time stands still"
            assert (cuts := cuts + 1) < 200, "it never comes to an end"
            self.cuts += 1
            self.cuts_of_probe += self.sim.links[1].state != CLOSED
            self.readings = 0 if self.always else -1_000_000
            bits = bits & ~BACKLOG | int(self.lib.flight_poll(self.client, BUDGET_US))
        return bits

    def frame(self) -> int:
        bits = self.poll()
        self.pump()
        self.lib.flight_sim_advance(self.sim, self.STEP_US)
        self.pump()
        return bits

    def take(self, link: int = 0) -> bytes:
        data = super().take(link)
        self.sent[link] += data
        return data

    def play(self) -> CutWorld:
        """A line in every sixth frame; the better transport works from the second second on."""
        self.probe.answers = {ANSWERED: "right", WRONG: "wrong"}.get(self.ending, "")
        self.lib.flight_sim_answer(self.sim, REFUSES)
        for number in range(700):
            if number == 60:
                self.lib.flight_sim_answer(self.sim, ACCEPTS)
            if number % 6 == 0:
                self.log(f"line {number}")
            if self.ending == DIES and number > 400 and not self.probe.answers and self.probe.asked:
                assert self.sim.links[1].state != CLOSED
                self.lib.flight_sim_peer_reset(self.sim, 0)
                self.probe.answers, self.resets = "right", 1
            self.frame()
        return self


@pytest.mark.parametrize("ending", [ANSWERED, WRONG, DIES])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_cut_at_any_step_of_a_poll_with_a_probe_gives_the_same_bytes(pair: tuple[int, int], ending: str) -> None:
    whole = CutWorld(pair, ending).play()
    assert whole.probes == 1
    assert whole.sent[1] != b""
    if (pair[1], ending) != (
        TRANSPORT_POLLING,
        DIES,
    ):  # an idle HTTP connection that dies is only made anew, beside the probe
        assert whole.sim.links[1].state == CLOSED
    assert (whole.status().transport == pair[0]) == (ending == ANSWERED)
    assert whole.resets == (ending == DIES)
    cuts = cuts_of_probe = 0
    for cut_at in range(2, whole.most_readings + 1):
        for always in (False, True) if cut_at == 2 else (False,):
            cut = CutWorld(pair, ending, cut_at, always=always).play()
            where = f"cut at reading {cut_at} of {whole.most_readings}, {'always' if always else 'once a frame'}"
            assert cut.sent[1] == whole.sent[1], f"of the probe, {where}"
            assert cut.sent[0] == whole.sent[0], where
            assert (cut.lines(), cut.status().bytes_in) == (whole.lines(), whole.status().bytes_in), where
            cuts, cuts_of_probe = cuts + cut.cuts, cuts_of_probe + cut.cuts_of_probe
    print(f"{cuts} cuts, {cuts_of_probe} of them with a probe; {len(whole.sent[0])} + {len(whole.sent[1])} bytes equal")
    assert cuts_of_probe > whole.most_readings
