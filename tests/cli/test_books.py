"""The books of the demonstration: when the law holds, and when it does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flight_client.demo.books import Books
from flight_client.events import ComponentUpdate
from flight_client.observe import Gap


def books(accepted: int, delivered: int, gap: bool = False, **dropped: int) -> Books:
    made = Books(["vita"])
    book = made.devices["vita"]
    counters = {"accepted": accepted, "queued": 0, "dropped": dropped}
    state = {"state": "closed", "transport": "polling", "critical": 0, "law_held": True, "done": True}
    book.report({**state, "counters": counters})
    book.delivered = delivered
    if gap:
        made.gaps.append(Gap("memory-updates", "epoch", 0, 0, "00"))
    return made


@pytest.mark.parametrize(
    ("made", "holds"),
    [
        (books(10, 10), True),
        (books(10, 9, link=1), True),
        (books(10, 9), False),
        (books(10, 9, gap=True), True),
        (books(10, 11), False),
        (books(10, 10, gap=True, link=1), False),
        (books(10, 10, gap=True, unconfirmed=1), True),
        (books(10, 9, gap=True, unconfirmed=1), True),
        (books(10, 11, gap=True, unconfirmed=0), False),
    ],
)
def test_the_law_holds_when_every_event_has_one_fate_or_a_gap_says_why_not(made: Books, holds: bool) -> None:
    assert made.law_holds() is holds


def test_a_device_that_never_finished_breaks_the_law() -> None:
    made = books(1, 1)
    made.devices["vita"].done = False
    assert not made.law_holds()


def critical(number: int) -> Any:
    """One critical event as the host tool gets it."""
    data = ComponentUpdate(id="renderer", name="renderer", metadata={"number": number})
    return SimpleNamespace(type="component-update", data=data, source=SimpleNamespace(device_id="vita"))


LOST_LOG = Gap("component-events", "epoch", 0, 0, "00")


@pytest.mark.parametrize(
    ("happened", "again", "holds"),
    [
        ([1, 2, 2], 0, False),
        ([1, 2, LOST_LOG, 2], 1, True),
        ([1, 2, LOST_LOG, 2, 2], 1, False),
        ([1, LOST_LOG, 2, 2], 0, False),
        ([1, 2, Gap("component-events", "slow", 0, 1, "00"), 2], 0, False),
    ],
)
def test_a_critical_event_may_come_again_only_behind_the_gap_of_a_lost_log_and_only_once(
    happened: list[Any], again: int, holds: bool
) -> None:
    made = books(2, 0)
    for item in happened:
        if isinstance(item, Gap):
            made.gap(item)
        else:
            made.deliver(critical(item))
    assert made.devices["vita"].again == again
    assert made.law_holds() is holds
