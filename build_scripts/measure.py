"""`make bench-core`: what the C core costs, in counts that repeat to the last digit on any machine.

Instructions are counted by qemu-user with benchmarks/core/count_plugin.c between two marks, less those of an operation that
does nothing; they are not cycles. Code is what a linker keeps for the public calls; stack is the deepest chain of gcc's call
graph, checked against painted memory; memory is flight_core_need, checked against sizeof and the formula. Ceilings and quoted
peers stand in benchmarks/core/goals.toml, peers that are measured in the same run, on x86-64, in benchmarks/core/peers; the
figures to compare with in benchmarks/baseline/core.json.

Exit status 1: a figure is more than 5 % above the baseline, is gone, or two ways to it disagree. A missed ceiling is listed
with its reason; a peer out of reach is listed with what is in the way.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from build_scripts import peers, targets
from build_scripts.targets import CORE, ROOT, RUNTIME, TARGETS, Target

BENCH = ROOT / "benchmarks" / "core"
PROGRAM = [BENCH / "bench_core.c", BENCH / "bench_payloads.c"]
BASELINE = ROOT / "benchmarks" / "baseline" / "core.json"
RESULT = ROOT / "build" / "bench" / "core.json"
SPEC = ROOT / "spec" / "flight.toml"
TOLERANCE = 1.05
REPEATS = 50  # as in bench_core.c
MEMORY_FUNCTIONS = {"memcpy", "memmove", "memset", "memcmp"}

# Instructions are counted with slicing-by-4, bytes with the byte table.
SLICING = "-DFLIGHT_CRC=4"
# Delta works on the fixed parts of layouts; this one of 48 bytes is known to the core's builds for tests only.
EVENT = "-DFLIGHT_TEST_LAYOUT=0x0f"
QUOTED = "peer quoted, its revision behind its name"
CRC_USED = "CRC by slicing-by-4"
# The calls whose code core.text counts: others are options or not for the steady path.
COUNTED = re.compile(r"flight_(ring|frame|stream|batch|delta|age|layout|crc32c|header_check)")


GARBAGE = re.compile(r"core\.resync\D*(\d+)")  # these count per byte


@dataclass
class Figure:
    """One row of the result. A row against a further peer repeats the value; its name is the figure's and the peer's."""

    name: str
    value: float
    unit: str
    peer: str | None
    peer_value: float | None
    ratio: float | None
    how: str


Goals = dict[str, dict[str, Any]]


def read_goals() -> Goals:
    """The tables of goals.toml by their dotted names."""

    def flatten(prefix: str, table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for key, value in table.items():
            if "what" in value:
                yield prefix + key, value
            else:
                yield from flatten(f"{prefix}{key}.", value)

    return dict(flatten("", tomllib.loads((BENCH / "goals.toml").read_text(encoding="utf-8"))))


def goal_of(goals: Goals, name: str) -> tuple[dict[str, Any], str]:
    """The goal of a figure and the instruction set in its name, if there is one. A further peer's name may stand behind."""
    stem, isa = name, ""
    while stem not in goals:
        if "." not in stem:
            raise KeyError(f"goals.toml has nothing about {name}")
        stem, _, last = stem.rpartition(".")
        isa = last if last in TARGETS else isa
    return goals[stem], isa


def is_figure(goals: Goals, name: str) -> bool:
    """Whether a row is one of the core's own: the rows against further peers are not."""
    stem, _, isa = name.rpartition(".")
    return name in goals or (stem in goals and isa in TARGETS)


def pick(goal: dict[str, Any], key: str, isa: str) -> Any:
    """What a goal says for an instruction set, where it says something."""
    value = goal.get(key)
    return value.get(isa) if isinstance(value, dict) else value


def figure(goals: Goals, name: str, value: float, unit: str, how: str) -> Figure:
    """A row with its quoted peer."""
    goal, isa = goal_of(goals, name)
    row = Figure(name, value, unit, None, None, None, f"{goal['what']}; {how}")
    return against(row, name, goal["peer"], pick(goal, "peer_value", isa), QUOTED) if "peer" in goal else row


def against(row: Figure, name: str, peer: str, peer_value: float | None, how: str) -> Figure:
    """The row set against a peer, if there is a figure of it."""
    if not peer_value:
        return row
    ratio = round(row.value / peer_value, 3)
    return replace(row, name=name, peer=peer, peer_value=float(peer_value), ratio=ratio, how=f"{row.how}; {how}")


def further_rows(goals: Goals, row: Figure, measured: list[peers.Measured]) -> list[Figure]:
    """The same figure against each further peer: those measured in this run on x86-64, else those quoted."""
    goal, isa = goal_of(goals, row.name)
    plain = replace(row, how=row.how.removesuffix(f"; {QUOTED}"))
    found = []
    if isa in {"", "x86_64"}:
        for one in measured:
            if one.operation == row.name.removesuffix(".x86_64"):
                how = f"peer measured in this run, version {one.peer.version}"
                found.append(against(plain, f"{row.name}.{one.peer.name}", one.peer.full_name, one.value, how))
    for other in goal.get("further", []):
        value = pick(other, "peer_value", isa)
        name = f"{row.name}.{other['name']}"
        if value and name not in {one.name for one in found}:
            found.append(against(plain, name, other["peer"], value, QUOTED))
    return found


# --- measuring ---


class DisagreementError(Exception):
    """Two ways to one figure give different answers, or the program says that an operation did not do its work."""


def count_between_marks(
    target: Target, program: Path, folder: Path
) -> tuple[dict[str, float], dict[str, str], dict[str, int]]:
    """Instructions of each operation of a program, what it says about them, and the values that it prints."""
    command = [target.emulator, "-plugin", str(folder / "count.so"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    rows = [line.split() for line in done.stdout.splitlines()]
    if done.returncode != 0:
        raise DisagreementError(
            f"{target.name}: {program.name} ends with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    marks = [int(line.split()[2]) for line in done.stderr.splitlines() if line.startswith("mark ")]
    operations = [row for row in rows if row[0] == "operation"]
    if len(marks) != 2 * len(operations):
        raise DisagreementError(
            f"{target.name}: {len(marks)} marks for {len(operations)} operations: plugin not loaded?"
        )
    totals = [after - before for before, after in zip(marks[::2], marks[1::2], strict=True)]
    counts = {row[1]: (total - totals[0]) / REPEATS for row, total in zip(operations, totals, strict=True)}
    return counts, {row[1]: row[2] for row in operations}, {row[1]: int(row[2]) for row in rows if row[0] == "value"}


def count_instructions(target: Target, folder: Path) -> tuple[dict[str, float], dict[str, int], dict[str, int]]:
    """Instructions and painted stack of each operation of the core, and the values that the program prints."""
    program = targets.build(target, folder, "bench", [*CORE, *PROGRAM], ["-O2", SLICING, EVENT])
    counts, painted, values = count_between_marks(target, program, folder)
    return (
        {name: round(count) for name, count in counts.items()},
        {name: int(text) for name, text in painted.items()},
        values,
    )


def measure_peers(folder: Path) -> tuple[list[peers.Measured], list[str]]:
    """The peers in reach, counted as the core is, and why the others are not."""

    def count(program: Path) -> tuple[dict[str, float], dict[str, int]]:
        counts, _, values = count_between_marks(TARGETS["x86_64"], program, folder)
        return counts, values

    return peers.measure(peers.read_peers(), folder, count)


def code_bytes(target: Target, folder: Path, level: str) -> tuple[int, int]:
    """Code and constant tables that a linker keeps for the counted calls."""
    objects = targets.compile_objects(target, folder / f"text{level}.{target.name}", CORE, [level])
    symbols = targets.run([target.tool("nm"), "-P", "--defined-only", *objects]).splitlines()
    cut = [line.split() for line in symbols if len(line.split()) >= 2]
    roots = [words[0] for words in cut if words[1] == "T" and COUNTED.match(words[0].lstrip("_"))]
    kept = folder / f"kept{level}.{target.name}"
    emulation = ["-m", "elf_x86_64"] if target.name == "x86_64" else []
    keep = [part for root in roots for part in ("-u", root)]
    targets.run([target.tool("ld"), *emulation, "-r", "--gc-sections", *keep, *objects, "-o", kept])
    rows = [row.split() for row in targets.run([target.tool("size"), "-A", kept]).splitlines()]
    sizes = [(row[0], int(row[1])) for row in rows if len(row) == 3 and row[1].isdigit()]
    code = sum(size for name, size in sizes if name.startswith(".text"))
    return code, sum(size for name, size in sizes if name.startswith(".rodata"))


def needs(target: Target, folder: Path) -> tuple[int, int]:
    """Symbols beyond the memory functions, and bytes of variables."""
    objects = targets.compile_objects(target, folder / f"whole.{target.name}", CORE, ["-O2"])
    rows = [row.split() for row in targets.run([target.tool("nm"), "-P", *objects]).splitlines()]
    pairs = [(row[0], row[1]) for row in rows if len(row) >= 2]
    defined = {name for name, kind in pairs if kind != "U"}
    undefined = {name for name, kind in pairs if kind == "U"} - defined - MEMORY_FUNCTIONS
    sections = [row.split() for row in targets.run([target.tool("size"), "-A", *objects]).splitlines()]
    variable = (".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss")
    return len(undefined), sum(int(row[1]) for row in sections if len(row) == 3 and row[0].startswith(variable))


def call_chains(target: Target, folder: Path) -> tuple[list[str], Callable[[str], int]]:
    """The core's functions, and a function from a name in the call graph to the stack of its deepest call chain."""
    sources = [*CORE, *RUNTIME, *PROGRAM]
    place = folder / f"stack.{target.name}"
    targets.compile_objects(target, place, sources, ["-O2", SLICING, EVENT])
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for path in place.glob("*.ci"):
        text = path.read_text(encoding="utf-8")
        for name, size in re.findall(r'node: \{ title: "([^"]+)" label: "[^"]*?\\n(\d+) bytes', text):
            frames[name] = int(size)
        for caller, callee in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(caller, set()).add(callee)

    def deepest(name: str, above: tuple[str, ...] = ()) -> int:
        if not above and name not in frames:
            raise DisagreementError(f"{target.name}: the call graph does not know {name}")
        if name in above:
            raise DisagreementError(f"{target.name}: {name} calls itself: its stack has no bound")
        return frames.get(name, 0) + max((deepest(below, (*above, name)) for below in calls.get(name, ())), default=0)

    return [name for name in frames if re.fullmatch(r"flight_\w+", name)], deepest


OPERATION = re.compile(r'\{"([\w.]+)", \w+, (\w+)\}')


def worst_stack(target: Target, folder: Path, painted: dict[str, int]) -> tuple[int, int, str]:
    """Deepest public call by the call graph, deepest painted operation, and the name of the first."""
    functions, deepest = call_chains(target, folder)
    operations = [(source, *found) for source in PROGRAM for found in OPERATION.findall(source.read_text("utf-8"))]
    if {name for _, name, _ in operations} != set(painted):
        raise DisagreementError(f"{target.name}: the program ran other operations than its source lists")
    for source, name, function in operations:
        chain = deepest(f"{source}:{function}") + painted["nothing"]
        if painted[name] > chain:
            raise DisagreementError(f"{target.name}: {name} touched {painted[name]} bytes, the call graph says {chain}")
    worst = max((name for name in functions if name != "flight_selftest"), key=deepest)
    return deepest(worst), max(painted.values()) - painted["nothing"], worst


def check_ram(values: dict[str, int]) -> None:
    """What flight_core_need says, what sizeof says and the formula must agree to the byte."""
    profiles = tomllib.loads(SPEC.read_text(encoding="utf-8"))["profiles"]
    for profile in profiles:
        slots = profile["critical_slots"] + profile["lossy_slots"]
        whole = 2 * values["sizeof.flight_ring"] + slots * profile["slot_bytes"]
        whole += (2 + profile["window_frames"]) * profile["frame_bytes"]
        stream = whole + values["sizeof.flight_stream"] + profile["frame_bytes"]
        for name, formula in ((f"core.ram.{profile['name']}", whole), (f"core.ram_stream.{profile['name']}", stream)):
            if name not in values:
                continue
            need, size = values[name], values[f"sizeof.{name}"]
            if not formula == need == size:
                raise DisagreementError(f"{name}: the formula says {formula}, flight_core_need {need}, sizeof {size}")


def check_linear(counts: dict[str, float], isa: str) -> None:
    """Ten times the garbage may cost ten times the work and not more."""
    for kind in ("core.resync", "core.resync_headers"):
        short, long = counts[f"{kind}640"] / 640, counts[f"{kind}6400"] / 6400
        if long > short * TOLERANCE:
            raise DisagreementError(f"{isa}: {kind} takes {short:.1f} instructions a byte at 640, {long:.1f} at 6,400")


def measure(target: Target, folder: Path, goals: Goals) -> list[Figure]:
    """All figures of one instruction set."""
    isa = target.name
    counts, painted, values = count_instructions(target, folder)
    check_linear(counts, isa)
    qemu = f"qemu-user, gcc -O2, {CRC_USED}"
    rows = []
    for name, count in counts.items():
        garbage = GARBAGE.fullmatch(name)
        if garbage:
            rows.append(figure(goals, f"{name}.{isa}", round(count / int(garbage[1]), 1), "per byte", qemu))
        elif name != "nothing":
            rows.append(figure(goals, f"{name}.{isa}", count, "instructions", qemu))
    for name, level in (("core.text", "-Os"), ("core.text_o2", "-O2")):
        code, tables = code_bytes(target, folder, level)
        rows.append(figure(goals, f"{name}.{isa}", code + tables, "bytes", f"{code} code + {tables} tables"))
        if level == "-Os":
            rows.append(figure(goals, f"core.tables.{isa}", tables, "bytes", "linker, unused sections dropped"))
    stack, touched, worst = worst_stack(target, folder, painted)
    rows.append(figure(goals, f"core.stack.{isa}", stack, "bytes", f"gcc call graph, {worst}"))
    rows.append(figure(goals, f"core.stack_painted.{isa}", touched, "bytes", "painted"))
    undefined, variables = needs(target, folder)
    rows.append(figure(goals, f"core.undefined.{isa}", undefined, "symbols", "nm"))
    rows.append(figure(goals, f"core.variables.{isa}", variables, "bytes", "size"))
    check_ram(values)
    if isa == "sh4":  # the same on every 32-bit one
        names = sorted(name for name in values if name.startswith("core."))
        rows += [figure(goals, name, values[name], "bytes", "printed by the program on SH-4") for name in names]
    return rows


# --- judging ---


def read_baseline() -> dict[str, float]:
    """The committed figures by name."""
    if not BASELINE.exists():
        return {}
    return {row["name"]: float(row["value"]) for row in json.loads(BASELINE.read_text(encoding="utf-8"))}


def number(value: float) -> str:
    """A figure as people read it."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def show(rows: list[Figure], goals: Goals, baseline: dict[str, float]) -> list[str]:
    """Print the table. Returns a line for each missed ceiling, with the reason where the goal gives one."""
    missed = []
    print(f"{'figure':<31}{'value':>9}  {'unit':<13}{'ceiling':>8}  {'':<7}{'before':>9}  {'ratio':>6}  peer")
    for row in rows:
        goal, isa = goal_of(goals, row.name)
        peer = ""
        if row.peer_value:
            origin = "quoted" if row.how.endswith(QUOTED) else "measured"
            peer = f"{row.ratio:>6.2f}  {number(row.peer_value)} {row.peer}; {origin}"
        if not is_figure(goals, row.name):
            print(f"{'':<83}{peer}")
            continue
        ceiling = pick(goal, "ceiling", isa)
        word = "" if ceiling is None else ("ok" if row.value <= ceiling else "MISSED")
        if word == "MISSED":
            why = pick(goal, "why", isa)
            missed.append(f"{row.name} {number(row.value)} of {number(ceiling)}{': ' + why if why else ''}")
        before = number(baseline[row.name]) if row.name in baseline else "-"
        top = "-" if ceiling is None else number(ceiling)
        print(f"{row.name:<31}{number(row.value):>9}  {row.unit:<13}{top:>8}  {word:<7}{before:>9}  {peer}".rstrip())
    return missed


def regressions(rows: list[Figure], baseline: dict[str, float]) -> list[str]:
    """What is worse than before, in words."""
    found = []
    now = {row.name: row.value for row in rows}
    for name, before in baseline.items():
        if name not in now:
            found.append(f"{name} is gone; it was {number(before)}")
        elif now[name] > before * TOLERANCE:
            found.append(f"{name} rose from {number(before)} to {number(now[name])}")
    return found


def write(rows: list[Figure], path: Path) -> None:
    """The figures as JSON, one a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join("  " + json.dumps(asdict(row)) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> int:
    """Measure, show, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="make these figures the ones to compare with")
    update = parser.parse_args().update
    lacks = [lack for lack in map(targets.missing, TARGETS.values()) if lack]
    if lacks:
        print("bench-core:", "\n".join(lacks), file=sys.stderr)
        return 1
    goals, baseline = read_goals(), read_baseline()
    folder = Path(tempfile.mkdtemp(prefix="flight-bench-"))
    try:
        targets.build_plugin(folder)
        plugin = BENCH / "count_plugin.c"
        targets.run(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", plugin, "-o", folder / "count.so"])
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda target: measure(target, folder, goals), TARGETS.values()))
        measured, not_measured = measure_peers(folder)
    except (DisagreementError, RuntimeError) as error:
        print(f"bench-core: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    order = {name: at for at, name in enumerate(goals)}
    everything = [row for part in parts for row in part]
    figures = sorted(everything, key=lambda row: order.get(row.name, order.get(row.name.rpartition(".")[0], 0)))
    rows = [row for one in figures for row in (one, *further_rows(goals, one, measured))]
    missed = show(rows, goals, baseline)
    write(rows, RESULT)
    print(f"\n{CRC_USED}. Figures written to {RESULT.relative_to(ROOT)}")
    for line in not_measured:
        print(f"not measured: {line}")
    print(f"{len(missed)} ceilings missed{':' if missed else ''}")
    for line in missed:
        print(f"  {line}")
    if update:
        write(figures, BASELINE)
        print(f"{BASELINE.relative_to(ROOT)} now holds these figures")
        return 0
    worse = regressions(figures, baseline)
    for line in worse:
        print(f"bench-core: {line}", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
