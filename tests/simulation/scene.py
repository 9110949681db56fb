"""A small simulated stage for one story: a gateway, and clients whose wires the story rules. No random faults."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from flight_client import Client, Gap, Payload
from flight_client.events import encode_event
from flight_client.gateway.auth import SigningKey, make_token
from flight_client.gateway.engines import EngineLimits
from flight_client.gateway.engines.base import Entry
from flight_client.gateway.hub import HubLimits
from flight_client.testing.virtual_loop import VirtualLoop

from .chance import Machine, determined
from .engine import SimEngine
from .gateway import DEVICE_KEYS, SimGateway
from .ledger import number_bytes, numbers_of
from .network import Server, Wire, factories
from .trace import Trace

_KEY = SigningKey("simulated", b"k" * 32)
_PAYLOAD = encode_event(Payload(0))[0]
BOTH = ("websocket", "polling")

MakeWire = Callable[..., Wire]


class Scene:
    """What a story has."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.chance = random.Random("scene")
        self.trace = Trace(loop.time)
        self.faults: Counter[str] = Counter()
        self.stored: dict[str, list[int]] = {}
        self.engine = SimEngine(loop, self.chance, EngineLimits(), self._stored)
        self.gateway = SimGateway(loop, self.engine, _KEY, Machine(0.0), HubLimits())
        self.gaps: list[Gap] = []

    def _stored(self, _epoch: bytes, entry: Entry) -> None:
        if entry.records[0] == _PAYLOAD:  # else no numbers are in it
            self.stored.setdefault(entry.channel, []).extend(numbers_of(entry)[1])

    def _find(self) -> Server | None:
        return self.gateway if self.gateway.up else None

    def wire(self, make: MakeWire = Wire) -> Wire:
        return make(self.loop, self.chance, self._find, self.faults, self.trace)

    def client(self, device_id: str, wire: Wire, transports: tuple[str, ...] = BOTH, platform: str = "vita") -> Client:
        """A client that is not connected yet."""
        token = make_token(_KEY, device_id, ("publish", "subscribe"), 3600, clock_s=lambda: 1_700_000_000)
        ways = {name: way for name, way in factories(wire).items() if name in transports}
        client = Client(
            "http://simulated:1", token=token, platform=platform, device_id=device_id, transports=transports,
            transport_factories=ways, device_key=DEVICE_KEYS.get(device_id),
        )  # fmt: skip
        client.on_gap(self.gaps.append)
        return client


class Reader:
    """Numbers of the events of one channel, as an application gets them."""

    def __init__(self, client: Client, channel: str, history: int | None = None) -> None:
        self.numbers: list[int] = []
        self._stream = client.events(channels=[channel], history=history)
        self.task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for event in self._stream:
            assert isinstance(event.data, Payload)
            self.numbers.append(int.from_bytes(event.data.data, "little"))


def emit(client: Client, channel: str, number: int) -> None:
    """One critical event with a number."""
    assert client.channel(channel).emit(Payload(0, number_bytes(number)), critical=True).accepted


def play(story: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    """Run a story in virtual time."""
    loop = VirtualLoop()

    async def run() -> None:
        scene = Scene(loop)
        await scene.gateway.start()
        await story(scene)
        scene.gateway.crash()

    logging.disable(logging.CRITICAL)
    try:
        with determined(0, loop):
            loop.run(run())
    finally:
        logging.disable(logging.NOTSET)
    assert not loop.errors, loop.errors
