"""`make bench-client`: what the console client costs, in counts that repeat to the last digit on any machine.

Instructions of every call over the states of a connection and the fills of its rings, counted by qemu-user; code and constant
tables as a linker keeps them; the deepest stack by gcc's call graph; memory as flight_need says. Ceilings stand here, with the
reason where one is missed. Figures go to build/bench/client.json.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from build_scripts import ctools, measure, targets
from build_scripts.targets import ROOT, RUNTIME, TARGETS, Target

RESULT = ROOT / "build" / "bench" / "client.json"
PROGRAM = ROOT / "benchmarks" / "client" / "bench_client.c"
SOURCES = [*targets.CORE, *targets.SESSION, *ctools.console_sources()]
PUBLIC = ROOT / "csrc" / "include" / "flight_client.h"

# What the goal of client.text counts: polling, and neither SHA-256 nor pieces (and so no differences) nor, as on a Dreamcast, a
# second socket. LZ4 falls to the linker: nothing calls it.
SMALL = [
    "-DFLIGHT_SESSION_PIECES=0",
    "-DFLIGHT_TCP=0",
    "-DFLIGHT_WEBSOCKET=0",
    "-DFLIGHT_PIPE=0",
    "-DFLIGHT_PROBE=0",
    "-DFLIGHT_DELTA=0",
]
# And without all that a game can do without.
LEAST = [*SMALL, "-DFLIGHT_COMMANDS=0", "-DFLIGHT_FORMAT=0", "-DFLIGHT_RECORDS=0", "-DFLIGHT_CRC=0"]
STACK_CEILING = 512
RAM_CEILING = 24 * 1024
TEXT_CEILING = 12 * 1024
TEXT_WHY = (
    "on SH-4 the session takes 15 KB, the core 6, polling 3, and the client's own calls 14 (of which records 2.2, commands 1.9,"
    " the formatter 1.6 can be left out: client.text_least); coreMQTT has no resume after a power cycle, no priorities, fallback"
    " or formatter"
)
# Instructions of one step of flight_poll, and of every other call. The largest step does two blocks of SHA-256, for the session
# key or a proof (22,000 on SH-4, 0.11 ms at 200 MHz); without it the largest takes 13,000. A device key is not among what is
# counted: with it every frame is hashed as well.
STEP_CEILING = 24_000
INIT = "client.init"


@dataclass
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    how: str
    ceiling: float | None = None
    why: str = ""

    @property
    def missed(self) -> bool:
        return self.ceiling is not None and self.value > self.ceiling


def count(target: Target, folder: Path) -> tuple[dict[str, tuple[int, str]], dict[str, int]]:
    """The most instructions of each call, and where; and the values that the program prints."""
    program = targets.build(target, folder, "client", [*SOURCES, PROGRAM], ["-O2"])
    command = [target.emulator, "-plugin", str(folder / "count.so"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    lines = [line.split() for line in done.stdout.splitlines()]
    rows = [line[1:] for line in lines if line[0] == "row"]
    marks = [int(line.split()[2]) for line in done.stderr.splitlines() if line.startswith("mark ")]
    if done.returncode != 0 or len(marks) != 2 * len(rows):
        raise measure.DisagreementError(f"{target.name}: {len(marks)} marks for {len(rows)} rows\n{done.stderr[-500:]}")
    counts = [after - before for before, after in zip(marks[::2], marks[1::2], strict=True)]
    empty = min(number for number, row in zip(counts, rows, strict=True) if row[0] == "nothing")
    most: dict[str, tuple[int, str]] = {}
    for number, (name, state, fill) in zip(counts, rows, strict=True):
        most[name] = max(most.get(name, (0, "")), (number - empty, f"{state}, rings {fill}"))
    del most["nothing"]
    return most, {line[1]: int(line[2]) for line in lines if line[0] == "value"}


def public_calls() -> list[str]:
    """The calls of flight_client.h."""
    return re.findall(
        r"^(?:int|void|flight_client \*)\s*\*?(flight_\w+)\(", PUBLIC.read_text(encoding="utf-8"), re.MULTILINE
    )


def code_bytes(target: Target, folder: Path, name: str, options: list[str], without: str = "") -> tuple[int, int]:
    """Code and constant tables that a linker keeps for the public calls. without: a source that is not counted."""
    place = folder / f"{name}.{target.name}"
    objects = targets.compile_objects(target, place, SOURCES, ["-Os", *options])
    objects = [path for path in objects if path.stem != without]
    kept = folder / f"{name}-kept.{target.name}"
    emulation = ["-m", "elf_x86_64"] if target.name == "x86_64" else []
    prefix = "_" if target.name == "sh4" and symbol_prefix(target, objects[0]) else ""
    keep = [part for call in public_calls() for part in ("-u", prefix + call)]
    targets.run([target.tool("ld"), *emulation, "-r", "--gc-sections", *keep, *objects, "-o", kept])
    rows = [row.split() for row in targets.run([target.tool("size"), "-A", kept]).splitlines()]
    sizes = [(row[0], int(row[1])) for row in rows if len(row) == 3 and row[1].isdigit()]
    code = sum(size for section, size in sizes if section.startswith(".text"))
    return code, sum(size for section, size in sizes if section.startswith(".rodata"))


def symbol_prefix(target: Target, path: Path) -> bool:
    """Whether this compiler puts an underscore in front of names."""
    names = targets.run([target.tool("nm"), "-P", "--defined-only", path]).split()
    return any(name.startswith("_flight_") for name in names)


def strangers(target: Target, folder: Path) -> tuple[set[str], int]:
    """Symbols beyond the memory functions, and bytes of variables, at either level of optimisation."""
    found: set[str] = set()
    size = 0
    for level in ("-O2", "-Os"):
        objects = targets.compile_objects(target, folder / f"plain{level}.{target.name}", SOURCES, [level])
        pairs = [row.split()[:2] for row in targets.run([target.tool("nm"), "-P", *objects]).splitlines() if " " in row]
        defined = {name for name, kind in pairs if kind != "U"}
        found |= {name for name, kind in pairs if kind == "U"} - defined
        sections = [row.split() for row in targets.run([target.tool("size"), "-A", *objects]).splitlines()]
        variable = (".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss")
        size += sum(int(row[1]) for row in sections if len(row) == 3 and row[0].startswith(variable))
    return {name.lstrip("_") for name in found} - measure.MEMORY_FUNCTIONS, size


def stacks(target: Target, folder: Path) -> dict[str, int]:
    """The deepest stack of each public call, calls of the port and of handlers excluded."""
    place = folder / f"stack.{target.name}"
    targets.compile_objects(target, place, [*SOURCES, *RUNTIME], ["-O2"])
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for path in place.glob("*.ci"):
        text = path.read_text(encoding="utf-8")
        for name, size in re.findall(r'node: \{ title: "([^"]+)" label: "[^"]*?\\n(\d+) bytes', text):
            frames[name] = int(size)
        for caller, callee in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(caller, set()).add(callee)
    # The session calls its prover by pointer, which the graph cannot know: it is the client's own.
    prover = {name for name in frames if name.endswith(("flight_client_proof.c:begin", "flight_client_proof.c:prove"))}
    for user, callees in calls.items():
        if "__indirect_call" in callees and "flight_session" in user:
            callees.update(prover)
    # So it is with the handler of the channel of commands.
    commands = {name for name in frames if name.endswith("flight_client_commands.c:take_command")}
    for user, callees in calls.items():
        if "__indirect_call" in callees and ("flight_client_deliver" in user or "flight_deliver_step" in user):
            callees.update(commands)

    def deepest(name: str, above: tuple[str, ...] = ()) -> int:
        if name in above:
            raise measure.DisagreementError(f"{target.name}: {name} calls itself: its stack has no bound")
        return frames.get(name, 0) + max((deepest(below, (*above, name)) for below in calls.get(name, ())), default=0)

    return {call: deepest(call) for call in public_calls()}


def rows_of(target: Target, folder: Path, *, quick: bool = False) -> list[Row]:
    """All figures of one instruction set. quick: without code sizes and symbols, which take four more builds."""
    isa = target.name
    most, values = count(target, folder)
    rows = [
        Row(
            f"{name}.{isa}",
            number,
            "instructions",
            f"most over states and fills: {where}",
            None if name == INIT else STEP_CEILING,
        )
        for name, (number, where) in most.items()
        if name != "client.poll"
    ]
    number, where = most["client.poll"]
    rows.append(Row(f"client.poll.{isa}", number, "instructions", f"a whole round without a budget: {where}"))
    deep = stacks(target, folder)
    for name, call in (("stack", "flight_poll"), ("stack_log", "flight_log"), ("stack_crash", "flight_crash")):
        how = f"gcc call graph, {call} without the port's calls"
        rows.append(Row(f"client.{name}.{isa}", deep[call], "bytes", how, STACK_CEILING if isa != "x86_64" else None))
    worst = max(deep, key=lambda name: deep[name])
    rows.append(Row(f"client.stack_worst.{isa}", deep[worst], "bytes", f"gcc call graph, {worst}"))
    rows += [Row(f"{name}.{isa}", value, "bytes", "flight_need", RAM_CEILING) for name, value in values.items()]
    return rows if quick else [*rows, *size_rows(target, folder)]


def size_rows(target: Target, folder: Path) -> list[Row]:
    """Code, symbols and variables."""
    isa = target.name
    rows = []
    code, tables = code_bytes(target, folder, "text", SMALL, "flight_sha256")
    ceiling = TEXT_CEILING if isa == "sh4" else None
    how = f"{code} code + {tables} tables, -Os, polling alone, without SHA-256 and pieces"
    rows.append(Row(f"client.text.{isa}", code + tables, "bytes", how, ceiling, TEXT_WHY))
    code, tables = code_bytes(target, folder, "least", LEAST, "flight_sha256")
    how = f"{code} code + {tables} tables, as client.text, and without commands, formatter, records and the table of the CRC"
    rows.append(Row(f"client.text_least.{isa}", code + tables, "bytes", how))
    code, tables = code_bytes(target, folder, "whole", [])
    rows.append(
        Row(f"client.text_whole.{isa}", code + tables, "bytes", f"{code} code + {tables} tables, -Os, everything")
    )
    names, variables = strangers(target, folder)
    rows.append(Row(f"client.undefined.{isa}", len(names), "symbols", f"nm: {', '.join(sorted(names)) or 'none'}", 0))
    rows.append(Row(f"client.variables.{isa}", variables, "bytes", "size", 0))
    return rows


def prepare(folder: Path) -> None:
    """The counting plugin, and the compiler's."""
    targets.build_plugin(folder)
    plugin = measure.BENCH / "count_plugin.c"
    targets.run(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", plugin, "-o", folder / "count.so"])


def write(rows: list[Row]) -> None:
    """The figures as JSON, one a line."""
    figures = [measure.Figure(row.name, row.value, row.unit, None, None, None, row.how) for row in rows]
    measure.write(figures, RESULT)


def show(rows: list[Row]) -> None:
    for row in rows:
        top = "" if row.ceiling is None else f"{measure.number(row.ceiling):>8} {'MISSED' if row.missed else 'ok':<6}"
        print(f"{row.name:<28}{measure.number(row.value):>9} {row.unit:<12} {top:<16} {row.how}")
    for row in rows:
        if row.missed:
            print(f"  missed: {row.name} {measure.number(row.value)} of {measure.number(row.ceiling or 0)}: {row.why}")


def main() -> int:
    """Measure, show, write."""
    lacks = [lack for lack in map(targets.missing, TARGETS.values()) if lack]
    if lacks:
        print("bench-client:", "\n".join(lacks), file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="flight-bench-client-"))
    try:
        prepare(folder)
        with ThreadPoolExecutor(2) as pool:
            rows = [row for part in pool.map(lambda target: rows_of(target, folder), TARGETS.values()) for row in part]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(rows)
    write(rows)
    print(f"written to {RESULT.relative_to(ROOT)}")
    return 1 if any(row.missed and not row.why for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
