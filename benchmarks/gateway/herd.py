"""A gateway dies with 10,000 sessions and is started again: how soon all are back, and how many come at once.

Each client is the policy of the real one and a socket: it waits as the policy says, says HELLO, and goes on waiting when that
fails. It comes from one of many addresses, as a fleet does.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.gateway.flight import FlightSystem
from flight_client.session import spec
from flight_client.session.common.profile import Profile
from flight_client.session.device.policy import Policy
from flight_client.wire.frames import FrameReader, encode_frame
from tests.support.raw import hello_frame

ADDRESSES = 60
SLOT_MS = 100
LIMIT_S = 90.0
_WAIT_S = 10.0  # for an answer


@dataclass
class Herd:
    """What the clients saw."""

    clients: int
    attempts: list[float] = field(default_factory=list)  # when each connection of the second life was asked for
    back: list[float] = field(default_factory=list)  # when each had its session again

    def peak_share(self) -> float:
        """Of the clients, the most that asked within one tenth of a second."""
        return max(Counter(int(at * 1000) // SLOT_MS for at in self.attempts).values()) / self.clients


class Client(asyncio.Protocol):
    """One console."""

    def __init__(self, herd: Herd, port: int, hello: bytes, number: int, seed: int) -> None:
        self._herd = herd
        self._port = port
        self._hello = hello
        self._number = number
        self._chance = random.Random(seed * 1_000_003 + number)
        self.policy = Policy(Profile(spec.PROFILES["dreamcast"]), (1,))
        self.second_life = False
        self.settled = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        if self.second_life:
            self._herd.attempts.append(time.monotonic())
        try:
            source = f"127.0.0.{2 + self._number % ADDRESSES}"
            await loop.create_connection(lambda: self, "127.0.0.1", self._port, local_addr=(source, 0))
        except OSError:
            self._later()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of uvloop
        self._transport.write(self._hello)  # type: ignore[union-attr]  # set one line above
        self._timer = asyncio.get_running_loop().call_later(_WAIT_S, transport.abort)  # type: ignore[attr-defined]  # a stream's

    def data_received(self, data: bytes) -> None:
        reader = FrameReader(spec.FLAGS_SUPPORTED)
        reader.feed(data, spec.MAX_FRAME_BYTES)  # short frames on a loopback come whole
        if self.settled.is_set():
            while reader.next():
                if reader.type == spec.TYPE_HEARTBEAT:
                    self.policy.announce(int.from_bytes(data[reader.start + 4 : reader.start + 8], "little"))
            return
        if not reader.next():
            return
        if reader.type != spec.TYPE_WELCOME:
            return  # busy: the connection ends
        assert self._timer is not None
        self._timer.cancel()
        self.policy.announce(int.from_bytes(data[reader.start + 56 : reader.start + 60], "little"))
        self.policy.ready(_now())
        self.settled.set()
        if self.second_life:
            self._herd.back.append(time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.settled.clear()
        self.second_life = True
        self._later()

    def _later(self) -> None:
        self.policy.failed(_now())
        wait_ms = self.policy.wait_ms(self._chance.getrandbits(16))
        asyncio.get_running_loop().call_later(wait_ms / 1000, lambda: asyncio.ensure_future(self.connect()))

    def beat(self) -> None:
        if self._transport is not None and self.settled.is_set():
            self._transport.write(encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def told(every: list[Client], spread_ms: int) -> float:
    """The share of the clients that know how widely the fleet spreads."""
    return sum(one.policy.spread_ms >= 9 * spread_ms // 10 for one in every) / len(every)


async def beat(every: list[Client]) -> None:
    """Each says every eight seconds that it lives, a few at a time."""
    while True:
        for at in range(0, len(every), max(1, len(every) // 80)):
            for one in every[at : at + max(1, len(every) // 80)]:
                one.beat()
            await asyncio.sleep(0.1)


def _now() -> int:
    return int(time.monotonic() * 1000) & 0x3FFF_FFFF


async def measure_herd(system: FlightSystem, clients: int, seed: int) -> tuple[float, float, float]:
    """Seconds until all are back, the share of the busiest tenth of a second, and how many clients were there."""
    herd = Herd(clients)
    token = system.gateway.token()
    port = system.gateway.port + 1
    every = []
    for number in range(clients):
        hello = hello_frame(token, b"herd-%d" % number, platform=b"dreamcast", platform_number=1, client_type=2)
        every.append(Client(herd, port, hello, number, seed))
    beating = asyncio.create_task(beat(every))
    for at in range(0, clients, 200):
        part = every[at : at + 200]
        await asyncio.gather(*(one.connect() for one in part))
        try:
            await asyncio.wait_for(asyncio.gather(*(one.settled.wait() for one in part)), LIMIT_S)
        except TimeoutError:
            missing = sum(not one.settled.is_set() for one in part)
            raise RuntimeError(
                f"{missing} of 200 clients behind the first {at} had no session after {LIMIT_S:g} s"
            ) from None
    # They have been there for a while: their connections count as healthy, and heartbeats have told all of them the spread.
    spread_ms = spec.RECONNECT_SPREAD_FLEET_MS * clients // spec.RECONNECT_SPREAD_FLEET
    told_by = time.monotonic() + LIMIT_S
    while told(every, spread_ms) < 0.99 and time.monotonic() < told_by:  # noqa: ASYNC110 - as below
        await asyncio.sleep(0.5)
    print(f"  herd: {told(every, spread_ms):.1%} of the clients know the spread of the fleet", flush=True)
    for one in every:
        one.policy._ready_at = _now() - 2 * spec.HEALTHY_MS & 0x3FFF_FFFF
    system.gateway.kill()
    begun = time.monotonic()
    await system.gateway.start_beside()
    async with asyncio.timeout(LIMIT_S):
        while len(herd.back) < clients:  # noqa: ASYNC110 - ten thousand events would cost more
            await asyncio.sleep(0.05)
    took = max(herd.back) - begun
    beating.cancel()
    for one in every:
        one._later = lambda: None  # type: ignore[method-assign]  # the herd is over
        one.close()
    await asyncio.sleep(0.2)
    return took, herd.peak_share(), float(len(herd.attempts))
