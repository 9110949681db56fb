"""A game with the client on each simulated console: it never waits longer than one call, stays fresh, and loses no log line."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from build_scripts import measure_client
from flight_client.session.spec import TRANSPORT_POLLING, TRANSPORT_SERIAL, TRANSPORT_TCP, TRANSPORT_WEBSOCKET
from tests.console.sim import REFUSES, SILENT
from tests.console.sim_world import BUDGET_US, SimWorld
from tests.console.world import PLATFORM_PSP, PLATFORM_VITA

NO_LIMIT = 0xFFFFFFFF
LATEST = 2
CONSOLES: dict[str, dict[str, Any]] = {
    "modem": {},
    "bba": {"link_bytes_per_s": NO_LIMIT},
    "psp-wifi": {"platform": PLATFORM_PSP},
    "vita-wifi": {"platform": PLATFORM_VITA},
    "vita-idle": {"platform": PLATFORM_VITA},
}


class Game:
    """60 values a second, the memory in each frame, ten log lines a second."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self.frames = 0
        self.lines: list[str] = []
        self.oldest_ms = 0  # that the newest value at the gateway ever was

    def play(self, seconds: float, *, judged: bool = True) -> None:
        until = self.world.now_us + int(seconds * 1_000_000)
        while self.world.now_us < until:
            now_ms = self.world.now_us // 1000
            self.world.send("player", struct.pack("<I", now_ms) + bytes(44), LATEST)
            self.world.lib.flight_memory(self.world.client)
            self.world.lib.flight_frame_took(self.world.client, 16_667)
            if self.frames % 6 == 0 and self.world.log(f"line {self.frames}") >= 0:
                self.lines.append(f"line {self.frames}")
            self.frames += 1
            self.world.frame()
            if judged:
                values = self.world.values("player")
                age_ms = self.world.now_us // 1000 - values[-1] if values else 0
                self.oldest_ms = max(self.oldest_ms, age_ms)

    def settle(self) -> None:
        self.world.run(8)
        assert self.world.lines() == self.lines


@pytest.mark.parametrize("profile", CONSOLES)
def test_values_stay_fresh_and_every_log_line_arrives(profile: str) -> None:
    world = SimWorld(profile, **CONSOLES[profile])
    world.connect()
    game = Game(world)
    game.play(2, judged=False)
    game.play(20)
    game.settle()
    print(f"{profile}: newest value at most {game.oldest_ms} ms old, longest poll {world.longest_poll_us} us")
    assert game.oldest_ms < 1000
    assert world.longest_poll_us <= BUDGET_US + 3 * world.sim.profile.call_us
    assert world.sim.counts.held_us == 0, "the link rate keeps the modem from holding anybody"
    assert world.status().connections == 1


@pytest.mark.parametrize("transport", [TRANSPORT_TCP, TRANSPORT_WEBSOCKET])
def test_a_link_rate_that_is_too_high_costs_steps_beyond_the_budget_and_no_connection(transport: int) -> None:
    # SimWorld.poll checks each: no longer than the budget and the longest single call.
    world = SimWorld(
        "modem", transport, link_bytes_per_s=NO_LIMIT, lossy_slots=256, critical_slots=256, window_frames=16
    )
    world.connect()
    world.run(2)
    given: list[bytes] = []
    logged: list[str] = []
    given_us = longest_us = 0
    for number in range(900):
        if number % 100 == 0:
            assert world.heard == given
            given.append(b"command %d" % number)
            world.deliver("command", given[-1])
            given_us = world.now_us
        if number % 10 == 0 and world.log(f"line {number}") >= 0:
            logged.append(f"line {number}")
        for piece in range(8):
            world.send("burst", struct.pack("<II", number, piece) + bytes(200))
        world.frame()
        if world.heard != given:
            longest_us = max(longest_us, world.now_us - given_us)
    print(
        f"longest call {world.longest_held_us} us, longest poll {world.longest_poll_us} us, a command took {longest_us} us"
    )
    assert longest_us < 2_000_000, "it took turns with sending, not the place behind all of it"
    assert world.longest_held_us > 0, "the modem holds whoever sends more than it drains"
    assert world.now_us > 40_000_000, "each send took most of a budget: the rounds of that time hardly ended"
    assert (world.status().connections, world.status().failures) == (1, 0)
    world.run(60)
    assert world.heard == given
    assert world.lines() == logged
    assert (world.status().connections, world.status().failures) == (1, 0)


@pytest.mark.parametrize("profile", CONSOLES)
@pytest.mark.parametrize("what", ["a lost packet", "two seconds of silence"])
def test_a_stall_disconnects_nobody_and_loses_nothing(profile: str, what: str) -> None:
    world = SimWorld(profile, **CONSOLES[profile])
    world.connect()
    game = Game(world)
    game.play(2)
    if what == "a lost packet":
        world.lib.flight_sim_lose(world.sim, 0, 1, 0)
    else:
        world.lib.flight_sim_black_out(world.sim, 2_000_000)
    game.play(4, judged=False)
    game.settle()
    assert world.sim.counts.lost > 0
    assert (world.status().connections, world.status().failures) == (1, 0)


@pytest.mark.parametrize("profile", ["modem", "bba"])
def test_a_console_that_is_reset_is_back_within_three_seconds(profile: str) -> None:
    world = SimWorld(profile, **CONSOLES[profile])
    world.connect()
    game = Game(world)
    game.play(3)
    game.settle()
    world.lib.flight_sim_reboot(world.sim)
    world.start()
    began, requests = world.now_us, world.sim.counts.requests
    world.connect()
    back_s = (world.now_us - began) / 1_000_000
    print(f"{profile}: back {back_s:.2f} s after the reset, {world.sim.counts.requests - requests} requests to connect")
    assert back_s < 3
    game.play(2)
    game.settle()


@pytest.mark.parametrize("profile", ["psp-wifi", "vita-wifi"])
def test_after_a_suspend_the_game_goes_on_with_what_it_had(profile: str) -> None:
    world = SimWorld(profile, **CONSOLES[profile])
    world.connect()
    game = Game(world)
    game.play(3)
    assert world.lib.flight_sim_suspend(world.sim, 30_000_000) == 0
    game.play(1, judged=False)
    world.lib.flight_sim_network(world.sim, 1)
    game.play(10, judged=False)
    game.settle()
    assert world.status().connections == 2


@pytest.mark.parametrize("answer", [SILENT, REFUSES])
@pytest.mark.parametrize("profile", ["modem", "psp-wifi"])
def test_without_a_pc_the_game_does_not_notice_and_the_pc_may_come_later(profile: str, answer: int) -> None:
    world = SimWorld(profile, **CONSOLES[profile])
    world.lib.flight_sim_answer(world.sim, answer)
    game = Game(world)
    game.play(60, judged=False)
    assert world.longest_poll_us <= BUDGET_US + 3 * world.sim.profile.call_us
    assert world.status().connections == 0
    world.lib.flight_sim_answer(world.sim, 0)
    world.connect(within_s=40)
    game.settle()


@pytest.mark.parametrize("transport", [TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING])
@pytest.mark.parametrize("profile", ["modem", "psp-wifi"])
def test_every_transport_carries_both_ways(profile: str, transport: int) -> None:
    world = SimWorld(profile, transport, **CONSOLES[profile])
    world.connect(within_s=20)
    game = Game(world)
    game.play(5, judged=False)
    game.settle()
    assert world.status().failures == 0
    assert {"player", "memory-updates", "frame-time"} <= {event.channel for event in world.gateway.events}


def test_the_least_client_that_can_be_compiled_carries_what_is_left_of_it() -> None:
    world = SimWorld("modem", TRANSPORT_POLLING, options=tuple(measure_client.LEAST))
    world.connect()
    for number in range(60):
        assert world.lib.flight_log(world.client, 1, b"%d as it stands\xff", world.ffi.cast("int", number)) >= 0
        world.send("player", struct.pack("<I", number), LATEST)
        if number % 20 == 19:
            world.deliver("command", b"go %d" % number)
        world.run(0.5)
    world.run(10)
    assert world.lines() == ["%d as it stands?"] * 60
    assert world.values("player")[-1] == 59
    assert world.heard == [b"go 19", b"go 39", b"go 59"]
    assert (world.status().failures, world.status().resume) == (0, 0)


def test_a_cable_carries_what_its_speed_allows() -> None:
    world = SimWorld("serial", TRANSPORT_SERIAL, link_bytes_per_s=11_520)
    world.connect()
    game = Game(world)
    game.play(2, judged=False)
    game.play(10)
    game.settle()
    assert game.oldest_ms < 1000
    assert world.sim.counts.held_us == 0
    assert world.status().garbage_bytes == 0
