"""The process of one worker; only workers_unix.py starts it."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys

from flight_client.cli.log_format import set_up
from flight_client.cli.loop import run_loop
from flight_client.cli.serving import announce, serve
from flight_client.cli.workers_unix import ANNOUNCE, READY, Orders
from flight_client.errors import FlightError
from flight_client.gateway.app import Gateway


def main() -> int:
    """Read the orders, serve, drain at SIGTERM or when the process that keeps the workers is gone."""
    told = _exactly(int.from_bytes(_exactly(4), "little"))
    if not told:
        return 1  # who started this is gone already
    orders: Orders = pickle.loads(told)  # noqa: S301 - from the process that started this one
    set_up(orders.settings.log_format, orders.log_level)
    term = asyncio.Event()
    try:
        return run_loop(_work(orders, term), term.set)
    except KeyboardInterrupt:  # told to stop at once
        return 130
    except FlightError as error:
        print(f"flight gateway: a worker cannot start: {error}", file=sys.stderr)
        return 1


def _exactly(size: int) -> bytes:
    """So many bytes of the pipe, and none behind them."""
    data = b""
    while len(data) < size and (part := os.read(sys.stdin.fileno(), size - len(data))):
        data += part
    return data


async def _work(orders: Orders, term: asyncio.Event) -> int:
    gateway = Gateway(orders.settings, orders.inner_port)
    listening = asyncio.create_task(_listen(gateway, orders.device, term))

    def started(_gateway: Gateway) -> None:
        os.write(orders.ready, READY)
        os.close(orders.ready)

    try:
        return await serve(gateway, term, orders.device, started)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(gateway: Gateway, device: str, term: asyncio.Event) -> None:
    """What the process that started this one says; when it is gone, so is the gateway."""
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    while line := await stream.readline():
        if line == ANNOUNCE:
            announce(gateway, device)
    term.set()


if __name__ == "__main__":
    raise SystemExit(main())
