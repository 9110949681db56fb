"""How many 16-event frames a second the gateway takes, and what of that time the session is.

Everything real but the sockets: frames as bytes, reader, session, hub, memory engine, acknowledgements. One core; a
figure of this machine, to be compared only with figures of the same run.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import pytest

from flight_client.clock import monotonic_ms
from flight_client.events import MemoryUpdate, encode_event
from flight_client.gateway.engines import open_engine
from flight_client.gateway.engines.base import Source
from flight_client.gateway.hub import Hub
from flight_client.gateway.peer import Peer
from flight_client.proof import SessionKey
from flight_client.session import spec
from flight_client.session.gateway import machine, messages
from flight_client.wire.frames import FrameReader, encode_frame
from flight_client.wire.records import skip_records
from flight_client.wire.ring import EventRing
from tests.support.tenures import endless

FRAMES = 2000
EVENTS = 16


def batch() -> bytes:
    """The records of one frame."""
    ring = EventRing(64, 64)
    for i in range(EVENTS):
        layout, body = encode_event(MemoryUpdate(used_bytes=i, total_bytes=1 << 24), wide=False)
        ring.put(1, layout, i, body)
    out = bytearray(2048)
    return bytes(out[: ring.pack(out, 0, 2000, 100, EVENTS)])


def frames() -> list[bytes]:
    """FRAMES critical frames with rising numbers."""
    records = batch()
    made = []
    for seq in range(1, FRAMES + 1):
        prefix = (1 + (seq - 1) * EVENTS).to_bytes(4, "little") + bytes(4)
        flags = spec.FLAG_CRITICAL | spec.FLAG_BATCH
        made.append(encode_frame(spec.TYPE_DATA, flags, 1, seq, 1, prefix + records))
    return made


async def make_peer() -> tuple[Hub, Peer]:
    """A session of one device on a memory engine, with its channel open."""
    hub = Hub(open_engine("memory:", skip_records), permit=lambda *_: True)
    await hub.start()
    hello = messages.Hello()
    hello.lanes = spec.LANE_CRITICAL | spec.LANE_LOSSY
    hello.window_frames, hello.window_bytes, hello.frame_bytes = 32, 1 << 20, 16384
    hello.platform = b"host"
    source = Source("bench", 6, b"abcdefgh")
    peer = Peer(hub, endless(), hello, source, bytes(16), SessionKey(), bytes(8), 5000, (32, 1 << 20), 32)
    asked = messages.Open()
    asked.mode, asked.name = spec.MODE_PUBLISH, b"memory-updates"
    peer.session.heard_at = peer.session.sent_at = monotonic_ms()
    peer._open(1, asked)
    return hub, peer


def ingest(peer: Peer, data: list[bytes]) -> None:
    """What a connection does with each message, and the answers it collects."""
    reader = FrameReader()
    for message in data:
        now = monotonic_ms()
        reader.feed(message, spec.MAX_FRAME_BYTES)
        while reader.next():
            r = reader
            peer.take(r.type, r.flags, r.channel, r.seq, r.ack, message, r.start, r.end, now)
        peer.collect(32768, now)


def test_gateway_ingest(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames a second through reader, session, hub and memory engine."""
    data = frames()
    rounds: list[float] = []

    def setup() -> tuple[tuple[Peer], dict[str, object]]:
        _, peer = asyncio.run(make_peer())
        return (peer,), {}

    def timed(peer: Peer) -> None:
        started = time.perf_counter()
        ingest(peer, data)
        rounds.append(time.perf_counter() - started)
        assert peer.session.ack() == FRAMES + 1

    benchmark.pedantic(timed, setup=setup, rounds=5)
    with capsys.disabled():
        print(f"\ngw.ingest without sockets: {FRAMES / statistics.median(rounds):,.0f} frames/s of {EVENTS} events")


def test_session_share_of_a_frame(capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds of session work per ingested frame; the goal is 15."""
    rounds = []
    for _ in range(5):
        session = machine.GatewaySession(32, 1 << 20, 5000, 32)
        now = monotonic_ms()
        session.heard_at = session.sent_at = now
        started = time.perf_counter()
        for seq in range(1, FRAMES + 1):
            session.receive(seq, 1, now)
            session.done(seq, now)
            session.next_frame(now)
        rounds.append((time.perf_counter() - started) / FRAMES * 1e6)
    with capsys.disabled():
        print(f"\ngw.session_us: {statistics.median(rounds):.2f} us per frame (goal 15)")
