"""The core's own test program, as it judges mutants and coverage, under ASan and UBSan."""

from pathlib import Path

import pytest

from build_scripts import coverage_c, ctools
from tests.tools import needs_clang

OPEN_LIMIT = 0


BUILDS = {
    "ctest": [],
    "ctest-hardware": ["-DFLIGHT_CRC_HARDWARE=1"],
    "ctest-strict": ["-DFLIGHT_STRICT_ALIGNMENT", "-DFLIGHT_CHECK_32", "-DFLIGHT_CRC=4"],
    "ctest-nibbles": ["-DFLIGHT_CRC=0"],
}


@needs_clang
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BUILDS)
def test_the_cores_own_test_program_finds_nothing(name: str) -> None:
    sources = [*ctools.core_sources(), *ctools.ctest_sources()]
    program = ctools.program(name, sources, ["-O1", *ctools.SANITIZERS, *BUILDS[name]])
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
    # nothing is known to be open; nobody may add to it
    assert sum(coverage_c.left_open().values()) <= OPEN_LIMIT


def test_the_count_of_open_lines_may_only_fall() -> None:
    lines = ["a.c:1: never executed: x", "a.c:2: column 3 is never true: y"]
    assert coverage_c.ratchet(lines, {"a.c": 2}) == []
    assert coverage_c.ratchet([*lines, lines[0]], {"a.c": 2}) == []
    assert coverage_c.ratchet([*lines, "a.c:3: never executed: z"], {"a.c": 2}) == [
        "a.c: 3 open, coverage_open.txt says 2"
    ]
    assert coverage_c.ratchet(lines[:1], {"a.c": 2}) == ["a.c: 1 open, coverage_open.txt says 2: lower it"]
    assert coverage_c.ratchet([], {"a.c": 2}) == ["a.c: 0 open, coverage_open.txt says 2: lower it"]
    assert coverage_c.ratchet(["b.h:3: never executed: z"], {}) == ["b.h: 1 open, coverage_open.txt says 0"]


def test_the_table_of_what_is_open_is_well_formed(tmp_path: Path) -> None:
    assert all((ctools.CORE / name).exists() for name in coverage_c.left_open())
    table = tmp_path / "open.txt"
    for row in (
        "a.c | 0 | nothing is open here",
        "a.c | 2 | short",
        "a.c | 1 | a real reason\na.c | 2 | another reason",
    ):
        table.write_text(f"# file | open | why\n{row}\n", encoding="utf-8")
        with pytest.raises(SystemExit):
            coverage_c.left_open(table)
