"""One seed: a gateway, some devices and tools, a while of faults, then peace, then the rules."""

import asyncio
import logging
import random
from collections import Counter
from dataclasses import dataclass, field

from flight_client.gateway.auth import SigningKey, make_token
from flight_client.gateway.engines import EngineLimits
from flight_client.gateway.hub import HubLimits, SubscriberLimits
from flight_client.testing.virtual_loop import VirtualLoop

from .chance import Machine, determined
from .device import Device, Role
from .engine import SimEngine
from .faults import Faults
from .gateway import SimGateway
from .ledger import Ledger
from .network import Server, Wire
from .trace import Trace

FAULTS_S = 200.0
BACK_S = 60.0  # how long after the last fault everybody is connected again
REST_S = 240.0  # how long until everything has arrived
_WRAP_S = (1 << 30) / 1000  # where the clock of the session wraps

_KEY = SigningKey("simulated", b"k" * 32)


@dataclass(slots=True)
class Result:
    """What one seed did."""

    seed: int
    problems: list[str] = field(default_factory=list)
    events: int = 0
    delivered: int = 0
    repeated: int = 0
    switches: int = 0
    messages: int = 0
    seconds: float = 0.0
    back_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    digest: str = ""


class World:
    """Everything of one run."""

    def __init__(self, seed: int, loop: VirtualLoop, show: bool = False) -> None:
        self.seed = seed
        self.loop = loop
        self.chance = random.Random(f"world {seed}")
        self.trace = Trace(loop.time, show)
        self.counted: Counter[str] = Counter()
        self.ledger = Ledger()
        self.may_lose_log = self.chance.random() < 0.5
        self.gateway: SimGateway | None = None
        self.gateway_machine = Machine(self._clock_offset_s())
        chance = self.chance
        self._limits = HubLimits(subscriber=SubscriberLimits(chance.choice((8, 64, 1024))))
        self._engine_limits = EngineLimits(history_entries=chance.choice((40, 400, 10000)))
        self.engine = self._new_engine()
        self.devices = [self._device(role) for role in self._roles()]
        self.faults = Faults(self)

    def _clock_offset_s(self) -> float:
        """Many clocks are about to wrap."""
        return _WRAP_S - 1000 - self.chance.uniform(0, 300) if self.chance.random() < 0.5 else 0.0

    def _new_engine(self) -> SimEngine:
        return SimEngine(self.loop, self.chance, self._engine_limits, self.ledger.stored)

    def _roles(self) -> list[Role]:
        chance = self.chance
        telemetry = ("telemetry/1", "telemetry/2")
        both = ("websocket", "polling")
        roles = [
            Role("tool-1", "host", both, ("commands",), telemetry, True),
            Role(
                "tool-2",
                "host",
                chance.choice((both, ("polling",), ("websocket",))),
                ("commands",),
                telemetry[:1],
                False,
            ),
        ]
        for number, platform in enumerate(chance.sample(("dreamcast", "psp", "vita", "vita", "host"), 3)):
            transports: tuple[str, ...] = both
            if platform in ("dreamcast", "psp"):
                transports = chance.choice((("polling",), ("polling",), both))
            elif chance.random() < 0.3:
                transports = ("tcp", "websocket", "polling")
            roles.append(
                Role(f"device-{number}", platform, transports, telemetry, ("commands",), chance.random() < 0.8)
            )
        return roles

    def _device(self, role: Role) -> Device:
        wire = Wire(self.loop, self.chance, self._find, self.counted, self.trace)

        def token() -> str:
            life_s = self.chance.choice((8, 30, 120, 3600))
            return make_token(
                _KEY, role.device_id, ("publish", "subscribe"), life_s, clock_s=lambda: 1_700_000_000 + self.loop.now_s
            )

        return Device(role, self.loop, self.chance, Machine(self._clock_offset_s()), wire, self.ledger, token)

    def _find(self) -> Server | None:
        return self.gateway if self.gateway is not None and self.gateway.up else None

    # What faults do to it

    def count(self, kind: str) -> None:
        self.counted[kind] += 1
        self.trace.note("fault", kind)

    async def gateway_up(self) -> None:
        self.gateway = SimGateway(self.loop, self.engine, _KEY, self.gateway_machine, self._limits)
        await self.gateway.start()
        if not self.ledger.logs or self.ledger.logs[-1].epoch != self.engine.epoch.hex():
            self.ledger.new_log(self.engine.epoch)
        self.trace.note("gateway", f"up, epoch {self.engine.epoch.hex()}")

    async def gateway_down(self, polite: bool) -> None:
        if self.gateway is None:
            return
        gateway, self.gateway = self.gateway, None
        self.note_trims()
        if polite:
            await gateway.stop()
        else:
            gateway.crash()
        self.check()
        self.trace.note("gateway", "down")

    def lose_log(self) -> None:
        self.engine = self._new_engine()

    def note_trims(self) -> None:
        log = self.ledger.logs[-1]
        for name, channel in self.engine._logs.items():
            log.trimmed_to[name] = channel.first - 1

    # One run

    async def run(self) -> Result:
        await self.gateway_up()
        for device in self.devices:
            device.start()
        await asyncio.sleep(0)
        end = self.loop.now_s + FAULTS_S
        while self.loop.now_s < end and not self.ledger.problems:
            await asyncio.sleep(self.chance.expovariate(1 / 2.5))
            await self.faults.one()
            self.check()
        result = Result(self.seed)
        if not self.ledger.problems:
            result.back_s = await self._peace()
        self.note_trims()
        result.problems = self.ledger.check_end() if not self.ledger.problems else self.ledger.problems
        for device in self.devices:
            result.problems += device.check_end(len(self.ledger.logs) == 1)
            result.switches += device.switches + device.counters().transport_switches
        if self.loop.errors:
            result.problems.append(f"the loop heard of {self.loop.errors[0]}")
        result.events = sum(device.accepted for device in self.devices)
        result.delivered = sum(device.delivered for device in self.devices)
        result.repeated = sum(life.repeated for life in self.ledger.lives)
        result.messages = self.trace.messages
        result.seconds = self.loop.now_s - 1000
        result.faults = self.counted
        result.digest = self.trace.digest()
        await self._end()
        return result

    async def _peace(self) -> float:
        """No more faults: everybody comes back, everything arrives. How long the first took."""
        for device in self.devices:
            device.wire.disarm()
            device.busy = False
        self.engine.store_s = self.engine.tell_s = 0.0
        self.engine.fail_next = 0
        if self.gateway is None:
            await self.gateway_up()
        self.trace.note("peace", "")
        start = self.loop.now_s
        while not all(device.connected for device in self.devices) and self.loop.now_s < start + REST_S:  # noqa: ASYNC110
            await asyncio.sleep(0.25)
        back_s = self.loop.now_s - start
        if back_s > BACK_S:
            away = [device.role.device_id for device in self.devices if not device.connected]
            self.ledger.problems.append(f"after {back_s:.0f} s not everybody was back: {away}")
        while self.loop.now_s < start + REST_S:
            await asyncio.sleep(5.0)
            self.check()
            if self.loop.now_s > start + 45 and all(device.at_rest for device in self.devices):
                self.note_trims()
                if not self.ledger.check_end():
                    break
        return back_s

    def check(self) -> None:
        """The rules that hold at any moment."""
        found: list[str] = []
        for device in self.devices:
            if not device.life.over:
                found += device.check()
        if self.gateway is not None:
            found += self.gateway.problems()
        self.ledger.problems += found

    async def _end(self) -> None:
        for device in self.devices:
            await device.power_off()
        if self.gateway is not None:
            self.gateway.crash()


def run_seed(seed: int, show: bool = False) -> Result:
    """One run from its seed."""
    logging.disable(logging.CRITICAL)
    loop = VirtualLoop()
    try:
        with determined(seed, loop):
            result: Result = loop.run(World(seed, loop, show).run())
    finally:
        logging.disable(logging.NOTSET)
    return result
