"""The fastest proofs; and that every call that takes bytes or walks a ring has one."""

import pytest

from build_scripts import ctools, prove
from tests.fuzz.test_fuzz import wire_facing
from tests.support.figures import Figure
from tests.tools import needs_esbmc


@needs_esbmc
@pytest.mark.timeout(400)
def test_the_fastest_proofs_hold_and_find_their_bugs(capsys: pytest.CaptureFixture[str], figure: Figure) -> None:
    code = prove.main(["--quick"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    figure(printed)


def test_every_call_that_takes_bytes_or_a_ring_has_a_harness() -> None:
    proved = {name for harness in prove.harnesses() for name in harness.proves}
    assert wire_facing() - proved == set(prove.UNPROVED)
    assert set(prove.IN_STEPS) <= proved


def test_every_harness_has_a_bug_that_still_has_its_place() -> None:
    for harness in prove.harnesses():
        assert harness.bugs, harness.name
        for name, before, after in (*harness.adapted, *harness.bugs):
            text = prove.place(ctools.ROOT / "csrc", name).read_text(encoding="utf-8")
            assert text.count(before) >= 1, f"{harness.name}: {name} has no longer `{before}`"
            assert before != after


def test_the_table_of_bounds_is_what_the_harnesses_say() -> None:
    assert prove.TABLE.read_text(encoding="utf-8") == prove.table(), "run: python -m build_scripts.prove --table"
