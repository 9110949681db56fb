"""As little as a program does: connect, say something, hear that it is stored: `smallest_run.py PORT poll|asyncio`."""

import sys

from flight_client import Client

with open("token") as file:
    client = Client("http://127.0.0.1:%s" % sys.argv[1], file.read(), "board-1", transports=(1,))
emitter = client.channel("frame-time").emitter(6, 16, critical=True)
if sys.argv[2] == "asyncio":
    import asyncio

    async def main():
        async with client:
            assert emitter.emit() == 1
            while client.queued:
                await asyncio.sleep_ms(10)

    asyncio.run(main())
else:
    assert emitter.emit() == 1
    while client.queued:
        client.wait(min(client.poll(), 20))
    client.close()
    while client.state == "connected":
        client.wait(min(client.poll(), 20))
print("acked", client.counters()["acked"])
