"""Each protocol mutant is noticed. A third of them here; all of them with `python -m tests.simulation --mutants`."""

from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, TESTS, killed_by

_SHARE = list(MUTANTS)[::3]
_ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", _SHARE)
def test_a_mutant_is_noticed(name: str) -> None:
    assert killed_by(name), f"nothing noticed the mutant: {name}"


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 40


@pytest.mark.parametrize("name", TESTS)
def test_the_story_of_a_mutant_has_its_place(name: str) -> None:
    file, test = TESTS[name]
    assert name in MUTANTS
    assert f"def {test}" in (_ROOT / file).read_text(encoding="utf-8")
