"""A seeded share of the mutants, and the rules by which they are made."""

from pathlib import Path

import pytest

from build_scripts import mutant_bench, mutants
from tests.support.figures import Figure
from tests.tools import needs_clang

SAMPLE = 20
SEED = 7


@needs_clang
@pytest.mark.timeout(400)
def test_small_changes_to_the_core_are_noticed(
    capsys: pytest.CaptureFixture[str], figure: Figure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The plain build and the one with sanitizers notice nearly all; `make mutants` goes on with every other build.
    monkeypatch.setattr(mutants, "BUILDS", [mutants.BUILDS[0], mutants.WATCHED])
    monkeypatch.setattr(mutant_bench, "JOURNAL", tmp_path / "mutants.txt")  # the usual one is of hours
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


def test_a_line_that_stands_twice_has_a_name_for_each_place(tmp_path: Path) -> None:
    source = tmp_path / "some.c"
    source.write_text("int f(int a)\n{\n    if (a) {\n        return 0;\n    }\n    return 0;\n}\n", encoding="utf-8")
    assert [(mutant.line, mutant.name) for mutant in mutants.mutants_of(source) if "0;" in mutant.before] == [
        (3, "some.c: return 0; => return 1;"),
        (5, "some.c: return 0; => return 1; #2"),
    ]


def test_an_entry_that_a_test_notices_or_nothing_makes_any_more_is_told() -> None:
    made = mutants.mutants()[0]
    assert mutants.wrong_entries({made.name: "a reason"}, {made: "survived"}) == []
    assert mutants.wrong_entries({made.name: "a reason", "gone": "a reason"}, {made: "killed"}) == [
        "listed as equivalent, but no longer made: gone",
        f"listed as equivalent, but noticed by a test: {made.name}",
    ]


def test_an_interrupted_run_goes_on_and_another_source_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.txt"
    first = mutant_bench.Journal(path, "stamp")
    first.note("0", "a.c: x => y", "killed")
    first.note("1", "a.c: x => z", "survived")
    with path.open("a", encoding="utf-8") as file:
        file.write("0\tkil")  # the machine stopped here
    second = mutant_bench.Journal(path, "stamp")
    assert second.verdicts == {("0", "a.c: x => y"): "killed", ("1", "a.c: x => z"): "survived"}
    second.note("0", "b.c: x => y", "none")
    assert mutant_bench.Journal(path, "stamp").known("0", "b.c: x => y") == "none"
    assert mutant_bench.Journal(path, "another").verdicts == {}
    assert mutant_bench.Journal(path, "stamp").verdicts == {}


def test_strings_tables_and_comments_are_left_alone(tmp_path: Path) -> None:
    source = tmp_path / "some.c"
    source.write_text(
        'static const int t[] = {\n    1, 2,\n};\nint f(void)\n{\n    /* 1\n     * 2 */\n    g("3");\n    return 4;\n}\n',
        encoding="utf-8",
    )
    assert mutants.code_lines(source) == [(8, "    return 4;")]
