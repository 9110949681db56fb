"""A gateway in memory: the real sessions, channels, permissions and log of `flight gateway`, without ports and files.

It needs the extra `gateway`. REST, JSON and metrics are not in it: for those start `flight gateway --port 0 --engine memory:`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from aiohttp import web

from ..client import Client
from ..clock import monotonic_ms
from ..deliveries import read_delivery
from ..errors import CallerError
from ..gateway.auth import SigningKey, TokenVerifier, make_token, permits
from ..gateway.engines import EngineLimits
from ..gateway.engines.memory import MemoryEngine
from ..gateway.hub import Hub, HubLimits
from ..gateway.inside import MemoryListener
from ..gateway.names import inner_name
from ..gateway.polling import serve_poll
from ..gateway.registry import Registry
from ..gateway.strangers import Strangers
from ..session import spec
from ..streams import RealtimeEvent
from ..transports import MemoryEnd
from ..wire.records import skip_records
from .links import MemoryLink, failed
from .requests import PollRequest, body_of
from .waiting import within

ADDRESS = "http://memory:1"
"""What clients have for an address; nobody looks it up."""

CONNECT_S = 60.0
"""What connected() waits for a client, which may step down from transport to transport before it gets through."""

_LOOK_S = 5.0  # how often sessions that are over are looked for, as `flight gateway` does
_KEY = SigningKey("testing", b"a key for tests and nothing else")


class MemoryGateway:
    """One gateway and the clients that it made. An async context manager; all methods belong to one event loop."""

    def __init__(
        self,
        *,
        limits: HubLimits | None = None,
        engine_limits: EngineLimits | None = None,
        device_keys: Mapping[str, bytes] | None = None,
    ) -> None:
        """limits, engine_limits: as for `flight gateway`. device_keys: secrets by device id, of those that have one."""
        self.engine: MemoryEngine = MemoryEngine(skip_records, engine_limits or EngineLimits())
        self.hub: Hub = Hub(self.engine, limits, permit=permits)
        self.reachable = True
        """Set it to False to take no connections and no polls, as a gateway that is away; cut() ends those that are there."""
        self.links: dict[str, MemoryLink] = {}
        """The way of each client, by device id."""
        self.clients: list[Client] = []
        self._device_keys = device_keys
        self._strangers = Strangers(1, 1)  # there are no sockets to count
        self._running = False
        self._over = False
        self._registry = self._new_registry()
        self._listener = MemoryListener(self._registry)
        self._sweeper: asyncio.Task[None] | None = None

    def _new_registry(self) -> Registry:
        def wall_s() -> float:  # asked anew each time: a fake clock may rule meanwhile
            return time.time()

        verifier = TokenVerifier([_KEY], clock_s=wall_s)
        return Registry(
            self.hub, verifier.verify_token, monotonic_ms, spec.SESSIONS, wall_s, device_keys=self._device_keys
        )

    # Life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take connections. Raises CallerError for one that was stopped."""
        if self._over or self._running:
            raise CallerError(
                "this gateway was started already", value="MemoryGateway", next_step="make a new one for each test"
            )
        await self.hub.start()
        self._running = True
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        """Close the clients that client() made, then end everything."""
        if not self._running:
            return
        for client in self.clients:
            await within(client.close())
        assert self._sweeper is not None
        self._sweeper.cancel()
        await asyncio.gather(self._sweeper, return_exceptions=True)
        self._running, self._over = False, True
        await self._listener.close()
        self._strangers.close()
        await self.hub.close()

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._running

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._registry.expire()

    def cut(self) -> None:
        """Break every connection; clients come back when the gateway is reachable."""
        for link in self.links.values():
            link.cut()

    async def restart(self) -> None:
        """As a process that died and came back with its log: connections and sessions are gone, events are not."""
        self._check_running()
        self.cut()
        await self._listener.close()
        for session in self._registry.sessions():
            self._registry.drop(session, spec.CODE_GOING_AWAY)
        self._registry = self._new_registry()
        self._listener = MemoryListener(self._registry)

    # Clients

    def token(
        self,
        device: str = "*",
        roles: Iterable[str] = ("publish", "subscribe"),
        *,
        lifetime_s: int = 3600,
        permissions: Iterable[str] = (),
        org: str = "",
    ) -> str:
        """A token that this gateway takes: for one device id, or with a `*` for several."""
        return make_token(_KEY, device, roles, lifetime_s, permissions=permissions, org=org, clock_s=time.time)

    def link(self, device_id: str, *, latency_ms: int = 0, bytes_per_s: int = 0) -> MemoryLink:
        """The way of one client, made at the first call; the conditions are those of its first moment."""
        if device_id not in self.links:
            self.links[device_id] = MemoryLink(self, latency_ms=latency_ms, bytes_per_s=bytes_per_s)
        return self.links[device_id]

    def client(self, device_id: str, *, platform: str = "host", link: MemoryLink | None = None, **other: Any) -> Client:
        """A client of this gateway, not connected yet; closed by stop(). other: as for Client, a token of its own included."""
        way = link or self.link(device_id)
        other.setdefault("token", self.token)
        other.setdefault("transport_factories", way.factories())
        client = Client(other.pop("address", ADDRESS), platform=platform, device_id=device_id, **other)
        self.clients.append(client)
        return client

    async def connected(self, device_id: str, *, limit_s: float = CONNECT_S, **other: Any) -> Client:
        """The same, connected. Raises AssertionError when that takes too long."""
        client = self.client(device_id, **other)
        await within(client.connect(), limit_s)
        return client

    # What it stored

    async def stored(self, channel: str, org: str = "") -> list[RealtimeEvent]:
        """Every event in the log of a channel, the oldest first."""
        name = inner_name(org, channel)
        found: list[RealtimeEvent] = []
        after = 0
        while entries := await self.engine.read(name, after, 256):
            for entry in entries:
                data = entry.payload
                found += read_delivery(data, 0, len(entry.head()), len(data), channel, entry.coding)
            after = entries[-1].offset
        return found

    # What links ask (links.Server)

    def connect(self) -> MemoryEnd:
        """A new stream's client end. Raises LinkError while the gateway is away."""
        self._check_reachable()
        return self._listener.connect()

    async def poll(self, body: bytes) -> bytes:
        """The reply to a polling request. Raises LinkError while the gateway is away."""
        self._check_reachable()
        response = await serve_poll(self._registry, cast("web.Request", PollRequest(body)), self._strangers)
        reply = body_of(response)
        if not reply:
            failed("the gateway did not take the request", str(response.status))
        return reply

    def _check_reachable(self) -> None:
        if not self.reachable or not self._running:
            failed("the gateway in memory is away", "reachable is False" if self._running else "it does not run")

    def _check_running(self) -> None:
        if not self._running:
            raise CallerError("this gateway does not run", value="MemoryGateway", next_step="use `async with`")
