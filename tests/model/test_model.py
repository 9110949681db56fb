"""The model holds within its bounds, and each rule is needed: without it the search finds what goes wrong."""

import pytest

from tests.model.search import search
from tests.model.session import RULES, Bounds, Model
from tests.support.figures import Figure

# Every search that a rule is tried with, the small ones first.
_SEARCHES = (Bounds(1, 1, 1), Bounds(2, 1, 1), Bounds(1, 1, 2))


@pytest.mark.parametrize("bounds", [Bounds(2, 1, 1), Bounds(1, 2, 1), Bounds(1, 1, 2)], ids=str)
def test_nothing_is_lost_or_doubled_in_any_order_of_things(bounds: Bounds, figure: Figure) -> None:
    found = search(Model(bounds))
    figure(f"{bounds}: {found.text()}")
    assert not found.problem, found.text()
    assert found.complete
    assert found.states > 5000


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_the_search_finds_what_goes_wrong(rule: str) -> None:
    for bounds in _SEARCHES:
        found = search(Model(bounds, without=rule))
        if found.problem:
            break
    else:
        pytest.fail(f"nothing goes wrong without the rule: {RULES[rule]}")
    assert len(found.trace) > 2
    text = found.text()
    assert text.splitlines()[1].startswith("  1  "), text
    assert "=> device" in text.splitlines()[-1]


def test_a_counterexample_reads_like_a_story() -> None:
    found = search(Model(Bounds(1, 1, 1), without="ack after store"))
    assert found.problem == "event 0 was let go by the device and is not stored"
    story = [f"{number:3}  {step}" for number, step in enumerate(("application emits", "device connects"), 1)]
    assert all(line in found.trace for line in story), found.text()
    assert any("device reads ('ACK', 2)" in line for line in found.trace), found.text()
