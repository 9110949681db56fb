"""After: the device emits on a channel, the viewer is told; without WebSocket the same session goes by polling."""

import asyncio
import sys

from flight_client import Client, MemoryUpdate

READINGS = 20
INTERVAL_S = 0.05


async def main(address: str, token: str, transports: list[str] | None) -> None:
    async with Client(address, token=token, device_id="my-dc", transports=transports) as client:
        memory = client.channel("migration/polling", retries=3, retry_interval_ms=2000)
        stream = client.events("memory-update", channels=["migration/polling"], history=READINGS)
        for number in range(READINGS):
            memory.emit(MemoryUpdate(total_bytes=16 << 20, used_bytes=(number + 1) << 19), critical=True)
            await asyncio.sleep(INTERVAL_S)
        for _ in range(READINGS):
            event = await anext(stream)
            assert isinstance(event.data, MemoryUpdate)
            print(event.source.device_id, "uses", (event.data.used_bytes or 0) >> 10, "KB")
        assert client.counters().law_holds


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:] or None))
