"""docs/console.md: its code compiles, its numbers are those of the project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build_scripts import amalgamate, budget
from flight_client.cli.serving import _to_paste
from tests.packaging.programs import program, run, strict
from tests.project.readme_examples import examples
from tests.project.tree import ROOT, text

PAGE = Path("docs/console.md")
CONSOLES = {"dreamcast": "DREAMCAST", "psp": "PSP", "vita": "VITA"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("amalgamation")
    amalgamate.amalgamate(made)
    return made


@pytest.mark.parametrize("name", ["cable", "commands", "loop", "own-port"])
def test_the_code_of_the_page_compiles(name: str, folder: Path, tmp_path: Path) -> None:
    flags = [flag for flag in strict("gcc") if flag != "-Wmissing-prototypes"]
    (tmp_path / "code.c").write_text(examples(str(PAGE))[name], encoding="utf-8")
    run(program("gcc"), "-std=c99", *flags, f"-I{folder}", "-c", tmp_path / "code.c", "-o", tmp_path / "code.o")


def test_the_line_that_the_gateway_prints_for_c_is_c(folder: Path, tmp_path: Path) -> None:
    gateway: Any = SimpleNamespace(tls=None)
    line = next(line for line in _to_paste(gateway, "http://192.168.1.10:8081", "token") if line.startswith("  C: "))
    code = f'#include "flight.h"\nvoid fill(flight_config *out)\n{{\n    flight_config config = {{0}};\n{line[5:]}\n    *out = config;\n}}\n'
    (tmp_path / "code.c").write_text(code, encoding="utf-8")
    run(program("gcc"), "-Wall", "-Werror", f"-I{folder}", "-c", tmp_path / "code.c", "-o", tmp_path / "code.o")


def test_the_links_are_those_that_the_budget_counts_with() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \|$", text(PAGE), re.MULTILINE)
    told = {int(rate.replace(",", "")): int(frame.replace(",", "")) for rate, frame in rows}
    assert told == {rate: rate // 60 for rate in budget.LINKS.values()}


def test_the_arrays_of_the_examples_and_the_page_are_enough(folder: Path, tmp_path: Path) -> None:
    ask = '#include <stdio.h>\n#include "flight.h"\nint main(void)\n{\n    flight_config config = {0};\n'
    ask += '    config.host = "192.168.1.10";\n    config.token = "token";\n    config.device_id = "console-1";\n'
    for name in CONSOLES.values():
        ask += f'    config.platform = FLIGHT_PLATFORM_{name};\n    printf("%d\\n", flight_need(&config));\n'
    (tmp_path / "need.c").write_text(ask + "    return 0;\n}\n", encoding="utf-8")
    run(program("gcc"), f"-I{folder}", tmp_path / "need.c", folder / "flight.c", "-o", tmp_path / "need")
    # With this machine's pointers, which are larger than the consoles'.
    for console, needed in zip(CONSOLES, run(tmp_path / "need").split(), strict=True):
        example = text(Path("csrc/examples") / console / "main.c")
        array = re.search(r"static uint64_t memory\[(\d+) \* 1024 / 8\]", example)
        page = re.search(rf"^\| {console} \| (\d+) KiB", text(PAGE), re.MULTILINE | re.IGNORECASE)
        assert array is not None
        assert page is not None
        assert int(array[1]) == int(page[1])
        assert int(needed) <= int(array[1]) * 1024, console


def test_what_the_calls_cost_is_no_more_than_the_page_says() -> None:
    written = ROOT / "build" / "bench" / "client.json"
    if not written.exists():
        pytest.skip("`make bench-client` writes the figures")
    figures = {row["name"]: row["value"] for row in json.loads(written.read_text(encoding="utf-8"))}
    rows = re.findall(r"^\| (?:with )?`(\w+).*?` \| ([\d,]+)(?: a step)? \|", text(PAGE), re.MULTILINE)
    told = {name: int(most.replace(",", "")) for name, most in rows}
    names = {
        "flight_send": "send",
        "FLIGHT_LATEST": "send_latest",
        "FLIGHT_CRITICAL": "send_critical",
        "flight_log": "log",
    }
    names |= {"flight_frame_took": "frame", "flight_memory": "memory", "flight_poll": "step"}
    assert told.keys() == names.keys()
    for name, figure in names.items():
        counted = figures.get(f"client.{figure}.sh4", 0)
        assert counted <= told[name], name
    assert figures.get("client.stack_worst.sh4", 0) <= 600


def test_what_the_page_names_exists() -> None:
    page = text(PAGE)
    headers = "\n".join(text(path.relative_to(ROOT)) for path in sorted((ROOT / "csrc" / "include").glob("*.h")))
    ports = "\n".join(text(path.relative_to(ROOT)) for path in sorted((ROOT / "csrc" / "ports").glob("*.[ch]")))
    for name in set(re.findall(r"\b(?:flight_[a-z_]+|FLIGHT_[A-Z_]+)\b", page)) - {"flight_client"}:
        assert name in headers + ports or (ROOT / "csrc" / "ports" / f"{name}.c").exists(), name
    for target in set(re.findall(r"`make ([a-z][a-z-]+)", page)):
        assert re.search(rf"^{target}:", text(Path("Makefile")), re.MULTILINE), target
