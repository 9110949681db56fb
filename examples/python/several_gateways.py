"""A list of gateways that share their events; the client takes one, and the next where that one does not answer.

FLIGHT_GATEWAY=http://a:8080,http://b:8080 FLIGHT_TOKEN=... python several_gateways.py
"""

import asyncio
import os

from flight_client import Client, Log, StateChange


def on_state(change: StateChange) -> None:
    if change.reason:
        print("trying on:", change.reason)


async def main() -> None:
    addresses = os.environ["FLIGHT_GATEWAY"].split(",")
    client = Client(addresses, token=os.environ["FLIGHT_TOKEN"], device_id="roaming")
    client.on_state(on_state)
    async with client:
        print((await client.channel("examples/roaming").publish(Log("found one"), timeout_s=60)).name)
        print("at", client.address)


asyncio.run(main())
