"""A seeded share of the mutants, and the rules by which they are made."""

from pathlib import Path

import pytest

from build_scripts import mutants
from tests.support.figures import Figure
from tests.tools import needs_clang

SAMPLE = 20
SEED = 7


@needs_clang
@pytest.mark.timeout(400)
def test_small_changes_to_the_core_are_noticed(
    capsys: pytest.CaptureFixture[str], figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The plain build and the one with sanitizers notice nearly all; `make mutants` goes on with every other build.
    monkeypatch.setattr(mutants, "BUILDS", mutants.BUILDS[:2])
    mutants.main(["--sample", str(SAMPLE), "--seed", str(SEED)])
    printed = capsys.readouterr().out
    figure(printed)
    killed, total = map(int, printed.rpartition("mutants: ")[2].split(" ")[0].split("/"))
    # one in twenty may survive, which is what the whole set is held to
    assert killed >= total - 1
    assert total >= SAMPLE - 5


def test_a_line_is_changed_in_every_way() -> None:
    assert mutants.changes("    if (a < b && c == 2) {") == [
        "    if (a <= b && c == 2) {",
        "    if (a > b && c == 2) {",
        "    if (a < b || c == 2) {",
        "    if (a < b && c != 2) {",
        "    if (a < b && c == 0) {",
        "    if (a < b && c == 3) {",
        "    if (!(a < b && c == 2)) {",
    ]
    assert mutants.changes("    x += y; /* a < b */") == ["    x -= y; /* a < b */", "    ; /* a < b */"]
    assert mutants.changes("    uint32_t x;") == []
    assert mutants.changes("    const uint8_t * at;") == []


def test_every_equivalent_mutant_has_a_reason() -> None:
    made = {mutant.name for mutant in mutants.mutants()}
    for name, reason in mutants.equivalents().items():
        assert name in made, f"no longer made: {name}"
        assert len(reason) > 10, name


def test_strings_tables_and_comments_are_left_alone(tmp_path: Path) -> None:
    source = tmp_path / "some.c"
    source.write_text(
        'static const int t[] = {\n    1, 2,\n};\nint f(void)\n{\n    /* 1\n     * 2 */\n    g("3");\n    return 4;\n}\n',
        encoding="utf-8",
    )
    assert mutants.code_lines(source) == [(8, "    return 4;")]
