"""`make bench-python` measures what it says: its own pieces of work, run once, and the report of a missed goal. No times."""

from typing import Any

import pytest

from benchmarks.python.event import MANY
from benchmarks.python.ours import DECODED, LARGE, Emitting, decoding
from benchmarks.python.rounds import Work, measure


@pytest.mark.parametrize("number", range(len(Emitting().works())))
def test_every_way_to_emit_queues_and_packs_all_its_events(number: int) -> None:
    emitting = Emitting()
    work = emitting.works()[number]
    work.run()
    counters = emitting.client.counters()
    assert counters.accepted == work.events
    assert work.events in (MANY, LARGE)
    assert emitting.client._outbox.waiting == 0
    assert counters.dropped["oldest"] == 0


def test_a_delivery_is_read_to_its_last_event() -> None:
    work = decoding()
    assert work.events == DECODED
    assert work.run() > 0


def test_the_rounds_fill_every_ratio() -> None:
    done: list[Any] = []
    works = [Work(name, lambda: done.append(1), 1, "", done.clear) for name in ("one", "other")]
    assert measure(works, rounds=3) > 0
    assert all(len(work.ratios) == 3 and work.ratio > 0 for work in works)
    assert done == []
