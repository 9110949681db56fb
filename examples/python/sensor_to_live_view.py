"""A sensor emits, a live view shows the newest value of each device: both ends in one program.

FLIGHT_GATEWAY=http://127.0.0.1:8080 FLIGHT_TOKEN=... python sensor_to_live_view.py [SECONDS]
"""

import asyncio
import os
import sys

from flight_client import Client, SystemMonitoring

GATEWAY, TOKEN = os.environ["FLIGHT_GATEWAY"], os.environ["FLIGHT_TOKEN"]
CHANNEL = "examples/sensor"


async def sensor(seconds: float) -> None:
    async with Client(GATEWAY, token=TOKEN, device_id="thermometer") as client:
        channel = client.channel(CHANNEL, policy="latest-wins")  # an old temperature is of no use
        for number in range(int(seconds * 10)):
            channel.emit(SystemMonitoring(temperature_c=20.0 + number % 5))
            await asyncio.sleep(0.1)
        await client.flush(10)


async def live_view() -> None:
    async with Client(GATEWAY, token=TOKEN, device_id="live-view") as client:
        async for event in client.events("system-monitoring", channels=[CHANNEL]):
            assert isinstance(event.data, SystemMonitoring)
            print(f"{event.source.device_id}: {event.data.temperature_c:.1f} C", flush=True)


async def main() -> None:
    view = asyncio.create_task(live_view())
    await sensor(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
    view.cancel()
    await asyncio.gather(view, return_exceptions=True)


asyncio.run(main())
