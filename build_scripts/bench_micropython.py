"""Measure the client for MicroPython under the real interpreter; figures go to build/bench/micropython.json.

Peers are measured in the same run where they can be had: `FLIGHT_PEERS` names a folder with `umqtt/simple.py` (micropython-lib)
and `mqtt_as/__init__.py` (peterhinch/micropython-mqtt), and mosquitto is installed. Otherwise their figures are those that
were measured once, and the line says so. Times are medians of rounds that alternate in one process: read the ratios.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from build_scripts import memory_micropython, processor_micropython  # noqa: E402 - the folder above is not on the path before
from flight_client.session.gateway import messages  # noqa: E402 - the folder above is not on the path before
from flight_client.session.spec import HEADER_BYTES, MODE_PUBLISH, TYPE_OPENED, TYPE_WELCOME  # noqa: E402 - as above
from flight_client.wire import encode_frame  # noqa: E402 - as above
from tests.micropython import wasm32  # noqa: E402 - the folder above is not on the path before
from tests.micropython.board import Board, figure, install_compiled, mpy_cross  # noqa: E402 - as above
from tests.support.ports import free_port  # noqa: E402 - as above
from tests.support.process import GatewayProcess  # noqa: E402 - as above

OUT = ROOT / "build" / "bench" / "micropython.json"
PROGRAMS = ROOT / "benchmarks" / "micropython"
EVENTS, ROUNDS, ACKS = 20_000, 7, 500
# What umqtt.simple 1.8.0 and mqtt_as 0.8.3 took when they were measured: x86-64, loopback, mosquitto 2.0.11.
QUOTED_NS = 4650
QUOTED = {"upy.alloc": 128, "upy.ram.core": 5600, "upy.ram.session": 5600, "upy.ram.full": 21100, "upy.ack.p50": 44.0}
PEERS = ("umqtt", "mqtt_as")
HEAPS_KB = (96, 112, 128, 144, 160, 176, 192, 208, 224, 256)

Figure = dict[str, Any]


def one(name: str, value: float, unit: str, how: str, peer: str = "", peer_value: float | None = None) -> Figure:
    ratio = round(peer_value / value, 2) if peer_value is not None and value else None
    made = {
        "name": name,
        "value": value,
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
        "how": how,
    }
    print(f"{name:24} {value:>12} {unit:10} {peer} {peer_value if peer_value is not None else ''}  {how}")
    return made


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A broker on a free port; 0 where there is none, or no source of the peers."""
    tool = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if tool is None or not os.environ.get("FLIGHT_PEERS"):
        yield 0
        return
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\n")
    with subprocess.Popen([tool, "-c", str(config)]) as broker:
        try:
            time.sleep(0.5)
            yield port
        finally:
            broker.terminate()


def board(folder: Path, form: str, token: str, package: Path | None = None) -> Board:
    made = Board(folder / form, form, package)
    (made.folder / "token").write_text(token)
    for program in PROGRAMS.glob("*.py"):
        shutil.copy(program, made.folder)
    peers = os.environ.get("FLIGHT_PEERS")
    if peers:
        for name in PEERS:
            shutil.copytree(Path(peers) / name, made.folder / name)
    return made


def peer_figures(where: Board, broker: int) -> dict[str, float]:
    """What the peers take, by the names of QUOTED: measured now, or quoted where there is no broker."""
    if not broker:
        return QUOTED
    found: dict[str, dict[str, int]] = {}
    for name in PEERS:
        lines = where.run("peers.py", name, "alloc", str(broker))
        package = where.folder / name
        for source in list(package.glob("*.py")):
            mpy_cross("-O3", str(source))
            source.unlink()
        lines += where.run("peers.py", name, "ram")
        found[name] = {figure_name: figure(lines, figure_name) for figure_name in ("alloc", "p50", "ram")}
        print(f"{name:24} {found[name]['alloc']} bytes for each event of QoS 0, QoS 1 acknowledged after "
              f"{found[name]['p50'] / 1000:.1f} ms, {found[name]['ram']} bytes after import (.mpy), measured now")  # fmt: skip
    umqtt = found["umqtt"]
    return {
        "upy.alloc": umqtt["alloc"],
        "upy.ram.core": umqtt["ram"],
        "upy.ram.session": umqtt["ram"],
        "upy.ram.full": found["mqtt_as"]["ram"],
        "upy.ack.p50": umqtt["p50"] / 1000,
    }


class Sink:
    """A gateway that greets, opens channels and reads on: what the client alone can do shows against it."""

    def __init__(self) -> None:
        self.port = free_port()
        self._socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                wishes = connection.recv(2000)[HEADER_BYTES + 41]
                numbers = (60000, 16, 32768, 250, 0, 0, 60000, 1 << 20, 0, 0, wishes, 0, 0)
                welcome = messages.welcome(bytes(16), bytes(8), b"incarnat", b"epoch--1", bytes(8), numbers)
                connection.sendall(encode_frame(TYPE_WELCOME, 0, 0, 0, 0, welcome))
                connection.recv(2000)
                opened = messages.opened(0, MODE_PUBLISH, b"epoch--1", 0)
                connection.sendall(encode_frame(TYPE_OPENED, 0, 1, 0, 1, opened))
                while connection.recv(65536):
                    pass

    def close(self) -> None:
        self._socket.close()


def rounds(lines: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for line in lines:
        name, value = line.split()[:2]
        if name in ("ours", "peer"):
            found.setdefault(name, []).append(int(value))
    return found


def medians(lines: list[str]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in rounds(lines).items()}


def rates(boards: dict[str, Board], sink: int, gateway: int, broker: int) -> list[Figure]:
    figures = []
    for form, where in boards.items():
        for coding in ("raw", "delta"):
            words = (str(sink), str(broker), str(EVENTS), str(ROUNDS), coding)
            lines = where.run("rate.py", *words, timeout_s=120)
            found = medians(lines)
            peer_ns = found.get("peer", QUOTED_NS)
            peer = "umqtt.simple QoS 0" + ("" if "peer" in found else ", measured once")
            name = f"upy.rate.{form}" + ("" if coding == "raw" else ".delta")
            rate, peer_rate = round(1e9 / found["ours"]), round(1e9 / peer_ns)
            made = one(
                name, rate, "events/s", f"44-byte events, {coding}, frames of 8 KB, median of {ROUNDS}", peer, peer_rate
            )
            made["ratio"] = round(rate / peer_rate, 2)
            quickest = min(rounds(lines)["ours"])
            best = min(rounds(lines).get("peer", [QUOTED_NS])) / quickest
            made["best_ratio"] = round(best, 2)
            print(f"{'':24} {made['ratio']} times the peer, best rounds {best:.2f} times ({quickest} ns); {lines[-1]}")
            figures.append(made)
        lines = where.run("rate.py", str(gateway), "0", str(EVENTS), str(ROUNDS), "raw", timeout_s=120)
        rate = round(1e9 / medians(lines)["ours"])
        figures.append(
            one(
                f"upy.rate.{form}.gateway", rate, "events/s", "the same into the real gateway, which shares the machine"
            )
        )
    return figures


def memory(folder: Path, package: Path, peers: dict[str, float], said: str) -> list[Figure]:
    program = (
        "import gc\n"
        "def live():\n"
        "    gc.collect()\n"
        "    return gc.mem_alloc()\n"
        "start = live()\n"
        "import flight_client.core\n"
        "print('core', live() - start)\n"
        "import flight_client.session\n"
        "print('session', live() - start)\n"
        "import flight_client.client\n"
        "print('client', live() - start)\n"
        "try:\n"
        "    import flight_client.stream, flight_client.websocket, flight_client.polling\n"
        "except ImportError:\n"
        "    pass\n"
        "print('full', live() - start)\n"
    )
    where = Board(folder / "ram", package=package)
    (where.folder / "ram.py").write_text(program)
    lines = where.run("ram.py", heap="4m")
    figures = [
        one(
            f"upy.ram.{part}",
            figure(lines, part),
            "bytes",
            "after import, .mpy, 64 bits",
            ("umqtt.simple" if part != "full" else "mqtt_as") + said,
            peers[f"upy.ram.{part}"],
        )
        for part in ("core", "session", "full")
    ]
    small = Board(folder / "ram32", form="bytecode")
    shutil.rmtree(small.folder / "flight_client")
    install_compiled(small.folder, arch="")
    (small.folder / "ram.py").write_text(program)
    lines = wasm32.run(small.folder, "ram.py")
    figures += [
        one(f"upy.ram.{part}.32", figure(lines, part), "bytes", "after import, .mpy, bytecode, 32 bits")
        for part in ("core", "session", "client")
    ]
    return figures


def heaps(where: Board, gateway: int) -> list[Figure]:
    figures = []
    for style in ("poll", "asyncio"):
        for size in sorted({*HEAPS_KB, *range(80, 132, 4)}):
            with contextlib.suppress(subprocess.TimeoutExpired):
                code, _ = where.try_run("smallest_run.py", str(gateway), style, heap=f"{size}k", timeout_s=8)
                if code == 0:
                    figures.append(
                        one(f"upy.heap.{style}", size, "KB", "smallest heap, .mpy, 64 bits, code and 4 KB of rings")
                    )
                    break
    return figures


def processor(boards: dict[str, Board], sink: int, broker: int) -> list[Figure]:
    """Processor time for each event, beside the peer's where there is a broker."""
    peer_ns = round(processor_micropython.umqtt_ns(boards["bytecode"], broker)) if broker else None
    figures = []
    for form, where in boards.items():
        ours = round(processor_micropython.ours_ns(where, sink))
        peer = "umqtt.simple QoS 0" if broker else ""
        figures.append(one(f"upy.cpu.{form}", ours, "ns/event", "processor time, 44-byte events, raw", peer, peer_ns))
    return figures


def out_of_ram(folder: Path, package: Path, gateway: GatewayProcess) -> list[Figure]:
    """The same where the code lies in flash, and module by module as it was before it was put together."""
    figures = []
    for name, found, how in (
        (
            "readable",
            memory_micropython.readable(folder / "readable"),
            "after import, .mpy, one module for each source",
        ),
        (
            "romfs",
            memory_micropython.from_romfs(folder / "romfs", package),
            "after import, .mpy read in place from ROMFS",
        ),
    ):
        figures += [one(f"upy.ram.{part}.{name}", value, "bytes", f"{how}, 64 bits") for part, value in found.items()]
    frozen = memory_micropython.frozen(folder, gateway.port, gateway.token("board-1"))
    for name, value in frozen.items():
        part, _, bits = name.rpartition(".")
        kind, unit = ("", "KB") if part.startswith("heap") else ("ram.", "bytes")
        figures.append(one(f"upy.{kind}{part}.frozen.{bits}", value, unit, f"frozen into the unix port, {bits} bits"))
    if not frozen:
        print("frozen: not measured, FLIGHT_MICROPYTHON names no source of MicroPython")
    return figures


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="flight-bench-"))
    gateway = GatewayProcess(folder)
    gateway.start()
    figures: list[Figure] = []
    try:
        token = gateway.token()
        with mosquitto(folder) as broker:
            boards = {form: board(folder, form, token) for form in ("viper", "bytecode")}
            sink = Sink()
            figures += rates(boards, sink.port, gateway.port + 1, broker)
            figures += processor(boards, sink.port, broker)
            sink.close()
            peers = peer_figures(boards["viper"], broker)
            said = "" if broker else ", measured once"
        lines = boards["viper"].run("ack.py", str(gateway.port), str(ACKS))
        how = f"{ACKS} acknowledged events, one at a time, loopback"
        figures.append(
            one(
                "upy.ack.p50",
                figure(lines, "p50") / 1000,
                "ms",
                how,
                "umqtt.simple QoS 1" + said,
                peers["upy.ack.p50"],
            )
        )
        figures.append(one("upy.ack.p99", figure(lines, "p99") / 1000, "ms", how))
        lines = boards["viper"].run("steady_run.py", "10000", "raw")
        figures.append(
            one(
                "upy.alloc",
                figure(lines, "allocated"),
                "bytes",
                "10,000 events, 64 bits",
                "umqtt.simple QoS 0" + said,
                peers["upy.alloc"],
            )
        )
        lines = wasm32.run(boards["bytecode"].folder, "steady_run.py", "10000", "raw")
        figures.append(
            one("upy.alloc.32", figure(lines, "allocated"), "bytes", "10,000 events, 32 bits, full-range numbers")
        )
        install_compiled(folder / "compiled")
        package = folder / "compiled" / "flight_client"
        figures += memory(folder, package, peers, said)
        small = Board(folder / "small", package=package)
        (small.folder / "token").write_text(gateway.token("board-1"))
        figures += heaps(small, gateway.port)
        figures += out_of_ram(folder, package, gateway)
    finally:
        gateway.kill()
        shutil.rmtree(folder)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"{len(figures)} figures in {OUT}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
