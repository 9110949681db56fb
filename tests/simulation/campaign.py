"""Many seeds over several processes, and the summary of them."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .faults import KINDS
from .world import Result, run_seed


@dataclass
class Report:
    """What all seeds did together."""

    seeds: int = 0
    events: int = 0
    delivered: int = 0
    repeated: int = 0
    switches: int = 0
    seconds: float = 0.0
    back_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.events += result.events
        self.delivered += result.delivered
        self.repeated += result.repeated
        self.switches += result.switches
        self.seconds += result.seconds
        self.back_s = max(self.back_s, result.back_s)
        self.faults += result.faults
        if result.problems:
            self.failed.append(result)

    def failures(self) -> list[str]:
        """Why the campaign does not count; every failed seed with the command that repeats it."""
        found = [
            f"seed {result.seed}: {result.problems[0]}\n  repeat: python -m tests.simulation --seed {result.seed} --log"
            for result in sorted(self.failed, key=lambda result: result.seed)
        ]
        if self.faults["epoch-loss"] > 100 and not self.repeated:
            found.append("no lost log made an event come again: the run says nothing about its gap")
        missing = [kind for kind in KINDS if not self.faults[kind]]
        if missing:
            found.append(f"no fault of the kinds {', '.join(missing)} was injected: the run says nothing about them")
        return found

    def text(self) -> str:
        faults = sum(self.faults.values())
        hours = self.seconds / 3600
        kinds = ", ".join(f"{kind} {self.faults[kind]}" for kind in KINDS)
        lines = [
            f"simulation: {self.seeds} seeds, {self.events} events, {faults} faults, {hours:.1f} hours",
            f"  faults: {kinds}",
            f"  {self.delivered} deliveries, {self.switches} transport switches, all back within {self.back_s:.0f} s",
            f"  critical events that came again behind the gap of a lost log: {self.repeated}",
        ]
        return "\n".join(lines + self.failures())


def campaign(seeds: Iterable[int], jobs: int, each: Callable[[Report, Result], None] | None = None) -> Report:
    """Run them all; a failed seed does not stop the others. each: called with every result that was added."""
    report = Report()

    def add(results: Iterable[Result]) -> Report:
        for result in results:
            report.add(result)
            if each is not None:
                each(report, result)
        return report

    if jobs <= 1:
        return add(map(guarded, seeds))
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        return add(pool.imap_unordered(guarded, seeds, chunksize=5))


def guarded(seed: int) -> Result:
    """run_seed, with a crash of the simulation itself as a problem."""
    try:
        return run_seed(seed)
    except Exception as error:
        return Result(seed, [f"the simulation itself failed: {type(error).__name__}: {error}"])


def show_one(seed: int, show: bool) -> int:
    """One seed for a person."""
    result = run_seed(seed, show)
    print(f"seed {seed}: {result.events} events, {sum(result.faults.values())} faults, trace {result.digest}")
    for problem in result.problems:
        print(f"  {problem}")
    return 1 if result.problems else 0
