"""`flight gateway --workers N`: processes of one machine that share the ports, and one that keeps them going.

Theory of operation
- Each worker is a gateway. The system gives each new connection to one of them (SO_REUSEPORT); they share the engine, the key
  and nothing else. A session lives in one worker; a polling request that another one got is passed on to it over a port of the
  loopback, as between nodes (gateway/forwarding.py).
- This process holds every port by a socket that never listens, so that nobody takes one while a worker is away, and a new
  worker has the address of the one that died. It serves nobody itself.
- A worker that ends by itself is started again: at once, and more slowly when it ends again at once. Its sessions are gone;
  their devices hear RESET, say HELLO, and what they had sent is safe by the mark in the log.
- A worker's standard input is a pipe from here: its settings first, its end means that this process is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import pickle
import signal
import socket
import sys
import time

from flight_client.cli.log_format import json_line
from flight_client.errors import CallerError
from flight_client.gateway.app import INNER_HOST
from flight_client.gateway.security import own_key
from flight_client.gateway.settings import GatewaySettings

_log = logging.getLogger("flight.gateway")

ANNOUNCE = b"announce\n"
READY = b"ready\n"
_START_S = 60.0  # an engine may take its time
_AFTER_DRAIN_S = 15.0  # the end of a worker behind its drain: what is queued is stored
_HEALTHY_S = 10.0  # a worker that lived as long is started again at once
_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told: it reads this from its standard input, pickled by the same program."""

    settings: GatewaySettings
    inner_port: int
    device: str
    log_level: int
    ready: int  # the file descriptor to say READY on


async def supervise(settings: GatewaySettings, device: str, log_level: int, term: asyncio.Event) -> int:
    """Run settings.workers workers until term is set, then drain them all; the exit code. device: for whom the shown token is."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise CallerError(
            "this system does not let processes share a port",
            value=f"--workers {settings.workers} on {sys.platform}",
            next_step="run one worker, or several gateways behind a balancer: docs/operations.md",
        )
    own_key(settings)  # made here, and not by each of them at the same time
    async with contextlib.AsyncExitStack() as stack:
        settings = _with_ports(settings, stack)
        inner = [stack.enter_context(_held(INNER_HOST, 0)).getsockname()[1] for _ in range(settings.workers)]
        nodes = tuple(f"http://{INNER_HOST}:{port}" for port in inner)
        workers = [
            Worker(number + 1, Orders(_of_worker(settings, number, nodes), port, device, log_level, -1))
            for number, port in enumerate(inner)
        ]
        with contextlib.suppress(NotImplementedError):  # a loop without signals: certificates are looked at by time
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _tell, workers, signal.SIGHUP)
        return await _run(workers, settings, nodes, term)


async def _run(workers: list[Worker], settings: GatewaySettings, nodes: tuple[str, ...], term: asyncio.Event) -> int:
    keeping: list[asyncio.Task[None]] = []
    try:
        started = await asyncio.gather(*(worker.start() for worker in workers))
        if not all(started):
            return 1  # the worker has said why
        _say(settings, nodes)
        workers[0].announce()
        keeping = [asyncio.create_task(worker.keep()) for worker in workers]
        await term.wait()
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        # Cancelled by Ctrl-C or a second SIGTERM, they stop at once; else each drains.
        await _end(workers, settings.drain_s + _AFTER_DRAIN_S if term.is_set() else 0)
    return 0


async def _end(workers: list[Worker], drain_s: float) -> None:
    """SIGTERM to all; to those that are still there when their time is over, or when this is cancelled: at once."""
    _tell(workers, signal.SIGTERM)
    ending = asyncio.gather(*(worker.ended() for worker in workers))
    try:
        async with asyncio.timeout(drain_s):
            await asyncio.shield(ending)
    except (TimeoutError, asyncio.CancelledError):
        _tell(workers, signal.SIGINT)  # a second SIGTERM might become one with the first
        try:
            async with asyncio.timeout(_AFTER_DRAIN_S):
                await asyncio.shield(ending)
        except TimeoutError:
            _log.error("a worker did not stop: it is killed")
            _tell(workers, signal.SIGKILL)
            await ending


class Worker:
    """One worker's process, and the one after it."""

    def __init__(self, number: int, orders: Orders) -> None:
        self.number = number
        self._orders = orders
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> bool:
        """Start it; whether it serves."""
        reading, writing = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "flight_client.cli.worker",
                stdin=asyncio.subprocess.PIPE, pass_fds=(writing,), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(writing)
        orders = pickle.dumps(dataclasses.replace(self._orders, ready=writing))
        assert self._process.stdin is not None
        self._process.stdin.write(len(orders).to_bytes(4, "little") + orders)
        said = await _said(reading)
        if said is None:
            _log.error("worker %d did not serve within %g s: it is killed", self.number, _START_S)
            self.tell(signal.SIGKILL)
        if said != READY:
            await self._process.wait()
        return said == READY

    def announce(self) -> None:
        """Let it say what a person needs: addresses, a token."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(ANNOUNCE)

    async def keep(self) -> None:
        """Start it again whenever it ends."""
        failures = 0
        while True:
            begun = time.monotonic()
            code = await self._wait()
            failures = 0 if time.monotonic() - begun >= _HEALTHY_S else failures + 1
            pause_s = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
            _log.warning("worker %d ended (%s): it is started again in %g s", self.number, _shown(code), pause_s)
            await asyncio.sleep(pause_s)
            try:
                await self.start()
            except OSError as error:  # no room for a process, say: the next round tries again
                _log.error("worker %d cannot be started: %s", self.number, error)

    async def _wait(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def ended(self) -> None:
        """Until it is gone."""
        if self._process is not None:
            await self._process.wait()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _tell(workers: list[Worker], number: signal.Signals) -> None:
    for worker in workers:
        worker.tell(number)


async def _said(reading: int) -> bytes | None:
    """What a worker says on its pipe, to the end of it; None when it takes too long."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb"))
    try:
        async with asyncio.timeout(_START_S):
            return await stream.read()
    except TimeoutError:
        return None
    finally:
        transport.close()


def _held(host: str, port: int) -> socket.socket:
    """A socket that holds a port and never listens. Raises OSError when somebody else has it."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    if port:
        with socket.socket(
            family, kind, protocol
        ) as probe:  # another one that shares would let us in: ask as one that does not
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _with_ports(settings: GatewaySettings, stack: contextlib.AsyncExitStack) -> GatewaySettings:
    """The same with the numbers of its ports, which are held from now on."""
    try:
        port = int(stack.enter_context(_held(settings.host, settings.port)).getsockname()[1])
    except OSError as error:
        raise _taken(settings.port, settings.host, "--port", error) from error
    if not settings.tcp:
        return dataclasses.replace(settings, port=port)
    asked = settings.tcp_port
    tcp_port = port + 1 if asked is None else asked
    try:
        tcp_port = int(stack.enter_context(_held(settings.host, tcp_port)).getsockname()[1])
    except (OSError, OverflowError) as error:
        if asked is not None:
            raise _taken(tcp_port, settings.host, "--tcp-port", error) from error
        _log.warning("no raw TCP: port %s cannot be opened (%s); see --tcp-port", tcp_port, error)
        return dataclasses.replace(settings, port=port, tcp=False)
    return dataclasses.replace(settings, port=port, tcp_port=tcp_port)


def _taken(port: int, host: str, option: str, error: Exception) -> CallerError:
    return CallerError(
        what=f"port {port} on {host} cannot be opened",
        value=getattr(error, "strerror", None) or str(error),
        next_step=f"stop what uses it, or choose another with {option} (0 takes any free one)",
    )


def _of_worker(settings: GatewaySettings, number: int, nodes: tuple[str, ...]) -> GatewaySettings:
    """What one of them is started with: an audit log of its own, since each turns its file over."""
    audit = settings.audit_log
    if audit is not None:
        audit = audit.with_name(f"{audit.stem}-{number + 1}{audit.suffix}")
    return dataclasses.replace(settings, workers=1, node=nodes[number], nodes=nodes, audit_log=audit)


def _shown(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _say(settings: GatewaySettings, nodes: tuple[str, ...]) -> None:
    said = f"{len(nodes)} workers share port {settings.port}"
    if settings.log_format == "json":
        print(json_line(said, workers=list(nodes), port=settings.port), file=sys.stderr, flush=True)
    else:
        print(f"{said}; each has pages of its own: {', '.join(f'{node}/health' for node in nodes)}", flush=True)
