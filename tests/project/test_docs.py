"""The check of the documentation's links."""

from pathlib import Path

from build_scripts import check_docs
from tests.project.tree import ROOT


def test_every_link_in_the_docs_leads_somewhere() -> None:
    assert check_docs.check(ROOT) == []


def test_a_link_to_a_missing_file_or_heading_is_found_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "there.md").write_text("# The `flight` way: one, two\n", encoding="utf-8")
    lines = [
        "[fine](docs/there.md) [fine](docs/there.md#the-flight-way-one-two) [fine](https://example.org/x)",
        "[gone](docs/gone.md)",
        "[no heading](docs/there.md#three)",
        "`[code](gone.md)`",
        "```",
        "[code](gone.md)",
        "```",
        "[out](../secret.md)",
    ]
    (tmp_path / "README.md").write_text("\n".join(lines), encoding="utf-8")
    found = check_docs.check(tmp_path)
    assert [line.split(":")[1] for line in found] == ["2", "3", "8"]
    assert check_docs.main([str(tmp_path)]) == 1
