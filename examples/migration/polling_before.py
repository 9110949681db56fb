"""Before: a device posts its memory as JSON, a viewer asks for what is new, again and again."""

import asyncio
import sys

import aiohttp

READINGS = 20
INTERVAL_S = 0.05


async def main(address: str) -> None:
    async with aiohttp.ClientSession() as http:
        seen = 0
        for number in range(READINGS):
            reading = {"device": "my-dc", "total": 16 << 20, "used": (number + 1) << 19}
            async with http.post(f"{address}/readings", json=reading) as answer:
                answer.raise_for_status()
            await asyncio.sleep(INTERVAL_S)
            async with http.get(f"{address}/readings", params={"after": seen}) as answer:
                for found in await answer.json():
                    seen += 1
                    print(found["device"], "uses", found["used"] >> 10, "KB")


asyncio.run(main(sys.argv[1]))
