"""Raw TCP in the gateway: a second port, each connection a carrier of a duplex pipe."""

from __future__ import annotations

import asyncio
import logging

from flight_client.gateway.pipe import DuplexPipe
from flight_client.gateway.registry import Registry
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec
from flight_client.transports.frame_stream import FrameStream

_log = logging.getLogger("flight.gateway")

_LINGER_S = 1.0  # how long a device that is sent away may take to read why
_BACKLOG = 4096


class TcpCarrier:
    """An accepted connection. Until its session is known it takes single frames of the size of a HELLO."""

    name = "tcp"

    def __init__(self, stream: FrameStream, strangers: Strangers) -> None:
        self._stream = stream
        self._strangers = strangers

    async def receive(self) -> bytes:
        """The next whole frames."""
        return await self._stream.receive()

    async def send(self, body: bytes) -> None:
        """Whole frames."""
        await self._stream.send(body)

    def admit(self) -> None:
        """Frames of every size from now on."""
        self._strangers.forget(self._stream.transport)
        self._stream.admit()

    async def close(self) -> None:
        """Close when the device has read what was said, or after a moment."""
        await self._stream.close(_LINGER_S)


class TcpListener:
    """The second port."""

    def __init__(self, registry: Registry, strangers: Strangers) -> None:
        self._registry = registry
        self._strangers = strangers
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port: int = 0

    async def open(self, host: str, port: int, *, shared: bool = False) -> None:
        """Listen. Raises OSError when the port is taken. shared: with other workers of this machine."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._strangers.gate(self._accepted),
            host,
            port,
            reuse_address=True,
            reuse_port=shared or None,
            backlog=_BACKLOG,
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    def _accepted(self) -> FrameStream:
        stream = FrameStream(spec.HELLO_FRAME_BYTES, one_by_one=True)
        task = asyncio.get_running_loop().create_task(self._serve(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return stream

    async def _serve(self, stream: FrameStream) -> None:
        try:
            peer = stream.transport.get_extra_info("peername") if stream.transport is not None else None
            address = str(peer[0]) if isinstance(peer, tuple) else ""
            await DuplexPipe(self._registry, TcpCarrier(stream, self._strangers), address).run()
        except Exception:  # a mistake of ours ends this connection, not the others
            _log.exception("a TCP connection failed")
        finally:
            stream.abort()

    def stop_listening(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Take no more connections; the pipes were told to end, and have a moment for that."""
        if self._server is None:
            return
        self.stop_listening()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=2 * _LINGER_S)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
