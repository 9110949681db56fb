"""The faults of a simulation: a table of kinds, and how each is done to the world."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World

# Kinds that strike a message wait armed on a wire, which counts them when they strike; the others are counted here.
KINDS = (
    "disconnect",
    "loss",
    "reorder",
    "duplicate",
    "late-request",
    "lost-request",
    "lost-reply",
    "half-open",
    "frame-cut",
    "transport-blocked",
    "unreachable",
    "slow-consumer",
    "clock-jump",
    "gateway-clock-jump",
    "machine-asleep",
    "gateway-stop",
    "gateway-crash",
    "epoch-loss",
    "store-slow",
    "store-fails",
    "history-trimmed",
    "device-reboot",
)

_WEIGHTS = {
    "disconnect": 6, "loss": 6, "reorder": 6, "duplicate": 8, "late-request": 4, "lost-request": 4, "lost-reply": 5,
    "half-open": 4, "frame-cut": 8, "transport-blocked": 4, "unreachable": 2, "slow-consumer": 3, "clock-jump": 3,
    "gateway-clock-jump": 2, "machine-asleep": 2, "gateway-stop": 1, "gateway-crash": 2, "epoch-loss": 1,
    "store-slow": 3, "store-fails": 2, "history-trimmed": 1, "device-reboot": 1,
}  # fmt: skip
ARMED = ("loss", "reorder", "duplicate", "late-request", "lost-request", "lost-reply", "frame-cut")
ON_POLLING = ("duplicate", "late-request", "lost-request", "lost-reply")


class Faults:
    """Chooses and does them."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._chance = world.chance
        self._weights = [_WEIGHTS[kind] for kind in KINDS]
        self._special: dict[str, Callable[[], Awaitable[None]]] = {
            "gateway-stop": self._gateway_stop,
            "gateway-crash": self._gateway_crash,
            "epoch-loss": self._epoch_loss,
            "device-reboot": self._device_reboot,
        }

    async def one(self) -> None:
        """Do one fault."""
        kind = self._chance.choices(KINDS, self._weights)[0]
        special = self._special.get(kind)
        if special is not None:
            await special()
        elif kind in ARMED:
            self._arm(kind)
        elif kind in ("store-slow", "store-fails", "history-trimmed"):
            await self._store(kind)
        elif kind in ("machine-asleep", "gateway-clock-jump"):
            self._time(kind)
        else:
            self._one_wire(kind)

    def _count(self, kind: str) -> None:
        self._world.count(kind)

    def _arm(self, kind: str) -> None:
        devices = self._world.devices
        if kind in ON_POLLING:
            devices = [device for device in devices if device.client.transport == "polling"] or devices
        self._chance.choice(devices).wire.arm(kind)

    def _one_wire(self, kind: str) -> None:
        chance = self._chance
        device = chance.choice(self._world.devices)
        wire = device.wire
        if kind == "disconnect":
            link = wire.alive()
            if link is not None:
                link.reset()
                self._count(kind)
        elif kind == "half-open":
            if wire.half_open():
                self._count(kind)
        elif kind == "transport-blocked":
            if len(device.role.transports) > 1:
                self._block(device.client.transport, wire)
        elif kind == "unreachable":
            self._count(kind)
            silent = chance.random() < 0.5
            (wire.silent if silent else wire.blocked).update(device.role.transports)
            link = wire.alive()
            if link is not None:
                link.go_dark()
            self._later(chance.uniform(1, 25), lambda: self._unblock(wire))
        elif kind == "slow-consumer":
            self._count(kind)
            wire.down_bytes_s = chance.choice((1000, 3000, 10000))
            self._later(chance.uniform(3, 20), lambda: setattr(wire, "down_bytes_s", 0))
        elif kind == "clock-jump":
            self._count(kind)
            device.machine.offset_s += chance.choice((0.3, 3.0, 12.0, 40.0, 200.0))

    def _block(self, transport: str, wire: object) -> None:
        """The transport in use is forbidden from now on; the client has to take another."""
        world, chance = self._world, self._chance
        device = next(device for device in world.devices if device.wire is wire)
        self._count("transport-blocked")
        if chance.random() < 0.7:
            device.wire.blocked.add(transport)
        else:
            device.wire.silent.add(transport)
        link = device.wire.alive()
        if link is not None and transport != "polling":
            link.reset()
        self._later(chance.uniform(5, 60), lambda: self._unblock(device.wire))

    @staticmethod
    def _unblock(wire: object) -> None:
        wire.blocked.clear()  # type: ignore[attr-defined]
        wire.silent.clear()  # type: ignore[attr-defined]

    def _later(self, delay_s: float, what: Callable[[], object]) -> None:
        self._world.loop.call_later(delay_s, what)

    def _time(self, kind: str) -> None:
        self._count(kind)
        if kind == "machine-asleep":
            self._world.loop.jump(self._chance.choice((0.5, 6.0, 15.0, 130.0)))
            return
        machine = self._world.gateway_machine
        machine.wall_offset_s += self._chance.uniform(-3600, 3600)
        if self._chance.random() < 0.5:
            machine.offset_s += self._chance.choice((1.0, 12.0, 150.0))

    async def _store(self, kind: str) -> None:
        engine, chance = self._world.engine, self._chance
        if kind == "history-trimmed":
            names = await engine.channels()
            if names and self._world.gateway is not None:
                name = chance.choice(names)
                await engine.trim(name, chance.choice((0, 1, 5)))
                self._world.note_trims()
                self._count(kind)
            return
        self._count(kind)
        if kind == "store-fails":
            engine.fail_next += 1
            return
        if chance.random() < 0.5:
            engine.store_s = chance.choice((0.01, 0.2, 2.0, 7.0))
        else:
            engine.tell_s = chance.choice((0.01, 0.2, 2.0, 7.0))
        self._later(chance.uniform(2, 15), lambda: self._fast(engine))

    @staticmethod
    def _fast(engine: object) -> None:
        engine.store_s = engine.tell_s = 0.0  # type: ignore[attr-defined]

    async def _gateway_stop(self) -> None:
        self._count("gateway-stop")
        await self._world.gateway_down(polite=True)
        await asyncio.sleep(self._chance.uniform(0.05, 6))
        await self._world.gateway_up()

    async def _gateway_crash(self) -> None:
        self._count("gateway-crash")
        await self._world.gateway_down(polite=False)
        await asyncio.sleep(self._chance.uniform(0.05, 12))
        await self._world.gateway_up()

    async def _epoch_loss(self) -> None:
        world = self._world
        if not world.may_lose_log:
            return
        self._count("epoch-loss")
        await world.gateway_down(polite=False)
        await asyncio.sleep(self._chance.uniform(0.05, 6))
        world.lose_log()
        await world.gateway_up()

    async def _device_reboot(self) -> None:
        self._count("device-reboot")
        device = self._chance.choice(self._world.devices)
        await device.power_off()
        await asyncio.sleep(self._chance.uniform(0.05, 4))
        device.start()
        await asyncio.sleep(0)
