"""The programs of the migration pages do the same before and after, and cost what the pages say."""

from pathlib import Path

import pytest

from tests.docs import migration
from tests.project.readme_examples import running_gateway
from tests.project.tree import ROOT


@pytest.mark.parametrize("name", migration.PROGRAMS)
async def test_a_program_prints_the_same_and_costs_what_its_page_says(name: str, tmp_path: Path) -> None:
    with running_gateway(tmp_path) as gateway:
        found = await migration.measure(name, gateway)
    assert found.printed == migration.EXPECTED
    row = list(migration.PROGRAMS).index(name)
    wire_bytes, memory_mb = migration.figures(migration.PAGE.read_text(encoding="utf-8"))[row]
    # Acknowledgements and polls fall together otherwise on another machine, and other builds of Python are larger.
    assert wire_bytes / 2 < found.wire_bytes < wire_bytes * 2, found
    assert memory_mb / 2 < found.memory_kilobytes / 1024 < memory_mb * 2, found


@pytest.mark.parametrize("page", ["migration-polling.md", "migration-websocket.md"])
def test_a_guide_has_exactly_four_steps_and_shows_the_programs_that_run(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert [line.split(".")[0] for line in text.splitlines() if line.startswith("## ")] == [
        "## 1",
        "## 2",
        "## 3",
        "## 4",
    ]
    kind = page.removeprefix("migration-").removesuffix(".md")
    for when in ("before", "after"):
        assert f"(../examples/migration/{kind}_{when}.py)" in text
