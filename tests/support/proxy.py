"""A small TCP proxy that can turn WebSockets away, as some networks do."""

import asyncio
import contextlib

from .ports import free_port


class Proxy:
    """Forwards connections to a port; while `blocked`, requests for an upgrade are dropped."""

    def __init__(self, target_port: int) -> None:
        self.blocked = False
        self.turned_away = 0
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._upgraded: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def block(self) -> None:
        """Cut the WebSockets that there are, and let none through from now on."""
        self.blocked = True
        for writer in list(self._upgraded):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        other: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            upgrade = b"upgrade: websocket" in head.lower()
            if upgrade and self.blocked:
                self.turned_away += 1
                return
            if upgrade:
                self._upgraded.add(writer)
            back, other = await asyncio.open_connection("127.0.0.1", self._target_port)
            other.write(head)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, other))
                group.create_task(_pump(back, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ExceptionGroup):
            pass
        finally:
            self._upgraded.discard(writer)
            self._tasks.discard(task)
            for end in (writer, other):
                if end is not None:
                    end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
