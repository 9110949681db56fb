"""One call at a time beside a thread that computes, as p99.99; and what starting costs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from .event import VALUES
from .ours import Emitting
from .peers import Packed

CALLS = 100_000


def _busy(stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        for _ in range(1000):
            number = (number * 1103515245 + 12345) & 0x7FFFFFFF


def p9999_ms(call: Callable[[int], object], clear: Callable[[], object]) -> float:
    """Of CALLS calls, each timed, while one other thread computes."""
    stop = threading.Event()
    thread = threading.Thread(target=_busy, args=(stop,))
    thread.start()
    taken = []
    try:
        for number in range(CALLS):
            begun = time.perf_counter_ns()
            call(number)
            taken.append(time.perf_counter_ns() - begun)
            if number % 64 == 63:
                clear()
    finally:
        stop.set()
        thread.join()
    taken.sort()
    return taken[int(CALLS * 0.9999)] / 1e6


def busy_ms() -> tuple[float, float]:
    """Ours, and msgspec with a deque."""
    ours = Emitting()
    emit = ours.bound_emit
    queue: deque[bytes] = deque()
    encode = msgspec.msgpack.Encoder().encode

    def own(number: int) -> object:
        values = VALUES[number & 63]
        return emit(*values[5:9])

    return (
        p9999_ms(own, ours.pack),
        p9999_ms(lambda number: queue.append(encode(Packed(*VALUES[number & 63]))), queue.clear),
    )


IMPORTS = {
    "flight_client": "import flight_client",
    "flight_client.events": "from flight_client import MemoryUpdate",
    "flight_client.Client": "from flight_client import Client",
    "asyncio": "import asyncio",
    "msgspec": "import msgspec",
    "msgpack": "import msgpack",
    "protobuf": "from google.protobuf import message",
    "pymavlink": "from pymavlink.dialects.v20 import common",
    "nats-py": "import nats",
    "paho-mqtt": "import paho.mqtt.client",
    "python-socketio": "import socketio",
    "aiohttp": "import aiohttp",
}
_PROGRAM = "import time\nbegun = time.process_time()\n{}\nprint(time.process_time() - begun)"


def imports_ms(rounds: int) -> dict[str, float]:
    """Processor time of each import, in ms, in an interpreter that has done nothing else; medians of rounds in turn."""
    found: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        for name, line in IMPORTS.items():
            done = subprocess.run(
                [sys.executable, "-I", "-c", _PROGRAM.format(line)], capture_output=True, text=True, check=True
            )
            found[name].append(1000 * float(done.stdout))
    return {name: statistics.median(values) for name, values in found.items()}
