"""Ask a device to do something and wait for its answer; the device is in this program too.

FLIGHT_GATEWAY=... FLIGHT_TOKEN=... python command_to_device.py
"""

import asyncio
import os

from flight_client import Client, CommandFailedError, CommandRequest

GATEWAY, TOKEN = os.environ["FLIGHT_GATEWAY"], os.environ["FLIGHT_TOKEN"]


async def load_level(command: CommandRequest) -> bytes:
    level = int(command.data)
    if level > 9:
        raise ValueError("there are nine levels")
    return f"level {level} loaded".encode()


async def main() -> None:
    async with Client(GATEWAY, token=TOKEN, device_id="examples-console") as device:
        device.on_command(load_level, "load-level")
        await device.listening()  # who asks before that has to ask again
        async with Client(GATEWAY, token=TOKEN, device_id="examples-tool") as tool:
            print((await tool.command("examples-console", "load-level", b"7", timeout_s=5)).decode())
            try:
                await tool.command("examples-console", "load-level", b"12", timeout_s=5)
            except CommandFailedError as error:
                print("failed:", error.code)


asyncio.run(main())
