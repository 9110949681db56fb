"""Branch and MC/DC coverage of the C core by its own test programs (tests/ctest, tests/twin), by clang.

`python -m build_scripts.coverage_c` prints one row per file and each branch or condition that is not covered, and fails
where that is more than tests/ctest/not_covered.txt argues for. What could be closed and is not yet stands in
tests/ctest/coverage_open.txt with its count, which may only fall. An inline function of a header counts as covered where any
of the files that include it covers it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from build_scripts import ctools

EXCLUSIONS = ctools.TESTS / "ctest" / "not_covered.txt"
TRACES = ctools.ROOT / "spec" / "traces"
OPEN = ctools.TESTS / "ctest" / "coverage_open.txt"
FLAGS = ["-O0", "-g1", "-fprofile-instr-generate", "-fcoverage-mapping", "-fcoverage-mcdc"]
# What the preprocessor leaves out in one build is there in another.
BUILDS = {
    "coverage": [],
    "coverage-strict": ["-DFLIGHT_STRICT_ALIGNMENT", "-DFLIGHT_CHECK_32", "-DFLIGHT_CRC=4"],
    "coverage-nibbles": ["-DFLIGHT_CRC=0"],
}
# The most lines of arguments for what is not covered.
EXCLUSION_LINES = 5

Place = tuple[int, int]


@dataclass
class FileCoverage:
    """What one file has, by line and column: outcomes of branches, and conditions that decide on their own."""

    branches: dict[tuple[Place, bool], bool] = field(default_factory=lambda: defaultdict(bool))
    conditions: dict[tuple[str, int, int], bool] = field(default_factory=lambda: defaultdict(bool))
    lines: dict[int, bool] = field(default_factory=dict)


def exclusions(path: Path = EXCLUSIONS) -> dict[tuple[str, str], str]:
    """(file, text of the line) and why it is not covered."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            name, text, reason = (part.strip() for part in line.split(" | "))
            found[name, text] = reason
    return found


def left_open(path: Path = OPEN) -> dict[str, int]:
    """How much of which file is known to be open: file | count | why."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            name, count, reason = (part.strip() for part in line.split(" | "))
            if int(count) < 1 or len(reason) < 10 or name in found:
                raise SystemExit(f"{path.name}: no open file with a count and a reason: {line}")
            found[name] = int(count)
    return found


def ratchet(open_lines: list[str], allowed: dict[str, int]) -> list[str]:
    """What is wrong with the counts of the open lines: more than allowed is a regression, fewer makes the table stale."""
    counts = Counter(text.partition(":")[0] for text in set(open_lines))
    return [
        f"{name}: {counts[name]} open, coverage_open.txt says {allowed.get(name, 0)}"
        + (": lower it" if counts[name] < allowed.get(name, 0) else "")
        for name in sorted({*counts, *allowed})
        if counts[name] != allowed.get(name, 0)
    ]


def measure() -> dict[str, FileCoverage]:
    """Run the test program in every build and read what was reached."""
    profdata = ctools.find_tool("llvm-profdata-19", "llvm-profdata", package="llvm-19")
    cov = ctools.find_tool("llvm-cov-19", "llvm-cov", package="llvm-19")
    files: dict[str, FileCoverage] = defaultdict(FileCoverage)

    def add(name: str, sources: list[Path], flags: list[str], arguments: list[str | Path], part: str) -> None:
        program = ctools.program(name, sources, [*FLAGS, *flags])
        raw, merged = ctools.BUILD / f"{name}.profraw", ctools.BUILD / f"{name}.profdata"
        good(["env", f"LLVM_PROFILE_FILE={raw}", program, *arguments])
        good([profdata, "merge", "-sparse", raw, "-o", merged])
        collect(json.loads(good([cov, "export", program, f"-instr-profile={merged}"]))["data"][0], files, part)

    for name, flags in BUILDS.items():
        add(name, [*ctools.core_sources(), *ctools.ctest_sources()], flags, ["--brief"], "/csrc/")
    # The session has a program of its own (tests/twin), which replays spec/traces; it covers nothing of the core.
    session = [*ctools.core_sources(), *ctools.session_sources(), *ctools.twin_sources()]
    add("coverage-session", session, [], sorted(TRACES.glob("*.txt")), "/csrc/src/flight_session")
    return files


def good(command: list[str | Path]) -> str:
    """What a program prints; the end of this one where it fails."""
    done = ctools.run(command)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def collect(data: dict[str, Any], files: dict[str, FileCoverage], part: str = "/csrc/") -> None:
    """Add one build, by file whose path holds `part`, all instantiations of a function together."""
    for function in data["functions"]:
        names = function["filenames"]
        for branch in function["branches"]:
            if part in names[branch[6]]:
                place = (branch[0], branch[1])
                entry = files[names[branch[6]]]
                entry.branches[place, True] |= branch[4] > 0
                entry.branches[place, False] |= branch[5] > 0
        if part not in names[0]:
            continue
        # A decision inside a macro has the macro's line, so they are told apart by function and order.
        short = function["name"].rpartition(":")[2]
        for order, record in enumerate(function.get("mcdc_records", [])):
            for number, covered in enumerate(record[-1]):
                files[names[0]].conditions[f"{short} decision {order + 1}", record[0], number] |= bool(covered)
        for region in function["regions"]:
            if region[7] == 0 and region[5] == 0:
                reached = files[names[0]].lines
                reached[region[0]] = reached.get(region[0], False) or region[4] > 0


def missing(coverage: FileCoverage) -> list[tuple[int, str]]:
    """Line and words for everything that was not reached."""
    found = [(line, "never executed") for line, reached in coverage.lines.items() if not reached]
    found += [
        (place[0], f"column {place[1]} is never {str(outcome).lower()}")
        for (place, outcome), reached in coverage.branches.items()
        if not reached
    ]
    found += [
        (line, f"{decision}: condition {number + 1} never decides alone")
        for (decision, line, number), reached in coverage.conditions.items()
        if not reached
    ]
    return sorted(found)


def argued(exclusion: tuple[str, str], key: tuple[str, str]) -> bool:
    """Whether an exclusion is about this line: `*` is any file or any line, else the line holds the text."""
    return exclusion[0] in {"*", key[0]} and (exclusion[1] == "*" or exclusion[1] in key[1])


def share(reached: list[bool]) -> str:
    """A percentage with its counts."""
    part, every = sum(reached), len(reached)
    return f"{100 * part / every if every else 100:6.2f} % {f'({part}/{every})':>11}"


def main() -> int:
    """Measure and print."""
    files = measure()
    excluded = exclusions()
    used: set[tuple[str, str]] = set()
    open_lines = []
    print(f"{'file':<24} {'branches':>20} {'MC/DC conditions':>20}")
    for path, coverage in sorted(files.items()):
        name = Path(path).name
        print(f"{name:<24} {share([*coverage.branches.values()])} {share([*coverage.conditions.values()])}")
        source = Path(path).read_text(encoding="utf-8").splitlines()
        for line, words in missing(coverage):
            key = (name, re.sub(r"\s+", " ", source[line - 1].strip()))
            reason = next((each for each in excluded if argued(each, key)), None)
            if reason is not None:
                used.add(reason)
            else:
                open_lines.append(f"{name}:{line}: {words}: {key[1]}")
    branches = [reached for coverage in files.values() for reached in coverage.branches.values()]
    conditions = [reached for coverage in files.values() for reached in coverage.conditions.values()]
    print(f"{'all':<24} {share(branches)} {share(conditions)}")
    core = [coverage for path, coverage in files.items() if (Path(path).name, "*") not in excluded]
    branches = [reached for coverage in core for reached in coverage.branches.values()]
    conditions = [reached for coverage in core for reached in coverage.conditions.values()]
    print(f"{'without excluded files':<24} {share(branches)} {share(conditions)}")
    print(f"lines with something open and not argued for: {len(set(open_lines))}")
    for key in sorted(used):
        print(f"argued for: {key[0]}: {key[1]}: {excluded[key]}")
    for text in open_lines:
        print(text)
    wrong = ratchet(open_lines, left_open())
    for text in wrong:
        print(text)
    stale = sorted(set(excluded) - used)
    for key in stale:
        print(f"covered, or gone, and still excluded: {key[0]}: {key[1]}")
    return 1 if wrong or stale or len(excluded) > EXCLUSION_LINES else 0


if __name__ == "__main__":
    sys.exit(main())
