"""The network between one device of the demonstration and the gateway: it can turn WebSockets away, as some do."""

from __future__ import annotations

import asyncio
import contextlib

_HEAD_BYTES = 8192
_CHUNK_BYTES = 65536


class Network:
    """A port that leads to the gateway's."""

    def __init__(self, gateway_port: int) -> None:
        self.blocked: bool = False
        self.turned_away: int = 0
        self.address: str = ""
        self._gateway_port = gateway_port
        self._server: asyncio.Server | None = None
        self._upgraded: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Cut everything."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def block(self) -> None:
        """Cut the WebSockets that there are, and let none through from now on."""
        self.blocked = True
        for writer in list(self._upgraded):
            writer.transport.abort()

    def unblock(self) -> None:
        """Let them through again."""
        self.blocked = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError, ExceptionGroup):
            pass  # an end of any kind is the end of this connection only
        finally:
            self._tasks.discard(task)
            self._upgraded.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(_HEAD_BYTES)
        if b"upgrade: websocket" in head.lower():
            if self.blocked:
                self.turned_away += 1
                return
            self._upgraded.add(writer)
        back, other = await asyncio.open_connection("127.0.0.1", self._gateway_port)
        try:
            other.write(head)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass(reader, other))
                group.create_task(_pass(back, writer))
        finally:
            other.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
