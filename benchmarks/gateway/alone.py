"""What no peer has a figure for: memory of an idle session, the session's share of a frame, good clients among bad ones."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.gateway import phases
from benchmarks.gateway.flight import FlightSystem
from flight_client.session import spec
from flight_client.session.gateway.machine import GatewaySession
from tests.support.raw import POLL_PATH, hello_frame, open_frame
from tests.support.websocket_bytes import BINARY, ByteSocket, client_frame

IDLE = 1000
FRAMES = 20_000
STALLED, SLOW = 1000, 200


async def rss_per_connection(system: FlightSystem) -> float:
    """Bytes, over sessions that have opened a channel and say nothing."""
    await system.link()
    before = system.rss_bytes()
    for _ in range(IDLE):
        link = await system.link()
        await link.open(1, b"bench", spec.MODE_SUBSCRIBE)
    after = system.rss_bytes()
    await system.leave()
    return (after - before) / IDLE


def session_us() -> float:
    """Numbers in, stored, acknowledgement out, of one frame."""
    rounds = []
    for _ in range(5):
        session = GatewaySession(32, 1 << 20, 5000, 32)
        begun = time.perf_counter()
        for seq in range(1, FRAMES + 1):
            session.receive(seq, 0, seq)
            session.done(seq, seq)
            session.next_frame(seq)
            session.ack()
        rounds.append((time.perf_counter() - begun) / FRAMES * 1e6)
    return phases.median(rounds)


async def good_among_bad(folder: Path, seconds: float) -> tuple[float, float]:
    """p99 in ms of eight good subscribers, alone and beside consumers that stall and strangers that drip."""
    system = FlightSystem("flight", "memory:")
    await system.start(folder)
    try:
        quiet = phases.percentile((await phases.latency(system, seconds)).delays_ms, 0.99)
        async with AsyncExitStack() as stack:
            await stall(system, stack)
            dripping = asyncio.create_task(drip(system, stack))
            await asyncio.sleep(1.0)
            loud = phases.percentile((await phases.latency(system, seconds)).delays_ms, 0.99)
            await phases.end([dripping])
    finally:
        await system.stop()
    return quiet, loud


async def stall(system: FlightSystem, stack: AsyncExitStack) -> None:
    """Consumers of a channel of their own, into which more went than they and their connections can hold."""
    token = system.gateway.token()
    for number in range(STALLED):
        one = await stack.enter_async_context(ByteSocket(system.gateway.port, small=True))
        await one.handshake()
        hello = client_frame(BINARY, hello_frame(token, b"stalled-%d" % number))
        one.send(hello, client_frame(BINARY, open_frame(1, b"flood", spec.MODE_SUBSCRIBE)))
    writer = await system.link()
    await writer.open(1, b"flood", spec.MODE_PUBLISH)
    writer.events = 10
    for _ in range(100):
        await writer.publish(bytes(range(250)) * 4)


async def drip(system: FlightSystem, stack: AsyncExitStack) -> None:
    """Strangers that send a byte of their headers now and then; who is cut comes again."""
    head = f"POST {POLL_PATH} HTTP/1.1\r\nHost: localhost\r\nX: ".encode()
    slow = [
        await stack.enter_async_context(ByteSocket(system.gateway.port, f"127.0.0.{2 + n % 8}")) for n in range(SLOW)
    ]
    at = 0
    while True:
        for one in slow:
            if not one.writer.transport.is_closing():
                one.send(head[at % len(head) : at % len(head) + 1] if at < len(head) else b"y")
        at += 1
        await asyncio.sleep(0.05)
