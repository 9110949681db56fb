"""Ten thousand devices come back after an outage: no instant sees more than 2.5 % of them, and all of them return.

The sessions and policies are the product's; the gateway is a few lines that answer HELLO and ATTACH, and no bytes travel.
"""

import heapq
import random
from collections import Counter

import pytest

from flight_client.session.common.clock import MASK
from flight_client.session.common.profile import Profile
from flight_client.session.device import codes
from flight_client.session.device.identity import Identity
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    CODE_UNKNOWN_SESSION,
    PROFILES,
    RECONNECT_SPREAD_FLEET_MS,
    STATE_READY,
    TYPE_ATTACH,
    TYPE_HELLO,
    TYPE_RESET,
    TYPE_WELCOME,
)
from tests.session.parts import NoProof
from tests.support.figures import Figure

CLIENTS = 10_000
PEAK = 0.025
HEALTHY_S = 20
_NUMBERS = (5000, 64, 65535, RECONNECT_SPREAD_FLEET_MS, 0, 0, 120_000, 65536, 0, 65536, 0, 0, 0)
_WELCOME = messages.welcome(bytes(range(16)), b"abcdefgh", b"I" * 8, b"E" * 8, bytes(8), _NUMBERS)
_RESET = messages.ending(CODE_UNKNOWN_SESSION)


def small_profile(name: str) -> Profile:
    """The policy of a platform with the buffers of the smallest one: ten thousand fit the memory of this machine."""
    values = list(PROFILES[name])
    profile = Profile(tuple(values))  # type: ignore[arg-type]
    profile.frame_bytes, profile.window_frames = 640, 2
    return profile


class Member:
    """One device of the fleet."""

    def __init__(self, fleet: "Fleet", platform: str) -> None:
        identity = Identity(b"device", platform.encode(), PROFILES[platform][0], b"1", 1)
        self.fleet = fleet
        self.session = DeviceSession(small_profile(platform), identity, NoProof())  # type: ignore[no-untyped-call]
        self.inbox = Inbox(self.session)
        self.asked = 0

    def step(self, now_ms: int) -> None:
        """Do what the session wants, as a driver does."""
        session, fleet = self.session, self.fleet
        now = now_ms & MASK
        while True:
            command = session.poll(now, fleet.chance.getrandbits(16))
            if command == codes.NOTHING:
                return
            if command == codes.OPEN:
                fleet.knocks[now_ms // 100] += 1
                if fleet.up:
                    session.opened(now)
                else:
                    session.failed(now, fleet.chance.getrandbits(16))
            elif command == codes.SEND:
                self.asked = session.out.kind
            elif command == codes.TURN:
                self.answer(now)
            elif command == codes.DROP:
                raise AssertionError("a session gave up a transport that answers")

    def answer(self, now: int) -> None:
        """What a gateway that was started anew says: it knows no session, and welcomes everybody."""
        session = self.session
        session.turn_done(now)
        if self.asked == TYPE_ATTACH:
            self.inbox.receive(TYPE_RESET, 0, 0, 0, 0, _RESET, 0, len(_RESET), now, 0)
        elif self.asked == TYPE_HELLO:
            self.inbox.receive(TYPE_WELCOME, 0, 0, 0, 0, _WELCOME, 0, len(_WELCOME), now, 0)
            self.fleet.back += 1


class Fleet:
    """All of them, and when each wants to act."""

    def __init__(self, seed: int, platforms: list[str]) -> None:
        self.chance = random.Random(seed)
        self.up = True
        self.back = 0
        self.knocks: Counter[int] = Counter()  # attempts to connect, by tenth of a second
        self.members = [Member(self, platforms[index % len(platforms)]) for index in range(CLIENTS)]
        self._due: list[tuple[int, int]] = []

    def connect_all(self, now_ms: int) -> None:
        for member in self.members:
            member.session.start(now_ms & MASK)
            member.step(now_ms)
            assert member.session.state == STATE_READY

    def outage(self, now_ms: int) -> None:
        """The gateway dies: every connection ends in the same instant."""
        self.up = False
        self.back = 0
        self.knocks.clear()
        for index, member in enumerate(self.members):
            member.session.failed(now_ms & MASK, self.chance.getrandbits(16))
            self._wake(now_ms, index)

    def run_until(self, end_ms: int) -> None:
        due = self._due
        while due and due[0][0] < end_ms:
            now_ms, index = heapq.heappop(due)
            member = self.members[index]
            member.step(now_ms)
            if member.session.state != STATE_READY:
                self._wake(now_ms, index)

    def _wake(self, now_ms: int, index: int) -> None:
        wait_ms = self.members[index].session.wake_in_ms(now_ms & MASK)
        heapq.heappush(self._due, (now_ms + max(1, wait_ms), index))


@pytest.mark.parametrize("outage_s", [5, 60, 600])
def test_a_fleet_returns_spread_out(outage_s: int, figure: Figure) -> None:
    seed = outage_s
    fleet = Fleet(seed, ["host", "vita", "psp", "dreamcast", "micro"])
    fleet.connect_all(0)
    start_ms = HEALTHY_S * 1000
    fleet.outage(start_ms)
    fleet.run_until(start_ms + outage_s * 1000)
    assert fleet.back == 0
    assert sum(fleet.knocks.values()) > CLIENTS / 2  # they did not wait for the end
    worst_away = max(fleet.knocks.values())
    assert worst_away <= PEAK * CLIENTS, f"seed {seed}: {worst_away} in 100 ms while the gateway was away"
    fleet.knocks.clear()
    fleet.up = True
    fleet.run_until(start_ms + outage_s * 1000 + 60_000)
    worst = max(fleet.knocks.values())
    figure(
        f"fleet: {CLIENTS} clients after {outage_s} s, seed {seed}: peak {worst / CLIENTS:.2%} in 100 ms, "
        f"all back after {(max(fleet.knocks) - min(fleet.knocks)) / 10:.1f} s; meanwhile {worst_away / CLIENTS:.2%}"
    )
    assert fleet.back == CLIENTS
    assert sum(fleet.knocks.values()) == CLIENTS
    assert worst <= PEAK * CLIENTS
