"""The pages build without a warning, and what is made for them says what it should."""

import subprocess
import sys
from pathlib import Path

import flight_client
from build_scripts import docs_pages
from tests.project.tree import ROOT


def test_the_pages_build_without_a_warning_and_name_every_public_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-d", str(tmp_path / "trees")]
    done = subprocess.run(
        [*command, ".", str(tmp_path / "pages")], cwd=ROOT, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages" / "index.html").exists()
    page = (tmp_path / "pages" / "docs" / "reference-python.html").read_text(encoding="utf-8")
    names = [name for name in flight_client.__all__ if not name.startswith("_")]
    assert not [name for name in names if f'.{name}"' not in page]


def test_a_table_of_contents_has_every_page_once_and_under_its_heading() -> None:
    index = "# Pages\n[a](a.md)\n## One\n[b](b.md) [b](b.md#there)\n## Two\n[b](b.md) [c](../c.md) [d](https://example.org)\n"
    assert docs_pages.navigation(index) == (
        "```{toctree}\n:hidden:\n:caption: One\n\nb\n```\n\n```{toctree}\n:hidden:\n:caption: Two\n\n../c\n```"
    )


def test_a_docstring_keeps_its_characters_and_its_indented_blocks() -> None:
    lines = ["Takes *types of `a_b`s, see x_.", "", "    one   two", "", "- first", "  goes on", "- second", "", "End."]
    assert [line for line in docs_pages.restructured(lines) if line] == [
        r"Takes \*types of ``a_b``\ s, see x\_.",
        "::",
        "        one   two",
        "- first",
        "  goes on",
        "- second",
        "End.",
    ]
