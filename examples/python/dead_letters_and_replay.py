"""A critical event whose handler fails becomes a dead letter, and is handled once the fault is mended.

FLIGHT_GATEWAY=... FLIGHT_TOKEN=... python dead_letters_and_replay.py
"""

import asyncio
import os

from flight_client import Client, DeadLetter, Log, RealtimeEvent


async def main() -> None:
    disk_full = True
    handled = asyncio.Event()
    dead = asyncio.Event()

    def store(event: RealtimeEvent) -> None:
        if disk_full:
            raise OSError("the disk is full")
        print("stored:", event.data)
        handled.set()

    def on_dead_letter(letter: DeadLetter) -> None:
        print("dead letter:", letter.cause)
        dead.set()

    gateway, token = os.environ["FLIGHT_GATEWAY"], os.environ["FLIGHT_TOKEN"]
    async with Client(gateway, token=token, device_id="archive") as client:
        client.on_dead_letter(on_dead_letter)
        client.on_event(store, "log", channels=["examples/orders"], history=1, retries=1, retry_interval_ms=50)
        await client.channel("examples/orders").publish(Log("order 4711"))
        await dead.wait()
        disk_full = False
        print("done again:", client.replay())
        await handled.wait()
        print("left:", len(client.dead_letters()))


asyncio.run(main())
