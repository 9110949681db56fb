"""Run seeds: `python -m tests.simulation --seeds 1..500 --jobs 2`."""

import argparse
import sys
import time

from .campaign import campaign, show_one


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", default="1..500", help="first..last")
    parser.add_argument("--seed", type=int, help="one seed")
    parser.add_argument("--log", action="store_true", help="with --seed: print every message")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.seed is not None:
        return show_one(options.seed, options.log)
    first, _, last = options.seeds.partition("..")
    began = time.perf_counter()
    report = campaign(range(int(first), int(last or first) + 1), options.jobs)
    print(report.text())
    print(f"{time.perf_counter() - began:.0f} s of this machine")
    return 1 if report.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
