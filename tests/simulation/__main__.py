"""Run seeds: `python -m tests.simulation --seeds 1..500 --jobs 2`."""

import argparse
import sys
import time

from .campaign import Report, campaign, show_one
from .mutants import MUTANTS, killed_by
from .world import Result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", default="1..500", help="first..last")
    parser.add_argument("--seed", type=int, help="one seed")
    parser.add_argument("--log", action="store_true", help="with --seed: print every message")
    parser.add_argument("--mutants", action="store_true", help="run every protocol mutant until something notices it")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.seed is not None:
        return show_one(options.seed, options.log)
    if options.mutants:
        return _mutants()
    first, _, last = options.seeds.partition("..")
    began = time.perf_counter()
    report = campaign(range(int(first), int(last or first) + 1), options.jobs, _say_how_far)
    print(report.text())
    print(f"{time.perf_counter() - began:.0f} s of this machine")
    return 1 if report.failures() else 0


def _say_how_far(report: Report, result: Result) -> None:
    """For runs of hours: what they found is seen at once, and what they did is not lost with them."""
    for problem in result.problems:
        print(f"seed {result.seed}: {problem}", flush=True)
    if report.seeds % 1000 == 0:
        print(f"{report.seeds} seeds, {len(report.failed)} failed", flush=True)


def _mutants() -> int:
    survivors = 0
    for name in MUTANTS:
        killer = killed_by(name)
        survivors += not killer
        print(f"{name}: {killer or 'SURVIVED'}", flush=True)
    print(f"mutants: {len(MUTANTS)}, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
