"""Before: a plain WebSocket on which every message is JSON with a type, and a broken connection ends the program."""

import asyncio
import json
import sys

import aiohttp

READINGS = 20
INTERVAL_S = 0.05


async def main(address: str) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{address}/socket") as socket:
        for number in range(READINGS):
            await socket.send_json({"type": "memory", "device": "my-dc", "total": 16 << 20, "used": (number + 1) << 19})
            await asyncio.sleep(INTERVAL_S)
        for _ in range(READINGS):
            message = json.loads(await socket.receive_str())
            if message["type"] == "memory":
                print(message["device"], "uses", message["used"] >> 10, "KB")


asyncio.run(main(sys.argv[1]))
