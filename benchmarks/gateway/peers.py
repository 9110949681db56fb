"""The peers, each with the client that people use, doing what they do well: one message in, the same to every subscriber."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.gateway.fetch import PYTHON, library, npm_folder, program
from benchmarks.gateway.system import Arrived, Publish, System
from tests.support.brokers import RabbitServer, RedisServer
from tests.support.ports import free_port

Close = Callable[[], Awaitable[Any]]
_PIPELINE = 16
_TRIES, _CLOSE_S = 30, 3.0
_SOCKETIO_SERVER = Path(__file__).resolve().parent / "socketio_server.py"


class Peer(System):
    """A server on a port of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self._closing: list[Close] = []
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def leave(self) -> None:
        left, tries = set(self._tasks), _TRIES
        while left and tries:  # some libraries swallow a cancellation that comes while they wait for their server
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=0.1)
            tries -= 1
        self._tasks.clear()
        for close in self._closing:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_CLOSE_S):
                    await close()
        self._closing.clear()


class Nats(Peer):
    name, how = "NATS core", "nats-py, no acknowledgement"

    async def start(self, folder: Path) -> None:
        self._library = library("nats")
        self.port = free_port()
        words = [str(program("nats-server", "nats-server")), "-a", "127.0.0.1", "-p", str(self.port)]
        self.spawn(words, folder, self.port)

    async def _connected(self) -> Any:
        made = await self._library.connect(f"nats://127.0.0.1:{self.port}")
        self._closing.append(made.close)
        return made

    async def subscribe(self, arrived: Arrived) -> None:
        async def take(message: Any) -> None:
            arrived(1, message.data)

        made = await self._connected()
        await made.subscribe("bench", cb=take)
        await made.flush()

    async def publisher(self, size: int, events: int) -> Publish:
        made = await self._connected()

        async def publish(payload: bytes) -> None:
            await made.publish("bench", payload.ljust(size * events, b"\0"))

        return publish


class Mosquitto(Peer):
    name, how = "Mosquitto", "aiomqtt, QoS 1"

    async def start(self, folder: Path) -> None:
        self._library = library("aiomqtt")
        self.port = free_port()
        config = folder / "mosquitto.conf"
        text = f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
        config.write_text(text + "max_inflight_messages 0\nset_tcp_nodelay true\n")
        self.spawn([str(program("mosquitto")), "-c", str(config)], folder, self.port)

    async def _connected(self) -> Any:
        made = self._library.Client("127.0.0.1", self.port, max_inflight_messages=1000, max_queued_outgoing_messages=0)
        await made.__aenter__()
        self._closing.append(lambda: made.__aexit__(None, None, None))
        return made

    async def subscribe(self, arrived: Arrived) -> None:
        made = await self._connected()
        await made.subscribe("bench", qos=1)

        async def take() -> None:
            async for message in made.messages:
                arrived(1, message.payload)

        self.begin(take())

    async def publisher(self, size: int, events: int) -> Publish:
        made = await self._connected()

        async def publish(payload: bytes) -> None:
            await made.publish("bench", payload.ljust(size * events, b"\0"), qos=1)

        return publish


class RedisStreams(Peer):
    name, how = "Redis Streams", f"redis-py, AOF everysec, XADD in pipelines of {_PIPELINE}, XREAD"

    async def start(self, folder: Path) -> None:
        self._library = library("redis.asyncio")
        self._turn = 0
        self._server = RedisServer(folder)
        await asyncio.to_thread(self._server.start)
        import psutil

        assert self._server._group is not None
        self.processes = [psutil.Process(self._server._group.process.pid)]

    async def stop(self) -> None:
        self._server.kill()
        self.processes.clear()

    @property
    def _stream(self) -> str:
        return f"bench-{self._turn}"

    async def leave(self) -> None:
        await super().leave()
        self._turn += 1  # the next work begins with a stream of its own

    def _connected(self) -> Any:
        made = self._library.Redis(port=self._server.port)
        self._closing.append(made.aclose)
        return made

    async def subscribe(self, arrived: Arrived) -> None:
        made = self._connected()
        await made.ping()

        async def take() -> None:
            last: Any = "0-0"
            while True:
                for _, entries in await made.xread({self._stream: last}, count=256, block=1000) or ():
                    for offset, fields in entries:
                        arrived(1, fields[b"p"])
                        last = offset

        self.begin(take())

    async def publisher(self, size: int, events: int) -> Publish:
        made = self._connected()
        waiting: list[bytes] = []
        soon = asyncio.Event()

        async def send() -> None:
            while True:
                await soon.wait()
                soon.clear()
                while waiting:
                    pipe = made.pipeline(transaction=False)
                    for payload in waiting[:_PIPELINE]:
                        pipe.xadd(self._stream, {"p": payload}, maxlen=10_000, approximate=True)
                    del waiting[:_PIPELINE]
                    await pipe.execute()

        self.begin(send())

        async def publish(payload: bytes) -> None:
            waiting.append(payload.ljust(size * events, b"\0"))
            soon.set()
            if len(waiting) >= _PIPELINE:
                await asyncio.sleep(0)

        return publish


class RabbitMQ(Peer):
    name, how = "RabbitMQ", "aio-pika, confirms and acknowledgements, 64 at a time"

    async def start(self, folder: Path) -> None:
        self._library = library("aio_pika")
        self._server = RabbitServer(folder)
        await asyncio.to_thread(self._server.start)
        import psutil

        assert self._server._group is not None
        self.processes = [psutil.Process(self._server._group.process.pid)]

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop)
        self.processes.clear()

    async def _channel(self) -> Any:
        made = await self._library.connect(self._server.url().partition("?")[0])
        self._closing.append(made.close)
        channel = await made.channel()
        return channel, await channel.declare_exchange("bench", "fanout")

    async def subscribe(self, arrived: Arrived) -> None:
        channel, exchange = await self._channel()
        await channel.set_qos(prefetch_count=256)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange)

        async def take(message: Any) -> None:
            arrived(1, message.body)
            await message.ack()

        await queue.consume(take)

    async def publisher(self, size: int, events: int) -> Publish:
        _, exchange = await self._channel()
        gate = asyncio.Semaphore(64)
        under_way: set[asyncio.Task[None]] = set()

        async def one(payload: bytes) -> None:
            try:
                with contextlib.suppress(Exception):  # of the last ones, when the connection closes
                    await exchange.publish(self._library.Message(payload), "")
            finally:
                gate.release()

        async def publish(payload: bytes) -> None:
            await gate.acquire()
            task = asyncio.create_task(one(payload.ljust(size * events, b"\0")))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        return publish


class Nchan(Peer):
    name, how = "nchan", "HTTP POST in, WebSocket out, aiohttp's client"

    async def start(self, folder: Path) -> None:
        self.port = free_port()
        module = program("nchan", "libnginx-mod-nchan", "usr/lib/nginx/modules/ngx_nchan_module.so")
        locations = "location = /pub { nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 100000; } "
        locations += "location = /sub { nchan_subscriber websocket; nchan_channel_id bench; }"
        text = f"load_module {module};\npid nginx.pid;\nworker_processes 1;\ndaemon off;\nevents {{ worker_connections 4096; }}\n"
        text += f"http {{ access_log off; server {{ listen 127.0.0.1:{self.port}; keepalive_requests 100000000; {locations} }} }}"
        (folder / "nginx.conf").write_text(text)
        words = [str(program("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        self.spawn(words, folder, self.port)

    def _http(self) -> aiohttp.ClientSession:
        made = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._closing.append(made.close)
        return made

    async def subscribe(self, arrived: Arrived) -> None:
        socket = await self._http().ws_connect(f"http://127.0.0.1:{self.port}/sub", max_msg_size=0)

        async def take() -> None:
            async for message in socket:
                data = message.data
                arrived(1, data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

        self.begin(take())

    async def publisher(self, size: int, events: int) -> Publish:
        http = self._http()
        gate = asyncio.Semaphore(32)
        under_way: set[asyncio.Task[None]] = set()
        kind = {"Content-Type": "application/octet-stream"}

        async def one(payload: bytes) -> None:
            try:
                with contextlib.suppress(aiohttp.ClientError):  # of the last ones, when the connection closes
                    async with http.post(f"http://127.0.0.1:{self.port}/pub", data=payload, headers=kind) as answer:
                        await answer.read()
            finally:
                gate.release()

        async def publish(payload: bytes) -> None:
            await gate.acquire()
            task = asyncio.create_task(one(payload.ljust(size * events, b"\0")))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        return publish


class SocketIO(Peer):
    """Both servers have the same client. Text: with bytes of several publishers it loses the thread."""

    async def _connected(self) -> Any:
        made = library("socketio").AsyncClient(reconnection=False)
        self._closing.append(made.disconnect)
        return made

    async def _connect(self, made: Any) -> None:
        await made.connect(f"http://127.0.0.1:{self.port}", transports=["websocket"])

    async def subscribe(self, arrived: Arrived) -> None:
        made = await self._connected()
        made.on("msg", lambda data: arrived(1, base64.b64decode(data)))
        await self._connect(made)
        await made.emit("sub")
        await asyncio.sleep(0.1)

    async def publisher(self, size: int, events: int) -> Publish:
        made = await self._connected()
        await self._connect(made)

        async def publish(payload: bytes) -> None:
            await made.emit("pub", base64.b64encode(payload.ljust(size * events, b"\0")).decode())

        return publish


class NpmSocketIO(SocketIO):
    name, how = "npm socket.io", "WebSocket, python-socketio's client"

    async def start(self, folder: Path) -> None:
        library("socketio")
        self.port = free_port()
        words = [str(program("node")), str(npm_folder() / "server.mjs"), str(self.port)]
        self.spawn(words, folder, self.port)


class PythonSocketIO(SocketIO):
    name, how = "python-socketio", "uvicorn, WebSocket"

    async def start(self, folder: Path) -> None:
        library("socketio")
        self.port = free_port()
        self.spawn([sys.executable, str(_SOCKETIO_SERVER), str(PYTHON), str(self.port)], folder, self.port)


ALL: tuple[type[Peer], ...] = (Nats, RedisStreams, Mosquitto, Nchan, NpmSocketIO, PythonSocketIO, RabbitMQ)
