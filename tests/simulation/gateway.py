"""The gateway of a simulation: the product's registry, hub, peers, pipes and polling handler without a socket."""

import asyncio
from typing import Any

from flight_client.clock import monotonic_ms
from flight_client.gateway.auth import SigningKey, TokenVerifier, permits
from flight_client.gateway.hub import Hub, HubLimits
from flight_client.gateway.pipe import DuplexPipe
from flight_client.gateway.polling import serve_poll
from flight_client.gateway.registry import Registry
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec
from flight_client.testing.requests import PollRequest, body_of
from flight_client.testing.virtual_loop import VirtualLoop

from .chance import Machine
from .engine import SimEngine
from .network import LinkEnd

EXPIRE_S = 5.0
DEVICE_KEYS = {"device-0": b"a key of sixteen", "tool-2": b"another of sixteen"}


class Carrier:
    """One end of a simulated link, as the pipe wants it."""

    name = "simulated"

    def __init__(self, end: LinkEnd) -> None:
        self._end = end

    async def receive(self) -> bytes:
        return await self._end.receive()

    async def send(self, body: bytes) -> None:
        await self._end.send(body)

    def admit(self) -> None:
        pass

    async def close(self) -> None:
        self._end.close()


class SimGateway:
    """One life of the gateway's process."""

    def __init__(
        self, loop: VirtualLoop, engine: SimEngine, key: SigningKey, machine: Machine, limits: HubLimits
    ) -> None:
        self.loop = loop
        self.machine = machine
        self.engine = engine
        self.limits = limits
        self.hub = Hub(engine, limits, permit=permits)

        def wall_s() -> float:  # of the tokens, as the simulation makes them: a wall clock may jump, a token may not
            return 1_700_000_000.0 + loop.now_s

        verifier = TokenVerifier([key], clock_s=wall_s)
        self.registry = Registry(
            self.hub, verifier.verify_token, monotonic_ms, spec.SESSIONS, wall_s, device_keys=DEVICE_KEYS
        )
        self.strangers = Strangers(1, 1)  # a simulated network has no sockets to count
        self.up = False
        self._ends: list[LinkEnd] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}  # a dict, because it keeps its order

    async def start(self) -> None:
        await self.hub.start()
        self.up = True
        self._run(self._sweep())

    def crash(self) -> None:
        """kill -9: no goodbye, no last write; what the process had is gone."""
        self.up = False
        self.engine.crash()
        for end in self._ends:
            end.link.reset()
        for task in list(self._tasks):
            task.cancel()
        for peer in self.registry.peers():
            for task in peer._tasks:
                task.cancel()
        for channel in list(self.hub._channels.values()):
            for subscription in channel.subscribers:
                subscription.close()

    async def stop(self) -> None:
        """A polite end, as app.Gateway.stop() has it."""
        self.up = False
        for peer in self.registry.peers():
            if peer.pipe is not None:
                peer.pipe.end(spec.CODE_GOING_AWAY, 500, "the gateway stops")
        await asyncio.sleep(0.5)
        self.crash()

    def accept(self, end: LinkEnd) -> None:
        self._ends = [old for old in self._ends if not old.closed and not old.link.broken]
        self._ends.append(end)
        self._run(self._serve(end))

    async def _serve(self, end: LinkEnd) -> None:
        try:
            await DuplexPipe(self.registry, Carrier(end)).run()
        finally:
            end.close()

    def post(self, body: bytes) -> "asyncio.Future[bytes]":
        reply: asyncio.Future[bytes] = self.loop.create_future()
        reply.add_done_callback(lambda done: done.cancelled() or done.exception())  # its client may be gone
        if not self.up:  # it died while the request was on its way
            reply.set_exception(ConnectionResetError("the gateway is gone"))
            return reply
        self._run(self._answer(body, reply))
        return reply

    async def _answer(self, body: bytes, reply: "asyncio.Future[bytes]") -> None:
        try:
            response = await serve_poll(self.registry, PollRequest(body), self.strangers)  # type: ignore[arg-type]
        except asyncio.CancelledError:
            if not reply.done():
                reply.set_exception(ConnectionResetError("the gateway died"))
            raise
        if not reply.done():
            reply.set_result(body_of(response))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_S)
            self.registry.expire()

    def _run(self, work: Any) -> None:
        # Each task has a copy of the machine's context, as each request of a server has one of its own.
        task = self.loop.create_task(work, context=self.machine.context.copy())
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def problems(self) -> list[str]:
        """Queues over their bounds."""
        found = []
        if self.registry.counters.malformed:
            found.append("the gateway says that a device broke the protocol")
        for peer in self.registry.peers():
            session = peer.session
            entries = sum(1 for frame in session._held if frame[0] in (spec.TYPE_DELIVER, spec.TYPE_GAP))
            if entries > session._window_frames:
                found.append(f"{peer.source.device_id}: {entries} entries in a window of {session._window_frames}")
            if len(session._pending) > session._window_in:
                found.append(f"{peer.source.device_id}: {len(session._pending)} frames wait for the store")
            if session.flooded():
                found.append(f"{peer.source.device_id}: {session.held()} frames are held")
        for channel in self.hub._channels.values():
            found += [
                f"{channel.name}: {len(subscription)} entries wait for a subscriber"
                for subscription in channel.subscribers
                if len(subscription) > self.limits.subscriber.entries
            ]
        return found
