"""The course of the demonstration."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from ..client import Client
from ..gateway.auth import development_key, make_token
from ..observe import ConnectionState, Gap, StateChange
from ..transports import Address
from .books import Books
from .network import Network
from .processes import DeviceProcess, GatewayProcess
from .screen import Screen

# Each device with its transports in order. The Vita's profile begins with raw TCP; here it begins with WebSocket, which the
# network between it and the gateway blocks for a while.
DEVICES = {"dreamcast": ["polling"], "psp": ["polling"], "vita": ["websocket", "polling"]}
OUTAGE_S = 8.0
_BLOCKED = "vita"
SHORTEST_S = 20
_CHANNELS = ["memory-updates", "component-events"]
_BLOCK_AT, _UNBLOCK_AT = 0.1, 0.4  # as parts of the whole time; the gateway is killed at 0.5
_SETTLE_S = 10.0  # how long the host tool may still receive after the last device is done
_FINISH_S = 60.0  # hang limit of the devices' last flush


class Director:
    """Runs the demonstration once."""

    def __init__(self, seconds: float, engine: str, as_json: bool) -> None:
        self.seconds = seconds
        self.engine = engine
        self.as_json = as_json
        self.books: Books = Books(list(DEVICES))
        self.screen: Screen = Screen(self.books)

    async def run(self) -> int:
        """The whole run; 0 when the law held."""
        with tempfile.TemporaryDirectory(prefix="flight-demo-") as folder:
            await self._run_in(Path(folder))
        if self.as_json:
            print(json.dumps(self.books.result()), flush=True)
        return 0 if self.books.law_holds() else 1

    async def _run_in(self, folder: Path) -> None:
        engine = f"sqlite:{folder / 'log.sqlite'}" if self.engine == "sqlite" else "memory:"
        gateway = GatewayProcess(folder, engine)
        devices = [DeviceProcess(name, transports, self._report) for name, transports in DEVICES.items()]
        tool: Client | None = None
        network: Network | None = None
        try:
            await gateway.start()
            network = Network(Address.parse(gateway.address).port)
            await network.start()
            token = make_token(development_key(folder), "*", ["publish", "subscribe"], 3600)
            tool = Client(gateway.address, token=token, device_id="demo-tool")
            tool.on_state(self._tool_changed)
            tool.on_gap(self._gap)
            with self.screen:
                self.screen.say(f"gateway at {gateway.address}, engine {self.engine}")
                await tool.connect(10)
                reader = asyncio.get_running_loop().create_task(self._receive(tool))
                await asyncio.sleep(0)
                for device in devices:
                    address = network.address if device.platform == _BLOCKED else gateway.address
                    await device.start(address, token)
                await self._play(gateway, devices, network)
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)
                self._conclude()
        finally:
            for device in devices:
                await device.kill()
            if tool is not None:
                await tool.close()
            if network is not None:
                await network.stop()
            await gateway.kill()

    async def _play(self, gateway: GatewayProcess, devices: list[DeviceProcess], network: Network) -> None:
        await self._watch(self.seconds * _BLOCK_AT)
        network.block()
        self.screen.say(f"the network of {_BLOCKED} turns WebSockets away from now on")
        await self._watch(self.seconds * (_UNBLOCK_AT - _BLOCK_AT))
        network.unblock()
        self.screen.say(f"the network of {_BLOCKED} lets WebSockets through again ({network.turned_away} turned away)")
        await self._watch(self.seconds * (0.5 - _UNBLOCK_AT))
        await gateway.kill()
        self.screen.say(f"gateway killed with SIGKILL; it stays away for {OUTAGE_S:.0f} s")
        await self._watch(OUTAGE_S)
        await gateway.start()
        self.screen.say("gateway is back")
        await self._watch(self.seconds / 2 - OUTAGE_S)
        self.screen.say("devices stop emitting and flush")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await self._while_watching(asyncio.gather(*(device.finish() for device in devices)))
        await self._settle()

    async def _watch(self, seconds: float) -> None:
        await self._while_watching(asyncio.sleep(seconds))

    async def _while_watching(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                self.screen.refresh()
                await asyncio.wait({task}, timeout=0.25)
            await task
        finally:
            task.cancel()

    async def _settle(self) -> None:
        """Until both ends agree, or nothing more comes."""
        for _ in range(int(_SETTLE_S / 0.1)):
            if self.books.balanced():
                return
            self.screen.refresh()
            await asyncio.sleep(0.1)

    async def _receive(self, tool: Client) -> None:
        async for event in tool.events("memory-update", "component-update", channels=_CHANNELS):
            self.books.deliver(event)

    def _report(self, platform: str, report: dict[str, Any]) -> None:
        change = report.get("change")
        if change is None:
            self.books.devices[platform].report(report)
            return
        book = self.books.devices[platform]
        book.state, book.transport = change["new"], change["transport"]
        wait = f", next attempt in {change['next_attempt_ms']} ms" if change["next_attempt_ms"] else ""
        self.screen.say(f"{platform:<10} {change['old']} -> {change['new']} over {change['transport']}{wait}")

    def _tool_changed(self, change: StateChange) -> None:
        if change.new is not ConnectionState.CLOSED:
            self.screen.say(f"host tool  {change.old.value} -> {change.new.value} over {change.transport}")

    def _gap(self, gap: Gap) -> None:
        self.books.gap(gap)
        if gap.reason == "epoch":
            self.screen.say(f"GAP on {gap.channel}: the gateway lost its log, it goes on in epoch {gap.epoch}")
        else:
            self.screen.say(f"GAP on {gap.channel}: entries {gap.after + 1} to {gap.to} ({gap.reason})")

    def _conclude(self) -> None:
        say = self.screen.say
        for book in self.books.devices.values():
            causes = {cause: count for cause, count in book.dropped.items() if count}
            lost = ", ".join(f"{count} by {cause}" for cause, count in causes.items()) or "none"
            say(
                f"{book.name:<10} accepted {book.number('accepted')} = delivered {book.delivered} + queued "
                f"{book.number('queued')} + dropped {sum(causes.values())} (lossy events: {lost})"
                + (f" + {book.missing} behind a GAP" if book.missing else "")
                + (f", {book.again} of them again behind a GAP" if book.again else "")
                + f"; {book.number('reconnects')} reconnects, {book.number('transport_switches')} transport switches"
            )
        verdict = "the law holds" if self.books.law_holds() else "THE LAW IS BROKEN"
        say(f"{verdict}: critical events lost {self.books.critical_lost}")
