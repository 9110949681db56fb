"""The page about testing: its programs print what it says, its test file passes, and the plugin costs nothing unasked."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flight_client import testing
from tests.project.readme_examples import examples
from tests.project.tree import ROOT, text

PAGE = Path("docs/testing.md")
EXAMPLES = examples(str(PAGE))
PRINTED = re.compile(
    r"<!-- test: (\w+) -->\n```python\n.*?^```\n\nprints\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("name", "expected"), PRINTED.findall(text(PAGE)))
def test_a_program_of_the_page_prints_what_stands_behind_it(name: str, expected: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(EXAMPLES[name], f"{PAGE}, {name}", "exec"), {"__name__": "example"})
    assert printed.getvalue() == expected


def test_every_program_of_the_page_is_run() -> None:
    assert {name for name, _ in PRINTED.findall(text(PAGE))} | {"pytest"} == set(EXAMPLES)


def test_the_fixtures_are_there_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(
        EXAMPLES["pytest"] + "\n\nasync def _start(gateway):\n    await gateway.start()\n\n\n"
        "def test_left_running(flight_clock, flight_gateway):\n    flight_clock.run(_start(flight_gateway))\n"
    )
    # Only our own plugin, by the name of its entry point: the others that this project needs take seconds to load.
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "flight", "--rootdir", str(tmp_path)]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=100
    )
    assert "6 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "was left running" in done.stdout


def test_the_plugin_imports_nothing_but_pytest_until_a_test_asks() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import flight_client.testing.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = [
        "flight_client",
        "flight_client.lazy",
        "flight_client.testing",
        "flight_client.testing.pytest_plugin",
        "flight_client.version",
    ]
    assert done.stdout == f"{loaded}\n"


def test_every_name_of_the_package_is_there_and_documented() -> None:
    page = text(PAGE)
    for name in testing.__all__:
        assert getattr(testing, name).__doc__, name
    for name in ("FakeClock", "MemoryGateway", "ScriptedPeer", "SimulatedConsole", "MockConnection", "Reader", "Stuck"):
        assert f"`{name}" in page, name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = testing.Nothing
    assert (ROOT / PAGE).exists()
