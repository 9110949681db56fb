"""After: typed events on a channel, a platform, errors with a fate, and figures."""

import asyncio
import sys

from flight_client import Client, DeadLetter, MemoryUpdate, StateChange

READINGS = 20
INTERVAL_S = 0.05


def on_state(change: StateChange) -> None:
    if change.reason:
        print(change.new.value, change.reason, file=sys.stderr)


def on_dead_letter(letter: DeadLetter) -> None:
    print("not delivered:", letter.cause, letter.event, file=sys.stderr)


async def main(address: str, token: str, platform: str) -> None:
    async with Client(address, token=token, device_id="my-dc", platform=platform) as client:
        client.on_state(on_state)
        client.on_dead_letter(on_dead_letter)
        memory = client.channel("migration/websocket")
        stream = client.events("memory-update", channels=["migration/websocket"], history=READINGS)
        for number in range(READINGS):
            memory.emit(MemoryUpdate(total_bytes=16 << 20, used_bytes=(number + 1) << 19), critical=True)
            await asyncio.sleep(INTERVAL_S)
        for _ in range(READINGS):
            event = await anext(stream)
            assert isinstance(event.data, MemoryUpdate)
            print(event.source.device_id, "uses", (event.data.used_bytes or 0) >> 10, "KB")
        counters = client.counters()
        print(counters.reconnects, "reconnects,", counters.resent_frames, "frames again", file=sys.stderr)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "host"))
