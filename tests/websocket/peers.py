"""Two WebSocket libraries that are not ours, at either end of a connection: `websockets` of PyPI and `ws` of npm."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.support import npm
from tests.support.ports import free_port
from tests.support.waiting import within

NPM = Path(__file__).resolve().parent / "npm"


@dataclass(frozen=True)
class Agreed:
    """What the handshake led to. offered: the extensions that the client named, as a server sees them."""

    protocol: str
    extensions: str
    offered: str = ""
    status: int = 101


class Ended(Exception):  # noqa: N818 - it is an answer
    """The connection is over: the code that the other side sent."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Peer(ABC):
    """One connection."""

    name: str

    @abstractmethod
    async def connect(self, url: str, *protocols: str) -> Agreed:
        """As a client that offers compression."""

    @abstractmethod
    async def listen(self, protocol: str) -> int:
        """As a server that would compress; its port. protocol: chosen where it is offered, '' never."""

    @abstractmethod
    async def accepted(self) -> Agreed:
        """The server's first connection."""

    @abstractmethod
    async def send(self, *pieces: bytes, binary: bool = True) -> None:
        """One message in so many frames."""

    @abstractmethod
    async def ping(self, data: bytes) -> bytes:
        """The payload of the pong."""

    @abstractmethod
    async def receive(self) -> bytes:
        """The next message. Raises Ended."""

    @abstractmethod
    async def close(self, code: int, reason: str = "") -> None: ...

    @abstractmethod
    async def ended(self) -> Ended: ...

    @abstractmethod
    async def stop(self) -> None: ...


class PythonPeer(Peer):
    name = "websockets"

    def __init__(self) -> None:
        self._socket: Connection
        self._server: Server | None = None
        self._accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()

    async def connect(self, url: str, *protocols: str) -> Agreed:
        try:
            self._socket = await connect(
                url.replace("http", "ws", 1),
                subprotocols=[Subprotocol(one) for one in protocols],
                max_size=1 << 24,
                proxy=None,
            )
        except InvalidStatus as error:
            return Agreed("", "", status=error.response.status_code)
        return self._agreed()

    def _agreed(self) -> Agreed:
        socket = self._socket
        offered = socket.request.headers.get("Sec-WebSocket-Extensions", "") if socket.request else ""
        used = ", ".join(extension.name for extension in socket.protocol.extensions)
        return Agreed(str(socket.subprotocol or ""), used, offered)

    async def listen(self, protocol: str) -> int:
        async def keep(made: ServerConnection) -> None:
            self._socket = made
            self._accepted.set_result(None)
            await self._over.wait()

        # Without one it agrees to none, though the client asked for one: what a server of something else would do.
        self._server = await serve(
            keep,
            "127.0.0.1",
            free_port(),
            max_size=1 << 24,
            select_subprotocol=lambda _socket, offered: _chosen(protocol, offered),
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def accepted(self) -> Agreed:
        await self._accepted
        return self._agreed()

    async def send(self, *pieces: bytes, binary: bool = True) -> None:
        parts: Any = list(pieces) if binary else [piece.decode() for piece in pieces]
        await self._socket.send(parts if len(parts) > 1 else parts[0])

    async def ping(self, data: bytes) -> bytes:
        await (await self._socket.ping(data))  # resolves for a pong with this payload only
        return data

    async def receive(self) -> bytes:
        try:
            found = await self._socket.recv()
        except ConnectionClosed:
            raise self._end() from None
        return found if isinstance(found, bytes) else found.encode()

    def _end(self) -> Ended:
        return Ended(self._socket.close_code or 0, self._socket.close_reason or "")

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    async def ended(self) -> Ended:
        await self._socket.wait_closed()
        return self._end()

    async def stop(self) -> None:
        self._over.set()
        if hasattr(self, "_socket"):
            await self._socket.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


def _chosen(protocol: str, offered: Any) -> Subprotocol | None:
    return Subprotocol(protocol) if protocol in offered else None


class NodePeer(Peer):
    name = "ws"

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def _ask(self, do: str, **words: Any) -> Any:
        if self._process is None:
            folder = await asyncio.to_thread(npm.installed, NPM)
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(
                "node", str(folder / "peer.mjs"), stdin=pipe, stdout=pipe, limit=1 << 24
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **words}).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, f"the program ended at {do}"
        return json.loads(line)

    async def connect(self, url: str, *protocols: str) -> Agreed:
        found = await self._ask("connect", url=url.replace("http", "ws", 1), protocols=protocols)
        return (
            Agreed("", "", status=found["status"])
            if "status" in found
            else Agreed(found["protocol"], found["extensions"])
        )

    async def listen(self, protocol: str) -> int:
        return int((await self._ask("listen", protocol=protocol, port=free_port()))["port"])

    async def accepted(self) -> Agreed:
        found = await self._ask("accepted")
        return Agreed(found["protocol"], found["extensions"], found["offered"])

    async def send(self, *pieces: bytes, binary: bool = True) -> None:
        await self._ask("send", pieces=[piece.hex() for piece in pieces], binary=binary)

    async def ping(self, data: bytes) -> bytes:
        return bytes.fromhex((await self._ask("ping", hex=data.hex()))["hex"])

    async def receive(self) -> bytes:
        found = await self._ask("receive")
        if "ended" in found:
            raise Ended(found["ended"]["code"], found["ended"]["reason"])
        return bytes.fromhex(found["hex"])

    async def close(self, code: int, reason: str = "") -> None:
        await self._ask("close", code=code, reason=reason)

    async def ended(self) -> Ended:
        found = await self._ask("ended")
        return Ended(found["code"], found["reason"])

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            await within(self._process.communicate())
