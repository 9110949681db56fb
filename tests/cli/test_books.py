"""The books of the demonstration: when the law holds, and when it does not."""

from __future__ import annotations

import pytest

from flight_client.demo.books import Books
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
