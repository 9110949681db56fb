"""docs/c-core.md: its program runs, and its tables are what the sources say."""

import re
import sys
from pathlib import Path

import pytest

from build_scripts import amalgamate
from build_scripts.budget import Event, budget
from flight_client._core import ffi, lib
from tests.packaging.programs import program, run, strict
from tests.packaging.test_install import options_of_the_sources
from tests.project.readme_examples import examples
from tests.project.tree import ROOT, text

PAGE = Path("docs/c-core.md")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = text(PAGE).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize("standard", ["c99", "gnu2x"])
def test_the_first_program_compiles_beside_the_two_files_and_runs(standard: str, tmp_path: Path) -> None:
    amalgamate.amalgamate(tmp_path)
    (tmp_path / "main.c").write_text(examples(str(PAGE))["c"], encoding="utf-8")
    run(program("gcc"), f"-std={standard}", *strict("gcc"), "main.c", "flight.c", "-o", "main", folder=tmp_path)
    printed = run(tmp_path / "main")
    assert printed == "5 events, 120 bytes to send\n" * 2


def test_the_error_table_is_the_cores_own() -> None:
    named = re.findall(r"^    FLIGHT_ERROR_(\w+) = (-\d+)", text(Path("csrc/include/flight.h")), re.MULTILINE)
    expected = [[code, name, ffi.string(lib.flight_error_text(int(code))).decode()] for name, code in named]
    assert rows("Errors") == expected


def test_the_memory_table_is_what_flight_need_says() -> None:
    expected = []
    for profile in ("dreamcast", "psp", "vita", "micro"):
        parts = budget([Event("a", 4, 1)], profile, transport="websocket")["memory"]
        rings = parts["critical_bytes"] + parts["lossy_bytes"]
        sizes = [parts[f"{name}_bytes"] for name in ("send", "receive", "store", "objects")]
        expected.append([profile, *(f"{size:,}" for size in (rings, *sizes)), f"{parts['total_bytes']:,} bytes"])
    assert rows("Memory") == expected


def test_the_options_table_names_every_option_of_the_sources() -> None:
    assert [row[0] for row in rows("Options")] == sorted(set(options_of_the_sources())), (
        "write a row for each `#ifndef FLIGHT_NAME` / `#define FLIGHT_NAME default` of csrc/ into the table of docs/c-core.md"
    )


def test_the_threads_table_says_what_the_header_says() -> None:
    table = {row[0]: set(re.findall(r"flight_\w+", row[1])) for row in rows("Threads")}
    headers = "\n".join(text(path) for path in sorted(Path("csrc/include").glob("flight*.h")))
    comments = re.findall(r"/\*(?:(?!\*/).)*\*/\n[^\n;]*?(flight_\w+)\(", headers, re.DOTALL)
    for who, word in (("producer", "Producer"), ("consumer", "Consumer")):
        said = re.findall(
            rf"^/\* {word}\b(?:(?!\*/).)*\*/\n[^\n;]*?(flight_\w+)\(",
            headers,
            re.DOTALL | re.MULTILINE,
        )
        assert table[who] == set(said), who
    assert table["anybody"] <= set(comments)


def test_the_commands_of_the_page_exist() -> None:
    page = text(PAGE)
    assert "make amalgamate" in page
    assert "make install PREFIX=" in page
    command = re.search(r"build_scripts/budget\.py ((?:[^\n]*\\\n)*[^\n]*)\n```", page)
    assert command is not None
    words = command[1].replace("\\\n", " ").split()
    assert "fits" in run(sys.executable, ROOT / "build_scripts" / "budget.py", *words)
