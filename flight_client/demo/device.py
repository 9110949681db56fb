"""One device of the demonstration, a process of its own: measures itself and emits until told to stop.

Started by the director with a JSON object on its command line; the token comes by environment. Reports a JSON object per
line on standard output: its state and its counters, every half second. A line on standard input ends the emitting; what
is queued is flushed, the client is closed, and the last report says so.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import threading
from typing import Any

from ..client import Client
from ..events import ComponentUpdate
from ..observe import StateChange
from ..platforms import Platform, get_platform
from .measure import memory_update

_REPORT_S = 0.5
_FLUSH_S = 45.0


class Device:
    """Emits memory updates (lossy) and component events (critical) at the profile's interval."""

    def __init__(self, address: str, token: str, platform: str, transports: list[str]) -> None:
        self.platform: Platform = get_platform(platform)
        self.client: Client = Client(address, token=token, platform=platform, device_id=platform, transports=transports)
        self.client.on_state(self._changed)
        self.critical: int = 0
        self.law_held: bool = True
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Emit until standard input says stop, then flush and close."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait_for_stop, args=(loop,), daemon=True).start()
        reporter = loop.create_task(self._report_always())
        connecting = loop.create_task(self.client.connect())
        await self._emit_until_stop()
        await connecting
        await self.client.flush(_FLUSH_S)
        await self.client.close()
        reporter.cancel()
        self._report(done=True)

    def _wait_for_stop(self, loop: asyncio.AbstractEventLoop) -> None:
        sys.stdin.readline()
        loop.call_soon_threadsafe(self._stop.set)

    async def _emit_until_stop(self) -> None:
        memory = self.client.channel("memory-updates")
        components = self.client.channel("component-events")
        while not self._stop.is_set():
            memory.emit(memory_update(self.platform.memory_bytes))
            event = ComponentUpdate(
                id=f"{self.platform.name}-renderer",
                name="renderer",
                version="1.0.0",
                state="active",
                metadata={"number": self.critical + 1},
            )
            if components.emit(event).accepted:
                self.critical += 1
            try:
                async with asyncio.timeout(self.platform.update_interval_ms / 1000):
                    await self._stop.wait()
            except TimeoutError:
                continue

    async def _report_always(self) -> None:
        while True:
            self._report()
            await asyncio.sleep(_REPORT_S)

    def _changed(self, change: StateChange) -> None:
        text = {
            "old": change.old.value,
            "new": change.new.value,
            "transport": change.transport,
            "reason": change.reason,
        }
        _print({"change": {**text, "next_attempt_ms": change.next_attempt_ms}})

    def _report(self, done: bool = False) -> None:
        counters = self.client.counters()
        self.law_held = self.law_held and counters.law_holds
        report: dict[str, Any] = {
            "state": self.client.state.value,
            "transport": self.client.transport,
            "critical": self.critical,
            "law_held": self.law_held,
            "counters": dataclasses.asdict(counters),
            "done": done,
        }
        _print(report)


def _print(report: dict[str, Any]) -> None:
    print(json.dumps(report, separators=(",", ":")), flush=True)


def main() -> int:
    """Entry of the process."""
    plan = json.loads(sys.argv[1])
    device = Device(plan["address"], os.environ["FLIGHT_TOKEN"], plan["platform"], plan["transports"])
    asyncio.run(device.run())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
