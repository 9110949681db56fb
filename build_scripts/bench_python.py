"""Measure the Python client beside what a program could take instead; figures go to build/bench/python.json.

`make bench-python`, about a minute. Everything is a multiple of one struct.pack_into of the same event, medians of rounds in
which ours and the peers take turns in one process, of processor time: what else the machine does hardly counts. Nothing is asserted here; what
misses its goal is named with the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.python import beside, ours, peers  # noqa: E402 - behind the line that makes it findable
from benchmarks.python.rounds import ROUNDS, Work, measure  # noqa: E402 - behind the line that makes it findable

OUT = ROOT / "build" / "bench" / "python.json"
IMPORT_ROUNDS = 9
MIN_ROUNDS = 3

# Goal and, for the report, why it is missed where it is.
GOALS = {
    "py.emit": (1.7, "the checks that every emit makes, and its share of the frame"),
    "py.emit_method": (
        2.6,
        "the object of Python, its fields read one by one, and the call through Channel.emit()",
    ),
    "py.emit_number": (
        0.5,
        "most of it is the state of client, session and driver, read anew for each event, and the clock",
    ),
    "py.emit_bulk": (0.25, "what a call costs by itself is shared by few events; 1,024 of them take less each"),
    "py.emit_bulk1024": (0.25, "each record is judged, copied into the ring and from there into a frame"),
    "py.decode_bulk": (1.0, "every event becomes two objects of Python, made and filled by C but one by one"),
    "py.p9999_busy": (
        0.5,
        "in 100,000 calls of this length another thread takes its turn, 5 ms long, more than ten times",
    ),
    "py.import": (10, "what the events need: dataclasses, json and the tables"),
    "py.import.asyncio": (60, "asyncio itself is the larger part"),
}


class Report:
    """Figures as they come."""

    def __init__(self) -> None:
        self.figures: list[dict[str, Any]] = []
        self.missed: list[str] = []

    def add(
        self, name: str, value: float, unit: str, how: str, peer: str = "", peer_value: float | None = None
    ) -> None:
        """ratio: the peer's figure to ours: how often ours is done in the peer's time."""
        ratio = round(peer_value / value, 2) if peer_value else None
        self.figures.append(
            {
                "name": name, "value": round(value, 3), "unit": unit, "peer": peer or None,
                "peer_value": None if peer_value is None else round(peer_value, 3), "ratio": ratio, "how": how,
            }
        )  # fmt: skip
        said = ""
        if name in GOALS and not any(figure["name"] == name for figure in self.figures[:-1]):
            goal, why = GOALS[name]
            said = f"goal <= {goal:g}: {'met' if value <= goal else 'MISSED'}"
            if value > goal:
                self.missed.append(f"{name}: {value:.2f} {unit}, goal {goal:g}: {why}")
        beside_it = f"{peer} {peer_value:.2f}, {ratio} times ours" if peer_value is not None else ""
        print(f"{name:22} {value:8.2f} {unit:12} {said:22} {beside_it}", flush=True)

    def against(self, name: str, own: Work, others: list[Work]) -> None:
        """One row for each peer."""
        for other in others:
            how = f"{own.how}; {other.how}; middle halves {own.spread} and {other.spread}"
            self.add(name, own.ratio, "x pack_into", how, other.name, other.ratio)

    def write(self) -> None:
        """The file, and what was missed."""
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        print(f"\n{len(self.figures)} figures in {OUT.relative_to(ROOT)}")
        for line in self.missed:
            print(f"missed: {line}")


def emitting(report: Report, rounds: int) -> None:
    """Everything that leads into a queue."""
    loop = asyncio.new_event_loop()
    try:
        own = {work.name: work for work in ours.Emitting().works()}
        codecs, clients = peers.emitting(), peers.clients(loop)
        base_ns = measure([*own.values(), *codecs, *clients], rounds)
    finally:
        loop.close()
    print(f"base: one struct.pack_into of the event, {base_ns:.0f} ns, median of all rounds\n")
    report.against("py.emit", own["bound"], [*codecs, *clients])
    report.against("py.emit_method", own["method"], [*codecs, *clients])
    report.against("py.emit_number", own["number"], codecs[:1])
    report.against("py.emit_bulk", own["bulk"], codecs[:1])
    report.against("py.emit_bulk1024", own["bulk1024"], codecs[:1])


def decoding(report: Report, rounds: int) -> None:
    """Events out of what came."""
    own, others = ours.decoding(), peers.decoding(ours.DECODED)
    measure([own, *others], rounds)
    report.against("py.decode_bulk", own, others)


def others(report: Report, rounds: int) -> None:
    """What is no multiple of anything."""
    own_ms, peer_ms = beside.busy_ms()
    how = f"p99.99 of {beside.CALLS} calls, each timed, beside one busy thread"
    report.add("py.p9999_busy", own_ms, "ms", how, "msgspec + deque", peer_ms)
    found = beside.imports_ms(rounds)
    how = f"processor time, median of {rounds} new interpreters in turn; "
    for name, peer_value in found.items():
        if not name.startswith("flight_client"):
            said = how + beside.IMPORTS["flight_client.events"]
            report.add("py.import", found["flight_client.events"], "ms", said, name, peer_value)
    said = how + beside.IMPORTS["flight_client.Client"]
    report.add("py.import.asyncio", found["flight_client.Client"], "ms", said, "aiohttp", found["aiohttp"])
    report.add("py.import.bare", found["flight_client"], "ms", how + beside.IMPORTS["flight_client"])


def main(argv: list[str] | None = None) -> int:
    """All of it; 0 also where a goal is missed."""
    parser = argparse.ArgumentParser(description="Measure the Python client beside its peers.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each piece of work (%(default)s)")
    rounds = parser.parse_args(argv).rounds
    if rounds < MIN_ROUNDS:
        parser.error(
            f"--rounds {rounds}: fewer than {MIN_ROUNDS} say nothing of their spread; give {MIN_ROUNDS} or more"
        )
    report = Report()
    emitting(report, rounds)
    decoding(report, rounds)
    others(report, min(rounds, IMPORT_ROUNDS))
    report.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
