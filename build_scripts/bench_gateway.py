"""Measure the gateway beside its peers; figures go to build/bench/gateway.json (`make bench-gateway`).

All systems in turn, round after round, each with its server in processes of its own and its clients in this one: read the
ratios, the machine is shared. Goals and names are those of the project's list; a goal that is missed is said to be. A peer
that is out of reach is listed as not measured. FLIGHT_BENCH_SECONDS and FLIGHT_BENCH_ROUNDS make it longer,
FLIGHT_BENCH_HERD sets the clients of the herd, and arguments choose parts: fanout, ingest, latency, poll, rss, session,
abuse, herd.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.gateway import alone, peers, phases  # noqa: E402 - the folder above is not on the path before
from benchmarks.gateway.flight import FlightSystem  # noqa: E402 - as above
from benchmarks.gateway.herd import measure_herd  # noqa: E402 - as above
from benchmarks.gateway.polls import measure_polls  # noqa: E402 - as above
from benchmarks.gateway.system import System  # noqa: E402 - as above
from build_scripts.peers import NotMeasuredError  # noqa: E402 - as above
from tests.support.brokers import RabbitServer, RedisServer  # noqa: E402 - as above

OUT = ROOT / "build" / "bench" / "gateway.json"
SECONDS = float(os.environ.get("FLIGHT_BENCH_SECONDS", "1.5"))
ROUNDS = int(os.environ.get("FLIGHT_BENCH_ROUNDS", "2"))
HERD = int(os.environ.get("FLIGHT_BENCH_HERD", "10000"))
PARTS = ("fanout", "ingest", "latency", "poll", "rss", "session", "abuse", "herd")
_PHASE_LIMIT_S = 60.0
BATCH = phases.BATCH

Figure = dict[str, Any]


@dataclass
class Table:
    """What came out: of each system and work, every round."""

    rates: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    cpu: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    delays: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def rate(self, name: str, work: str) -> float | None:
        found = self.rates.get((name, work))
        return phases.median(found) if found else None

    def delay(self, name: str, work: str, share: float) -> float | None:
        found = self.delays.get((name, work))
        return phases.percentile(found, share) if found else None


class Report:
    """Figures as they come."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.missed: list[str] = []

    def add(
        self, name: str, value: float, unit: str, how: str, *, goal: float | None = None, least: bool = True, peer: str = "",
        peer_value: float | None = None,
    ) -> None:  # fmt: skip
        """goal: at least, or with least=False at most. The ratio is ours to the peer's."""
        ratio = round(value / peer_value, 3) if peer_value else None
        figure = {"name": name, "value": round(value, 3), "unit": unit, "peer": peer or None}
        figure |= {"peer_value": None if peer_value is None else round(peer_value, 3), "ratio": ratio, "how": how}
        self.figures.append(figure)
        said = ""
        if goal is not None:
            met = value >= goal if least else value <= goal
            said = f"goal {'>=' if least else '<='} {goal:,g}: {'met' if met else 'MISSED'}"
            if not met:
                self.missed.append(f"{name}: {value:,.2f} {unit}, {said}")
        beside = f"{peer} {peer_value:,.2f}, ratio {ratio}" if peer_value is not None else ""
        print(f"{name:34} {value:>12,.2f} {unit:14} {said:28} {beside}", flush=True)

    def write(self) -> None:
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        print(f"\n{len(self.figures)} figures in {OUT.relative_to(ROOT)}")
        for line in self.missed:
            print(f"missed: {line}")


async def one_turn(system: System, parts: set[str], table: Table, folder: Path) -> None:
    """All the work that every system does, once."""
    await system.start(_made(folder))
    ours = isinstance(system, FlightSystem)
    try:
        works: list[tuple[str, str, Any]] = []
        if "fanout" in parts:
            works += [("fanout", "fanout", lambda: phases.fan_out(system, SECONDS, BATCH if ours else 1))]
            works += [("fanout", "fanout.single", lambda: phases.fan_out(system, SECONDS, 1))] if ours else []
        if "ingest" in parts:
            works += [("ingest", "ingest", lambda: phases.ingest(system, SECONDS, BATCH if ours else 1))]
        if "latency" in parts:
            works += [("latency", "latency", lambda: phases.latency(system, SECONDS))]
        for _, work, going in works:
            result: phases.Result = await within(going(), f"{system.name}: {work}")
            key = system.name, work
            if work == "latency":
                table.delays.setdefault(key, []).extend(result.delays_ms)
                p50, p99 = (phases.percentile(result.delays_ms, share) for share in (0.5, 0.99))
                print(f"  {system.name:18} {work:14} p50 {p50:8.2f} ms  p99 {p99:8.2f} ms", flush=True)
            else:
                table.rates.setdefault(key, []).append(result.per_s)
                table.cpu.setdefault(key, []).append(result.cpu_s_per_100k)
                print(
                    f"  {system.name:18} {work:14} {result.per_s:10,.0f}/s  {result.cpu_s_per_100k:6.2f} s/100k",
                    flush=True,
                )
    finally:
        await system.stop()


async def within(going: Coroutine[Any, Any, phases.Result], what: str) -> phases.Result:
    """The result, or who did not come to an end."""
    try:
        async with asyncio.timeout(_PHASE_LIMIT_S):
            return await going
    except TimeoutError:
        raise TimeoutError(f"{what} has no result after {_PHASE_LIMIT_S:g} s (hang limit)") from None


async def engines(parts: set[str], table: Table, folder: Path, number: int) -> None:
    """Ingest of our gateway on the engines that keep."""
    if "ingest" not in parts:
        return
    redis = RedisServer(_made(folder / "redis"))
    rabbit = RabbitServer(_made(folder / "rabbit"))
    for name in ("sqlite", "redis", "rabbitmq"):
        servers: dict[str, RedisServer | RabbitServer] = {"redis": redis, "rabbitmq": rabbit}
        server = servers.get(name)
        try:
            if server is not None:
                await asyncio.to_thread(server.start)
            url = server.url(f"bench-{number}") if server is not None else f"sqlite:{folder / 'log.sqlite'}"
            system = FlightSystem(f"flight {name}", url)
            await system.start(_made(folder / f"gateway-{name}"))
            try:
                result = await within(phases.ingest(system, SECONDS, BATCH), f"{system.name}: ingest")
                table.rates.setdefault((system.name, "ingest"), []).append(result.per_s)
                print(f"  {system.name:18} {'ingest':14} {result.per_s:10,.0f}/s", flush=True)
            finally:
                await system.stop()
        finally:
            if isinstance(server, RedisServer):
                server.kill()
            elif server is not None:
                await asyncio.to_thread(server.stop)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


async def rounds(parts: set[str], table: Table, folder: Path) -> None:
    """Every system in turn, round after round."""
    out: set[str] = set()
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", flush=True)
        await one_turn(FlightSystem(), parts, table, folder / f"{number}-flight")
        for kind in peers.ALL:
            if kind.name in out:
                continue
            try:
                await one_turn(kind(), parts, table, folder / f"{number}-{kind.__name__}")
            except (NotMeasuredError, OSError, AssertionError, RuntimeError, TimeoutError) as error:
                out.add(kind.name)
                print(f"  {kind.name}: not measured: {error}", flush=True)
        await engines(parts, table, folder / f"{number}-engines", number)


def report_rounds(report: Report, table: Table) -> None:
    """The figures that have peers."""
    ours = table.rate("flight", "fanout")
    how = f"{phases.PUBLISHERS} publishers, {phases.SUBSCRIBERS} subscribers, events of {phases.SMALL} bytes"
    if ours is not None:
        batched = f"{how}, {BATCH} in a frame; a peer has one in a message"
        report.add("gw.fanout", ours, "deliveries/s", batched, goal=100_000)
        for kind in peers.ALL:
            value = table.rate(kind.name, "fanout")
            if value is not None:
                goal = {"nchan": 2.0, "npm socket.io": 7.0}.get(kind.name)
                said = f"{batched}; {kind.how}"
                report.add(
                    f"gw.fanout.to.{kind.__name__.lower()}",
                    ours,
                    "deliveries/s",
                    said,
                    peer=kind.name,
                    peer_value=value,
                )
                if goal is not None and ours / value < goal:
                    report.missed.append(f"gw.fanout: {ours / value:.2f} x {kind.name}, goal {goal}")
        report_cpu(report, table, "fanout", "deliveries", 0.42)
    single = table.rate("flight", "fanout.single")
    if single is not None:
        report.add("gw.fanout.single", single, "deliveries/s", f"{how}, one in a frame")
    for engine, goal, peer in (
        ("memory", 20_000.0, peers.Nats), ("redis", 10_000.0, peers.RedisStreams), ("rabbitmq", 2_000.0, peers.RabbitMQ),
        ("sqlite", 5_000.0, None),
    ):  # fmt: skip
        value = table.rate("flight" if engine == "memory" else f"flight {engine}", "ingest")
        if value is not None:
            said = f"{phases.INGEST_PUBLISHERS} publishers of {BATCH} events a frame, acknowledged when stored, 1 subscriber"
            beside = table.rate(peer.name, "ingest") if peer else None
            name = peer.name if peer and beside else ""
            report.add(f"gw.ingest.{engine}", value, "frames/s", said, goal=goal, peer=name, peer_value=beside)
    if table.rate("flight", "ingest") is not None:
        report_cpu(report, table, "ingest", f"messages; ours hold {BATCH} events", 5.0)
    for share, goal in ((0.5, 0.5), (0.99, 3.0)):
        delay = table.delay("flight", "latency", share)
        if delay is not None:
            name = f"gw.latency.p{int(share * 100)}"
            said = f"{phases.PER_SECOND} events/s to {phases.SUBSCRIBERS} subscribers, publish to callback"
            beside = table.delay(peers.Nats.name, "latency", share)
            nats = peers.Nats.name if beside else ""
            report.add(name, delay, "ms", said, goal=goal, least=False, peer=nats, peer_value=beside)


def report_cpu(report: Report, table: Table, work: str, unit: str, goal: float) -> None:
    """Processor time of the server: the steadiest figure of a machine that others use too."""
    ours = phases.median(table.cpu["flight", work])
    how = f"processor time of the server for 100,000 {unit}"
    report.add(f"gw.{work}.cpu", ours, "s/100k", how, goal=goal, least=False)
    for kind in peers.ALL:
        found = table.cpu.get((kind.name, work))
        if found:
            name = f"gw.{work}.cpu.to.{kind.__name__.lower()}"
            report.add(name, ours, "s/100k", how, peer=kind.name, peer_value=phases.median(found))


async def single_figures(report: Report, parts: set[str], folder: Path) -> None:
    """Those without a peer."""
    if "poll" in parts:
        system = FlightSystem()
        await system.start(_made(folder / "poll"))
        try:
            per_s, delays = await measure_polls(system, 2 * SECONDS)
        finally:
            await system.stop()
        said = "16 sessions, each one request after the other, each with its proof"
        report.add("gw.poll", per_s, "polls/s", said, goal=10_000)
        report.add("gw.poll.p99", phases.percentile(delays, 0.99), "ms", said, goal=10, least=False)
    if "rss" in parts:
        system = FlightSystem()
        await system.start(_made(folder / "rss"))
        try:
            each = await alone.rss_per_connection(system)
        finally:
            await system.stop()
        report.add("gw.rss_per_conn", each / 1024, "KiB", f"{alone.IDLE} idle WebSocket sessions", goal=32, least=False)
    if "session" in parts:
        report.add("gw.session_us", alone.session_us(), "us", "numbers, store, answer of a frame", goal=15, least=False)
    if "abuse" in parts:
        quiet, loud = await alone.good_among_bad(_made(folder / "abuse"), 2 * SECONDS)
        said = f"p99 of good clients beside {alone.STALLED} stalled consumers and {alone.SLOW} strangers that drip"
        report.add(
            "gw.abuse.p99", loud, "ms", said, goal=2 * quiet, least=False, peer="the same alone", peer_value=quiet
        )
    if "herd" in parts:
        seed = int(time.time()) % 1000
        system = FlightSystem()
        await system.start(_made(folder / "herd"))
        try:
            took, peak, attempts = await measure_herd(system, HERD, seed)
        except (RuntimeError, TimeoutError) as error:  # on a machine that is busy with something else
            report.missed.append(f"gw.herd: not measured: {str(error) or 'not all were back in time'}")
            return
        finally:
            await system.stop()
        said = f"{HERD} sessions over raw TCP, kill -9 and a start, {attempts:,.0f} attempts, seed {seed}"
        report.add("gw.herd", took, "s", said, goal=30, least=False)
        report.add("gw.herd.peak", peak * 100, "% per 100 ms", said, goal=2.5, least=False)


async def measure(parts: set[str]) -> None:
    report, table = Report(), Table()
    busy = os.getloadavg()[0]
    print(
        f"load average {busy:.1f} on {os.cpu_count()} processors: above 1 for each, read the ratios and the processor times only"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if parts & {"fanout", "ingest", "latency"}:
            await rounds(parts, table, folder)
            print(flush=True)
            report_rounds(report, table)
        await single_figures(report, parts, folder)
    report.write()


def main() -> int:
    parts = set(sys.argv[1:]) or set(PARTS)
    if parts - set(PARTS):
        print(
            f"bench-gateway: no part {', '.join(sorted(parts - set(PARTS)))}; there are {', '.join(PARTS)}",
            file=sys.stderr,
        )
        return 2
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(parts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
