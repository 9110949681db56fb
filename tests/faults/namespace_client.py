"""The programs in the namespaces of test_namespaces.py: `send` emits numbered critical events, `read` prints what arrived.

    python -m tests.faults.namespace_client send ADDRESS COUNT TRANSPORT...
    python -m tests.faults.namespace_client read ADDRESS COUNT

The token comes in FLIGHT_TOKEN.
"""

import asyncio
import json
import os
import sys
from typing import Any

from flight_client import Client, ComponentUpdate


async def send(address: str, count: int, transports: list[str]) -> dict[str, Any]:
    token = os.environ["FLIGHT_TOKEN"]
    client = Client(address, token=token, device_id="far", transports=transports, platform="vita")
    async with client:
        channel = client.channel("component-events")
        for number in range(count):
            event = ComponentUpdate(id="renderer", name="renderer", metadata={"number": number, "filler": "x" * 300})
            while not channel.emit(event, critical=True).accepted:
                await client.flush(0.5)
        flushed = await client.flush(90)
        counters = client.counters()
        return {
            "flushed": flushed,
            "acked": counters.acked,
            "law_holds": counters.law_holds,
            "transport": client.transport,
            "reconnects": counters.reconnects,
        }


async def read(address: str, count: int) -> list[int]:
    async with Client(address, token=os.environ["FLIGHT_TOKEN"], device_id="near") as client:
        found: list[int] = []
        async for event in client.events("component-update", history=1000):
            assert isinstance(event.data, ComponentUpdate)
            found.append(event.data.metadata["number"])
            if len(found) == count:
                break
        await asyncio.sleep(0.3)  # for one that comes twice
        return found


async def main(words: list[str]) -> None:
    what, address, count, *transports = words
    async with asyncio.timeout(80):
        done = await send(address, int(count), transports) if what == "send" else await read(address, int(count))
    print(json.dumps(done))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
