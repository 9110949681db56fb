"""The core's own test program, as it judges mutants and coverage, under ASan and UBSan."""

import pytest

from build_scripts import coverage_c, ctools
from tests.tools import needs_clang


@needs_clang
@pytest.mark.timeout(300)
def test_the_cores_own_test_program_finds_nothing() -> None:
    sources = [*ctools.core_sources(), *ctools.ctest_sources()]
    program = ctools.program("ctest", sources, ["-O1", *ctools.SANITIZERS])
    done = ctools.run([program, "--brief"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ctest: " in done.stdout


@needs_clang
@pytest.mark.timeout(300)
def test_every_branch_and_condition_of_the_core_is_reached(capsys: pytest.CaptureFixture[str]) -> None:
    code = coverage_c.main()
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert len(coverage_c.exclusions()) <= coverage_c.EXCLUSION_LINES
