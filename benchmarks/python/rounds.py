"""Timing of small pieces of work: in turns, in one process, as multiples of one struct.pack_into of the same event.

Times are processor time of the thread: what other programs of the machine take does not count, but for the caches.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import event

ROUNDS = 15
ROUND_S = 0.02  # of each piece; a round that a neighbour of the machine disturbs weighs little among so many


@dataclass(slots=True)
class Work:
    """A piece of work, done `events` events at a time; `clear` follows outside of the time."""

    name: str
    run: Callable[[], Any]
    events: int
    how: str
    clear: Callable[[], Any] = lambda: None
    ratios: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median over the rounds, in pack_into of one event."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> str:
        """The middle half of the rounds."""
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return f"{low:.2f} to {high:.2f}"


def _seconds(work: Work, repeat: int) -> float:
    taken = 0.0
    for _ in range(repeat):
        begun = time.thread_time()
        work.run()
        taken += time.thread_time() - begun
        work.clear()
    return max(taken, 1e-9) / (repeat * work.events)


def _repeat(work: Work) -> int:
    return max(1, int(ROUND_S / (_seconds(work, 3) * work.events)))


def measure(works: list[Work], rounds: int = ROUNDS) -> float:
    """Fill the ratios; the order is mixed anew in each round, the base is timed before and after each piece.

    Returns the median of the base in ns.
    """
    base = Work("pack_into", event.pack_many, event.MANY, "")
    repeats = {work.name: _repeat(work) for work in works}
    base_repeat = max(1, _repeat(base) // 4)
    chance = random.Random(len(works))
    bases = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            order = list(works)
            chance.shuffle(order)
            for work in order:
                before = _seconds(base, base_repeat)
                taken = _seconds(work, repeats[work.name])
                around = (before + _seconds(base, base_repeat)) / 2
                bases.append(around)
                work.ratios.append(taken / around)
            gc.collect()
    finally:
        gc.enable()
    return statistics.median(bases) * 1e9
