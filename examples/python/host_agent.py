"""An agent on a host: reports this process's memory until Ctrl-C, and says what became of every report.

FLIGHT_GATEWAY=... FLIGHT_TOKEN=... python host_agent.py [REPORTS]      (needs flight-realtime[tools])
"""

import asyncio
import itertools
import os
import sys

import psutil

from flight_client import Client, MemoryUpdate, StateChange


def on_state(change: StateChange) -> None:
    print(change.old.value, "->", change.new.value, change.reason)


async def main(reports: int | None) -> None:
    client = Client(os.environ["FLIGHT_GATEWAY"], token=os.environ["FLIGHT_TOKEN"], device_id="agent")
    client.on_state(on_state)
    async with client:
        memory = client.channel("examples/agent", expires_ms=60_000)
        own = psutil.Process()
        for _ in range(reports) if reports else itertools.count():
            memory.emit(MemoryUpdate(used_bytes=own.memory_info().rss))
            await asyncio.sleep(0.1 if reports else 1)
        await client.flush(10)
    counters = client.counters()
    print(counters.accepted, "accepted,", counters.settled, "settled,", sum(counters.dropped.values()), "dropped")


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else None))
