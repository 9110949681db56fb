"""Processor time of an event, ours and umqtt.simple's: unlike a rate it does not fall when others use the machine.

Each program runs in a process of its own, once with few events and once with many; the difference is what events cost.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Sequence

from tests.micropython.board import Board

TIMES = 3
BATCH = 156  # of rate.py, which does twelve times the events that it is told, in whole batches


def _used_ns(where: Board, words: Sequence[str]) -> float:
    """What one run takes of the processor, in the program and in the system for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    where.run(*words, timeout_s=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9


def _difference(where: Board, few: Sequence[str], many: Sequence[str], events: int) -> float:
    return statistics.median((_used_ns(where, many) - _used_ns(where, few)) / events for _ in range(TIMES))


def ours_ns(where: Board, sink: int) -> float:
    """Processor time of one event over TCP, raw coding."""
    words = ["rate.py", str(sink), "0", "4000"]
    return _difference(where, [*words, "1", "raw"], [*words, "4", "raw"], 3 * (12 * 4000 // BATCH * BATCH))


def umqtt_ns(where: Board, broker: int) -> float:
    """The same of umqtt.simple."""
    return _difference(where, ["publish.py", str(broker), "2000"], ["publish.py", str(broker), "14000"], 12_000)
