"""A client on a simulated wire whose transport hangs where a test says so."""

import asyncio

from flight_client import Client
from flight_client.gateway.auth import make_token
from flight_client.session import spec
from flight_client.transports import Address

from .network import SimStream, Wire
from .scene import _KEY, Scene


class Stubborn:
    """A transport whose calls hang where `stuck` says so; only being cancelled ends them."""

    turn_based = False
    hold_ms = 0

    def __init__(self, inner: SimStream, stuck: set[str]) -> None:
        self._inner = inner
        self._stuck = stuck

    async def _hang(self, call: str) -> None:
        if call in self._stuck:
            await asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        await self._hang("open")
        await self._inner.open()

    async def send(self, body: bytes) -> bytes:
        await self._hang("send")
        return await self._inner.send(body)

    async def receive(self) -> bytes:
        await self._hang("receive")
        return await self._inner.receive()

    async def close(self) -> None:
        await self._inner.close()
        await self._hang("close")


class Stage:
    """One client, its wire, and what hangs."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.wire: Wire = scene.wire()
        self.stuck: set[str] = set()
        self.asking = False  # the token callable hangs
        self.client = Client(
            "http://simulated:1",
            token=self._token,
            platform="vita",
            device_id="device-1",
            transports=["websocket"],
            transport_factories={"websocket": self._make},
        )
        self.connecting: asyncio.Task[None] | None = None

    def _make(self, _address: Address) -> Stubborn:
        return Stubborn(SimStream(self.wire, "websocket"), self.stuck)

    async def _token(self) -> str:
        if self.asking:
            await asyncio.get_running_loop().create_future()
        return make_token(_KEY, "device-1", ("publish", "subscribe"), 3600, clock_s=lambda: 1_700_000_000)

    def connect(self) -> None:
        self.connecting = asyncio.create_task(self.client.connect())

    async def until(self, state: int) -> None:
        while self.client._session.state != state:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.001)

    async def lose_the_link(self) -> None:
        link = self.wire.alive()
        assert link is not None
        link.reset()
        await self.until(spec.STATE_WAITING)
