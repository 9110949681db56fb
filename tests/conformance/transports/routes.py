"""Every transport between a client and a real gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from flight_client import Client
from flight_client.bridge import Bridge
from flight_client.transports import Address, MemoryTransport, factory
from tests.conformance.transports.peers import Hub
from tests.faults.wire import Cable
from tests.support.bench import Bench
from tests.support.waiting import eventually


class Route:
    """How a client reaches the gateway of a bench."""

    def __init__(self, bench: Bench, transport: str, options: Mapping[str, Any]) -> None:
        self.bench = bench
        self.transport = transport
        self._options = dict(options)

    def client(self, device_id: str, **other: Any) -> Client:
        return self.bench.client(device_id, self.transport, **{**self._options, **other})


ROUTES = ["tcp", "websocket", "polling-short", "polling-long", "serial", "pipe", "memory"]


@contextlib.asynccontextmanager
async def route(name: str, bench: Bench) -> AsyncIterator[Route]:
    """A way to the gateway, open until the end of the block."""
    if name in ("serial", "pipe"):
        async with line(name, bench) as (device_address, _):
            yield Route(bench, "serial", {"address": device_address})
        return
    options: dict[str, Any] = {}
    transport = name
    if name.startswith("polling"):
        transport, options["long_poll"] = "polling", name == "polling-long"
    elif name == "memory":
        listener = bench.gateway.listen_in_memory()
        options["transport_factories"] = {"memory": MemoryTransport.factory(listener.connect)}
    yield Route(bench, transport, options)


@contextlib.asynccontextmanager
async def line(name: str, bench: Bench, cable: Cable | None = None) -> AsyncIterator[tuple[str, Bridge]]:
    """A line with a bridge at its far end: the device's address and the bridge."""
    hub = Hub()
    if name == "serial":
        cable = cable or Cable()
        device, host = cable.device_address, cable.host_address
    else:
        await hub.start()
        device = host = str(hub.address)
    far = Address.parse(host).line
    assert far is not None
    gateway = Address.parse(bench.address)
    make = factory("websocket")
    bridge = Bridge(far, lambda: make(gateway), gateway)
    task = asyncio.create_task(bridge.run())
    await eventually(lambda: bridge.is_open, "the bridge's end of the line")
    try:
        yield device, bridge
    finally:
        for client in bench.clients:  # they say goodbye over the line
            await client.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if cable is not None:
            cable.close()
        else:
            await hub.stop()
