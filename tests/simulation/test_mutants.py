"""Each protocol mutant is noticed. A third of them here; all of them with `python -m tests.simulation --mutants`."""

import pytest

from tests.simulation.mutants import MUTANTS, TESTS, killed_by

_SHARE = sorted({*list(MUTANTS)[::3], *TESTS})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", _SHARE)
def test_a_mutant_is_noticed(name: str) -> None:
    assert killed_by(name), f"nothing noticed the mutant: {name}"


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 20
