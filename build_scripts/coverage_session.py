"""Branch coverage of flight_client/session by its own tests: `python -m build_scripts.coverage_session`.

Tests that depend on chance (the lives of a device under random faults, hypothesis, damaged bytes) are left out: what only
they reach is reached by luck. So are those of the other interpreter. Prints each place that is not reached, and fails then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = "flight_client/session"
TESTS = "tests/session"
LEFT_OUT = (
    "test_exactly_once.py",
    "test_any_life.py",
    "test_micropython.py",
    "test_hmac_sha256.py",
    "test_coverage.py",
)
CHANCE = "not damaged and not random and not fleet and not StoreAgainstAList and not no_row_of_frames"


@dataclass
class FileCoverage:
    """What one module has."""

    branches: int
    lines: list[int]  # never reached
    jumps: list[tuple[int, int]]  # from a line that was reached to one that never followed it; below 0: the end


def measure(folder: Path) -> dict[str, FileCoverage]:
    """Run the tests with their data in this folder. Raises RuntimeError when one of them fails."""
    data = folder / "session.coverage"
    command = [sys.executable, "-m", "coverage", "run", f"--data-file={data}", "--branch", "--rcfile=/dev/null"]
    command += [f"--source={MODULES}", "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS, "-k", CHANCE]
    command += [f"--ignore={TESTS}/{name}" for name in LEFT_OUT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the tests of the session fail under coverage:\n{done.stdout[-4000:]}{done.stderr[-1000:]}")
    return read(data, f"{ROOT / MODULES}/*")


def read(data: Path, of: str) -> dict[str, FileCoverage]:
    """What `coverage run` found of the files that fit the pattern, by name."""
    report = data.with_suffix(".json")
    command = [
        sys.executable,
        "-m",
        "coverage",
        "json",
        f"--data-file={data}",
        "--rcfile=/dev/null",
        "-q",
        "-o",
        str(report),
    ]
    subprocess.run([*command, f"--include={of}"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    found = {}
    for name, file in sorted(files.items()):
        jumps = [(first, last) for first, last in file["missing_branches"]]
        short = name.partition(f"{MODULES}/")[2] or Path(name).name
        found[short] = FileCoverage(file["summary"]["num_branches"], file["missing_lines"], jumps)
    return found


def open_places(files: dict[str, FileCoverage]) -> list[str]:
    """Each line and each jump that no test reaches."""
    found = []
    for name, file in files.items():
        found += [f"{name}: line {line} is never reached" for line in file.lines]
        found += [
            f"{name}: from line {first} never {'to line ' + str(last) if last > 0 else 'to the end'}"
            for first, last in file.jumps
        ]
    return found


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        files = measure(Path(folder))
    places = open_places(files)
    for place in places:
        print(place)
    branches = sum(file.branches for file in files.values())
    print(f"session: {branches} branches of {len(files)} modules, {len(places)} places not reached")
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
