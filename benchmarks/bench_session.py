"""What the gateway's half of a session costs per ingested frame: numbers in, stored, acknowledgement out.

`make bench` prints the table. Goal: at most 15 us a frame on one core of a small server. Wire, hub and engine have
benchmarks of their own.
"""

from typing import Any

from flight_client.session.common.clock import MASK
from flight_client.session.gateway.machine import TAKE, GatewaySession
from flight_client.session.spec import TYPE_DELIVER

FRAMES = 1000
GOAL_US = 15


def ingest(frames: int, lag: int) -> int:
    """Frames in order, each stored `lag` frames later; the answers are taken after each frame, as a gateway does."""
    session = GatewaySession(32, 1 << 20, 5000, 32)
    now = 0
    answers = 0
    for seq in range(1, frames + 1):
        now = (now + 1) & MASK
        assert session.receive(seq, 0, now) == TAKE
        if seq > lag:
            session.done(seq - lag, now)
        while session.next_frame(now) is not None:
            answers += 1
        session.ack()
    return answers


def fan_out(frames: int) -> int:
    """The way down: an entry sent, taken and acknowledged."""
    session = GatewaySession(32, 1 << 20, 5000, 32)
    sent = 0
    for seq in range(1, frames + 1):
        session.send(TYPE_DELIVER, 0, 1, b"entry")
        while session.next_frame(seq) is not None:
            sent += 1
        if seq % 16 == 0:
            session.receive(0, seq + 1, seq)
    return sent


def report(benchmark: Any) -> None:
    if benchmark.stats is not None:  # None with --benchmark-disable
        per_frame_us = benchmark.stats.stats.min / FRAMES * 1e6
        benchmark.extra_info["us_per_frame"] = round(per_frame_us, 3)
        print(f"{per_frame_us:.2f} us per frame, goal {GOAL_US}")
        assert per_frame_us <= GOAL_US


def test_ingest_stored_at_once(benchmark: Any) -> None:
    assert benchmark(ingest, FRAMES, 0) > FRAMES // 20
    report(benchmark)


def test_ingest_stored_sixteen_frames_later(benchmark: Any) -> None:
    assert benchmark(ingest, FRAMES, 16) > FRAMES // 20
    report(benchmark)


def test_fan_out(benchmark: Any) -> None:
    assert benchmark(fan_out, FRAMES) >= FRAMES
    report(benchmark)
